use super::*;
use crate::base::ids::NameId;
use crate::contract::snapshot::{Timeouts, Unsupported};

/// A catalog of (name, provider, its name there).
fn catalog(rows: &[(&str, u32, &str)]) -> Catalog {
    let mut catalog = Catalog::default();
    for (index, (text, provider, model)) in (0..).zip(rows) {
        let target = Target { provider: *provider, model: (*model).into(), weight: 1, priority: 0 };
        catalog.models.push(Model {
            name: NameId(index),
            text: (*text).into(),
            targets: vec![target],
            timeouts: Timeouts::default(),
            unsupported: Unsupported::default(),
            listing: "".into(),
            anthropic_listing: "".into(),
        });
        match Pattern::parse(text) {
            Some(pattern) => catalog.patterns.push((pattern, index)),
            None => drop(catalog.exact.insert((*text).into(), index)),
        }
    }
    catalog
}

fn grants(names: &[&str]) -> Grants {
    let patterns = names.iter().filter_map(|name| Pattern::parse(name)).collect();
    let exact = names.iter().filter(|name| !name.contains('*')).map(|name| Box::from(*name)).collect();
    Grants { everything: false, exact, patterns }
}

/// A provider's name is reached by those names of the catalog that lead to it there, and by no others.
#[test]
fn by_what_leads_there() {
    let catalog = catalog(&[
        ("fast", 0, "maker/small"),
        ("best", 0, "maker/large"),
        ("own", 1, "maker/large"),
        ("router/maker/shadow", 1, "elsewhere"),
        ("router/*", 0, "*"),
        ("any-*", 0, "maker/fixed"),
    ]);
    for (granted, provider, name, reached) in [
        (&["fast"][..], 0, "maker/small", true),
        (&["fast"], 0, "maker/large", false),
        (&["fast"], 0, "fast", false),
        (&["best"], 1, "maker/large", false),
        (&["own"], 1, "maker/large", true),
        (&["own"], 0, "maker/large", false),
        (&["fast"], 2, "maker/small", false),
        (&["router/*"], 0, "maker/large", true),
        (&["router/*"], 0, "anything", true),
        (&["router/*"], 1, "anything", false),
        (&["router/maker/*"], 0, "maker/large", true),
        (&["router/maker/*"], 0, "other/large", false),
        (&["router/other/large"], 0, "other/large", true),
        (&["router/*"], 0, "maker/shadow", false),
        (&["router/*"], 0, "", false),
        (&["any-one"], 0, "maker/fixed", true),
        (&["any-*"], 0, "maker/fixed", true),
        (&["a*"], 0, "maker/fixed", true),
        (&["fast"], 0, "maker/fixed", false),
        (&[], 0, "maker/small", false),
    ] {
        assert_eq!(
            reaches(&catalog, &grants(granted), provider, name),
            reached,
            "{granted:?} {provider} {name}"
        );
    }
}
