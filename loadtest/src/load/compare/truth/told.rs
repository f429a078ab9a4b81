//! What a gateway tells of its own time to whoever reads its metrics: a histogram, before and after.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use anyhow::{Context, ensure};
use serde::Serialize;

/// How long a gateway may take to tell, and how long until it has counted what it answered: many gather it for a second.
const WAIT: Duration = Duration::from_secs(5);
pub const SETTLE: Duration = Duration::from_millis(1_500);

/// Bytes of metrics that are read.
const TEXT_BYTES_MAX: u64 = 16 << 20;

/// A histogram in the text format of Prometheus, in seconds, as it stands at a moment.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Told {
    /// Bounds, and how many are not above each; the last bound has no end.
    buckets: Vec<(f64, u64)>,
    sum_s: f64,
    count: u64,
}

/// What was told of the exchanges between two moments.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Histogram {
    /// Its name and labels.
    pub metric: String,
    pub count: u64,
    pub mean_us: f64,
    /// Between which bounds they lie.
    pub p50_us: Range,
    pub p99_us: Range,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Range {
    pub from: f64,
    /// Nothing above the highest bound.
    pub to: Option<f64>,
}

impl Told {
    /// Reads it from the metrics of a gateway.
    ///
    /// # Errors
    /// When it does not answer, or has no such histogram.
    pub fn ask(port: u16, metric: &str) -> anyhow::Result<Self> {
        let text = fetch(port).with_context(|| format!("http://127.0.0.1:{port}/metrics"))?;
        let told = Self::read(&text, metric);
        ensure!(
            !told.buckets.is_empty(),
            "there is no histogram {metric} in http://127.0.0.1:{port}/metrics"
        );
        Ok(told)
    }

    fn read(text: &str, metric: &str) -> Self {
        let (name, labels) = metric.split_once('{').unwrap_or((metric, "}"));
        let labels = labels.trim_end_matches('}');
        let mut told = Self::default();
        for line in text.lines() {
            let Some((series, value)) = line.rsplit_once(' ') else { continue };
            let (of, rest) = series.split_once('{').unwrap_or((series, "}"));
            let (Some(kind), true) = (of.strip_prefix(name), rest.contains(labels)) else { continue };
            match kind {
                "_bucket" => told.buckets.extend(bound(rest).zip(value.parse().ok())),
                "_sum" => told.sum_s = value.parse().unwrap_or(0.0),
                "_count" => told.count = value.parse().unwrap_or(0),
                _ => {}
            }
        }
        told
    }

    /// What was told since then; nothing where that is nothing.
    pub fn since(&self, before: &Self, metric: &str) -> Option<Histogram> {
        let count = self.count.checked_sub(before.count).filter(|count| *count > 0)?;
        let at = |share: f64| {
            let rank = (share * count as f64).ceil() as u64;
            let grown = self
                .buckets
                .iter()
                .zip(&before.buckets)
                .map(|((to, now), (_, then))| (*to, now - then.min(now)));
            let mut from = 0.0;
            for (to, not_above) in grown {
                if not_above >= rank {
                    return Range { from, to: to.is_finite().then_some(to * 1e6) };
                }
                from = to * 1e6;
            }
            Range { from, to: None }
        };
        let mean_us = (self.sum_s - before.sum_s) * 1e6 / count as f64;
        Some(Histogram { metric: metric.to_owned(), count, mean_us, p50_us: at(0.5), p99_us: at(0.99) })
    }
}

impl Range {
    /// Whether a figure lies between the bounds, or so near to them.
    pub fn has(&self, figure: f64, margin: f64) -> bool {
        figure >= self.from - margin && self.to.is_none_or(|to| figure <= to + margin)
    }
}

impl std::fmt::Display for Range {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.to {
            Some(to) => write!(out, "{:.0} to {to:.0}", self.from),
            None => write!(out, "above {:.0}", self.from),
        }
    }
}

fn bound(labels: &str) -> Option<f64> {
    let (_, rest) = labels.split_once("le=\"")?;
    let (bound, _) = rest.split_once('"')?;
    if bound == "+Inf" { Some(f64::INFINITY) } else { bound.parse().ok() }
}

fn fetch(port: u16) -> anyhow::Result<String> {
    let mut connection = TcpStream::connect(("127.0.0.1", port))?;
    connection.set_read_timeout(Some(WAIT))?;
    connection.write_all(b"GET /metrics HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\n\r\n")?;
    let mut bytes = Vec::new();
    connection.take(TEXT_BYTES_MAX).read_to_end(&mut bytes)?;
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let status = text.lines().next().unwrap_or_default();
    ensure!(status.contains(" 200 "), "it answered {status}");
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    const METRIC: &str = "took_seconds{stage=\"own\"}";

    fn told(counts: [u64; 3], sum: f64) -> Told {
        let [ten, twenty, all] = counts;
        let text = format!(
            "# TYPE took_seconds histogram\ntook_seconds_bucket{{stage=\"own\",le=\"0.00001\"}} {ten}\n\
             took_seconds_bucket{{stage=\"own\",le=\"0.00002\"}} {twenty}\ntook_seconds_bucket{{stage=\"own\",le=\"+Inf\"}} {all}\n\
             took_seconds_sum{{stage=\"own\"}} {sum}\ntook_seconds_count{{stage=\"own\"}} {all}\n\
             took_seconds_bucket{{stage=\"other\",le=\"+Inf\"}} 99\nother_sum 4"
        );
        Told::read(&text, METRIC)
    }

    /// Only what was counted between two moments is told, in the bounds between which it lies.
    #[test]
    fn differences() {
        let (before, after) = (told([1_000, 1_000, 1_000], 0.001), told([1_010, 1_095, 1_100], 0.0025));
        let histogram = after.since(&before, METRIC).expect("a hundred");
        assert_eq!((histogram.count, histogram.mean_us.round()), (100, 15.0));
        assert_eq!(histogram.p50_us, Range { from: 10.0, to: Some(20.0) });
        assert_eq!(histogram.p99_us, Range { from: 20.0, to: None });
        assert_eq!(after.since(&after, METRIC), None);
        assert!(Told::read("nothing 1", METRIC).buckets.is_empty());
    }

    /// A figure beside its bounds by less than may be is between them.
    #[test]
    fn ranges() {
        let range = Range { from: 10.0, to: Some(20.0) };
        assert!(
            range.has(15.0, 0.0) && range.has(24.0, 5.0) && !range.has(26.0, 5.0) && !range.has(4.0, 5.0)
        );
        assert_eq!(
            (range.to_string(), Range { from: 20.0, to: None }.to_string()),
            ("10 to 20".to_owned(), "above 20".to_owned())
        );
    }
}
