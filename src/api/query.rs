//! The parameters of an address.

use axum::extract::Query;
use axum::http::Uri;

use crate::service::problem::{clip, nearest};
use crate::service::{Code, Problem};

/// A query parameter.
pub(super) struct Parameter {
    pub name: String,
    pub value: String,
}

/// The parameters of an address; all but those `repeated` may be given once.
///
/// # Errors
/// [`Code::BadParameter`] with the name of the parameter.
pub(super) fn parameters(uri: &Uri, repeated: &[&str]) -> Result<Vec<Parameter>, Problem> {
    let Query(pairs) = Query::<Vec<(String, String)>>::try_from_uri(uri)
        .map_err(|error| Problem::new(Code::BadParameter, error.to_string()))?;
    let mut read: Vec<Parameter> = Vec::with_capacity(pairs.len());
    for (name, value) in pairs {
        let parameter = Parameter { name, value };
        let again = read.iter().any(|known| known.name == parameter.name);
        if again && !repeated.contains(&parameter.name.as_str()) {
            return Err(parameter.bad("give it only once"));
        }
        read.push(parameter);
    }
    Ok(read)
}

impl Parameter {
    /// The problem with it; `what` says what to do.
    pub fn bad(&self, what: &str) -> Problem {
        let detail = format!("`{}` is `{}`; {what}", clip(&self.name), clip(&self.value));
        Problem::new(Code::BadParameter, detail).with("parameter", clip(&self.name))
    }

    /// The problem of a parameter that there is not among those that there are.
    pub fn unknown(&self, known: &[&str]) -> Problem {
        let near = nearest(&self.name, known.iter().copied());
        let near = near.map_or_else(String::new, |near| format!("; did you mean `{near}`?"));
        let detail =
            format!("`{}` is an unknown parameter{near}; supported: {}", clip(&self.name), known.join(", "));
        Problem::new(Code::BadParameter, detail).with("parameter", clip(&self.name))
    }

    /// `true` or `false`.
    pub fn switch(&self) -> Result<bool, Problem> {
        match self.value.as_str() {
            "true" => Ok(true),
            "false" => Ok(false),
            _ => Err(self.bad("use true or false")),
        }
    }

    /// Rows per page, 1 to `most`.
    pub fn limit(&self, most: u32) -> Result<u32, Problem> {
        let limit = self.value.parse().ok().filter(|limit| (1..=most).contains(limit));
        limit.ok_or_else(|| self.bad(&format!("use an integer from 1 to {most}")))
    }
}
