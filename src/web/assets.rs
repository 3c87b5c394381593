//! The files that pages load: one style sheet and an icon. Their addresses change with their content, so that
//! browsers may keep them for ever.

use axum::extract::Path;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

/// A file in the binary.
struct Asset {
    name: &'static str,
    ending: &'static str,
    media_type: &'static str,
    content: &'static [&'static str],
}

const STYLE: Asset = Asset {
    name: "homing",
    ending: "css",
    media_type: "text/css; charset=utf-8",
    content: &[include_str!("style/base.css"), include_str!("style/pages.css"), homing_charts::STYLE],
};

const ICON: Asset = Asset {
    name: "icon",
    ending: "svg",
    media_type: "image/svg+xml",
    content: &[include_str!("style/icon.svg")],
};

/// The address of the style sheet.
pub(super) fn style() -> String {
    format!("/assets/{}", STYLE.file())
}

/// The address of the icon.
pub(super) fn icon() -> String {
    format!("/assets/{}", ICON.file())
}

/// Answers `GET /assets/{file}`.
pub(super) async fn asset(Path(file): Path<String>) -> Response {
    let nosniff = (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    let Some(asset) = [STYLE, ICON].into_iter().find(|asset| asset.file() == file) else {
        return (StatusCode::NOT_FOUND, [nosniff], "there is no such file; load the page again")
            .into_response();
    };
    let headers = [
        nosniff,
        (header::CONTENT_TYPE, HeaderValue::from_static(asset.media_type)),
        (header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=31536000, immutable")),
    ];
    (headers, asset.content.concat()).into_response()
}

impl Asset {
    /// Name, fingerprint of the content, and ending.
    fn file(&self) -> String {
        let fingerprint = self.content.iter().fold(FNV_OFFSET, |hash, part| fnv1a(hash, part.as_bytes()));
        format!("{}-{fingerprint:016x}.{}", self.name, self.ending)
    }
}

const FNV_OFFSET: u64 = 0xcbf2_9ce4_8422_2325;

/// The hash FNV-1a (Fowler, Noll, Vo): enough to tell one version of a file from another.
fn fnv1a(hash: u64, bytes: &[u8]) -> u64 {
    bytes.iter().fold(hash, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_is_fnv1a() {
        assert_eq!(fnv1a(FNV_OFFSET, b""), 0xcbf2_9ce4_8422_2325);
        assert_eq!(fnv1a(FNV_OFFSET, b"a"), 0xaf63_dc4c_8601_ec8c);
        assert_eq!(fnv1a(FNV_OFFSET, b"foobar"), 0x8594_4171_f739_67e8);
    }
}
