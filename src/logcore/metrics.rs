//! Counters and histograms of all shards, as Prometheus text.
//!
//! Invariant: labels are bounded by the configuration: catalog names, providers, endpoints, statuses, faults;
//! nothing that a client chose.

use super::names::NameCache;
use super::{PassReport, Reloads, Source};
use crate::base::clock;
use crate::base::fault::FaultKind;
use crate::base::ids::NameId;
use crate::base::text::Text;
use crate::contract::endpoint::Endpoint;
use crate::contract::link::State;
use crate::contract::meters::{Gauges, Meters, Micros, Unserved};
use crate::contract::pass::PassState;
use crate::contract::record::Record;
use crate::net::runtime::Driver;
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// What there is to tell about the access log.
pub struct LogState {
    pub lost_lines: u64,
    pub stalled: bool,
}

/// Everything that is counted, since the start.
#[derive(Default)]
pub struct Metrics {
    /// Exchanges that lost something.
    lossy: u64,
    requests: BTreeMap<RequestKey, u64>,
    operations: BTreeMap<OperationKey, Operation>,
    overhead: Micros,
    client_write: Micros,
    first_byte: Micros,
    gap: Micros,
    total: Micros,
    gauges: BTreeMap<u16, Gauges>,
    sums: Gauges,
    pub(super) reloads: Reloads,
    pub(super) passes: Vec<PassReport>,
}

#[derive(PartialEq, Eq, PartialOrd, Ord, Clone, Copy)]
struct RequestKey {
    endpoint: u8,
    model: NameId,
    provider: NameId,
    status: u16,
    fault: u8,
}

#[derive(PartialEq, Eq, PartialOrd, Ord, Clone, Copy)]
struct OperationKey {
    endpoint: u8,
    model: NameId,
    provider: NameId,
    fault: u8,
}

const NO_FAULT: u8 = u8::MAX;

/// One operation's `gen_ai` histograms.
#[derive(Default)]
struct Operation {
    duration: Buckets<14>,
    first_chunk: Buckets<16>,
    input: Buckets<14>,
    output: Buckets<14>,
}

/// Bounds of `gen_ai.client.operation.duration`, seconds. Source: OpenTelemetry `GenAI` semantic conventions.
const DURATION: [f64; 14] =
    [0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92];
/// Bounds of `gen_ai.client.operation.time_to_first_chunk`, seconds.
const FIRST_CHUNK: [f64; 16] =
    [0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0];
/// Bounds of `gen_ai.client.token.usage`, tokens.
const TOKENS: [f64; 14] = [
    1.0,
    4.0,
    16.0,
    64.0,
    256.0,
    1024.0,
    4096.0,
    16384.0,
    65536.0,
    262_144.0,
    1_048_576.0,
    4_194_304.0,
    16_777_216.0,
    67_108_864.0,
];
/// Bounds of `gateway_latency_seconds`, microseconds: from the gateway's own overhead to the longest answers.
const LATENCY_US: [u64; 36] = [
    5,
    10,
    15,
    20,
    25,
    30,
    35,
    40,
    50,
    60,
    80,
    100,
    125,
    150,
    200,
    300,
    500,
    700,
    1_000,
    2_000,
    5_000,
    10_000,
    20_000,
    50_000,
    100_000,
    200_000,
    500_000,
    1_000_000,
    2_000_000,
    5_000_000,
    10_000_000,
    30_000_000,
    60_000_000,
    120_000_000,
    300_000_000,
    600_000_000,
];

/// A classic histogram with fixed bounds.
struct Buckets<const N: usize> {
    counts: [u64; N],
    above: u64,
    sum: f64,
}

impl<const N: usize> Default for Buckets<N> {
    fn default() -> Self {
        Self { counts: [0; N], above: 0, sum: 0.0 }
    }
}

impl<const N: usize> Buckets<N> {
    fn add(&mut self, bounds: &[f64; N], value: f64) {
        self.sum += value;
        match bounds.iter().position(|bound| value <= *bound) {
            Some(place) => self.counts[place] += 1,
            None => self.above += 1,
        }
    }

    fn write(&self, out: &mut String, name: &str, labels: &str, bounds: &[f64; N]) {
        let mut seen = 0;
        for (bound, count) in bounds.iter().zip(self.counts) {
            seen += count;
            line(out, format_args!("{name}_bucket{{{labels},le=\"{bound}\"}} {seen}"));
        }
        seen += self.above;
        line(out, format_args!("{name}_bucket{{{labels},le=\"+Inf\"}} {seen}"));
        line(out, format_args!("{name}_sum{{{labels}}} {}", self.sum));
        line(out, format_args!("{name}_count{{{labels}}} {seen}"));
    }
}

impl Metrics {
    /// Counts one exchange.
    pub fn count(&mut self, record: &Record) {
        let fault = record.fault.map_or(NO_FAULT, |kind| kind as u8);
        let key = RequestKey {
            endpoint: record.endpoint as u8,
            model: record.model,
            provider: record.provider,
            status: record.status,
            fault,
        };
        *self.requests.entry(key).or_default() += 1;
        self.lossy +=
            u64::from(record.remarks.as_ref().is_some_and(|remarks| remarks.dropped != Text::EMPTY));
        if record.attempts == 0 {
            return;
        }
        let key = OperationKey {
            endpoint: record.endpoint as u8,
            model: record.model,
            provider: record.provider,
            fault,
        };
        let operation = self.operations.entry(key).or_default();
        operation.duration.add(&DURATION, record.total_us as f64 / 1e6);
        if record.streamed && record.first_byte_us > 0 {
            operation.first_chunk.add(&FIRST_CHUNK, f64::from(record.first_byte_us) / 1e6);
        }
        if record.usage_known {
            operation.input.add(&TOKENS, record.usage.input as f64);
            operation.output.add(&TOKENS, record.usage.output as f64);
        }
    }

    /// Adds what a shard measured since its last report.
    pub fn merge(&mut self, meters: &Meters) {
        self.overhead.add(&meters.overhead);
        self.client_write.add(&meters.client_write);
        self.first_byte.add(&meters.first_byte);
        self.gap.add(&meters.gap);
        self.total.add(&meters.total);
        let (sums, new) = (&mut self.sums, &meters.gauges);
        sums.accepted += new.accepted;
        sums.upstream_connects += new.upstream_connects;
        sums.upstream_stale_retries += new.upstream_stale_retries;
        sums.keys_rested += new.keys_rested;
        sums.panics += new.panics;
        sums.records_stalled += new.records_stalled;
        sums.records_dropped += new.records_dropped;
        for (sum, new) in sums.connections_refused.iter_mut().zip(new.connections_refused) {
            *sum += new;
        }
        self.gauges.insert(new.shard, *new);
    }

    /// All metrics in Prometheus' text format 0.0.4.
    pub fn text(&self, names: &mut NameCache, sources: &[Source], log: &LogState) -> String {
        let mut out = String::with_capacity(16 * 1024);
        self.write_requests(&mut out, names);
        self.write_latency(&mut out);
        self.write_operations(&mut out, names);
        self.write_shards(&mut out, sources);
        self.write_counters(&mut out, log);
        self.write_passes(&mut out, names);
        out
    }

    fn write_requests(&self, out: &mut String, names: &mut NameCache) {
        head(out, "gateway_requests_total", "counter", "Requests by outcome; status 0: nothing was sent.");
        for (key, count) in &self.requests {
            let endpoint = Endpoint::from_number(key.endpoint).row().path;
            let model = label(names.text(key.model));
            let provider = label(names.text(key.provider));
            let (fault, blame) = FaultKind::from_number(key.fault)
                .map_or(("", ""), |kind| (kind.row().code, kind.row().blame.name()));
            line(
                out,
                format_args!(
                    "gateway_requests_total{{endpoint=\"{endpoint}\",model=\"{model}\",provider=\"{provider}\",status=\"{}\",fault=\"{fault}\",blame=\"{blame}\"}} {count}",
                    key.status
                ),
            );
        }
    }

    fn write_latency(&self, out: &mut String) {
        head(
            out,
            "gateway_latency_seconds",
            "histogram",
            "overhead: the gateway's own time, both ways, as x-ringgate-overhead-us tells it; client_write: from there until the \
             client's socket took the answer's head and what came with it; upstream_first_byte; event_gap: between events of a \
             stream; total.",
        );
        for (stage, micros) in [
            ("overhead", &self.overhead),
            ("client_write", &self.client_write),
            ("upstream_first_byte", &self.first_byte),
            ("event_gap", &self.gap),
            ("total", &self.total),
        ] {
            let histogram = micros.histogram();
            for bound in LATENCY_US {
                let below = histogram.count_between(0, bound);
                let le = bound as f64 / 1e6;
                line(
                    out,
                    format_args!("gateway_latency_seconds_bucket{{stage=\"{stage}\",le=\"{le}\"}} {below}"),
                );
            }
            let count = histogram.len();
            line(
                out,
                format_args!("gateway_latency_seconds_bucket{{stage=\"{stage}\",le=\"+Inf\"}} {count}"),
            );
            let sum = histogram.mean() * count as f64 / 1e6;
            line(out, format_args!("gateway_latency_seconds_sum{{stage=\"{stage}\"}} {sum}"));
            line(out, format_args!("gateway_latency_seconds_count{{stage=\"{stage}\"}} {count}"));
        }
    }

    fn write_operations(&self, out: &mut String, names: &mut NameCache) {
        let mut labelled = Vec::with_capacity(self.operations.len());
        for (key, operation) in &self.operations {
            let mut labels = format!(
                "gen_ai_operation_name=\"{}\",gen_ai_provider_name=\"{}\"",
                Endpoint::from_number(key.endpoint).row().operation,
                label(names.text(key.provider))
            );
            let model = label(names.text(key.model));
            // Writing to a String cannot fail.
            _ = write!(labels, ",gen_ai_request_model=\"{model}\"");
            if let Some(kind) = FaultKind::from_number(key.fault) {
                _ = write!(labels, ",error_type=\"{}\"", kind.row().code);
            }
            labelled.push((labels, operation));
        }
        let name = "gen_ai_client_operation_duration_seconds";
        head(out, name, "histogram", "Duration of an operation, as the client of the gateway sees it.");
        for (labels, operation) in &labelled {
            operation.duration.write(out, name, labels, &DURATION);
        }
        let name = "gen_ai_client_operation_time_to_first_chunk_seconds";
        head(out, name, "histogram", "Request sent to first byte of a streamed answer.");
        for (labels, operation) in &labelled {
            operation.first_chunk.write(out, name, labels, &FIRST_CHUNK);
        }
        let name = "gen_ai_client_token_usage";
        head(out, name, "histogram", "Tokens per operation, as the provider reported them.");
        for (labels, operation) in &labelled {
            operation.input.write(out, name, &format!("{labels},gen_ai_token_type=\"input\""), &TOKENS);
            operation.output.write(out, name, &format!("{labels},gen_ai_token_type=\"output\""), &TOKENS);
        }
    }

    fn write_shards(&self, out: &mut String, sources: &[Source]) {
        head(out, "gateway_io_driver", "gauge", "1 for the I/O driver that a shard runs on.");
        for (shard, source) in sources.iter().enumerate() {
            let driver = source.link.driver().and_then(Driver::from_number).map_or("none", Driver::name);
            line(out, format_args!("gateway_io_driver{{shard=\"{shard}\",driver=\"{driver}\"}} 1"));
        }
        head(out, "gateway_shard_up", "gauge", "1 while a shard serves or drains.");
        for (shard, source) in sources.iter().enumerate() {
            let up = matches!(source.link.state(), State::Listening | State::Draining);
            line(out, format_args!("gateway_shard_up{{shard=\"{shard}\"}} {}", u8::from(up)));
        }
        type Get = fn(&Gauges) -> u64;
        let gauges: [(&str, &str, Get); 4] = [
            ("gateway_client_connections", "Open client connections.", |g| g.client_connections),
            ("gateway_exchanges_in_flight", "Requests being served.", |g| g.exchanges),
            ("gateway_upstream_idle_connections", "Upstream connections kept for reuse.", |g| {
                g.upstream_idle
            }),
            ("gateway_buffered_body_bytes", "Request bodies held in memory.", |g| g.buffered_bytes),
        ];
        for (name, help, get) in gauges {
            head(out, name, "gauge", help);
            for (shard, gauges) in &self.gauges {
                line(out, format_args!("{name}{{shard=\"{shard}\"}} {}", get(gauges)));
            }
        }
    }

    fn write_passes(&self, out: &mut String, names: &mut NameCache) {
        if self.passes.is_empty() {
            return;
        }
        type Get = fn(&PassState) -> Option<u64>;
        let all: [(&str, &str, &str, Get); 5] = [
            (
                "gateway_credential_held",
                "gauge",
                "1 while there is a valid credential for a provider.",
                |state| Some(u64::from(state.held)),
            ),
            ("gateway_credential_age_seconds", "gauge", "Since the last credential came.", |state| {
                (state.fetched_unix > 0).then(|| clock::unix_seconds().saturating_sub(state.fetched_unix))
            }),
            ("gateway_credential_expires_seconds", "gauge", "Until the credential is over.", |state| {
                state.expires_unix.map(|end| end.saturating_sub(clock::unix_seconds()))
            }),
            ("gateway_credential_fetches_total", "counter", "Credentials that came.", |state| {
                Some(state.fetched)
            }),
            ("gateway_credential_failures_total", "counter", "Failures to get one.", |state| {
                Some(state.failed)
            }),
        ];
        for (name, kind, help, get) in all {
            head(out, name, kind, help);
            for PassReport { provider, source, state } in &self.passes {
                let Some(value) = get(state) else { continue };
                let provider = label(names.text(*provider));
                line(out, format_args!("{name}{{provider=\"{provider}\",source=\"{source}\"}} {value}"));
            }
        }
    }

    fn write_counters(&self, out: &mut String, log: &LogState) {
        let sums = &self.sums;
        for (name, help, value) in [
            ("gateway_connections_accepted_total", "Client connections accepted.", sums.accepted),
            ("gateway_upstream_connects_total", "Connections opened to providers.", sums.upstream_connects),
            (
                "gateway_upstream_stale_retries_total",
                "Requests sent again because an idle connection had been closed.",
                sums.upstream_stale_retries,
            ),
            (
                "gateway_upstream_keys_rested_total",
                "Times that a provider refused or limited one of several keys, which then rested.",
                sums.keys_rested,
            ),
            ("gateway_panics_total", "Exchanges that ended in a panic.", sums.panics),
            (
                "gateway_exchanges_lossy_total",
                "Exchanges of which something was left out that another format has no place for.",
                self.lossy,
            ),
            (
                "gateway_records_stalled_total",
                "Exchanges that waited for the log core.",
                sums.records_stalled,
            ),
            (
                "gateway_records_dropped_total",
                "Records dropped by the overflow policy.",
                sums.records_dropped,
            ),
            (
                "gateway_access_log_lost_lines_total",
                "Access log lines that could not be written.",
                log.lost_lines,
            ),
            (
                "gateway_config_reloads_total",
                "Configurations published after the first.",
                self.reloads.accepted,
            ),
            ("gateway_config_refused_total", "Configurations refused on reload.", self.reloads.refused),
        ] {
            head(out, name, "counter", help);
            line(out, format_args!("{name} {value}"));
        }
        let name = "gateway_connections_refused_total";
        let help = "Client connections ended before a request: over one of the limits, or no TLS handshake.";
        head(out, name, "counter", help);
        for (reason, count) in Unserved::ALL.iter().zip(sums.connections_refused) {
            line(out, format_args!("{name}{{reason=\"{}\"}} {count}", reason.name()));
        }
        head(out, "gateway_access_log_stalled", "gauge", "1 while nothing takes the access log's lines.");
        line(out, format_args!("gateway_access_log_stalled {}", u8::from(log.stalled)));
        head(out, "gateway_config_version", "gauge", "Version of the configuration that serves.");
        line(out, format_args!("gateway_config_version {}", self.reloads.version));
        let help =
            "Configurations in memory: the one that serves, and older ones that requests still run with.";
        head(out, "gateway_snapshots_live", "gauge", help);
        line(out, format_args!("gateway_snapshots_live {}", self.reloads.snapshots));
        head(out, "gateway_build_info", "gauge", "1, with the version of this build.");
        line(out, format_args!("gateway_build_info{{version=\"{}\"}} 1", env!("CARGO_PKG_VERSION")));
    }
}

fn head(out: &mut String, name: &str, kind: &str, help: &str) {
    line(out, format_args!("# HELP {name} {help}\n# TYPE {name} {kind}"));
}

fn line(out: &mut String, text: std::fmt::Arguments<'_>) {
    // Writing to a String cannot fail.
    _ = writeln!(out, "{text}");
}

/// A label value, escaped as the format wants it.
fn label(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\\' => out.push_str("\\\\"),
            '"' => out.push_str("\\\""),
            '\n' => out.push_str("\\n"),
            c if c.is_control() => {}
            c => out.push(c),
        }
    }
    out
}
