//! What a browser may do here on behalf of a website: under which names the service answers, from which origins scripts may
//! call it, and the headers that go with every reply.
//!
//! Browsers tell in `Sec-Fetch-Site` (W3C Fetch Metadata) and in `Origin` (RFC 6454) which site made a request. Programs send
//! neither and are not affected.

use axum::http::uri::Authority;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, Uri, header};

use super::problem::{Code, Problem, clip};

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
const SEC_FETCH_MODE: HeaderName = HeaderName::from_static("sec-fetch-mode");
const SEC_FETCH_DEST: HeaderName = HeaderName::from_static("sec-fetch-dest");
const RESOURCE_POLICY: HeaderName = HeaderName::from_static("cross-origin-resource-policy");

/// How the service can be reached.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Exposure {
    hosts: Vec<String>,
    origins: Vec<HeaderValue>,
    tls: bool,
}

impl Exposure {
    /// `hosts` are names by which the service may be called while it asks for no keys, besides those of the loopback interface;
    /// `origins` are websites whose scripts may call the API; `tls`: callers reach it by HTTPS.
    ///
    /// ```
    /// use homing::service::Exposure;
    ///
    /// assert!(Exposure::new(&["homing.lan".to_owned()], &["https://crm.lan".to_owned()], true).is_ok());
    /// assert!(Exposure::new(&[], &["https://crm.lan/path".to_owned()], true).is_err());
    /// ```
    ///
    /// # Errors
    /// What is wrong with a host or an origin.
    pub fn new(hosts: &[String], origins: &[String], tls: bool) -> Result<Self, String> {
        let host = |host: &String| {
            let authority = host.parse::<Authority>().ok();
            let plain = authority.filter(|authority| authority.host() == host && !host.is_empty());
            plain.map(|_| host.to_ascii_lowercase()).ok_or_else(|| {
                format!("`{host}` is not a host name; write it without scheme and port, such as homing.lan")
            })
        };
        let origin = |text: &String| {
            let wrong =
                || format!("`{text}` is not an origin; write SCHEME://HOST[:PORT], such as https://crm.lan");
            let lower = text.to_ascii_lowercase();
            let rest = lower.strip_prefix("https://").or_else(|| lower.strip_prefix("http://"));
            let authority = rest.and_then(|rest| rest.parse::<Authority>().ok()).ok_or_else(wrong)?;
            if authority.as_str().contains('@') {
                return Err(wrong());
            }
            HeaderValue::from_str(&lower).map_err(|_| wrong())
        };
        Ok(Exposure {
            hosts: hosts.iter().map(host).collect::<Result<_, _>>()?,
            origins: origins.iter().map(origin).collect::<Result<_, _>>()?,
            tls,
        })
    }

    /// Whether callers come by HTTPS.
    pub(crate) fn tls(&self) -> bool {
        self.tls
    }

    /// The websites whose scripts may call the API.
    pub(crate) fn origins(&self) -> &[HeaderValue] {
        &self.origins
    }

    /// Refuses what a website makes a browser send without being allowed to, and while there are no keys (`open`) a name that is
    /// not one of this service: a website can let its own name point here.
    ///
    /// # Errors
    /// [`Code::ForeignHost`] and [`Code::CrossSite`].
    pub(crate) fn check(
        &self,
        method: &Method,
        uri: &Uri,
        headers: &HeaderMap,
        open: bool,
    ) -> Result<(), Problem> {
        if open {
            self.check_host(uri, headers)?;
        }
        if self.is_cross_site(uri, headers) && !is_visit(method, headers) {
            let detail = "a browser sent this request for another website; open homing's own pages, call the API from a \
                          program, or allow the website with --cors-origins";
            return Err(Problem::new(Code::CrossSite, detail));
        }
        Ok(())
    }

    fn check_host(&self, uri: &Uri, headers: &HeaderMap) -> Result<(), Problem> {
        let known = |authority: &str| {
            authority.parse::<Authority>().is_ok_and(|authority| {
                let host = authority.host().trim_end_matches('.').to_ascii_lowercase();
                is_loopback(&host) || self.hosts.contains(&host)
            })
        };
        let named = headers.get_all(header::HOST).iter().map(|host| host.to_str().unwrap_or_default());
        let mut named = named.chain(uri.authority().map(Authority::as_str));
        // Only programs name no host.
        match named.find(|host| !known(host)) {
            None => Ok(()),
            Some(host) => {
                let detail = format!(
                    "without API keys this service answers to localhost only, not to the host `{}`; call it by that name, allow \
                     the host with --allowed-hosts, or create a key with `homing keys create`",
                    clip(host)
                );
                Err(Problem::new(Code::ForeignHost, detail))
            }
        }
    }

    /// Whether a page of another site, which is not allowed to, made this request.
    fn is_cross_site(&self, uri: &Uri, headers: &HeaderMap) -> bool {
        let all = |name: &HeaderName| -> Vec<&str> {
            headers.get_all(name).iter().map(|value| value.to_str().unwrap_or("?")).collect()
        };
        let (sites, origins) = (all(&SEC_FETCH_SITE), all(&header::ORIGIN));
        if origins.len() == 1 && self.origins.iter().any(|known| known == origins[0]) {
            return false;
        }
        match sites.as_slice() {
            // Scripts cannot set this header, so it is believed first: behind a proxy `Host` may have another name.
            ["same-origin" | "none"] => false,
            [] => match origins.as_slice() {
                [] => false,
                [origin] => !self.is_own(origin, uri, headers),
                _ => true,
            },
            _ => true,
        }
    }

    /// Whether an origin is that of the request itself. A proxy may have taken the TLS off, so the scheme is not compared.
    fn is_own(&self, origin: &str, uri: &Uri, headers: &HeaderMap) -> bool {
        let rest = origin.strip_prefix("https://").or_else(|| origin.strip_prefix("http://"));
        let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
        let host = host.or_else(|| uri.authority().map(Authority::as_str));
        rest.zip(host).is_some_and(|(origin, host)| origin.eq_ignore_ascii_case(host))
    }

    /// Adds to a reply the headers that keep browsers from storing it, guessing at its type, and giving it to other sites.
    pub(crate) fn secure(&self, headers: &mut HeaderMap) {
        for (name, value) in [
            (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
            (RESOURCE_POLICY, "same-origin"),
            (header::CACHE_CONTROL, "no-store"),
        ] {
            headers.entry(name).or_insert(HeaderValue::from_static(value));
        }
        if self.tls {
            let year = HeaderValue::from_static("max-age=31536000");
            headers.insert(header::STRICT_TRANSPORT_SECURITY, year);
        }
    }
}

/// Whether a host is this machine as it calls itself.
fn is_loopback(host: &str) -> bool {
    let address = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || address.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// Whether somebody follows a link to a page here, which changes nothing and tells the other site nothing.
fn is_visit(method: &Method, headers: &HeaderMap) -> bool {
    let is = |name: &HeaderName, wanted: &str| headers.get(name).is_some_and(|value| value == wanted);
    let (safe, top) = (matches!(*method, Method::GET | Method::HEAD), is(&SEC_FETCH_DEST, "document"));
    // Browsers that tell nothing of the request cannot read the reply either.
    safe && (!headers.contains_key(SEC_FETCH_SITE) || (is(&SEC_FETCH_MODE, "navigate") && top))
}

/// Whether a page of another site leads here, so that the browser left out the cookie of the session.
pub(crate) fn comes_from_elsewhere(headers: &HeaderMap) -> bool {
    headers.get(SEC_FETCH_SITE).is_some_and(|site| site == "cross-site" || site == "same-site")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(exposure: &Exposure, open: bool, method: Method, sent: &[(&str, &str)]) -> Result<(), Code> {
        let pairs = sent.iter().map(|(name, value)| {
            (HeaderName::from_bytes(name.as_bytes()).unwrap(), HeaderValue::from_str(value).unwrap())
        });
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(name, value);
        }
        exposure
            .check(&method, &"/v1/events".parse().unwrap(), &headers, open)
            .map_err(|problem| problem.code)
    }

    #[test]
    fn without_keys_a_foreign_host_is_refused_and_with_keys_taken() {
        let exposure = Exposure::new(&["Homing.lan".to_owned()], &[], false).unwrap();
        for (host, known) in [
            ("localhost", true),
            ("LOCALHOST:8080", true),
            ("localhost.", true),
            ("127.0.0.1:8080", true),
            ("127.1.2.3", true),
            ("[::1]:8080", true),
            ("homing.lan:443", true),
            ("evil.test", false),
            ("localhost.evil.test", false),
            ("127.0.0.1.evil.test", false),
            ("10.0.0.1", false),
            ("[::2]", false),
            ("a b", false),
            ("", false),
        ] {
            let expected = if known { Ok(()) } else { Err(Code::ForeignHost) };
            assert_eq!(check(&exposure, true, Method::GET, &[("host", host)]), expected, "{host}");
            assert_eq!(check(&exposure, false, Method::GET, &[("host", host)]), Ok(()), "{host}");
        }
        let two = [("host", "localhost"), ("host", "evil.test")];
        assert_eq!(check(&exposure, true, Method::GET, &two), Err(Code::ForeignHost));
        assert_eq!(check(&exposure, true, Method::GET, &[]), Ok(()));
    }

    #[test]
    fn a_request_that_another_site_made_is_refused() {
        let exposure = Exposure::new(&[], &["https://crm.lan".to_owned()], false).unwrap();
        let post = |sent: &[(&str, &str)]| check(&exposure, false, Method::POST, sent);
        let get = |sent: &[(&str, &str)]| check(&exposure, false, Method::GET, sent);
        let host = ("host", "localhost:8080");
        assert_eq!(post(&[host]), Ok(()), "programs send neither header");
        for sent in [
            [host, ("origin", "http://localhost:8080"), ("sec-fetch-site", "same-origin")],
            [host, ("origin", "https://LOCALHOST:8080"), ("accept", "*/*")],
            [host, ("origin", "https://crm.lan"), ("sec-fetch-site", "cross-site")],
            [("host", "behind.a.proxy"), ("origin", "https://homing.lan"), ("sec-fetch-site", "same-origin")],
        ] {
            assert_eq!(post(&sent), Ok(()), "{sent:?}");
        }
        for sent in [
            [host, ("origin", "http://evil.test"), ("accept", "*/*")],
            [host, ("origin", "null"), ("accept", "*/*")],
            [host, ("origin", "http://localhost:8081"), ("sec-fetch-site", "same-site")],
            [host, ("origin", "http://localhost:8080"), ("sec-fetch-site", "cross-site")],
            [host, ("origin", "https://crm.lan.evil.test"), ("sec-fetch-site", "cross-site")],
            [host, ("sec-fetch-site", "cross-site"), ("sec-fetch-site", "same-origin")],
            [host, ("origin", "http://localhost:8080"), ("origin", "http://evil.test")],
        ] {
            assert_eq!(post(&sent), Err(Code::CrossSite), "{sent:?}");
        }
        // A link may be followed; what a page loads for itself may not.
        let cross = ("sec-fetch-site", "cross-site");
        let (navigate, document) = (("sec-fetch-mode", "navigate"), ("sec-fetch-dest", "document"));
        assert_eq!(get(&[host, cross, navigate, document]), Ok(()));
        assert_eq!(get(&[host, cross, navigate, ("sec-fetch-dest", "iframe")]), Err(Code::CrossSite));
        assert_eq!(
            get(&[host, cross, ("sec-fetch-mode", "no-cors"), ("sec-fetch-dest", "script")]),
            Err(Code::CrossSite)
        );
        assert_eq!(post(&[host, cross, navigate, document]), Err(Code::CrossSite));
    }

    #[test]
    fn a_host_or_origin_that_cannot_match_is_refused_at_the_start() {
        for host in ["", "http://homing.lan", "homing.lan:8080", "a/b", "user@host"] {
            assert!(Exposure::new(&[host.to_owned()], &[], false).is_err(), "{host}");
        }
        for origin in
            ["", "*", "crm.lan", "null", "https://", "https://crm.lan/", "ftp://crm.lan", "https://a@crm.lan"]
        {
            assert!(Exposure::new(&[], &[origin.to_owned()], false).is_err(), "{origin}");
        }
    }
}
