//! How one answer is to be given: the mock's defaults, and what a model name asks for after its `?`.

use super::fault::Fault;
use super::faults::Faults;
use super::wait::Wait;

/// Most content chunks, tokens and bytes that one answer may be asked to have.
const CHUNKS_MAX: u32 = 1_000_000;
const ANSWER_BYTES_MAX: u32 = 64 * 1024 * 1024;
/// Most tools that one answer may call.
const TOOLS_MAX: u32 = 100;
/// Reasons for an answer to end that can be asked for.
const STOPS: [&str; 5] = ["content_filter", "refusal", "pause_turn", "stop_sequence", "end_turn"];
/// Most seconds that `retry-after` may say.
const RETRY_AFTER_S_MAX: u32 = 86_400;

/// Something that a request must hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Want {
    /// An image in PNG.
    Image,
    /// A schema for the answer.
    Schema,
}

impl std::str::FromStr for Want {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "image" => Ok(Self::Image),
            "schema" => Ok(Self::Schema),
            _ => Err(format!("a request holds no \"{text}\"; known are image and schema")),
        }
    }
}

/// How one answer is to be given.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Settings {
    /// Time before the first byte.
    pub delay: Wait,
    /// Time between the chunks of a stream, kept as a rate: a late chunk does not make the later ones late.
    pub gap: Wait,
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
    /// Tools to call at a time, for as long as the request has no results of any.
    pub tools: u32,
    /// A thought goes before the answer; most formats want it back with the results of the tools.
    pub thinks: bool,
    /// The answer is an object, as structured output is.
    pub json: bool,
    /// What a request must hold, in the place that its format has for it.
    pub wants: Option<Want>,
    /// Why the answer ends, in the words of the endpoint, where it is neither cut nor calls tools.
    pub stop: Option<&'static str>,
    /// How to misbehave.
    pub fault: Option<Fault>,
    /// How to misbehave by chance; an answer that is spared has `fault`.
    pub faults: Faults,
    /// What `retry-after` says on a refusal.
    pub retry_after_s: u32,
    /// How many answers to requests like this one are good before the fault begins, and how many then have it, on
    /// each thread of the mock; later ones are good again.
    pub skip: u32,
    pub times: u32,
    /// Good answers say in `x-mock-received` and `x-mock-answered` when the request was there and when its answer was
    /// sent: nanoseconds of the machine's monotonic clock, in hexadecimal digits. No model can ask for it.
    pub stamps: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            delay: Wait::NONE,
            gap: Wait::NONE,
            chunks: 8,
            answer_bytes: None,
            batch: 1,
            prompt_tokens: None,
            completion_tokens: None,
            cached_tokens: 0,
            tools: 0,
            thinks: false,
            json: false,
            wants: None,
            stop: None,
            fault: None,
            faults: Faults::default(),
            retry_after_s: 1,
            skip: 0,
            times: u32::MAX,
            stamps: false,
        }
    }
}

impl Settings {
    /// Whether times are needed that were measured once.
    pub fn needs_recording(&self) -> bool {
        self.delay == Wait::Recorded || self.gap == Wait::Recorded
    }

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
            "delay_ms" => self.delay = wait(key, value)?,
            "gap_ms" => self.gap = wait(key, value)?,
            "chunks" => self.chunks = count(key, value, CHUNKS_MAX)?,
            "answer_bytes" => self.answer_bytes = Some(count(key, value, ANSWER_BYTES_MAX)?),
            "batch" => self.batch = count(key, value, CHUNKS_MAX)?.max(1),
            "prompt_tokens" => self.prompt_tokens = Some(count(key, value, u32::MAX)?),
            "completion_tokens" => self.completion_tokens = Some(count(key, value, u32::MAX)?),
            "cached_tokens" => self.cached_tokens = count(key, value, u32::MAX)?,
            "tools" => self.tools = count(key, value, TOOLS_MAX)?,
            "thinks" => self.thinks = count(key, value, 1)? == 1,
            "json" => self.json = count(key, value, 1)? == 1,
            "wants" => self.wants = Some(value.parse()?),
            "stop" => self.stop = Some(stop(value)?),
            "skip" => self.skip = count(key, value, u32::MAX)?,
            "times" => self.times = count(key, value, u32::MAX)?,
            "faults" => self.faults = value.parse()?,
            "retry_after_s" => self.retry_after_s = count(key, value, RETRY_AFTER_S_MAX)?,
            "fault" => self.fault = Some(value.parse()?),
            fault if Fault::is_name(fault) => self.fault = Some(Fault::read(fault, value)?),
            _ => return Err(format!("unknown setting \"{key}\" of a mock model")),
        }
        Ok(())
    }
}

fn wait(key: &str, value: &str) -> Result<Wait, String> {
    value.parse().map_err(|wrong| format!("{key}: {wrong}"))
}

fn stop(value: &str) -> Result<&'static str, String> {
    let known = STOPS.iter().find(|stop| **stop == value);
    known.copied().ok_or_else(|| format!("an answer does not end with \"{value}\""))
}

fn count(key: &str, value: &str, max: u32) -> Result<u32, String> {
    match value.parse::<u32>() {
        Ok(count) if count <= max => Ok(count),
        _ => Err(format!("{key} must be a whole number up to {max}, not \"{value}\"")),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    /// A model's query sets what it names and leaves the rest at the defaults.
    #[test]
    fn a_model_asks_for_settings() {
        let defaults = Settings { chunks: 3, ..Settings::default() };
        let (name, settings) =
            defaults.of_model("gpt-x?gap_ms=0.5&delay_ms=10&fault=reset_after:2").expect("valid");
        assert_eq!(name, "gpt-x");
        assert_eq!(settings.gap, Wait::Fixed(Duration::from_micros(500)));
        assert_eq!(settings.delay, Wait::Fixed(Duration::from_millis(10)));
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
            "m?tools=101",
            "m?thinks=2",
            "m?stop=bored",
            "m?wants=more",
        ] {
            assert!(Settings::default().of_model(model).is_err(), "{model}");
        }
    }
}
