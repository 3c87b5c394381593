//! The id of a request, by which its reply and its log lines are found.

use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};

use axum::http::{HeaderMap, HeaderName, HeaderValue};

/// The header with the request id, in requests and responses.
pub(crate) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The longest request id that is taken from a caller.
const MAX_REQUEST_ID_BYTES: usize = 64;

/// Gives ids to requests that came without one.
#[derive(Debug, Default)]
pub(crate) struct RequestIds {
    seed: RandomState,
    count: AtomicU64,
}

impl RequestIds {
    /// The caller's id if it is valid, else a new one.
    pub fn id_of(&self, headers: &HeaderMap) -> HeaderValue {
        let sane = |id: &&HeaderValue| {
            let bytes = id.as_bytes();
            let known = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.:/+=".contains(byte);
            (1..=MAX_REQUEST_ID_BYTES).contains(&bytes.len()) && bytes.iter().all(known)
        };
        if let Some(id) = headers.get(REQUEST_ID).filter(sane) {
            return id.clone();
        }
        let id = self.seed.hash_one(self.count.fetch_add(1, Ordering::Relaxed));
        HeaderValue::try_from(format!("{id:016x}")).unwrap_or(HeaderValue::from_static("none"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sane_request_id_is_kept_and_another_is_replaced() {
        let ids = RequestIds::default();
        let id_of = |text: &[u8]| {
            let headers = HeaderMap::from_iter([(REQUEST_ID, HeaderValue::from_bytes(text).unwrap())]);
            ids.id_of(&headers).to_str().unwrap().to_owned()
        };
        assert_eq!(id_of(b"4bf92f35-77b3/a.b:c"), "4bf92f35-77b3/a.b:c");
        // An address is personal data, and does not belong in a log.
        for insane in [&b""[..], b"a b", b"a\"b", b"li@example.cn", "茶".as_bytes(), &[b'a'; 65]] {
            let id = id_of(insane);
            assert_eq!(id.len(), 16, "{id}");
            assert_ne!(id_of(insane), id);
        }
    }
}
