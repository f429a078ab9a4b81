//! Credentials in a URL's query.
//!
//! Some clients put their keys there. They are not taken for the caller's key, since URLs are written down on the
//! way here, but where Google's dialect is spoken, which has them there by rule; and they are taken out, so that no
//! provider sees them.
//!
//! Invariant: what is not a credential leaves as it came, byte for byte and in its order.

use std::borrow::Cow;

/// Names of credentials, in lower case and without `-` and `_`. Source: what clients of the providers send, and the
/// system parameters of Google's APIs (`key`, `access_token`, `oauth_token`, `bearer_token`).
const NAMES: [&[u8]; 13] = [
    b"key",
    b"apikey",
    b"xapikey",
    b"xgoogapikey",
    b"token",
    b"accesstoken",
    b"authtoken",
    b"bearertoken",
    b"oauthtoken",
    b"authorization",
    b"subscriptionkey",
    b"ocpapimsubscriptionkey",
    b"clientsecret",
];
const LONGEST: usize = 22;

/// Gives the query in pieces, without the credentials in it.
///
/// `;` ends a parameter as `&` does: some servers read it so.
pub fn without_credentials<'q>(query: &'q str, mut keep: impl FnMut(&'q [u8])) {
    let query = query.as_bytes();
    let (mut from, mut kept_any) = (0, false);
    while from <= query.len() {
        let length = memchr::memchr2(b'&', b';', &query[from..]).unwrap_or(query.len() - from);
        let parameter = &query[from..from + length];
        if !is_credential(parameter) {
            // With the separator before it, unless it is the first.
            keep(if kept_any { &query[from - 1..from + length] } else { parameter });
            kept_any = true;
        }
        from += length + 1;
    }
}

/// The key of a client of Google's dialect. Source: `key`, a system parameter of its APIs.
pub fn key(query: &str) -> Option<Cow<'_, [u8]>> {
    let key = query.split('&').find_map(|parameter| parameter.strip_prefix("key="))?.as_bytes();
    Some(if key.contains(&b'%') { Cow::Owned(decoded(key).collect()) } else { Cow::Borrowed(key) })
}

fn is_credential(parameter: &[u8]) -> bool {
    let end = memchr::memchr(b'=', parameter).unwrap_or(parameter.len());
    let mut plain = [0; LONGEST];
    let mut used = 0;
    for byte in decoded(&parameter[..end]).filter(|byte| !matches!(byte, b'-' | b'_')) {
        let Some(place) = plain.get_mut(used) else { return false };
        *place = byte.to_ascii_lowercase();
        used += 1;
    }
    NAMES.contains(&&plain[..used])
}

/// The bytes that a percent-encoded text stands for. What is no escape stands for itself.
fn decoded(mut text: &[u8]) -> impl Iterator<Item = u8> {
    std::iter::from_fn(move || {
        let (first, rest) = text.split_first()?;
        if let (b'%', [high, low, behind @ ..]) = (first, rest)
            && let (Some(high), Some(low)) = (digit(*high), digit(*low))
        {
            text = behind;
            return Some(high << 4 | low);
        }
        text = rest;
        Some(*first)
    })
}

fn digit(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).map(|digit| digit as u8)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn passed(query: &str) -> String {
        let mut out = Vec::new();
        without_credentials(query, |piece| out.extend_from_slice(piece));
        String::from_utf8(out).expect("pieces of a text")
    }

    /// Credentials go, with one separator each, however their names are spelled.
    #[test]
    fn credentials_are_taken_out() {
        for (query, expected) in [
            ("key=s", ""),
            ("key", ""),
            ("key=s&a=1", "a=1"),
            ("a=1&key=s", "a=1"),
            ("a=1&key=s&b=2", "a=1&b=2"),
            ("a;key=s;b", "a;b"),
            ("a;key=s&b", "a&b"),
            ("KEY=s&%6bey=s&k%45y=s&%6B%65%79=s&api%2dkey=s&api%5F%6bey=s", ""),
            ("api_key=s&api-key=s&apikey=s&x-api-key=s&x-goog-api-key=s&Ocp-Apim-Subscription-Key=s", ""),
            ("access_token=s&token=s&oauth_token=s&authorization=Bearer%20s&client_secret=s", ""),
            ("key=a=b&key==&key=&x", "x"),
        ] {
            assert_eq!(passed(query), expected, "{query}");
        }
    }

    /// Everything else stays as it is, what only looks like a credential too.
    #[test]
    fn the_rest_stays() {
        for query in [
            "",
            "&",
            "&&a&;",
            "api-version=2024-10-21&alt=sse",
            "monkey=1&keys=2&key%=3&ke%79s=4&key+=5&pageToken=6&page_token=7&max_tokens=8",
            "x=key=s&=key&y=%26key%3Ds&z=?key=s",
            "%&%6&%zz=1&a=%00&%6b%",
            "a-name-that-is-longer-than-every-credential=1",
        ] {
            assert_eq!(passed(query), query);
        }
    }

    /// Each name in the table is found, and the longest of them fits.
    #[test]
    fn the_table_is_sound() {
        for name in NAMES {
            assert_eq!(passed(&format!("{}=s", String::from_utf8_lossy(name))), "");
        }
        assert_eq!(NAMES.iter().map(|name| name.len()).max(), Some(LONGEST));
    }

    /// A key is found by its plain name, as it was before it was written into a URL.
    #[test]
    fn keys_are_found() {
        for (query, expected) in [
            ("key=s", Some("s")),
            ("alt=sse&key=s%2Ft+%&key=x", Some("s/t+%")),
            ("key=", Some("")),
            ("apikey=s&xkey=s&key", None),
            ("", None),
        ] {
            assert_eq!(key(query).as_deref(), expected.map(str::as_bytes), "{query}");
        }
    }

    proptest! {
        /// Any query without the names passes whole; with one of them put in anywhere, no less than the rest does.
        #[test]
        fn what_is_put_in_is_taken_out(parts in proptest::collection::vec("[a-d%=+]{0,5}", 1..6), at in 0..6usize) {
            let query = parts.join("&");
            prop_assert_eq!(passed(&query), query.as_str());
            let mut more = parts.clone();
            more.insert(at.min(parts.len()), "k%65y=canary".into());
            prop_assert_eq!(passed(&more.join("&")), query);
        }
    }
}
