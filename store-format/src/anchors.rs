//! Anchor sets: texts of many domains, on which every ESM of a base model is fitted besides its own (R19).
//!
//! A map can only be trusted where it has seen texts. The anchors show it the regions where target tasks may lie, and they
//! are the same for all ESMs of a base model, so that their scores can be compared. An anchor set is an object like any
//! other: immutable, named by its digest.

use bincode::{Decode, Encode};
use serde::Serialize;

use crate::limits::{MAX_ANCHOR_DOMAINS, MAX_ANCHOR_LABEL_BYTES, MAX_ANCHORS_BYTES};
use crate::object::KIND_ANCHORS;
use crate::{Digest, FormatError, frame, wire};

const VERSION: u16 = 1;
const LIMIT: usize = MAX_ANCHORS_BYTES as usize;
const WHAT: &str = "anchor set";

/// Texts by domain, with where they come from.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize)]
pub struct AnchorSet {
    /// The licence's SPDX expression.
    pub license: Option<String>,
    /// Where the texts come from.
    pub origin: Option<String>,
    /// The domains, in the order in which they were given.
    pub domains: Vec<AnchorDomain>,
}

/// The texts of one domain: news, reviews, questions …
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize)]
pub struct AnchorDomain {
    /// What it is called.
    pub label: String,
    /// Its texts.
    pub texts: Vec<String>,
}

impl AnchorSet {
    /// The canonical bytes: kind, version, fields.
    ///
    /// # Errors
    /// [`FormatError::TooLarge`] over [`MAX_ANCHORS_BYTES`]; [`FormatError::Invalid`] where a rule is broken.
    pub fn to_canonical(&self) -> Result<Vec<u8>, FormatError> {
        self.check()?;
        wire::encode::<LIMIT, _>(WHAT, &(KIND_ANCHORS, VERSION, self))
    }

    /// Reads canonical bytes.
    ///
    /// # Errors
    /// [`FormatError::Newer`] for an unknown kind or version; [`FormatError::Invalid`] where a rule is broken, or where the
    /// bytes are those of a map; [`FormatError::TooLarge`].
    pub fn from_canonical(canonical: &[u8]) -> Result<Self, FormatError> {
        let (kind, _) = wire::decode_prefix::<2, u16>(WHAT, canonical)?;
        if kind != KIND_ANCHORS {
            if kind == 0 || kind > KIND_ANCHORS {
                let supported = u32::from(KIND_ANCHORS);
                return Err(FormatError::Newer { what: "object", found: u32::from(kind), supported });
            }
            return Err(FormatError::invalid("object", "it holds a map, an anchor set is expected"));
        }
        let ((_, version), fields) = wire::decode_prefix::<4, (u16, u16)>(WHAT, canonical)?;
        if version != VERSION {
            let supported = u32::from(VERSION);
            return Err(FormatError::Newer { what: WHAT, found: u32::from(version), supported });
        }
        if canonical.len() > LIMIT {
            let found = canonical.len() as u64;
            return Err(FormatError::TooLarge { what: WHAT, found, limit: MAX_ANCHORS_BYTES });
        }
        let set: Self = wire::decode::<{ wire::IN_MEMORY * LIMIT }, _>(WHAT, fields)?;
        set.check()?;
        Ok(set)
    }

    /// The frame that goes to disk, and the set's digest.
    ///
    /// # Errors
    /// As [`AnchorSet::to_canonical`].
    pub fn to_frame(&self) -> Result<(Vec<u8>, Digest), FormatError> {
        let canonical = self.to_canonical()?;
        Ok((frame::encode(frame::Content::Object, &canonical)?, Digest::of(&canonical)))
    }

    /// Its name: the digest of its canonical bytes.
    ///
    /// # Errors
    /// As [`AnchorSet::to_canonical`].
    pub fn digest(&self) -> Result<Digest, FormatError> {
        Ok(Digest::of(&self.to_canonical()?))
    }

    /// The number of texts in all domains.
    pub fn len(&self) -> usize {
        self.domains.iter().map(|domain| domain.texts.len()).sum()
    }

    /// Whether there are no texts; the format has no such set.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// All texts, domain by domain.
    pub fn texts(&self) -> impl Iterator<Item = &str> {
        self.domains.iter().flat_map(|domain| &domain.texts).map(String::as_str)
    }

    fn check(&self) -> Result<(), FormatError> {
        let invalid = |detail: String| Err(FormatError::invalid(WHAT, detail));
        let domains = self.domains.len();
        if domains == 0 || domains > MAX_ANCHOR_DOMAINS {
            return invalid(format!("{domains} domains, expected 1 to {MAX_ANCHOR_DOMAINS}"));
        }
        let mut labels: Vec<&str> = Vec::with_capacity(domains);
        for domain in &self.domains {
            check_label(&domain.label)?;
            if domain.texts.is_empty() {
                return invalid(format!("domain {:?} has no texts", domain.label));
            }
            if let Some(at) = domain.texts.iter().position(|text| text.trim().is_empty()) {
                return invalid(format!("text {} of domain {:?} is blank", at + 1, domain.label));
            }
            labels.push(&domain.label);
        }
        labels.sort_unstable();
        if let Some(twice) = labels.windows(2).find_map(|pair| pair.first().filter(|label| pair.last() == Some(label)))
        {
            return invalid(format!("domain {twice:?} stands there twice"));
        }
        let described = [&self.license, &self.origin].into_iter().flatten();
        if let Some(odd) = described.into_iter().find(|text| text.chars().any(char::is_control)) {
            return invalid(format!("{odd:?} holds a control character"));
        }
        Ok(())
    }
}

/// Whether a label is one that a domain can have: it goes to terminals and into cards.
///
/// # Errors
/// [`FormatError::Invalid`] where it is empty, longer than [`MAX_ANCHOR_LABEL_BYTES`] or holds a control character.
pub fn check_label(label: &str) -> Result<(), FormatError> {
    if label.is_empty() || label.len() > MAX_ANCHOR_LABEL_BYTES || label.chars().any(char::is_control) {
        let detail =
            format!("{label:?} is no domain label: 1 to {MAX_ANCHOR_LABEL_BYTES} bytes without control characters");
        return Err(FormatError::invalid(WHAT, detail));
    }
    Ok(())
}

/// The digest that stands for anchors of which only the embeddings are at hand: for each domain its label, rows and base
/// embeddings (R19).
///
/// `domains`: label and base embeddings, rows x D, row-major. ESMs that were fitted on the same texts then say so, whoever
/// embedded them, as long as the base model's embeddings are the same to the bit.
pub fn embedded_digest<'a>(domains: impl IntoIterator<Item = (&'a str, u32, &'a [f32])>) -> Digest {
    let mut bytes = Vec::new();
    for (label, dimension, values) in domains {
        bytes.extend((label.len() as u64).to_le_bytes());
        bytes.extend(label.as_bytes());
        bytes.extend(dimension.to_le_bytes());
        bytes.extend((values.len() as u64).to_le_bytes());
        crate::codec::write_f32(values, &mut bytes);
    }
    Digest::of(&bytes)
}
