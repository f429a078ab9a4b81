//! Where a URL of a stranger's leads, and whether the configuration lets it.
//!
//! Invariant: the parts can be written into a request's head as they are.

use crate::contract::errand::Why;
use crate::contract::snapshot::Fetching;
use crate::control::config::url::{self, BaseUrl};
use crate::control::reach::Reach;
use std::fmt::Write as _;

/// Longest URL.
const URL_BYTES: usize = 8192;

/// A URL in its parts.
#[derive(Debug)]
pub struct Place {
    /// Scheme, host and port.
    pub url: BaseUrl,
    /// Path and query, as a request's head has them.
    pub target: String,
}

impl Place {
    /// # Errors
    /// It is no URL that could be asked.
    pub fn parse(text: &str) -> Result<Self, Why> {
        let text = text.trim_ascii();
        if text.len() > URL_BYTES {
            return Err(Why::told("its URL is too long"));
        }
        let (scheme, rest) = text.split_once("://").ok_or_else(no_url)?;
        let (authority, rest) = rest.find(['/', '?', '#', '\\']).map_or((rest, ""), |at| rest.split_at(at));
        let url = url::parse(&format!("{scheme}://{authority}"));
        let url = url.map_err(|reason| Why::told(format!("its URL {reason}")))?;
        Ok(Self { url, target: target(rest)? })
    }

    /// Where a redirect leads from here.
    ///
    /// # Errors
    /// As above.
    pub fn redirected(&self, location: &str) -> Result<Self, Why> {
        let scheme = if self.url.https { "https" } else { "http" };
        let here = &self.url.host_header;
        let path = self.target.split('?').next().unwrap_or_default();
        let folder = path.rfind('/').map_or("/", |at| &path[..=at]);
        Self::parse(&match location.trim_ascii() {
            absolute if absolute.contains("://") => absolute.to_owned(),
            elsewhere if elsewhere.starts_with("//") => format!("{scheme}:{elsewhere}"),
            rooted if rooted.starts_with('/') => format!("{scheme}://{here}{rooted}"),
            query if query.starts_with('?') => format!("{scheme}://{here}{path}{query}"),
            beside => format!("{scheme}://{here}{folder}{beside}"),
        })
    }

    /// How far it may lead.
    ///
    /// # Errors
    /// It may not be asked at all.
    pub fn reach(&self, rules: &Fetching) -> Result<Reach, Why> {
        let BaseUrl { https, host, port, .. } = &self.url;
        if !https && !rules.plain_http {
            return Err(Why::told("its URL does not begin with https://"));
        }
        let own_port = if *https { 443 } else { 80 };
        let named = |(name, at): &(Box<str>, Option<u16>)| name == host && at.unwrap_or(own_port) == *port;
        if rules.private_hosts.iter().any(named) {
            return Ok(Reach::Guarded);
        }
        if !rules.hosts.allows(host) {
            return Err(Why::told("the gateway's operator does not allow this host"));
        }
        if *port != own_port {
            return Err(Why::told("its URL names a port"));
        }
        Ok(Reach::Public)
    }
}

fn no_url() -> Why {
    Why::told("its URL must begin with https://")
}

/// The path and the query without the fragment; what cannot stand there is written as `%XX`.
fn target(rest: &str) -> Result<String, Why> {
    let rest = rest.split('#').next().unwrap_or_default();
    if rest.bytes().any(|byte| byte.is_ascii_control() || byte == b'\\') {
        return Err(Why::told("its URL has characters that no URL may have"));
    }
    let mut target = String::with_capacity(rest.len() + 1);
    if !rest.starts_with('/') {
        target.push('/');
    }
    for byte in rest.bytes() {
        if byte.is_ascii_alphanumeric() || b"/-._~!$&'()*+,;=:@%?[]".contains(&byte) {
            target.push(char::from(byte));
        } else {
            _ = write!(target, "%{byte:02X}");
        }
    }
    Ok(target)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::snapshot::{Grants, Pattern};
    use std::sync::Arc;

    fn rules(plain_http: bool, hosts: Grants) -> Fetching {
        let roots = rustls::RootCertStore::empty();
        let crypto = Arc::new(rustls::crypto::ring::default_provider());
        let tls = rustls::ClientConfig::builder_with_provider(crypto).with_safe_default_protocol_versions();
        let tls = tls.expect("versions").with_root_certificates(roots).with_no_client_auth();
        let private_hosts = vec![("images.corp".into(), None), ("10.0.0.7".into(), Some(8443))];
        Fetching {
            plain_http,
            hosts,
            private_hosts,
            bytes_max: 9,
            count_max: 9,
            timeout_ms: 9,
            tls: tls.into(),
        }
    }

    fn anywhere() -> Grants {
        Grants { everything: true, ..Grants::default() }
    }

    /// A URL comes apart into what a connection and a head need, and nothing in it becomes another line of that head.
    #[test]
    fn urls() {
        for (text, host, port, target) in [
            ("https://a.example/b.png?c=d#e", "a.example", 443, "/b.png?c=d"),
            (" HTTPS://A.Example ", "a.example", 443, "/"),
            ("https://a.example?x", "a.example", 443, "/?x"),
            ("http://a.example:8080/ö b.png", "a.example", 8080, "/%C3%B6%20b.png"),
            ("https://[2606:4700::1]/x", "2606:4700::1", 443, "/x"),
            ("https://a.example/b@c:d//e/../f", "a.example", 443, "/b@c:d//e/../f"),
        ] {
            let place = Place::parse(text).expect(text);
            assert_eq!((&*place.url.host, place.url.port, &*place.target), (host, port, target), "{text}");
        }
        for text in [
            "",
            "a.example/x",
            "//a.example/x",
            "ftp://a.example/x",
            "file:///etc/passwd",
            "data:image/png;base64,AA",
            "gs://bucket/x",
            "https://",
            "https:///x",
            "https://user:hunter2@a.example/x",
            "https://a.example\\@b.example/x",
            "https://a.example/x\r\ny: z",
            "https://a.example/x\\y",
            "https://2130706433/",
            "https://0x7f.1/",
            "https://127.1/",
            "https://[::1/",
            "https://a b/",
            "https://bücher.example/",
        ] {
            let why = Place::parse(text).expect_err(text);
            assert!(!why.public.contains("hunter2"), "{why:?}");
        }
        assert!(Place::parse(&format!("https://a.example/{}", "x".repeat(URL_BYTES))).is_err());
    }

    /// A redirect is read from where it was given.
    #[test]
    fn redirects() {
        let from = Place::parse("https://a.example/b/c.png?d").expect("a URL");
        for (location, target) in [
            ("https://e.example/f", "https://e.example/f"),
            ("//e.example/f", "https://e.example/f"),
            ("/f?g", "https://a.example/f?g"),
            ("f", "https://a.example/b/f"),
            ("?g", "https://a.example/b/c.png?g"),
        ] {
            let place = from.redirected(location).expect(location);
            assert_eq!(format!("https://{}{}", place.url.host_header, place.target), target);
        }
        for location in ["", "javascript://x", "https://", "ftp://x/"] {
            let place = from.redirected(location);
            assert!(location.is_empty() || place.is_err(), "{location}");
        }
    }

    /// What may be asked is what the rules name: schemes, hosts, ports, and private hosts at theirs.
    #[test]
    fn rules_are_kept() {
        let mut some = Grants::default();
        some.exact.insert("a.example".into());
        some.patterns.push(Pattern::parse("*.b.example").expect("a pattern"));
        let (all, listed, tls_only) = (rules(true, anywhere()), rules(true, some), rules(false, anywhere()));
        for (rules, text, reach) in [
            (&all, "https://x.example/", Some(Reach::Public)),
            (&all, "http://x.example/", Some(Reach::Public)),
            (&all, "https://x.example:8443/", None),
            (&all, "https://x.example:80/", None),
            (&all, "http://x.example:443/", None),
            (&tls_only, "http://x.example/", None),
            (&tls_only, "http://images.corp/", None),
            (&tls_only, "https://images.corp/", Some(Reach::Guarded)),
            (&all, "http://images.corp/", Some(Reach::Guarded)),
            (&all, "https://images.corp:8443/", None),
            (&all, "https://10.0.0.7:8443/", Some(Reach::Guarded)),
            (&all, "https://10.0.0.7/", Some(Reach::Public)),
            (&listed, "https://a.example/", Some(Reach::Public)),
            (&listed, "https://c.b.example/", Some(Reach::Public)),
            (&listed, "https://xb.example/", None),
            (&listed, "https://images.corp/", Some(Reach::Guarded)),
        ] {
            assert_eq!(Place::parse(text).expect(text).reach(rules).ok(), reach, "{text}");
        }
    }
}
