//! Names and tags: parsed once into types that cannot be wrong.

use std::fmt;
use std::str::FromStr;

use crate::limits::{MAX_SEGMENT_BYTES, MAX_SEGMENTS};

/// The name of an ESM: one to eight segments of `[A-Za-z0-9._-]` joined by `/`, as Hugging Face writes data set ids.
///
/// The spelling is kept; two names that differ only in case are the same name (R20), because on many file systems a
/// pulled folder could not tell them apart.
///
/// ```
/// use esmhub_store_format::Name;
/// let name: Name = "cardiffnlp/tweet_eval".parse().unwrap();
/// assert_eq!(name.key(), "Cardiffnlp/Tweet_Eval".parse::<Name>().unwrap().key());
/// for refused in ["", "a//b", "../a", "a/.", "con", "nul.txt", "a b", ".hidden", "é"] {
///     assert!(refused.parse::<Name>().is_err(), "{refused:?}");
/// }
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name(String);

/// A tag: one segment of `[A-Za-z0-9._-]`. Tags are write-once.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tag(String);

/// A name or tag was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not a {what}: {reason}")]
pub struct NameError {
    what: &'static str,
    text: String,
    reason: String,
}

impl NameError {
    /// What the user can do about it.
    pub fn hint(&self) -> Option<String> {
        Some(format!("a {} is made of letters, digits, `.`, `_` and `-`", self.what))
    }
}

impl Name {
    /// The name as written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The name in lower case: equal for names that are the same name.
    pub fn key(&self) -> String {
        self.0.to_ascii_lowercase()
    }
}

impl Tag {
    /// The tag as written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The tag in lower case: equal for tags that are the same tag.
    pub fn key(&self) -> String {
        self.0.to_ascii_lowercase()
    }

    /// The tag `v<number>`, as publishing gives it by default.
    pub fn version(number: u64) -> Self {
        Self(format!("v{number}"))
    }
}

impl FromStr for Name {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let refused = |reason| NameError { what: "name", text: printable(text), reason };
        if text.split('/').count() > MAX_SEGMENTS {
            return Err(refused(format!("more than {MAX_SEGMENTS} segments")));
        }
        text.split('/').try_for_each(check_segment).map_err(refused)?;
        Ok(Self(text.to_owned()))
    }
}

impl FromStr for Tag {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        check_segment(text).map_err(|reason| NameError { what: "tag", text: printable(text), reason })?;
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Windows opens these as devices, whatever follows the first dot.
const DEVICES: [&str; 6] = ["con", "prn", "aux", "nul", "com", "lpt"];

fn check_segment(segment: &str) -> Result<(), String> {
    if segment.is_empty() {
        return Err("it is empty, or has an empty segment".into());
    }
    if segment.len() > MAX_SEGMENT_BYTES {
        return Err(format!("a segment has {} bytes, at most {MAX_SEGMENT_BYTES} are allowed", segment.len()));
    }
    if let Some(odd) = segment.chars().find(|c| !(c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-'))) {
        return Err(format!("{odd:?} is not allowed"));
    }
    if segment.starts_with('.') || segment.ends_with('.') {
        return Err("a segment begins or ends with a dot".into());
    }
    let stem = segment.split('.').next().unwrap_or_default().to_ascii_lowercase();
    let is_device = DEVICES.iter().any(|device| match stem.strip_prefix(device) {
        Some("") => !matches!(*device, "com" | "lpt"),
        Some(digit) => {
            matches!(*device, "com" | "lpt")
                && digit.len() == 1
                && digit != "0"
                && digit.as_bytes().is_ascii()
                && digit.bytes().all(|b| b.is_ascii_digit())
        }
        None => false,
    });
    if is_device {
        return Err(format!("{segment:?} is the name of a device on Windows"));
    }
    Ok(())
}

fn printable(text: &str) -> String {
    text.chars().take(120).collect()
}
