//! Keys in one form, and the number that represents each: no plain key is kept.

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

impl Key {
    /// Whether a text fills the field and names nobody: a word for "none", a masked number, one typed along the keyboard.
    #[must_use]
    pub fn is_placeholder(self, text: &str) -> bool {
        let text: String = plain(text).filter(|c| !c.is_whitespace()).collect();
        let text = text.to_lowercase();
        let masked = text.contains(['*', '×', '•']);
        match self {
            Key::MemberId | Key::OpenId => {
                let digits = text.bytes().all(|byte| byte.is_ascii_digit());
                masked
                    || NOBODY.contains(&&*text)
                    || (digits && text.len() >= 6 && one_digit(text.as_bytes()))
            }
            Key::Phone => {
                let digits: Vec<u8> = text.bytes().filter(u8::is_ascii_digit).collect();
                masked || text.contains("xx") || NOBODY.contains(&&*text) || typed_along(&digits)
            }
            Key::Email => {
                let Some((user, host)) = text.rsplit_once('@') else { return NOBODY.contains(&&*text) };
                let word = user.trim_end_matches(|c: char| c.is_ascii_digit());
                let domain = host.split('.').next().unwrap_or_default();
                masked || NOBODY.contains(&word) || (user == domain && !user.is_empty())
            }
        }
    }
}

/// Words that mean nobody, also as the name of a mailbox.
const NOBODY: [&str; 46] = [
    "-",
    "--",
    "0",
    "n/a",
    "na",
    "nan",
    "none",
    "null",
    "nil",
    "\\n",
    "no",
    "unknown",
    "undefined",
    "anonymous",
    "anon",
    "guest",
    "test",
    "tester",
    "testing",
    "demo",
    "dummy",
    "fake",
    "example",
    "sample",
    "nobody",
    "noemail",
    "no-email",
    "no_email",
    "nomail",
    "no-mail",
    "noreply",
    "no-reply",
    "donotreply",
    "noone",
    "notprovided",
    "xxx",
    "abc",
    "asdf",
    "散客",
    "游客",
    "无",
    "未知",
    "非会员",
    "匿名",
    "测试",
    "没有",
];

/// The number that China Mobile answers itself, which many forms show as an example.
const EXAMPLE_PHONE: &[u8] = b"13800138000";

fn one_digit(digits: &[u8]) -> bool {
    digits.iter().all(|digit| Some(digit) == digits.first())
}

/// Whether a number was typed along the keyboard: one digit seven times or more at the end and nothing but a prefix before
/// it, or digits that go up or down by one.
fn typed_along(digits: &[u8]) -> bool {
    let tail = digits.iter().rev().take_while(|digit| Some(digit) == digits.last().as_ref()).count();
    let steps = |by: i16| {
        digits.windows(2).all(|pair| {
            let (a, b) = (i16::from(pair[0] - b'0'), i16::from(pair[1] - b'0'));
            (a + by).rem_euclid(10) == b
        })
    };
    let whole = digits.len() >= 7;
    whole
        && (tail >= 8
            || (tail >= 7 && digits.last() == Some(&b'0'))
            || steps(1)
            || steps(-1)
            || digits.ends_with(EXAMPLE_PHONE))
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

/// A name as far as it distinguishes people.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Name {
    /// Represents the whole name; 0 when only the family name is known, or nothing.
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
    /// Without a secret: anyone with the numbers can try out phone numbers.
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

    /// The number of a placeholder, by which its records are listed; `None` where it is none. Tokens do not reveal it.
    pub(super) fn placeholder(&self, key: Key, text: &str) -> Option<u64> {
        (!self.tokens && key.is_placeholder(text)).then(|| self.number(&text.trim().to_lowercase()))
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

    /// Never 0, which means none.
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
        for made_up in [
            "13800000000",
            "12345678901",
            "138****8000",
            "13800138000",
            "987654321",
            "1388xxx1234",
            "88888888",
            "+86 138 0000 0000",
        ] {
            assert!(Key::Phone.is_placeholder(made_up), "{made_up}");
        }
        for own in ["13912345678", "+1 (555) 010-0199", "030/901820", "13912340000", "4930901820"] {
            assert!(!Key::Phone.is_placeholder(own), "{own}");
        }
        for made_up in [
            "unknown@unknown.com",
            "test@test.com",
            "guest@shop.com",
            "a@a.de",
            "Test1@Shop.cn",
            "n/a",
            "none",
        ] {
            assert!(Key::Email.is_placeholder(made_up), "{made_up}");
        }
        for own in ["Ana@Example.com", "li@example.cn", "testarossa@x.it", "nora@x.com"] {
            assert!(!Key::Email.is_placeholder(own), "{own}");
        }
        assert!(Key::MemberId.is_placeholder("999999") && Key::OpenId.is_placeholder(" NULL "));
        assert!(!Key::MemberId.is_placeholder("M00123") && !Key::MemberId.is_placeholder("11112"));
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
