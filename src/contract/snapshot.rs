//! The compiled configuration that shards serve by: immutable, shared, found by hash or index.
//!
//! Made by `control::config`, published by `control::publish`. An exchange keeps the snapshot that it started
//! with until it ends.
//!
//! Invariant: every index in here points inside its table; every text was checked; no lookup on the request
//! path is linear in the number of keys or models (wildcard patterns are: one comparison each).

use crate::base::ids::NameId;
use crate::base::secret::{KeyHash, Secret};
use crate::contract::endpoint::{BodyKind, Dialect, Endpoint};
use crate::contract::parameters::Parameters;
use crate::contract::pass::PassSlot;
use arc_swap::ArcSwap;
use hashbrown::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

/// Everything a shard needs to decide about a request.
pub struct Snapshot {
    /// Grows by one with each published configuration.
    pub version: u64,
    pub listeners: Vec<Listener>,
    pub limits: Limits,
    pub access: Access,
    pub groups: Vec<Group>,
    pub keys: Vec<Key>,
    pub key_by_hash: HashMap<KeyHash, u32>,
    pub catalog: Catalog,
    pub providers: Vec<Provider>,
    /// They are not all of one format: a client's history may hold what the gateway made of another one's answers.
    pub mixes_formats: bool,
    /// `None`: nothing is fetched that a request names by URL.
    pub media: Option<Arc<Fetching>>,
}

/// How images and documents are fetched that requests name by URL, for providers that take bytes only.
pub struct Fetching {
    /// `http://` besides `https://`.
    pub plain_http: bool,
    /// Whose names may be asked, if their addresses are public.
    pub hosts: Grants,
    /// Hosts of the operator's own network that may be asked, and at which port; without one, at the scheme's own.
    pub private_hosts: Vec<(Box<str>, Option<u16>)>,
    /// All that one request has fetched, together.
    pub bytes_max: u64,
    /// Different URLs in one request.
    pub count_max: usize,
    /// All of it together, redirects and all.
    pub timeout_ms: u64,
    pub tls: Arc<rustls::ClientConfig>,
}

/// Whether a caller must present a key.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Access {
    /// `keys` (or another `auth` source) is configured.
    KeyRequired,
    /// No auth is configured, which is allowed on loopback addresses only.
    Open,
}

/// A client-facing socket. `address` and the number of listeners are fixed until restart; `tls` may change.
pub struct Listener {
    pub address: SocketAddr,
    pub tls: Option<Arc<rustls::ServerConfig>>,
}

/// Bounds and times that are settings. Times in milliseconds; a time of 0 means "no limit".
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    pub head_bytes: usize,
    pub headers: usize,
    pub body_bytes: u64,
    pub buffered_bytes: u64,
    /// Most client connections of one shard; one more is turned away.
    pub connections: u64,
    /// Most connections of one client in the process; one more is turned away.
    pub connections_per_client: PerClient,
    /// Most exchanges in flight in one shard; one more is answered 503.
    pub exchanges: u64,
    /// First byte of a head to its end (and TLS handshake).
    pub head_ms: u64,
    /// A head's end to its body's end.
    pub body_ms: u64,
    /// Longest pause inside a request's body.
    pub body_idle_ms: u64,
    /// Longest pause between two requests on one connection.
    pub keep_alive_ms: u64,
    /// Longest time a client may take to read a piece of its answer.
    pub write_idle_ms: u64,
    /// How long an unused upstream connection is kept.
    pub upstream_idle_ms: u64,
    /// How long an upstream connection is used for new requests.
    pub upstream_life_ms: u64,
    /// Most unused upstream connections per shard and provider.
    pub upstream_idle_connections: usize,
    pub h2_streams: u32,
    /// How long the memory of large bodies is kept for the next ones.
    pub spare_memory_ms: u64,
}

impl Default for Limits {
    fn default() -> Self {
        use crate::base::limits as l;
        Self {
            head_bytes: l::HEAD_BYTES,
            headers: l::HEADERS,
            body_bytes: l::BODY_BYTES,
            buffered_bytes: l::BUFFERED_BYTES,
            connections: 20_000,
            connections_per_client: PerClient::Default,
            exchanges: 10_000,
            head_ms: 10_000,
            body_ms: l::BODY_MS,
            body_idle_ms: 30_000,
            keep_alive_ms: 75_000,
            write_idle_ms: 60_000,
            upstream_idle_ms: 30_000,
            upstream_life_ms: 3_600_000,
            upstream_idle_connections: 512,
            h2_streams: 128,
            spare_memory_ms: l::SPARE_MEMORY_MS,
        }
    }
}

/// A bound on each client's connections. A client is an IPv4 address or an IPv6 network of 64 bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PerClient {
    /// Nothing was configured: [`crate::base::limits::CONNECTIONS_PER_CLIENT`], and none for this machine itself,
    /// where proxies and load generators run.
    Default,
    Unlimited,
    AtMost(u64),
}

/// A key, without its secret.
pub struct Key {
    pub name: NameId,
    pub group: u32,
    /// Seconds since 1970 from which the key is refused.
    pub expires_unix: Option<u64>,
}

/// Permissions that keys inherit.
pub struct Group {
    pub name: NameId,
    pub models: Grants,
}

/// Which catalog names a group may use.
#[derive(Default)]
pub struct Grants {
    pub everything: bool,
    pub exact: hashbrown::HashSet<Box<str>>,
    pub patterns: Vec<Pattern>,
}

impl Grants {
    /// Whether the name that the client asked for is granted.
    pub fn allows(&self, asked: &str) -> bool {
        self.everything || self.exact.contains(asked) || self.patterns.iter().any(|p| p.star(asked).is_some())
    }
}

/// A name with one star, such as `openai/*`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern {
    pub prefix: Box<str>,
    pub suffix: Box<str>,
}

impl Pattern {
    /// Splits a text at its only star.
    pub fn parse(text: &str) -> Option<Self> {
        let (prefix, suffix) = text.split_once('*')?;
        (!suffix.contains('*')).then(|| Self { prefix: prefix.into(), suffix: suffix.into() })
    }

    /// What the star stands for in `name`, if the pattern matches. The star matches at least one character.
    pub fn star<'n>(&self, name: &'n str) -> Option<&'n str> {
        let star = name.strip_prefix(&*self.prefix)?.strip_suffix(&*self.suffix)?;
        (!star.is_empty()).then_some(star)
    }

    /// The pattern of all names that match both, if there are any.
    pub fn meet(&self, other: &Self) -> Option<String> {
        let longer =
            |one: &'_ str, two: &'_ str| if one.len() < two.len() { two.to_owned() } else { one.to_owned() };
        let (prefix, suffix) = (longer(&self.prefix, &other.prefix), longer(&self.suffix, &other.suffix));
        let fits =
            |pattern: &Self| prefix.starts_with(&*pattern.prefix) && suffix.ends_with(&*pattern.suffix);
        (fits(self) && fits(other)).then(|| format!("{prefix}*{suffix}"))
    }
}

/// The names that clients use.
#[derive(Default)]
pub struct Catalog {
    pub models: Vec<Model>,
    pub exact: HashMap<Box<str>, u32>,
    /// Patterns with their model, the most specific (longest fixed text) first.
    pub patterns: Vec<(Pattern, u32)>,
}

impl Catalog {
    /// Index of the model of this name, and what a wildcard's star stood for (empty for an exact name).
    pub fn find_index<'n>(&self, name: &'n str) -> Option<(u32, &'n str)> {
        if let Some(index) = self.exact.get(name) {
            return Some((*index, ""));
        }
        self.patterns.iter().find_map(|(pattern, index)| pattern.star(name).map(|star| (*index, star)))
    }

    /// The model of this name; see [`Catalog::find_index`].
    pub fn find<'n>(&self, name: &'n str) -> Option<(&Model, &'n str)> {
        self.find_index(name).map(|(index, star)| (&self.models[index as usize], star))
    }
}

/// One catalog entry.
pub struct Model {
    pub name: NameId,
    /// The name as text (may hold a star).
    pub text: Box<str>,
    /// Best first: by priority, then weight.
    pub targets: Vec<Target>,
    pub timeouts: Timeouts,
    pub unsupported: Unsupported,
    /// The entry as `GET /v1/models` shows it: one complete JSON object, rendered once.
    pub listing: Box<str>,
    /// The same for clients of Anthropic's dialect.
    pub anthropic_listing: Box<str>,
}

/// What is done about parameters that the format of a model's provider does not have.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Unsupported {
    /// They are left out, and named in `x-ringgate-dropped`.
    #[default]
    Drop,
    /// The request is refused, and they are named.
    Refuse,
}

/// Where a model's requests may go.
pub struct Target {
    /// Index into [`Snapshot::providers`].
    pub provider: u32,
    /// Name sent upstream; `*` alone stands for what the wildcard's star matched.
    pub model: Box<str>,
    pub weight: u32,
    pub priority: u32,
}

impl Target {
    /// The name sent upstream, where the wildcard's star stands for this.
    pub fn name<'n>(&'n self, star: &'n str) -> &'n str {
        if &*self.model == "*" { star } else { &self.model }
    }
}

/// Milliseconds; 0 means "no limit".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    pub connect_ms: u64,
    pub first_byte_ms: u64,
    pub idle_ms: u64,
    pub total_ms: u64,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self { connect_ms: 5_000, first_byte_ms: 300_000, idle_ms: 120_000, total_ms: 1_800_000 }
    }
}

/// Wire format of a provider.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Format {
    OpenAi,
    Anthropic,
    Gemini,
    /// `OpenAI`'s, by responses instead of chat completions.
    Responses,
    Ollama,
    Cohere,
    /// Amazon Bedrock's `Converse`.
    Bedrock,
    /// Anthropic's messages by Bedrock's `InvokeModel`.
    BedrockAnthropic,
    /// Anthropic's messages by Vertex AI's `rawPredict`.
    VertexAnthropic,
}

impl Format {
    pub const ALL: [Format; 9] = [
        Format::OpenAi,
        Format::Anthropic,
        Format::Gemini,
        Format::Responses,
        Format::Ollama,
        Format::Cohere,
        Format::Bedrock,
        Format::BedrockAnthropic,
        Format::VertexAnthropic,
    ];

    /// As the configuration names it.
    pub const fn name(self) -> &'static str {
        match self {
            Format::OpenAi => "openai",
            Format::Anthropic => "anthropic",
            Format::Gemini => "gemini",
            Format::Responses => "openai-responses",
            Format::Ollama => "ollama",
            Format::Cohere => "cohere",
            Format::Bedrock => "bedrock",
            Format::BedrockAnthropic => "bedrock-anthropic",
            Format::VertexAnthropic => "vertex-anthropic",
        }
    }

    /// Where a provider of this format has an endpoint, below its `base_url`; `{id}` stands for the model's name there.
    /// `None`: it does not speak that endpoint's dialect, or nothing of it is sent on.
    pub const fn path(self, endpoint: Endpoint) -> Option<&'static str> {
        let row = endpoint.row();
        if matches!(row.body, BodyKind::None) {
            return None;
        }
        match (self, endpoint.dialect()) {
            (Format::Responses, _)
                if matches!(endpoint, Endpoint::ChatCompletions | Endpoint::Completions) =>
            {
                None
            }
            (Format::OpenAi | Format::Responses, Dialect::OpenAi) | (Format::Gemini, Dialect::Gemini) => {
                Some(row.unversioned)
            }
            (Format::Anthropic, Dialect::Anthropic) => Some(row.path),
            // The shape of this endpoint was Cohere's before it was anybody else's.
            (Format::Cohere, Dialect::OpenAi) if matches!(endpoint, Endpoint::Rerank) => Some("/v2/rerank"),
            (Format::OpenAi | Format::Responses, Dialect::Anthropic | Dialect::Gemini)
            | (Format::Anthropic, Dialect::OpenAi | Dialect::Gemini)
            | (Format::Gemini, Dialect::OpenAi | Dialect::Anthropic)
            | (
                Format::Ollama
                | Format::Cohere
                | Format::Bedrock
                | Format::BedrockAnthropic
                | Format::VertexAnthropic,
                _,
            ) => None,
        }
    }
}

/// A place that serves models.
pub struct Provider {
    pub name: NameId,
    pub format: Format,
    pub origin: Arc<Origin>,
    /// Path of the base URL without a slash at its end, e.g. `/v1`; may be empty. [`Provider::path`] follows it.
    pub base_path: Box<str>,
    /// Azure's older form of URLs: the model is a deployment in the path, below `/deployments`, and this version of the API
    /// is in the query. Empty: the model is in the body alone.
    pub api_version: Box<str>,
    /// Value of the `host` header: host, and port where it is not the scheme's own.
    pub host_header: Box<str>,
    /// Name of the header that carries a key, e.g. `authorization`.
    pub credential_header: Box<str>,
    /// Empty: the provider is shown none.
    pub credentials: Vec<Credential>,
    /// Where there are no such keys: what it is shown is fetched and renewed, or signs.
    pub pass: Option<Arc<PassSlot>>,
    /// Whether `stream_options.include_usage` may be asked of this provider.
    pub takes_stream_usage: bool,
    /// What it knows of a request's parameters beside what its format has, or by another name.
    pub parameters: Parameters,
    /// Whether it has `/responses`, if its format does.
    pub has_responses: bool,
    /// Whether it has `/responses/input_tokens`, so that others' clients can have tokens counted, if its format does.
    pub counts_input: bool,
    /// `anthropic-version` for requests whose client names none; empty where the format knows no such field.
    pub anthropic_version: Box<str>,
}

impl Provider {
    /// Where it has an endpoint, below its `base_url`: where its format has it, unless it is known to lack it.
    pub fn path(&self, endpoint: Endpoint) -> Option<&'static str> {
        let lacks = match endpoint {
            Endpoint::Responses | Endpoint::InputTokens | Endpoint::Compact => !self.has_responses,
            // There other methods embed, or one text at a time.
            Endpoint::EmbedContent | Endpoint::BatchEmbedContents => self.is_vertex(),
            Endpoint::Predict => !self.is_vertex(),
            _ => false,
        };
        self.format.path(endpoint).filter(|_| !lacks)
    }

    /// Of Google's two APIs it is the one of its cloud, where a model has a publisher.
    pub fn is_vertex(&self) -> bool {
        self.base_path.contains("/publishers/")
    }
}

/// One of a provider's keys.
pub struct Credential {
    /// The same for the same key in every snapshot, and no other's.
    pub id: u64,
    pub weight: u32,
    /// The header's value, e.g. `Bearer sk-…`.
    pub value: Secret,
    /// The bare key, to scrub from what the provider says.
    pub key: Secret,
}

/// A network peer: connections to equal origins are interchangeable, also over reloads.
pub struct Origin {
    /// Stable number of (scheme, host, port, TLS settings) in this process: the key of the connection pools.
    pub id: u32,
    pub host: Box<str>,
    pub port: u16,
    pub tls: Option<OriginTls>,
    /// Filled and refreshed by control's resolver; an IP literal is there from the start.
    pub addresses: ArcSwap<Addresses>,
    /// Set by a shard that could not connect or found no address; control resolves again soon.
    pub wants_resolving: std::sync::atomic::AtomicBool,
}

/// TLS towards an upstream.
pub struct OriginTls {
    pub config: Arc<rustls::ClientConfig>,
    pub server_name: rustls::pki_types::ServerName<'static>,
}

/// What is known of an origin's addresses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Addresses {
    /// Not resolved yet: the first request asks for it.
    Unknown,
    Known {
        /// In the order to try them.
        addresses: Vec<SocketAddr>,
        /// Those of the answer before.
        before: Vec<SocketAddr>,
    },
    /// Why there are none, for people.
    Failed(Box<str>),
}

impl Addresses {
    /// What an origin has whose host is an address.
    pub fn fixed(address: SocketAddr) -> Self {
        Self::Known { addresses: vec![address], before: vec![] }
    }

    /// Whether the name leads to this address no more. One that is missing from one answer has not gone yet: name servers
    /// of large services give some of their addresses in turns.
    pub fn have_lost(&self, ip: IpAddr) -> bool {
        match self {
            Self::Known { addresses, before } => addresses.iter().chain(before).all(|known| known.ip() != ip),
            Self::Unknown | Self::Failed(_) => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An address has gone when two answers running lack it, and never while nothing is known.
    #[test]
    fn addresses_go() {
        let (here, there) = (SocketAddr::from(([10, 0, 0, 1], 1)), SocketAddr::from(([10, 0, 0, 2], 1)));
        let known = |addresses: &[_], before: &[_]| Addresses::Known {
            addresses: addresses.to_vec(),
            before: before.to_vec(),
        };
        for (addresses, lost) in [
            (known(&[here], &[]), false),
            (known(&[there], &[here]), false),
            (known(&[here, there], &[there]), false),
            (known(&[there], &[there]), true),
            (Addresses::Unknown, false),
            (Addresses::Failed("no such name".into()), false),
        ] {
            assert_eq!(addresses.have_lost(here.ip()), lost, "{addresses:?}");
        }
    }

    /// A star matches at least one character, and only between its prefix and suffix.
    #[test]
    fn patterns() {
        let p = Pattern::parse("openai/*").expect("one star");
        assert_eq!(p.star("openai/gpt"), Some("gpt"));
        assert_eq!(p.star("openai/"), None);
        assert_eq!(p.star("open"), None);
        for (one, two, both) in [
            ("openai/*", "openai/gpt-*", Some("openai/gpt-*")),
            ("openai/*", "*-mini", Some("openai/*-mini")),
            ("a*z", "ab*", Some("ab*z")),
            ("a*", "*", Some("a*")),
            ("a*", "b*", None),
            ("*a", "*b", None),
        ] {
            let [one, two] = [one, two].map(|text| Pattern::parse(text).expect("one star"));
            assert_eq!(one.meet(&two).as_deref(), both);
            assert_eq!(two.meet(&one).as_deref(), both);
        }
        assert!(Pattern::parse("a*b*").is_none());
        assert!(Pattern::parse("plain").is_none());
    }

    /// A format has the endpoints of its own dialect that are sent on, and no other.
    #[test]
    fn formats_speak_their_dialect() {
        for endpoint in Endpoint::ALL {
            let sent_on = endpoint.row().body != BodyKind::None;
            for (format, dialect) in [
                (Format::OpenAi, Dialect::OpenAi),
                (Format::Anthropic, Dialect::Anthropic),
                (Format::Gemini, Dialect::Gemini),
            ] {
                let spoken = sent_on && endpoint.dialect() == dialect;
                assert_eq!(format.path(endpoint).is_some(), spoken, "{format:?} {endpoint:?}");
            }
        }
        assert_eq!(Format::OpenAi.path(Endpoint::ChatCompletions), Some("/chat/completions"));
        assert_eq!(Format::Anthropic.path(Endpoint::CountTokens), Some("/v1/messages/count_tokens"));
        assert_eq!(Format::Gemini.path(Endpoint::GeminiCountTokens), Some("/models/{id}:countTokens"));
        assert_eq!(Format::Cohere.path(Endpoint::Rerank), Some("/v2/rerank"));
        assert_eq!(Format::Cohere.path(Endpoint::Embeddings), None);
    }

    /// An exact name wins over every pattern.
    #[test]
    fn exact_names_first() {
        let model = |text: &str| Model {
            name: NameId(1),
            text: text.into(),
            targets: vec![],
            timeouts: Timeouts::default(),
            unsupported: Unsupported::Drop,
            listing: "{}".into(),
            anthropic_listing: "{}".into(),
        };
        let mut catalog = Catalog { models: vec![model("a/*"), model("a/b")], ..Catalog::default() };
        catalog.patterns.push((Pattern::parse("a/*").expect("one star"), 0));
        catalog.exact.insert("a/b".into(), 1);
        assert_eq!(catalog.find("a/b").map(|(m, s)| (&*m.text, s)), Some(("a/b", "")));
        assert_eq!(catalog.find("a/c").map(|(m, s)| (&*m.text, s)), Some(("a/*", "c")));
        assert!(catalog.find("b").is_none());
    }
}
