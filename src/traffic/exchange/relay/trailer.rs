//! What stands behind a body's last chunk: the provider's fields as they came, or what was lost of a translated stream.
//!
//! A client gets them that said so (`te: trailers`), of an answer that goes on as it is and in chunks. That holds for every
//! version of HTTP: in HTTP/2 any answer can have them (RFC 9113, 8.1), but whether they are heeded is the client's to say
//! there, too (RFC 9110, 6.5.1 and 10.1.4), and one that did not may take the frame for a mistake.
//!
//! Invariant: all fields that pass leave, or none; nothing leaves behind a body that was not whole.

use super::Relay;
use crate::base::limits::{HEADERS, TRAILER_BYTES};
use crate::http::response::ResponseFraming;
use crate::http::{chunked, encode};
use crate::traffic::dialect::Opening;
use crate::traffic::exchange::failure::{repeats_key, scrubbed};
use crate::traffic::exchange::inbound::Trailer;
use crate::traffic::exchange::reply::{DROPPED, Ending, Reply};
use crate::traffic::provider::trailer::{self, Announced};
use crate::traffic::upstream::call::Answer;

impl Relay<'_, '_, '_> {
    /// What becomes of the fields behind the body of an answer that is not translated. `gunzip`: what leaves is not the body
    /// that they stand behind.
    pub(super) fn trailer(answer: &Answer, gunzip: bool, reply: &Reply<'_>, ending: Ending) -> Trailer {
        let has_place = answer.framing == ResponseFraming::Chunked && ending == Ending::Chunked;
        if reply.trailers && has_place && !gunzip { Trailer::Kept } else { Trailer::Dropped }
    }

    /// Whether the provider announced fields that the client is to get.
    pub(super) fn awaits_fields(&self) -> bool {
        self.inbound.keeps_trailer() && self.announced.as_ref().is_some_and(|said| !said.names.is_empty())
    }

    /// Writes the last chunk for a client that reads fields behind it. `lost`: what a translation could not say before.
    pub(super) fn last_chunk(&self, out: &mut Vec<u8>, lost: &str) {
        chunked::last_with(out, |out| {
            if lost.is_empty() {
                self.provider_fields(out);
            } else {
                encode::field(out, DROPPED, lost.as_bytes());
            }
        });
    }

    /// Writes the provider's fields, as far as they pass. More than a head may have, or than who reads them next would take,
    /// are none: a part would be taken for all.
    fn provider_fields(&self, out: &mut Vec<u8>) {
        let (start, mut count) = (out.len(), 0);
        let provider = self.passage.provider;
        for (name, value) in self.inbound.trailer() {
            if self.passes(name) && !repeats_key(name.as_bytes(), provider) {
                encode::field(out, name, &scrubbed(value, provider));
                count += 1;
            }
        }
        if count > HEADERS || out.len() - start >= TRAILER_BYTES {
            out.truncate(start);
        }
    }

    fn passes(&self, name: &str) -> bool {
        let as_sent =
            !self.passage.hide_usage && !self.reading.has_failed() && self.opening != Opening::Error;
        let passes = match &self.announced {
            Some(announced) => announced.passes(name),
            None => trailer::passes(name),
        };
        passes && (as_sent || !trailer::sums_up(name))
    }
}

/// Tells in the head which fields may come behind the body.
pub(super) fn announce(answer: &mut Answer) {
    if let Some(Announced { names, .. }) = answer.announced.as_deref().filter(|said| !said.names.is_empty()) {
        encode::field(answer.head.tail(), "trailer", names);
    }
}
