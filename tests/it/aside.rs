//! Bodies so large that the shard has them read and written by another thread: nothing may come out differently.

use crate::harness::{Gateway, Io, Scripted, Setup, on_both_drivers, post, refusing, schedstat, until};
use serde_json::{Value, json};
use std::time::Duration;

const CHAT: &str = "/v1/chat/completions";
const CLAUDE: &str = r#"{"id":"msg_1","type":"message","role":"assistant","model":"claude-x","content":[{"type":"text","text":"Riga."}],"stop_reason":"end_turn","usage":{"input_tokens":1,"output_tokens":2}}"#;
/// From where on bodies are translated aside, and from where on they are searched aside.
const LARGE: usize = 512 * 1024;
const VAST: usize = 1024 * 1024;

/// Model `c` of Anthropic's format, `m/…` of `OpenAI`'s, and `both`, whose first target is of Anthropic's and refuses
/// connections.
fn stage(io: Io) -> (Scripted, Gateway, socket2::Socket) {
    stage_with(io, "{}")
}

fn stage_with(io: Io, limits: &str) -> (Scripted, Gateway, socket2::Socket) {
    let upstream = Scripted::start(|_, mut peer| {
        while let Some(request) = peer.request() {
            let body = if request.starts_with("POST /v1/messages ") { CLAUDE } else { "{}" };
            let length = body.len();
            let head = format!(
                "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n"
            );
            peer.send((head + body).as_bytes());
        }
    });
    let (socket, closed) = refusing();
    let setup = Setup::at(io, upstream.address)
        .provider_of("anthropic", "claude", &format!("http://{}", upstream.address), "")
        .provider_of("anthropic", "dead", &format!("http://{closed}"), "")
        .model("c", "{provider: claude, model: claude-x}", "")
        .model(
            "both",
            "{provider: dead, model: claude-x, priority: 1}, {provider: up, model: x, priority: 2}",
            "",
        )
        .with("limits", limits);
    let gateway = Gateway::start(&setup);
    (upstream, gateway, socket)
}

/// The body that the provider has got last.
fn sent(upstream: &Scripted) -> String {
    let request = upstream.seen().pop().expect("a request");
    request.split_once("\r\n\r\n").expect("a head").1.to_owned()
}

/// A body of at least so many bytes, in many short turns.
fn chat(model: &str, bytes: usize) -> String {
    let turn = r#"{"role": "user", "content": "a \"line\"\n"}, {"role": "assistant", "content": "\u00e9"}, "#;
    let turns = turn.repeat(bytes / turn.len() + 1);
    format!(
        r#"{{"model": "{model}", "messages": [{turns}{{"role": "user", "content": "Where?"}}], "max_tokens": 9}}"#
    )
}

/// What a large body becomes is what a small one becomes, times its turns.
#[test]
fn large_bodies_are_translated_alike() {
    on_both_drivers(|io| {
        let (upstream, gateway, _closed) = stage(io);
        let mut client = gateway.client();
        let mut first = None;
        for bytes in [1000, LARGE - 1000, LARGE + 1000, 3 * LARGE] {
            let answer = client.ask(&post(CHAT, &chat("c", bytes)));
            assert_eq!(answer.status, 200, "{}", answer.text());
            assert_eq!(answer.json()["choices"][0]["message"]["content"], json!("Riga."));
            let body: Value = serde_json::from_str(&sent(&upstream)).expect("JSON");
            assert_eq!((&body["model"], &body["max_tokens"]), (&json!("claude-x"), &json!(9)));
            let turns = body["messages"].as_array().expect("turns");
            assert!(turns.len() > bytes / 100, "{} turns", turns.len());
            let (last, rest) = turns.split_last().expect("turns");
            assert!(last.to_string().contains("Where?"));
            let pair = first.get_or_insert_with(|| rest[..2].to_vec());
            assert!(rest.chunks(2).all(|turns| turns == &pair[..]), "a turn differs at {bytes} bytes");
        }
    });
}

/// A body that was lent to the helper goes to the next target as the client wrote it.
#[test]
fn the_next_target_has_the_whole_body() {
    on_both_drivers(|io| {
        let (upstream, gateway, _closed) = stage(io);
        for bytes in [LARGE, VAST] {
            assert_eq!(gateway.client().ask(&post(CHAT, &chat("both", bytes))).status, 200);
            assert!(sent(&upstream) == chat("x", bytes), "the body differs");
        }
    });
}

/// A large body is not read and written where others wait for it.
#[test]
fn the_helper_does_the_work() {
    on_both_drivers(|io| {
        let (_upstream, gateway, _closed) = stage(io);
        let helper = gateway.schedstat_of("helper");
        let ran = |model: &str, bytes: usize| {
            let before = schedstat(&helper).ran;
            assert_eq!(gateway.client().ask(&post(CHAT, &chat(model, bytes))).status, 200);
            schedstat(&helper).ran.saturating_sub(before)
        };
        // A tenth of a nanosecond for each byte is more than it wakes up for, and less than any translation takes.
        let bytes = VAST + 1000;
        let least = Duration::from_nanos(bytes as u64 / 10);
        for (model, bytes, is_work) in [("c", 1000, false), ("c", bytes, true), ("m/x", 1000, false)] {
            let ran = ran(model, bytes);
            assert_eq!(ran > least, is_work, "{model}, {bytes} bytes: the helper ran for {ran:?}");
        }
    });
}

/// Where both want a processor, the shard has it: the helper is nicer and takes it from nobody.
#[test]
fn the_helper_goes_last() {
    let (_upstream, gateway, _closed) = stage(Io::Auto);
    // The 19th and the 41st number of proc(5)'s `stat`; the second is the name in brackets.
    let order = |thread: &str| {
        let stat = gateway.schedstat_of(thread).with_file_name("stat");
        let stat = std::fs::read_to_string(stat).expect("the thread runs");
        let behind = stat.rsplit(") ").next().expect("fields");
        let field = |number: usize| behind.split(' ').nth(number - 3).expect("a field").parse::<i32>();
        (field(19).expect("a number"), field(41).expect("a number"))
    };
    let (shard_nice, shard_policy) = order("shard-0");
    if shard_policy != libc::SCHED_OTHER {
        eprintln!("skipped: these tests run under a policy of somebody's choice");
        return;
    }
    // It says so itself, when it runs.
    until("the helper to go last", || {
        (order("helper") == ((shard_nice + 15).min(19), libc::SCHED_BATCH)).then_some(())
    });
}

/// The memory in which the helper wrote one body serves the next one, and goes back when none comes.
#[test]
fn memory_is_used_again_and_given_back() {
    const BODY: u64 = 24 << 20;
    let (_upstream, gateway, _closed) = stage_with(Io::Auto, "{spare_memory_ms: 4000}");
    // The 10th number of proc(5)'s `stat` counts pages, small or huge, that were touched for the first time.
    let fetched = || {
        let stat = std::fs::read_to_string(gateway.schedstat_of("helper").with_file_name("stat"));
        let behind = stat.expect("the thread runs").rsplit(") ").next().map(str::to_owned).expect("fields");
        behind.split(' ').nth(10 - 3).expect("a field").parse::<u64>().expect("a number")
    };
    let text = "word ".repeat(BODY as usize / 5);
    let request =
        post(CHAT, &format!(r#"{{"model":"c","messages":[{{"role":"user","content":"{text}"}}]}}"#));
    let mut client = gateway.client();
    let mut ask = || {
        let before = fetched();
        assert_eq!(client.ask(&request).status, 200);
        fetched() - before
    };
    let first = ask();
    let later: u64 = (0..4).map(|_| ask()).sum();
    assert!(later < first, "the first body took {first} pages, four more {later}");
    let held = gateway.resident_bytes();
    until("the memory to go back", || (gateway.resident_bytes() + 2 * BODY < held).then_some(()));
}

/// What other vendors' models left is cut out of large bodies, too.
#[test]
fn marks_are_found_in_large_bodies() {
    on_both_drivers(|io| {
        let (upstream, gateway, _closed) = stage(io);
        let id = format!("call_0_-sig-_{}", "c2ln".repeat(20));
        let chat = |model: &str, id: &str, bytes: usize| {
            format!(
                r#"{{"model":"{model}","messages":[{{"role":"user","content":"{}"}},{{"role":"tool","tool_call_id":"{id}","content":"x"}}]}}"#,
                "word ".repeat(bytes / 5)
            )
        };
        for bytes in [1000, LARGE, VAST] {
            assert_eq!(gateway.client().ask(&post(CHAT, &chat("m/x", &id, bytes))).status, 200);
            let body = sent(&upstream);
            let parsed: Value = serde_json::from_str(&body).expect("JSON");
            let alias = parsed["messages"][1]["tool_call_id"].as_str().expect("an id");
            assert!(alias.len() <= 40, "{alias}");
            assert!(body == chat("x", alias, bytes), "the body differs at {bytes} bytes");
        }
    });
}

/// A client that leaves while its body is with the helper takes nothing with it, and what cannot be translated is told.
#[test]
fn work_may_be_given_up() {
    on_both_drivers(|io| {
        let (upstream, gateway, _closed) = stage(io);
        for _ in 0..4 {
            gateway.client().send(&post(CHAT, &chat("c", 4 * LARGE)));
        }
        let wrong =
            chat("c", LARGE).replace("\"role\": \"user\", \"content\": \"Where?\"", "\"role\": \"nobody\"");
        gateway.client().ask(&post(CHAT, &wrong)).refused(400, "invalid_request");
        assert_eq!(gateway.client().ask(&post(CHAT, &chat("c", LARGE))).status, 200);
        assert!(sent(&upstream).contains("Where?"));
        assert_eq!(gateway.records(6).len(), 6);
    });
}

/// A large answer that is translated comes out as a small one does, whole or in the events of a stream, framed by its length
/// or not, and the helper reads it.
#[test]
fn large_answers_are_translated_alike() {
    on_both_drivers(|io| {
        for (streams, bytes, chunked) in
            [(false, 1000, false), (false, VAST, false), (false, VAST, true), (true, 2 * LARGE, false)]
        {
            let text = "a \\\"word\\\" ".repeat(bytes / 11);
            let body = if streams {
                let event = |body: &str| format!("data: {body}\n\n");
                [
                    event(r#"{"type":"message_start","message":{"id":"m","type":"message","role":"assistant","model":"x","content":[],"usage":{"input_tokens":1,"output_tokens":1}}}"#),
                    event(r#"{"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}"#),
                    event(&format!(r#"{{"type":"content_block_delta","index":0,"delta":{{"type":"text_delta","text":"{text}"}}}}"#)),
                    event(r#"{"type":"content_block_stop","index":0}"#),
                    event(r#"{"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":2}}"#),
                    event(r#"{"type":"message_stop"}"#),
                ]
                .concat()
            } else {
                CLAUDE.replace("Riga.", &text)
            };
            let kind = if streams { "text/event-stream" } else { "application/json" };
            let head = format!("HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\n");
            let upstream = Scripted::always(if chunked {
                let pieces = body.as_bytes().chunks(1 << 20);
                let pieces = pieces
                    .map(|piece| format!("{:x}\r\n{}\r\n", piece.len(), String::from_utf8_lossy(piece)));
                format!("{head}transfer-encoding: chunked\r\n\r\n{}0\r\n\r\n", pieces.collect::<String>())
            } else {
                format!("{head}content-length: {}\r\n\r\n{body}", body.len())
            });
            let setup = Setup::at(io, upstream.address)
                .provider_of("anthropic", "claude", &format!("http://{}", upstream.address), "")
                .model("c", "{provider: claude, model: claude-x}", "");
            let gateway = Gateway::start(&setup);
            let helper = gateway.schedstat_of("helper");
            let request =
                format!(r#"{{"model":"c","stream":{streams},"messages":[{{"role":"user","content":"x"}}]}}"#);
            let mut client = gateway.client();
            for _ in 0..2 {
                let before = schedstat(&helper).ran;
                let answer = client.ask(&post(CHAT, &request));
                assert!(answer.status == 200 && answer.whole);
                let said = if streams {
                    let events = answer.events();
                    let deltas = events.iter().filter_map(|event| serde_json::from_str::<Value>(event).ok());
                    deltas
                        .filter_map(|event| {
                            event["choices"][0]["delta"]["content"].as_str().map(str::to_owned)
                        })
                        .collect()
                } else {
                    answer.json()["choices"][0]["message"]["content"].as_str().expect("text").to_owned()
                };
                assert!(said == text.replace("\\\"", "\""), "the answer differs: {} bytes", said.len());
                let ran = schedstat(&helper).ran.saturating_sub(before);
                assert!(
                    bytes < LARGE || ran > Duration::from_nanos(bytes as u64 / 10),
                    "the helper ran for {ran:?}"
                );
            }
            assert_eq!(gateway.only_record(2)["fault"], Value::Null);
        }
    });
}
