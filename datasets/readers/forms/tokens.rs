//! A date or time cut into numbers, words and signs.

/// A piece of a date.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Token<'a> {
    /// Digits: their value and how many there are.
    Number(u64, usize),
    /// Letters.
    Word(&'a str),
    /// A character that is neither digit, letter nor blank.
    Sign(char),
}

/// Tokens of a date at most; a longer text is none.
const MOST: usize = 24;

/// Cuts a text; nothing if it is too long for a date. `blank[i]` says whether there is a blank before token `i`.
pub(super) fn cut(text: &str) -> Option<Vec<Token<'_>>> {
    let mut tokens = Vec::with_capacity(12);
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        if tokens.len() == MOST {
            return None;
        }
        let end = |same: fn(char) -> bool| rest.find(|c| !same(c)).unwrap_or(rest.len());
        let len = if first.is_ascii_digit() {
            let len = end(|c| c.is_ascii_digit());
            tokens.push(Token::Number(rest[..len].parse().ok()?, len));
            len
        } else if first.is_alphabetic() {
            // Chinese units are between the digits, each a word of its own.
            let len = if is_unit(first) {
                first.len_utf8()
            } else if is_han(first) {
                end(|c| is_han(c) && !is_unit(c))
            } else {
                end(|c| c.is_alphabetic() && !is_han(c))
            };
            tokens.push(Token::Word(&rest[..len]));
            len
        } else {
            if !is_blank(first) {
                tokens.push(Token::Sign(first));
            }
            first.len_utf8()
        };
        rest = &rest[len..];
    }
    Some(tokens)
}

fn is_unit(c: char) -> bool {
    matches!(c, '年' | '月' | '日' | '号' | '號' | '时' | '時' | '点' | '點' | '分' | '秒')
}

fn is_han(c: char) -> bool {
    ('\u{3400}'..='\u{9fff}').contains(&c) || ('\u{ac00}'..='\u{d7af}').contains(&c)
}

/// A blank of any width, or a mark without one; and the backquote by which payment bills keep spreadsheets from touching a
/// value.
pub(crate) fn is_blank(c: char) -> bool {
    c.is_whitespace()
        || c == '`'
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{feff}' | '\u{2060}')
}

/// A text without the blanks around it.
#[inline]
pub(crate) fn trimmed(text: &str) -> &str {
    let bytes = text.as_bytes();
    // Almost every text begins and ends with a letter or digit.
    let plain = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
    if plain(bytes.first()) && plain(bytes.last()) { text } else { text.trim_matches(is_blank) }
}

/// The month that a word names, by the beginnings used in English, German, French, Spanish, Italian, Portuguese and
/// Dutch; the languages agree wherever they share a beginning.
pub(super) fn month(word: &str) -> Option<u32> {
    const NAMES: &[(&str, u32)] = &[
        ("jan", 1),
        ("jän", 1),
        ("ene", 1),
        ("gen", 1),
        ("feb", 2),
        ("fév", 2),
        ("fev", 2),
        ("mar", 3),
        ("mär", 3),
        ("maa", 3),
        ("mrt", 3),
        ("mrz", 3),
        ("apr", 4),
        ("avr", 4),
        ("abr", 4),
        ("may", 5),
        ("mai", 5),
        ("mag", 5),
        ("mei", 5),
        ("jun", 6),
        ("giu", 6),
        ("juin", 6),
        ("jul", 7),
        ("lug", 7),
        ("juil", 7),
        ("aug", 8),
        ("aoû", 8),
        ("aou", 8),
        ("ago", 8),
        ("sep", 9),
        ("set", 9),
        ("oct", 10),
        ("okt", 10),
        ("ott", 10),
        ("out", 10),
        ("nov", 11),
        ("dec", 12),
        ("dez", 12),
        ("déc", 12),
        ("dic", 12),
        ("sept", 9),
        ("märz", 3),
        ("mars", 3),
    ];
    let word = word.to_lowercase();
    let found = NAMES.iter().filter(|(name, _)| word.starts_with(name));
    found.max_by_key(|(name, _)| name.len()).map(|&(_, month)| month)
}

/// Whether a word is a day of the week, or one that occurs in dates without a meaning.
pub(super) fn is_filler(word: &str) -> bool {
    const WORDS: &[&str] = &[
        "mon",
        "monday",
        "tue",
        "tues",
        "tuesday",
        "wed",
        "wednesday",
        "thu",
        "thur",
        "thurs",
        "thursday",
        "fri",
        "friday",
        "sat",
        "saturday",
        "sun",
        "sunday",
        "montag",
        "dienstag",
        "mittwoch",
        "donnerstag",
        "freitag",
        "samstag",
        "sonntag",
        "lundi",
        "mardi",
        "mercredi",
        "jeudi",
        "vendredi",
        "samedi",
        "dimanche",
        "lunes",
        "martes",
        "jueves",
        "viernes",
        "domingo",
        "st",
        "nd",
        "rd",
        "th",
        "of",
        "de",
        "hs",
        "del",
        "at",
        "um",
        "uhr",
        "à",
        "a",
        "on",
        "the",
        "le",
        "el",
    ];
    let lower = word.to_lowercase();
    WORDS.contains(&lower.as_str())
        || ["星期", "周", "週", "礼拜"].iter().any(|week| word.starts_with(week))
        || ["Mo", "Di", "Mi", "Do", "Fr", "Sa", "So"].contains(&word)
}

/// Seconds east of Greenwich of a zone's short name. Names that several countries use for different zones are left out.
pub(super) fn zone(word: &str) -> Option<i32> {
    Some(match word {
        "Z" | "z" | "UTC" | "GMT" | "utc" | "gmt" | "WET" => 0,
        "CET" | "MEZ" | "WEST" => 3600,
        "CEST" | "MESZ" | "EET" => 2 * 3600,
        "EEST" | "MSK" => 3 * 3600,
        "EST" => -5 * 3600,
        "EDT" => -4 * 3600,
        "CDT" => -5 * 3600,
        "MST" => -7 * 3600,
        "MDT" => -6 * 3600,
        "PST" => -8 * 3600,
        "PDT" => -7 * 3600,
        "JST" | "KST" => 9 * 3600,
        "HKT" | "SGT" | "AWST" => 8 * 3600,
        "AEST" => 10 * 3600,
        "AEDT" => 11 * 3600,
        _ => return None,
    })
}

/// Whether a word says in which half of the day a time is: `Some(true)` for the second.
pub(super) fn half(word: &str) -> Option<bool> {
    match word {
        "上午" | "凌晨" | "早上" | "清晨" | "午前" | "오전" => return Some(false),
        "下午" | "晚上" | "中午" | "傍晚" | "午後" | "午后" | "오후" => return Some(true),
        _ => {}
    }
    match word.to_ascii_lowercase().as_str() {
        "am" => Some(false),
        "pm" => Some(true),
        _ => None,
    }
}
