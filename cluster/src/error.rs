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
    #[error("`{wanted}` leads to the model {found}; give each process the same registry")]
    OtherModel {
        /// The id that was asked for.
        wanted: String,
        /// What stands there.
        found: String,
    },
    /// The engine, or what an executor says.
    #[error("the cluster says: {0}")]
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
    #[error("`{0}` is no size; write 512MiB or 4GiB")]
    BadSize(String),
    /// No good line.
    #[error(
        "none of the {lines} lines is an event ({without_customer} have no customer, {rejected} are rejected); check --columns"
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
        "{rejected} of {lines} lines are rejected, more than {max_share} of them; {most} for `{cause}`; `homing score` \
         lists such lines with what to do, --max-rejects admits more"
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
        "the files held {counted} events when they were counted and {scored} when they were read; run again once they are at rest"
    )]
    FilesChanged {
        /// Events when counted.
        counted: u64,
        /// Events in the result.
        scored: u64,
    },
    /// A place for the result that is taken.
    #[error("{}: is there already; name another place, or take it away first", .0.display())]
    OutputExists(PathBuf),
    /// A file that cannot be written.
    #[error("{}: cannot be written: {cause}; check the folder, its rights and the space on the disk", path.display())]
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
