//! Finds the script for a request: built the first time, played again from then on.

use std::cell::Cell;
use std::collections::HashMap;
use std::rc::Rc;

use super::answer::content;
use super::asked::Asked;
use super::compile::{compile, refuse};
use super::demands::complaint;
use super::echo::{Received, echo};
use super::endpoint::{Dialect, Endpoint};
use super::fault::Fault;
use super::request::Head;
use super::script::{End, Script};
use super::settings::Settings;
use crate::chance::Chance;

/// Kinds of requests whose scripts are kept, and the largest script that is.
const SCRIPTS_MAX: usize = 1024;

/// Which of a request's draws says whether it has a fault; its waits are drawn apart from that.
const FAULT_DRAW: u64 = 1;

/// What stands in the results of tools, in one format or the other.
const RESULTS: [&str; 6] = [
    "\"tool_call_id\"",
    "\"tool_use_id\"",
    "\"functionResponse\"",
    "\"toolResult\"",
    "\"function_call_output\"",
    "\"tool_name\"",
];

/// The scripts of one thread.
pub struct Answers {
    defaults: Settings,
    has_recording: bool,
    scripts: HashMap<Vec<u8>, Kept>,
    /// The key of the present request; kept for its memory.
    key: Vec<u8>,
}

struct Kept {
    settings: Settings,
    script: Rc<Script>,
    /// Scripts of faults that come by chance, with the share of answers that has one of them or one before it.
    rare: Vec<(f64, Fault, Rc<Script>)>,
    /// How many answers were given, and what is given outside the time of the fault, where that is limited.
    given: Cell<u32>,
    sound: Option<Rc<Script>>,
}

impl Answers {
    pub fn new(defaults: Settings, has_recording: bool) -> Self {
        Self { defaults, has_recording, scripts: HashMap::new(), key: Vec::new() }
    }

    /// The answer to a whole request.
    pub fn answer(&mut self, head: &Head, received: Received<'_>, id: u64) -> Rc<Script> {
        let dialect = head.endpoint.dialect();
        if head.endpoint == Endpoint::Unknown {
            return Rc::new(refuse(
                Script::default(),
                dialect,
                404,
                "The mock provider has no such endpoint.",
            ));
        }
        if !head.method_fits {
            return Rc::new(refuse(Script::default(), dialect, 405, "This endpoint takes another method."));
        }
        let asked = match asked(head, received) {
            Ok(asked) => asked,
            Err(message) => return Rc::new(refuse(Script::default(), dialect, 400, &message)),
        };
        if let Some(message) = complaint(head.endpoint, &asked.model, received.body) {
            return Rc::new(refuse(Script::default(), dialect, 400, message));
        }
        self.scripted(head.endpoint, &asked, received, id)
    }

    fn scripted(
        &mut self,
        endpoint: Endpoint,
        asked: &Asked<'_>,
        received: Received<'_>,
        id: u64,
    ) -> Rc<Script> {
        self.write_key(endpoint, asked);
        if !self.scripts.contains_key(&self.key) {
            if self.scripts.len() >= SCRIPTS_MAX {
                self.scripts.clear();
            }
            match Kept::new(self.defaults, endpoint, asked, self.has_recording) {
                Ok(kept) => drop(self.scripts.insert(self.key.clone(), kept)),
                Err(message) => return Rc::new(refuse(Script::default(), endpoint.dialect(), 400, &message)),
            }
        }
        let kept = &self.scripts[&self.key];
        kept.next(endpoint.dialect(), received, id)
    }

    /// Everything of a request that changes its answer.
    fn write_key(&mut self, endpoint: Endpoint, asked: &Asked<'_>) {
        let flags = [
            asked.streams(),
            asked.wants_usage(),
            asked.wants_base64(),
            asked.wants_plain_text(),
            asked.has_results,
            asked.wants_sealed,
        ];
        let (documents, ranked) = asked.ranked();
        let numbers = [
            asked.tokens_max().map_or(u64::MAX, u64::from),
            asked.dimensions().map_or(u64::MAX, u64::from),
            u64::from(asked.prompt_tokens()) << 32 | u64::from(asked.inputs()),
            u64::from(documents) << 32 | u64::from(ranked),
        ];
        self.key.clear();
        self.key.push(endpoint as u8);
        self.key.extend(flags.map(u8::from));
        self.key.extend(numbers.iter().flat_map(|number| number.to_le_bytes()));
        self.key.extend_from_slice(asked.model.as_bytes());
    }

    /// The answer to a request whose body is too long to be read, if that is what is wanted: `so_far` is what
    /// came of it.
    pub fn early(&self, head: &Head, so_far: &[u8]) -> Option<Rc<Script>> {
        let asked_for = ["fault=early", "?early", "&early"];
        let is_wanted = self.defaults.fault == Some(Fault::Early)
            || asked_for.iter().any(|text| memchr::memmem::find(so_far, text.as_bytes()).is_some());
        is_wanted.then(|| Rc::new(too_large(head.endpoint.dialect())))
    }
}

impl Kept {
    fn new(
        defaults: Settings,
        endpoint: Endpoint,
        asked: &Asked<'_>,
        has_recording: bool,
    ) -> Result<Self, String> {
        let (name, settings) = defaults.of_model(&asked.model)?;
        if settings.needs_recording() && !has_recording {
            return Err("this mock has no recording of times".to_owned());
        }
        let script = |fault: Option<Fault>| {
            let settings = Settings { fault, ..settings };
            Rc::new(match fault {
                Some(Fault::Early) => too_large(endpoint.dialect()),
                _ => compile(content(endpoint, name, &settings, asked), &settings, endpoint.dialect()),
            })
        };
        let rare = settings.faults.thresholds().map(|(fault, share)| (share, fault, script(Some(fault))));
        let is_limited = settings.times < u32::MAX || settings.skip > 0;
        let sound = is_limited.then(|| script(None));
        Ok(Self {
            settings,
            script: script(settings.fault),
            rare: rare.collect(),
            given: Cell::new(0),
            sound,
        })
    }

    fn next(&self, dialect: Dialect, received: Received<'_>, id: u64) -> Rc<Script> {
        if !self.rare.is_empty() {
            let share = Chance::of(id, FAULT_DRAW).share();
            if let Some((_, fault, script)) = self.rare.iter().find(|(up_to, ..)| share <= *up_to) {
                return echo(*fault, dialect, received).map_or_else(|| Rc::clone(script), Rc::new);
            }
        }
        if let Some(sound) = &self.sound {
            let given = self.given.get();
            self.given.set(given.saturating_add(1));
            let (begin, end) = (self.settings.skip, self.settings.skip.saturating_add(self.settings.times));
            if !(begin..end).contains(&given) {
                return Rc::clone(sound);
            }
        }
        let echoed = self.settings.fault.and_then(|fault| echo(fault, dialect, received));
        echoed.map_or_else(|| Rc::clone(&self.script), Rc::new)
    }
}

fn too_large(dialect: Dialect) -> Script {
    refuse(Script::default(), dialect, 413, "The mock provider was asked to refuse this body.")
        .finish(End::Close)
}

fn asked<'a>(head: &Head, received: Received<'a>) -> Result<Asked<'a>, String> {
    match head.endpoint {
        Endpoint::Models => Ok(Asked::default()),
        Endpoint::Model => Ok(Asked::of_model(model_of_path(received.head))),
        _ if head.multipart => Ok(Asked::of_multipart(received.body)),
        _ => {
            let mut asked = Asked::of_json(received.body)?;
            if let Some(streams) = head.endpoint.streams() {
                let path = model_of_path(received.head);
                let name = path.rsplit_once([':', '/']).map_or(&*path, |(name, _)| name);
                asked = asked.at(decoded(name).into(), streams);
            } else if matches!(head.endpoint, Endpoint::OllamaChat | Endpoint::OllamaGenerate) {
                asked = asked.streaming();
            }
            let has = |name: &str| memchr::memmem::find(received.body, name.as_bytes()).is_some();
            asked.has_results = asked.model.contains("tools=") && RESULTS.into_iter().any(has);
            asked.wants_sealed = asked.model.contains("thinks=1") && has("\"reasoning.encrypted_content\"");
            Ok(asked)
        }
    }
}

/// What a part of a path stands for.
fn decoded(text: &str) -> String {
    let mut parts = text.split('%');
    let mut bytes = parts.next().unwrap_or_default().as_bytes().to_vec();
    for part in parts {
        let digits = part.get(..2).unwrap_or_default();
        bytes.push(u8::from_str_radix(digits, 16).unwrap_or(b'?'));
        bytes.extend_from_slice(&part.as_bytes()[digits.len()..]);
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// The model in the path of a request for one; it asks for no settings, as a `?` ends the path.
fn model_of_path(head: &[u8]) -> std::borrow::Cow<'_, str> {
    let target = head.split(|byte| *byte == b' ').nth(1).unwrap_or_default();
    let behind = |prefix: &[u8]| memchr::memmem::find(target, prefix).map(|at| at + prefix.len());
    let at = behind(b"/models/").or_else(|| behind(b"/model/")).unwrap_or_default();
    let name = target[at..].split(|byte| *byte == b'?').next().unwrap_or_default();
    String::from_utf8_lossy(name)
}
