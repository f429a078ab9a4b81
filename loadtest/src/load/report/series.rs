//! A run over time: one row for each interval.

use serde::Serialize;

use crate::load::measure::{Interval, Times};

/// Rows of a heat map for each factor of ten, and how many there are from 1 us on.
const HEAT_PER_DECADE: f64 = 10.0;
const HEAT_ROWS: usize = 80;

/// One interval, as it is drawn.
#[derive(Clone, Debug, Serialize)]
pub struct IntervalRow {
    pub at_s: f64,
    pub length_s: f64,
    pub good: u64,
    pub wrong: u64,
    pub left: u64,
    pub events: u64,
    pub bytes: u64,
    pub p50_us: f64,
    pub p99_us: f64,
    pub max_us: f64,
    /// Requests by latency: rows of a logarithmic scale, ten for each factor of ten from 1 us, with their counts.
    pub heat: Vec<(usize, u64)>,
}

impl IntervalRow {
    pub fn of(interval: &Interval) -> Self {
        Self {
            at_s: interval.begin.as_secs_f64(),
            length_s: interval.length.as_secs_f64(),
            good: interval.good,
            wrong: interval.wrong,
            left: interval.left,
            events: interval.events,
            bytes: interval.bytes,
            p50_us: interval.latency.quantile_us(0.5),
            p99_us: interval.latency.quantile_us(0.99),
            max_us: interval.latency.max_us(),
            heat: heat(&interval.latency),
        }
    }
}

fn heat(times: &Times) -> Vec<(usize, u64)> {
    let mut rows: Vec<(usize, u64)> = Vec::new();
    for value in times.histogram().iter_recorded() {
        let row = heat_row(value.value_iterated_to());
        match rows.last_mut() {
            Some((last, count)) if *last == row => *count += value.count_since_last_iteration(),
            _ => rows.push((row, value.count_since_last_iteration())),
        }
    }
    rows
}

fn heat_row(time_ns: u64) -> usize {
    let microseconds = (time_ns as f64 / 1000.0).max(1.0);
    ((microseconds.log10() * HEAT_PER_DECADE) as usize).min(HEAT_ROWS - 1)
}

/// A percentile curve: quantiles, closer together the nearer they come to 1, and the times that they do not exceed.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Curve {
    pub quantiles: Vec<f64>,
    pub us: Vec<f64>,
}

/// Points for each halving of what is left above.
const CURVE_TICKS: u32 = 5;

impl Curve {
    pub fn of(times: &Times) -> Self {
        let mut curve = Self::default();
        for value in times.histogram().iter_quantiles(CURVE_TICKS) {
            curve.quantiles.push(value.quantile_iterated_to());
            curve.us.push(value.value_iterated_to() as f64 / 1000.0);
        }
        curve
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    /// Every request is in one row of the heat map, and rows are ten to a decade.
    #[test]
    fn heat_rows() {
        let mut times = Times::default();
        for microseconds in [0, 1, 10, 11, 1000, 1000, 10_000_000_000] {
            times.record(Duration::from_micros(microseconds));
        }
        let rows = heat(&times);
        assert_eq!(rows, [(0, 2), (10, 2), (30, 2), (79, 1)]);
    }

    /// A curve ends with the largest time, at 1.
    #[test]
    fn curves_reach_the_end() {
        let mut times = Times::default();
        (1..=1000).for_each(|milliseconds| times.record(Duration::from_millis(milliseconds)));
        let curve = Curve::of(&times);
        assert_eq!(curve.quantiles.last(), Some(&1.0));
        assert!((curve.us.last().expect("points") - 1_000_000.0).abs() < 1000.0);
        assert!(curve.us.is_sorted() && curve.quantiles.is_sorted());
        assert!(Curve::of(&Times::default()).us.iter().all(|us| *us == 0.0));
    }
}
