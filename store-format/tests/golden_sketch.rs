//! Bytes that never change, continued: sketches of a source's texts in cards.
//!
//! Written as those of `golden.rs` are, with `--test golden_sketch`.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, missing_docs)]

mod support;

use esmhub_store_format::bundle::{self, Bundled};
use esmhub_store_format::card::{BaseModel, Derivation, Weights};
use esmhub_store_format::limits::MAX_SKETCH_BYTES;
use esmhub_store_format::log::Published;
use esmhub_store_format::sketch::{Overlap, Sketch, TextSet};
use esmhub_store_format::{Card, Codec, DenseMap, Digest, Object};
use support::read_or_write;

fn object() -> Object {
    Object::encode(&DenseMap::new(vec![0.75, -0.25, 0.5, 1.25], vec![0.0, 1.0]).unwrap(), Codec::Int8).unwrap()
}

/// Seven texts, five of them distinct, and one of which nothing is left.
const FEW: [&str; 8] = ["Rain.", "rain", "Ärger im Café", "İstanbul", "数とは何か", "Don't, 2 %", "don t 2", "?"];

/// More than a sketch lists.
fn many() -> Vec<String> {
    (0..3000).map(|number| format!("Text {number}")).collect()
}

fn published(tag: &str, texts: &TextSet) -> Published {
    let mut card = Card::imported(Weights::of(&object(), 0.0), BaseModel::named("acme/encoder"));
    card.set_sketch(&Sketch::of(texts, MAX_SKETCH_BYTES).unwrap());
    card.set_derivation(&Derivation { weights: Digest::of(b"another map"), how: "recompress".into() }).unwrap();
    let card = card.to_canonical().unwrap();
    Published { name: "acme/sketched".parse().unwrap(), tag: tag.parse().unwrap(), card }
}

fn bundled() -> [Bundled; 2] {
    let published = [published("few", &TextSet::of(FEW)), published("many", &TextSet::of(many()))];
    published.map(|published| Bundled { published, object: object() })
}

#[test]
fn the_bundle_with_sketches_is_its_golden_bytes() {
    let mut bytes = Vec::new();
    bundled().iter().for_each(|bundled| bundle::append(bundled, &mut bytes).unwrap());
    let file = read_or_write("bundle-sketch.esm", &bytes);
    assert_eq!(bundle::read(&file).map(Result::unwrap).collect::<Vec<_>>(), bundled());
    let sketches = bundled().map(|bundled| bundled.published.card().unwrap().sketch().unwrap());
    assert_eq!((sketches[0].texts(), sketches[0].hashes()), (5, 5));
    assert_eq!(sketches[0].overlap(&TextSet::of(FEW)), Overlap { compared: 5, found: 5 });
    assert_eq!((sketches[1].texts(), sketches[1].hashes()), (3000, 2331));
    assert_eq!(sketches[1].overlap(&TextSet::of(many())), Overlap { compared: 2331, found: 2331 });
}

#[test]
fn digests_are_what_they_were() {
    let digests = bundled().map(|bundled| bundled.published.digest().to_string());
    let file = read_or_write("digests-sketch.txt", (digests.join("\n") + "\n").as_bytes());
    assert_eq!(String::from_utf8(file).unwrap().lines().collect::<Vec<_>>(), digests);
}
