//! Puts an answer into HTTP, with the fault that was asked for, as a script.

use std::time::Duration;

use super::answer::{Content, Event, ID, Part, REFUSAL_RETRY_AFTER_S, error_event, error_name, refusal};
use super::endpoint::Dialect;
use super::fault::Fault;
use super::script::{ANSWERED, End, RECEIVED, Script};
use super::settings::Settings;

/// By how much a truncated answer is shorter than it says.
const TRUNCATED_BYTES: usize = 100;

/// What `garbage` sends.
const GARBAGE: &[u8] = b"\x16\x03\x01this is no HTTP\0\r\n\r\n";

/// What `surplus` sends after a good answer: an answer that nobody asked for.
const SURPLUS: &[u8] =
    b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 16\r\n\r\n{\"surplus\":true}";

/// How a body is delimited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Framing {
    Length(usize),
    Chunked,
    UntilClose,
}

/// A good answer, as it would be sent.
struct Plan {
    content_type: &'static str,
    framing: Framing,
    events: Vec<Event>,
    is_stream: bool,
}

/// The script of an answer.
pub fn compile(content: Content, settings: &Settings, dialect: Dialect) -> Script {
    let mut script = Script::default();
    script.pause(settings.delay);
    match settings.fault {
        Some(Fault::Status(status)) => {
            let message = "The mock provider was asked for this status.";
            refuse_until(script, dialect, status, message, settings.retry_after_s)
        }
        Some(Fault::Reset) => script.finish(End::Reset),
        Some(Fault::Stall) => {
            script.stall();
            script.finish(End::Close)
        }
        Some(Fault::Garbage) => {
            script.add(GARBAGE);
            script.finish(End::Close)
        }
        Some(Fault::Redirect) => {
            script.add(b"HTTP/1.1 307 Temporary Redirect\r\nlocation: http://127.0.0.1:9/v1/elsewhere\r\ncontent-length: 0\r\n\r\n");
            script.finish(End::KeepAlive)
        }
        Some(Fault::ErrorEventAfter(_)) if matches!(content, Content::Whole { .. }) => {
            refuse(script, dialect, 500, "The mock provider was asked to fail.")
        }
        _ => play(script, Plan::of(content, settings.fault), settings, dialect),
    }
}

/// The script of a refusal, on a connection that stays.
pub fn refuse(script: Script, dialect: Dialect, status: u16, message: &str) -> Script {
    refuse_until(script, dialect, status, message, REFUSAL_RETRY_AFTER_S)
}

/// The script of a refusal that says when to come back.
fn refuse_until(
    mut script: Script,
    dialect: Dialect,
    status: u16,
    message: &str,
    retry_after_s: u32,
) -> Script {
    if let Content::Whole { content_type, body } = refusal(dialect, status, message, retry_after_s) {
        let more = match error_name(dialect, status) {
            Some(name) => format!("x-amzn-errortype: {name}:http://internal.amazon.com/\r\n"),
            // It says so in the body, or not at all.
            None if matches!(dialect, Dialect::Gemini | Dialect::Ollama) => String::new(),
            None => format!("retry-after: {retry_after_s}\r\n"),
        };
        script.add(head(dialect, status, content_type, Framing::Length(body.len()), &more).as_bytes());
        script.add(&body);
    }
    script.finish(End::KeepAlive)
}

/// The script of an answer that is no fault and in no cache.
pub fn plain(dialect: Dialect, content_type: &str, body: &[u8]) -> Script {
    let mut script = Script::default();
    script.add(head(dialect, 200, content_type, Framing::Length(body.len()), "").as_bytes());
    script.add(body);
    script.finish(End::KeepAlive)
}

impl Plan {
    fn of(content: Content, fault: Option<Fault>) -> Self {
        let (content_type, events, is_stream) = match content {
            Content::Whole { content_type, body } => (content_type, halves(&body), false),
            Content::Stream { content_type, events } => (content_type, events, true),
        };
        let bytes = events.iter().map(|event| event.bytes.len()).sum::<usize>();
        let framing = match fault {
            Some(Fault::UntilClose) => Framing::UntilClose,
            Some(Fault::Truncate) => Framing::Length(bytes + TRUNCATED_BYTES),
            Some(Fault::BadChunk | Fault::CutChunk) => Framing::Chunked,
            _ if is_stream => Framing::Chunked,
            _ => Framing::Length(bytes),
        };
        Self { content_type, framing, events, is_stream }
    }

    /// After how many chunks the answer breaks off; what is no stream breaks off in its middle.
    fn breaks_after(&self, fault: Option<Fault>) -> Option<u32> {
        let chunks = self.events.iter().filter(|event| event.part == Part::Chunk).count() as u32;
        let after = match fault? {
            Fault::ResetAfter(after)
            | Fault::CloseAfter(after)
            | Fault::StallAfter(after)
            | Fault::ErrorEventAfter(after) => after,
            Fault::BadChunk | Fault::CutChunk => chunks / 2,
            _ => return None,
        };
        Some(if self.is_stream { after.min(chunks) } else { 1 })
    }
}

/// A body that is no stream, as two chunks.
fn halves(body: &[u8]) -> Vec<Event> {
    let (first, second) = body.split_at(body.len() / 2);
    [first, second].map(|half| Event { part: Part::Chunk, bytes: half.to_vec() }).into()
}

fn play(mut script: Script, plan: Plan, settings: &Settings, dialect: Dialect) -> Script {
    add_head(&mut script, &plan, settings, dialect);
    let breaks_after = plan.breaks_after(settings.fault);
    let (mut chunks, mut last) = (0, Part::Before);
    for event in plan.events {
        let is_content = event.part == Part::Chunk;
        if breaks_after == Some(chunks) && (is_content || event.part == Part::After) {
            return break_off(script, settings.fault, plan.framing, dialect);
        }
        if event.part == Part::End && settings.fault == Some(Fault::NoDone) {
            continue;
        }
        if plan.is_stream {
            if is_content && chunks.is_multiple_of(settings.batch) || !is_content && last == Part::Chunk {
                script.flush();
            }
            if is_content && chunks > 0 {
                script.pause(settings.gap);
            }
        }
        add_framed(&mut script, plan.framing, &event.bytes);
        chunks += u32::from(is_content);
        last = event.part;
    }
    end(script, plan.framing, settings.fault)
}

fn add_head(script: &mut Script, plan: &Plan, settings: &Settings, dialect: Dialect) {
    let cached = if plan.is_stream { "cache-control: no-cache\r\n" } else { "" };
    let stamps = if settings.stamps {
        format!("x-mock-received: {RECEIVED}\r\nx-mock-answered: {ANSWERED}\r\n")
    } else {
        String::new()
    };
    let head = head(dialect, 200, plan.content_type, plan.framing, &format!("{cached}{stamps}"));
    match settings.fault {
        Some(Fault::SlowHead) => {
            script.crawl(head.as_bytes(), settings.gap.at_least(Duration::from_millis(1)));
        }
        Some(Fault::Interim) => {
            script.add(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: </style.css>; rel=preload\r\n\r\n");
            script.add(head.as_bytes());
        }
        _ => script.add(head.as_bytes()),
    }
}

fn break_off(mut script: Script, fault: Option<Fault>, framing: Framing, dialect: Dialect) -> Script {
    match fault {
        Some(Fault::ResetAfter(_)) => script.finish(End::Reset),
        Some(Fault::StallAfter(_)) => {
            script.stall();
            script.finish(End::Close)
        }
        Some(Fault::ErrorEventAfter(_)) => {
            add_framed(&mut script, framing, &error_event(dialect).bytes);
            end(script, framing, None)
        }
        Some(Fault::BadChunk) => {
            script.add(b"zz\r\nthis chunk has no size\r\n0\r\n\r\n");
            script.finish(End::Close)
        }
        Some(Fault::CutChunk) => {
            script.add(b"40\r\ndata: {\"this chunk is said to be longer\"");
            script.finish(End::Close)
        }
        _ => script.finish(End::Close),
    }
}

fn end(mut script: Script, framing: Framing, fault: Option<Fault>) -> Script {
    if framing == Framing::Chunked {
        script.add(b"0\r\n\r\n");
    }
    if fault == Some(Fault::Surplus) {
        script.add(SURPLUS);
    }
    let keeps = framing != Framing::UntilClose && !matches!(fault, Some(Fault::Truncate | Fault::OneShot));
    script.finish(if keeps { End::KeepAlive } else { End::Close })
}

fn add_framed(script: &mut Script, framing: Framing, bytes: &[u8]) {
    match framing {
        Framing::Length(_) | Framing::UntilClose => script.add(bytes),
        Framing::Chunked => {
            script.add(format!("{:x}\r\n", bytes.len()).as_bytes());
            script.add(bytes);
            script.add(b"\r\n");
        }
    }
}

fn head(dialect: Dialect, status: u16, content_type: &str, framing: Framing, more: &str) -> String {
    let request_id = match dialect {
        Dialect::OpenAi => "x-request-id",
        Dialect::Anthropic => "request-id",
        Dialect::Bedrock => "x-amzn-requestid",
        // Their own answers have no such field.
        Dialect::Gemini | Dialect::Cohere | Dialect::Ollama => "x-mock-request",
    };
    let framing = match framing {
        Framing::Length(bytes) => format!("content-length: {bytes}"),
        Framing::Chunked => "transfer-encoding: chunked".to_owned(),
        Framing::UntilClose => "connection: close".to_owned(),
    };
    let reason = reason(status);
    format!(
        "HTTP/1.1 {status} {reason}\r\ncontent-type: {content_type}\r\n{request_id}: req_{ID}\r\n{more}{framing}\r\n\r\n"
    )
}

fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        413 => "Content Too Large",
        429 => "Too Many Requests",
        500 => "Internal Server Error",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        529 => "Overloaded",
        _ => "Status",
    }
}

#[cfg(test)]
mod tests {
    use super::super::asked::Asked;
    use super::super::endpoint::Endpoint;
    use super::super::script::{Filling, Step};
    use super::super::wait::Wait;
    use super::*;

    fn script(body: &str, change: impl FnOnce(&mut Settings)) -> (Script, String) {
        let mut settings = Settings { chunks: 4, ..Settings::default() };
        change(&mut settings);
        let asked = Asked::of_json(body.as_bytes()).expect("valid");
        let content = super::super::answer::content(Endpoint::Chat, "mock", &settings, &asked);
        let script = compile(content, &settings, Dialect::OpenAi);
        let mut text = Vec::new();
        for step in &script.steps {
            match step {
                Step::Send { bytes, blanks } => {
                    script.copy(
                        bytes.clone(),
                        blanks.clone(),
                        &Filling { id: 1, ..Filling::default() },
                        &mut text,
                    );
                }
                Step::Pause(_) => text.push(b'~'),
                Step::Stall => text.push(b'#'),
            }
        }
        (script, String::from_utf8_lossy(&text).into_owned())
    }

    /// A good answer is one write; a good stream is one write for its head, one for each chunk and one for its end.
    #[test]
    fn good_answers_take_few_writes() {
        assert!(script("{}", |_| {}).0.is_simple());
        assert_eq!(script(r#"{"stream":true}"#, |_| {}).0.steps.len(), 6);
        assert_eq!(script(r#"{"stream":true}"#, |settings| settings.batch = 2).0.steps.len(), 4);
        let paced =
            script(r#"{"stream":true}"#, |settings| settings.gap = Wait::Fixed(Duration::from_millis(1))).1;
        assert_eq!(paced.matches('~').count(), 3);
    }

    /// A stream that breaks off has as many chunks as asked for, and no end.
    #[test]
    fn breaks_off_where_asked() {
        for (after, chunks) in [(0, 0), (2, 2), (9, 4)] {
            let (script, text) =
                script(r#"{"stream":true}"#, |settings| settings.fault = Some(Fault::ResetAfter(after)));
            assert_eq!(text.matches(r#"{"content":""#).count(), chunks, "after {after}");
            assert!(!text.contains("[DONE]") && !text.contains("\r\n0\r\n") && script.end == End::Reset);
        }
        let (script, text) = script("{}", |settings| settings.fault = Some(Fault::StallAfter(3)));
        assert!(text.ends_with('#') && text.contains("content-length") && !text.contains("fp_mock"));
        assert_eq!(script.end, End::Close);
    }
}
