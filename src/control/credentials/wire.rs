//! What is said to token endpoints, and how their answers are read.
//!
//! Invariant: what is read can stand in a header as it is; what cannot is refused, and not repeated.

use super::{Failure, Fetched};
use crate::base::civil;
use crate::base::clock;
use crate::base::secret::Secret;
use crate::contract::pass::{AwsKeys, Shown};
use serde_json::Value;

/// How long a token is taken to be good whose issuer does not say, in seconds.
const UNTOLD_LIFE: u64 = 300;
/// Longest life that is believed, in seconds.
pub const LIFE_MAX: u64 = 7 * 86_400;
/// Longest code of an error that is repeated.
const CODE_BYTES: usize = 64;

/// Adds the text with everything but unreserved bytes as `%XX`.
pub fn escape(text: &str, out: &mut String) {
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
}

/// `a=b&c=d`, for a form or a query.
pub fn form(pairs: &[(&str, &str)]) -> String {
    let mut out = String::with_capacity(256);
    for (index, (name, value)) in pairs.iter().enumerate() {
        if index > 0 {
            out.push('&');
        }
        out.push_str(name);
        out.push('=');
        escape(value, &mut out);
    }
    out
}

/// Base64 in the alphabet of URLs, without padding. Source: RFC 4648, section 5.
pub fn base64url(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut out = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for three in bytes.chunks(3) {
        let byte = |index: usize| u32::from(three.get(index).copied().unwrap_or_default());
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for index in 0..=three.len() {
            out.push(char::from(DIGITS[(bits >> (18 - 6 * index)) as usize & 63]));
        }
    }
    out
}

/// An answer's JSON.
pub fn json(body: &[u8]) -> Result<Value, Failure> {
    serde_json::from_slice(body).map_err(|_| Failure::Unreadable("no JSON"))
}

/// A text that can stand in a header.
pub fn secret(text: Option<&str>) -> Option<Secret> {
    text.filter(|text| !text.is_empty() && text.bytes().all(|b| b.is_ascii_graphic())).map(Secret::new)
}

/// The token of an OAuth 2.0 answer. Source: RFC 6749, section 5.1.
pub fn token(body: &[u8]) -> Result<Fetched, Failure> {
    let answer = json(body)?;
    let token = secret(answer["access_token"].as_str());
    let token = token.ok_or(Failure::Unreadable("it has no access_token"))?;
    let now = clock::unix_seconds();
    let expires_unix = match number(&answer["expires_in"]) {
        Some(seconds) => now.saturating_add(seconds),
        None => number(&answer["expires_on"]).unwrap_or(now + UNTOLD_LIFE),
    };
    fetched(Shown::Token(token), expires_unix, now)
}

/// Whole seconds, which some write as a text.
fn number(value: &Value) -> Option<u64> {
    let text = || value.as_str()?.parse().ok();
    value.as_u64().or_else(|| value.as_f64().filter(|n| *n >= 0.0).map(|n| n as u64)).or_else(text)
}

/// A pass that is good for a while yet.
pub fn fetched(shown: Shown, expires_unix: u64, now: u64) -> Result<Fetched, Failure> {
    if expires_unix <= now {
        return Err(Failure::Unreadable("it is over already"));
    }
    Ok(Fetched { shown, expires_unix: expires_unix.min(now + LIFE_MAX) })
}

/// Keys in the parts that all of AWS's sources give, and when they end (RFC 3339).
pub fn aws_keys(parts: [Option<&str>; 4], region: &str, service: &str) -> Result<Fetched, Failure> {
    let [id, key, token, expires] = parts;
    let absent = Failure::Unreadable("it has no AccessKeyId, SecretAccessKey and session token");
    let (Some(access_key_id), Some(secret_access_key), Some(session_token)) =
        (secret(id), secret(key), secret(token))
    else {
        return Err(absent);
    };
    let expires = expires.filter(|text| text.len() > "2026-12-31".len()).and_then(civil::expiry);
    let expires = expires.ok_or(Failure::Unreadable("it does not say when it ends"))?;
    let keys = AwsKeys {
        access_key_id,
        secret_access_key,
        session_token: Some(session_token),
        region: region.into(),
        service: service.into(),
    };
    fetched(Shown::Signature(keys), expires, clock::unix_seconds())
}

/// The text between a tag and its end. The keys of AWS need no more of XML.
pub fn tagged<'t>(text: &'t str, tag: &str) -> Option<&'t str> {
    let (_, rest) = text.split_once(&format!("<{tag}>"))?;
    let (inner, _) = rest.split_once(&format!("</{tag}>"))?;
    (!inner.contains(['<', '&'])).then(|| inner.trim())
}

/// The short code that an error's body has, if it is one.
pub fn code(body: &[u8]) -> Option<Box<str>> {
    let answer: Value = serde_json::from_slice(body).unwrap_or_default();
    let error = &answer["error"];
    let in_json = error.as_str().or_else(|| error["status"].as_str()).or_else(|| answer["code"].as_str());
    let in_xml = std::str::from_utf8(body).ok().and_then(|text| tagged(text, "Code"));
    let plain = |code: &&str| {
        (1..=CODE_BYTES).contains(&code.len())
            && code.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-.".contains(&b))
    };
    in_json.or(in_xml).filter(plain).map(Box::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Digits of base64 as in the standard's examples, in the alphabet of URLs; forms escape what means something.
    #[test]
    fn texts() {
        for (bytes, digits) in [
            ("", ""),
            ("f", "Zg"),
            ("fo", "Zm8"),
            ("foo", "Zm9v"),
            ("foobar", "Zm9vYmFy"),
            ("??>>", "Pz8-Pg"),
        ] {
            assert_eq!(base64url(bytes.as_bytes()), digits);
        }
        assert_eq!(base64url(&[0xfb, 0xff]), "-_8");
        assert_eq!(form(&[("a", "b c"), ("d", "é&=+")]), "a=b%20c&d=%C3%A9%26%3D%2B");
    }

    fn read(body: &str) -> Result<(Secret, u64), Failure> {
        token(body.as_bytes()).map(|fetched| {
            let Shown::Token(token) = fetched.shown else { unreachable!("a token") };
            (token, fetched.expires_unix.saturating_sub(clock::unix_seconds()))
        })
    }

    /// A token's life is read in every spelling there is; where none is told, a short one is assumed, and a long one
    /// is not believed.
    #[test]
    fn tokens() {
        let soon = clock::unix_seconds() + 1000;
        for (more, life) in [
            (r#","expires_in":3599"#.to_owned(), 3599),
            (r#","expires_in":"3599""#.into(), 3599),
            (r#","expires_in":59.9"#.into(), 59),
            (format!(r#","expires_on":"{soon}""#), 1000),
            (format!(r#","expires_in":7,"expires_on":{soon}"#), 7),
            (String::new(), UNTOLD_LIFE),
            (r#","expires_in":null"#.into(), UNTOLD_LIFE),
            (r#","expires_in":1e30"#.into(), LIFE_MAX),
        ] {
            let (token, told) = read(&format!(r#"{{"access_token":"canary"{more}}}"#)).expect("a token");
            assert!(token.expose() == b"canary" && (life - 2..=life).contains(&told), "{more}: {told}");
        }
    }

    /// What is no token is refused, and nothing of it is repeated.
    #[test]
    fn what_is_no_token() {
        for body in [
            "",
            "<html>canary",
            "[]",
            "{}",
            r#"{"access_token":""}"#,
            r#"{"access_token":7}"#,
            r#"{"access_token":"canary\r\nx: y"}"#,
            r#"{"access_token":"two canaries"}"#,
            r#"{"access_token":"canary","expires_in":0}"#,
            r#"{"access_token":"canary","expires_on":7}"#,
        ] {
            let failure = read(body).expect_err(body).to_string();
            assert!(
                failure.starts_with("the answer is not usable: ") && !failure.contains("canar"),
                "{failure}"
            );
        }
    }

    /// Keys need all their parts and a time at which they end.
    #[test]
    fn keys() {
        let all = [Some("AK"), Some("SK"), Some("T=="), Some("2099-01-01T00:00:00Z")];
        let fetched = aws_keys(all, "r", "s").expect("keys");
        let Shown::Signature(keys) = fetched.shown else { unreachable!("keys") };
        assert_eq!((&*keys.region, keys.access_key_id.expose()), ("r", &b"AK"[..]));
        for absent in 0..4 {
            let mut parts = all;
            parts[absent] = None;
            assert!(aws_keys(parts, "r", "s").is_err());
        }
        for expires in ["2001-01-01T00:00:00Z", "2099-01-01", "soon"] {
            assert!(aws_keys([all[0], all[1], all[2], Some(expires)], "r", "s").is_err(), "{expires}");
        }
    }

    /// Of an error only a plain code is repeated, in whichever form it comes.
    #[test]
    fn codes() {
        for (body, wanted) in [
            (r#"{"error":"invalid_grant","error_description":"canary"}"#, Some("invalid_grant")),
            (r#"{"error":{"code":401,"status":"UNAUTHENTICATED"}}"#, Some("UNAUTHENTICATED")),
            (r#"{"code":"AssumeRoleUnauthorizedAccess"}"#, Some("AssumeRoleUnauthorizedAccess")),
            (
                "<E><Error><Code>AccessDenied</Code><Message>canary</Message></Error></E>",
                Some("AccessDenied"),
            ),
            (r#"{"error":"a canary with spaces"}"#, None),
            (r#"{"error":7}"#, None),
            ("canary", None),
            ("<Code><b>x</b></Code>", None),
        ] {
            assert_eq!(code(body.as_bytes()).as_deref(), wanted, "{body}");
        }
        assert_eq!(code(format!(r#"{{"error":"{}"}}"#, "x".repeat(65)).as_bytes()), None);
    }
}
