//! What can go wrong with bundles and registries.

use std::path::PathBuf;

/// Why a bundle could not be read, written or found.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A horizon that cannot be asked for.
    #[error("a horizon of {days} days; give 1 to {longest} days")]
    Horizon {
        /// The horizon in days.
        days: u32,
        /// The longest that can be.
        longest: u32,
    },
    /// A discount rate that cannot be asked for.
    #[error("a discount rate of {rate}; give a yearly rate from 0 to 10, such as 0.1 for 10 %")]
    DiscountRate {
        /// The rate.
        rate: f64,
    },
    /// No bundle there.
    #[error("no model bundle at {}: {cause}; train one with `homing-train fit`", path.display())]
    NoBundle {
        /// Where it was sought.
        path: PathBuf,
        /// The system's words.
        cause: String,
    },
    /// A part of a bundle that cannot be written as JSON.
    #[error("the model cannot be saved: {part}: {cause}")]
    Unwritable {
        /// The part's file name.
        part: &'static str,
        /// What cannot be JSON.
        cause: serde_json::Error,
    },
    /// A part whose bytes are not those that were written.
    #[error("the model bundle {} is damaged: {part} {detail}; restore it, or retrain with `homing-train fit`", path.display())]
    Damaged {
        /// The bundle.
        path: PathBuf,
        /// The part's file name.
        part: String,
        /// What is wrong with it.
        detail: String,
    },
    /// A bundle of a homing that this one does not understand.
    #[error("the model bundle {} has format version {found}, but this version of homing supports up to \
             {known}; upgrade homing", path.display())]
    TooNew {
        /// The bundle.
        path: PathBuf,
        /// Its format version.
        found: u64,
        /// The newest that is known.
        known: u32,
    },
    /// A bundle made with other features.
    #[error("the model bundle {} was trained with another feature set ({found}; this version of homing has \
             {known}); retrain with `homing-train fit`", path.display())]
    OtherFeatures {
        /// The bundle.
        path: PathBuf,
        /// Its feature schema.
        found: String,
        /// Ours.
        known: String,
    },
    /// No such model in the registry.
    #[error("the registry {} has no model `{wanted}`; available: {there}", registry.display())]
    UnknownModel {
        /// The registry.
        registry: PathBuf,
        /// What was asked for.
        wanted: String,
        /// What is there.
        there: String,
    },
    /// The registry is empty.
    #[error("the registry {} has no models; train one with `homing-train fit`", registry.display())]
    NoModels {
        /// The registry.
        registry: PathBuf,
    },
    /// No model was named, and the registry holds several.
    #[error("the registry {} holds several models: {there}; name one with --model", registry.display())]
    SeveralModels {
        /// The registry.
        registry: PathBuf,
        /// Their names.
        there: String,
    },
    /// A registry in an object store that could not be read or written.
    #[error("the registry {address}: {cause}")]
    Mirror {
        /// Its address.
        address: String,
        /// What is wrong.
        cause: String,
    },
    /// A name that cannot be a folder everywhere.
    #[error(
        "`{0}` is not a valid model name; use 1 to 64 letters, digits, `-`, `_` or `.`, starting with a letter \
         or digit"
    )]
    BadName(String),
    /// A file could not be written or read.
    #[error("{}: {cause}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The system's words.
        cause: std::io::Error,
    },
}
