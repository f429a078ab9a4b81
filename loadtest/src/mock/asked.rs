//! What a request body asks for, as far as it changes the answer.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// Bytes of text that count as one token of a prompt.
const BYTES_PER_TOKEN: u64 = 4;

/// What a request body asks for.
#[derive(Debug, Default, Deserialize)]
pub struct Asked<'a> {
    #[serde(borrow, default)]
    pub model: Cow<'a, str>,
    #[serde(default)]
    stream: Option<bool>,
    #[serde(default)]
    stream_options: Option<StreamOptions>,
    #[serde(borrow, default)]
    encoding_format: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    response_format: Option<Format<'a>>,
    #[serde(default)]
    max_tokens: Option<u32>,
    #[serde(default)]
    max_completion_tokens: Option<u32>,
    #[serde(default)]
    max_output_tokens: Option<u32>,
    /// Where a format has its limits together.
    #[serde(default, rename = "generationConfig", alias = "inferenceConfig", alias = "options")]
    limits: Option<Limits>,
    #[serde(default, alias = "output_dimension", alias = "outputDimensionality")]
    dimensions: Option<u32>,
    #[serde(default)]
    top_n: Option<u32>,
    #[serde(default, alias = "contents")]
    messages: Text,
    #[serde(default, alias = "texts", alias = "content", alias = "requests")]
    input: Text,
    #[serde(default)]
    prompt: Text,
    #[serde(default)]
    suffix: Text,
    #[serde(default, alias = "systemInstruction")]
    system: Text,
    #[serde(default)]
    instructions: Text,
    #[serde(default)]
    tools: Text,
    /// Where one format has its tools, and another what to do with them.
    #[serde(default, rename = "toolConfig")]
    tool_config: Text,
    #[serde(default)]
    query: Text,
    #[serde(default)]
    documents: Text,
    /// Results of tools are among the messages.
    #[serde(skip)]
    pub has_results: bool,
    /// Thoughts are wanted in a form that can come back.
    #[serde(skip)]
    pub wants_sealed: bool,
}

#[derive(Debug, Deserialize)]
struct Limits {
    /// Below zero there is none.
    #[serde(default, rename = "maxOutputTokens", alias = "maxTokens", alias = "num_predict")]
    max_tokens: Option<i64>,
}

#[derive(Debug, Deserialize)]
struct StreamOptions {
    #[serde(default)]
    include_usage: Option<bool>,
}

/// `response_format` is an object for chat, and a word for audio.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Format<'a> {
    Word(#[serde(borrow)] Cow<'a, str>),
    Other(IgnoredAny),
}

impl<'a> Asked<'a> {
    /// Reads a JSON body.
    ///
    /// # Errors
    /// A message for the client.
    pub fn of_json(body: &'a [u8]) -> Result<Self, String> {
        // A mark before the text says nothing, and providers differ about it.
        serde_json::from_slice(body.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(body))
            .map_err(|wrong| format!("the body is not what this endpoint takes: {wrong}"))
    }

    /// The same of a body whose URL names the model and the form of the answer.
    #[must_use]
    pub fn at(mut self, model: Cow<'a, str>, streams: bool) -> Self {
        self.model = model;
        self.stream = Some(streams);
        self
    }

    /// Asks for nothing but a model.
    pub fn of_model(model: Cow<'a, str>) -> Self {
        Self { model, ..Self::default() }
    }

    /// Reads the few fields of a multipart body that matter.
    pub fn of_multipart(body: &'a [u8]) -> Self {
        let mut asked = Self::of_model(field(body, "model").unwrap_or_default());
        asked.stream = field(body, "stream").map(|stream| stream == "true");
        asked.response_format = field(body, "response_format").map(Format::Word);
        asked.prompt.bytes = field(body, "prompt").map_or(0, |prompt| prompt.len() as u64);
        asked
    }

    /// The same where an answer is a stream unless the body says that it is not.
    #[must_use]
    pub fn streaming(mut self) -> Self {
        self.stream = self.stream.or(Some(true));
        self
    }

    pub fn streams(&self) -> bool {
        self.stream == Some(true)
    }

    /// The stream is to end with a chunk of usage.
    pub fn wants_usage(&self) -> bool {
        self.stream_options.as_ref().is_some_and(|options| options.include_usage == Some(true))
    }

    /// Embeddings are wanted as base64.
    pub fn wants_base64(&self) -> bool {
        self.encoding_format.as_deref() == Some("base64")
    }

    /// The answer is wanted as plain text.
    pub fn wants_plain_text(&self) -> bool {
        matches!(&self.response_format, Some(Format::Word(word)) if matches!(word.as_ref(), "text" | "srt" | "vtt"))
    }

    /// Most tokens that the answer may have.
    pub fn tokens_max(&self) -> Option<u32> {
        let limit = || u32::try_from(self.limits.as_ref()?.max_tokens?).ok();
        self.max_completion_tokens.or(self.max_output_tokens).or(self.max_tokens).or_else(limit)
    }

    /// Tokens of everything that a model would read: a quarter of the bytes of all strings in it, keys apart.
    pub fn prompt_tokens(&self) -> u32 {
        let read =
            [&self.messages, &self.input, &self.prompt, &self.suffix, &self.system, &self.instructions];
        let also = [&self.tools, &self.tool_config, &self.query, &self.documents];
        let bytes: u64 = read.iter().chain(&also).map(|text| text.bytes).sum();
        u32::try_from(bytes.div_ceil(BYTES_PER_TOKEN)).unwrap_or(u32::MAX).max(1)
    }

    /// How many things an embedding or a moderation is wanted of.
    pub fn inputs(&self) -> u32 {
        self.input.items.max(1)
    }

    /// How many documents are to be ranked, and how many of them are wanted.
    pub fn ranked(&self) -> (u32, u32) {
        let documents = self.documents.items;
        (documents, self.top_n.unwrap_or(documents).min(documents))
    }

    /// How long an embedding is to be.
    pub fn dimensions(&self) -> Option<u32> {
        self.dimensions
    }
}

/// The value of a field of a multipart body.
fn field<'a>(body: &'a [u8], name: &str) -> Option<Cow<'a, str>> {
    let named = format!("; name=\"{name}\"");
    let at = memchr::memmem::find(body, named.as_bytes())? + named.len();
    let value = at + memchr::memmem::find(&body[at..], b"\r\n\r\n")? + 4;
    let end = value + memchr::memmem::find(&body[value..], b"\r\n--")?;
    Some(String::from_utf8_lossy(&body[value..end]))
}

/// Text anywhere inside a JSON value, counted and forgotten.
#[derive(Clone, Copy, Debug, Default)]
struct Text {
    /// Bytes of all strings; a number counts as one token.
    bytes: u64,
    /// Members of the outermost array; 1 for what is none, and for an array of token numbers.
    items: u32,
    is_number: bool,
}

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(TextVisitor)
    }
}

struct TextVisitor;

impl Text {
    const NUMBER: Self = Self { bytes: BYTES_PER_TOKEN, items: 1, is_number: true };
    const NOTHING: Self = Self { bytes: 0, items: 0, is_number: false };
}

impl<'de> Visitor<'de> for TextVisitor {
    type Value = Text;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("any value")
    }

    fn visit_str<E>(self, text: &str) -> Result<Text, E> {
        Ok(Text { bytes: text.len() as u64, items: 1, is_number: false })
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut members: A) -> Result<Text, A::Error> {
        let mut all = Text { is_number: true, ..Text::default() };
        while let Some(member) = members.next_element::<Text>()? {
            all.bytes += member.bytes;
            all.items += 1;
            all.is_number &= member.is_number;
        }
        if all.is_number {
            all.items = all.items.min(1);
        }
        Ok(Text { is_number: false, ..all })
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Text, A::Error> {
        let mut all = Text { items: 1, ..Text::default() };
        while let Some((_, member)) = members.next_entry::<IgnoredAny, Text>()? {
            all.bytes += member.bytes;
        }
        Ok(all)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Text, E> {
        Ok(Text::NUMBER)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Text, E> {
        Ok(Text::NUMBER)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Text, E> {
        Ok(Text::NUMBER)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Text, E> {
        Ok(Text::NOTHING)
    }

    fn visit_unit<E>(self) -> Result<Text, E> {
        Ok(Text::NOTHING)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Tokens depend on the text alone, so that a gateway may rewrite model and options without changing them.
    #[test]
    fn counts_only_text() {
        let bare = br#"{"model":"a","messages":[{"role":"user","content":"12345678"}]}"#;
        let spaced = br#"{ "messages" : [ {"content":[{"text":"12345678"}], "role":"user"} ], "model":"longer", "x":[1,{"y":"z"}] }"#;
        assert_eq!(Asked::of_json(bare).expect("valid").prompt_tokens(), 3);
        assert_eq!(Asked::of_json(spaced).expect("valid").prompt_tokens(), 3);
        assert_eq!(Asked::of_json(b"{}").expect("valid").prompt_tokens(), 1);
    }

    /// Inputs are one string, several strings, the tokens of one or the tokens of several.
    #[test]
    fn counts_inputs() {
        for (input, count) in [(r#""a""#, 1), (r#"["a","b"]"#, 2), ("[1,2,3]", 1), ("[[1],[2,3],[4]]", 3)] {
            let body = format!(r#"{{"input":{input},"encoding_format":"base64"}}"#);
            let asked = Asked::of_json(body.as_bytes()).expect("valid");
            assert_eq!((asked.inputs(), asked.wants_base64()), (count, true), "{input}");
        }
    }

    /// A model named with escapes, twice or not as a string is read right or refused.
    #[test]
    fn reads_the_model() {
        let asked = Asked::of_json(
            br#"{"mod\u0065l":"mock\u003fstall","stream":true,"stream_options":{"include_usage":true}}"#,
        );
        let asked = asked.expect("valid");
        assert_eq!((asked.model.as_ref(), asked.streams(), asked.wants_usage()), ("mock?stall", true, true));
        let marked = Asked::of_json(b"\xEF\xBB\xBF{\"model\":\"a\"}").expect("valid behind its mark");
        assert_eq!(marked.model, "a");
        assert!(Asked::of_json(br#"{"model":"a","model":"b"}"#).is_err());
        assert!(Asked::of_json(br#"{"model":1}"#).is_err());
        assert!(Asked::of_json(br#"{"model":"a"} x"#).is_err());
    }

    /// Fields of a multipart body are found by name, and a file that is none of them is left alone.
    #[test]
    fn reads_multipart() {
        let body = b"--b\r\ncontent-disposition: form-data; name=\"file\"; filename=\"model\"\r\n\r\n\0\x01\r\n--b\r\n\
            Content-Disposition: form-data; name=\"model\"\r\n\r\nwhisper?chunks=2\r\n--b--\r\n";
        let asked = Asked::of_multipart(body);
        assert_eq!((asked.model.as_ref(), asked.streams()), ("whisper?chunks=2", false));
    }
}
