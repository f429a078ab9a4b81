//! Who is compared: peers as small TOML files.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, bail};
use serde::Deserialize;

use crate::load::check::Check;
use crate::load::scenario::shipped::Shipped;
use crate::load::scenario::{Endpoint, Part, explain};

/// The provider without anything before it.
const DIRECT: &str = "direct";

/// The peers that come with the program.
pub const SHIPPED: Shipped = Shipped {
    sort: "peer",
    all: &[
        ("ringgate", include_str!("../../../peers/ringgate.toml")),
        ("nginx", include_str!("../../../peers/nginx.toml")),
        ("haproxy", include_str!("../../../peers/haproxy.toml")),
        ("litellm", include_str!("../../../peers/litellm.toml")),
        ("portkey", include_str!("../../../peers/portkey.toml")),
        ("onwards", include_str!("../../../peers/onwards.toml")),
    ],
};

/// How a peer is started and asked. In the command, its environment and the files, `{port}`, `{tls_port}` and
/// `{http2_port}` (free for something else where they are not needed), `{provider}` (host and port), `{dir}` (a folder of
/// its own), `{certificate}`, `{private_key}` and `{both}` (files) stand for what they are in this run.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Peer {
    #[serde(skip)]
    pub name: String,
    pub about: String,
    pub command: Vec<String>,
    /// How to get it.
    #[serde(default)]
    pub install: String,
    /// What its file was written for and tried with.
    #[serde(default)]
    pub tried_with: String,
    /// A command that says its version.
    #[serde(default)]
    pub version: Vec<String>,
    /// Variables of its environment, beside those of this program.
    #[serde(default)]
    pub environment: BTreeMap<String, String>,
    /// Files that are written into its folder before it starts.
    #[serde(default)]
    pub files: BTreeMap<String, String>,
    /// The path that endpoints stand behind.
    #[serde(default = "default_base")]
    pub base: String,
    pub key: Option<String>,
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// Models that the provider answers whole, with 50 events, and with streams that never end.
    #[serde(default = "default_model")]
    pub model: String,
    #[serde(default = "default_stream_model")]
    pub stream_model: String,
    #[serde(default = "default_open_model")]
    pub open_model: String,
    /// How closely its answers can be looked at, and the events that each of its streams of 50 chunks must have; without
    /// it, as many as the first.
    #[serde(default)]
    pub check: Check,
    pub stream_events: Option<u64>,
    /// It listens with TLS on the other port, and speaks HTTP/2 there.
    #[serde(default)]
    pub tls: bool,
    #[serde(default)]
    pub http2: bool,
    /// It listens for HTTP/2 without TLS, by prior knowledge, on a third port.
    #[serde(default)]
    pub plain_http2: bool,
    /// A histogram of its own times in seconds among the metrics at `{admin_port}`, as in `name{label="value"}`.
    pub own_time_metric: Option<String>,
    /// Seconds that it may take to answer for the first time.
    #[serde(default = "default_start_s")]
    pub start_s: u64,
}

fn default_base() -> String {
    "/v1".to_owned()
}

fn default_model() -> String {
    "mock".to_owned()
}

fn default_stream_model() -> String {
    "mock?chunks=50".to_owned()
}

fn default_open_model() -> String {
    "mock?stall_after=2".to_owned()
}

fn default_start_s() -> u64 {
    30
}

impl Peer {
    /// One that speaks as the mock provider does, and that nobody has said yet how to start.
    pub fn plain() -> Self {
        Self {
            name: String::new(),
            about: String::new(),
            command: Vec::new(),
            install: String::new(),
            tried_with: String::new(),
            version: Vec::new(),
            environment: BTreeMap::new(),
            files: BTreeMap::new(),
            base: default_base(),
            key: None,
            headers: BTreeMap::new(),
            model: default_model(),
            stream_model: default_stream_model(),
            open_model: default_open_model(),
            check: Check::Exact,
            stream_events: None,
            tls: false,
            http2: false,
            plain_http2: false,
            own_time_metric: None,
            start_s: default_start_s(),
        }
    }
}

/// The peers of these names or files; `all` are those that come with the program.
///
/// # Errors
/// When there is no such peer, or its file is wrong.
pub fn find(names: &[String]) -> anyhow::Result<Vec<Peer>> {
    let mut peers: Vec<Peer> = Vec::new();
    for name in names {
        if name == "all" {
            for (name, text) in SHIPPED.all {
                peers.push(read(name, text)?);
            }
        } else {
            peers.push(find_one(name)?);
        }
    }
    for (index, peer) in peers.iter().enumerate() {
        if peers[..index].iter().any(|it| it.name == peer.name) {
            bail!("two peers are named \"{}\"", peer.name);
        }
    }
    Ok(peers)
}

fn find_one(name: &str) -> anyhow::Result<Peer> {
    if let Some(text) = SHIPPED.find(name) {
        return read(name, text);
    }
    let path = Path::new(name);
    if !path.exists() && !name.contains(['/', '.']) {
        bail!("no peer and no file is named \"{name}\"; there are {}", SHIPPED.names());
    }
    let text = fs::read_to_string(path).with_context(|| format!("cannot read the peer {name}"))?;
    read(&path.file_stem().map_or(name.into(), |stem| stem.to_string_lossy()), &text)
}

fn read(name: &str, text: &str) -> anyhow::Result<Peer> {
    let mut peer: Peer =
        toml::from_str(text).map_err(|wrong| explain(&wrong)).with_context(|| format!("peer {name}"))?;
    if peer.command.is_empty() {
        bail!("peer {name}: `command` is empty");
    }
    name.clone_into(&mut peer.name);
    Ok(peer)
}

/// The provider, as if it were a peer.
pub fn direct() -> Peer {
    Peer { name: DIRECT.to_owned(), ..Peer::plain() }
}

/// What a peer is asked: chat, of one of its models.
pub fn part_of(peer: &Peer, model: &str, stream: bool) -> Part {
    let mut part = Part::plain(&peer.name, model);
    part.endpoint = Some(Endpoint::Chat);
    part.stream = stream;
    part.keys = peer.key.iter().cloned().collect();
    part.headers = peer.headers.iter().map(|(name, value)| (name.clone(), value.clone())).collect();
    part
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every peer that comes with the program is valid, and says what it is, how to get it and what was tried.
    #[test]
    fn all_are_valid() {
        let peers = find(&["all".to_owned()]).expect("valid");
        assert_eq!(peers.len(), SHIPPED.all.len());
        for peer in peers {
            assert!(
                ![&peer.about, &peer.install, &peer.tried_with].iter().any(|it| it.is_empty()),
                "{}",
                peer.name
            );
        }
    }

    /// What is no peer is refused with those that are, or with the key that was probably meant.
    #[test]
    fn refuses_what_is_wrong() {
        let refused = |names: &[&str]| {
            let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
            format!("{:#}", find(&names).expect_err("wrong"))
        };
        assert!(refused(&["ngnix"]).contains("haproxy"));
        assert!(refused(&["nginx", "nginx"]).contains("two peers"));
        let wrong = format!("{:#}", read("x", "about = \"x\"\ncommnd = []").expect_err("wrong"));
        assert!(wrong.contains("peer x") && wrong.contains("did you mean `command`?"), "{wrong}");
    }
}
