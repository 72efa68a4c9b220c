//! The two readers side by side: the same bytes, the same type, one verdict each.
//!
//! Values are compared as text (`{:?}`), where -0 differs from 0 and no two finite numbers look alike: equal texts are
//! equal bits.

use std::fmt::Debug;

use esmhub_store_format::log::{Action, Entry};
use esmhub_store_format::{self as store, FormatError, frame};

use super::reader::Refusal;
use super::values::{action_of, anchors_of, card_of, entry_of, object_of, publish_of};
use super::{anchors, bundle, card, entry, object};

/// What a refusal is called (section 11).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Called {
    Damage,
    Newer,
    Invalid,
    TooLarge,
}

impl From<Refusal> for Called {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Damage(_) => Self::Damage,
            Refusal::Newer(_) => Self::Newer,
            Refusal::Invalid(_) => Self::Invalid,
            Refusal::TooLarge(_) => Self::TooLarge,
        }
    }
}

impl From<FormatError> for Called {
    fn from(error: FormatError) -> Self {
        match error {
            FormatError::Damaged { .. } | FormatError::DigestMismatch { .. } => Self::Damage,
            FormatError::Newer { .. } => Self::Newer,
            FormatError::Invalid { .. } => Self::Invalid,
            FormatError::TooLarge { .. } => Self::TooLarge,
            other => panic!("{other:?} has no name in SPEC.md"),
        }
    }
}

/// Both readers' verdicts on the same bytes: the value, or what the refusal is called.
pub(crate) struct Verdicts<T> {
    pub(crate) spec: Result<T, Called>,
    pub(crate) store: Result<T, Called>,
}

impl<T: Debug> Verdicts<T> {
    /// The verdict of both.
    ///
    /// # Panics
    /// Where they differ; `what` says on which bytes.
    pub(crate) fn agreed(self, what: &str) -> Result<T, Called> {
        let (spec, store) = (format!("{:?}", self.spec), format!("{:?}", self.store));
        if spec != store {
            let same = spec.chars().zip(store.chars()).take_while(|(a, b)| a == b).count().saturating_sub(40);
            let excerpt = |text: &str| text.chars().skip(same).take(160).collect::<String>();
            panic!("{what}: they part at character {same}\n spec: {}\nstore: {}", excerpt(&spec), excerpt(&store));
        }
        self.spec
    }
}

/// A file with an object that must be a map.
pub(crate) fn object(file: &[u8]) -> Verdicts<(object::Object, [u8; 32])> {
    Verdicts {
        spec: super::frame::only(file, super::frame::Content::Object)
            .and_then(|frame| Ok((object::Object::decode(&frame.canonical)?, frame.digest)))
            .map_err(Called::from),
        store: frame::decode(frame::Content::Object, file)
            .and_then(|(canonical, digest)| Ok((store::Object::from_canonical(canonical)?, digest)))
            .map(|(object, digest)| (object_of(&object), *digest.as_bytes()))
            .map_err(Called::from),
    }
}

/// A file with an object that must be an anchor set.
pub(crate) fn anchors(file: &[u8]) -> Verdicts<(anchors::AnchorSet, [u8; 32])> {
    Verdicts {
        spec: super::frame::only(file, super::frame::Content::Object)
            .and_then(|frame| Ok((anchors::AnchorSet::decode(&frame.canonical)?, frame.digest)))
            .map_err(Called::from),
        store: frame::decode(frame::Content::Object, file)
            .and_then(|(canonical, digest)| Ok((store::AnchorSet::from_canonical(&canonical)?, digest)))
            .map(|(set, digest)| (anchors_of(set), *digest.as_bytes()))
            .map_err(Called::from),
    }
}

/// Canonical bytes of a card.
pub(crate) fn card(canonical: &[u8]) -> Verdicts<card::Card> {
    Verdicts {
        spec: card::Card::decode(canonical).map_err(Called::from),
        store: store::Card::from_canonical(canonical).map(card_of).map_err(Called::from),
    }
}

/// An entry, what its records mean, and the cards that they hold.
pub(crate) type Whole = (entry::Entry, Vec<Result<(entry::Action, Option<Result<card::Card, Called>>), Called>>);

/// A file with a log entry.
pub(crate) fn entry(file: &[u8]) -> Verdicts<Whole> {
    let spec = super::frame::only(file, super::frame::Content::Entry)
        .and_then(|frame| entry::Entry::decode(&frame.canonical))
        .map(|entry| {
            let meanings = entry.records.iter().map(|record| with_card(record.action()?, card::Card::decode));
            let meanings = meanings.collect();
            (entry, meanings)
        });
    let store = Entry::from_frame(file).map(|(entry, _)| {
        let decode = |canonical: &[u8]| store::Card::from_canonical(canonical).map(card_of);
        let meanings = entry.records.iter().map(|record| with_card(action_of(Action::from_record(record)?)?, decode));
        let meanings = meanings.collect();
        (entry_of(entry), meanings)
    });
    Verdicts { spec: spec.map_err(Called::from), store: store.map_err(Called::from) }
}

/// A bundle file.
pub(crate) fn bundle(file: &[u8]) -> Verdicts<Vec<bundle::Esm>> {
    let theirs = store::bundle::read(file).map(|bundled| {
        let bundled = bundled?;
        let published = bundled.published;
        Ok(bundle::Esm {
            card: card_of(published.card()?),
            publish: publish_of(published),
            object: object_of(&bundled.object),
        })
    });
    Verdicts {
        spec: bundle::decode(file).map_err(Called::from),
        store: theirs.collect::<Result<_, FormatError>>().map_err(Called::from),
    }
}

fn with_card<E>(
    action: entry::Action,
    decode: impl Fn(&[u8]) -> Result<card::Card, E>,
) -> Result<(entry::Action, Option<Result<card::Card, Called>>), Called>
where
    Called: From<E>,
{
    let card = match &action {
        entry::Action::Publish(publish) => Some(decode(&publish.card).map_err(Called::from)),
        _ => None,
    };
    Ok((action, card))
}
