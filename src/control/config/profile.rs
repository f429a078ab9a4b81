//! AWS's shared files of credentials.
//!
//! Source: <https://docs.aws.amazon.com/sdkref/latest/guide/file-format.html>

/// The settings of one profile: keys in lower case.
pub struct Profile<'t>(Vec<(String, &'t str)>);

impl<'t> Profile<'t> {
    /// The profile of this name, if the file has it. `[profile NAME]`, as the other file of AWS has it, is one, too.
    pub fn find(text: &'t str, name: &str) -> Option<Self> {
        let (mut inside, mut found, mut settings) = (false, false, Vec::new());
        for line in text.lines() {
            if let Some(header) = line.trim().strip_prefix('[') {
                let header = header.split(']').next().unwrap_or_default().trim();
                inside = header == name || header.strip_prefix("profile ").map(str::trim) == Some(name);
                found |= inside;
            } else if let (true, Some((key, value))) = (inside, line.split_once('='))
                && !line.trim_start().starts_with(['#', ';'])
            {
                settings.push((key.trim().to_ascii_lowercase(), value.trim()));
            }
        }
        found.then_some(Self(settings))
    }

    /// The last value of a key; absent if it is empty.
    pub fn value(&self, key: &str) -> Option<&'t str> {
        let value = self.0.iter().rev().find(|(known, _)| known == key).map(|(_, value)| *value);
        value.filter(|value| !value.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "\u{23} a comment\naws_access_key_id = nobody's\n[default]\naws_access_key_id=AK1\n\
        ; aws_access_key_id=AK2\nAWS_Secret_Access_Key =  a=b/+ \r\n\n[ other ] # x\naws_session_token=\n\
        [profile third]\naws_access_key_id = AK3\n[default]\nregion = r\n";

    /// A profile has the keys of its sections, and nothing of others or of comments.
    #[test]
    fn profiles() {
        let default = Profile::find(FILE, "default").expect("it is there");
        assert_eq!(default.value("aws_access_key_id"), Some("AK1"));
        assert_eq!(default.value("aws_secret_access_key"), Some("a=b/+"));
        assert_eq!(default.value("region"), Some("r"));
        assert_eq!(default.value("aws_session_token"), None);
        let other = Profile::find(FILE, "other").expect("it is there");
        assert_eq!((other.value("aws_session_token"), other.value("aws_access_key_id")), (None, None));
        let third = Profile::find(FILE, "third").expect("it is there");
        assert_eq!(third.value("aws_access_key_id"), Some("AK3"));
        assert!(Profile::find(FILE, "fourth").is_none() && Profile::find("", "default").is_none());
    }
}
