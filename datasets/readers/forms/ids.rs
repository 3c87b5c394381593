//! Ids as tills, spreadsheets and databases write them: the form that one customer has in all of them, and the
//! ids that name nobody.

use std::borrow::Cow;
use std::collections::HashSet;
use std::sync::LazyLock;

use super::tokens::{is_blank, trimmed};

/// What an id is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Id<'a> {
    /// A customer, a product, an order.
    Named(&'a str),
    /// Nothing.
    Empty,
    /// A word or number that means "nobody".
    Nobody,
    /// Digits are hidden by stars.
    Masked,
    /// A long number that a spreadsheet rounded.
    Rounded,
}

/// Longest word that means nobody, in bytes.
const NOBODY_BYTES: usize = 40;

/// The id without what programs put around it: blanks, `="..."`, a leading apostrophe, quotes, and the `.0` of tables
/// that know no missing whole number.
#[inline]
pub(crate) fn normal(text: &str) -> &str {
    let bytes = text.as_bytes();
    // Almost every id begins and ends with a letter or digit; then only `.0` is left to see.
    let plain = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
    let text = if plain(bytes.first()) && plain(bytes.last()) { text } else { unwrapped(text) };
    match text.strip_suffix(".0") {
        Some(whole) if !whole.is_empty() && whole.bytes().all(|byte| byte.is_ascii_digit()) => whole,
        _ => text,
    }
}

fn unwrapped(text: &str) -> &str {
    let mut text = trimmed(text);
    if let Some(inner) = text.strip_prefix('=') {
        let inner = trimmed(inner);
        if let Some(quoted) = inner.strip_prefix('"').and_then(|inner| inner.strip_suffix('"')) {
            text = trimmed(quoted);
        }
    }
    if let Some(quoted) = text.strip_prefix('"').and_then(|inner| inner.strip_suffix('"'))
        && !quoted.contains('"')
    {
        text = trimmed(quoted);
    }
    // Spreadsheets mark a number that is meant as text so; a name such as 's Gravenmade keeps its own.
    if let Some(rest) = text.strip_prefix(['\'', '`'])
        && rest
            .bytes()
            .next()
            .is_some_and(|byte| byte.is_ascii_digit() || matches!(byte, b'=' | b'+' | b'-' | b'@'))
    {
        text = rest;
    }
    text
}

/// Sorts a customer id that [`normal`] has passed.
#[inline]
pub(crate) fn customer(text: &str) -> Id<'_> {
    let bytes = text.as_bytes();
    let Some(&first) = bytes.first() else { return Id::Empty };
    if first.is_ascii_digit() {
        // Digits alone are somebody's, but for 000, which a form fills in.
        if bytes.iter().all(u8::is_ascii_digit) {
            let zeros = first == b'0' && bytes.len() > 1 && bytes.iter().all(|&byte| byte == b'0');
            return if zeros { Id::Nobody } else { Id::Named(text) };
        }
        if is_rounded(text) {
            return Id::Rounded;
        }
    }
    if bytes.contains(&b'*') && is_masked(text) {
        return Id::Masked;
    }
    if text.len() <= NOBODY_BYTES && is_nobody(text) {
        return Id::Nobody;
    }
    Id::Named(text)
}

/// `6.22E+15`, with or without a point.
fn is_rounded(text: &str) -> bool {
    let Some((mantissa, exponent)) = text.split_once(['E', 'e']) else { return false };
    let digits = exponent.strip_prefix('+').unwrap_or_default();
    !digits.is_empty()
        && digits.bytes().all(|byte| byte.is_ascii_digit())
        && mantissa.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b','))
}

/// Two stars or more in place of what they hide, as in `138****1234`, `王**` and `a***@example.com`.
fn is_masked(text: &str) -> bool {
    text.contains("**") || text.chars().filter(|&c| c == '*').count() * 2 >= text.chars().count()
}

/// Words for nobody, in small letters.
const NOBODY: &[&str] = &[
    "nan",
    "none",
    "null",
    "nil",
    "n/a",
    "na",
    "#n/a",
    "#na",
    "<na>",
    "n.a.",
    "nat",
    "\\n",
    "-",
    "--",
    "---",
    "?",
    "??",
    ".",
    "_",
    "undefined",
    "unknown",
    "unkown",
    "unbekannt",
    "inconnu",
    "desconocido",
    "sconosciuto",
    "missing",
    "empty",
    "blank",
    "guest",
    "guest user",
    "guest customer",
    "gast",
    "gastkunde",
    "invité",
    "invitado",
    "ospite",
    "anonymous",
    "anonym",
    "anon",
    "anonyme",
    "anónimo",
    "walk-in",
    "walk in",
    "walkin",
    "walk-in customer",
    "walkin customer",
    "cash customer",
    "cash sale",
    "no customer",
    "not registered",
    "default customer",
    "laufkunde",
    "barverkauf",
    "(none)",
    "[null]",
    "false",
    "散客",
    "匿名",
    "匿名用户",
    "游客",
    "未知",
    "无",
    "空",
    "非会员",
    "普通顾客",
    "普通客户",
    "零售客户",
    "零售",
    "现金客户",
    "默认客户",
    "匿名买家",
    "临时客户",
    "未登录",
    "未注册",
    "訪客",
    "ゲスト",
];

/// Names in front of the `@` of mail addresses that are nobody's.
const NOBODYS_MAIL: &[&str] = &[
    "unknown",
    "guest",
    "noemail",
    "no-email",
    "no_email",
    "none",
    "anonymous",
    "null",
    "nomail",
    "noreply",
    "no-reply",
];

/// Whether the text is a word for nobody, in whatever case and with whatever brackets.
pub(crate) fn is_nobody(text: &str) -> bool {
    let text = text.trim_matches(|c: char| is_blank(c) || matches!(c, '"' | '\''));
    if let Some((name, _)) = text.split_once('@') {
        return NOBODYS_MAIL.contains(&&*lowercase(name));
    }
    // Most ids have a digit, and of the words only -1 has: this is asked of every line.
    if text.bytes().any(|byte| byte.is_ascii_digit()) {
        return text == "-1";
    }
    WORDS.contains(&*lowercase(text))
}

static WORDS: LazyLock<HashSet<&str>> = LazyLock::new(|| NOBODY.iter().copied().collect());

/// The text in small letters.
pub(crate) fn lowercase(text: &str) -> Cow<'_, str> {
    if text.bytes().all(|byte| byte.is_ascii() && !byte.is_ascii_uppercase()) {
        Cow::Borrowed(text)
    } else {
        Cow::Owned(text.to_lowercase())
    }
}

/// A number for what ids share that differ in form alone: case, blanks and leading zeros do not change it.
#[inline]
pub(crate) fn fingerprint(text: &str) -> u64 {
    const PRIME: u64 = 0x9e37_79b9_7f4a_7c15;
    let bytes = text.as_bytes();
    let mut leading = bytes[0] == b'0';
    let mut hash = 0xcbf2_9ce4_8422_2325u64;
    for &byte in bytes {
        if byte == b' ' || (leading && byte == b'0') {
            continue;
        }
        leading = false;
        hash = (hash ^ u64::from(byte.to_ascii_lowercase())).wrapping_mul(PRIME);
        hash ^= hash >> 29;
    }
    hash
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_programs_put_around_an_id_is_no_part_of_it() {
        for (text, expected) in [
            ("c1", "c1"),
            (" 007 ", "007"),
            ("bo     ", "bo"),
            ("2023050100000001\t", "2023050100000001"),
            ("12345.0", "12345"),
            ("=\"00123\"", "00123"),
            ("'00123", "00123"),
            ("\"x\"", "x"),
            ("'s Gravenmade", "'s Gravenmade"),
            ("=1+1|x", "=1+1|x"),
            ("v1.0", "v1.0"),
            ("1.5", "1.5"),
            ("小王🐱", "小王🐱"),
            ("q\"q", "q\"q"),
            (" \u{a0}", ""),
        ] {
            assert_eq!(normal(text), expected, "{text}");
        }
    }

    #[test]
    fn words_for_nobody_have_no_digit_and_no_at_sign() {
        assert!(NOBODY.iter().all(|word| !word.contains(|c: char| c.is_ascii_digit() || c == '@')));
        assert!(is_nobody("-1") && is_nobody(" \"-1\" ") && !is_nobody("1") && !is_nobody("a-1"));
    }

    #[test]
    fn nobody_is_no_customer() {
        for text in [
            "nan",
            "None",
            "NULL",
            "\\N",
            "N/A",
            "-",
            "散客",
            "unknown@unknown.com",
            "guest@shop.com",
            "0000",
            "-1",
        ] {
            assert_eq!(customer(text), Id::Nobody, "{text}");
        }
        for text in ["138****1234", "王**", "a***@example.com", "**"] {
            assert_eq!(customer(text), Id::Masked, "{text}");
        }
        assert_eq!(
            (customer("6.22E+15"), customer("6,22E+15"), customer("1e+5")),
            (Id::Rounded, Id::Rounded, Id::Rounded)
        );
        for text in [
            "0",
            "12345",
            "12E4",
            "Nan Li",
            "nobody",
            "null-island",
            "c*1",
            "none@example.com.cn",
            "0e5x",
            "小王",
        ] {
            let expected = if text.starts_with("none@") { Id::Nobody } else { Id::Named(text) };
            assert_eq!(customer(text), expected, "{text}");
        }
        assert_eq!(customer(""), Id::Empty);
    }

    #[test]
    fn ids_that_differ_in_form_alone_share_a_fingerprint() {
        for (a, b) in [("00123", "123"), ("Ana", "ana"), ("bo x", "box")] {
            assert_eq!(fingerprint(a), fingerprint(b));
        }
        assert_ne!(fingerprint("123"), fingerprint("124"));
        assert_ne!(fingerprint("103"), fingerprint("13"));
    }
}
