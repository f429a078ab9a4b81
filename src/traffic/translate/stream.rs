//! An answer on its way through: bytes of the provider in, bytes for the client out.

use super::event::{Event, Failure};
use super::frames::{Frame, FrameKind, Frames};
use super::known::Known;
use super::loss::Losses;
use super::misread;
use super::names::Renamed;
use super::{
    Crossing, Form, Speech, anthropic, bedrock, cohere, completions, count, embeddings, failure, gemini,
    ollama, openai, responses,
};
use crate::base::fault::{Fault, FaultKind};
use crate::base::limits::{REPEATED_ANSWER_BYTES, TRANSLATED_ANSWER_BYTES, TRANSLATED_EVENT_BYTES};
use crate::contract::record::Usage;
use crate::traffic::dialect::json::{Page, Quoted, Tree};
use crate::traffic::dialect::stream::{Framing, Lines};
use ::base64::Engine as _;
use ::base64::engine::general_purpose::STANDARD;

/// One answer that is being translated.
pub struct Translation {
    reader: Reader,
    teller: Teller,
    renamed: Renamed,
    known: Known,
    parts: Parts,
    /// An event that stood inside a frame.
    chunk: Vec<u8>,
    tree: Tree,
    facts: Facts,
    /// How the client wants its answer, and how the provider gives it.
    form: Form,
    body: Form,
    /// The provider did not say how it gives it.
    unnamed: bool,
}

/// What is known of the answer so far.
#[derive(Default)]
struct Facts {
    usage: Option<Usage>,
    /// What the provider said when it failed.
    complaint: Option<Box<Failure<'static>>>,
    ended: bool,
    told: u32,
    /// What of it no client is told.
    untold: Losses,
}

/// What one piece of a stream came to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Passed {
    /// Bytes of the provider that are done with.
    pub consumed: usize,
    /// Events that they made for the client.
    pub events: u32,
}

/// How a provider's stream is cut into events.
enum Parts {
    /// By ends of lines.
    Texts(Framing),
    /// By lengths and checksums.
    Frames(Frames),
}

impl Parts {
    fn of(provider: Speech) -> Self {
        match provider {
            Speech::Bedrock | Speech::BedrockAnthropic => Parts::Frames(Frames::default()),
            Speech::Ollama => Parts::Texts(Framing::Lines(Lines::default())),
            _ => Parts::Texts(Framing::default()),
        }
    }
}

enum Reader {
    OpenAi(openai::answer_in::Reader),
    Anthropic(anthropic::answer_in::Reader),
    Gemini(gemini::answer_in::Reader),
    Responses(responses::answer_in::Reader),
    Ollama(ollama::answer_in::Reader),
    Cohere(cohere::answer_in::Reader),
    /// It writes what it reads: there are no events in it.
    Embeddings(embeddings::answer::Reader),
    /// The same.
    Count(count::answer::Reader),
    Bedrock(bedrock::answer_in::Reader),
}

enum Teller {
    OpenAi(openai::answer_out::Teller),
    Anthropic(anthropic::answer_out::Teller),
    Gemini(gemini::answer_out::Teller),
    Responses(Box<responses::answer_out::Teller>),
    Completions(completions::answer_out::Teller),
    /// Its reader writes.
    Silent,
    /// The client speaks what the provider speaks, but for its framing.
    Verbatim,
}

impl Teller {
    /// Its dialect has several answers to one prompt.
    fn knows_others(&self) -> bool {
        matches!(self, Teller::OpenAi(_) | Teller::Gemini(_) | Teller::Completions(_))
    }

    fn tell(&mut self, event: Event<'_>, renamed: &Renamed, out: &mut Vec<u8>) {
        match self {
            Teller::OpenAi(teller) => teller.tell(event, renamed, out),
            Teller::Anthropic(teller) => teller.tell(event, renamed, out),
            Teller::Gemini(teller) => teller.tell(event, renamed, out),
            Teller::Responses(teller) => teller.tell(event, renamed, out),
            Teller::Completions(teller) => teller.tell(event, out),
            Teller::Silent => {}
            Teller::Verbatim => {
                if let Event::Failed(found) = event {
                    failure::anthropic_event(&found, out);
                }
            }
        }
    }

    /// More waits for its end than may.
    fn is_overfull(&self) -> bool {
        match self {
            Teller::Gemini(teller) => teller.is_overfull(),
            _ => false,
        }
    }

    /// Bytes that are kept of an answer because its end is to repeat them.
    fn held(&self) -> usize {
        match self {
            Teller::Responses(teller) => teller.held(),
            _ => 0,
        }
    }
}

impl Facts {
    fn note(&mut self, event: &Event<'_>) {
        match event {
            Event::Usage(usage) => self.usage = Some(*usage),
            Event::Failed(failure) => self.complaint = Some(Box::new(failure.kept())),
            Event::End => self.ended = true,
            Event::Piece(_) => self.told += 1,
            Event::Untold(name) => self.untold.hint(&String::from_utf8_lossy(name.as_written())),
            _ => {}
        }
    }
}

impl Translation {
    /// `created`: seconds since 1970, for dialects that tell it.
    pub fn new(
        from: Speech,
        to: Speech,
        form: Form,
        created: u64,
        wants_usage: bool,
        renamed: Renamed,
    ) -> Self {
        Self {
            reader: match (from, to) {
                (_, Speech::Embeddings | Speech::GoogleEmbeddings) => {
                    Reader::Embeddings(embeddings::answer::Reader::of(from))
                }
                (_, Speech::Count(client)) => Reader::Count(count::answer::Reader::of(from, client)),
                (Speech::OpenAi, _) => Reader::OpenAi(openai::answer_in::Reader::default()),
                (Speech::Anthropic, _) => Reader::Anthropic(anthropic::answer_in::Reader::default()),
                (Speech::Gemini, _) => Reader::Gemini(gemini::answer_in::Reader::default()),
                (Speech::Responses, _) => Reader::Responses(responses::answer_in::Reader::default()),
                (Speech::Ollama, _) => Reader::Ollama(ollama::answer_in::Reader::default()),
                (Speech::Cohere, _) => Reader::Cohere(cohere::answer_in::Reader::default()),
                (
                    Speech::Completions | Speech::Embeddings | Speech::GoogleEmbeddings | Speech::Count(_),
                    _,
                ) => {
                    unreachable!("no request is translated to it")
                }
                (Speech::BedrockAnthropic | Speech::VertexAnthropic, _) => {
                    Reader::Anthropic(anthropic::answer_in::Reader::default())
                }
                (Speech::Bedrock, _) => Reader::Bedrock(bedrock::answer_in::Reader::default()),
            },
            teller: match to {
                Speech::Anthropic if (Crossing { client: to, provider: from }).is_verbatim() => {
                    Teller::Verbatim
                }
                Speech::OpenAi => Teller::OpenAi(openai::answer_out::Teller::new(form, created, wants_usage)),
                Speech::Anthropic => Teller::Anthropic(anthropic::answer_out::Teller::new(form)),
                Speech::Gemini => Teller::Gemini(gemini::answer_out::Teller::new(form)),
                Speech::Responses => {
                    Teller::Responses(Box::new(responses::answer_out::Teller::new(form, created)))
                }
                Speech::Completions => {
                    Teller::Completions(completions::answer_out::Teller::new(form, created, wants_usage))
                }
                Speech::Embeddings | Speech::GoogleEmbeddings | Speech::Count(_) => Teller::Silent,
                Speech::Ollama
                | Speech::Cohere
                | Speech::Bedrock
                | Speech::BedrockAnthropic
                | Speech::VertexAnthropic => unreachable!("no client speaks it"),
            },
            renamed,
            known: Known::default(),
            parts: Parts::of(from),
            chunk: vec![],
            tree: Tree::default(),
            facts: Facts::default(),
            form,
            body: form,
            unnamed: false,
        }
    }

    /// The answer is to repeat these members of its request, if its dialect wants that.
    #[must_use]
    pub fn repeating(mut self, members: Vec<u8>) -> Self {
        if let Teller::Responses(teller) = &mut self.teller {
            teller.repeat(members);
        }
        self
    }

    /// A stream is told as the elements of one array, if its dialect has that.
    #[must_use]
    pub fn in_array(mut self) -> Self {
        if let Teller::Gemini(teller) = &mut self.teller {
            teller.in_array();
        }
        self
    }

    /// What the client calls the model, for dialects whose clients want to be told just that.
    #[must_use]
    pub fn asked_as(mut self, model: &str) -> Self {
        if let Teller::Anthropic(teller) = &mut self.teller {
            teller.asked_as(model);
        }
        self
    }

    /// What an answer of embeddings is to be.
    #[must_use]
    pub fn embedding(mut self, wanted: embeddings::Wanted) -> Self {
        if let Reader::Embeddings(reader) = &mut self.reader {
            reader.wanted = wanted;
        }
        self
    }

    /// What the answer goes by, and the model that it comes from, where the provider's answer does not tell.
    #[must_use]
    pub fn known_as(mut self, id: &str, model: &str) -> Self {
        match &mut self.reader {
            Reader::Bedrock(reader) => *reader = bedrock::answer_in::Reader::of(model),
            Reader::Embeddings(reader) => model.clone_into(&mut reader.model),
            _ => {}
        }
        self.known = Known::new(id, model);
        self
    }

    /// How the client wants its answer.
    pub fn form(&self) -> Form {
        self.form
    }

    /// The provider answers in this form, which need not be the one that the client wants.
    pub fn read_as(&mut self, body: Form) {
        self.body = body;
        if body != self.form && matches!(self.teller, Teller::Verbatim) {
            self.teller = Teller::Anthropic(anthropic::answer_out::Teller::new(self.form));
        }
    }

    /// The provider does not say in which form it answers: its first bytes do.
    pub fn read_as_it_looks(&mut self) {
        self.unnamed = true;
    }

    /// The form that an answer has that begins with these bytes. `None`: they do not tell yet.
    fn look(&self, bytes: &[u8]) -> Option<Result<Form, Fault>> {
        let text = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes).trim_ascii_start();
        let lines = matches!(self.parts, Parts::Texts(Framing::Lines(_)));
        Some(match (text.first()?, &self.parts) {
            // A whole answer may be an only line.
            (b'{', _) if lines => Ok(self.form),
            (b'{' | b'[', _) => Ok(Form::Whole),
            (0, Parts::Frames(_)) | (b'a'..=b'z' | b':', Parts::Texts(_)) => Ok(Form::Stream),
            _ => Err(misread::odd("it begins as none does")),
        })
    }

    /// Nothing can be made yet of what there is: a whole answer is told when it is whole.
    pub fn is_gathering(&self, last: bool) -> bool {
        !last && !self.unnamed && (self.body == Form::Whole || self.form == Form::Whole)
    }

    /// Translates what can be of the bytes at hand; see [`Translation::stream`].
    ///
    /// # Errors
    /// As [`Translation::stream`] and [`Translation::whole`], and for an answer that is too large.
    pub fn advance(&mut self, bytes: &[u8], last: bool, out: &mut Vec<u8>) -> Result<Passed, Fault> {
        if self.unnamed {
            match self.look(bytes) {
                Some(form) => self.read_as(form?),
                None if last => return Err(misread::odd("it is empty")),
                None => return Ok(Passed { consumed: 0, events: 0 }),
            }
            self.unnamed = false;
        }
        match self.body {
            Form::Stream if self.form == Form::Stream => self.stream(bytes, last, out),
            _ if bytes.len() > TRANSLATED_ANSWER_BYTES => Err(too_large()),
            // A whole answer is told at once, with its length.
            _ if !last => Ok(Passed { consumed: 0, events: 0 }),
            Form::Stream => self.stream(bytes, last, out),
            Form::Whole => {
                let told = self.facts.told;
                self.whole(bytes, out)?;
                Ok(Passed { consumed: bytes.len(), events: self.facts.told - told })
            }
        }
    }

    /// The tokens that the answer reported last.
    pub fn usage(&self) -> Option<Usage> {
        self.facts.usage
    }

    /// The answer told of an error, and the client has it.
    pub fn has_failed(&self) -> bool {
        self.facts.complaint.is_some()
    }

    /// What the provider said of it.
    pub fn complaint(&self) -> Option<&Failure<'static>> {
        self.facts.complaint.as_deref()
    }

    /// What of a whole answer the client's dialect has no place for, by name. A stream's head has left before that is known.
    pub fn unplaced(&mut self) -> String {
        if self.form == Form::Stream { String::new() } else { self.lost() }
    }

    /// The same for what has not been told, of a stream too, when nothing more comes.
    pub fn lost(&mut self) -> String {
        if matches!(self.teller, Teller::Verbatim) {
            return String::new();
        }
        if let Teller::OpenAi(teller) = &mut self.teller
            && std::mem::take(&mut teller.unplaced)
        {
            self.facts.untold.hint("citations");
        }
        std::mem::take(&mut self.facts.untold).told().unwrap_or_default()
    }

    /// The client has the whole answer.
    pub fn has_ended(&self) -> bool {
        self.facts.ended
    }

    /// Translates the whole events at the front of `bytes`. What was not consumed comes again with more behind it;
    /// `last` says that no more will come.
    ///
    /// # Errors
    /// The stream has not the form of its API, one of its events is too large, or it ended too early.
    pub fn stream(&mut self, bytes: &[u8], last: bool, out: &mut Vec<u8>) -> Result<Passed, Fault> {
        let told = self.facts.told;
        let mut parts = std::mem::replace(&mut self.parts, Parts::Texts(Framing::default()));
        let taken = match &mut parts {
            Parts::Texts(texts) => self.texts(texts, bytes, last, out),
            Parts::Frames(frames) => self.frames(frames, bytes, last, out),
        }?;
        self.parts = parts;
        if last && !self.is_over() {
            self.end_of_stream(out)?;
        }
        // Who was told the end has all of it, however much that was.
        let over = self.is_over();
        let consumed = if over { bytes.len() } else { taken };
        let too_much = self.teller.held() > REPEATED_ANSWER_BYTES;
        if !over && (bytes.len() - consumed > TRANSLATED_EVENT_BYTES || too_much) {
            return Err(too_large());
        }
        Ok(Passed { consumed, events: self.facts.told - told })
    }

    /// The events of a stream that is text; gives how many bytes are done with.
    fn texts(
        &mut self,
        texts: &mut Framing,
        bytes: &[u8],
        last: bool,
        out: &mut Vec<u8>,
    ) -> Result<usize, Fault> {
        while !self.is_over()
            && let Some(data) = texts.next(bytes)
        {
            self.event(&data, out)?;
        }
        if !last || self.is_over() {
            return Ok(texts.shift());
        }
        if let Some(data) = texts.rest(bytes) {
            self.event(&data, out)?;
        }
        Ok(bytes.len())
    }

    /// The same for one that is frames.
    fn frames(
        &mut self,
        frames: &mut Frames,
        bytes: &[u8],
        last: bool,
        out: &mut Vec<u8>,
    ) -> Result<usize, Fault> {
        while !self.is_over()
            && let Some(frame) = frames.next(bytes)?
        {
            match frame.kind {
                FrameKind::Event => self.frame(&frame, out)?,
                FrameKind::Exception | FrameKind::Error => self.exception(&frame, out),
            }
        }
        let taken = frames.shift();
        if last && !self.is_over() && taken < bytes.len() {
            return Err(FaultKind::UpstreamTruncated.into());
        }
        Ok(taken)
    }

    /// Translates a whole answer.
    ///
    /// # Errors
    /// It has not the form of its API.
    pub fn whole(&mut self, body: &[u8], out: &mut Vec<u8>) -> Result<(), Fault> {
        let Self { reader, teller, renamed, known, tree, facts, form, .. } = self;
        let several = *form == Form::Whole && teller.knows_others();
        let page = parsed(tree, body)?;
        let answer = page.root();
        let mut beyond = false;
        let tell = &mut |event: Event<'_>| {
            let event = known.fill(event);
            facts.note(&event);
            beyond |= matches!(event, Event::Another) && !several;
            if beyond && !matches!(event, Event::Usage(_) | Event::Failed(_) | Event::End) {
                return;
            }
            teller.tell(event, renamed, out);
        };
        match reader {
            Reader::OpenAi(reader) => reader.whole(answer, tell),
            Reader::Anthropic(reader) => reader.whole(answer, tell),
            Reader::Gemini(reader) => reader.whole(answer, tell),
            Reader::Responses(reader) => reader.whole(answer, tell),
            Reader::Ollama(reader) => reader.whole(answer, tell),
            Reader::Cohere(reader) => reader.whole(answer, tell),
            Reader::Embeddings(reader) => {
                facts.usage = reader.whole(answer, out)?;
                facts.ended = true;
                Ok(())
            }
            Reader::Count(reader) => {
                reader.whole(answer, out)?;
                facts.ended = true;
                Ok(())
            }
            Reader::Bedrock(reader) => reader.whole(answer, tell),
        }?;
        if matches!(teller, Teller::Verbatim) {
            out.extend_from_slice(answer.raw());
        }
        Ok(())
    }

    fn is_over(&self) -> bool {
        self.facts.ended || self.has_failed()
    }

    fn event(&mut self, data: &[u8], out: &mut Vec<u8>) -> Result<(), Fault> {
        let Self { reader, teller, renamed, known, tree, facts, .. } = self;
        let tell = &mut |event: Event<'_>| {
            let event = known.fill(event);
            facts.note(&event);
            teller.tell(event, renamed, out);
        };
        match reader {
            Reader::OpenAi(reader) if data.trim_ascii() == b"[DONE]" => reader.marked(tell),
            Reader::OpenAi(reader) => reader.event(parsed(tree, data)?.root(), tell),
            Reader::Anthropic(reader) => {
                let page = parsed(tree, data)?;
                let event = page.root();
                reader.event(event, tell)?;
                if matches!(teller, Teller::Verbatim) && facts.complaint.is_none() {
                    anthropic::answer_out::event(event, out);
                }
                Ok(())
            }
            Reader::Gemini(reader) => reader.event(parsed(tree, data)?.root(), tell),
            Reader::Responses(reader) => reader.event(parsed(tree, data)?.root(), tell),
            Reader::Ollama(reader) => reader.event(parsed(tree, data)?.root(), tell),
            Reader::Cohere(reader) => reader.event(parsed(tree, data)?.root(), tell),
            // Bedrock's events have their names outside of their data, and embeddings and counts are no streams.
            Reader::Bedrock(_) | Reader::Embeddings(_) | Reader::Count(_) => Err(misread::odd(NO_STREAM)),
        }?;
        if self.teller.is_overfull() { Err(too_large()) } else { Ok(()) }
    }

    fn frame(&mut self, frame: &Frame<'_>, out: &mut Vec<u8>) -> Result<(), Fault> {
        let Self { reader, teller, renamed, known, tree, facts, chunk, .. } = self;
        let page = parsed(tree, frame.payload)?;
        let data = page.root();
        if let Reader::Bedrock(reader) = reader {
            reader.event(frame.name, data, &mut |event: Event<'_>| {
                let event = known.fill(event);
                facts.note(&event);
                teller.tell(event, renamed, out);
            })?;
            return if teller.is_overfull() { Err(too_large()) } else { Ok(()) };
        }
        if frame.name != b"chunk" {
            return Ok(());
        }
        let digits = data.text_at("bytes").ok_or_else(|| misread::lacks("bytes"))?.with_plain_slashes();
        chunk.clear();
        STANDARD.decode_vec(digits.as_written(), chunk).map_err(|_| misread::odd("`bytes` is no base64"))?;
        let chunk = std::mem::take(chunk);
        self.event(&chunk, out)?;
        self.chunk = chunk;
        Ok(())
    }

    fn exception(&mut self, frame: &Frame<'_>, out: &mut Vec<u8>) {
        let Self { teller, renamed, tree, facts, .. } = self;
        let page = tree.parse(frame.payload).ok();
        let mut found = bedrock::failure::failure(Some(frame.name), page.as_ref().map(Page::root));
        if found.message.is_empty() {
            found.message = Quoted::of(&String::from_utf8_lossy(frame.message));
        }
        let event = Event::Failed(found);
        facts.note(&event);
        teller.tell(event, renamed, out);
    }

    /// Some servers of `OpenAI`'s format leave the last mark out, and Google's has none.
    fn end_of_stream(&mut self, out: &mut Vec<u8>) -> Result<(), Fault> {
        let Self { reader, teller, renamed, facts, .. } = self;
        let tell = &mut |event: Event<'_>| {
            facts.note(&event);
            teller.tell(event, renamed, out);
        };
        match reader {
            Reader::OpenAi(reader) => reader.done(tell),
            Reader::Gemini(reader) => reader.done(tell),
            Reader::Bedrock(reader) => reader.done(tell),
            Reader::Embeddings(_) | Reader::Count(_) => Err(misread::odd(NO_STREAM)),
            Reader::Anthropic(_) | Reader::Responses(_) | Reader::Ollama(_) | Reader::Cohere(_) => {
                Err(FaultKind::UpstreamTruncated.into())
            }
        }
    }
}

const NO_STREAM: &str = "it is a stream where none was asked for";

fn parsed<'t>(tree: &'t mut Tree, text: &'t [u8]) -> Result<Page<'t>, Fault> {
    tree.parse(text).map_err(misread::no_json)
}

/// It has its form, but there is more of it than is held.
fn too_large() -> Fault {
    const TOLD: &str =
        "The provider's answer, or one event of it, is larger than what this gateway translates.";
    Fault::told(FaultKind::UpstreamUnreadable, TOLD)
}
