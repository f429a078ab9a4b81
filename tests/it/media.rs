//! Images and documents that requests name by URL, at providers that take bytes only: what is fetched for them, and what
//! never is.

use crate::harness::{
    Answer, Gateway, Io, PATIENCE, Scripted, Setup, on_both_drivers, over_tls, post, until,
};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::sync::Mutex;
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

const CHAT: &str = "/v1/chat/completions";
const MESSAGES: &str = "/v1/messages";
const PNG: &[u8] = b"\x89PNG\r\n\x1a\nand its pixels";
const PDF: &[u8] = b"%PDF-1.7 and its pages";
const CONVERSED: &str = r#"{"output":{"message":{"role":"assistant","content":[{"text":"Cold."}]}},"stopReason":"end_turn","usage":{"inputTokens":2,"outputTokens":5,"totalTokens":7}}"#;
const MESSAGE: &str = r#"{"id":"msg_1","type":"message","role":"assistant","model":"m","content":[{"type":"text","text":"hi"}],"stop_reason":"end_turn","stop_sequence":null,"usage":{"input_tokens":1,"output_tokens":1}}"#;
const OLLAMA: &str = r#"{"model":"m","message":{"role":"assistant","content":"hi"},"done":true,"done_reason":"stop","prompt_eval_count":1,"eval_count":1}"#;

fn whole(status: &str, fields: &str, body: &[u8]) -> Vec<u8> {
    let head = format!("HTTP/1.1 {status}\r\n{fields}content-length: {}\r\n\r\n", body.len());
    [head.as_bytes(), body].concat()
}

/// A host of images, some of which are none.
fn images() -> Scripted {
    Scripted::start(|_, mut peer| {
        while let Some(request) = peer.request() {
            let path = request.split(' ').nth(1).expect("a path").to_owned();
            let to = |place: &str| whole("302 Found", &format!("location: {place}\r\n"), b"");
            match path.as_str() {
                // What it says of its bytes is not true.
                "/a.png" | "/b.png?x=1" => peer.send(&whole("200 OK", "content-type: text/html\r\n", PNG)),
                "/doc" => peer.send(&whole("200 OK", "", PDF)),
                "/notes.txt" => peer.send(&whole("200 OK", "", "say \"hé\"".as_bytes())),
                "/moved" => peer.send(&to("/a.png")),
                "/round" => peer.send(&to("/round")),
                "/page.png" => peer.send(&whole("200 OK", "content-type: image/png\r\n", b"<html>canary")),
                "/metadata" => peer.send(&to("http://169.254.169.254/latest/meta-data")),
                "/inside" => peer.send(&to("http://localhost:1/x")),
                "/file" => peer.send(&to("file:///etc/passwd")),
                "/large" => peer.send(b"HTTP/1.1 200 OK\r\ncontent-length: 99999999999\r\n\r\n"),
                "/endless" => {
                    peer.send(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n");
                    for _ in 0..64 {
                        peer.send(format!("400\r\n{}\r\n", "x".repeat(1024)).as_bytes());
                    }
                    peer.wait_for_end();
                }
                "/packed" => peer.send(&whole("200 OK", "content-encoding: gzip\r\n", PNG)),
                "/short" => {
                    peer.send(b"HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n\x89PNG");
                    return;
                }
                "/slow" => peer.wait_for_end(),
                _ => peer.send(&whole("404 Not Found", "", b"canary of a page")),
            }
        }
    })
}

/// A provider of every format that is asked here.
fn provider() -> Scripted {
    Scripted::start(|_, mut peer| {
        while let Some(request) = peer.request() {
            let path = request.split(' ').nth(1).expect("a path");
            let answer = match () {
                () if path.ends_with("/converse") => CONVERSED,
                () if path == "/api/chat" => OLLAMA,
                () => MESSAGE,
            };
            peer.send(&whole("200 OK", "content-type: application/json\r\n", answer.as_bytes()));
        }
    })
}

fn setup(io: Io, up: SocketAddr, media: &str) -> Setup {
    let base = format!("http://{up}");
    Setup::at(io, up)
        .provider_of("bedrock", "amazon", &base, "")
        .provider_of("bedrock-anthropic", "invoke", &base, "")
        .provider_of("ollama", "local", &base, "")
        .model("b/*", "{provider: amazon, model: \"*\"}", "")
        .model("i/*", "{provider: invoke, model: \"*\"}", "")
        .model("l/*", "{provider: local, model: \"*\"}", "")
        .with("media", media)
}

/// Rules that let this host of the test's own machine be asked.
fn rules(images: SocketAddr, more: &str) -> String {
    format!("{{fetch: any, private_hosts: [\"{images}\"], timeout_ms: 5000{more}}}")
}

fn image(url: &str) -> Value {
    json!({"type": "image_url", "image_url": {"url": url}})
}

fn asking(model: &str, content: &[Value]) -> Vec<u8> {
    let body = json!({"model": model, "max_tokens": 9, "messages": [{"role": "user", "content": content}]});
    post(CHAT, &body.to_string())
}

fn ask(gateway: &Gateway, model: &str, content: &[Value]) -> Answer {
    gateway.client().ask(&asking(model, content))
}

/// The body of the last request that the provider got.
fn sent(upstream: &Scripted) -> Value {
    let seen = upstream.seen().pop().expect("a request");
    serde_json::from_str(seen.split_once("\r\n\r\n").expect("a head").1).expect("JSON")
}

/// The provider gets the bytes of what the client names, whatever its host says that they are; what is named twice is
/// asked for once, and nothing of the client's or of the gateway's secrets goes there.
#[test]
fn bytes_stand_for_urls() {
    on_both_drivers(|io| {
        let (images, upstream) = (images(), provider());
        let gateway = Gateway::start(&setup(io, upstream.address, &rules(images.address, "")));
        let url = |path: &str| format!("http://{}{path}", images.address);
        let text = json!({"type": "text", "text": "what is this?"});
        let answer = ask(
            &gateway,
            "b/x",
            &[
                text,
                image(&url("/a.png")),
                image(&url("/a.png#again")),
                image(&url("/a.png")),
                image(&url("/moved")),
                image(&url("/b.png?x=1")),
            ],
        );
        assert_eq!(
            (answer.status, &answer.json()["choices"][0]["message"]["content"]),
            (200, &"Cold.".into())
        );
        let png = json!({"image": {"format": "png", "source": {"bytes": STANDARD.encode(PNG)}}});
        let content = sent(&upstream)["messages"][0]["content"].clone();
        assert_eq!(content, json!([{"text": "what is this?"}, png, png, png, png, png]));
        let seen = images.seen();
        let times =
            |path: &str| seen.iter().filter(|request| request.starts_with(&format!("GET {path} "))).count();
        // Once for itself, once with a fragment, once behind the redirect.
        assert_eq!([times("/a.png"), times("/moved"), times("/b.png?x=1"), seen.len()], [3, 1, 1, 5]);
        assert!(
            seen.iter().all(|request| !request.contains("canary") && !request.contains("uthorization")),
            "{seen:?}"
        );

        let file = |path: &str| json!({"type": "input_file", "file_url": url(path), "filename": "it"});
        let body = json!({"model": "b/x", "input": [{"role": "user", "content": [file("/doc"), file("/notes.txt")]}]});
        assert_eq!(gateway.client().ask(&post("/v1/responses", &body.to_string())).status, 200);
        let content = sent(&upstream)["messages"][0]["content"].clone();
        assert_eq!(content[0]["document"]["format"], "pdf");
        assert_eq!(content[0]["document"]["source"]["bytes"], STANDARD.encode(PDF));
        assert_eq!(content[1]["document"]["format"], "txt");

        assert_eq!(ask(&gateway, "l/x", &[image(&url("/a.png"))]).status, 200);
        assert_eq!(sent(&upstream)["messages"][0]["images"], json!([STANDARD.encode(PNG)]));
        let record = gateway.records(3).pop().expect("a record");
        assert_eq!(record["status"], 200, "{record}");
    });
}

/// A client of Anthropic's dialect crosses to a host of its models with all that it says, but for the URLs, which that
/// host does not take.
#[test]
fn messages_keep_all_but_their_urls() {
    on_both_drivers(|io| {
        let (images, upstream) = (images(), provider());
        let gateway = Gateway::start(&setup(io, upstream.address, &rules(images.address, "")));
        let url = |path: &str| json!({"type": "url", "url": format!("http://{}{path}", images.address)});
        let told = |picture: Value, pages: Value, notes: Value| {
            json!([
                {"role": "user", "content": "hi"},
                {"role": "user", "content": [
                    {"type": "image", "source": picture, "cache_control": {"type": "ephemeral"}},
                    {"type": "document", "title": "t", "source": pages, "citations": {"enabled": true}},
                    {"type": "tool_result", "tool_use_id": "u", "content": [{"type": "image", "source": picture}, {"type": "text", "text": "https://x"}]},
                    {"type": "document", "source": notes},
                ]},
            ])
        };
        let bytes = |media: &str, data: &[u8]| json!({"type": "base64", "media_type": media, "data": STANDARD.encode(data)});
        let plain = json!({"type": "text", "media_type": "text/plain", "data": "say \"hé\""});
        let body = json!({"model": "i/x", "max_tokens": 9, "messages": told(url("/a.png"), url("/doc"), url("/notes.txt"))});
        let answer = gateway.client().ask(&post(MESSAGES, &body.to_string()));
        assert_eq!(answer.status, 200, "{}", answer.text());
        let expected = told(bytes("image/png", PNG), bytes("application/pdf", PDF), plain);
        assert_eq!(sent(&upstream)["messages"], expected);
        assert_eq!(images.seen().len(), 3);
    });
}

/// What may not be asked is not, in whichever way it is named, and what is no image goes no further; the client learns
/// which host and why, and nothing of what that host said.
#[test]
fn what_is_not_fetched() {
    on_both_drivers(|io| {
        let (images, upstream, other) = (images(), provider(), images());
        let more = ", bytes_max: 20000, count_max: 3";
        let gateway = Gateway::start(&setup(io, upstream.address, &rules(images.address, more)));
        let here = format!("http://{}", images.address);
        let port = other.address.port();
        for (url, why) in [
            (format!("{here}/page.png"), "no image of a known kind"),
            (format!("{here}/doc"), "no image of a known kind"),
            (format!("{here}/gone"), "status 404"),
            (format!("{here}/round"), "redirected too often"),
            (format!("{here}/metadata"), "no public address"),
            (format!("{here}/inside"), "names a port"),
            (format!("{here}/file"), "must begin with http"),
            (format!("{here}/large"), "larger than"),
            (format!("{here}/endless"), "larger than"),
            (format!("{here}/packed"), "compressed"),
            (format!("{here}/short"), "breaks off"),
            (format!("http://127.0.0.1:{port}/a.png"), "names a port"),
            ("http://localhost/a.png".to_owned(), "no public address"),
            ("http://127.0.0.1/a.png".into(), "no public address"),
            ("http://[::1]/a.png".into(), "no public address"),
            ("http://[::ffff:127.0.0.1]/a.png".into(), "no public address"),
            ("http://169.254.169.254/latest/meta-data".into(), "no public address"),
            ("http://2130706433/a.png".into(), "no valid host name"),
            ("http://user:canary@127.0.0.1/a.png".into(), "user name"),
        ] {
            let message = ask(&gateway, "b/x", &[image(&url)]).refused(400, "media_unfetched");
            assert!(message.contains(why) && !message.contains("canary"), "{url}: {message}");
        }
        assert!(upstream.seen().is_empty() && other.seen().is_empty());
        let many: Vec<Value> = (0..4).map(|number| image(&format!("{here}/a.png?{number}"))).collect();
        let before = images.seen().len();
        let message = ask(&gateway, "b/x", &many).refused(400, "media_unfetched");
        assert!(message.contains("at most 3"), "{message}");
        assert_eq!(images.seen().len(), before);
        // The sum counts, not each.
        let log = gateway.log();
        assert!(!log.contains("canary") && log.contains("media_unfetched"), "{log}");
    });
}

/// Unless the operator says so, nothing is fetched; and where `https` is said, nothing by `http`.
#[test]
fn nothing_is_fetched_by_itself() {
    let (images, upstream) = (images(), provider());
    for (media, code) in [
        ("{}".to_owned(), "untranslatable"),
        (format!("{{fetch: https, private_hosts: [\"{}\"]}}", images.address), "media_unfetched"),
    ] {
        let gateway = Gateway::start(&setup(Io::Auto, upstream.address, &media));
        let answer = ask(&gateway, "b/x", &[image(&format!("http://{}/a.png", images.address))]);
        answer.refused(400, code);
    }
    assert!(images.seen().is_empty() && upstream.seen().is_empty());
}

/// While one request waits for its image the shard serves others, and a client that leaves ends what is done for it.
#[test]
fn nobody_waits_for_anothers_image() {
    on_both_drivers(|io| {
        let (ended, told) = channel();
        let ended = Mutex::new(ended);
        let images = Scripted::start(move |_, mut peer| {
            if peer.request().is_some() {
                peer.wait_for_end();
                ended.lock().expect("no panic").send(()).expect("the test waits");
            }
        });
        let upstream = provider();
        let rules = format!("{{fetch: any, private_hosts: [\"{}\"], timeout_ms: 600000}}", images.address);
        let gateway = Gateway::start(&setup(io, upstream.address, &rules));
        let mut waiting = gateway.client();
        waiting.send(&asking("b/x", &[image(&format!("http://{}/slow", images.address))]));
        until("the image to be asked for", || (images.seen().len() == 1).then_some(()));
        assert_eq!(ask(&gateway, "b/x", &[json!({"type": "text", "text": "hi"})]).status, 200);
        drop(waiting);
        let record = until("the record of who left", || {
            gateway.records(0).into_iter().find(|record| record["fault"] == "client_gone")
        });
        assert_eq!(record["attempts"], 1, "{record}");
        told.recv_timeout(PATIENCE).expect("the host's connection ends, too");
    });
}

/// An image that does not come is not waited for longer than it may take.
#[test]
fn patience_ends() {
    on_both_drivers(|io| {
        let (images, upstream) = (images(), provider());
        let rules = format!("{{fetch: any, private_hosts: [\"{}\"], timeout_ms: 300}}", images.address);
        let gateway = Gateway::start(&setup(io, upstream.address, &rules));
        let begun = Instant::now();
        let answer = ask(&gateway, "b/x", &[image(&format!("http://{}/slow", images.address))]);
        assert!(answer.refused(400, "media_unfetched").contains("in time"));
        assert!(begun.elapsed() >= Duration::from_millis(300));
        assert!(upstream.seen().is_empty());
    });
}

/// Hosts of images speak TLS, with an authority of the operator's if they want; one that nobody vouches for gives nothing.
#[test]
fn hosts_are_verified() {
    let (images, ca) = over_tls(b"\r\n\r\n", whole("200 OK", "", PNG));
    let (upstream, port) = (provider(), images.address.port());
    let url = format!("https://localhost:{port}/a.png");
    for (more, trusted) in [(format!(", ca: \"{}\"", ca.display()), true), (String::new(), false)] {
        let rules = format!("{{fetch: https, private_hosts: [\"localhost:{port}\"]{more}}}");
        let gateway = Gateway::start(&setup(Io::Auto, upstream.address, &rules));
        let answer = ask(&gateway, "b/x", &[image(&url)]);
        if trusted {
            assert_eq!(answer.status, 200, "{}", answer.text());
        } else {
            let message = answer.refused(400, "media_unfetched");
            assert!(message.contains("`localhost:") && message.contains("cannot be reached"), "{message}");
            assert!(gateway.records(1)[0].to_string().contains("UnknownIssuer"));
        }
    }
}
