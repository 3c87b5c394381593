//! What can go wrong on a cluster.

use std::path::PathBuf;

use datafusion::error::DataFusionError;

/// Why a job or a node failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The files or their lines.
    #[error(transparent)]
    Data(#[from] homing_datasets::Error),
    /// The model.
    #[error(transparent)]
    Model(#[from] homing_models::Error),
    /// A model that is not the one that was asked for.
    #[error("`{wanted}` resolves to the model {found} here; give every process the same registry")]
    OtherModel {
        /// The id that was asked for.
        wanted: String,
        /// What stands there.
        found: String,
    },
    /// The engine, or what an executor says.
    #[error("cluster error: {0}")]
    Engine(#[from] Box<DataFusionError>),
    /// Ballista.
    #[error("{node} {at}: {cause}")]
    Node {
        /// `scheduler` or `executor`.
        node: &'static str,
        /// Its address.
        at: String,
        /// What was said.
        cause: String,
    },
    /// A limit of memory that is no size.
    #[error("`{0}` is not a size; write 512MiB or 4GiB")]
    BadSize(String),
    /// No good line.
    #[error(
        "none of the {lines} lines is a valid event ({without_customer} without a customer, {rejected} \
         rejected); check --columns"
    )]
    NoEvent {
        /// All lines.
        lines: u64,
        /// Lines without a customer.
        without_customer: u64,
        /// Rejected lines.
        rejected: u64,
    },
    /// More rejects than admitted.
    #[error(
        "{rejected} of {lines} lines were rejected, over the limit of {max_share}; most of them ({most}) as \
         `{cause}`. `homing score` lists them with the fix; --max-rejects raises the limit"
    )]
    TooManyRejects {
        /// Rejected lines.
        rejected: u64,
        /// Lines with a customer.
        lines: u64,
        /// The share admitted.
        max_share: f64,
        /// The commonest cause.
        cause: String,
        /// Lines rejected for it.
        most: u64,
    },
    /// Other lines in the second reading than in the first, in every attempt.
    #[error(
        "the files changed during the job: {counted} events when counted, {scored} when scored; run again when \
         no one writes to them"
    )]
    FilesChanged {
        /// Events when counted.
        counted: u64,
        /// Events in the result.
        scored: u64,
    },
    /// A place for the result that is taken.
    #[error("{}: already exists; choose another path, or remove it first", .0.display())]
    OutputExists(PathBuf),
    /// A file that cannot be written.
    #[error("{}: cannot be written: {cause}; check the folder, its permissions and the free disk space", path.display())]
    Output {
        /// The file.
        path: PathBuf,
        /// What was said.
        cause: String,
    },
}

impl From<DataFusionError> for Error {
    fn from(error: DataFusionError) -> Self {
        Error::Engine(Box::new(error))
    }
}

impl Error {
    /// Whether the same job again may succeed: the engine failed, not the data. When an executor is lost, the engine at
    /// times hands out some of its lines twice, which the count of events tells.
    #[must_use]
    pub fn may_pass(&self) -> bool {
        matches!(self, Error::Engine(_) | Error::FilesChanged { .. })
    }

    /// Whether the job is to be tried again after so many attempts; says so in the log.
    pub(crate) fn passes(&self, attempt: u32, attempts: u32) -> bool {
        let again = self.may_pass() && attempt < attempts;
        if again {
            tracing::warn!("attempt {attempt} of {attempts} failed: {self}");
        }
        again
    }
}
