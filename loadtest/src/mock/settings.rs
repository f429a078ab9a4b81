//! How one answer is to be given: the mock's defaults, and what a model name asks for after its `?`.

use std::time::Duration;

use super::fault::Fault;

/// Most content chunks, tokens and bytes that one answer may be asked to have.
const CHUNKS_MAX: u32 = 1_000_000;
const ANSWER_BYTES_MAX: u32 = 64 * 1024 * 1024;
/// Longest delay or gap, in milliseconds.
const WAIT_MS_MAX: f64 = 3_600_000.0;

/// How one answer is to be given.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Settings {
    /// Time before the first byte.
    pub delay: Duration,
    /// Time between the chunks of a stream, kept as a rate: a late chunk does not make the later ones late.
    pub gap: Duration,
    /// Content chunks of a stream. One chunk is one token, also in answers that are no stream.
    pub chunks: u32,
    /// Bytes of answer text; the canned sentence is repeated or cut to fit.
    pub answer_bytes: Option<u32>,
    /// Content chunks sent with one write.
    pub batch: u32,
    /// Token counts to report in place of the counted ones.
    pub prompt_tokens: Option<u32>,
    pub completion_tokens: Option<u32>,
    /// Tokens of the prompt to report as read from a cache.
    pub cached_tokens: u32,
    /// How to misbehave.
    pub fault: Option<Fault>,
    /// How many answers to requests like this one are good before the fault begins, and how many then have it, on
    /// each thread of the mock; later ones are good again.
    pub skip: u32,
    pub times: u32,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            delay: Duration::ZERO,
            gap: Duration::ZERO,
            chunks: 8,
            answer_bytes: None,
            batch: 1,
            prompt_tokens: None,
            completion_tokens: None,
            cached_tokens: 0,
            fault: None,
            skip: 0,
            times: u32::MAX,
        }
    }
}

impl Settings {
    /// Splits a model into its name and the settings it asks for: `mock?chunks=50&fault=stall`.
    ///
    /// # Errors
    /// A message for whoever wrote the model.
    pub fn of_model<'a>(&self, model: &'a str) -> Result<(&'a str, Self), String> {
        let Some((name, query)) = model.split_once('?') else { return Ok((model, *self)) };
        let mut settings = *self;
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            settings.set(key, value)?;
        }
        Ok((name, settings))
    }

    /// Changes one setting.
    ///
    /// # Errors
    /// A message for whoever wrote it.
    pub fn set(&mut self, key: &str, value: &str) -> Result<(), String> {
        match key {
            "delay_ms" => self.delay = milliseconds(key, value)?,
            "gap_ms" => self.gap = milliseconds(key, value)?,
            "chunks" => self.chunks = count(key, value, CHUNKS_MAX)?,
            "answer_bytes" => self.answer_bytes = Some(count(key, value, ANSWER_BYTES_MAX)?),
            "batch" => self.batch = count(key, value, CHUNKS_MAX)?.max(1),
            "prompt_tokens" => self.prompt_tokens = Some(count(key, value, u32::MAX)?),
            "completion_tokens" => self.completion_tokens = Some(count(key, value, u32::MAX)?),
            "cached_tokens" => self.cached_tokens = count(key, value, u32::MAX)?,
            "skip" => self.skip = count(key, value, u32::MAX)?,
            "times" => self.times = count(key, value, u32::MAX)?,
            "fault" => self.fault = Some(value.parse()?),
            fault if Fault::is_name(fault) => self.fault = Some(Fault::read(fault, value)?),
            _ => return Err(format!("unknown setting \"{key}\" of a mock model")),
        }
        Ok(())
    }
}

/// Reads a time in milliseconds, fractions allowed.
pub fn milliseconds(key: &str, value: &str) -> Result<Duration, String> {
    match value.parse::<f64>() {
        Ok(wait) if (0.0..=WAIT_MS_MAX).contains(&wait) => Ok(Duration::from_secs_f64(wait / 1000.0)),
        _ => Err(format!("{key} must be milliseconds from 0 to {WAIT_MS_MAX}, not \"{value}\"")),
    }
}

fn count(key: &str, value: &str, max: u32) -> Result<u32, String> {
    match value.parse::<u32>() {
        Ok(count) if count <= max => Ok(count),
        _ => Err(format!("{key} must be a whole number up to {max}, not \"{value}\"")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A model's query sets what it names and leaves the rest at the defaults.
    #[test]
    fn a_model_asks_for_settings() {
        let defaults = Settings { chunks: 3, ..Settings::default() };
        let (name, settings) =
            defaults.of_model("gpt-x?gap_ms=0.5&delay_ms=10&fault=reset_after:2").expect("valid");
        assert_eq!(name, "gpt-x");
        assert_eq!(settings.gap, Duration::from_micros(500));
        assert_eq!(settings.delay, Duration::from_millis(10));
        assert_eq!((settings.chunks, settings.fault), (3, Some(Fault::ResetAfter(2))));
        assert_eq!(defaults.of_model("m?stall").expect("valid").1.fault, Some(Fault::Stall));
        assert_eq!(defaults.of_model("m?reset_after=4").expect("valid").1.fault, Some(Fault::ResetAfter(4)));
        assert_eq!(defaults.of_model("m?"), Ok(("m", defaults)));
        assert_eq!(defaults.of_model("m"), Ok(("m", defaults)));
    }

    /// A misspelt setting is refused by name, so that no test passes without what it asked for.
    #[test]
    fn refuses_unknown_settings() {
        for model in [
            "m?chunk=3",
            "m?chunks=-1",
            "m?chunks=9999999",
            "m?gap_ms=x",
            "m?gap_ms=-1",
            "m?fault=x",
            "m?gap_ms=NaN",
        ] {
            assert!(Settings::default().of_model(model).is_err(), "{model}");
        }
    }
}
