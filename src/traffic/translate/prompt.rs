//! A request in no format: what is asked of a model, as places in the client's body.
//!
//! Texts and numbers stay as the client wrote them. What one format alone knows is not in here: whoever reads that
//! format names it as lost.

pub use super::parts::Parts;
use super::search::WebSearch;
use crate::traffic::dialect::json::{Item, Quoted};
use std::collections::HashSet;

/// What is asked of a model.
#[derive(Default)]
pub struct Prompt<'b> {
    pub turns: Vec<Turn<'b>>,
    /// What is to stand behind the answer: it is written into the middle.
    pub suffix: Option<Quoted<'b>>,
    pub tools: Vec<Tool<'b>>,
    pub choice: Option<ToolChoice<'b>>,
    /// The provider is to search the net.
    pub search: Option<WebSearch<'b>>,
    /// The tools that may be called, where not all may.
    pub allowed: Option<Vec<Quoted<'b>>>,
    /// Whether several tools may be called in one turn.
    pub parallel_tools: Option<bool>,
    pub max_tokens: Option<u64>,
    pub stop: Vec<Quoted<'b>>,
    pub output: Output<'b>,
    /// `none`, `minimal`, `low`, `medium`, `high`, `xhigh`, `max`.
    pub effort: Option<Quoted<'b>>,
    pub thinking: Option<Thinking>,
    /// Who the client's own user is, and by what abuse may be told of them: two names in `OpenAI`'s formats, one elsewhere.
    pub user: Option<Quoted<'b>>,
    pub safety_identifier: Option<Quoted<'b>>,
    pub service_tier: Option<Quoted<'b>>,
    /// Members that the provider knows by these very names, for clients that know whom they speak to.
    pub own: Vec<(&'static str, Item<'b>)>,
    /// Numbers and switches that formats name alike or not at all.
    pub knobs: Vec<(Knob, Item<'b>)>,
    pub stream: bool,
}

/// Numbers and switches.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Knob {
    Temperature,
    TopP,
    TopK,
    MinP,
    RepetitionPenalty,
    Seed,
    FrequencyPenalty,
    PresencePenalty,
    /// On, unless its value is `false`: one dialect has the wish for it in a list of wishes.
    Logprobs,
    TopLogprobs,
    LogitBias,
    Choices,
    Verbosity,
}

/// Who speaks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Role {
    System,
    User,
    Assistant,
}

/// One message. Results of tools are the user's.
pub struct Turn<'b> {
    pub role: Role,
    pub parts: Parts<'b>,
}

/// A part of a message, and whether a prompt cache is to end behind it.
pub struct Part<'b> {
    pub content: Content<'b>,
    pub cached: Option<Cached>,
}

/// What a part says.
pub enum Content<'b> {
    Text(Quoted<'b>),
    Image { source: Source<'b>, detail: Option<Quoted<'b>> },
    Document { source: Source<'b>, name: Option<Quoted<'b>> },
    Audio { data: Quoted<'b>, format: Quoted<'b> },
    Video { source: Source<'b> },
    Call { id: Quoted<'b>, name: Quoted<'b>, arguments: Arguments<'b> },
    Result { call: Quoted<'b>, parts: Vec<Part<'b>>, failed: bool },
    Thought { text: Quoted<'b>, signature: Option<Quoted<'b>> },
    HiddenThought { data: Quoted<'b> },
}

/// Where the bytes of an image or a document are.
pub enum Source<'b> {
    /// `data:image/png;base64,…`
    DataUrl(Quoted<'b>),
    Base64 {
        media: Quoted<'b>,
        data: Quoted<'b>,
    },
    Url(Quoted<'b>),
    File(Quoted<'b>),
    Plain(Quoted<'b>),
}

/// What a tool is called with.
pub enum Arguments<'b> {
    /// JSON inside a text, perhaps broken or empty.
    Source(Quoted<'b>),
    Object(Item<'b>),
}

/// How long a prompt cache is kept.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Cached {
    /// Minutes: what the provider does if it is told nothing.
    Short,
    /// An hour or more.
    Long,
}

/// A function that the model may call.
pub struct Tool<'b> {
    pub name: Quoted<'b>,
    pub description: Option<Quoted<'b>>,
    pub schema: Option<Item<'b>>,
    pub strict: Option<Item<'b>>,
    pub cached: Option<Cached>,
}

/// Which tools the model must or may call.
pub enum ToolChoice<'b> {
    Auto,
    None,
    Any,
    One(Quoted<'b>),
}

/// The form of the answer.
#[derive(Default)]
pub enum Output<'b> {
    #[default]
    Text,
    /// Any JSON object.
    Json,
    Schema {
        name: Option<Quoted<'b>>,
        schema: Item<'b>,
        /// Whether the schema is one of the closed kind that can be held to without exception.
        strict: Option<bool>,
        description: Option<Quoted<'b>>,
    },
}

/// Whether and how far the model thinks before it answers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Thinking {
    Off,
    /// As far as it sees fit.
    Adaptive,
    /// At most so many tokens.
    Budget(u64),
}

impl Prompt<'_> {
    /// Leaves those tools that may be called: not every format can offer a tool and forbid it.
    pub fn narrow(&mut self) {
        let Some(allowed) = self.allowed.take() else { return };
        let allowed: HashSet<_> = allowed.iter().map(Quoted::as_written).collect();
        self.tools.retain(|tool| allowed.contains(tool.name.as_written()));
        if self.tools.is_empty() {
            self.choice = None;
        }
    }
}

impl<'b> Prompt<'b> {
    /// Who the client's own user is, for formats that have one name for it.
    pub fn who(&self) -> Option<&Quoted<'b>> {
        self.safety_identifier.as_ref().or(self.user.as_ref())
    }

    /// One of the members that the provider knows by these very names.
    pub fn own(&self, name: &str) -> Option<Item<'b>> {
        self.own.iter().find(|(own, _)| *own == name).map(|(_, value)| *value)
    }
}

impl<'b> Content<'b> {
    /// A thought that nobody signed: those of providers that sign theirs mean nothing to another.
    pub fn unsigned_thought(&self) -> Option<&Quoted<'b>> {
        match self {
            Content::Thought { text, signature } if signature.as_ref().is_none_or(Quoted::is_empty) => {
                Some(text)
            }
            _ => None,
        }
    }

    pub const fn is_thought(&self) -> bool {
        matches!(self, Content::Thought { .. } | Content::HiddenThought { .. })
    }

    /// The words of a text, or of a document that is nothing else.
    pub const fn words(&self) -> Option<&Quoted<'b>> {
        match self {
            Content::Text(text) | Content::Document { source: Source::Plain(text), .. } => Some(text),
            _ => None,
        }
    }
}

impl<'b> Turn<'b> {
    /// Its parts, each by reference.
    pub fn listed(&self) -> Vec<&Part<'b>> {
        self.parts.iter().collect()
    }
}

impl<'b> Part<'b> {
    pub const fn of(content: Content<'b>) -> Self {
        Self { content, cached: None }
    }
}

/// A system message in the middle, as a user's text: moved to the front it would change what was cached.
pub fn late_system(text: &Quoted<'_>) -> Quoted<'static> {
    let marked = [b"<system>\\n", text.as_written(), b"\\n</system>"].concat();
    Quoted::raw(&marked).into_owned()
}

/// Whether a turn calls tools and another of the same side follows.
pub fn calls_before_last(run: &[Turn<'_>]) -> bool {
    let calls = |turn: &Turn<'_>| turn.parts.iter().any(|part| matches!(part.content, Content::Call { .. }));
    run.split_last().is_some_and(|(_, before)| before.iter().any(calls))
}
