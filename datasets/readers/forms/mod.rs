//! The forms of single values: dates, numbers, ids and the words of a status. Nothing here knows a file.

pub(crate) mod date_column;
pub(crate) mod dates;
pub(crate) mod ids;
pub(crate) mod numbers;
pub(crate) mod status;
mod tokens;
pub(crate) mod words;

pub use dates::DateOrder;
pub use numbers::Decimal;
pub(crate) use tokens::trimmed;
