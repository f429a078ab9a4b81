//! What a configuration refers to: environment variables and files.
//!
//! Takes the text of a value, gives what it stands for. Remembers each file, so that it is read once and can be
//! watched.
//!
//! Invariant: a failure names the variable or file and never tells what is in it.

use crate::base::secret::Secret;
use crate::control::config::yaml::is_variable;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

/// Largest certificate bundle, key or secret.
const FILE_BYTES: u64 = 4 * 1024 * 1024;

/// Looks up an environment variable.
pub type Variables<'a> = &'a dyn Fn(&str) -> Option<OsString>;

/// Where references lead.
pub struct Inputs<'a> {
    variables: Variables<'a>,
    /// What relative paths are relative to: the directory of the configuration file.
    base: PathBuf,
    files: BTreeMap<PathBuf, Result<Secret, String>>,
}

impl<'a> Inputs<'a> {
    pub fn new(variables: Variables<'a>, configuration: Option<&Path>) -> Self {
        let base = configuration.and_then(Path::parent).unwrap_or(Path::new("")).to_owned();
        Self { variables, base, files: BTreeMap::new() }
    }

    /// Replaces each `${NAME}`; `$${` stands for `${` itself.
    ///
    /// # Errors
    /// What cannot be replaced, without any value.
    pub fn expand<'t>(&self, text: &'t str) -> Result<Cow<'t, str>, String> {
        if !text.contains("${") {
            return Ok(text.into());
        }
        let (mut expanded, mut rest) = (String::with_capacity(text.len() + 64), text);
        while let Some((before, after)) = rest.split_once("${") {
            if let Some(before) = before.strip_suffix('$') {
                expanded.extend([before, "${"]);
                rest = after;
                continue;
            }
            let name = after.split_once('}').filter(|(name, _)| is_variable(name));
            let (name, after) =
                name.ok_or("has a `${` that is not a `${VARIABLE}` (write `$${` for `${` itself)")?;
            expanded.push_str(before);
            expanded.push_str(&self.variable(name)?);
            rest = after;
        }
        expanded.push_str(rest);
        Ok(expanded.into())
    }

    fn variable(&self, name: &str) -> Result<String, String> {
        let value =
            (self.variables)(name).ok_or_else(|| format!("the environment variable {name} is not set"))?;
        value.into_string().map_err(|_| format!("the environment variable {name} is not UTF-8"))
    }

    /// A variable that is read without having been referred to; absent if it is empty.
    pub fn given(&self, name: &str) -> Option<String> {
        (self.variables)(name)?.into_string().ok().filter(|value| !value.is_empty())
    }

    /// The path that a configuration means.
    pub fn path(&self, path: &str) -> PathBuf {
        self.base.join(path)
    }

    /// The path that a configuration means, and the content of the file there.
    pub fn file(&mut self, path: &str) -> Result<(PathBuf, Secret), String> {
        let path = self.path(path);
        let content = self.files.entry(path.clone()).or_insert_with(|| read(&path, FILE_BYTES));
        content.clone().map(|content| (path, content))
    }

    /// A secret in a file: its text without line ends after it.
    pub fn secret_file(&mut self, path: &str) -> Result<Secret, String> {
        let (path, content) = self.file(path)?;
        let text =
            std::str::from_utf8(content.expose()).map_err(|_| format!("{} is not UTF-8", path.display()))?;
        let text = text.trim_end_matches(['\r', '\n']);
        if text.is_empty() {
            return Err(format!("{} is empty", path.display()));
        }
        Ok(Secret::new(text))
    }

    /// Every file that was asked for.
    pub fn into_files(self) -> Vec<PathBuf> {
        self.files.into_keys().collect()
    }
}

/// Reads a regular file of at most so many bytes.
pub fn read(path: &Path, bytes_max: u64) -> Result<Secret, String> {
    let failed = |e: std::io::Error| format!("cannot read {}: {}", path.display(), reason(&e));
    // Asked before it is opened: opening a pipe would wait for its other end.
    let metadata = std::fs::metadata(path).map_err(failed)?;
    if !metadata.is_file() {
        return Err(format!("{} is not a file", path.display()));
    }
    let mut content = Vec::with_capacity(metadata.len().min(bytes_max) as usize + 1);
    File::open(path).and_then(|file| file.take(bytes_max + 1).read_to_end(&mut content)).map_err(failed)?;
    if content.len() as u64 > bytes_max {
        return Err(format!("{} is larger than {bytes_max} bytes", path.display()));
    }
    Ok(Secret::new(content))
}

/// The system's words, without its number.
fn reason(e: &std::io::Error) -> String {
    let text = e.to_string();
    text.split(" (os error").next().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expand(text: &str) -> Result<String, String> {
        let variables = |name: &str| (name == "A").then(|| OsString::from("value"));
        Inputs::new(&variables, None).expand(text).map(Cow::into_owned)
    }

    /// References are replaced wherever they stand, and can be escaped.
    #[test]
    fn references() {
        assert_eq!(expand("plain $ text"), Ok("plain $ text".into()));
        assert_eq!(expand("x${A}y${A}"), Ok("xvalueyvalue".into()));
        assert_eq!(expand("$${A} ${A}"), Ok("${A} value".into()));
    }

    /// A missing variable is named; a value is never told.
    #[test]
    fn missing_variables() {
        assert_eq!(expand("${A}${B}"), Err("the environment variable B is not set".into()));
        assert!(expand("${A").is_err_and(|e| e.contains("not a `${VARIABLE}`") && !e.contains("value")));
        assert!(expand("${A B}").is_err());
    }

    /// What is not a readable file of sensible size is refused with its name.
    #[test]
    fn unreadable_files() {
        let missing = read(Path::new("/nonexistent/file"), 10).map(|_| ());
        assert_eq!(missing, Err("cannot read /nonexistent/file: No such file or directory".into()));
        assert_eq!(read(Path::new("/"), 10).map(|_| ()), Err("/ is not a file".into()));
        assert_eq!(read(Path::new("/dev/zero"), 10).map(|_| ()), Err("/dev/zero is not a file".into()));
        let own = std::env::current_exe().expect("a path");
        assert!(read(&own, 10).is_err_and(|e| e.ends_with("is larger than 10 bytes")));
    }
}
