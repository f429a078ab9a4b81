//! Histograms of each interval in the log format of `HdrHistogram` (version 2, compressed), for its own tools.

use std::io::{self, Write};
use std::time::SystemTime;

use hdrhistogram::serialization::V2DeflateSerializer;
use hdrhistogram::serialization::interval_log::{
    IntervalLogWriter, IntervalLogWriterBuilder, IntervalLogWriterError, Tag,
};

use crate::load::measure::Interval;

/// What the log says of itself. The largest value of an interval stands beside it in milliseconds, as is usual.
const COMMENT: &str = "Values are nanoseconds; Interval_Max is in milliseconds. latency: from when a request was due; service: from when it \
     was sent; first_byte: from when it was due to the first byte; gap: between events.";
const NS_PER_MS: f64 = 1_000_000.0;

/// A log that is being written.
pub type Log<'a, 'b, W> = IntervalLogWriter<'a, 'b, W, V2DeflateSerializer>;

/// Writes the head of a log; times in it count from `begun`.
///
/// # Errors
/// When it cannot be written.
pub fn begin<'a, 'b, W: Write>(
    file: &'a mut W,
    serializer: &'b mut V2DeflateSerializer,
    begun: SystemTime,
) -> io::Result<Log<'a, 'b, W>> {
    IntervalLogWriterBuilder::new()
        .add_comment(COMMENT)
        .with_start_time(begun)
        .with_base_time(begun)
        .with_max_value_divisor(NS_PER_MS)
        .begin_log_with(file, serializer)
}

/// Writes the histograms of an interval that hold something, each with its name.
///
/// # Errors
/// When they cannot be written.
pub fn append<W: Write>(log: &mut Log<'_, '_, W>, interval: &Interval) -> io::Result<()> {
    let times = [
        ("latency", &interval.latency),
        ("service", &interval.service),
        ("first_byte", &interval.first_byte),
        ("gap", &interval.gap),
    ];
    for (name, times) in times.into_iter().filter(|(_, times)| times.count() > 0) {
        log.write_histogram(times.histogram(), interval.begin, interval.length, Tag::new(name)).map_err(
            |failed| match failed {
                IntervalLogWriterError::IoError(failed) => failed,
                IntervalLogWriterError::SerializeError(failed) => io::Error::other(failed),
            },
        )?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use hdrhistogram::Histogram;
    use hdrhistogram::serialization::Deserializer;
    use hdrhistogram::serialization::interval_log::{IntervalLogIterator, LogEntry};

    use super::*;

    /// What is written is read back value for value, with its name, its time and the head that other tools look for.
    #[test]
    fn reads_back() {
        let mut interval =
            Interval { begin: Duration::from_secs(3), length: Duration::from_secs(1), ..Interval::default() };
        (1..=1000).for_each(|microseconds| interval.latency.record(Duration::from_micros(microseconds)));
        let (mut file, mut serializer) = (Vec::new(), V2DeflateSerializer::new());
        let begun = UNIX_EPOCH + Duration::from_hours(500_000);
        let mut log = begin(&mut file, &mut serializer, begun).expect("a head");
        append(&mut log, &interval).expect("an interval");
        let text = String::from_utf8(file.clone()).expect("text");
        assert!(
            text.contains("#[StartTime: 1800000000.000 ") && text.contains("#[BaseTime: 1800000000.000 ")
        );
        assert!(text.contains("Tag=latency,3.000,1.000,1.000,HISTFAAAA"), "{text}");
        let mut entries = IntervalLogIterator::new(&file).map(|entry| entry.expect("valid"));
        let read = entries.find_map(|entry| match entry {
            LogEntry::Interval(read) => Some(read),
            LogEntry::BaseTime(_) | LogEntry::StartTime(_) => None,
        });
        let encoded = base64(read.expect("an interval").encoded_histogram());
        let read: Histogram<u64> = Deserializer::new().deserialize(&mut &encoded[..]).expect("a histogram");
        assert_eq!(&read, interval.latency.histogram());
    }

    fn base64(text: &str) -> Vec<u8> {
        const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        let (mut bytes, mut bits, mut count) = (Vec::new(), 0_u32, 0);
        for letter in text.trim_end_matches('=').bytes() {
            let value = LETTERS.iter().position(|it| *it == letter).expect("base64");
            (bits, count) = (bits << 6 | value as u32, count + 6);
            if count >= 8 {
                count -= 8;
                bytes.push((bits >> count) as u8);
            }
        }
        bytes
    }
}
