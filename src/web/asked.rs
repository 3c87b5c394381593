//! What a page was asked for: the language and the parameters, and links that keep them.

use std::fmt::{self, Write};

use axum::extract::Query;
use axum::http::{HeaderMap, Uri, header};

use super::words::Lang;
use crate::service::sessions;

/// The parameter that names the language.
const LANG: &str = "lang";

/// What a page was asked for.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Asked {
    /// The language to answer in.
    pub lang: Lang,
    /// Whether the address itself names the language; then every link does.
    pub named: bool,
    /// Whether the request came with the cookie of a session.
    pub signed_in: bool,
    path: String,
    /// The parameters other than the language, without the empty ones.
    pairs: Vec<(String, String)>,
}

impl Asked {
    /// Reads an address and the headers that came with it.
    pub fn of(uri: &Uri, headers: &HeaderMap) -> Self {
        let pairs = Query::<Vec<(String, String)>>::try_from_uri(uri)
            .map_or_else(|_| Vec::new(), |Query(pairs)| pairs);
        let named = pairs.iter().filter(|(name, _)| name == LANG).find_map(|(_, code)| Lang::from_code(code));
        let accepted = || {
            let accepted = headers.get_all(header::ACCEPT_LANGUAGE);
            accepted.iter().filter_map(|value| value.to_str().ok()).find_map(preferred)
        };
        Asked {
            lang: named.or_else(accepted).unwrap_or_default(),
            named: named.is_some(),
            signed_in: [false, true].into_iter().any(|tls| sessions::token(headers, tls).is_some()),
            path: uri.path().to_owned(),
            pairs: pairs.into_iter().filter(|(name, value)| name != LANG && !value.is_empty()).collect(),
        }
    }

    /// The same for who is not signed in any more.
    pub fn signed_out(self) -> Self {
        Asked { signed_in: false, ..self }
    }

    /// The value of a parameter, without the spaces around it.
    pub fn get(&self, name: &str) -> Option<&str> {
        let value = self.pairs.iter().find(|(known, _)| known == name).map(|(_, value)| value.trim());
        value.filter(|value| !value.is_empty())
    }

    /// The parameters other than the language, without the empty ones.
    pub fn pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        self.pairs.iter().map(|(name, value)| (name.as_str(), value.trim()))
    }

    /// A link to a path of this site, in the language of this page.
    pub fn link(&self, path: &str) -> Link {
        let link = Link::new(path);
        if self.named { link.with(LANG, self.lang.code()) } else { link }
    }

    /// The same parameters at another path.
    pub fn moved(&self, path: &str) -> Link {
        self.pairs.iter().fold(self.link(path), |link, (name, value)| link.with(name, value))
    }

    /// A link to one customer.
    pub fn customer(&self, id: &str) -> Link {
        match id {
            // Browsers resolve these two as folders, however they are encoded.
            "." | ".." => self.link("/customers").with("id", id),
            _ => self.link(&format!("/customers/{}", encoded(id))),
        }
    }

    /// The path of what is done with one customer.
    pub fn of_customer(&self, id: &str, what: &str) -> Link {
        self.link(&format!("/customers/{}/{what}", encoded(id)))
    }

    /// This very page, with its parameters.
    pub fn here(&self) -> Link {
        self.moved(&self.path)
    }

    /// This very page in another language.
    pub fn in_language(&self, lang: Lang) -> Link {
        let link = Link::new(&self.path).with(LANG, lang.code());
        self.pairs.iter().fold(link, |link, (name, value)| link.with(name, value))
    }
}

/// The language that an `Accept-Language` header prefers among ours.
fn preferred(accepted: &str) -> Option<Lang> {
    let mut best: Option<(f32, Lang)> = None;
    for part in accepted.split(',') {
        let mut fields = part.split(';');
        let tag = fields.next().unwrap_or_default().trim();
        let Some(lang) = Lang::from_code(tag.split('-').next().unwrap_or_default()) else { continue };
        let weight = fields.find_map(|field| field.trim().strip_prefix("q=")).map_or(Ok(1.0), str::parse);
        let Ok(weight) = weight else { continue };
        if weight > best.map_or(0.0, |(weight, _)| weight) {
            best = Some((weight, lang));
        }
    }
    best.map(|(_, lang)| lang)
}

/// An address in the making.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Link {
    text: String,
    next: char,
}

impl Link {
    fn new(path: &str) -> Self {
        Link { text: path.to_owned(), next: '?' }
    }

    /// The same with one more parameter.
    pub fn with(mut self, name: &str, value: &str) -> Self {
        let _ = write!(self.text, "{}{}={}", self.next, encoded(name), encoded(value));
        self.next = '&';
        self
    }
}

impl fmt::Display for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// A text in percent-encoding (RFC 3986): all but the unreserved characters.
pub(super) fn encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    fn zh() -> Lang {
        Lang::from_code("zh").unwrap()
    }

    fn asked(uri: &str, accepted: Option<&str>) -> Asked {
        let headers = accepted.map(|accepted| (header::ACCEPT_LANGUAGE, accepted.parse().unwrap()));
        Asked::of(&uri.parse().unwrap(), &HeaderMap::from_iter(headers))
    }

    #[test]
    fn the_address_goes_before_the_header_and_english_comes_last() {
        for (uri, accepted, lang) in [
            ("/", None, Lang::ENGLISH),
            ("/", Some("zh-CN,zh;q=0.9,en;q=0.8"), zh()),
            ("/", Some("de, en;q=0.5, zh;q=0.7"), zh()),
            ("/", Some("zh;q=0, en;q=0.1"), Lang::ENGLISH),
            ("/", Some("zh;q=much"), Lang::ENGLISH),
            ("/", Some("ZH-hant"), zh()),
            ("/?lang=en", Some("zh"), Lang::ENGLISH),
            ("/?lang=zh", None, zh()),
            ("/?lang=fr", Some("zh"), zh()),
        ] {
            assert_eq!(asked(uri, accepted).lang, lang, "{uri} {accepted:?}");
        }
    }

    #[test]
    fn links_keep_the_language_that_the_address_names() {
        assert_eq!(asked("/", Some("zh")).link("/").to_string(), "/");
        assert_eq!(asked("/?lang=zh", None).link("/").with("sort", "clv").to_string(), "/?lang=zh&sort=clv");
        let here = asked("/customers/a%2Fb?lang=zh&x=1%262&y=", None);
        assert_eq!(here.in_language(Lang::ENGLISH).to_string(), "/customers/a%2Fb?lang=en&x=1%262");
    }

    #[test]
    fn any_text_is_a_customer_id() {
        let link = |id: &str| asked("/", None).customer(id).to_string();
        assert_eq!(link("a/b?c#d&e% +\"<茶>"), "/customers/a%2Fb%3Fc%23d%26e%25%20%2B%22%3C%E8%8C%B6%3E");
        assert_eq!(link(".."), "/customers?id=..");
        assert_eq!(link("..."), "/customers/...");
    }
}
