//! Anchor sets, section 3.1.

use super::object;
use super::reader::{Decoded, Reader, Refusal, ensure};

/// The longest anchor set, in bytes (section 10).
pub(crate) const LIMIT: usize = 4 << 20;

/// The most domains (section 10).
pub(crate) const DOMAINS: usize = 48;

/// The longest label, in bytes (section 10).
pub(crate) const LABEL: usize = 64;

/// Texts of many domains.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct AnchorSet {
    pub(crate) license: Option<String>,
    pub(crate) origin: Option<String>,
    /// Label and texts of each.
    pub(crate) domains: Vec<(String, Vec<String>)>,
}

impl AnchorSet {
    /// Decodes the canonical bytes of an object that must be an anchor set.
    pub(crate) fn decode(canonical: &[u8]) -> Decoded<Self> {
        let mut reader = Reader::new(canonical);
        match reader.u16()? {
            object::ANCHORS => {}
            object::DENSE | object::LOW_RANK => return Err(Refusal::Invalid("R19: a map, not an anchor set")),
            _ => return Err(Refusal::Newer("R13: kind")),
        }
        ensure(reader.u16()? == 1, Refusal::Newer("R19: version"))?;
        ensure(canonical.len() <= LIMIT, Refusal::TooLarge("section 10: anchor set"))?;
        let set = Self {
            license: reader.option(|reader| reader.text(LIMIT))?,
            origin: reader.option(|reader| reader.text(LIMIT))?,
            domains: reader.list(DOMAINS, |reader| Ok((label(reader)?, texts(reader)?)))?,
        };
        reader.finish()?;
        ensure(!set.domains.is_empty(), Refusal::Invalid("R19: no domain"))?;
        let mut labels: Vec<_> = set.domains.iter().map(|(label, _)| label).collect();
        labels.sort();
        labels.dedup();
        ensure(labels.len() == set.domains.len(), Refusal::Invalid("R19: a label twice"))?;
        Ok(set)
    }
}

/// Reads a label, 1 to 64 bytes.
pub(crate) fn label(reader: &mut Reader<'_>) -> Decoded<String> {
    let label = reader.text(LABEL)?;
    ensure(!label.is_empty(), Refusal::Invalid("R19: an empty label"))?;
    Ok(label)
}

fn texts(reader: &mut Reader<'_>) -> Decoded<Vec<String>> {
    let texts = reader.list(LIMIT, |reader| reader.any_text(LIMIT))?;
    ensure(!texts.is_empty(), Refusal::Invalid("R19: a domain without texts"))?;
    let blank = texts.iter().any(|text| text.chars().all(char::is_whitespace));
    ensure(!blank, Refusal::Invalid("R19: a blank text"))?;
    Ok(texts)
}
