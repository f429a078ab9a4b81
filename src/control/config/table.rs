//! Every key of the configuration: its kind, whether it must be there, its default, what it means.
//!
//! Invariant: no key is read that has no row here, and no key is accepted that has none.

mod clouds;

use crate::base::limits::{HEADER_SLOTS, TARGET_BYTES};
use crate::contract::parameters::Parameter;
use crate::control::config::shape::Presence::{Default, Required};
use crate::control::config::shape::{Field, Kind, Presence};

const DAY_MS: u64 = 86_400_000;
const MILLISECONDS: Kind = Kind::Whole { least: 0, most: 30 * DAY_MS };
const COUNT: Kind = Kind::Whole { least: 1, most: u64::MAX };
const USD_PER_MILLION: Kind = Kind::Number { least: 0.0, most: 1_000_000.0 };

/// What a model's requests may be sent as.
pub const FORMATS: &[&str] = &[
    "openai",
    "openai-responses",
    "anthropic",
    "gemini",
    "ollama",
    "cohere",
    "bedrock",
    "bedrock-anthropic",
    "vertex-anthropic",
    "azure",
];

const fn row(name: &'static str, kind: Kind, presence: Presence, about: &'static str) -> Field {
    Field { name, kind, presence, about }
}

/// The whole configuration.
pub const ROOT: Kind = Kind::Section(&[
    row(
        "listen",
        Kind::List(&Kind::Either(&Kind::Address, &Kind::Section(LISTEN))),
        Default("[\"127.0.0.1:8080\"]"),
        "Where clients connect. An address that is not of this machine alone needs keys. [::] is IPv6 alone.",
    ),
    row("admin", Kind::Section(ADMIN), Default(""), "The operator's own HTTP interface; absent: none."),
    row(
        "shards",
        Kind::Either(&Kind::Choice(&["auto"]), &Kind::Whole { least: 1, most: 1024 }),
        Default("auto"),
        "Worker threads. auto: one for each core that there is time for, less one for the log where there are more than 2.",
    ),
    row("io", Kind::Choice(&["auto", "uring", "epoll"]), Default("auto"), "How sockets are driven."),
    row(
        "drain_timeout_ms",
        Kind::Whole { least: 0, most: DAY_MS },
        Default("30000"),
        "How long streams may go on when the process is told to end. Milliseconds.",
    ),
    row("access_log", Kind::Section(ACCESS_LOG), Default(""), "One line for each request."),
    row("audit", Kind::Section(AUDIT), Default(""), "The record of every request."),
    row("store", Kind::Section(STORE), Default(""), "Where state is kept."),
    row("coordination", Kind::Section(COORDINATION), Default(""), "How several gateways share limits."),
    row("limits", Kind::Section(LIMITS), Default(""), "Bounds on what a client may send and hold."),
    row("timeouts", Kind::Section(TIMEOUTS), Default(""), "For models that do not set their own."),
    row(
        "media",
        Kind::Section(MEDIA),
        Default(""),
        "Images and documents that requests name by URL, where the model's provider takes bytes only.",
    ),
    row("providers", Kind::Named(&Kind::Section(PROVIDER)), Required, "Places that serve models, by name."),
    row(
        "models",
        Kind::Named(&Kind::Section(MODEL)),
        Required,
        "The catalog: the names that clients use. One star in a name stands for at least one character.",
    ),
    row(
        "groups",
        Kind::Named(&Kind::Section(GROUP)),
        Default(""),
        "What the keys of a group may do, by name.",
    ),
    row("keys", Kind::List(&Kind::Section(KEY)), Default(""), "The clients' keys."),
    row("auth", Kind::Section(AUTH), Default(""), "Other ways than keys to know who calls."),
    row(
        "accept_unenforced",
        Kind::Flag,
        Default("false"),
        "Start although rates, budgets or JWT issuers are configured that this version does not enforce.",
    ),
]);

const LISTEN: &[Field] = &[
    row("address", Kind::Address, Required, "IP address and port; port 0 takes any free one."),
    row("tls", Kind::Section(LISTEN_TLS), Default(""), "Absent: plain HTTP."),
];

const LISTEN_TLS: &[Field] = &[
    row("cert", Kind::File, Required, "PEM: the certificate, then its chain."),
    row("key", Kind::File, Required, "PEM: the certificate's private key."),
    row(
        "certificates",
        Kind::List(&Kind::Section(CERTIFICATE)),
        Default(""),
        "Further certificates: each is shown to clients that ask for one of its names (SNI), cert to all others.",
    ),
    row(
        "client_ca",
        Kind::File,
        Default(""),
        "PEM: who signs clients' certificates. Present: clients need one.",
    ),
    row("client_auth", Kind::Choice(&["required", "optional"]), Default("required"), "Only with client_ca."),
];

const CERTIFICATE: &[Field] = &[
    row(
        "cert",
        Kind::File,
        Required,
        "PEM: the certificate, then its chain. Its DNS names decide who is shown it.",
    ),
    row("key", Kind::File, Required, "PEM: the certificate's private key."),
];

const ADMIN: &[Field] = &[
    row(
        "address",
        Kind::Address,
        Required,
        "IP address and port of /healthz, /readyz, /metrics and /-/reload.",
    ),
    row(
        "allow_remote",
        Kind::Flag,
        Default("false"),
        "Whether the address may be one that others can reach.",
    ),
];

const ACCESS_LOG: &[Field] =
    &[row("path", Kind::Text, Default("\"-\""), "A file, \"-\" for standard output, or none.")];

const AUDIT: &[Field] = &[
    row("dir", Kind::Text, Default(""), "A directory for the record."),
    row(
        "on_overflow",
        Kind::Choice(&["block", "refuse", "count_and_drop"]),
        Default("block"),
        "What happens to requests when their records cannot be written fast enough.",
    ),
    row(
        "bodies",
        Kind::Choice(&["none", "metadata", "full"]),
        Default("none"),
        "What is kept of prompts and answers.",
    ),
];

const STORE: &[Field] = &[row("url", Kind::Secret, Required, "sqlite://… or postgres://…")];

const COORDINATION: &[Field] = &[row("url", Kind::Secret, Required, "local or redis://…")];

const LIMITS: &[Field] = &[
    row(
        "head_bytes",
        Kind::Whole { least: TARGET_BYTES as u64, most: 1 << 20 },
        Default("32768"),
        "Largest head of a request or answer.",
    ),
    row(
        "headers",
        Kind::Whole { least: 8, most: HEADER_SLOTS as u64 },
        Default("100"),
        "Most header fields in a head.",
    ),
    row("body_bytes", Kind::Whole { least: 1, most: 1 << 36 }, Default("67108864"), "Largest request body."),
    row(
        "buffered_bytes",
        Kind::Whole { least: 1, most: 1 << 44 },
        Default("1073741824"),
        "Request bodies held at once by one shard; beyond it requests are answered 503.",
    ),
    row(
        "connections",
        COUNT,
        Default("20000"),
        "Most client connections of one shard; one more is answered 503 (TLS: closed).",
    ),
    row(
        "connections_per_client_max",
        Kind::Whole { least: 0, most: u64::MAX },
        Default(""),
        "Most connections of one client (IPv4 address, IPv6 /64), divided evenly among the shards, at least 1 each; one more is answered 429 (TLS: closed). 0: no limit. Default: 10000, and no limit for clients on this machine.",
    ),
    row(
        "exchanges",
        COUNT,
        Default("10000"),
        "Most requests in flight in one shard; one more is answered 503.",
    ),
    row("head_ms", MILLISECONDS, Default("10000"), "From a head's first byte to its end. 0: no limit."),
    row(
        "body_ms",
        MILLISECONDS,
        Default("600000"),
        "From a head to the end of its body, however steadily that comes. 0: no limit.",
    ),
    row(
        "body_idle_ms",
        MILLISECONDS,
        Default("30000"),
        "Longest pause inside a request's body. 0: no limit.",
    ),
    row("keep_alive_ms", MILLISECONDS, Default("75000"), "Longest pause between two requests. 0: no limit."),
    row(
        "write_idle_ms",
        MILLISECONDS,
        Default("60000"),
        "Longest time to take a piece of an answer. 0: no limit.",
    ),
    row(
        "upstream_idle_ms",
        MILLISECONDS,
        Default("30000"),
        "Longest rest of an upstream connection. 0: no limit.",
    ),
    row(
        "upstream_life_ms",
        MILLISECONDS,
        Default("3600000"),
        "How long an upstream connection is used for new requests. 0: no limit.",
    ),
    row(
        "upstream_idle_connections",
        Kind::Whole { least: 1, most: 1 << 20 },
        Default("512"),
        "Most resting upstream connections of one shard and provider.",
    ),
    row(
        "h2_streams",
        Kind::Whole { least: 1, most: 10_000 },
        Default("128"),
        "Most streams of one HTTP/2 connection.",
    ),
    row(
        "spare_memory_ms",
        MILLISECONDS,
        Default("60000"),
        "How long memory that large bodies needed is kept for the next ones: up to 64 MiB of each shard, and up to 256 MiB where they are translated. What is beyond that is given back after seconds.",
    ),
];

const TIMEOUTS: &[Field] = &[
    row("connect_ms", MILLISECONDS, Default("5000"), "To a connection, with TLS. 0: no limit."),
    row(
        "first_byte_ms",
        MILLISECONDS,
        Default("300000"),
        "From the request to the answer's first byte. 0: no limit.",
    ),
    row("idle_ms", MILLISECONDS, Default("120000"), "Longest pause inside an answer. 0: no limit."),
    row("total_ms", MILLISECONDS, Default("1800000"), "Whole request, with retries. 0: no limit."),
];

const MEDIA: &[Field] = &[
    row(
        "fetch",
        Kind::Choice(&["none", "https", "any"]),
        Default("none"),
        "Which URLs are fetched: none (such requests are refused), those of https, or of http too. The gateway then asks what strangers name, so it does not by itself.",
    ),
    row(
        "hosts",
        Kind::List(&Kind::Text),
        Default("[\"*\"]"),
        "The hosts that may be asked, exact or with one star, at their scheme's own port. Only public addresses are reached.",
    ),
    row(
        "private_hosts",
        Kind::List(&Kind::Text),
        Default(""),
        "Hosts of one's own network that may be asked besides, as HOST or HOST:PORT. Clients get to see what they answer.",
    ),
    row(
        "bytes_max",
        Kind::Whole { least: 1, most: 1 << 30 },
        Default("20971520"),
        "Largest sum of what one request has fetched.",
    ),
    row(
        "count_max",
        Kind::Whole { least: 1, most: 1000 },
        Default("20"),
        "Most different URLs in one request.",
    ),
    row(
        "timeout_ms",
        Kind::Whole { least: 1, most: DAY_MS },
        Default("10000"),
        "To have all of them, redirects included. Milliseconds.",
    ),
    row(
        "ca",
        Kind::File,
        Default(""),
        "PEM: who may sign their certificates, besides the public authorities.",
    ),
];

const PROVIDER: &[Field] = &[
    row(
        "vendor",
        Kind::Text,
        Default(""),
        "Whose it is; what is absent here (format, base_url, header, stream_usage, responses, parameters) is as that vendor has it: openai, azure, anthropic, gemini, vertex, google, bedrock, bedrock-anthropic, vertex-anthropic, mistral, groq, together, fireworks, cerebras, deepseek, xai, cohere, cohere-native, huggingface, openrouter, perplexity, nvidia, doubleword, vllm, sglang, tgi, ollama, ollama-native, llamacpp.",
    ),
    row(
        "format",
        Kind::Choice(FORMATS),
        Default(""),
        "The wire format it speaks; needed without a vendor. This version serves all but azure. openai-responses is openai's by /responses in place of chat completions.",
    ),
    row(
        "base_url",
        Kind::Text,
        Default(""),
        "http:// or https:// up to where /chat/completions follows (anthropic: /v1/messages; gemini, vertex-anthropic: /models; bedrock, bedrock-anthropic: /model; ollama: /api/chat; cohere: /v2/chat), or mock; needed where the vendor has none.",
    ),
    row("api_key", Kind::Secret, Default(""), "The credential sent to it; absent: none."),
    row(
        "api_keys",
        Kind::List(&Kind::Section(API_KEY)),
        Default(""),
        "Several credentials in place of api_key. One that the provider refuses or limits rests while others are used.",
    ),
    row(
        "header",
        Kind::Text,
        Default(""),
        "Its header; authorization adds Bearer, others do not. Default: authorization (anthropic: x-api-key, gemini: x-goog-api-key).",
    ),
    row(
        "auth",
        Kind::Section(clouds::AUTH),
        Default(""),
        "In place of api_key: a credential that is fetched and renewed, or that signs. One of aws, google and entra.",
    ),
    row(
        "anthropic_version",
        Kind::Text,
        Default("\"2023-06-01\""),
        "Format anthropic: the anthropic-version of requests whose client names none.",
    ),
    row(
        "api_version",
        Kind::Text,
        Default(""),
        "Azure's older URLs, as in 2024-10-21: requests go to BASE_URL/deployments/MODEL/chat/completions?api-version=THIS, and base_url ends with /openai. For format openai.",
    ),
    row("region", Kind::Text, Default(""), "Where it is. A note."),
    row("load_metrics", Kind::Choice(&["vllm", "sglang"]), Default(""), "How it tells its load."),
    row("stream_usage", Kind::Flag, Default("true"), "Whether it knows stream_options.include_usage."),
    row(
        "responses",
        Kind::Flag,
        Default("true"),
        "Whether it has /responses; if not, such requests are translated to chat completions. For format openai.",
    ),
    row(
        "input_tokens",
        Kind::Flag,
        Default("false"),
        "Whether it has /responses/input_tokens, by which tokens are then counted for clients of other dialects. For format openai (vendor openai: true).",
    ),
    row(
        "parameters",
        Kind::List(&Kind::Choice(&Parameter::NAMES)),
        Default(""),
        "What it knows of a request's parameters beyond OpenAI's, or by another name than OpenAI has for it (random_seed for seed; max_tokens for max_completion_tokens); known_only: it refuses others of OpenAI's, such as user. Default: as the vendor has it. For format openai.",
    ),
    row("ca", Kind::File, Default(""), "PEM: who may sign its certificate, besides the public authorities."),
    row("client_cert", Kind::File, Default(""), "PEM: the certificate shown to it."),
    row("client_key", Kind::File, Default(""), "PEM: the private key of client_cert."),
    row("server_name", Kind::Text, Default(""), "The name its certificate has, if not the URL's host."),
    row(
        "allow_link_local",
        Kind::Flag,
        Default("false"),
        "Whether link-local and metadata addresses may be reached.",
    ),
];

const API_KEY: &[Field] = &[
    row("key", Kind::Secret, Required, "The credential."),
    row("weight", Kind::Whole { least: 1, most: 1_000_000 }, Default("1"), "Its share of the requests."),
];

/// `config/providers.yaml`: what providers inherit from their vendor, in the words that they would use themselves.
pub const VENDORS: Kind = Kind::Named(&Kind::Section(VENDOR));

const VENDOR: &[Field] = &[
    row("format", Kind::Choice(FORMATS), Required, "The wire format it speaks."),
    row("base_url", Kind::Text, Default(""), "Absent where every operator has an address of their own."),
    row("base_url_form", Kind::Text, Default(""), "How such an address looks."),
    row("header", Kind::Text, Default(""), "The credential's header, where it is not authorization."),
    row("key_variable", Kind::Text, Default(""), "The environment variable that usually holds the key."),
    row("stream_usage", Kind::Flag, Default(""), "Whether it knows stream_options.include_usage."),
    row("responses", Kind::Flag, Default(""), "Whether it has /responses."),
    row("input_tokens", Kind::Flag, Default(""), "Whether it has /responses/input_tokens."),
    row(
        "parameters",
        Kind::List(&Kind::Choice(&Parameter::NAMES)),
        Default(""),
        "What it knows of a request's parameters beyond OpenAI's, or by another name.",
    ),
];

const MODEL: &[Field] = &[
    row("targets", Kind::List(&Kind::Section(TARGET)), Required, "Where its requests go."),
    row(
        "strategy",
        Kind::Choice(&["weighted", "latency", "cost", "least_busy", "prefix_affinity"]),
        Default("weighted"),
        "How one of several targets of equal priority is chosen. This version does weighted.",
    ),
    row("timeouts", Kind::Section(TIMEOUTS), Default(""), "What is absent is as in the global timeouts."),
    row(
        "unsupported",
        Kind::Choice(&["drop", "refuse"]),
        Default("drop"),
        "Parameters that a provider's format does not have, where a request is translated: left out and named in \
         x-ringgate-dropped, or refused.",
    ),
    row("price", Kind::Section(PRICE), Default(""), "USD per million tokens, shown in the model list."),
    row("quality", Kind::Section(QUALITY), Default(""), "Shown in the model list."),
    row("tags", Kind::List(&Kind::Text), Default(""), "Shown in the model list."),
    row("sla", Kind::Section(SLA), Default(""), "Shown in the model list."),
];

const TARGET: &[Field] = &[
    row("provider", Kind::Text, Required, "A name declared in providers."),
    row("model", Kind::Text, Required, "The name sent upstream; \"*\": what the star of a wildcard matched."),
    row(
        "weight",
        Kind::Whole { least: 1, most: 1_000_000 },
        Default("1"),
        "Share among targets of equal priority.",
    ),
    row(
        "priority",
        Kind::Whole { least: 0, most: 1_000_000 },
        Default("1"),
        "A higher number is tried later.",
    ),
];

const PRICE: &[Field] = &[
    row("input", USD_PER_MILLION, Default(""), "USD per million tokens."),
    row("output", USD_PER_MILLION, Default(""), "USD per million tokens."),
    row(
        "cached_input",
        USD_PER_MILLION,
        Default(""),
        "USD per million tokens read from the provider's cache.",
    ),
    row(
        "cache_write",
        USD_PER_MILLION,
        Default(""),
        "USD per million tokens written to the provider's cache.",
    ),
];

const QUALITY: &[Field] = &[
    row("tier", Kind::Text, Default(""), "A class, in the operator's own words."),
    row("elo", Kind::Number { least: 0.0, most: 10_000.0 }, Default(""), "A rating."),
];

const SLA: &[Field] =
    &[row("ttft_ms", COUNT, Default(""), "Promised time to the first token. Milliseconds.")];

const GROUP: &[Field] = &[
    row("models", Kind::List(&Kind::Text), Required, "Catalog names, or patterns with one star; \"*\": all."),
    row("rate", Kind::Section(RATE), Default(""), "Not enforced by this version: needs accept_unenforced."),
    row(
        "budget",
        Kind::Section(BUDGET),
        Default(""),
        "Not enforced by this version: needs accept_unenforced.",
    ),
];

const RATE: &[Field] = &[
    row("requests_per_minute", COUNT, Default(""), "Requests."),
    row("tokens_per_minute", COUNT, Default(""), "Tokens."),
    row("concurrency", COUNT, Default(""), "Requests in flight."),
];

const BUDGET: &[Field] = &[
    row("usd", Kind::Number { least: 0.0, most: 1e12 }, Required, "USD in each period."),
    row("period", Kind::Choice(&["day", "week", "month", "total"]), Default("month"), "When it begins anew."),
    row("hard", Kind::Flag, Default("true"), "Whether requests are refused when it is spent."),
    row(
        "alert_at",
        Kind::List(&Kind::Number { least: 0.0, most: 1.0 }),
        Default(""),
        "Spent shares that alert.",
    ),
];

const KEY: &[Field] = &[
    row("id", Kind::Text, Required, "Its name in records; not secret."),
    row("group", Kind::Text, Required, "A name declared in groups."),
    row("secret", Kind::Secret, Default(""), "The key itself. Either this or hash."),
    row("hash", Kind::Secret, Default(""), "sha256: and the 64 hexadecimal digits of the key's SHA-256."),
    row("expires", Kind::Text, Default(""), "A date, valid to its end (UTC), or an RFC 3339 time."),
];

const AUTH: &[Field] = &[row(
    "jwt",
    Kind::List(&Kind::Section(JWT)),
    Default(""),
    "Not enforced by this version: needs accept_unenforced.",
)];

const JWT: &[Field] = &[
    row("issuer", Kind::Text, Required, "The https:// URL of the issuer."),
    row("audience", Kind::Text, Required, "Who the token must be for."),
    row("groups_claim", Kind::Text, Default("groups"), "The claim that lists the caller's groups."),
    row(
        "group_map",
        Kind::Named(&Kind::Text),
        Default(""),
        "From the claim's values to names declared in groups.",
    ),
];
