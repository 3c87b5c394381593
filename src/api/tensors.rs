//! Binary tensor data: the extension of the Open Inference Protocol by which clients send numbers as bytes behind the JSON.

use axum::http::{HeaderMap, HeaderName, HeaderValue};
use serde_json::Value;

use crate::service::problem::clip;
use crate::service::{Code, Problem};

/// Says how many bytes of a body are JSON; the rest are tensors.
pub(super) const JSON_LENGTH: HeaderName = HeaderName::from_static("inference-header-content-length");

/// The kinds of tensors that are taken, with the bytes of a number.
const DATATYPES: [(&str, usize); 12] = [
    ("FP64", 8),
    ("FP32", 4),
    ("FP16", 2),
    ("INT64", 8),
    ("INT32", 4),
    ("INT16", 2),
    ("INT8", 1),
    ("UINT64", 8),
    ("UINT32", 4),
    ("UINT16", 2),
    ("UINT8", 1),
    ("BOOL", 1),
];

fn invalid(detail: impl Into<String>) -> Problem {
    Problem::new(Code::InvalidRequest, detail)
}

/// The bytes of a number of this kind.
pub(super) fn width(tensor: &str, datatype: &str) -> Result<usize, Problem> {
    DATATYPES.iter().find(|(known, _)| *known == datatype).map(|(_, width)| *width).ok_or_else(|| {
        let known = DATATYPES.map(|(name, _)| name).join(", ");
        invalid(format!(
            "`{}` has the unsupported datatype `{}`; use one of {known}",
            clip(tensor),
            clip(datatype)
        ))
    })
}

/// The JSON of a body, and the tensors behind it.
pub(super) fn split<'a>(headers: &HeaderMap, body: &'a [u8]) -> Result<(&'a [u8], &'a [u8]), Problem> {
    let Some(length) = headers.get(JSON_LENGTH) else { return Ok((body, &[])) };
    let length = length.to_str().ok().and_then(|length| length.parse::<usize>().ok());
    let split = length.and_then(|length| body.split_at_checked(length));
    split.ok_or_else(|| {
        invalid(format!(
            "`{JSON_LENGTH}` must be the number of bytes of the JSON, at most the {} of the body",
            body.len()
        ))
    })
}

/// The numbers of a tensor in little-endian bytes.
pub(super) fn numbers(datatype: &str, bytes: &[u8]) -> Vec<f64> {
    macro_rules! of {
        ($type:ty) => {
            bytes
                .as_chunks::<{ size_of::<$type>() }>()
                .0
                .iter()
                .map(|one| <$type>::from_le_bytes(*one) as f64)
                .collect()
        };
    }
    match datatype {
        "FP64" => of!(f64),
        "FP32" => of!(f32),
        "FP16" => bytes.as_chunks::<2>().0.iter().map(|one| half(u16::from_le_bytes(*one))).collect(),
        "INT64" => of!(i64),
        "INT32" => of!(i32),
        "INT16" => of!(i16),
        "INT8" => of!(i8),
        "UINT64" => of!(u64),
        "UINT32" => of!(u32),
        "UINT16" => of!(u16),
        _ => of!(u8),
    }
}

/// A number of 16 bits (IEEE 754 binary16).
fn half(bits: u16) -> f64 {
    let (exponent, fraction) = (i32::from(bits >> 10 & 0x1f), f64::from(bits & 0x3ff) / 1024.0);
    let size = match exponent {
        0 => fraction * 2f64.powi(-14),
        31 if fraction == 0.0 => f64::INFINITY,
        31 => f64::NAN,
        _ => (1.0 + fraction) * 2f64.powi(exponent - 15),
    };
    if bits >> 15 == 1 { -size } else { size }
}

/// The bytes of numbers.
pub(super) fn bytes(numbers: &[f64]) -> Vec<u8> {
    numbers.iter().flat_map(|number| number.to_le_bytes()).collect()
}

/// A body of JSON with tensors behind it, and the header that says where it ends.
pub(super) fn joined(json: &Value, tensors: &[Vec<u8>]) -> (HeaderValue, Vec<u8>) {
    let mut body = json.to_string().into_bytes();
    let length = HeaderValue::from(body.len());
    body.extend(tensors.iter().flatten());
    (length, body)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_every_kind_are_read() {
        for (datatype, bytes) in [
            ("FP64", 3f64.to_le_bytes().to_vec()),
            ("FP32", 3f32.to_le_bytes().to_vec()),
            ("FP16", vec![0x00, 0x42]),
            ("INT64", 3i64.to_le_bytes().to_vec()),
            ("UINT32", 3u32.to_le_bytes().to_vec()),
            ("INT16", 3i16.to_le_bytes().to_vec()),
            ("UINT8", vec![3]),
        ] {
            assert_eq!(numbers(datatype, &bytes.repeat(2)), [3.0, 3.0], "{datatype}");
            assert_eq!(width("x", datatype).unwrap(), bytes.len());
        }
        assert_eq!((numbers("INT8", &[0xff]), numbers("BOOL", &[1, 0])), (vec![-1.0], vec![1.0, 0.0]));
        // The extremes of binary16, and what is no number.
        assert_eq!((half(0x7bff), half(0x0001), half(0xc000)), (65_504.0, 2f64.powi(-24), -2.0));
        assert!(half(0x7c00).is_infinite() && half(0x7e00).is_nan());
    }

    #[test]
    fn a_length_beyond_the_body_is_refused() {
        let split = |length: &str| {
            let headers = HeaderMap::from_iter([(JSON_LENGTH, length.parse().unwrap())]);
            split(&headers, b"{}12345678").map(|(json, rest)| (json.to_vec(), rest.len()))
        };
        assert_eq!(split("2").unwrap(), (b"{}".to_vec(), 8));
        assert_eq!(split("10").unwrap().1, 0);
        for wrong in ["11", "-1", "x", "99999999999999999999"] {
            assert!(split(wrong).is_err(), "{wrong}");
        }
    }
}
