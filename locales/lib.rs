//! Every text that homing shows to people, one [Fluent](https://projectfluent.org) file a language.
//!
//! | file | what |
//! |---|---|
//! | `en.ftl` | English: the keys, and the text that every other language falls back to |
//! | `zh.ftl` | Chinese |
//! | any other `*.ftl` | a language more: the build picks it up, nothing else changes |
//!
//! [`t!`] gives the text of a key. Key and placeholders are held against `en.ftl` at compile time:
//!
//! ```
//! use homing_locales::{Lang, t};
//!
//! let lang = Lang::ENGLISH;
//! assert_eq!(t!(lang, "churn-risk"), "Churn risk");
//! assert_eq!(t!(lang, "days", n = 1), "1 day");
//! assert_eq!(t!(lang, "days", n = 1200), "1,200 days");
//! ```
//!
//! Texts with placeholders are compiled once, at first use, so that writing one costs about as much as `format!`: every prediction
//! writes its reasons in every language. That is why [`fluent_syntax`] is used and not `fluent-bundle`, which takes a lock and
//! resolves a message anew each time.
//!
//! A text may hold plain text, `{ $placeholder }`, a literal, and a selector over a placeholder (plural categories of CLDR, whole
//! numbers, or words). [`problems`] names whatever else is wrong with a file, with its line.

mod compile;
mod format;
mod placeholders;
mod problem;
mod set;
mod text;

#[cfg(test)]
mod tests;

pub use format::{Arg, Currency, NOTHING, set_currency};
pub use problem::{Problem, problems, problems_in};
pub use set::{Lang, LoadError, Message, load, load_from_environment};
pub use text::Text;

mod files {
    include!(concat!(env!("OUT_DIR"), "/files.rs"));
}

/// The text of a key in a language: a `&'static str`, or with placeholders a `String`.
///
/// The key and the names of the placeholders must be those of `en.ftl`, or the program does not compile.
#[macro_export]
macro_rules! t {
    ($lang:expr, $key:literal $(,)?) => {{
        const MESSAGE: $crate::Message = $crate::Message::of($key, &[]);
        ($lang).text(MESSAGE)
    }};
    ($lang:expr, $key:literal, $($name:ident = $value:expr),+ $(,)?) => {{
        const MESSAGE: $crate::Message = $crate::Message::of($key, &[$(stringify!($name)),+]);
        ($lang).format(MESSAGE, &[$((stringify!($name), $crate::Arg::from($value))),+])
    }};
}
