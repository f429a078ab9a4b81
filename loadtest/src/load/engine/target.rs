//! Where requests go.

use std::fmt;
use std::net::{SocketAddr, ToSocketAddrs};
use std::str::FromStr;

use anyhow::{Context, bail};

use crate::load::scenario::Endpoint;

/// A URL, resolved once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    pub address: SocketAddr,
    pub is_tls: bool,
    /// What the `host` header says.
    pub authority: String,
    /// Path and query.
    pub path: String,
}

impl Target {
    /// The path that endpoints stand behind: what is left of the path without the endpoint at its end.
    pub fn base(&self) -> &str {
        let path = self.path.split('?').next().unwrap_or_default();
        let endpoint = Endpoint::of_path(path).map_or("", Endpoint::path);
        path.strip_suffix(endpoint).unwrap_or(path).trim_end_matches('/')
    }

    /// The name that a certificate must have.
    pub fn host(&self) -> &str {
        let host = match self.authority.rsplit_once(':') {
            Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host,
            _ => &self.authority,
        };
        host.trim_matches(['[', ']'])
    }

    pub fn scheme(&self) -> &'static str {
        if self.is_tls { "https" } else { "http" }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}://{}{}", self.scheme(), self.authority, self.path)
    }
}

impl FromStr for Target {
    type Err = anyhow::Error;

    fn from_str(url: &str) -> anyhow::Result<Self> {
        let (is_tls, rest, port) = match (url.strip_prefix("http://"), url.strip_prefix("https://")) {
            (Some(rest), _) => (false, rest, 80),
            (None, Some(rest)) => (true, rest, 443),
            (None, None) => bail!("\"{url}\" must begin with http:// or https://"),
        };
        let slash = rest.find('/').unwrap_or(rest.len());
        let (authority, path) = rest.split_at(slash);
        if path.len() < 2 {
            bail!(
                "\"{url}\" needs the path of an endpoint, as in http://127.0.0.1:8080/v1/chat/completions, \
                 or of all endpoints, as in http://127.0.0.1:8080/v1"
            );
        }
        if authority.contains('@') || url.bytes().any(|byte| byte <= b' ' || byte == 0x7f) {
            bail!("\"{url}\" must not have a user, spaces or control characters");
        }
        let has_port = authority
            .rsplit_once(':')
            .is_some_and(|(_, port)| port.bytes().all(|byte| byte.is_ascii_digit()));
        let with_port = if has_port { authority.to_owned() } else { format!("{authority}:{port}") };
        let mut addresses =
            with_port.to_socket_addrs().with_context(|| format!("cannot resolve \"{authority}\""))?;
        let address = addresses.next().with_context(|| format!("\"{authority}\" has no address"))?;
        Ok(Self { address, is_tls, authority: authority.to_owned(), path: path.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A URL is taken apart, with the usual port where it has none.
    #[test]
    fn takes_urls_apart() {
        let target: Target = "http://127.0.0.1:8080/v1/x?y=1".parse().expect("valid");
        assert_eq!((target.address.port(), target.path.as_str()), (8080, "/v1/x?y=1"));
        assert_eq!("http://127.0.0.1/v1".parse::<Target>().expect("valid").address.port(), 80);
        assert_eq!("https://127.0.0.1/v1".parse::<Target>().expect("valid").address.port(), 443);
        let target: Target = "http://[::1]:81/v1".parse().expect("valid");
        assert_eq!((target.authority.as_str(), target.host()), ("[::1]:81", "::1"));
    }

    /// The base of a URL is what stands before an endpoint that it names.
    #[test]
    fn knows_the_base_of_a_url() {
        for (path, base) in
            [("/v1", "/v1"), ("/v1/", "/v1"), ("/v1/chat/completions", "/v1"), ("/a/b/messages?x=1", "/a/b")]
        {
            let target: Target = format!("http://127.0.0.1:1{path}").parse().expect("valid");
            assert_eq!(target.base(), base);
        }
    }

    /// What is no URL of an endpoint is refused with a word on what is wrong.
    #[test]
    fn refuses_bad_urls() {
        for (url, word) in [
            ("ftp://127.0.0.1/v1", "http://"),
            ("127.0.0.1:80/v1", "http://"),
            ("http://127.0.0.1:80", "path"),
            ("http://127.0.0.1:99999/v1", "resolve"),
            ("http://127.0.0.1/a b", "spaces"),
        ] {
            let refused = format!("{:#}", url.parse::<Target>().expect_err(url));
            assert!(refused.contains(word), "{url}: {refused}");
        }
    }
}
