//! Which of a listener's certificates a client is shown: the one for the name that it asks for (SNI).
//!
//! Invariant: an exact name wins over a wildcard, which stands for one label; among certificates of one name the
//! first whose key fits the client's signature schemes; without a name, or for an unknown one, the first of all.

use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

/// A listener's certificates, in the order of the configuration.
#[derive(Default)]
pub struct Certificates {
    all: Vec<Arc<CertifiedKey>>,
    /// By name in lower case; a wildcard without its star. Indexes of `all`.
    by_name: HashMap<Box<str>, Vec<usize>>,
    /// For clients that ask for no name that is known: the first, and those of another key type for its names.
    otherwise: Vec<usize>,
}

/// A certificate that is there for the name already, with a key of the same type.
#[derive(Debug, PartialEq, Eq)]
pub struct Taken {
    pub index: usize,
    pub name: String,
}

impl Certificates {
    /// Adds a certificate for these names, such as `a.example` and `*.a.example`.
    ///
    /// # Errors
    /// Clients could not tell which of two certificates they would get.
    pub fn add<'n>(&mut self, key: CertifiedKey, names: impl Iterator<Item = &'n str>) -> Result<(), Taken> {
        let (index, algorithm) = (self.all.len(), key.key.algorithm());
        self.all.push(Arc::new(key));
        let mut of_first = index == 0;
        for name in names {
            let name = name.to_ascii_lowercase();
            let held = self.by_name.entry(name.strip_prefix('*').unwrap_or(&name).into()).or_default();
            if held.contains(&index) {
                continue;
            }
            if let Some(other) = held.iter().find(|other| self.all[**other].key.algorithm() == algorithm) {
                return Err(Taken { index: *other, name });
            }
            of_first |= held.contains(&0);
            held.push(index);
        }
        if of_first {
            self.otherwise.push(index);
        }
        Ok(())
    }

    /// Those for this name, best first.
    fn named(&self, name: &str) -> impl Iterator<Item = usize> {
        let name = name.to_ascii_lowercase();
        let held = |name: &str| self.by_name.get(name).into_iter().flatten().copied();
        let wildcard = name.find('.').map(|dot| held(&name[dot..]));
        held(&name).chain(wildcard.into_iter().flatten())
    }

    fn choose(&self, name: Option<&str>, fits: impl Fn(&CertifiedKey) -> bool) -> Option<&Arc<CertifiedKey>> {
        let mut candidates: Vec<usize> = name.into_iter().flat_map(|name| self.named(name)).collect();
        if candidates.is_empty() {
            candidates.clone_from(&self.otherwise);
        }
        // If none fits, the handshake fails with one as well as with none, and says why.
        let best = candidates.iter().find(|index| fits(&self.all[**index])).or(candidates.first());
        best.map(|index| &self.all[*index])
    }
}

impl ResolvesServerCert for Certificates {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let fits = |key: &CertifiedKey| key.key.choose_scheme(hello.signature_schemes()).is_some();
        self.choose(hello.server_name(), fits).cloned()
    }
}

/// Their number only: private keys are among them.
impl fmt::Debug for Certificates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Certificates({})", self.all.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rcgen::{KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_ED25519, PKCS_RSA_SHA256, SignatureAlgorithm as Kind};
    use rustls::SignatureAlgorithm;

    fn key(kind: &'static Kind) -> CertifiedKey {
        let pair = if kind == RSA { KeyPair::from_pem(RSA_KEY) } else { KeyPair::generate_for(kind) };
        let pair = pair.expect("a key");
        let provider = rustls::crypto::ring::default_provider();
        let private = pair.serialize_der().try_into().expect("PKCS #8");
        CertifiedKey::new(vec![], provider.key_provider.load_private_key(private).expect("a key"))
    }

    /// Certificates for these names, each with its key's type.
    fn certificates(names: &[(&'static Kind, &str)]) -> Result<Certificates, Taken> {
        let mut all = Certificates::default();
        for (kind, names) in names {
            all.add(key(kind), names.split_whitespace())?;
        }
        Ok(all)
    }

    /// The index of what a client is shown that takes keys of these types.
    fn shown(all: &Certificates, name: Option<&str>, takes: &[SignatureAlgorithm]) -> Option<usize> {
        let chosen = all.choose(name, |key| takes.contains(&key.key.algorithm()))?;
        all.all.iter().position(|known| Arc::ptr_eq(known, chosen))
    }

    const EC: &Kind = &PKCS_ECDSA_P256_SHA256;
    const ED: &Kind = &PKCS_ED25519;
    const RSA: &Kind = &PKCS_RSA_SHA256;
    const RSA_KEY: &str =
        include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/fixtures/test-only-rsa-2048.key"));
    const ALL: &[SignatureAlgorithm] =
        &[SignatureAlgorithm::ECDSA, SignatureAlgorithm::ED25519, SignatureAlgorithm::RSA];

    /// Exact names, then wildcards of one label, in any case; what is unknown gets the first.
    #[test]
    fn names_are_found() {
        let all = certificates(&[(EC, "first.example"), (EC, "*.b.example B.example"), (EC, "x.b.example")])
            .expect("all differ");
        for (name, index) in [
            (None, 0),
            (Some("first.example"), 0),
            (Some("FIRST.Example"), 0),
            (Some("b.example"), 1),
            (Some("a.b.example"), 1),
            (Some("x.b.example"), 2),
            (Some("X.B.EXAMPLE"), 2),
            (Some("y.a.b.example"), 0),
            (Some("example"), 0),
            (Some("other.example"), 0),
            (Some(""), 0),
        ] {
            assert_eq!(shown(&all, name, ALL), Some(index), "{name:?}");
        }
        assert_eq!(shown(&Certificates::default(), None, ALL), None);
    }

    /// Of two certificates for one name a client is shown the first that it can check.
    #[test]
    fn key_types_are_chosen() {
        let all = certificates(&[
            (ED, "a.example"),
            (EC, "a.example b.example"),
            (ED, "*.example"),
            (RSA, "a.example c.example"),
        ])
        .expect("types differ");
        let (ec, ed, rsa) = (&ALL[..1], &ALL[1..2], &ALL[2..]);
        for (name, expected) in [
            (Some("a.example"), [0, 1, 0, 3]),
            (Some("b.example"), [1, 1, 2, 1]),
            (Some("c.example"), [3, 3, 2, 3]),
            (None, [0, 1, 0, 3]),
        ] {
            let got = [ALL, ec, ed, rsa].map(|takes| shown(&all, name, takes));
            assert_eq!(got, expected.map(Some), "{name:?}");
        }
        assert_eq!(shown(&all, Some("z.example"), rsa), Some(2), "the handshake tells why");
    }

    /// Two certificates of one key type for one name are one too many; a name said twice is not.
    #[test]
    fn names_are_taken_once() {
        let taken = certificates(&[(EC, "a.example"), (ED, "a.example"), (EC, "b.example A.example")]);
        assert_eq!(taken.err(), Some(Taken { index: 0, name: "a.example".into() }));
        let taken = certificates(&[(EC, "*.example"), (EC, "*.Example")]);
        assert_eq!(taken.err(), Some(Taken { index: 0, name: "*.example".into() }));
        assert!(certificates(&[(EC, "a.example a.example *.example"), (EC, "b.example")]).is_ok());
    }
}
