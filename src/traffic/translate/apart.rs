//! Messages of formats in which the results of tools stand apart: each a message of its own, before what the user says
//! beside them.

use super::loss::Losses;
use super::names::alias;
use super::prompt::{Content, Part, Role, Turn, calls_before_last};
use crate::base::fault::Fault;
use crate::traffic::dialect::json::{Quoted, Writer};

/// A body that is being written in such a format.
pub trait Messages<'w> {
    /// Longest id of a call.
    const ID_BYTES: usize;

    fn hands(&mut self) -> (&mut Writer<'w>, &mut Losses);

    /// A message of what the system or the user says.
    fn said(&mut self, role: &str, parts: &[&Part<'_>]) -> Result<(), Fault>;

    /// A message of the model's.
    fn assistant(&mut self, parts: &[&Part<'_>]) -> Result<(), Fault>;

    /// All that one side says in a row.
    fn turns(&mut self, run: &[Turn<'_>]) -> Result<(), Fault> {
        if run.iter().flat_map(|turn| &turn.parts).any(|part| part.cached.is_some()) {
            self.hands().1.hint("cache_control");
        }
        match run {
            [Turn { role: Role::User, .. }, ..] => {
                for part in run.iter().flat_map(|turn| &turn.parts) {
                    if let Content::Result { call, parts, failed } = &part.content {
                        self.result(call, parts, *failed);
                    }
                }
                run.iter().try_for_each(|turn| self.user(&turn.parts))
            }
            [Turn { role: Role::System, .. }, ..] => {
                let mut said = run.iter().filter(|turn| !turn.parts.is_empty());
                said.try_for_each(|turn| self.said("system", &turn.listed()))
            }
            // Between calls and their results there is no other message.
            all if calls_before_last(all) => {
                self.assistant(&all.iter().flat_map(|turn| &turn.parts).collect::<Vec<_>>())
            }
            all => all.iter().try_for_each(|turn| self.assistant(&turn.listed())),
        }
    }

    /// What the user says. Images of results follow them as the user's, because a result has text only.
    fn user(&mut self, parts: &[Part<'_>]) -> Result<(), Fault> {
        let mut said: Vec<&Part<'_>> = vec![];
        for part in parts {
            if let Content::Result { parts, .. } = &part.content {
                said.extend(parts.iter().filter(|part| part.content.words().is_none()));
            }
        }
        said.extend(parts.iter().filter(|part| !matches!(part.content, Content::Result { .. })));
        if said.is_empty() && !parts.is_empty() { Ok(()) } else { self.said("user", &said) }
    }

    fn result(&mut self, call: &Quoted<'_>, parts: &[Part<'_>], failed: bool) {
        let (out, losses) = self.hands();
        out.open("{\"role\":\"tool\"").key("tool_call_id").quoted(&alias(call, Self::ID_BYTES));
        out.key("content").open("\"");
        if failed {
            out.close("Error: ");
        }
        let mut first = true;
        for part in parts {
            let Some(text) = part.content.words() else { continue };
            if matches!(part.content, Content::Document { name: Some(_), .. }) {
                losses.hint("title");
            }
            if !std::mem::take(&mut first) {
                out.close("\\n");
            }
            out.0.extend_from_slice(text.as_written());
        }
        out.close("\"}");
    }
}
