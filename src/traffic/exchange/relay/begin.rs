//! How an answer is read as it passes, and how the client learns where it ends.

use super::Relay;
use super::trailer::announce;
use crate::base::buf::Buf;
use crate::base::clock::Moment;
use crate::contract::endpoint::{Dialect, StreamStyle};
use crate::http::coding::Coding;
use crate::http::encode;
use crate::http::response::ResponseFraming;
use crate::traffic::dialect::{ElementScan, EventFilter, HideUsage, Opening, UsageScan};
use crate::traffic::exchange::crossing;
use crate::traffic::exchange::crossing::Crossed;
use crate::traffic::exchange::inbound::{Inbound, Trailer};
use crate::traffic::exchange::passage::Passage;
use crate::traffic::exchange::reading::Packed;
use crate::traffic::exchange::reply::{Ending, Reply};
use crate::traffic::exchange::state::Reading;
use crate::traffic::provider::response::BodyShape;
use crate::traffic::translate::Form;
use crate::traffic::upstream::call::Answer;

impl<'r, 'c, 'p> Relay<'r, 'c, 'p> {
    pub(super) fn new(
        passage: &'r Passage<'p>,
        mut answer: Answer,
        reply: &'r mut Reply<'c>,
        reading: &'r mut Reading,
    ) -> Self {
        let hide = if passage.hide_usage { HideUsage::Yes } else { HideUsage::No };
        let body = answer.body;
        let elements = passage.style.dialect() == Dialect::Gemini && body.shape == BodyShape::Json;
        // What is looked at answer by answer leaves as what it is; anything else as it came, to who can read it.
        let is_array = passage.style == StreamStyle::GeminiArray;
        let packed =
            body.is_gzip() && reply.takes.takes(Coding::Gzip) && body.shape != BodyShape::Events && !is_array;
        if packed {
            encode::field(answer.head.tail(), "content-encoding", b"gzip");
        }
        *reading = match body.shape {
            BodyShape::Json if elements && !packed => Reading::Elements(ElementScan::new()),
            BodyShape::Events => Reading::Events(EventFilter::new(passage.style, hide)),
            BodyShape::Json if packed => Reading::Packed(Box::new(Packed::new(passage.style.dialect()))),
            BodyShape::Json => Reading::Json(UsageScan::new(passage.style.dialect())),
            BodyShape::Lines | BodyShape::Frames | BodyShape::Opaque => Reading::Opaque,
        };
        let ending = match (answer.framing, &*reading) {
            (ResponseFraming::None, _) if matches!(answer.status, 204 | 304) => Ending::Nothing,
            (ResponseFraming::None, _) => Ending::Length(0),
            _ if body.is_gzip() && !packed => Ending::unknown(reply),
            (
                ResponseFraming::Length(n),
                Reading::Json(_) | Reading::Packed(_) | Reading::Elements(_) | Reading::Opaque,
            ) => Ending::Length(n),
            _ => Ending::unknown(reply),
        };
        let gunzip = body.is_gzip() && !packed;
        let trailer = Self::trailer(&answer, gunzip, reply, ending);
        if trailer == Trailer::Kept {
            announce(&mut answer);
        }
        Self::with(passage, answer, (gunzip, trailer), reply, reading, ending)
    }

    /// For an answer that is translated.
    pub(super) fn across(
        passage: &'r Passage<'p>,
        mut answer: Answer,
        mut crossed: Crossed,
        reply: &'r mut Reply<'c>,
        reading: &'r mut Reading,
    ) -> Self {
        match answer.body.shape {
            BodyShape::Events | BodyShape::Lines | BodyShape::Frames => {
                crossed.translation.read_as(Form::Stream);
            }
            BodyShape::Json => crossed.translation.read_as(Form::Whole),
            BodyShape::Opaque => crossed.translation.read_as_it_looks(),
        }
        crossing::head(&mut answer, &crossed, passage.style, &reply.shard.buffers);
        *reading = Reading::Translated(crossed.translation);
        let (gunzip, ending) = (answer.body.is_gzip(), Ending::unknown(reply));
        // What a provider says behind its own body is not said of this one.
        Self::with(passage, answer, (gunzip, Trailer::Dropped), reply, reading, ending)
    }

    fn with(
        passage: &'r Passage<'p>,
        answer: Answer,
        (gunzip, trailer): (bool, Trailer),
        reply: &'r mut Reply<'c>,
        reading: &'r mut Reading,
        ending: Ending,
    ) -> Self {
        Self {
            passage,
            reply,
            conn: answer.conn,
            status: answer.status,
            head: answer.head,
            keep_alive: answer.keep_alive,
            inbound: Inbound::new(answer.framing, gunzip, trailer),
            announced: answer.announced,
            reading,
            ending,
            opening: Opening::Unclear,
            tail_until: Moment(0),
            buf: answer.rest,
            held: 0,
            outbox: Buf::default(),
        }
    }
}
