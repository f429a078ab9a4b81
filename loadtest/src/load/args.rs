//! Command lines of the load generator.

use std::time::Duration;

use clap::Args;

use super::request::Ask;
use super::target::Target;

/// What every command sends.
#[derive(Args, Clone, Debug)]
pub struct AskArgs {
    /// Key to send, as a bearer token (or x-api-key to /messages).
    #[arg(long)]
    pub key: Option<String>,
    /// Model to ask for; the mock provider takes settings behind it.
    #[arg(long, help = "Model to ask for; what follows a ? in it tells a mock provider how to answer")]
    pub model: Option<String>,
    /// Bytes of the request body, at least; the prompt is padded.
    #[arg(long, default_value_t = 1024, value_name = "BYTES")]
    pub body_bytes: usize,
    /// How long an answer may take.
    #[arg(long, default_value = "30s", value_parser = duration, value_name = "TIME")]
    pub timeout: Duration,
    /// Core to run on.
    #[arg(long, value_name = "CORE")]
    pub cpu: Option<usize>,
    /// Use epoll, even where a ring would work.
    #[arg(long)]
    pub epoll: bool,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}

impl AskArgs {
    pub fn ask(&self, stream: bool, model: &str) -> Ask {
        let model = self.model.clone().unwrap_or_else(|| model.to_owned());
        Ask { key: self.key.clone(), model, body_bytes: self.body_bytes, stream }
    }
}

/// Put load on one target, check every answer, and print times and costs.
#[derive(Args, Clone, Debug)]
pub struct RunArgs {
    /// Endpoint to send requests to.
    #[arg(long, help = "URL of the endpoint, as in http://127.0.0.1:8080/v1/chat/completions")]
    pub url: Target,
    #[command(flatten)]
    pub ask: AskArgs,
    /// Connections that are kept open.
    #[arg(long, default_value_t = 64, value_parser = positive)]
    pub connections: usize,
    /// How long to measure.
    #[arg(long, default_value = "10s", value_parser = duration, value_name = "TIME")]
    pub duration: Duration,
    /// How long to put load on the target before measuring.
    #[arg(long, default_value = "500ms", value_parser = duration, value_name = "TIME")]
    pub warmup: Duration,
    /// Requests per second, whatever becomes of them (open loop; times are from when each was due). Without it, each
    /// connection sends its next request when it has the answer to the one before (closed loop).
    #[arg(long, value_parser = rate, value_name = "PER_SECOND")]
    pub rate: Option<f64>,
    /// Ask for streams.
    #[arg(long)]
    pub stream: bool,
    /// Events that each stream must have; without it, as many as the first.
    #[arg(long, value_name = "COUNT", requires = "stream")]
    pub events: Option<u64>,
    /// Process whose CPU time to measure, with all its threads and descendants.
    #[arg(long)]
    pub pid: Option<u32>,
}

/// Open connections that stay (one request each), and print what each costs the target in memory.
#[derive(Args, Clone, Debug)]
pub struct HoldArgs {
    /// Endpoint to send requests to.
    #[arg(long, help = "URL of the endpoint, as in http://127.0.0.1:8080/v1/chat/completions")]
    pub url: Target,
    #[command(flatten)]
    pub ask: AskArgs,
    /// Connections to open.
    #[arg(long, default_value_t = 1000, value_parser = positive)]
    pub connections: usize,
    /// Process whose memory to measure, with its descendants.
    #[arg(long)]
    pub pid: u32,
    /// How long to wait before each measurement.
    #[arg(long, default_value = "500ms", value_parser = duration, value_name = "TIME")]
    pub settle: Duration,
    /// How long to keep everything open after the measurement.
    #[arg(long, default_value = "0s", value_parser = duration, value_name = "TIME")]
    pub hold: Duration,
}

/// Put short slices of load on several running targets in turn, so that what the machine does hits all alike, and
/// compare them.
#[derive(Args, Clone, Debug)]
pub struct CompareArgs {
    /// A target; repeat it for each. The process to measure, key and model are its own, as in
    /// ringgate=URL,pid=4711,key=k.
    #[arg(long = "target", required = true, value_name = "NAME=URL[,pid=PID][,key=KEY][,model=MODEL]")]
    pub targets: Vec<NamedTarget>,
    /// Name of the target that the others are compared with; the first one if it is not given.
    #[arg(long, value_name = "NAME")]
    pub base: Option<String>,
    /// What the targets send their requests to: the latency that each adds to it is printed.
    #[arg(long, value_name = "URL[,key=KEY][,model=MODEL]", requires = "rate", value_parser = direct)]
    pub direct: Option<NamedTarget>,
    #[command(flatten)]
    pub ask: AskArgs,
    /// Times that each target is measured.
    #[arg(long, default_value_t = 10, value_parser = positive)]
    pub rounds: usize,
    /// How long each measurement takes.
    #[arg(long, default_value = "500ms", value_parser = duration, value_name = "TIME")]
    pub slice: Duration,
    /// Connections to each target that are kept open.
    #[arg(long, default_value_t = 64, value_parser = positive)]
    pub connections: usize,
    /// Requests per second in each slice (open loop); without it, as many as the target answers (closed loop).
    #[arg(long, value_parser = rate, value_name = "PER_SECOND")]
    pub rate: Option<f64>,
    /// Ask for streams.
    #[arg(long)]
    pub stream: bool,
    /// Events that each stream must have; without it, as many as the first of its target.
    #[arg(long, value_name = "COUNT", requires = "stream")]
    pub events: Option<u64>,
}

/// One of several targets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedTarget {
    pub name: String,
    pub target: Target,
    pub pid: Option<u32>,
    pub key: Option<String>,
    pub model: Option<String>,
}

impl std::str::FromStr for NamedTarget {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> anyhow::Result<Self> {
        let (name, rest) = text.split_once('=').filter(|(name, _)| !name.contains('/')).unwrap_or(("", text));
        anyhow::ensure!(
            !name.is_empty(),
            "\"{text}\" must begin with a name, as in a=http://127.0.0.1:8080/v1/responses"
        );
        named(name, rest)
    }
}

fn direct(text: &str) -> anyhow::Result<NamedTarget> {
    named("direct", text)
}

fn named(name: &str, text: &str) -> anyhow::Result<NamedTarget> {
    let mut parts = text.split(',');
    let target = parts.next().unwrap_or_default().parse()?;
    let mut named = NamedTarget { name: name.to_owned(), target, pid: None, key: None, model: None };
    for part in parts {
        match part.split_once('=').unwrap_or(("pid", part)) {
            ("pid", pid) => {
                let pid = pid.parse().map_err(|_| anyhow::anyhow!("\"{pid}\" is no process id"))?;
                named.pid = Some(pid);
            }
            ("key", key) => named.key = Some(key.to_owned()),
            ("model", model) => named.model = Some(model.to_owned()),
            (other, _) => anyhow::bail!("\"{other}\" is none of pid, key and model"),
        }
    }
    Ok(named)
}

/// Reads a time: `500ms`, `10s`, `2m`, or seconds.
pub fn duration(text: &str) -> Result<Duration, String> {
    let at = text.find(|letter: char| letter.is_ascii_alphabetic()).unwrap_or(text.len());
    let (number, unit) = text.split_at(at);
    let seconds = match unit {
        "ms" => 0.001,
        "s" | "" => 1.0,
        "m" => 60.0,
        _ => return Err(format!("\"{text}\" is no time such as 500ms, 10s or 2m")),
    };
    match number.parse::<f64>() {
        Ok(number) if (0.0..1e6).contains(&number) => Ok(Duration::from_secs_f64(number * seconds)),
        _ => Err(format!("\"{text}\" is no time such as 500ms, 10s or 2m")),
    }
}

fn positive(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(number) if (1..=1_000_000).contains(&number) => Ok(number),
        _ => Err(format!("\"{text}\" is no number from 1 to 1000000")),
    }
}

fn rate(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(rate) if (0.001..=1e7).contains(&rate) => Ok(rate),
        _ => Err(format!("\"{text}\" is no rate from 0.001 to 10000000 per second")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Times are read with their units.
    #[test]
    fn reads_times() {
        for (text, milliseconds) in [("500ms", 500), ("1.5s", 1500), ("2", 2000), ("2m", 120_000)] {
            assert_eq!(duration(text), Ok(Duration::from_millis(milliseconds)));
        }
        for wrong in ["", "s", "-1s", "1h", "1 s", "NaN"] {
            assert!(duration(wrong).is_err(), "{wrong}");
        }
    }

    /// A target has a name and a URL, and may have a process, a key and a model of its own.
    #[test]
    fn reads_targets() {
        let target: NamedTarget =
            "a=http://127.0.0.1:1/v1?x=1,12,key=k,model=m?stall".parse().expect("valid");
        assert_eq!((target.name.as_str(), target.pid, target.key.as_deref()), ("a", Some(12), Some("k")));
        assert_eq!((target.model.as_deref(), target.target.path.as_str()), (Some("m?stall"), "/v1?x=1"));
        for wrong in [
            "http://127.0.0.1:1/v1?x=1",
            "a=nowhere",
            "a=http://127.0.0.1:1/v1,x",
            "a=http://127.0.0.1:1/v1,y=1",
        ] {
            assert!(wrong.parse::<NamedTarget>().is_err(), "{wrong}");
        }
    }
}
