//! The `keys` section: hashes of clients' keys, found in one step.
//!
//! Invariant: no two keys have the same hash or id; no secret leaves this file but as its hash.

use crate::base::civil;
use crate::base::clock;
use crate::base::limits::KEY_BYTES;
use crate::base::secret::{KeyHash, Secret};
use crate::contract::names::Names;
use crate::contract::snapshot::Key;
use crate::control::config::check::name_fault;
use crate::control::config::checked::Cursor;
use crate::control::config::complaint::Findings;
use std::collections::HashMap;

/// A shorter secret can be guessed, or is a placeholder.
const SECRET_BYTES: usize = 20;

#[derive(Default)]
pub struct Keys {
    pub list: Vec<Key>,
    pub by_hash: hashbrown::HashMap<KeyHash, u32>,
}

/// `groups` has the declared groups and their index in the snapshot; `None` if their section is wrong as a whole.
pub fn compile(
    section: &Cursor<'_>,
    names: &Names,
    groups: Option<&HashMap<&str, u32>>,
    findings: &mut Findings,
) -> Keys {
    let count = section.items().len();
    let mut keys =
        Keys { list: Vec::with_capacity(count), by_hash: hashbrown::HashMap::with_capacity(count) };
    let mut ids: HashMap<&str, usize> = HashMap::with_capacity(count);
    for (index, cursor) in section.items().enumerate().filter(|(_, cursor)| !cursor.is_wrong()) {
        let (group, hash, expires_unix) =
            (group(&cursor, groups, findings), hash(&cursor, findings), expiry(&cursor, findings));
        if let Some(first) = cursor.text("id").and_then(|id| ids.insert(id, index)) {
            cursor.complain_at("id", findings, format!("is the id of keys[{first}] too"));
        }
        if let Some(fault) = cursor.text("id").and_then(name_fault) {
            // It stands in every line of the access log.
            cursor.complain_at("id", findings, fault);
        }
        let (Some(id), Some(group), Some(hash)) = (cursor.text("id"), group, hash) else { continue };
        if let Some(first) = keys.by_hash.insert(hash, keys.list.len() as u32) {
            let first = names.text(keys.list[first as usize].name);
            cursor.complain(findings, format!("has the same secret as the key {first:?}"));
        }
        keys.list.push(Key { name: names.intern(id), group, expires_unix });
    }
    keys
}

fn group(key: &Cursor<'_>, groups: Option<&HashMap<&str, u32>>, findings: &mut Findings) -> Option<u32> {
    let (name, groups) = (key.text("group")?, groups?);
    let index = groups.get(name).copied();
    if index.is_none() {
        let message = format!("{name:?} is not declared");
        findings.complain_near(
            key.path.name("group"),
            key.place("group"),
            message,
            name,
            groups.keys().copied(),
        );
    }
    index
}

fn hash(key: &Cursor<'_>, findings: &mut Findings) -> Option<KeyHash> {
    match (key.has("secret"), key.has("hash")) {
        (true, false) => hash_of_secret(key, key.secret("secret")?, findings),
        (false, true) => {
            let hash = parse_hash(key.secret("hash")?);
            if hash.is_none() {
                key.complain_at("hash", findings, "is not sha256: and 64 hexadecimal digits");
            }
            hash
        }
        (true, true) => {
            key.complain(findings, "has both a secret and a hash");
            None
        }
        (false, false) => {
            key.complain(findings, "has neither a secret nor a hash");
            None
        }
    }
}

fn hash_of_secret(key: &Cursor<'_>, secret: &Secret, findings: &mut Findings) -> Option<KeyHash> {
    let bytes = secret.expose();
    if !bytes.iter().all(u8::is_ascii_graphic) {
        key.complain_at("secret", findings, "has characters that a header cannot carry (spaces, line ends)");
        return None;
    }
    if bytes.len() > KEY_BYTES {
        key.complain_at("secret", findings, format!("is longer than {KEY_BYTES} bytes"));
        return None;
    }
    if bytes.len() < SECRET_BYTES {
        key.warn_at(
            "secret",
            findings,
            format!("is shorter than {SECRET_BYTES} characters and may be guessed"),
        );
    }
    Some(KeyHash::of(bytes))
}

/// `sha256:` and 64 hexadecimal digits.
fn parse_hash(text: &Secret) -> Option<KeyHash> {
    let digits: &[u8; 64] = text.expose().strip_prefix(b"sha256:")?.try_into().ok()?;
    let mut hash = [0; 32];
    for (byte, pair) in hash.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = (nibble(pair[0])? << 4) | nibble(pair[1])?;
    }
    Some(KeyHash(hash))
}

fn nibble(digit: u8) -> Option<u8> {
    (digit as char).to_digit(16).map(|value| value as u8)
}

fn expiry(key: &Cursor<'_>, findings: &mut Findings) -> Option<u64> {
    let text = key.text("expires")?;
    let expires = civil::expiry(text);
    match expires {
        None => key.complain_at(
            "expires",
            findings,
            format!("{text:?} is not a date (2026-12-31) or RFC 3339 time"),
        ),
        Some(unix) if unix <= clock::unix_seconds() => key.warn_at("expires", findings, "is over"),
        Some(_) => {}
    }
    expires
}
