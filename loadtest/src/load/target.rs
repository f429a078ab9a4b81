//! Where requests go.

use std::fmt;
use std::net::{SocketAddr, ToSocketAddrs};
use std::str::FromStr;

use anyhow::{Context, bail};

/// A URL, resolved once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    pub address: SocketAddr,
    /// What the `host` header says.
    pub authority: String,
    /// Path and query.
    pub path: String,
}

impl fmt::Display for Target {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "http://{}{}", self.authority, self.path)
    }
}

impl FromStr for Target {
    type Err = anyhow::Error;

    fn from_str(url: &str) -> anyhow::Result<Self> {
        let Some(rest) = url.strip_prefix("http://") else {
            bail!("\"{url}\" must begin with http:// (TLS is not measured by this tool)");
        };
        let slash = rest.find('/').unwrap_or(rest.len());
        let (authority, path) = rest.split_at(slash);
        if path.len() < 2 {
            bail!("\"{url}\" needs the path of an endpoint, as in http://127.0.0.1:8080/v1/chat/completions");
        }
        if authority.contains('@') || url.bytes().any(|byte| byte <= b' ' || byte == 0x7f) {
            bail!("\"{url}\" must not have a user, spaces or control characters");
        }
        let has_port = authority
            .rsplit_once(':')
            .is_some_and(|(_, port)| port.bytes().all(|byte| byte.is_ascii_digit()));
        let with_port = if has_port { authority.to_owned() } else { format!("{authority}:80") };
        let mut addresses =
            with_port.to_socket_addrs().with_context(|| format!("cannot resolve \"{authority}\""))?;
        let address = addresses.next().with_context(|| format!("\"{authority}\" has no address"))?;
        Ok(Self { address, authority: authority.to_owned(), path: path.to_owned() })
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
        assert_eq!("http://[::1]:81/v1".parse::<Target>().expect("valid").authority, "[::1]:81");
    }

    /// What is no URL of an endpoint is refused with a word on what is wrong.
    #[test]
    fn refuses_bad_urls() {
        for (url, word) in [
            ("https://127.0.0.1/v1", "http://"),
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
