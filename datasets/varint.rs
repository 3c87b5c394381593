//! Whole numbers in as few bytes as they need: LEB128, seven bits a byte, the lowest first.

/// Appends a number.
///
/// ```
/// use homing_datasets::varint;
///
/// let mut bytes = Vec::new();
/// varint::put(&mut bytes, 300);
/// assert_eq!(varint::take(&mut &bytes[..]), Some(300));
/// ```
#[inline]
pub fn put(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Takes a number off the front of what is left; `None` where it is cut off, larger than 64 bits or longer than need be.
#[inline]
pub fn take(rest: &mut &[u8]) -> Option<u64> {
    let mut value = 0u64;
    for shift in (0..64).step_by(7) {
        let (&byte, after) = rest.split_first()?;
        *rest = after;
        let part = u64::from(byte & 0x7f);
        if shift == 63 && part > 1 {
            return None;
        }
        value |= part << shift;
        if byte < 0x80 {
            return (byte != 0 || shift == 0).then_some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_put_is_taken_and_nothing_else_is() {
        let mut bytes = Vec::new();
        let values = [0, 1, 127, 128, 16_383, 16_384, u64::from(u32::MAX), u64::MAX];
        values.iter().for_each(|&value| put(&mut bytes, value));
        let mut rest = bytes.as_slice();
        assert!(values.iter().all(|&value| take(&mut rest) == Some(value)));
        assert!(rest.is_empty());
        for wrong in [&[][..], &[0x80], &[0x80, 0], &[0xff; 10], &[0x80; 11]] {
            assert_eq!(take(&mut &*wrong), None, "{wrong:?}");
        }
    }
}
