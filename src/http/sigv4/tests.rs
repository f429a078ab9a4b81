//! Signatures against those of AWS's own test suite, and against ones that a few lines of another language gave.

use super::*;
use crate::base::secret::Secret;

const ID: &str = "AKIDEXAMPLE";
const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
/// 2015-08-30T12:36:00Z, when the suite's requests were signed.
const SUITE_TIME: u64 = 1_440_938_160;
const SUITE_HOST: &str = "host:example.amazonaws.com\r\n";
const SUITE_TOKEN: &str = "AQoDYXdzEPT//////////wEXAMPLEtc764bNrC9SAPBSM22wDOk4x4HIZ8j4FZTwdQWLWsKWHGBuFqwAeMicRXmxfpSPfIeoIYRqTflfKD8YUuwthAx7mSEI/qkPpKPi/kMcGdQrmGdeehM4IC1NtBmUpp2wUE8phUZampKsburEDy0KPkyQDYwT7WZ0wq5VSXDvp75YU9HFvlRd8Tx6q6fE8YQcHNVXAkiY9q6d+xo0rKwT38xVqr7ZD0u0iPPkUL64lIZbqBAz+scqKmlzm8FDrypNC9Yjc8fPOLn9FX9KSYvKTr4rvx3iSIlTJabIQwj2ICCR/oLxBA==";

fn keys(id: &str, secret: &str, token: Option<&str>, region: &str, service: &str) -> AwsKeys {
    AwsKeys {
        access_key_id: Secret::new(id),
        secret_access_key: Secret::new(secret),
        session_token: token.map(Secret::new),
        region: region.into(),
        service: service.into(),
    }
}

fn lines(keys: &AwsKeys, unix_seconds: u64, head: &str, body: &[&[u8]]) -> String {
    let mut out = Vec::new();
    let head = format!("{head}\r\n");
    SigningKeys::default().sign(
        head.as_bytes(),
        &hashed(body.iter().copied()),
        (1, keys),
        unix_seconds,
        &mut out,
    );
    String::from_utf8(out).expect("text")
}

/// The names that were signed, and the signature.
fn signature(lines: &str) -> (&str, &str) {
    let names = lines.split("SignedHeaders=").nth(1).and_then(|rest| rest.split(',').next());
    let signature = lines.split("Signature=").nth(1).map(str::trim_end);
    (names.expect("names"), signature.expect("a signature"))
}

/// What the suite of AWS expects of these requests: `get-vanilla` and its queries, `get-utf8`, `get-space`,
/// `get-slashes`, `post-vanilla`, `post-x-www-form-urlencoded`.
#[test]
fn the_suite_of_aws() {
    let keys = keys(ID, SECRET, None, "us-east-1", "service");
    let plain = "host;x-amz-date";
    let form = "content-type:application/x-www-form-urlencoded\r\n";
    let unreserved = "-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    for (line, more, body, names, wanted) in [
        ("GET /", "", "", plain, "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"),
        (
            "GET /?Param2=value2&Param1=value1",
            "",
            "",
            plain,
            "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500",
        ),
        (
            &format!("GET /?{unreserved}={unreserved}"),
            "",
            "",
            plain,
            "9c3e54bfcdf0b19771a7f523ee5669cdf59bc7cc0884027167c21bb143a40197",
        ),
        ("GET /ሴ", "", "", plain, "8318018e0b0f223aa2bbf98705b62bb787dc9c0e678f255a891fd03141be5d85"),
        ("GET /?ሴ=bar", "", "", plain, "2cdec8eed098649ff3a119c94853b13c643bcf08f8b0a1d91e12c9027818dd04"),
        (
            "GET /example space/",
            "",
            "",
            plain,
            "652487583200325589f1fba4c7e578f72c47cb61beeca81406b39ddec1366741",
        ),
        (
            "GET //example//",
            "",
            "",
            plain,
            "9a624bd73a37c9a373b5312afbebe7a714a789de108f0bdfe846570885f57e84",
        ),
        ("GET /./", "", "", plain, "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"),
        ("GET /a/..", "", "", plain, "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"),
        ("POST /", "", "", plain, "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"),
        (
            "POST /",
            form,
            "Param1=value1",
            "content-type;host;x-amz-date",
            "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a",
        ),
    ] {
        let lines =
            lines(&keys, SUITE_TIME, &format!("{line} HTTP/1.1\r\n{SUITE_HOST}{more}"), &[body.as_bytes()]);
        assert_eq!(signature(&lines), (names, wanted), "{line}");
        let credential = format!("Credential={ID}/20150830/us-east-1/service/aws4_request, ");
        assert!(lines.starts_with("x-amz-date: 20150830T123600Z\r\nauthorization: AWS4-HMAC-SHA256 "));
        assert!(lines.contains(&credential) && lines.ends_with("\r\n"), "{lines}");
    }
}

/// The suite's `post-sts-header-before`: the token of keys that end is a field, and is signed.
#[test]
fn a_session_token_is_signed() {
    let keys = keys(ID, SECRET, Some(SUITE_TOKEN), "us-east-1", "service");
    let lines = lines(&keys, SUITE_TIME, &format!("POST / HTTP/1.1\r\n{SUITE_HOST}"), &[]);
    assert!(lines.contains(&format!("\r\nx-amz-security-token: {SUITE_TOKEN}\r\n")));
    let wanted = "85d96828115b5dc0cfc3bd16ad9e210dd772bbebba041836c64533a82be05ead";
    assert_eq!(signature(&lines), ("host;x-amz-date;x-amz-security-token", wanted));
}

/// A request of Bedrock: its model's encoded name is encoded again; other fields of the head are not signed; how the
/// body is cut does not matter. The expected value was verified against AWS's own library.
#[test]
fn a_request_of_bedrock() {
    let keys = keys(
        "AKIDEXAMPLE0000TEST",
        "dummy-secret-for-tests-only/0000+00000000",
        None,
        "us-east-1",
        "bedrock",
    );
    let head = "POST /model/anthropic.claude-haiku-4-5-20251001-v1%3A0/converse HTTP/1.1\r\n\
                host: bedrock-runtime.us-east-1.amazonaws.com\r\naccept-encoding: identity\r\n\
                Content-Type: application/json\r\nuser-agent: x\r\ncontent-length: 89\r\n";
    let body =
        br#"{"messages":[{"role":"user","content":[{"text":"hi"}]}],"inferenceConfig":{"maxTokens":16}}"#;
    for cut in [0, 1, 40, body.len()] {
        let (one, other) = body.split_at(cut);
        // 2026-11-21T10:30:00Z
        let lines = lines(&keys, 1_795_257_000, head, &[one, other]);
        let wanted = "01e1feacbd9ce2b46a515fdf0ebf193992073a21544b2bd3ac002777f922d699";
        assert_eq!(signature(&lines), ("content-type;host;x-amz-date", wanted));
    }
}

/// Everything at once: parameters out of order and twice, encoded and without a value; spaces inside a field; a token;
/// the last second of a leap day. The expected value came from Python's `hmac` and `urllib`.
#[test]
fn everything_at_once() {
    let keys = keys("ASIAOWN", "own secret/+", Some("tok+en/=="), "eu-west-1", "bedrock");
    let head = "POST /base/model/a%3Ab%2Fc/converse?b=2%203&a=x%2fy&a&A=1 HTTP/1.1\r\nhost: localhost:8443\r\n\
                content-type: application/json; charset=utf-8\r\nX-Amz-Meta:   two   words \r\n";
    // 2024-02-29T23:59:59Z
    let lines = lines(&keys, 1_709_251_199, head, &[&br#"{"a":1}"#.repeat(1000)]);
    let names = "content-type;host;x-amz-date;x-amz-meta;x-amz-security-token";
    let wanted = "f7bbcf5c2b6c111fcd851292f0aac3f513e0b3379e22d82c8c2eab20ea432f29";
    assert_eq!(signature(&lines), (names, wanted));
}

/// A shard derives a day's key once, another for another day or pass, and keeps a bounded number.
#[test]
fn keys_are_derived_once_a_day() {
    let (kept, keys) = (SigningKeys::default(), keys(ID, SECRET, None, "r", "s"));
    for (pass, day, count) in [(1, 1, 1), (1, 1, 1), (1, 2, 2), (2, 2, 3)] {
        kept.of(pass, &keys, &Time::of(day * DAY_SECONDS + 7));
        assert_eq!(kept.0.borrow().len(), count);
    }
    for pass in 0..1000 {
        kept.of(pass, &keys, &Time::of(7));
        assert!(kept.0.borrow().len() <= KEPT);
    }
}
