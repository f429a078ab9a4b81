//! How likely the tokens of a text were, and which others might have stood there.
//!
//! In the middle this has the form of `OpenAI`'s formats, of which both have the same: elements of an array, on one line.

use crate::traffic::dialect::json::{Item, Quoted, Tree, Writer};

/// The elements of a provider's array that has this form already.
pub fn of_openai(list: Item<'_>) -> Vec<u8> {
    let raw = list.raw().strip_prefix(b"[").and_then(|rest| rest.strip_suffix(b"]")).unwrap_or_default();
    // Between its values JSON may have line ends. Inside of strings there are none.
    raw.trim_ascii().iter().copied().filter(|byte| !matches!(byte, b'\n' | b'\r')).collect()
}

/// The same of Google's `logprobsResult`: what was chosen, and beside it what was not.
pub fn of_google(result: Item<'_>) -> Vec<u8> {
    let mut elements = vec![];
    let mut out = Writer(&mut elements);
    let list = |name| result.get(name).into_iter().flat_map(|list: Item<'_>| list.elements());
    let mut others = list("topCandidates");
    for chosen in list("chosenCandidates") {
        let top = others.next().and_then(|top| top.get("candidates"));
        token(chosen, "logProbability", &mut out);
        out.key("top_logprobs").open("[");
        for one in top.iter().flat_map(Item::elements) {
            token(one, "logProbability", &mut out);
            out.close("}");
        }
        out.close("]}");
    }
    elements
}

/// The same of Cohere's list, which has one entry for a piece of text: the logprobs of its tokens, not their texts.
pub fn of_cohere(entry: Item<'_>) -> Vec<u8> {
    let mut elements = vec![];
    let mut out = Writer(&mut elements);
    let mut text = entry.text_at("text");
    for logprobs in entry.get("logprobs").iter().flat_map(Item::elements) {
        // All of the text stands with its first token.
        let text = text.take().unwrap_or_default();
        spelled(&text, logprobs.number().unwrap_or(b"0"), &mut out);
        out.key("top_logprobs").raw(b"[]").close("}");
    }
    elements
}

/// Begins an element.
fn token(one: Item<'_>, name: &str, out: &mut Writer<'_>) {
    let logprobs = one.get(name).and_then(|logprobs| logprobs.number());
    // What is certain is left out.
    spelled(&one.text_at("token").unwrap_or_default(), logprobs.unwrap_or(b"0"), out);
}

fn spelled(text: &Quoted<'_>, logprobs: &[u8], out: &mut Writer<'_>) {
    out.open("{\"token\":").quoted(text).key("logprob").raw(logprobs).key("bytes").open("[");
    for byte in &*text.unescaped() {
        out.count(u64::from(*byte));
    }
    out.close("]");
}

/// Adds elements behind others.
pub fn add(elements: &[u8], to: &mut Vec<u8>) {
    if !to.is_empty() && !elements.is_empty() {
        to.push(b',');
    }
    to.extend_from_slice(elements);
}

/// Writes elements as Google's `logprobsResult`.
pub fn as_google(elements: &[u8], out: &mut Writer<'_>) {
    let (mut tree, list) = (Tree::default(), [b"[", elements, b"]"].concat());
    let page = tree.parse(&list);
    let elements = || page.iter().flat_map(|page| page.root().elements());
    let one = |element: Item<'_>, out: &mut Writer<'_>| {
        out.open("{\"token\":").quoted(&element.text_at("token").unwrap_or_default());
        let logprobs = element.get("logprob").and_then(|logprobs| logprobs.number());
        out.key("logProbability").raw(logprobs.unwrap_or(b"0")).close("}");
    };
    out.open("{").key("chosenCandidates").open("[");
    elements().for_each(|element| one(element, out));
    out.close("]").key("topCandidates").open("[");
    for element in elements() {
        out.open("{").key("candidates").open("[");
        element.get("top_logprobs").iter().flat_map(Item::elements).for_each(|top| one(top, out));
        out.close("]}");
    }
    out.close("]}");
}

/// Writes elements as completions have them: lists side by side, and where each token begins among the characters of the
/// text. `offset` is where the first does, and then where the next will.
pub fn as_completion(elements: &[u8], offset: &mut u64, out: &mut Writer<'_>) {
    let (mut tree, list) = (Tree::default(), [b"[", elements, b"]"].concat());
    let page = tree.parse(&list);
    let elements = || page.iter().flat_map(|page| page.root().elements());
    out.open("{").key("text_offset").open("[");
    for element in elements() {
        out.count(*offset);
        *offset += String::from_utf8_lossy(&spelling(element).unescaped()).chars().count() as u64;
    }
    out.close("]").key("token_logprobs").open("[");
    elements().for_each(|element| _ = out.raw(number(element)));
    out.close("]").key("tokens").open("[");
    elements().for_each(|element| _ = out.quoted(&spelling(element)));
    out.close("]").key("top_logprobs");
    out.open("[");
    for element in elements() {
        out.open("{");
        for top in element.get("top_logprobs").iter().flat_map(Item::elements) {
            // A member's name is written as any string.
            out.quoted(&spelling(top)).close(":").raw(number(top));
        }
        out.close("}");
    }
    out.close("]}");
}

fn spelling(element: Item<'_>) -> Quoted<'_> {
    element.text_at("token").unwrap_or_default()
}

fn number(element: Item<'_>) -> &[u8] {
    element.get("logprob").and_then(|logprobs| logprobs.number()).unwrap_or(b"0")
}

/// The mean over all tokens of an answer.
#[derive(Clone, Copy, Default)]
pub struct Mean {
    sum: f64,
    tokens: u32,
}

impl Mean {
    pub fn add(&mut self, elements: &[u8]) {
        let (mut tree, list) = (Tree::default(), [b"[", elements, b"]"].concat());
        let Ok(page) = tree.parse(&list) else { return };
        for element in page.root().elements() {
            let value = std::str::from_utf8(number(element)).ok().and_then(|text| text.parse::<f64>().ok());
            self.sum += value.unwrap_or_default();
            self.tokens = self.tokens.saturating_add(1);
        }
    }

    /// Nothing, if there was no token, or one beyond all numbers.
    pub fn told(self) -> Option<f64> {
        Some(self.sum / f64::from(self.tokens)).filter(|mean| mean.is_finite())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn read(text: &str, of: fn(Item<'_>) -> Vec<u8>) -> Value {
        let mut tree = Tree::default();
        let elements = of(tree.parse(text.as_bytes()).expect("JSON").root());
        assert!(!elements.contains(&b'\n'), "one line");
        serde_json::from_slice(&[b"[", &*elements, b"]"].concat()).expect("elements")
    }

    /// Google's two lists make one, and come back as they were; what is left out is certain.
    #[test]
    fn googles_lists_are_one() {
        let said = json!({
            "chosenCandidates": [{"token": "é", "logProbability": -0.25}, {"token": "!"}],
            "topCandidates": [{"candidates": [{"token": "é", "logProbability": -0.25}, {"token": "e", "logProbability": -3}]}],
        });
        let elements = read(&said.to_string(), of_google);
        assert_eq!(
            elements,
            json!([
                {"token": "é", "logprob": -0.25, "bytes": [195, 169], "top_logprobs": [
                    {"token": "é", "logprob": -0.25, "bytes": [195, 169]}, {"token": "e", "logprob": -3, "bytes": [101]},
                ]},
                {"token": "!", "logprob": 0, "bytes": [33], "top_logprobs": []},
            ])
        );
        let text = elements.to_string();
        let mut back = vec![];
        as_google(&text.as_bytes()[1..text.len() - 1], &mut Writer(&mut back));
        let back: Value = serde_json::from_slice(&back).expect("JSON");
        assert_eq!(back["chosenCandidates"][0], said["chosenCandidates"][0]);
        assert_eq!(back["topCandidates"][0], said["topCandidates"][0]);
        assert_eq!(back["chosenCandidates"][1], json!({"token": "!", "logProbability": 0}));
    }

    /// A list of the same form stays as it is, on one line; what is no list is none.
    #[test]
    fn openais_list_stays() {
        let list = "[ {\"token\": \"a\\n\",\r\n\"logprob\":-1e-7,\"bytes\":null} ]";
        assert_eq!(read(list, of_openai), json!([{"token": "a\n", "logprob": -1e-7, "bytes": null}]));
        assert_eq!(read("null", of_openai), json!([]));
    }

    /// Of a text of several tokens all logprobs are told.
    #[test]
    fn coheres_texts_have_several_tokens() {
        let told = read(r#"{"text":" hi","token_ids":[1,2],"logprobs":[-0.5,-2]}"#, of_cohere);
        assert_eq!(
            told[0],
            json!({"token": " hi", "logprob": -0.5, "bytes": [32, 104, 105], "top_logprobs": []})
        );
        assert_eq!(told[1]["logprob"], -2);
    }
}
