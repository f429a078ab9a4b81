//! A record as one line of JSON.
//!
//! Invariant: one record gives exactly one line, whatever a client put into its names.

use super::escape;
use super::names::NameCache;
use crate::base::clock::write_utc;
use crate::contract::record::Record;
use std::io::Write as _;
use std::net::SocketAddr;

/// Appends the line of a record. `booted_unix_us` is the wall time at which a `Moment` is 0. Texts that are empty are
/// left out, and figures that are 0 where 0 says nothing.
pub fn write(out: &mut Vec<u8>, record: &Record, booted_unix_us: u64, names: &mut NameCache) {
    out.extend_from_slice(b"{\"time\":\"");
    write_utc(out, booted_unix_us + record.started.0);
    out.extend_from_slice(b"\",\"id\":\"");
    out.extend_from_slice(&record.id.text());
    out.push(b'"');
    number(out, b",\"shard\":", u64::from(record.shard));
    plain(out, b",\"endpoint\":\"", record.endpoint.row().path.as_bytes());
    always(out, b",\"status\":", u64::from(record.status));
    if let Some(fault) = record.fault {
        plain(out, b",\"fault\":\"", fault.row().code.as_bytes());
        plain(out, b",\"blame\":\"", fault.row().blame.name().as_bytes());
    }
    plain(out, b",\"key\":\"", names.json(record.key));
    plain(out, b",\"group\":\"", names.json(record.group));
    plain(out, b",\"model\":\"", names.json(record.model));
    plain(out, b",\"provider\":\"", names.json(record.provider));
    text(out, b",\"asked\":\"", record.asked.as_str());
    always(out, b",\"upstream_status\":", u64::from(record.upstream_status));
    number(out, b",\"attempts\":", u64::from(record.attempts));
    out.extend_from_slice(if record.streamed { b",\"stream\":true" } else { b",\"stream\":false" });
    if record.usage_known {
        let usage = &record.usage;
        always(out, b",\"input_tokens\":", usage.input);
        always(out, b",\"output_tokens\":", usage.output);
        number(out, b",\"cached_input_tokens\":", usage.cached_input);
        number(out, b",\"cache_write_tokens\":", usage.cache_write);
        number(out, b",\"cache_write_hour_tokens\":", usage.cache_write_hour);
        number(out, b",\"reasoning_tokens\":", usage.reasoning);
        number(out, b",\"audio_input_tokens\":", usage.audio_input);
        number(out, b",\"audio_output_tokens\":", usage.audio_output);
    }
    number(out, b",\"request_bytes\":", record.request_bytes);
    number(out, b",\"response_bytes\":", record.response_bytes);
    number(out, b",\"events\":", u64::from(record.events));
    number(out, b",\"overhead_in_us\":", u64::from(record.overhead_in_us));
    number(out, b",\"overhead_out_us\":", u64::from(record.overhead_out_us));
    number(out, b",\"first_byte_us\":", u64::from(record.first_byte_us));
    number(out, b",\"total_us\":", record.total_us);
    if let Some(client) = record.client {
        out.extend_from_slice(b",\"client\":\"");
        address(out, client);
        out.push(b'"');
    }
    text(out, b",\"user_agent\":\"", record.user_agent.as_str());
    if let Some(remarks) = &record.remarks {
        text(out, b",\"dropped\":\"", remarks.dropped.as_str());
        text(out, b",\"detail\":\"", remarks.detail.as_str());
    }
    out.extend_from_slice(b"}\n");
}

/// An address as it is usually written; the common kind without the formatting machinery.
fn address(out: &mut Vec<u8>, client: SocketAddr) {
    let SocketAddr::V4(v4) = client else {
        // Writing to a vector cannot fail.
        drop(write!(out, "{client}"));
        return;
    };
    for (octet, then) in v4.ip().octets().into_iter().zip(*b"...:") {
        out.extend_from_slice(itoa::Buffer::new().format(octet).as_bytes());
        out.push(then);
    }
    out.extend_from_slice(itoa::Buffer::new().format(v4.port()).as_bytes());
}

/// `begin` is what stands before the value of a member, comma and name included; its size is known, so that copying it
/// takes no call.
fn number<const N: usize>(out: &mut Vec<u8>, begin: &[u8; N], value: u64) {
    if value != 0 {
        always(out, begin, value);
    }
}

fn always<const N: usize>(out: &mut Vec<u8>, begin: &[u8; N], value: u64) {
    out.extend_from_slice(begin);
    out.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
}

/// A text that needs no escapes, or has them; `begin` ends with the quote that begins it.
fn plain<const N: usize>(out: &mut Vec<u8>, begin: &[u8; N], value: &[u8]) {
    if !value.is_empty() {
        out.extend_from_slice(begin);
        out.extend_from_slice(value);
        out.push(b'"');
    }
}

/// `begin` ends with the quote that begins the text.
fn text<const N: usize>(out: &mut Vec<u8>, begin: &[u8; N], value: &str) {
    if value.is_empty() {
        return;
    }
    out.extend_from_slice(begin);
    if escape::is_needed(value) {
        escape::write(out, value);
    } else {
        out.extend_from_slice(value.as_bytes());
    }
    out.push(b'"');
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Line breaks, quotes and escape sequences stay inside their JSON string.
    #[test]
    fn hostile_text_stays_on_its_line() {
        let mut out = vec![];
        text(&mut out, b",\"asked\":\"", "a\r\nb\u{1b}[31m\"\\é");
        let mut at = vec![];
        address(&mut at, "10.0.0.7:8080".parse().expect("an address"));
        address(&mut at, "[::1]:9".parse().expect("an address"));
        assert_eq!(at, b"10.0.0.7:8080[::1]:9");
        assert_eq!(out, ",\"asked\":\"a\\u000d\\u000ab\\u001b[31m\\\"\\\\é\"".as_bytes());
    }
}
