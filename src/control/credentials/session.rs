//! The token of somebody who has signed in at AWS' directory: read from the file that AWS's tools keep it in, and renewed while
//! the directory allows it.
//!
//! What was renewed goes back into that file, so that AWS's tools and the gateway do not take the renewal from one another:
//! with each the one before is void. Where the file cannot be written, memory keeps it.
//!
//! Source: <https://docs.aws.amazon.com/singlesignon/latest/OIDCAPIReference/API_CreateToken.html>

use super::wire::{json, secret};
use super::{Failure, Place, Web};
use crate::base::secret::Secret;
use crate::base::{civil, clock};
use serde_json::{Value, json};
use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// How long before its end a token is renewed, in seconds, as AWS's tools do it.
const AHEAD: i64 = 15 * 60;

/// Where a session's token is, and who renews it.
pub struct Session {
    /// The directory's issuer of tokens.
    pub issuer: Place,
    store: Store,
}

/// What is known of a session: JSON, as AWS's tools write it.
struct Store {
    /// Read anew each time: whoever signs in replaces it.
    file: PathBuf,
    /// What the file does not take.
    renewed: Mutex<Option<Secret>>,
}

impl Session {
    pub const fn new(issuer: Place, file: PathBuf) -> Self {
        Self { issuer, store: Store { file, renewed: Mutex::new(None) } }
    }

    /// The token, which is good for a while yet.
    ///
    /// # Errors
    /// Nobody has signed in of late, and the token cannot be renewed.
    pub async fn token(&self) -> Result<Secret, Failure> {
        let now = clock::unix_seconds().cast_signed();
        let session = self.store.latest()?;
        let (token, ends) = (held(&session), ends(&session));
        let token = token.ok_or_else(|| self.store.failed("holds no token"))?;
        if ends - AHEAD > now {
            return Ok(token);
        }
        match self.renew(session, now).await {
            Ok(token) => Ok(token),
            // Another tool may have renewed it meanwhile; and a token that cannot be renewed is good until its end.
            Err(failure) => match self.store.latest() {
                Ok(latest) if self::ends(&latest) > now => held(&latest).ok_or(failure),
                _ => Err(failure),
            },
        }
    }

    async fn renew(&self, mut session: Value, now: i64) -> Result<Secret, Failure> {
        const OVER: &str = "holds a token that is over: sign in anew (aws sso login)";
        let part = |name: &str| session[name].as_str().filter(|text| !text.is_empty());
        let (Some(id), Some(word), Some(renewal)) =
            (part("clientId"), part("clientSecret"), part("refreshToken"))
        else {
            return Err(self.store.failed(OVER));
        };
        if part("registrationExpiresAt").and_then(civil::moment).is_some_and(|ends| ends <= now) {
            return Err(self.store.failed(OVER));
        }
        let asked = json!({"clientId": id, "clientSecret": word, "grantType": "refresh_token", "refreshToken": renewal});
        let answer = match Web::post_json(&self.issuer, "/token", asked.to_string()).ask().await {
            Err(Failure::Refused { status: 400..=403, .. }) => {
                return Err(self
                    .store
                    .failed("holds a token that is not renewed any more: sign in anew (aws sso login)"));
            }
            answer => json(&answer?)?,
        };
        let token = secret(answer["accessToken"].as_str());
        let token = token.ok_or(Failure::Unreadable("it has no accessToken"))?;
        let life = answer["expiresIn"].as_u64().ok_or(Failure::Unreadable("it does not say when it ends"))?;
        let ends = now.cast_unsigned().saturating_add(life.min(super::wire::LIFE_MAX));
        session["accessToken"] = answer["accessToken"].clone();
        session["expiresAt"] = seconds(ends).into();
        if answer["refreshToken"].is_string() {
            session["refreshToken"] = answer["refreshToken"].clone();
        }
        self.store.keep(Secret::new(session.to_string()));
        Ok(token)
    }
}

impl Store {
    fn failed(&self, what: &'static str) -> Failure {
        Failure::File(self.file.clone(), what)
    }

    /// What is good for longer of the file and what memory has.
    fn latest(&self) -> Result<Value, Failure> {
        let kept = self.renewed.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let kept = kept.and_then(|text| serde_json::from_slice::<Value>(text.expose()).ok());
        match (self.read(), kept) {
            (Ok(found), Some(kept)) if ends(&kept) > ends(&found) => Ok(kept),
            (Err(_), Some(kept)) => Ok(kept),
            (found, _) => found,
        }
    }

    fn read(&self) -> Result<Value, Failure> {
        let text =
            std::fs::read(&self.file).map_err(|_| self.failed("cannot be read: sign in (aws sso login)"))?;
        serde_json::from_slice(&text).map_err(|_| self.failed("is no JSON"))
    }

    fn keep(&self, text: Secret) {
        let mut renewed = self.renewed.lock().unwrap_or_else(PoisonError::into_inner);
        *renewed = if replace(&self.file, text.expose()).is_ok() { None } else { Some(text) };
    }
}

/// The token that a file holds.
fn held(session: &Value) -> Option<Secret> {
    secret(session["accessToken"].as_str())
}

/// When a token is over. One that does not say so is good.
fn ends(session: &Value) -> i64 {
    session["expiresAt"].as_str().and_then(civil::moment).unwrap_or(i64::MAX)
}

/// A time as AWS's tools write it.
fn seconds(unix: u64) -> String {
    let mut text = civil::timestamp(unix.saturating_mul(1_000_000));
    text.truncate("2026-11-21T14:00:00".len());
    text + "Z"
}

/// Replaces a file as a whole, for its owner's eyes only.
fn replace(file: &Path, text: &[u8]) -> std::io::Result<()> {
    let file = file.canonicalize()?;
    // One that was made read-only is to stay as it is, though its directory would let it be replaced.
    drop(OpenOptions::new().write(true).open(&file)?);
    let mut name = file.clone().into_os_string();
    name.push(format!(".{}", std::process::id()));
    let fresh = PathBuf::from(name);
    // What a process of this number left behind.
    drop(std::fs::remove_file(&fresh));
    let written = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&fresh).and_then(
        |mut open: File| {
            open.write_all(text)?;
            open.sync_all()?;
            std::fs::rename(&fresh, &file)
        },
    );
    if written.is_err() {
        drop(std::fs::remove_file(&fresh));
    }
    written
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::scratch::Scratch;
    use std::os::unix::fs::PermissionsExt as _;

    /// A file is replaced as a whole, behind a link too, and nobody else may read it; nothing else is left there.
    #[test]
    fn files_are_replaced() {
        let dir = Scratch::new();
        let (file, link) = (dir.path.join("token.json"), dir.path.join("link.json"));
        std::fs::write(&file, "old, and longer than what comes").expect("a file can be written");
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644)).expect("a mode can be set");
        std::os::unix::fs::symlink(&file, &link).expect("a link can be made");
        replace(&link, b"new").expect("a file can be replaced");
        assert_eq!(std::fs::read(&file).expect("the file"), b"new");
        assert_eq!(std::fs::metadata(&file).expect("the file").permissions().mode() & 0o777, 0o600);
        assert!(std::fs::symlink_metadata(&link).expect("the link").is_symlink());
        assert_eq!(std::fs::read_dir(&dir.path).expect("the directory").count(), 2);
        assert!(replace(&dir.path.join("absent.json"), b"new").is_err());
    }

    /// What no file takes is kept in memory, until somebody signs in for longer.
    #[test]
    fn memory_keeps_the_rest() {
        let dir = Scratch::new();
        let store = Store { file: dir.path.join("token.json"), renewed: Mutex::new(None) };
        assert!(store.latest().is_err());
        let session = |token: &str, ends: &str| json!({"accessToken": token, "expiresAt": ends}).to_string();
        store.keep(Secret::new(session("renewed", "2026-11-06T14:00:00Z")));
        let token = || held(&store.latest().expect("a session")).expect("a token").expose().to_vec();
        assert_eq!(token(), b"renewed");
        dir.write("token.json", &session("older", "2026-11-06T13:00:00Z"));
        assert_eq!(token(), b"renewed");
        dir.write("token.json", &session("newer", "2026-11-06T15:00:00Z"));
        assert_eq!(token(), b"newer");
        store.keep(Secret::new(session("last", "2026-11-06T16:00:00Z")));
        assert!(store.renewed.lock().expect("no thread died").is_none(), "the file has it");
        assert_eq!(token(), b"last");
    }

    /// Times are those that AWS's tools read.
    #[test]
    fn times() {
        assert_eq!(seconds(1_793_973_600), "2026-11-06T14:00:00Z");
        assert_eq!(ends(&json!({"expiresAt": "2026-11-06T14:00:00Z"})), 1_793_973_600);
        assert_eq!(ends(&json!({"expiresAt": "2026-11-06T14:00:00UTC"})), i64::MAX);
    }
}
