//! Streams that break, each in every way: of every dialect, from providers of every format, over every protocol. None of
//! them ever looks whole, and each is told in its client's own words what happened.

use crate::harness::{Gateway, Io, Scripted, on_both_drivers};
use crate::tongues::{
    DIALECTS, Dialect, End, Format, MODELS, Protocol, Tap, asked, closing, complaint, opening, said, setup,
    word,
};
use rustix::process::Signal;
use std::fmt::Write as _;
use std::sync::{Arc, RwLock};

/// What a provider does behind the first word of its stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Break {
    /// Closes the connection, at a chunk's end or inside an event.
    Close,
    CloseInside,
    /// Resets it.
    Reset,
    /// Says what is no chunk.
    Garbage,
    /// Says less than its length has it.
    Short,
    /// Ends properly as HTTP, by the last chunk or by the end of the connection; the last event did not come.
    Unended,
    UnendedUntilClose,
    /// Says nothing more.
    Silence,
    /// Goes on and on.
    Endless,
    /// Says that it failed, and then ends as if nothing had been.
    Complaint,
    /// An event that nobody can read, and then goes on.
    Nonsense,
}

/// The connection ends too early.
#[test]
fn cut_off() {
    for how in [Break::Close, Break::CloseInside, Break::Reset, Break::Short, Break::UnendedUntilClose] {
        on_both_drivers(|io| all_are_told(io, how, "", "upstream_truncated"));
    }
}

/// What comes is no HTTP any more.
#[test]
fn malformed() {
    on_both_drivers(|io| all_are_told(io, Break::Garbage, "", "upstream_malformed"));
}

/// The provider falls silent, or does not come to an end.
#[test]
fn out_of_time() {
    on_both_drivers(|io| {
        all_are_told(io, Break::Silence, "timeouts: {idle_ms: 700}", "upstream_idle_timeout");
        all_are_told(io, Break::Endless, "timeouts: {total_ms: 2500}", "upstream_total_timeout");
    });
}

/// The stream ends as HTTP has it and lacks its last event. Clients of `OpenAI`'s dialect get what their provider said as it
/// said it, without an end marker; everybody else is told.
#[test]
fn unended() {
    on_both_drivers(|io| all_are_told(io, Break::Unended, "", "upstream_truncated"));
}

/// The provider's own word of its failure reaches the client, and what it says behind that does not.
#[test]
fn complaints() {
    on_both_drivers(|io| all_are_told(io, Break::Complaint, "", "upstream_stream_error"));
}

/// An event that is not what the provider's format says breaks a stream that is translated.
#[test]
fn nonsense() {
    on_both_drivers(|io| all_are_told(io, Break::Nonsense, "", "upstream_unreadable"));
}

/// A gateway that ends before its streams do tells each of them so.
#[test]
fn cut_by_the_end_of_the_gateway() {
    on_both_drivers(|io| {
        let held = Arc::new(RwLock::new(()));
        let upstream = provider(Break::Silence, held.clone());
        let gateway = Gateway::start(&setup(io, upstream.address, "").with("drain_timeout_ms", "300"));
        let streams = begin(&gateway, Break::Silence);
        gateway.signal(Signal::TERM);
        settle(&gateway, Break::Silence, streams, "shutting_down");
    });
}

/// A provider of every format that breaks each stream so, once it may.
fn provider(how: Break, held: Arc<RwLock<()>>) -> Scripted {
    Scripted::start(move |_, mut peer| {
        let Some(request) = peer.request() else { return };
        let format = asked(&request);
        let framing = match how {
            Break::Short => "content-length: 100000\r\n",
            Break::UnendedUntilClose => "connection: close\r\n",
            _ => "transfer-encoding: chunked\r\n",
        };
        let chunked = framing.starts_with("transfer");
        let framed = |bytes: &[u8]| {
            let size = format!("{:x}\r\n", bytes.len()).into_bytes();
            if chunked { [&size, bytes, b"\r\n"].concat() } else { bytes.to_vec() }
        };
        let kind = format.content_type();
        peer.send(format!("HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\n{framing}\r\n").as_bytes());
        peer.send(&framed(&[opening(format), word(format, 0)].concat()));
        // Clients read up to here first.
        drop(held.read());
        match how {
            Break::Close | Break::Short | Break::UnendedUntilClose => {}
            Break::CloseInside => {
                let event = word(format, 1);
                peer.send(&framed(&event[..event.len() / 2]));
            }
            Break::Reset => {
                socket2::SockRef::from(&peer.stream)
                    .set_linger(Some(std::time::Duration::ZERO))
                    .expect("a linger");
            }
            Break::Garbage => peer.send(b"no chunk\r\n"),
            Break::Unended => peer.send(b"0\r\n\r\n"),
            Break::Silence => peer.wait_for_end(),
            Break::Endless => {
                for number in 1.. {
                    if std::io::Write::write_all(&mut peer.stream, &framed(&word(format, number))).is_err() {
                        return;
                    }
                    std::thread::sleep(std::time::Duration::from_millis(20));
                }
            }
            Break::Complaint => {
                peer.send(&framed(&complaint(format)));
                peer.send(&framed(&closing(format)));
                peer.send(b"0\r\n\r\n");
            }
            Break::Nonsense => {
                peer.send(&framed(&nonsense_in(format)));
                peer.send(&framed(&closing(format)));
                peer.send(b"0\r\n\r\n");
            }
        }
    })
}

fn nonsense_in(format: Format) -> Vec<u8> {
    match format {
        Format::Bedrock => vec![0xFF; 40],
        Format::Ollama => b"{\"message\":{\n".to_vec(),
        Format::GoogleArray => b",{]\n".to_vec(),
        _ => b"data: {\"choices\n\n".to_vec(),
    }
}

type Stream = (Tap, Protocol, Dialect, &'static str);

/// A stream for each of all there is, of which the first word was read.
fn begin(gateway: &Gateway, how: Break) -> Vec<Stream> {
    let mut streams = vec![];
    for protocol in Protocol::ALL {
        for dialect in DIALECTS {
            for model in MODELS.into_iter().filter(|model| breaks(how, dialect, model)) {
                streams.push((Tap::open(gateway, protocol, dialect, model), protocol, dialect, model));
            }
        }
    }
    for (tap, _, _, _) in &mut streams {
        tap.begin();
        tap.until(said(0).trim());
    }
    streams
}

/// Whether the gateway reads the events of such a stream.
fn translates(dialect: Dialect, model: &str) -> bool {
    !matches!(
        (dialect, model),
        (Dialect::Chat | Dialect::Completions | Dialect::Responses, "openai")
            | (Dialect::Completions | Dialect::Responses, "newer")
            | (Dialect::Messages, "claude")
            | (Dialect::GoogleEvents | Dialect::GoogleArray, "google")
    )
}

/// Whether that breaks the stream.
fn breaks(how: Break, dialect: Dialect, model: &str) -> bool {
    match how {
        Break::Unended => {
            translates(dialect, model)
                || matches!(dialect, Dialect::Messages | Dialect::GoogleEvents | Dialect::GoogleArray)
        }
        Break::Nonsense => translates(dialect, model),
        _ => true,
    }
}

fn all_are_told(io: Io, how: Break, more: &str, fault: &str) {
    eprintln!("{how:?}");
    let held = Arc::new(RwLock::new(()));
    let gate = held.write().expect("no panic");
    let upstream = provider(how, held.clone());
    let gateway = Gateway::start(&setup(io, upstream.address, more));
    let streams = begin(&gateway, how);
    drop(gate);
    settle(&gateway, how, streams, fault);
}

/// Reads all streams to their ends, which are what they should be; each has one record with this fault.
fn settle(gateway: &Gateway, how: Break, streams: Vec<Stream>, fault: &str) {
    let (count, mut wrong) = (streams.len(), String::new());
    for (mut tap, protocol, dialect, model) in streams {
        let end = tap.end();
        let text = tap.text.as_str();
        // Nothing can be said inside an element of an array, nor behind the length that was told of one.
        let no_room = matches!(how, Break::CloseInside | Break::Short);
        let untold = no_room && dialect == Dialect::GoogleArray && model == "google";
        let told = match how {
            Break::Complaint if !text.contains("boom") => "no complaint".to_owned(),
            Break::Complaint => fault.to_owned(),
            _ if untold => fault.to_owned(),
            _ => dialect.error(text),
        };
        if end != End::Broken || dialect.ends(text) || told != fault {
            writeln!(wrong, "{protocol:?} {dialect:?} {model}: {end:?}, {told}: {text}\n").expect("a string");
        }
    }
    assert_eq!(wrong, "", "{how:?}");
    let records = gateway.records(count);
    assert_eq!(records.len(), count);
    for record in records {
        assert_eq!((&record["fault"], &record["status"]), (&fault.into(), &200.into()), "{record}");
    }
    if fault != "shutting_down" {
        assert_eq!(gateway.counted(&[("fault", fault), ("status", "200")]), count as u64);
    }
}
