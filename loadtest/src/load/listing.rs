//! What comes with the program: as a list, or as a text to begin one's own with.

use super::compare::peer;
use super::scenario::catalog;

/// What files look like that are read and written.
pub const FORMATS: &str = include_str!("../../README.md");

/// All scenarios, or the text of one.
///
/// # Errors
/// When there is none of this name.
pub fn scenarios(name: Option<&str>) -> anyhow::Result<String> {
    if let Some(name) = name {
        return catalog::SHIPPED.text(name).map(str::to_owned);
    }
    Ok(list(catalog::all()?.iter().map(|it| (it.name.as_str(), it.about.as_str()))))
}

/// All peers, or the text of one.
///
/// # Errors
/// When there is none of this name.
pub fn peers(name: Option<&str>) -> anyhow::Result<String> {
    if let Some(name) = name {
        return peer::SHIPPED.text(name).map(str::to_owned);
    }
    let peers = peer::find(&["all".to_owned()])?;
    Ok(list(peers.iter().map(|it| (it.name.as_str(), it.about.as_str()))))
}

fn list<'a>(rows: impl Iterator<Item = (&'a str, &'a str)> + Clone) -> String {
    let width = rows.clone().map(|(name, _)| name.len()).max().unwrap_or(0);
    rows.map(|(name, about)| format!("{name:<width$}  {about}\n")).collect()
}
