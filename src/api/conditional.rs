//! Entity tags and conditional requests (RFC 9110, section 13).

use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use sha2::{Digest, Sha256};

use crate::service::access::hex;
use crate::service::{Code, Problem};

/// The entity tag of a representation: a hash of its bytes.
pub(super) fn tag_of(bytes: &[u8]) -> String {
    format!("\"{}\"", hex(&Sha256::digest(bytes)[..16]))
}

/// The entity tags of a header; `*` stands for any.
fn tags<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<Vec<&'a str>> {
    let values: Vec<&str> = headers.get_all(name).iter().map(|value| value.to_str().unwrap_or("?")).collect();
    if values.is_empty() {
        return None;
    }
    Some(values.into_iter().flat_map(|value| value.split(',')).map(str::trim).collect())
}

/// A response with its entity tag; 304 without a body where the caller has it already.
pub(super) fn tagged(headers: &HeaderMap, tag: &str, response: Response) -> Response {
    // Read requests compare weakly.
    let known = |one: &str| one == "*" || one.strip_prefix("W/").unwrap_or(one) == tag;
    let mut response = match tags(headers, &header::IF_NONE_MATCH) {
        Some(tags) if tags.iter().any(|one| known(one)) => StatusCode::NOT_MODIFIED.into_response(),
        _ => response,
    };
    if let Ok(tag) = HeaderValue::from_str(tag) {
        response.headers_mut().insert(header::ETAG, tag);
    }
    response
}

/// What `If-Match` and `If-None-Match` of a write ask of what is there.
#[derive(Clone, Debug, Default)]
pub(super) struct Precondition {
    of: Option<Vec<String>>,
    none_of: Option<Vec<String>>,
}

impl Precondition {
    /// Reads the headers of a write.
    pub fn of(headers: &HeaderMap) -> Self {
        let read = |name| tags(headers, name).map(|tags| tags.into_iter().map(str::to_owned).collect());
        Precondition { of: read(&header::IF_MATCH), none_of: read(&header::IF_NONE_MATCH) }
    }

    /// Whether it holds of what is there now; `None`: nothing.
    pub fn holds(&self, tag: Option<&str>) -> bool {
        // Writes compare strongly: a weak tag matches nothing.
        let among =
            |tags: &Vec<String>| tag.is_some_and(|tag| tags.iter().any(|one| one == "*" || one == tag));
        self.of.as_ref().is_none_or(among) && !self.none_of.as_ref().is_some_and(among)
    }

    /// The problem when it does not hold.
    pub fn failed() -> Problem {
        let detail = "what is stored is not what `If-Match` or `If-None-Match` asks for; read it again, and repeat the change with its \
                      `ETag`";
        Problem::new(Code::PreconditionFailed, detail)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(sent: &[(HeaderName, &str)]) -> HeaderMap {
        sent.iter().map(|(name, value)| (name.clone(), value.parse().unwrap())).collect()
    }

    #[test]
    fn preconditions_hold_as_the_rfc_says() {
        let holds = |sent: &[(HeaderName, &str)], tag| Precondition::of(&headers(sent)).holds(tag);
        let (is, none) = (header::IF_MATCH, header::IF_NONE_MATCH);
        assert!(holds(&[], None) && holds(&[], Some("\"a\"")));
        assert!(holds(&[(is.clone(), "\"b\", \"a\"")], Some("\"a\"")));
        assert!(holds(&[(is.clone(), "*")], Some("\"a\"")) && !holds(&[(is.clone(), "*")], None));
        assert!(!holds(&[(is.clone(), "W/\"a\"")], Some("\"a\"")), "weak tags match nothing");
        assert!(
            !holds(&[(is.clone(), "\"b\"")], Some("\"a\"")) && !holds(&[(is.clone(), "")], Some("\"a\""))
        );
        assert!(holds(&[(none.clone(), "*")], None) && !holds(&[(none.clone(), "*")], Some("\"a\"")));
        // Both: each must hold.
        assert!(!holds(&[(is, "\"a\""), (none, "\"a\"")], Some("\"a\"")));
    }

    #[test]
    fn a_reader_who_has_it_already_gets_no_body() {
        let status = |tag: &str| {
            let sent = headers(&[(header::IF_NONE_MATCH, tag)]);
            tagged(&sent, "\"a\"", "body".into_response()).status()
        };
        assert_eq!([status("\"a\""), status("W/\"a\""), status("*")], [StatusCode::NOT_MODIFIED; 3]);
        assert_eq!(status("\"b\""), StatusCode::OK);
    }
}
