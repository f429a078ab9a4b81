//! Searches for tools: which of them the model has seen so far. Elsewhere it is shown all of them at once, and nobody
//! searches.

use super::request_in::add_tool;
use super::spaces;
use crate::base::fault::Fault;
use crate::traffic::dialect::json::{Item, Quoted};
use crate::traffic::translate::loss::Losses;
use crate::traffic::translate::prompt::{Content, Prompt, Tool};
use crate::traffic::translate::shape::At;
use std::collections::HashSet;

/// What the items of a request say of them.
#[derive(Default)]
pub struct Searches<'b> {
    found: Vec<Tool<'b>>,
    calls: HashSet<Vec<u8>>,
}

impl<'b> Searches<'b> {
    /// Whether an item belongs to a search; then nobody else has to read it.
    ///
    /// # Errors
    /// A tool that was found has not the form of this API.
    pub fn take(&mut self, at: At<'_>, item: Item<'b>, losses: &mut Losses) -> Result<bool, Fault> {
        let call = item.text_at("call_id").map(|id| id.as_written().to_vec());
        match &*item.text_at("type").unwrap_or_default().unescaped() {
            b"tool_search_call" => self.calls.extend(call),
            b"tool_search_output" | b"additional_tools" => self.tools(at, item, losses)?,
            // Some clients give the result of a search like that of any other call.
            b"function_call_output" if call.is_some_and(|id| self.calls.contains(&id)) => {}
            _ => return Ok(false),
        }
        losses.hint("tool_search");
        Ok(true)
    }

    fn tools(&mut self, at: At<'_>, item: Item<'b>, losses: &mut Losses) -> Result<(), Fault> {
        let [tools] = at.fields(Some(item), ["tools"])?;
        let at = at.name("tools");
        let Some(tools) = tools else { return Ok(()) };
        for (index, tool) in at.array(tools)?.enumerate() {
            add_tool(at.index(index), tool, None, &mut self.found, losses)?;
        }
        Ok(())
    }

    /// Shows what was found beside the other tools, each once. A call names one of those that were found by a namespace of
    /// its own, which it has not among the others.
    pub fn end(self, prompt: &mut Prompt<'b>) {
        let name = |tool: &Tool<'_>| tool.name.as_written().to_vec();
        let mut known: HashSet<_> = prompt.tools.iter().map(name).collect();
        prompt.tools.extend(self.found.into_iter().filter(|tool| known.insert(name(tool))));
        for part in prompt.turns.iter_mut().flat_map(|turn| turn.parts.iter_mut()) {
            let Content::Call { name, .. } = &mut part.content else { continue };
            let (Some(_), own) = spaces::apart(name) else { continue };
            if !known.contains(name.as_written()) && known.contains(own.as_written()) {
                *name = Quoted::raw(own.as_written()).into_owned();
            }
        }
    }
}
