//! The two readers side by side: the same bytes, the same type, one verdict each.
//!
//! Values are compared as text (`{:?}`), where -0 differs from 0 and no two finite numbers look alike: equal texts are
//! equal bits. esmhub's types are taken apart without `..`, so that a field which is added there must be added here.

use std::fmt::Debug;

use esmhub_store_format::card as theirs;
use esmhub_store_format::log::{Action, Entry, Record};
use esmhub_store_format::{self as store, FormatError, frame};

use super::reader::Refusal;
use super::{bundle, card, entry, object};

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
        assert_eq!(format!("{:?}", self.spec), format!("{:?}", self.store), "{what}: SPEC.md left, store-format right");
        self.spec
    }
}

/// A file with an object.
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

fn object_of(object: &store::Object) -> object::Object {
    let identity: [u8; 4] = object.canonical()[8..12].try_into().unwrap();
    object::Object {
        codec: match object.codec() {
            store::Codec::F32 => object::Codec::F32,
            store::Codec::F16 => object::Codec::F16,
            store::Codec::Int8 => object::Codec::Int8,
            store::Codec::Int4 => object::Codec::Int4,
        },
        dimension: object.map().dimension(),
        identity: f32::from_le_bytes(identity),
        weight: object.map().weight().to_vec(),
        bias: object.map().bias().to_vec(),
    }
}

fn publish_of(published: store::log::Published) -> entry::Publish {
    let store::log::Published { name, tag, card } = published;
    entry::Publish { name: name.to_string(), tag: tag.to_string(), card }
}

fn target_of(target: store::log::Target) -> entry::Target {
    let store::log::Target { name, tag, digest } = target;
    entry::Target { name: name.to_string(), tag: tag.to_string(), card: *digest.as_bytes() }
}

/// What esmhub makes of a record; where it says that readers must stop, that is *newer*.
fn action_of(action: Action) -> Result<entry::Action, Called> {
    Ok(match action {
        Action::Publish(published) => entry::Action::Publish(publish_of(published)),
        Action::Yank(target) => entry::Action::Yank(target_of(target)),
        Action::Unyank(target) => entry::Action::Unyank(target_of(target)),
        Action::Remove(target) => entry::Action::Remove(target_of(target)),
        Action::Unknown { stops_readers: true, .. } => return Err(Called::Newer),
        Action::Unknown { kind, stops_writers, .. } => entry::Action::Unknown { kind, stops_writers },
    })
}

fn entry_of(theirs: Entry) -> entry::Entry {
    let Entry { number, previous, transaction, time, writer, records } = theirs;
    let store::log::Writer { user, host, program } = writer;
    let record_of = |Record { kind, flags, payload }| entry::Record { kind, flags, payload };
    entry::Entry {
        number,
        previous: *previous.as_bytes(),
        transaction,
        time,
        writer: entry::Writer { user, host, program },
        records: records.into_iter().map(record_of).collect(),
    }
}

fn card_of(theirs: store::Card) -> card::Card {
    let digest = *theirs.digest().unwrap().as_bytes();
    let store::Card { weights, base, source, fit, license, authors, extra, extensions } = theirs;
    card::Card {
        digest,
        weights: weights_of(weights),
        base: base_of(base),
        source: source_of(source),
        fit: fit_of(fit),
        license,
        authors,
        extra: extra.into_iter().collect(),
        extensions: extensions.into_iter().map(|theirs::Extension { id, bytes }| (id, bytes)).collect(),
    }
}

fn weights_of(theirs: theirs::Weights) -> card::Weights {
    let theirs::Weights { digest, bytes, kind, codec, dimension, codec_error } = theirs;
    card::Weights { digest: *digest.as_bytes(), bytes, kind, codec, dimension, codec_error }
}

fn base_of(theirs: theirs::BaseModel) -> card::Base {
    let theirs::BaseModel { id, revision, weights, bytes, tokenizer, pooling, max_length } = theirs;
    card::Base {
        id,
        revision,
        weights: weights.map(|digest| *digest.as_bytes()),
        bytes,
        tokenizer: tokenizer.map(|digest| *digest.as_bytes()),
        pooling: pooling.map(|pooling| match pooling {
            theirs::Pooling::Mean => card::Pooling::Mean,
            theirs::Pooling::Cls => card::Pooling::Cls,
            theirs::Pooling::Pooler => card::Pooling::Pooler,
        }),
        max_length,
    }
}

fn source_of(theirs: theirs::Source) -> card::Source {
    let theirs::Source { dataset, revision, subset, split, text_columns, label_column, language, rows, seed } = theirs;
    card::Source { dataset, revision, subset, split, text_columns, label_column, language, rows, seed }
}

fn fit_of(theirs: theirs::Fit) -> card::Fit {
    let theirs::Fit { method, program, rows, penalty, folds, seed, held_out, anchors } = theirs;
    card::Fit {
        method: match method {
            theirs::Method::Imported => card::Method::Imported,
            theirs::Method::Ridge => card::Method::Ridge,
        },
        program,
        rows,
        penalty,
        folds,
        seed,
        held_out: held_out.map(|theirs::HeldOut { rows, r2, cosine }| card::HeldOut { rows, r2, cosine }),
        anchors: anchors.map(|digest| *digest.as_bytes()),
    }
}
