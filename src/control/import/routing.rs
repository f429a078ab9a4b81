//! What stands in for a model: aliases and fallbacks.
//!
//! Both are the stand-in's targets here: an alias is a model of its own, a fallback stands behind the other targets.

use crate::control::config::{check, models};
use crate::control::import::entry::LATER;
use crate::control::import::gateway::{Gateway, Model, Target};
use crate::control::import::report::Report;
use crate::control::import::source::Item;

/// Applies both sections' fallbacks and aliases; `router_settings` come first where both have one.
pub fn apply(root: &Item<'_>, gateway: &mut Gateway, report: &mut Report) {
    let sections = [root.field("router_settings"), root.field("litellm_settings")];
    let stated = |name: &str| sections.iter().flatten().find_map(|section| section.field(name));
    if let Some(aliases) = stated("model_group_alias") {
        if !aliases.is_map() {
            report.not_carried(&aliases, "it is not a mapping");
        }
        aliases.entries().iter().for_each(|(name, item)| alias(name, item, gateway, report));
    }
    let (own, default) = lists(stated("fallbacks"), stated("default_fallbacks"), report);
    let known = Gateway { models: gateway.models.clone(), ..Gateway::default() };
    for model in &mut gateway.models {
        let list = |wanted: &str| own.iter().find(|(name, _)| *name == wanted).map(|(_, item)| item);
        let own_list = list(&model.name).or_else(|| model.alias_of.as_deref().and_then(list));
        if let Some(item) = own_list.or(default.as_ref()) {
            stand_behind(model, item, &known);
        }
    }
    for (name, item) in &own {
        if known.models.iter().any(|model| model.name == *name) {
            tell(item, &known, report);
        } else {
            report.not_carried(item, "there is no such model here");
        }
    }
    if let Some(item) = &default {
        tell(item, &known, report);
    }
}

type Named<'t> = (&'t str, Item<'t>);

/// The lists of fallbacks by the model that they are for, and the one for models that have none.
fn lists<'t>(
    stated: Option<Item<'t>>,
    mut default: Option<Item<'t>>,
    report: &mut Report,
) -> (Vec<Named<'t>>, Option<Item<'t>>) {
    let mut own = Vec::new();
    let maps = stated.as_ref().map_or_else(Vec::new, Item::items);
    if let Some(stated) = stated.filter(|stated| maps.is_empty() && !stated.is_off()) {
        report.not_carried(&stated, "it is not a list");
    }
    for map in maps {
        if !map.is_map() {
            report.not_carried(&map, "it is not a mapping");
        }
        for (name, item) in map.entries() {
            if item.items().is_empty() && !item.is_off() {
                report.not_carried(&item, "it is not a list");
            } else if name == "*" {
                default = Some(item);
            } else {
                own.push((name, item));
            }
        }
    }
    if let Some(list) = default.take_if(|list| list.items().is_empty())
        && !list.is_off()
    {
        report.not_carried(&list, "it is not a list");
    }
    (own, default)
}

fn alias(name: &str, item: &Item<'_>, gateway: &mut Gateway, report: &mut Report) {
    let of = item.text().map(str::to_owned).or_else(|| Some(item.field("model")?.text()?.to_owned()));
    let found = of.as_deref().and_then(|of| stand_in(gateway, of));
    let (Some(of), Some(mut model)) = (of, found) else {
        return report.not_carried(item, "there is no such model here");
    };
    let fault = check::name_fault(name)
        .or_else(|| name.contains('*').then(|| "a name with a star is no alias".into()));
    if let Some(fault) = fault {
        return report.not_carried(item, &fault);
    }
    if gateway.models.iter().any(|model| model.name == name) {
        return report.not_carried(item, "there is a model of that name, which stays");
    }
    if item.field("hidden").is_some_and(|hidden| !hidden.is_off()) {
        report.changed(item, "shown in the model list, as every model is");
    }
    model.name = name.into();
    model.alias_of = Some(of);
    gateway.models.push(model);
}

/// The model that a name leads to, with what the name says in place of the star. `None`: there is none, or the name
/// is a pattern itself, or it cannot be sent.
fn stand_in(gateway: &Gateway, name: &str) -> Option<Model> {
    let sound = !name.contains('*') && models::target_fault(name, name).is_none();
    let (model, star) = gateway.find(name).filter(|_| sound)?;
    let mut model = model.clone();
    for target in model.targets.iter_mut().filter(|target| target.model == "*") {
        target.model = star.into();
    }
    Some(model)
}

/// Adds the targets of all models that a list names.
fn stand_behind(model: &mut Model, names: &Item<'_>, known: &Gateway) {
    let name = model.alias_of.as_deref().unwrap_or(&model.name).to_owned();
    for stand_in_name in names.items().iter().filter_map(Item::text).filter(|other| *other != name) {
        let Some(other) = stand_in(known, stand_in_name) else { continue };
        let last = model.targets.iter().map(|target| target.priority).max().unwrap_or(0);
        let first = other.targets.iter().map(|target| target.priority).min().unwrap_or(0);
        model.targets.extend(other.targets.into_iter().map(|target| Target {
            priority: last + 1 + target.priority - first,
            fallback: Some(stand_in_name.into()),
            ..target
        }));
    }
}

fn tell(names: &Item<'_>, known: &Gateway, report: &mut Report) {
    report.changed(names, LATER);
    for item in names.items() {
        if item.text().is_none_or(|name| stand_in(known, name).is_none()) {
            report.not_carried(&item, "there is no such model here");
        }
    }
}
