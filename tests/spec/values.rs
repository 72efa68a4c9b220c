//! esmhub's values as those of this reader.
//!
//! They are taken apart without `..`, so that a field which is added there must be added here.

use esmhub_store_format as store;
use esmhub_store_format::card as theirs;
use esmhub_store_format::log::{Action, Entry, Record};

use super::twins::Called;
use super::{anchors, card, codec, entry, facts, object};

/// An object that holds a map.
pub(crate) fn object_of(object: &store::Object) -> object::Object {
    let scale: [u8; 4] = object.canonical()[8..12].try_into().unwrap();
    let map = match object.map() {
        store::Map::Dense(map) => object::Map::Dense { weight: map.weight().to_vec() },
        store::Map::LowRank(map) => {
            assert_eq!(map.scale().to_bits(), u32::from_le_bytes(scale));
            assert_eq!(map.a().len(), map.rank() as usize * map.dimension() as usize);
            object::Map::LowRank { a: map.a().to_vec(), b: map.b().to_vec() }
        }
    };
    object::Object {
        codec: match object.codec() {
            store::Codec::F32 => codec::Codec::F32,
            store::Codec::F16 => codec::Codec::F16,
            store::Codec::Int8 => codec::Codec::Int8,
            store::Codec::Int4 => codec::Codec::Int4,
        },
        dimension: object.map().dimension(),
        scale: f32::from_le_bytes(scale),
        map,
        bias: object.map().bias().to_vec(),
    }
}

/// An anchor set.
pub(crate) fn anchors_of(theirs: store::AnchorSet) -> anchors::AnchorSet {
    let store::AnchorSet { license, origin, domains } = theirs;
    let domain_of = |store::anchors::AnchorDomain { label, texts }| (label, texts);
    anchors::AnchorSet { license, origin, domains: domains.into_iter().map(domain_of).collect() }
}

/// A publish record.
pub(crate) fn publish_of(published: store::log::Published) -> entry::Publish {
    let store::log::Published { name, tag, card } = published;
    entry::Publish { name: name.to_string(), tag: tag.to_string(), card }
}

fn target_of(target: store::log::Target) -> entry::Target {
    let store::log::Target { name, tag, digest } = target;
    entry::Target { name: name.to_string(), tag: tag.to_string(), card: *digest.as_bytes() }
}

/// What esmhub makes of a record; where it says that readers must stop, that is *newer*.
pub(crate) fn action_of(action: Action) -> Result<entry::Action, Called> {
    Ok(match action {
        Action::Publish(published) => entry::Action::Publish(publish_of(published)),
        Action::Yank(target) => entry::Action::Yank(target_of(target)),
        Action::Unyank(target) => entry::Action::Unyank(target_of(target)),
        Action::Remove(target) => entry::Action::Remove(target_of(target)),
        Action::Loss(loss) => entry::Action::Loss(entry::Loss { runs: loss.ranges().to_vec() }),
        Action::Anchors(store::log::CurrentAnchors { base, set }) => {
            entry::Action::Anchors(entry::Anchors { base, set: set.map(|digest| *digest.as_bytes()) })
        }
        Action::Signed(store::log::Signed { name, tag, digest, signature }) => {
            let target = target_of(store::log::Target { name, tag, digest });
            entry::Action::Signature(entry::Signature { target, bytes: signature })
        }
        Action::Outcome(outcome) => entry::Action::Outcome(outcome_of(outcome)),
        Action::Origin(origin) => entry::Action::Origin(origin_of(origin)),
        Action::Unknown { stops_readers: true, .. } => return Err(Called::Newer),
        Action::Unknown { kind, stops_writers, .. } => entry::Action::Unknown { kind, stops_writers },
    })
}

fn origin_of(origin: store::log::Origin) -> entry::Origin {
    let store::log::Origin { registry, entry, digest, first, time, writer } = origin;
    let store::log::Writer { user, host, program } = writer;
    let writer = entry::Writer { user, host, program };
    entry::Origin { registry: registry.0, entry, digest: *digest.as_bytes(), first, time, writer }
}

fn outcome_of(outcome: store::log::Outcome) -> entry::Outcome {
    let store::log::Outcome { target, data, base, esm, metric, lower_is_better, value, score } = outcome;
    entry::Outcome {
        target,
        data: data.map(|digest| *digest.as_bytes()),
        base,
        esm: esm.map(target_of),
        metric,
        lower_is_better,
        value: value.map(f64::to_bits),
        score: score.map(|(kind, score)| (kind, score.to_bits())),
    }
}

/// An entry, its records as they are written.
pub(crate) fn entry_of(theirs: Entry) -> entry::Entry {
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

/// A card.
pub(crate) fn card_of(theirs: store::Card) -> card::Card {
    let digest = *theirs.digest().unwrap().as_bytes();
    let (fidelity, derivation) = (theirs.fidelity().map(fidelity_of), theirs.derivation().map(derivation_of));
    let sketch = theirs.sketch().map(|sketch| sketch_of(&sketch));
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
        fidelity,
        derivation,
        sketch,
    }
}

fn fidelity_of(theirs: theirs::Fidelity) -> facts::Fidelity {
    let theirs::Fidelity { anchor_rows, domains } = theirs;
    let domain_of = |theirs::DomainFidelity { label, rows, r2 }| facts::Domain { label, rows, r2 };
    facts::Fidelity { anchor_rows, domains: domains.into_iter().map(domain_of).collect() }
}

fn derivation_of(theirs: theirs::Derivation) -> facts::Derivation {
    let theirs::Derivation { weights, how } = theirs;
    facts::Derivation { object: *weights.as_bytes(), how }
}

/// A sketch. `last` is nobody's business but the sketch's own, and stands in its bytes.
fn sketch_of(theirs: &store::sketch::Sketch) -> facts::Sketch {
    let last = theirs.to_canonical()[8..12].try_into().unwrap();
    let values = theirs.values();
    assert_eq!(values.len(), theirs.hashes() as usize);
    facts::Sketch { texts: theirs.texts(), last: u32::from_le_bytes(last), values }
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
