//! The stores behind addresses, and the threads that talk to them.

use std::io;
use std::sync::{Arc, OnceLock};

use object_store::ObjectStore;
use object_store::path::Path;
use tokio::runtime::Runtime;

/// An error of a store in words that say what to do.
pub(crate) fn said(error: object_store::Error) -> io::Error {
    match error {
        object_store::Error::Precondition { .. } => {
            io::Error::other("the object changed while it was read; run again")
        }
        other => io::Error::other(other.to_string()),
    }
}

/// The threads that talk to the stores.
pub(crate) fn runtime() -> io::Result<&'static Runtime> {
    static RUNTIME: OnceLock<Result<Runtime, String>> = OnceLock::new();
    let made = RUNTIME.get_or_init(|| {
        let mut builder = tokio::runtime::Builder::new_multi_thread();
        builder.worker_threads(2).thread_name("objects").enable_all().build().map_err(|e| e.to_string())
    });
    made.as_ref().map_err(|cause| io::Error::other(cause.clone()))
}

/// Opens the store of an address; credentials and endpoints come from the environment.
pub(crate) fn open(address: &str) -> io::Result<(Arc<dyn ObjectStore>, Path)> {
    let malformed = |cause: url::ParseError| io::Error::new(io::ErrorKind::InvalidInput, cause.to_string());
    let url = url::Url::parse(address).map_err(malformed)?;
    let settings = std::env::vars().map(|(name, value)| (name.to_ascii_lowercase(), value));
    let (store, path) = object_store::parse_url_opts(&url, settings).map_err(said)?;
    Ok((store.into(), path))
}
