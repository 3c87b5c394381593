//! A text for people, in each language.

use serde::{Deserialize, Serialize};

/// A text in the languages that homing speaks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Text {
    /// Chinese.
    pub zh: String,
    /// English.
    pub en: String,
}
