//! Whole answers with a good status that are errors: what they say passes, but for what is nobody's affair here.

use crate::harness::{
    Answer, Gateway, Io, Scripted, Setup, UPSTREAM_KEY, chat, on_both_drivers, post, post_with,
};
use flate2::Compression;
use flate2::write::GzEncoder;
use std::io::Write as _;
use std::net::SocketAddr;
use std::time::Duration;

const MESSAGES: &str = r#"{"model":"c","max_tokens":9,"messages":[]}"#;

fn setup(io: Io, upstream: SocketAddr) -> Setup {
    Setup::at(io, upstream)
        .provider_of("anthropic", "claude", &format!("http://{upstream}"), "")
        .provider_of("gemini", "google", &format!("http://{upstream}"), "")
        .model("c", "{provider: claude, model: claude-x}", "")
        .model("g/*", "{provider: google, model: \"*\"}", "")
}

/// What a client sees of this body, which comes in pieces of such a size, or framed by its length alone.
fn answered(io: Io, request: &[u8], body: &str, piece: Option<usize>) -> (Gateway, Answer) {
    let mut answer = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n".to_vec();
    match piece {
        None => answer.extend(format!("content-length: {}\r\n\r\n{body}", body.len()).into_bytes()),
        Some(size) => {
            answer.extend(b"transfer-encoding: chunked\r\n\r\n");
            for piece in body.as_bytes().chunks(size) {
                answer.extend(format!("{:x}\r\n", piece.len()).into_bytes());
                answer.extend_from_slice(piece);
                answer.extend(b"\r\n");
            }
            answer.extend(b"0\r\n\r\n");
        }
    }
    let upstream = Scripted::start(move |_, mut peer| {
        while peer.request().is_some() {
            // Some of it arrives alone, some with its neighbours.
            for part in answer.chunks(61) {
                peer.send(part);
                std::thread::sleep(Duration::from_micros(300));
            }
        }
    });
    let gateway = Gateway::start(&setup(io, upstream.address));
    let answer = gateway.client().ask(request);
    (gateway, answer)
}

/// A provider's key in an error that comes with a good status does not pass, wherever it stands and however it arrives;
/// the rest does, and the record says that it was an error.
#[test]
fn keys_in_whole_errors_are_hidden() {
    let hidden = format!("{:*<1$}", "[redacted]", UPSTREAM_KEY.len());
    let hidden = &hidden[..UPSTREAM_KEY.len()];
    let padding = "p".repeat(70_000);
    let google = post("/v1beta/models/g/mock:generateContent", "{\"contents\":[]}");
    let responses = post("/v1/responses", r#"{"model":"m/x","input":""}"#);
    on_both_drivers(|io| {
        for (request, error) in [
            (chat(""), r#"{"error":{"message":"KEY is no KEY","code":502}}"#.to_owned()),
            (chat(""), r#"{"object":"error","message":"KEY","code":500}"#.to_owned()),
            (
                responses.clone(),
                r#"{"status":"failed","id":"r","error":{"code":"server_error","message":"KEY"}}"#.to_owned(),
            ),
            (
                post("/v1/messages", MESSAGES),
                r#"{"type":"error","error":{"type":"api_error","message":"KEY"}}"#.to_owned(),
            ),
            (google.clone(), r#"{"error":{"code":500,"message":"KEY","status":"INTERNAL"}}"#.to_owned()),
            (chat(""), format!(r#"{{"error":{{"message":"{padding}KEY{padding}KEY"}}}}"#)),
        ] {
            for piece in [None, Some(1 + error.len() / 40), Some(usize::MAX)] {
                let (gateway, answer) = answered(io, &request, &error.replace("KEY", UPSTREAM_KEY), piece);
                assert!(answer.whole);
                assert_eq!((answer.status, answer.text()), (200, error.replace("KEY", hidden)), "{piece:?}");
                assert_eq!(gateway.only_record(1)["fault"], "upstream_stream_error");
            }
        }
    });
}

/// What is no error passes as it is, whatever it contains, also if it only looks like one at first.
#[test]
fn answers_are_not_searched() {
    on_both_drivers(|io| {
        for body in [
            format!(r#"{{"error":null,"choices":[{{"message":{{"content":"{UPSTREAM_KEY}"}}}}]}}"#),
            format!(r#"{{"choices":[{{"message":{{"content":"\"error\":{{{UPSTREAM_KEY}"}}}}]}}"#),
            "   \n".to_owned(),
            "[1]".to_owned(),
        ] {
            for piece in [None, Some(3)] {
                let (gateway, answer) = answered(io, &chat(""), &body, piece);
                assert_eq!((answer.status, answer.text()), (200, body.clone()));
                assert_eq!(gateway.only_record(1).get("fault"), None);
            }
        }
    });
}

/// An error about the gateway's own account stays here, as one with its proper status does.
#[test]
fn account_errors_with_a_good_status_stay_here() {
    let request = post("/v1/messages", MESSAGES);
    let error = r#"{"type":"error","error":{"type":"authentication_error","message":"invalid x-api-key"}}"#;
    on_both_drivers(|io| {
        for piece in [None, Some(9)] {
            let (gateway, answer) = answered(io, &request, error, piece);
            assert_eq!(
                (answer.status, gateway.only_record(1)["fault"].as_str()),
                (502, Some("upstream_account"))
            );
            assert!(!answer.text().contains("invalid"), "{}", answer.text());
        }
    });
}

/// In a body that passes compressed a key is hidden, too, and other errors keep their bytes.
#[test]
fn compressed_errors_are_read() {
    on_both_drivers(|io| {
        for (said, told) in [(UPSTREAM_KEY, "[redacted]"), ("nothing", "nothing")] {
            let error = format!(r#"{{"error":{{"message":"{said}"}}}}"#);
            let mut encoder = GzEncoder::new(vec![], Compression::fast());
            encoder.write_all(error.as_bytes()).expect("a vector");
            let packed = encoder.finish().expect("a vector");
            let mut answer =
                b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-encoding: gzip\r\n".to_vec();
            answer.extend(format!("content-length: {}\r\n\r\n", packed.len()).into_bytes());
            answer.extend_from_slice(&packed);
            let upstream = Scripted::always(answer);
            let gateway = Gateway::start(&setup(io, upstream.address));
            let request = post_with(
                "/v1/chat/completions",
                &format!(
                    "authorization: Bearer {}\r\ncontent-type: application/json\r\naccept-encoding: gzip\r\n",
                    crate::harness::KEY
                ),
                br#"{"model":"m/x","messages":[]}"#,
            );
            let answer = gateway.client().ask(&request);
            assert_eq!((answer.status, answer.header("content-encoding")), (200, Some("gzip")));
            assert!(said != told || answer.body == packed, "what needs no change has none");
            let plain = ringgate::http::gzip::unzipped(&answer.body).expect("gzip");
            assert_eq!(String::from_utf8(plain).expect("text"), error.replace(UPSTREAM_KEY, told));
        }
    });
}
