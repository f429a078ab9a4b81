//! Images and documents that a request names by URL, for providers that take bytes only: what has to be fetched, and how
//! what was fetched stands in its place.
//!
//! Nothing is fetched here. Whoever can do that is told what lacks, and translates again.

use super::Speech;
use super::gemini;
use super::media::of_url;
use super::prompt::{Content, Part, Prompt, Source};
use crate::contract::errand::{Fetched, Shelf, Sort, Want};
use crate::traffic::dialect::json::{Item, Kind, Quoted, Writer};

/// Puts what is on the shelf into the prompt. Gives what lacks there, each once.
pub fn supply<'b>(prompt: &mut Prompt<'b>, to: Speech, model: &str, shelf: &'b Shelf) -> Vec<Want> {
    let mut lacking = vec![];
    for turn in &mut prompt.turns {
        parts(&mut turn.parts, (to, model), shelf, &mut lacking);
    }
    lacking
}

fn parts<'b>(parts: &mut [Part<'b>], (to, model): (Speech, &str), shelf: &'b Shelf, lacking: &mut Vec<Want>) {
    // Where a document that is no PDF has a place as what it says only.
    let as_words = matches!(to, Speech::BedrockAnthropic | Speech::VertexAnthropic | Speech::Ollama);
    for part in parts {
        let (source, sort) = match &mut part.content {
            Content::Image { source, .. } => (source, Sort::Image),
            Content::Document { source, .. } => (source, Sort::Document),
            Content::Result { parts, .. } => {
                // Results of tools hold no results.
                self::parts(parts, (to, model), shelf, lacking);
                continue;
            }
            _ => continue,
        };
        let Source::Url(url) = source else { continue };
        if takes_url(to, model, url) {
            continue;
        }
        if let Some(fetched) = found(url, sort, shelf, lacking) {
            let words = if as_words { words(fetched) } else { None };
            *source = words.map_or_else(|| bytes(fetched), |words| Source::Plain(Quoted::of(&words)));
        }
    }
}

fn bytes(fetched: &Fetched) -> Source<'_> {
    Source::Base64 { media: Quoted::raw(fetched.media.as_bytes()), data: Quoted::raw(&fetched.base64) }
}

/// What a document says that is a text.
fn words(fetched: &Fetched) -> Option<String> {
    let is_text = fetched.media.starts_with("text/") || fetched.media == "application/json";
    let bytes = is_text.then(|| super::base64::decoded(&fetched.base64)).flatten();
    bytes.and_then(|bytes| String::from_utf8(bytes).ok())
}

/// What is on the shelf; what is not, and could be, is added to what lacks.
fn found<'s>(url: &Quoted<'_>, sort: Sort, shelf: &'s Shelf, lacking: &mut Vec<Want>) -> Option<&'s Fetched> {
    let url = url.unescaped();
    let found = shelf.find(&url, sort);
    if found.is_none() && is_web(&url) {
        let want = Want { url: String::from_utf8_lossy(&url).into(), sort };
        if !lacking.contains(&want) {
            lacking.push(want);
        }
    }
    found
}

/// `s3://`, `gs://` and their like are for the provider to read, or to refuse.
fn is_web(url: &[u8]) -> bool {
    [&b"https://"[..], b"http://"]
        .iter()
        .any(|scheme| url.get(..scheme.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(scheme)))
}

/// Whether the provider reads this URL by itself.
fn takes_url(to: Speech, model: &str, url: &Quoted<'_>) -> bool {
    match to {
        Speech::Bedrock | Speech::BedrockAnthropic | Speech::VertexAnthropic | Speech::Ollama => false,
        // What it is has to stand beside the URL.
        Speech::Gemini => gemini::is_its_own(url) || (of_url(url).is_some() && gemini::reads_urls(model)),
        Speech::OpenAi
        | Speech::Anthropic
        | Speech::Responses
        | Speech::Cohere
        | Speech::Completions
        | Speech::Embeddings
        | Speech::GoogleEmbeddings
        | Speech::Count(_) => true,
    }
}

/// Messages of Anthropic's dialect on their way to a host that takes no URLs.
pub struct Blocks<'w, 's> {
    pub shelf: Option<&'s Shelf>,
    pub lacking: &'w mut Vec<Want>,
    pub out: Writer<'w>,
}

impl Blocks<'_, '_> {
    /// Copies a value, with bytes in the place of the URLs of images and documents.
    pub fn copy(&mut self, value: &Item<'_>) {
        match value.kind() {
            Kind::Array => {
                self.out.open("[");
                value.elements().for_each(|element| self.copy(&element));
                self.out.close("]");
            }
            Kind::Object => self.block(value),
            _ => _ = self.out.item(value),
        }
    }

    /// A message or a block of one.
    fn block(&mut self, block: &Item<'_>) {
        let sort = block.text_at("type").and_then(|kind| match &*kind.unescaped() {
            b"image" => Some(Sort::Image),
            b"document" => Some(Sort::Document),
            _ => None,
        });
        self.out.open("{");
        for (name, value) in block.members() {
            self.out.quoted(&name).close(":");
            match sort {
                Some(sort) if name.is("source") => self.source(&value, sort),
                None if name.is("content") => self.copy(&value),
                _ => _ = self.out.item(&value),
            }
        }
        self.out.close("}");
    }

    fn source(&mut self, source: &Item<'_>, sort: Sort) {
        let is_url = source.text_at("type").is_some_and(|kind| kind.is("url"));
        let url = source.text_at("url").filter(|_| is_url);
        let found = match (url, self.shelf) {
            (Some(url), Some(shelf)) => found(&url, sort, shelf, self.lacking),
            _ => None,
        };
        let Some(fetched) = found else {
            self.out.item(source);
            return;
        };
        if let Some(words) = words(fetched) {
            self.out.open("{\"type\":\"text\"").key("media_type").word("text/plain");
            self.out.key("data").text(&words);
        } else {
            self.out.open("{\"type\":\"base64\"").key("media_type").text(fetched.media);
            self.out.key("data").quoted(&Quoted::raw(&fetched.base64));
        }
        self.out.close("}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::parameters::Parameters;
    use crate::contract::snapshot::Unsupported;
    use crate::traffic::translate::{Destination, StreamUsage, request};

    fn lacking(from: Speech, speech: Speech, model: &str, body: &str) -> Vec<(String, Sort)> {
        let shelf = Shelf::default();
        let (stream_usage, unsupported) = (StreamUsage::Asked, Unsupported::Drop);
        let to = Destination {
            speech,
            model,
            stream_usage,
            unsupported,
            betas: &[],
            shelf: Some(&shelf),
            on_vertex: false,
            parameters: Parameters::NONE,
        };
        let mut out = vec![];
        let lacking =
            request(from, to, body.as_bytes(), &mut out).map(|made| made.lacking).unwrap_or_default();
        assert!(lacking.is_empty() || out.is_empty() || from == speech || speech == Speech::BedrockAnthropic);
        lacking.into_iter().map(|want| (want.url.into(), want.sort)).collect()
    }

    /// What a provider reads by itself is left to it; of the rest each URL lacks once for each sort, wherever it stands.
    #[test]
    fn what_lacks() {
        let image = |url: &str| format!(r#"{{"type":"image","source":{{"type":"url","url":"{url}"}}}}"#);
        let body = format!(
            r#"{{"model":"m","max_tokens":9,"messages":[{{"role":"user","content":[{},{},{},{{"type":"document","source":{{"type":"url","url":"https://a/b"}}}}]}},
            {{"role":"assistant","content":[{{"type":"tool_use","id":"t","name":"f","input":{{}}}}]}},
            {{"role":"user","content":[{{"type":"tool_result","tool_use_id":"t","content":[{}]}}]}}]}}"#,
            image("https://a/b"),
            image(r"https:\/\/a/b"),
            image("HTTP://c/d"),
            image("https://e/f"),
        );
        let all = [
            ("https://a/b", Sort::Image),
            ("HTTP://c/d", Sort::Image),
            ("https://a/b", Sort::Document),
            ("https://e/f", Sort::Image),
        ];
        let all = all.map(|(url, sort)| (url.to_owned(), sort));
        for speech in [Speech::Bedrock, Speech::BedrockAnthropic] {
            assert_eq!(
                lacking(Speech::Anthropic, speech, "anthropic.claude-opus-4", &body),
                all,
                "{speech:?}"
            );
        }
        for speech in [Speech::OpenAi, Speech::Responses] {
            assert_eq!(lacking(Speech::Anthropic, speech, "m", &body), [], "{speech:?}");
        }
    }

    /// Google's models read URLs that tell what is there, and what is Google's own; those before the second generation's
    /// last read nothing but the latter.
    #[test]
    fn what_google_reads() {
        for (model, url, fetched) in [
            ("gemini-3.8-flash", "https://a/b.png?c", false),
            ("gemini-3.8-flash", "https://a/b", true),
            ("gemini-2.0-flash", "https://a/b.png", true),
            ("gemini-2.0-flash", "https://youtu.be/x", false),
            ("gemini-3.8-flash", "https://www.youtube.com/watch?v=x", false),
            ("gemini-2.0-flash", "https://generativelanguage.googleapis.com/v1beta/files/x", false),
            ("gemini-3.8-flash", "gs://bucket/x", false),
        ] {
            let body = format!(
                r#"{{"model":"m","messages":[{{"role":"user","content":[{{"type":"image_url","image_url":{{"url":"{url}"}}}}]}}]}}"#
            );
            let lacks = lacking(Speech::OpenAi, Speech::Gemini, model, &body);
            assert_eq!(!lacks.is_empty(), fetched, "{model} {url}");
        }
    }
}
