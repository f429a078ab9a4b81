//! The gateway's threads in this process: one shard and the log core.

use arc_swap::ArcSwap;
use ringgate::boot::planes::{self, Plan, Planes};
use ringgate::contract::link::Order;
use ringgate::contract::names::Names;
use ringgate::control::config::{self, Origins, Source};
use ringgate::logcore::AccessLog;
use ringgate::net::listen;
use ringgate::net::runtime::{self, Wanted};
use ringgate::traffic::exchange::shard::OnOverflow;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

/// What a client must show.
pub const KEY: &str = "the-key-of-a-client-7a1c";

pub struct Gateway {
    pub address: SocketAddr,
    io: Wanted,
    access_log: PathBuf,
    planes: Planes,
}

impl Gateway {
    /// Serves the models of `upstream`: one as `exact`, all behind `star/`, and all in Anthropic's and Google's formats
    /// behind `claude/` and `google/`.
    pub fn start(io: Wanted, upstream: SocketAddr) -> Self {
        let text = format!(
            "listen: [\"127.0.0.1:0\"]
providers:
  up: {{format: openai, base_url: \"http://{upstream}/v1\", api_key: the-key-of-the-gateway-19e2}}
  claude: {{format: anthropic, base_url: \"http://{upstream}\", api_key: the-key-of-the-gateway-19e2}}
  google: {{format: gemini, base_url: \"http://{upstream}\", api_key: the-key-of-the-gateway-19e2}}
models:
  \"claude/*\": {{targets: [{{provider: claude, model: \"*\"}}]}}
  \"google/*\": {{targets: [{{provider: google, model: \"*\"}}]}}
  exact: {{targets: [{{provider: up, model: mock}}]}}
  \"star/*\": {{targets: [{{provider: up, model: \"*\"}}]}}
groups: {{everyone: {{models: [\"*\"]}}}}
keys: [{{id: tester, group: everyone, secret: {KEY}}}]
"
        );
        let names = Arc::new(Names::default());
        let source = Source { path: None, text };
        let compiled = config::compile(&source, &names, &mut Origins::new(None), 1)
            .unwrap_or_else(|complaints| unreachable!("{complaints:?}"));
        let sockets = listen::bind(compiled.settings.listen[0], 1).expect("a free port");
        let address = sockets[0].local_addr().expect("bound");
        let access_log =
            std::env::temp_dir().join(format!("ringgate-allocations-{}-{io:?}.log", std::process::id()));
        let planes = planes::start(Plan {
            shards: 1,
            io,
            on_overflow: OnOverflow::Block,
            access_log: AccessLog::File(access_log.clone()),
            snapshots: Arc::new(ArcSwap::from_pointee(compiled.snapshot)),
            names,
            sockets: vec![sockets.into_iter().map(|socket| (0, socket)).collect()],
        })
        .expect("the threads start");
        Self { address, io, access_log, planes }
    }

    /// What the shard runs on.
    pub fn driver(&self) -> &'static str {
        runtime::probe(self.io).expect("it runs").name()
    }

    /// Ends the threads; gives the number of lines in the access log.
    pub fn end(self) -> usize {
        self.planes.order(Order::Drain);
        let failed = self.planes.failed();
        self.planes.join();
        assert!(!failed, "the shard failed");
        let log = std::fs::read_to_string(&self.access_log).expect("the access log was written");
        std::fs::remove_file(&self.access_log).expect("it is ours");
        log.lines().count()
    }
}
