//! Fields behind the body of a provider's answer, and who gets them.

use crate::harness::{
    Asked, Framing, Gateway, Io, KEY, Scripted, Setup, UPSTREAM_KEY, Wire, Wired, on_both_drivers, post_with,
};
use std::io::Write;
use std::process::Command;
use std::time::Duration;

const CHAT: &str = "/v1/chat/completions";
const BODY: &str = r#"{"model":"m/mock","messages":[]}"#;
const WHOLE: &str = r#"{"id":"c","object":"chat.completion","choices":[]}"#;
const STREAM: &str =
    "data: {\"id\":\"c\",\"object\":\"chat.completion.chunk\",\"choices\":[]}\n\ndata: [DONE]\n\n";
const JSON: &str = "content-type: application/json\r\n";
const EVENTS: &str = "content-type: text/event-stream\r\n";

/// An answer in chunks, with these lines in its head and behind its body.
fn chunked(head: &str, body: &str, trailer: &str) -> String {
    let at = body.len() / 2;
    let (one, two) = body.split_at(at);
    format!(
        "HTTP/1.1 200 OK\r\n{head}transfer-encoding: chunked\r\n\r\n{:x}\r\n{one}\r\n{:x};e\r\n{two}\r\n0\r\n{trailer}\r\n",
        one.len(),
        two.len()
    )
}

fn pairs(fields: &[(&str, &str)]) -> Vec<(String, String)> {
    fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

/// A chat of a client that reads trailers.
fn asking(more: &str) -> Vec<u8> {
    let fields = format!("authorization: Bearer {KEY}\r\n{JSON}te: trailers\r\n{more}");
    post_with(CHAT, &fields, BODY.as_bytes())
}

/// A whole answer in gzip, in one chunk, with these lines behind it.
fn packed(trailer: &str) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(vec![], flate2::Compression::default());
    encoder.write_all(WHOLE.as_bytes()).expect("a vector");
    let gzip = encoder.finish().expect("a vector");
    let head = format!(
        "HTTP/1.1 200 OK\r\n{JSON}content-encoding: gzip\r\ntrailer: x-sum\r\ntransfer-encoding: chunked\r\n\r\n"
    );
    let front = format!("{head}{:x}\r\n", gzip.len()).into_bytes();
    [front, gzip, format!("\r\n0\r\n{trailer}\r\n").into_bytes()].concat()
}

/// They pass to who says that they read them, over every wire, of whole answers, streams and what is not read; and the
/// provider is asked for them in the gateway's name. All of it holds for the second request on the same connections, too.
#[test]
fn they_pass() {
    on_both_drivers(|io| {
        let behind = "X-Sum: abc\r\nserver-timing: total;dur=5\r\nx-sum:d  \r\nx-empty:\r\n";
        let expected = [("x-sum", "abc"), ("x-sum", "d"), ("server-timing", "total;dur=5"), ("x-empty", "")];
        for (head, body) in [(JSON, WHOLE), (EVENTS, STREAM), ("content-type: text/plain\r\n", "plain")] {
            let upstream =
                Scripted::always(chunked(&format!("{head}Trailer: X-Sum, x-late\r\n"), body, behind));
            let wired = Wired::start(Setup::at(io, upstream.address));
            let bearer = format!("Bearer {KEY}");
            let mut fields = vec![
                ("authorization", bearer.as_str()),
                ("content-type", "application/json"),
                ("te", "trailers"),
            ];
            for wire in Wire::ALL {
                if !wire.is_http2() {
                    fields.push(("connection", "te"));
                }
                let asked =
                    Asked { method: "POST", path: CHAT, fields: fields.clone(), body: Some(BODY.as_bytes()) };
                for _ in 0..2 {
                    let answer = wired.ask(wire, Framing::Length, &asked);
                    assert_eq!((answer.status, answer.text().as_str()), (200, body), "{wire:?}");
                    let (mut got, mut wanted) = (answer.trailer.clone(), pairs(&expected));
                    // In HTTP/2 the fields of one name stand together.
                    got.sort();
                    wanted.sort();
                    assert_eq!(got, wanted, "{wire:?} {head}");
                    assert_eq!(answer.header("trailer"), Some("X-Sum,x-late"), "{wire:?}");
                }
                fields.retain(|(name, _)| *name != "connection");
            }
            let mut client = wired.gateway.client();
            for _ in 0..2 {
                assert_eq!(client.ask(&asking("connection: te\r\n")).trailer.len(), expected.len());
            }
            let plain = client.ask(&post_with(
                CHAT,
                &format!("authorization: Bearer {KEY}\r\n{JSON}"),
                BODY.as_bytes(),
            ));
            assert_eq!((plain.trailer.len(), plain.text().as_str()), (0, body));
            let mut seen = upstream.seen();
            let last = seen.pop().expect("requests");
            assert!(!last.contains("\r\nte:") && !last.contains("\r\nconnection:"), "{last}");
            assert!(
                seen.iter().all(|one| one.contains("\r\nte: trailers\r\nconnection: te\r\n")),
                "{seen:?}"
            );
            assert_eq!(upstream.accepted(), 1, "the provider's connection is in step behind them");
        }
    });
}

/// The same bytes leave however the provider's are cut.
#[test]
fn cuts_do_not_matter() {
    on_both_drivers(|io| {
        let answer = chunked(JSON, WHOLE, "x-a: 1\r\nset-cookie: a\r\nx-b: 2\r\n");
        let from = answer.find("\r\n0\r\n").expect("a last chunk");
        let upstream = Scripted::start(move |_, mut peer| {
            for cut in from..answer.len() {
                if peer.request().is_none() {
                    return;
                }
                peer.send(&answer.as_bytes()[..cut]);
                std::thread::sleep(Duration::from_millis(2));
                peer.send(&answer.as_bytes()[cut..]);
            }
        });
        let gateway = Gateway::start(&Setup::at(io, upstream.address));
        let mut client = gateway.client();
        for _ in 0..40 {
            client.send(&asking(""));
            let (status, _) = client.head();
            while !client.rest.ends_with(b"\r\n0\r\nx-a: 1\r\nx-b: 2\r\n\r\n") {
                assert!(client.more().is_ok(), "{}", String::from_utf8_lossy(&client.rest));
            }
            assert_eq!(status, 200);
            client.rest.clear();
        }
    });
}

/// What has its place before a body, belongs to a connection or stays of a head never passes behind one; a key of the
/// provider's does not either.
#[test]
fn what_never_passes() {
    on_both_drivers(|io| {
        let never = [
            "transfer-encoding: chunked",
            "content-length: 5",
            "Host: x",
            "authorization: Bearer x",
            "set-cookie: a=b",
            "www-authenticate: Basic",
            "cache-control: no-store",
            "content-type: text/html",
            "content-encoding: gzip",
            "connection: close",
            "keep-alive: timeout=1",
            "trailer: x",
            "te: trailers",
            "upgrade: h2c",
            "location: /",
            "retry-after: 1",
            "x-request-id: forged",
            "x-ringgate-dropped: forged",
            "strict-transport-security: max-age=1",
            "alt-svc: h3",
            "x-hop: 1",
            "proxy-authenticate: Basic",
            "x-api-key: k",
        ];
        let behind = format!(
            "x-first: 1\r\n{}\r\nx-key: <{UPSTREAM_KEY}>\r\nx-{UPSTREAM_KEY}: 1\r\nx-last: 2\r\n",
            never.join("\r\n")
        );
        let head =
            format!("{JSON}connection: X-Hop\r\ntrailer: x-hop, x-first, set-cookie\r\ntrailer: x-key\r\n");
        let upstream = Scripted::always(chunked(&head, WHOLE, &behind));
        let gateway = Gateway::start(&Setup::at(io, upstream.address));
        let mut client = gateway.client();
        for _ in 0..2 {
            let answer = client.ask(&asking("connection: te\r\n"));
            let expected = pairs(&[("x-first", "1"), ("x-key", "<[redacted]>"), ("x-last", "2")]);
            assert_eq!((answer.trailer.as_slice(), answer.whole), (expected.as_slice(), true));
            assert_eq!(answer.header("trailer"), Some("x-first,x-key"));
            assert_ne!(answer.id(), "forged");
        }
        assert!(client.rest.is_empty());
    });
}

/// A body that goes on compressed as it came has what stands behind it.
#[test]
fn they_pass_behind_what_is_compressed() {
    on_both_drivers(|io| {
        let upstream = Scripted::once(packed("x-sum: 1\r\n"));
        let gateway = Gateway::start(&Setup::at(io, upstream.address));
        let answer = gateway.client().ask(&asking("accept-encoding: gzip\r\n"));
        assert_eq!((answer.header("content-encoding"), answer.whole), (Some("gzip"), true));
        assert_eq!(answer.header("trailer"), Some("x-sum"));
        assert_eq!(answer.trailer, pairs(&[("x-sum", "1")]));
    });
}

/// A sum of the body passes where its bytes do, and not where usage was taken out of them.
#[test]
fn sums_are_of_what_leaves() {
    on_both_drivers(|io| {
        let upstream =
            Scripted::always(chunked(EVENTS, STREAM, "Repr-Digest: x=:eA==:\r\ndigest: x=eA==\r\n"));
        let gateway = Gateway::start(&Setup::at(io, upstream.address));
        let fields = format!("authorization: Bearer {KEY}\r\n{JSON}te: trailers\r\n");
        for (usage, passed) in [("", 0), (r#","stream_options":{"include_usage":true}"#, 2)] {
            let body = format!(r#"{{"model":"m/mock","messages":[],"stream":true{usage}}}"#);
            let answer = gateway.client().ask(&post_with(CHAT, &fields, body.as_bytes()));
            assert_eq!((answer.text().as_str(), answer.trailer.len()), (STREAM, passed), "{usage}");
        }
    });
}

/// Where there is no place for them, or they would speak of another body, the answer is what it is without: with a length, up
/// to the end of its connection, for HTTP/1.0, taken out of gzip, an error, translated.
#[test]
fn where_they_have_no_place() {
    on_both_drivers(|io| {
        let behind = "x-sum: 1\r\n";
        let length = WHOLE.len();
        let error = chunked(&format!("{JSON}trailer: x-sum\r\n"), r#"{"error":{"message":"x"}}"#, behind)
            .replace("200 OK", "400 Bad Request");
        for (name, answer, status) in [
            (
                "length",
                format!("HTTP/1.1 200 OK\r\n{JSON}trailer: x-sum\r\ncontent-length: {length}\r\n\r\n{WHOLE}")
                    .into_bytes(),
                200,
            ),
            ("close", format!("HTTP/1.1 200 OK\r\n{JSON}trailer: x-sum\r\n\r\n{WHOLE}").into_bytes(), 200),
            ("gzip", packed(behind), 200),
            ("error", error.into_bytes(), 400),
            ("nothing", b"HTTP/1.1 204 No Content\r\ntrailer: x-sum\r\n\r\n".to_vec(), 204),
        ] {
            let upstream = Scripted::once(answer);
            let gateway = Gateway::start(&Setup::at(io, upstream.address));
            let answer = gateway.client().ask(&asking("connection: te\r\n"));
            assert_eq!((answer.status, answer.trailer.len()), (status, 0), "{name}");
            assert_eq!((answer.header("trailer"), answer.whole), (None, true), "{name}");
        }
        let upstream = Scripted::always(chunked(&format!("{JSON}trailer: x-sum\r\n"), WHOLE, behind));
        let setup = Setup::at(io, upstream.address)
            .provider_of("anthropic", "claude", &format!("http://{}", upstream.address), "")
            .model("c", "{provider: claude, model: x}", "");
        let gateway = Gateway::start(&setup);
        let mut old = gateway.client();
        let request = String::from_utf8_lossy(&asking("")).replace("HTTP/1.1", "HTTP/1.0");
        let answer = old.ask(request.as_bytes());
        assert_eq!((answer.text().as_str(), answer.header("trailer")), (WHOLE, None));
        let fields = format!("authorization: Bearer {KEY}\r\n{JSON}te: trailers\r\nconnection: te\r\n");
        let body = r#"{"model":"c","messages":[{"role":"user","content":"hi"}]}"#;
        let crossed = gateway.client().ask(&post_with(CHAT, &fields, body.as_bytes()));
        assert_eq!((crossed.header("trailer"), crossed.trailer.len()), (None, 0), "{}", crossed.text());
        assert!(upstream.seen().iter().all(|seen| !seen.contains("\r\nte:")), "{:?}", upstream.seen());
    });
}

/// What passes of too many fields, or of a section that is too long for who reads it next, is nothing; as many as are
/// allowed pass. Longer ones are no answer at all, as before.
#[test]
fn they_are_bounded() {
    on_both_drivers(|io| {
        let many = |count| "x-a:1\r\n".repeat(count);
        // A space more for each field, behind its colon.
        let long = format!("x-long: {}\r\nx-a:1\r\n", "y".repeat(8 * 1024 - 17));
        for (name, behind, passed) in [
            ("as many as in a head", many(100), 100),
            ("more than in a head", many(101), 0),
            ("a long one", format!("x-long: {}\r\n", "y".repeat(8 * 1024 - 12)), 1),
            ("too long when written anew", long, 0),
        ] {
            let upstream = Scripted::always(chunked(JSON, WHOLE, &behind));
            let wired = Wired::start(Setup::at(io, upstream.address));
            let bearer = format!("Bearer {KEY}");
            let fields = vec![
                ("authorization", bearer.as_str()),
                ("content-type", "application/json"),
                ("te", "trailers"),
            ];
            let asked = Asked { method: "POST", path: CHAT, fields, body: Some(BODY.as_bytes()) };
            for wire in [Wire::Http1, Wire::Http2] {
                let answer = wired.ask(wire, Framing::Length, &asked);
                assert_eq!((answer.text().as_str(), answer.whole), (WHOLE, true), "{name} over {wire:?}");
                assert_eq!(answer.trailer.len(), passed, "{name} over {wire:?}");
            }
        }
    });
}

/// A body that breaks in its trailer had no end: the client is not told one. Who has the last event of a stream has all of
/// it, and gets an end without fields.
#[test]
fn broken_ones() {
    on_both_drivers(|io| {
        for (behind, fault) in
            [("x-a: 1\r\nx b: 2\r\n", "upstream_malformed"), ("x-a: 1\r\nx-b", "upstream_truncated")]
        {
            for (head, body) in [(JSON, WHOLE), (EVENTS, STREAM)] {
                let answer = chunked(head, body, behind);
                let cut = if fault == "upstream_truncated" { answer.len() - 2 } else { answer.len() };
                let upstream = Scripted::once(&answer.as_bytes()[..cut]);
                let gateway = Gateway::start(&Setup::at(io, upstream.address));
                let told = gateway.client().ask(&asking(""));
                assert_eq!(told.trailer, [], "{behind:?}");
                if head == EVENTS {
                    assert_eq!((told.text().as_str(), told.whole), (body, true), "{behind:?}");
                } else if told.status == 200 {
                    assert!(!told.whole, "{behind:?}");
                }
                let record = gateway.record(told.id());
                if head == JSON {
                    assert_eq!(record["fault"], fault, "{behind:?}");
                }
            }
        }
    });
}

/// Fields that were announced are waited for when the last event has passed, and others only for as long as a connection is
/// worth.
#[test]
fn late_ones_are_awaited_if_they_were_announced() {
    on_both_drivers(|io| {
        for (announced, passed) in [("trailer: x-sum\r\n", 1), ("", 0)] {
            let answer = chunked(&format!("{EVENTS}{announced}"), STREAM, "x-sum: 1\r\n");
            let upstream = Scripted::start(move |_, mut peer| {
                if peer.request().is_some() {
                    let at = answer.rfind("0\r\n").expect("a last chunk");
                    peer.send(&answer.as_bytes()[..at]);
                    std::thread::sleep(Duration::from_millis(300));
                    peer.send(&answer.as_bytes()[at..]);
                }
            });
            let gateway = Gateway::start(&Setup::at(io, upstream.address));
            let told = gateway.client().ask(&asking(""));
            assert_eq!((told.text().as_str(), told.whole), (STREAM, true));
            assert_eq!(told.trailer.len(), passed, "{announced:?}");
        }
    });
}

/// Clients as people have them read them: Node's own, and curl over both versions.
#[test]
fn clients_read_them() {
    const SCRIPT: &str = "
        const http = require('http');
        const headers = {'content-type': 'application/json', authorization: 'Bearer ' + process.env.KEY, te: 'trailers', connection: 'te'};
        const request = http.request(process.env.URL, {method: 'POST', headers}, answer => {
            answer.resume();
            answer.on('end', () => console.log(JSON.stringify(answer.trailers), answer.complete));
        });
        request.end(process.env.BODY);
    ";
    let answer = chunked(&format!("{EVENTS}trailer: x-sum\r\n"), STREAM, "x-sum: 1\r\nset-cookie: a\r\n");
    let upstream = Scripted::always(answer);
    let gateway = Gateway::start(&Setup::at(Io::Auto, upstream.address));
    let url = format!("http://{}{CHAT}", gateway.address);
    let mut node = Command::new("node");
    node.args(["-e", SCRIPT]).env("URL", &url).env("KEY", KEY).env("BODY", BODY);
    if let Some(output) = said(node) {
        assert_eq!(output.trim(), r#"{"x-sum":"1"} true"#);
    }
    for version in ["--http1.1", "--http2-prior-knowledge"] {
        let mut curl = Command::new("curl");
        curl.args([
            "-q",
            "-sS",
            "--noproxy",
            "*",
            "--max-time",
            "10",
            "-D",
            "-",
            version,
            "-H",
            "TE: trailers",
        ])
        .args([
            "-H",
            &format!("Authorization: Bearer {KEY}"),
            "-H",
            "Content-Type: application/json",
            "-d",
            BODY,
        ])
        .arg(&url);
        if let Some(output) = said(curl) {
            assert!(output.contains("\nx-sum: 1\r\n") && output.contains("[DONE]"), "{version}: {output}");
            assert!(!output.contains("set-cookie"), "{version}: {output}");
        }
    }
}

/// What a program that ended well has printed; none where it is not installed.
fn said(mut program: Command) -> Option<String> {
    let output = program.output().ok()?;
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Some(String::from_utf8_lossy(&output.stdout).into_owned())
}
