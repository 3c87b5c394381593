//! The encoding of a text: found out from its first bytes, and decoded while it is read.

use std::io::{self, BufRead, BufReader, Read};

use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};
use encoding_rs::{CoderResult, Decoder, GB18030, UTF_8, UTF_16BE, UTF_16LE, WINDOWS_1252};

use crate::Error;

/// How the bytes of a text are to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Encoding {
    of: &'static encoding_rs::Encoding,
    /// Bytes of the mark in front.
    mark: usize,
}

impl Encoding {
    pub(crate) const UTF_8: Encoding = Encoding { of: UTF_8, mark: 0 };

    /// The encoding of this name: `gbk`, `latin1`, `utf-16le`, ...
    pub(crate) fn named(name: &str, start: &[u8]) -> Result<Encoding, Error> {
        let of = encoding_rs::Encoding::for_label(name.trim().as_bytes())
            .ok_or_else(|| Error::UnknownEncoding { name: name.to_owned() })?;
        let mark = encoding_rs::Encoding::for_bom(start).filter(|(marked, _)| *marked == of);
        Ok(Encoding { of, mark: mark.map_or(0, |(_, len)| len) })
    }

    /// The encodings that a text may have by its first bytes, the likeliest first. `whole`: they are all.
    pub(crate) fn candidates(start: &[u8], whole: bool) -> Vec<Encoding> {
        if let Some((of, mark)) = encoding_rs::Encoding::for_bom(start) {
            return vec![Encoding { of, mark }];
        }
        if let Some(of) = utf16(start) {
            return vec![Encoding { of, mark: 0 }];
        }
        let cut = match std::str::from_utf8(start) {
            Ok(_) => return vec![Encoding::UTF_8],
            // The last character may be cut in two.
            Err(error) => !whole && error.error_len().is_none(),
        };
        if cut {
            return vec![Encoding::UTF_8];
        }
        let mut detector = EncodingDetector::new(Iso2022JpDetection::Deny);
        detector.feed(start, whole);
        let guessed = detector.guess(None, Utf8Detection::Deny);
        let guessed = if guessed == encoding_rs::GBK { GB18030 } else { guessed };
        let mut all = vec![guessed];
        all.extend([GB18030, WINDOWS_1252].into_iter().filter(|&other| other != guessed));
        all.into_iter().map(|of| Encoding { of, mark: 0 }).collect()
    }

    pub(crate) fn is_utf8(self) -> bool {
        self.of == UTF_8
    }

    pub(crate) fn name(self) -> &'static str {
        self.of.name()
    }

    /// A piece of a text, with marks where it cannot be decoded.
    pub(crate) fn decode(self, bytes: &[u8], from_start: bool) -> String {
        let bytes = bytes.get(if from_start { self.mark } else { 0 }..).unwrap_or_default();
        self.of.decode_without_bom_handling(bytes).0.into_owned()
    }

    /// The text as UTF-8, without a mark in front.
    pub(crate) fn text(self, mut bytes: Box<dyn BufRead + Send>) -> io::Result<Box<dyn BufRead + Send>> {
        let mut mark = vec![0; self.mark];
        bytes.read_exact(&mut mark)?;
        if self.is_utf8() {
            return Ok(bytes);
        }
        let decoder = self.of.new_decoder_without_bom_handling();
        Ok(Box::new(BufReader::with_capacity(
            1 << 16,
            Decoded { inner: bytes, decoder, ready: Vec::new(), at: 0, ended: false },
        )))
    }
}

/// UTF-16 without a mark: half of the bytes are zero.
fn utf16(start: &[u8]) -> Option<&'static encoding_rs::Encoding> {
    let start = &start[..start.len().min(4096)];
    let zeros = |from: usize| start.iter().skip(from).step_by(2).filter(|&&byte| byte == 0).count() * 4;
    let pairs = start.len() / 2;
    if pairs < 4 {
        return None;
    }
    // Chinese text has fewer zeros than English text, but its digits and delimiters have them all on one side.
    let (even, odd) = (zeros(0), zeros(1));
    if odd > pairs && odd > 4 * even {
        Some(UTF_16LE)
    } else if even > pairs && even > 4 * odd {
        Some(UTF_16BE)
    } else {
        None
    }
}

/// Whether bytes look like text in some encoding.
pub(crate) fn is_text(start: &[u8]) -> bool {
    if encoding_rs::Encoding::for_bom(start).is_some() || utf16(start).is_some() {
        return true;
    }
    let odd = start.iter().filter(|&&byte| byte < 9 || (14..32).contains(&byte) && byte != 27).count();
    odd * 100 <= start.len()
}

/// The text of bytes that are no UTF-8 in a file that was taken for UTF-8 (everything before was ASCII): Latin letters,
/// unless all of the bytes are in pairs, as those of Chinese characters are.
pub(crate) fn decode_alone(bytes: &[u8]) -> String {
    let mut run = 0;
    let mut paired = true;
    for &byte in bytes.iter().chain(b" ") {
        if byte >= 0xa1 {
            run += 1;
        } else {
            paired &= run % 2 == 0 && byte < 0x80;
            run = 0;
        }
    }
    let encoding = if paired { GB18030 } else { WINDOWS_1252 };
    encoding.decode_without_bom_handling(bytes).0.into_owned()
}

struct Decoded {
    inner: Box<dyn BufRead + Send>,
    decoder: Decoder,
    ready: Vec<u8>,
    at: usize,
    ended: bool,
}

impl Read for Decoded {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.at == self.ready.len() && !self.ended {
            let bytes = self.inner.fill_buf()?;
            let last = bytes.is_empty();
            self.ready.resize(4 * bytes.len().max(64), 0);
            let (result, read, written, _) = self.decoder.decode_to_utf8(bytes, &mut self.ready, last);
            self.ready.truncate(written);
            self.at = 0;
            self.inner.consume(read);
            self.ended = last && result == CoderResult::InputEmpty;
        }
        let len = (self.ready.len() - self.at).min(buffer.len());
        buffer[..len].copy_from_slice(&self.ready[self.at..self.at + len]);
        self.at += len;
        Ok(len)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(bytes: &[u8]) -> &'static str {
        Encoding::candidates(bytes, true)[0].name()
    }

    #[test]
    fn encodings_are_told_from_the_bytes() {
        let text = "会员号,下单时间,实付金额\n王小明,2023-05-01,12.50\n";
        let wide = |big: bool| -> Vec<u8> {
            text.encode_utf16()
                .flat_map(|unit| if big { unit.to_be_bytes() } else { unit.to_le_bytes() })
                .collect()
        };
        assert_eq!(found(text.as_bytes()), "UTF-8");
        assert_eq!((found(&wide(false)), found(&wide(true))), ("UTF-16LE", "UTF-16BE"));
        assert_eq!(found(&[&[0xff, 0xfe][..], &wide(false)].concat()), "UTF-16LE");
        assert_eq!(found(&GB18030.encode(text).0), "gb18030");
        assert_eq!(found(b"customer,caf\xe9,m\xfcller\n"), "windows-1252");
    }

    #[test]
    fn text_is_decoded_as_it_is_read() {
        let text = "会员号,金额\n".repeat(50_000);
        let encoding = Encoding::named("gbk", b"").unwrap();
        let bytes = Box::new(io::Cursor::new(GB18030.encode(&text).0.into_owned()));
        let mut read = String::new();
        encoding.text(bytes).unwrap().read_to_string(&mut read).unwrap();
        assert!(read == text);
        assert!(Encoding::named("klingon", b"").unwrap_err().to_string().contains("klingon"));
    }

    #[test]
    fn a_lone_word_in_another_encoding_is_read() {
        assert_eq!(decode_alone(b"caf\xe9"), "café");
        assert_eq!(decode_alone(b"M\xfcller"), "Müller");
        assert_eq!(decode_alone(&GB18030.encode("好东西").0), "好东西");
    }
}
