//! A provider's answer that is an error.

use super::crossing;
use super::inbound::{Inbound, Trailer, cut_off};
use super::passage::Passage;
use super::reply::{Reply, overhead};
use crate::base::buf::Buf;
use crate::base::fault::{Fault, FaultKind};
use crate::base::limits::ERROR_BODY_BYTES;
use crate::base::secret::Secret;
use crate::contract::snapshot::{Format, Provider};
use crate::http::encode;
use crate::net::deadline::Waiting;
use crate::traffic::account::Tally;
use crate::traffic::provider::response;
use crate::traffic::translate::{Crossing, Speech, failure};
use crate::traffic::upstream::call::Answer;

/// From here on an answer is no success.
const FIRST_REDIRECT: u16 = 300;

/// What stands where a key was.
const REDACTED: &[u8] = b"[redacted]";
/// No key is shorter.
const KEY_BYTES: usize = 8;

/// Longest hint when to come again that is passed on.
const HINT_MS: u64 = 24 * 3_600_000;

/// A provider's error answer, read whole, so that it can be cleaned before it is passed on.
pub struct Failure {
    status: u16,
    /// Status line and fields.
    head: Buf,
    body: Vec<u8>,
}

impl Failure {
    /// Reads it, and gives its connection back.
    ///
    /// # Errors
    /// It breaks, or is too large.
    pub async fn read(
        passage: &Passage<'_>,
        mut answer: Answer,
        reply: &mut Reply<'_>,
    ) -> Result<Self, Fault> {
        let mut inbound = Inbound::new(answer.framing, answer.body.is_gzip(), Trailer::Dropped);
        let mut buf = answer.rest;
        let mut decoded = 0;
        while !inbound.decode(&mut buf, decoded)? {
            decoded = buf.len();
            if decoded > ERROR_BODY_BYTES {
                return Err(Fault::told(
                    FaultKind::UpstreamMalformed,
                    "The provider's error message is too large.",
                ));
            }
            if inbound.has_more() {
                continue;
            }
            buf.reserve(1024);
            answer.conn.deadline.set_before(Waiting::More, passage.timeouts.idle_ms, passage.latest);
            let (read, back) = answer.conn.reader.read(buf).await;
            buf = back;
            match read {
                Ok(n) if n > 0 => {}
                Ok(_) if answer.conn.deadline.fired().is_none() && inbound.end(&mut buf)? => break,
                _ => return Err(cut_off(&answer.conn)),
            }
        }
        let body = scrubbed(&buf, passage.provider);
        let shard = reply.shard;
        shard.buffers.give(buf);
        if answer.keep_alive && !inbound.surplus && !inbound.ends_with_connection() {
            shard.upstreams.pool.give(answer.conn, shard.deadlines.coarse_now(), reply.limits);
        }
        Ok(Self { status: told(passage.provider.format, answer.status), head: answer.head, body })
    }

    /// Tells the client what the provider said.
    ///
    /// # Errors
    /// The client is gone, or it is the gateway's own account that the provider complains of.
    pub async fn pass(
        self,
        passage: &Passage<'_>,
        reply: &mut Reply<'_>,
        tally: &mut Tally,
    ) -> Result<(), Fault> {
        let is_google = passage.provider.format == Format::Gemini;
        if is_google && failure::speaks_of_account(Speech::Gemini, &self.body) {
            return Err(FaultKind::UpstreamAccount.into());
        }
        let line_end = memchr::memchr(b'\n', &self.head).map_or(self.head.len(), |at| at + 1);
        let mut fields = scrubbed(&self.head[line_end..], passage.provider);
        overhead(tally, &mut fields);
        reply.whole(self.status, &fields, &self.body).await
    }

    /// Tells the client what the provider said, in the client's own dialect.
    ///
    /// # Errors
    /// The client is gone, or it is the gateway's own account that the provider complains of.
    pub async fn cross(
        self,
        crossing: Crossing,
        reply: &mut Reply<'_>,
        tally: &mut Tally,
    ) -> Result<(), Fault> {
        if failure::speaks_of_account(crossing.provider, &self.body) {
            return Err(FaultKind::UpstreamAccount.into());
        }
        let Crossing { client, provider } = crossing;
        let retry_ms = response::retry_after_ms(&self.head)
            .or_else(|| failure::retry_after_ms(provider, &self.body))
            .map(|ms| ms.min(HINT_MS));
        let mut body = Vec::with_capacity(self.body.len() + 128);
        let (status, name) = (self.status, named(&self.head));
        let status = failure::answer(provider, client, status, name, retry_ms, &self.body, &mut body);
        let mut fields = crossing::JSON.to_vec();
        crossing::keep(&self.head, &mut fields);
        if let Some(ms) = retry_ms {
            retry_after(ms, &mut fields);
        }
        overhead(tally, &mut fields);
        reply.whole(status, &fields, &body).await
    }
}

/// Writes when to come again, a day from now at most, as every client understands it, and where that is not a whole
/// second also as `OpenAI`'s and Anthropic's official clients do.
pub fn retry_after(ms: u64, fields: &mut Vec<u8>) {
    let ms = ms.min(HINT_MS);
    let mut number = itoa::Buffer::new();
    encode::field(fields, "retry-after", number.format(ms.div_ceil(1000)).as_bytes());
    if !ms.is_multiple_of(1000) {
        encode::field(fields, "retry-after-ms", number.format(ms).as_bytes());
    }
}

/// The status that a client is told for a provider's. Anthropic's own 529 says what 503 says, which everybody
/// between here and there knows, too; its body stays.
const fn told(format: Format, status: u16) -> u16 {
    match (format, status) {
        (Format::Anthropic, 529) => 503,
        (_, status) => status,
    }
}

/// What the head of an error answer of Amazon's calls the error.
fn named(head: &[u8]) -> Option<&[u8]> {
    const NAME: &[u8] = b"x-amzn-errortype:";
    head.split(|byte| *byte == b'\n').find_map(|line| {
        let (name, value) = line.split_at_checked(NAME.len())?;
        name.eq_ignore_ascii_case(NAME).then(|| value.trim_ascii())
    })
}

/// The provider's keys, which nothing of it may repeat: each is given to `each`. A word that stands for one, as servers
/// without keys want it (`x`, `EMPTY`), hides nothing, and would be found inside of other words.
fn each_key(provider: &Provider, mut each: impl FnMut(&[u8])) {
    let pass = provider.pass.as_ref().map(|slot| slot.pass());
    let passing = pass.iter().filter_map(|pass| pass.as_ref()).flat_map(|pass| pass.secrets());
    let keys = provider.credentials.iter().map(|credential| &credential.key).chain(passing);
    keys.map(Secret::expose).filter(|key| key.len() >= KEY_BYTES).for_each(&mut each);
}

/// The bytes without the provider's keys, should they repeat one.
pub fn scrubbed(bytes: &[u8], provider: &Provider) -> Vec<u8> {
    let mut clean = bytes.to_vec();
    each_key(provider, |key| clean = without(&clean, key));
    clean
}

/// Whether one of the provider's keys stands in the bytes.
pub fn repeats_key(bytes: &[u8], provider: &Provider) -> bool {
    let mut found = false;
    each_key(provider, |key| found |= memchr::memmem::find(bytes, key).is_some());
    found
}

/// Does the same to the first `bytes` of what tells of an error, and lets go of what stands behind them; gives what is left.
pub fn scrub(buf: &mut Buf, bytes: usize, provider: &Provider) -> usize {
    let clean = scrubbed(&buf[..bytes], provider);
    buf.clear();
    buf.extend(&clean);
    clean.len()
}

/// Overwrites the provider's keys in bytes whose number has been told already. Gives how many bytes of a piece have to wait
/// for the next, since a key may begin in them.
pub fn mask(bytes: &mut [u8], provider: &Provider) -> usize {
    let mut longest = 0;
    each_key(provider, |key| {
        longest = longest.max(key.len());
        let mut from = 0;
        while let Some(at) = memchr::memmem::find(&bytes[from..], key) {
            let hidden = &mut bytes[from + at..from + at + key.len()];
            hidden.fill(b'*');
            let shown = hidden.len().min(REDACTED.len());
            hidden[..shown].copy_from_slice(&REDACTED[..shown]);
            from += at + key.len();
        }
    });
    longest.saturating_sub(1)
}

/// Takes the provider's keys out of the head of an answer that leads elsewhere, perhaps by a URL that repeats one.
pub fn clean_redirect(answer: &mut Answer, provider: &Provider) {
    if answer.status >= FIRST_REDIRECT {
        let all = answer.head.len();
        scrub(&mut answer.head, all, provider);
    }
}

fn without(bytes: &[u8], key: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some(at) = memchr::memmem::find(rest, key) {
        out.extend_from_slice(&rest[..at]);
        out.extend_from_slice(REDACTED);
        rest = &rest[at + key.len()..];
    }
    out.extend_from_slice(rest);
    out
}
