//! References as people type them: `[namespace/…]name[:tag][@[blake3:]hex]`.

use std::fmt;
use std::str::FromStr;

use crate::{DigestPrefix, Name, NameError, Tag};

/// What a user typed to mean one ESM. At least a name or a digest prefix is there.
///
/// ```
/// use esmhub_store_format::Reference;
/// let whole: Reference = "acme/reviews:v2@blake3:3fa9c1d2".parse().unwrap();
/// assert_eq!(whole.to_string(), "acme/reviews:v2@3fa9c1d2");
/// assert!("@3fa9c1d2".parse::<Reference>().unwrap().name().is_none());
/// assert!(":v2".parse::<Reference>().is_err());
/// assert!("reviews@3fa9".parse::<Reference>().is_err()); // fewer than 8 digits
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reference {
    name: Option<Name>,
    tag: Option<Tag>,
    digest: Option<DigestPrefix>,
}

impl Reference {
    /// A reference to one tag of one name.
    pub fn exact(name: Name, tag: Tag) -> Self {
        Self { name: Some(name), tag: Some(tag), digest: None }
    }

    /// The name, where one was given.
    pub fn name(&self) -> Option<&Name> {
        self.name.as_ref()
    }

    /// The tag, where one was given; never without a name.
    pub fn tag(&self) -> Option<&Tag> {
        self.tag.as_ref()
    }

    /// The digits of the digest, where some were given.
    pub fn digest(&self) -> Option<&DigestPrefix> {
        self.digest.as_ref()
    }
}

/// A reference was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ReferenceError {
    /// The name or the tag is not one.
    #[error(transparent)]
    Name(#[from] NameError),
    /// What follows `@` is not the beginning of a digest.
    #[error("{0:?} is not a digest: 8 to 64 hexadecimal digits are expected after `@`")]
    Digest(String),
}

impl ReferenceError {
    /// What the user can do about it.
    pub fn hint(&self) -> Option<String> {
        Some("a reference is `name`, `name:tag`, `name:tag@digest` or `@digest`".into())
    }
}

impl FromStr for Reference {
    type Err = ReferenceError;

    fn from_str(text: &str) -> Result<Self, ReferenceError> {
        let (spelled, digest) = match text.split_once('@') {
            Some((spelled, hex)) => {
                let digits = hex.strip_prefix("blake3:").unwrap_or(hex);
                let refused = || ReferenceError::Digest(digits.chars().take(120).collect());
                (spelled, Some(DigestPrefix::new(digits).ok_or_else(refused)?))
            }
            None => (text, None),
        };
        if spelled.is_empty() && digest.is_some() {
            return Ok(Self { name: None, tag: None, digest });
        }
        let (name, tag) = match spelled.split_once(':') {
            Some((name, tag)) => (name, Some(tag.parse()?)),
            None => (spelled, None),
        };
        Ok(Self { name: Some(name.parse()?), tag, digest })
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(name) = &self.name {
            write!(f, "{name}")?;
        }
        if let Some(tag) = &self.tag {
            write!(f, ":{tag}")?;
        }
        if let Some(digest) = &self.digest {
            write!(f, "@{digest}")?;
        }
        Ok(())
    }
}
