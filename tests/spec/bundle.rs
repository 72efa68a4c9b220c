//! Bundles, section 7.

use super::card::{Card, Weights};
use super::entry::{self, Publish};
use super::frame::{self, Content};
use super::object::Object;
use super::reader::{Decoded, Refusal, ensure};

/// One ESM of a bundle.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Esm {
    pub(crate) publish: Publish,
    pub(crate) card: Card,
    pub(crate) object: Object,
}

/// Decodes a whole bundle file.
pub(crate) fn decode(mut bytes: &[u8]) -> Decoded<Vec<Esm>> {
    let mut esms = Vec::new();
    while !bytes.is_empty() {
        let (record, rest) = frame::next(bytes, Content::Publish)?;
        let publish = entry::publish(&record.canonical)?;
        let card = Card::decode(&publish.card)?;
        let (frame, rest) = frame::next(rest, Content::Object)?;
        ensure(card.weights.digest == frame.digest, Refusal::Damage("R25: digest of the object"))?;
        let object = Object::decode(&frame.canonical)?;
        agree(&card.weights, frame.canonical.len(), &object)?;
        esms.push(Esm { publish, card, object });
        bytes = rest;
    }
    Ok(esms)
}

/// R25: an object of the right digest agrees with the card in everything else.
fn agree(weights: &Weights, canonical_length: usize, object: &Object) -> Decoded<()> {
    let agree = u64::try_from(canonical_length) == Ok(weights.bytes)
        && weights.kind == object.kind()
        && weights.codec == object.codec.number()
        && weights.dimension == object.dimension;
    ensure(agree, Refusal::Invalid("R25: length, kind, codec or dimension of the object"))
}
