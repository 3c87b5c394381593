//! Damaged bytes in the hands of libraries.

use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::Error;

/// Runs what reads foreign bytes. Most damage is an error; what makes the decoder panic becomes one here.
pub(super) fn guarded<T>(
    (path, format): (&str, &'static str),
    work: impl FnOnce() -> Result<T, String>,
) -> Result<T, Error> {
    catch_unwind(AssertUnwindSafe(work))
        .unwrap_or_else(|_| Err("its inner structure is broken".to_owned()))
        .map_err(|reason| Error::Damaged { path: path.to_owned(), format, reason })
}

pub(super) fn reason(error: impl std::error::Error) -> String {
    error.to_string()
}
