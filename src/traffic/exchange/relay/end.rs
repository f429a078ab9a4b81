//! How an answer ends: whole, or broken, which its client is told as far as that can be told.

use super::Relay;
use crate::base::clock::Moment;
use crate::base::fault::{Fault, FaultKind};
use crate::contract::endpoint::StreamStyle;
use crate::http::chunked;
use crate::traffic::dialect::refusal;
use crate::traffic::dialect::stream::Place;
use crate::traffic::exchange::reply::Ending;
use crate::traffic::exchange::state::Reading;

impl Relay<'_, '_, '_> {
    /// Whether the body that ended was whole. Only its events tell that of a stream whose framing does not, and of one
    /// in a dialect of which every whole answer has an event that says so.
    pub(super) fn check_end(&self) -> Result<(), Fault> {
        let always_told = match self.passage.style {
            StreamStyle::AnthropicEvents | StreamStyle::GeminiEvents | StreamStyle::GeminiArray => {
                self.ending != Ending::Nothing
            }
            StreamStyle::OpenAiChunks | StreamStyle::OpenAiEvents => false,
        };
        let always_told = always_told || self.inbound.ends_with_connection();
        if self.reading.is_whole(self.passage.style, always_told) {
            Ok(())
        } else {
            Err(FaultKind::UpstreamTruncated.into())
        }
    }

    /// Tells the client inside its stream that the stream broke. The connection is cut afterwards.
    pub(super) async fn say_broken(&mut self, fault: &Fault) {
        self.reply.keep_alive = false;
        if !self.is_stream() || self.reading.has_failed() {
            return;
        }
        let mut event = match &*self.reading {
            Reading::Events(filter) if filter.mid_event() => b"\n\n".to_vec(),
            Reading::Elements(scan) => match scan.place() {
                Place::Answer => b",".to_vec(),
                Place::Opening | Place::Comma => vec![],
                // Nothing that is added could be understood.
                Place::Nothing | Place::Inside | Place::End | Place::Broken => return,
            },
            Reading::Translated(_) if self.passage.style == StreamStyle::GeminiArray => b",".to_vec(),
            _ => vec![],
        };
        let id = self.reply.id.text();
        refusal::stream_event(
            self.passage.style,
            fault,
            std::str::from_utf8(&id).unwrap_or_default(),
            &mut event,
        );
        let mut out = self.reply.shard.buffers.small();
        match self.ending {
            Ending::Chunked => {
                out.extend(chunked::size_line(event.len(), &mut [0; 18]));
                out.extend(&event);
                out.extend(b"\r\n");
            }
            Ending::Close => out.extend(&event),
            Ending::Nothing | Ending::Length(_) => return,
        }
        let mut gather = self.reply.shard.buffers.gather();
        gather.whole(out);
        // If the client is gone too, there is nobody left to tell.
        drop(self.reply.write(gather, Moment(0)).await);
    }
}
