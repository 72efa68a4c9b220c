//! What stands in the place of a log entry and is none: it holds the number, so that nobody else takes it.
//!
//! A log whose end is gone looks whole, and somebody may go on from there at any moment. So whoever puts back several entries
//! behind the end first creates a *fence* in the place of the second one, and then contends for the first one. Whoever reads on
//! from the first finds the fence: the log is damaged there, and nobody builds on it. Then all numbers behind it are fenced, and
//! entries replace the fences from the highest number down: whoever knows one of them from an index finds all behind it as well.
//! With the last step, in the place of the first fence, the log is whole up to its old end.
//!
//! A fence says which entry it is for, and is never taken away, as its number could be taken at that moment. It is replaced by what
//! anybody would replace it by: by its entry; or where somebody else's entry stands before it, by an [`empty_entry`] that follows
//! that one. So it does not matter who does it, how often, or how late.

use esmhub_store_format::Digest;
use esmhub_store_format::log::{Entry, Writer};

use crate::storage::Storage;
use crate::{RegistryError, log, schema};

/// What holds the number of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Held {
    /// By a repair, for an entry.
    Fence(Fence),
    /// For ever, as a later entry says.
    Lost,
}

/// What a repair is putting back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Fence {
    /// In the place before the fence.
    pub(crate) before: Planned,
    /// In its own.
    pub(crate) here: Planned,
}

/// What is to be put in the place of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Planned {
    /// The entry of this digest.
    Entry(Digest),
    /// What holds the place of an entry that is lost.
    Lost,
}

/// Why there is no entry where a fence stands.
pub(crate) const FENCED: &str = "a repair that puts back the end of the log holds this place: it is at work, was stopped and has to be run \
                                 again with the same copies, or had no copy of this entry";

const LOST: &str = "This log entry was lost, and a later one says so.\n";
const FENCE: &str = "A repair holds this place in the log.\n";
const BEFORE: &str = "before: ";
const HERE: &str = "here: ";
const GIVEN_UP: &str = "lost";

impl Planned {
    /// The digest of the entry.
    pub(crate) fn digest(self) -> Option<Digest> {
        match self {
            Self::Entry(digest) => Some(digest),
            Self::Lost => None,
        }
    }

    fn to_text(self) -> String {
        match self {
            Self::Entry(digest) => digest.to_string(),
            Self::Lost => GIVEN_UP.to_owned(),
        }
    }

    fn from_text(text: &str) -> Option<Self> {
        match text {
            GIVEN_UP => Some(Self::Lost),
            digest => digest.parse().ok().map(Self::Entry),
        }
    }
}

impl Fence {
    /// Whether nothing will replace it any more, as this entry stands before it: somebody was faster than whoever made it.
    pub(crate) fn gave_way(&self, before: Digest) -> bool {
        match self.before {
            Planned::Entry(digest) => before != digest,
            Planned::Lost => true,
        }
    }
}

impl Held {
    /// The file's bytes.
    pub(crate) fn to_bytes(self) -> Vec<u8> {
        match self {
            Self::Lost => LOST.into(),
            Self::Fence(Fence { before, here }) => {
                format!("{FENCE}{BEFORE}{}\n{HERE}{}\n", before.to_text(), here.to_text()).into_bytes()
            }
        }
    }

    /// What a file's bytes are, if they are any of these.
    pub(crate) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let fence = || {
            let mut lines = std::str::from_utf8(bytes.strip_prefix(FENCE.as_bytes())?).ok()?.lines();
            let before = Planned::from_text(lines.next()?.strip_prefix(BEFORE)?)?;
            let here = Planned::from_text(lines.next()?.strip_prefix(HERE)?)?;
            Some(Self::Fence(Fence { before, here }))
        };
        let held = match bytes {
            _ if bytes == LOST.as_bytes() => Self::Lost,
            _ => fence()?,
        };
        (held.to_bytes() == bytes).then_some(held)
    }

    /// What holds the place of an entry, if anything does.
    pub(crate) fn read(storage: &Storage, number: u64) -> Result<Option<Self>, RegistryError> {
        match storage.read(&schema::entry(number), log::LIMIT) {
            Ok(bytes) => Ok(bytes.and_then(|bytes| Self::from_bytes(&bytes))),
            Err(RegistryError::Unsound { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Why there is no entry here.
    pub(crate) fn detail(self) -> &'static str {
        match self {
            Self::Lost => "the entry was given up, but the one that was to say so is not there",
            Self::Fence(_) => FENCED,
        }
    }
}

/// Takes what only holds its place off the end of a list of numbers, and gives it, the lowest first.
pub(crate) fn split_held(storage: &Storage, numbers: &mut Vec<u64>) -> Result<Vec<(u64, Held)>, RegistryError> {
    let mut held = Vec::new();
    while let Some(&last) = numbers.last()
        && let Some(holds) = Held::read(storage, last)?
    {
        numbers.pop();
        held.push((last, holds));
    }
    held.reverse();
    Ok(held)
}

/// The entry that takes the place of a fence which is not needed any more. It does nothing, and is the same whoever writes it.
pub(crate) fn empty_entry(number: u64, previous: Digest) -> Entry {
    let nobody = Writer { user: String::new(), host: String::new(), program: String::new() };
    Entry { number, previous, transaction: [0; 16], time: 0, writer: nobody, records: Vec::new() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_exactly_what_was_written_holds_a_place() {
        let planned = [Planned::Lost, Planned::Entry(Digest::of(b"two")), Planned::Entry(Digest::of(b"one"))];
        let pairs = planned.iter().flat_map(|&before| planned.iter().map(move |&here| Fence { before, here }));
        let fences: Vec<Held> = pairs.map(Held::Fence).chain([Held::Lost]).collect();
        for held in &fences {
            let bytes = held.to_bytes();
            assert_eq!(Held::from_bytes(&bytes), Some(*held));
            for at in 0..bytes.len() {
                let mut flipped = bytes.clone();
                flipped.iter_mut().skip(at).take(1).for_each(|byte| *byte ^= 0x20);
                assert_ne!(Held::from_bytes(&flipped), Some(*held), "{at}");
                assert_eq!(Held::from_bytes(bytes.split_at(at).0), None, "{at}");
            }
            assert_eq!(Held::from_bytes(&[bytes, b"\n".to_vec()].concat()), None);
        }
    }
}
