//! A search in the net that the provider runs itself: a tool in most formats, a wish of its own in one.
//!
//! Source: the references of `web_search` (responses, messages), `web_search_options` and `googleSearch`.

use super::Speech;
use super::loss::Losses;
use super::makers::served_by_openai;
use super::prompt::{Prompt, ToolChoice};
use super::shape::present;
use crate::traffic::dialect::json::{Item, Quoted, Writer};

/// The tool's name where it has to have one.
const NAME: &str = "web_search";

/// What a client says of the search.
pub struct WebSearch<'b> {
    /// What the client's dialect calls it.
    name: Quoted<'b>,
    /// How much of what is found the model sees: `low`, `medium`, `high`.
    size: Option<Item<'b>>,
    /// Where the user is: an object with city, region, country and time zone.
    place: Option<Item<'b>>,
    domains: Option<Item<'b>>,
    blocked: Option<Item<'b>>,
    uses: Option<Item<'b>>,
}

impl<'b> WebSearch<'b> {
    /// Reads a tool, or the object of wishes, of any dialect.
    pub fn read(name: Quoted<'b>, object: Item<'b>, losses: &mut Losses) -> Self {
        const READ: [&str; 9] = [
            "type",
            "name",
            "cache_control",
            "search_context_size",
            "user_location",
            "filters",
            "allowed_domains",
            "blocked_domains",
            "max_uses",
        ];
        losses.unread("web_search.", object, &READ);
        let given = |holder: Option<Item<'b>>, name: &str| present(holder?.get(name));
        let (object, filters) = (Some(object), given(Some(object), "filters"));
        let place = given(object, "user_location");
        let list =
            |name| given(object, name).or_else(|| given(filters, name)).filter(|list| !is_empty(*list));
        Self {
            name,
            size: given(object, "search_context_size"),
            // One dialect has it a level deeper.
            place: given(place, "approximate").or(place),
            domains: list("allowed_domains"),
            blocked: list("blocked_domains"),
            uses: given(object, "max_uses"),
        }
    }

    /// As a tool of responses.
    pub fn write_responses(&self, out: &mut Writer<'_>, losses: &mut Losses) {
        out.open("{\"type\":").word(NAME);
        if let Some(size) = &self.size {
            out.key("search_context_size").item(size);
        }
        if let Some(domains) = &self.domains {
            out.key("filters").open("{\"allowed_domains\":").item(domains).close("}");
        }
        if let Some(place) = self.place {
            write_place(place, out.key("user_location"));
        }
        out.close("}");
        lose(self.blocked, "blocked_domains", losses);
        lose(self.uses, "max_uses", losses);
    }

    /// As a tool of messages.
    pub fn write_anthropic(&self, out: &mut Writer<'_>, losses: &mut Losses) {
        out.open("{\"type\":").word("web_search_20250305").key("name").word(NAME);
        for (name, value) in [("max_uses", self.uses), ("allowed_domains", self.domains)] {
            if let Some(value) = value {
                out.key(name).item(&value);
            }
        }
        // Together they are refused.
        match self.blocked {
            Some(blocked) if self.domains.is_none() => _ = out.key("blocked_domains").item(&blocked),
            blocked => lose(blocked, "blocked_domains", losses),
        }
        if let Some(place) = self.place {
            write_place(place, out.key("user_location"));
        }
        out.close("}");
        if self.size.is_some() {
            losses.hint("search_context_size");
        }
    }

    /// As Google's tool, of which nothing can be wished.
    pub fn write_google(&self, out: &mut Writer<'_>, losses: &mut Losses) {
        out.open("{\"googleSearch\":{}}");
        if self.size.is_some() {
            losses.hint("search_context_size");
        }
        lose(self.place, "user_location", losses);
        lose(self.domains, "allowed_domains", losses);
        lose(self.blocked, "blocked_domains", losses);
        lose(self.uses, "max_uses", losses);
    }

    /// As chat completions have it, whose models for it do nothing else.
    pub fn write_chat(&self, out: &mut Writer<'_>, losses: &mut Losses) {
        out.key("web_search_options").open("{");
        if let Some(size) = &self.size {
            out.key("search_context_size").item(size);
        }
        if let Some(place) = self.place {
            out.key("user_location").open("{\"type\":\"approximate\"").key("approximate").open("{");
            write_members(place, out);
            out.close("}}");
        }
        out.close("}");
        lose(self.domains, "allowed_domains", losses);
        lose(self.blocked, "blocked_domains", losses);
        lose(self.uses, "max_uses", losses);
    }
}

/// Takes the search out of a prompt whose provider cannot run it beside the rest, and names it.
pub fn settle(prompt: &mut Prompt<'_>, to: Speech, model: &str, losses: &mut Losses) {
    let Some(search) = &prompt.search else { return };
    let forced = |name: &Quoted<'_>| !prompt.tools.iter().any(|tool| tool.name == *name);
    if matches!(&prompt.choice, Some(ToolChoice::One(name)) if forced(name)) {
        // No function is meant, and searches cannot be demanded everywhere.
        losses.parameter("tool_choice");
        prompt.choice = None;
    }
    let runs = match to {
        Speech::Responses => served_by_openai(model),
        Speech::OpenAi => model.contains("-search"),
        Speech::Anthropic | Speech::VertexAnthropic => true,
        // Functions and its own tools are not taken together by every model.
        Speech::Gemini => prompt.tools.is_empty(),
        _ => false,
    };
    if !runs {
        losses.foreign_parameter(search.name.as_written());
        prompt.search = None;
    }
}

fn lose(value: Option<Item<'_>>, name: &str, losses: &mut Losses) {
    if value.is_some() {
        losses.parameter(name);
    }
}

fn write_place(place: Item<'_>, out: &mut Writer<'_>) {
    out.open("{\"type\":\"approximate\"");
    write_members(place, out);
    out.close("}");
}

fn write_members(place: Item<'_>, out: &mut Writer<'_>) {
    for name in ["city", "region", "country", "timezone"] {
        if let Some(value) = present(place.get(name)) {
            out.key(name).item(&value);
        }
    }
}

fn is_empty(list: Item<'_>) -> bool {
    list.elements().next().is_none()
}
