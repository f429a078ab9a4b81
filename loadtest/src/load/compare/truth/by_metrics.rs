//! The histogram of a gateway's metrics against its headers, and against what was seen.

use std::fmt;

use serde::Serialize;

use super::told::Histogram;

/// What the headers say of the same exchanges.
#[derive(Clone, Copy, Debug)]
pub struct Headers {
    pub count: u64,
    pub mean_us: f64,
    pub p50_us: f64,
    pub p99_us: f64,
}

/// How far apart they may be, by quantile.
#[derive(Clone, Copy, Debug)]
pub struct Apart {
    pub p50_us: f64,
    pub p99_us: f64,
}

/// The histogram of the gateway's metrics against its headers and against what was seen.
#[derive(Clone, Debug, Serialize)]
pub struct ByMetrics {
    #[serde(flatten)]
    pub histogram: Histogram,
    pub header_count: u64,
    pub header_mean_us: f64,
    pub header_p50_us: f64,
    pub header_p99_us: f64,
    /// Its own time as it is seen from outside, at the p50: what it says and what it does not.
    pub seen_own_p50_us: f64,
    /// It counted as many exchanges as answered, their mean is that of the headers, and the quantiles of the headers, and the p50
    /// from outside, are where the histogram says, but for what they may be apart.
    pub is_within: bool,
}

impl ByMetrics {
    pub fn new(histogram: Histogram, headers: Headers, seen_own_p50_us: f64, apart: Apart) -> Self {
        let Headers { count, mean_us, p50_us, p99_us } = headers;
        let is_within = histogram.count == count
            && (histogram.mean_us - mean_us).abs() <= apart.p50_us
            && histogram.p50_us.has(p50_us, apart.p50_us)
            && histogram.p99_us.has(p99_us, apart.p99_us)
            && histogram.p50_us.has(seen_own_p50_us, apart.p50_us);
        Self {
            histogram,
            header_count: count,
            header_mean_us: mean_us,
            header_p50_us: p50_us,
            header_p99_us: p99_us,
            seen_own_p50_us,
            is_within,
        }
    }
}

impl fmt::Display for ByMetrics {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Histogram { metric, count, mean_us, p50_us, p99_us } = &self.histogram;
        let verdict = if self.is_within { "agrees" } else { "DOES NOT AGREE" };
        write!(
            out,
            "{metric} of its metrics {verdict}: {count} exchanges (headers {}), mean {mean_us:.1} us (headers {:.1}), p50 {p50_us} us \
             (headers {:.1}, from outside {:.1}), p99 {p99_us} us (headers {:.1})",
            self.header_count,
            self.header_mean_us,
            self.header_p50_us,
            self.seen_own_p50_us,
            self.header_p99_us
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::compare::truth::told::Range;

    /// A histogram that counts something else is found out by its count, its mean, or a bucket.
    #[test]
    fn metrics_are_judged() {
        let histogram = |mean_us, from, to, p99| Histogram {
            metric: "x".to_owned(),
            count: 9,
            mean_us,
            p50_us: Range { from, to: Some(to) },
            p99_us: Range { from: p99, to: None },
        };
        let told = |histogram, count, seen| {
            let headers = Headers { count, mean_us: 12.0, p50_us: 11.0, p99_us: 40.0 };
            ByMetrics::new(histogram, headers, seen, Apart { p50_us: 5.0, p99_us: 20.0 })
        };
        let is_within = |histogram| told(histogram, 9, 13.0).is_within;
        assert!(is_within(histogram(14.0, 10.0, 20.0, 50.0)) && is_within(histogram(14.0, 5.0, 10.0, 50.0)));
        assert!(!is_within(histogram(30.0, 10.0, 20.0, 50.0)), "the mean");
        assert!(!is_within(histogram(12.0, 20.0, 50.0, 50.0)), "the p50");
        assert!(!is_within(histogram(12.0, 10.0, 20.0, 100.0)), "the p99");
        assert!(!told(histogram(12.0, 10.0, 20.0, 50.0), 8, 13.0).is_within, "the count");
        let silent = told(histogram(12.0, 10.0, 20.0, 50.0), 9, 26.0);
        assert!(!silent.is_within && silent.to_string().contains("DOES NOT AGREE"), "what was seen");
    }
}
