//! Keys brought into one form, and the number that stands for each: no plain key is kept.

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::{Digest as _, Sha256};

use crate::Error;

/// What joins records.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Key {
    /// Number of the loyalty card: one person's own.
    MemberId,
    /// Identifier in a chat platform: one person's own.
    OpenId,
    /// Phone number: families share them.
    Phone,
    /// E-mail address: families share them.
    Email,
}

impl Key {
    /// Every key, the surest first.
    pub const ALL: [Key; 4] = [Key::MemberId, Key::OpenId, Key::Phone, Key::Email];

    /// The name of the column.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Key::MemberId => "member_id",
            Key::OpenId => "open_id",
            Key::Phone => "phone",
            Key::Email => "email",
        }
    }

    /// The key in one form; `None` if it can be nobody's.
    #[must_use]
    pub fn normalised(self, text: &str) -> Option<String> {
        match self {
            Key::MemberId => {
                let card: String = plain(text).filter(|c| c.is_alphanumeric()).collect();
                let card = card.to_uppercase();
                (!card.trim_matches('0').is_empty()).then_some(card)
            }
            Key::OpenId => {
                let id = text.trim();
                (!id.is_empty()).then(|| id.to_owned())
            }
            Key::Phone => phone(text),
            Key::Email => {
                let address: String = plain(text).filter(|c| !c.is_whitespace()).collect();
                let address = address.to_lowercase();
                let (user, host) = address.rsplit_once('@')?;
                (!user.is_empty() && host.contains('.')).then_some(address)
            }
        }
    }
}

/// Full-width letters and digits, as Chinese keyboards write them, made plain.
fn plain(text: &str) -> impl Iterator<Item = char> + '_ {
    text.chars().map(|c| match c {
        '\u{ff01}'..='\u{ff5e}' => char::from_u32(c as u32 - 0xfee0).unwrap_or(c),
        '\u{3000}' => ' ',
        c => c,
    })
}

/// Digits alone, without China's country code. A number of one repeated digit, or shorter than seven, is nobody's.
fn phone(text: &str) -> Option<String> {
    let digits: String = plain(text).filter(char::is_ascii_digit).collect();
    let digits = digits.strip_prefix("00").unwrap_or(&digits);
    let own = match digits.strip_prefix("86") {
        Some(rest) if rest.len() == 11 && rest.starts_with('1') => rest,
        _ => digits,
    };
    let repeated = own.bytes().all(|digit| Some(digit) == own.bytes().next());
    (own.len() >= 7 && own.len() <= 15 && !repeated).then(|| own.to_owned())
}

/// A name as far as it tells people apart.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Name {
    /// Stands for the whole name; 0 when only the family name is known, or nothing.
    pub full: u64,
    /// First letter of the family name; 0 when nothing is known.
    pub family: u32,
}

const TITLES: [&str; 6] = ["女士", "先生", "小姐", "太太", "妈妈", "爸爸"];

/// How keys become numbers.
#[derive(Clone)]
pub struct Hashing {
    /// Ready for a message; cloned for each.
    keyed: Option<Hmac<Sha256>>,
    /// The keys come hashed: they are compared as they are.
    tokens: bool,
}

impl std::fmt::Debug for Hashing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The secret is not shown.
        f.debug_struct("Hashing").field("keyed", &self.keyed.is_some()).field("tokens", &self.tokens).finish()
    }
}

impl Hashing {
    /// Without a secret: whoever has the numbers can try out phone numbers.
    #[must_use]
    pub fn plain() -> Self {
        Hashing { keyed: None, tokens: false }
    }

    /// HMAC-SHA-256 with a secret (RFC 2104): without the secret nothing can be tried out.
    ///
    /// # Errors
    /// [`Error::HashKey`] where HMAC does not take the secret. It takes secrets of any length.
    pub fn keyed(secret: &[u8]) -> Result<Self, Error> {
        let keyed = Hmac::new_from_slice(secret).map_err(|cause| Error::HashKey(cause.to_string()))?;
        Ok(Hashing { keyed: Some(keyed), tokens: false })
    }

    /// For keys that come as tokens from elsewhere: equal or not, nothing is normalised.
    #[must_use]
    pub fn of_tokens(self) -> Self {
        Hashing { tokens: true, ..self }
    }

    /// The number of a key's text; `None` if it can be nobody's.
    pub(super) fn key(&self, key: Key, text: &str) -> Option<u64> {
        let text = if self.tokens {
            let token = text.trim();
            (!token.is_empty()).then(|| token.to_owned())?
        } else {
            key.normalised(text)?
        };
        Some(self.number(&text))
    }

    pub(super) fn name(&self, text: &str) -> Name {
        let whole: String = plain(text).filter(|c| !c.is_whitespace()).collect();
        let whole = whole.to_lowercase();
        let Some(family) = whole.chars().next() else { return Name::default() };
        let titled = TITLES.iter().any(|title| whole.ends_with(title)) || whole.chars().count() == 1;
        Name { full: if titled { 0 } else { self.number(&whole) }, family: family as u32 }
    }

    /// The token of a key, as reports show it: 16 hexadecimal digits.
    ///
    /// `None` if the key can be nobody's.
    #[must_use]
    pub fn token(&self, key: Key, text: &str) -> Option<String> {
        self.key(key, text).map(|number| format!("{number:016x}"))
    }

    /// Never 0, which stands for none.
    fn number(&self, text: &str) -> u64 {
        let digest: [u8; 32] = match &self.keyed {
            Some(mac) => mac.clone().chain_update(text).finalize().into_bytes().into(),
            None => Sha256::digest(text).into(),
        };
        digest[..8].iter().fold(0, |number, byte| number << 8 | u64::from(*byte)).max(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_key_is_written_in_many_ways() {
        let phone = |text| Key::Phone.normalised(text);
        for text in [
            "13912345678",
            "+86 139-1234-5678",
            "0086 13912345678",
            "139 1234 5678",
            "１３９１２３４５６７８",
        ] {
            assert_eq!(phone(text).as_deref(), Some("13912345678"), "{text}");
        }
        for nobody in ["", "-", "00000000000", "12345", "call me", "1234567890123456"] {
            assert_eq!(phone(nobody), None, "{nobody}");
        }
        assert_eq!(Key::MemberId.normalised(" m-00123 ").as_deref(), Some("M00123"));
        assert_eq!(Key::MemberId.normalised("000"), None);
        assert_eq!(Key::Email.normalised(" Li@Example.CN").as_deref(), Some("li@example.cn"));
        assert_eq!(Key::Email.normalised("none"), None);
        assert_eq!(Key::OpenId.normalised(" oXa "), Some("oXa".to_owned()));
    }

    #[test]
    fn a_secret_changes_every_token() {
        let (one, two) = (Hashing::keyed(b"one").unwrap(), Hashing::keyed(b"two").unwrap());
        let token = |hashing: &Hashing| hashing.token(Key::Phone, "139 1234 5678").unwrap();
        assert_eq!(token(&one), one.token(Key::Phone, "+8613912345678").unwrap());
        assert_ne!(token(&one), token(&two));
        assert_ne!(token(&one), token(&Hashing::plain()));
        assert!(!format!("{one:?}").contains("one"));
        // RFC 4231, test case 2: the first eight bytes of HMAC-SHA-256 with the key "Jefe".
        let known =
            Hashing::keyed(b"Jefe").unwrap().of_tokens().token(Key::OpenId, "what do ya want for nothing?");
        assert_eq!(known.as_deref(), Some("5bdcc146bf60754e"));
    }

    #[test]
    fn a_title_is_no_given_name() {
        let of = |text| Hashing::plain().name(text);
        assert_eq!(of("王 芳"), of("王芳"));
        assert_eq!((of("王女士").full, of("王女士").family), (0, of("王芳").family));
        assert_ne!(of("王芳").full, of("王敏").full);
    }
}
