//! The new configuration as text.
//!
//! Invariant: whatever the source's names hold, the text is YAML and says them back: what is not plainly a word is
//! in double quotes, and a `${` that is not this importer's own is escaped.

use crate::control::import::auth::{Auth, Member};
use crate::control::import::gateway::{Gateway, Model, Price, Provider, Target, Timeouts};
use crate::control::import::keys::Key;
use std::fmt::{self, Write};

const HEAD: &str = "\
# Written by `ringgate import litellm`. `ringgate check FILE` tells what is still to be set.
# Every key there is: config/gateway.yaml.

";
const LISTEN: &str = "\
# LiteLLM's usual port, for this machine alone; 0.0.0.0:4000 is for others, and needs keys.
listen: [127.0.0.1:4000]
";

pub fn render(gateway: &Gateway) -> String {
    let mut out = String::from(HEAD);
    // Writing to a String cannot fail.
    _ = write(gateway, &mut out);
    out
}

fn write(gateway: &Gateway, out: &mut String) -> fmt::Result {
    out.push_str(LISTEN);
    if let Some(bytes) = gateway.body_bytes {
        writeln!(out, "\nlimits: {{body_bytes: {bytes}}}")?;
    }
    if let Some(timeouts) = timeouts(gateway.timeouts) {
        writeln!(out, "\ntimeouts: {timeouts}")?;
    }
    section("providers", gateway.providers.is_empty(), out)?;
    gateway.providers.iter().try_for_each(|provider| write_provider(provider, out))?;
    section("models", gateway.models.is_empty(), out)?;
    gateway.models.iter().try_for_each(|model| write_model(model, &gateway.providers, out))?;
    if let Some(variable) = &gateway.key_variable {
        writeln!(out, "\ngroups:\n  everyone: {{models: [\"*\"]}}\n")?;
        writeln!(out, "keys:\n  - {{id: litellm-master, group: everyone, secret: \"${{{variable}}}\"}}")?;
    }
    Ok(())
}

fn section(name: &str, is_empty: bool, out: &mut String) -> fmt::Result {
    writeln!(out, "\n{name}:{}", if is_empty { " {}" } else { "" })
}

fn write_provider(provider: &Provider, out: &mut String) -> fmt::Result {
    let mut fields = vec![match provider.vendor {
        Some(vendor) => format!("vendor: {vendor}"),
        None => "format: openai".into(),
    }];
    // Both are of this importer's making: an address was parsed, and `${NAME}` in it is meant.
    fields.extend(provider.base_url.iter().map(|url| format!("base_url: {}", quoted(url))));
    fields.extend(provider.api_version.iter().map(|version| format!("api_version: {}", written(version))));
    fields.extend(provider.key_variable.iter().map(|variable| format!("api_key: \"${{{variable}}}\"")));
    fields.extend(provider.auth.iter().map(auth));
    writeln!(out, "  {}: {{{}}}", word(&provider.name), fields.join(", "))
}

fn auth(auth: &Auth) -> String {
    let member = |(name, member): &(&str, Member)| match member {
        Member::Text(text) => format!("{name}: {}", written(text)),
        Member::Flag => format!("{name}: true"),
        Member::Secret(_, Key::Variable(variable)) => format!("{name}: \"${{{variable}}}\""),
        // Of what is no secret after all, nothing is shown.
        Member::Secret(_, Key::None | Key::Inline(_)) => format!("{name}: \"\""),
    };
    let members: Vec<String> = auth.members.iter().map(member).collect();
    format!("auth: {{{}: {{{}}}}}", auth.kind, members.join(", "))
}

/// A text of this importer's making: `${NAME}` in it is meant.
fn written(text: &str) -> String {
    if text.contains("${") { quoted(text) } else { word(text) }
}

fn write_model(model: &Model, providers: &[Provider], out: &mut String) -> fmt::Result {
    if let Some(of) = &model.alias_of {
        writeln!(out, "  # an alias of {of:?}")?;
    }
    writeln!(out, "  {}:\n    targets:", word(&model.name))?;
    model.targets.iter().try_for_each(|target| write_target(target, providers, out))?;
    if let Some(timeouts) = timeouts(model.timeouts) {
        writeln!(out, "    timeouts: {timeouts}")?;
    }
    match price(model.price) {
        Some(price) => writeln!(out, "    price: {price}   # USD per million tokens"),
        None => Ok(()),
    }
}

fn write_target(target: &Target, providers: &[Provider], out: &mut String) -> fmt::Result {
    let provider = providers.get(target.provider).map_or("", |provider| &provider.name);
    write!(out, "      - {{provider: {}, model: {}", word(provider), word(&target.model))?;
    for (name, value) in [("weight", target.weight), ("priority", target.priority)] {
        if value != 1 {
            write!(out, ", {name}: {value}")?;
        }
    }
    match &target.fallback {
        Some(of) => writeln!(out, "}}   # fallback: {of:?}"),
        None => writeln!(out, "}}"),
    }
}

fn timeouts(timeouts: Timeouts) -> Option<String> {
    map(&[("first_byte_ms", timeouts.first_byte), ("total_ms", timeouts.total)], |ms| ms.to_string())
}

fn price(price: Price) -> Option<String> {
    let fields = [
        ("input", price.input),
        ("output", price.output),
        ("cached_input", price.cached_input),
        ("cache_write", price.cache_write),
    ];
    // A millionth of a dollar times a million is not exact; more digits than these are noise.
    map(&fields, |usd| {
        let text = format!("{usd:.9}");
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    })
}

fn map<T: Copy>(fields: &[(&str, Option<T>)], text: impl Fn(T) -> String) -> Option<String> {
    let stated: Vec<_> =
        fields.iter().filter_map(|(name, value)| Some(format!("{name}: {}", text((*value)?)))).collect();
    (!stated.is_empty()).then(|| format!("{{{}}}", stated.join(", ")))
}

/// A text of the source's, as YAML.
fn word(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./".contains(c);
    let reserved = ["true", "false", "null", "yes", "no", "on", "off", "y", "n"];
    if text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.chars().all(plain)
        && !reserved.contains(&text.to_ascii_lowercase().as_str())
        && text.parse::<f64>().is_err()
    {
        return text.into();
    }
    quoted(&text.replace("${", "$${"))
}

/// JSON's texts are texts of YAML, too.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
