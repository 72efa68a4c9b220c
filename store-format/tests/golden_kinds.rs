//! Bytes that never change, continued: low-rank maps, anchor sets, and what cards and log entries say of them.
//!
//! Written as those of `golden.rs` are, with `--test golden_kinds`.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

mod support;

use std::collections::BTreeMap;

use esmhub_store_format::anchors::{AnchorDomain, AnchorSet};
use esmhub_store_format::bundle::{self, Bundled};
use esmhub_store_format::card::{BaseModel, Derivation, DomainFidelity, Extension, Fidelity, Fit, Source, Weights};
use esmhub_store_format::frame::{self, Content};
use esmhub_store_format::log::{Action, CurrentAnchors, Entry, Published, RegistryId, Writer};
use esmhub_store_format::{Card, Codec, Digest, LowRankMap, Object};
use support::read_or_write;

const BASE: &str = "sentence-transformers/all-MiniLM-L6-v2";

/// Rank 5 of 67 dimensions: two groups of scales, the second of three values, and half a byte to spare in every row.
fn map() -> LowRankMap {
    let (d, r) = (67, 5);
    let factors = (0..2 * r * d).map(|at| {
        let (row, column) = (at / d, at % d);
        ((row * 37 + column * 29) % 128) as f32 / 256.0 - 0.25 + 1.0 / 1024.0
    });
    LowRankMap::new(0.968_75, factors.collect(), (0..d).map(|i| i as f32 / 7.0 - 4.0).collect()).unwrap()
}

fn object(codec: Codec) -> Object {
    Object::encode_low_rank(&map(), codec).unwrap()
}

fn anchors() -> AnchorSet {
    let domain = |label: &str, texts: &[&str]| AnchorDomain {
        label: label.into(),
        texts: texts.iter().map(|&text| text.into()).collect(),
    };
    AnchorSet {
        license: Some("CC0-1.0".into()),
        origin: Some("written for this file".into()),
        domains: vec![
            domain("news", &["Rain is expected.", "The council met.\nIt adjourned."]),
            domain("Prüfungen", &["Was ist ein Körper?", "数とは何か"]),
        ],
    }
}

fn card() -> Card {
    let mut card = Card {
        weights: Weights::of(&object(Codec::Int4), 0.0625),
        base: BaseModel { id: BASE.into(), ..BaseModel::default() },
        source: Source::default(),
        fit: Fit { anchors: Some(anchors().digest().unwrap()), rows: Some(1200), ..Fit::imported() },
        license: None,
        authors: Vec::new(),
        extra: BTreeMap::new(),
        extensions: vec![Extension { id: 7, bytes: vec![1, 2, 3] }],
    };
    let domain = |label: Option<&str>, rows, r2| DomainFidelity { label: label.map(str::to_owned), rows, r2 };
    let domains = vec![domain(None, 1000, 0.75), domain(Some("news"), 2, -0.5), domain(Some("Prüfungen"), 2, 0.625)];
    card.set_derivation(&Derivation { weights: Digest::of(b"the dense map"), how: "distill".into() }).unwrap();
    card.set_fidelity(&Fidelity { anchor_rows: 4, domains }).unwrap();
    card
}

fn published() -> Published {
    Published {
        name: "acme/reviews".parse().unwrap(),
        tag: "r5".parse().unwrap(),
        card: card().to_canonical().unwrap(),
    }
}

fn actions() -> [Action; 3] {
    let set = Some(anchors().digest().unwrap());
    [
        Action::Anchors(CurrentAnchors { base: BASE.into(), set }),
        Action::Publish(published()),
        Action::Anchors(CurrentAnchors { base: BASE.to_uppercase(), set: None }),
    ]
}

fn entry() -> Entry {
    Entry {
        number: 43,
        previous: RegistryId([7; 16]).genesis(),
        transaction: *b"fedcba9876543210",
        time: 1_763_942_400_001,
        writer: Writer { user: "ada".into(), host: "engine".into(), program: "esmhub 0.2.0".into() },
        records: actions().iter().map(|action| action.to_record().unwrap()).collect(),
    }
}

#[test]
fn low_rank_maps_still_write_and_read_their_golden_bytes() {
    for codec in Codec::ALL {
        let object = object(codec);
        let file = read_or_write(&format!("low-rank-{codec}.frame"), &object.to_frame().unwrap());
        let (canonical, digest) = frame::decode(Content::Object, &file).unwrap();
        assert_eq!(canonical, object.canonical(), "{codec}");
        assert_eq!(Object::from_frame(&file, &digest).unwrap(), object);
    }
}

#[test]
fn the_anchor_set_is_its_golden_bytes() {
    let (bytes, digest) = anchors().to_frame().unwrap();
    let file = read_or_write("anchors.frame", &bytes);
    let (canonical, found) = frame::decode(Content::Object, &file).unwrap();
    assert_eq!((canonical.clone(), found), (anchors().to_canonical().unwrap(), digest));
    assert_eq!(AnchorSet::from_canonical(&canonical).unwrap(), anchors());
}

#[test]
fn the_log_entry_with_anchors_is_its_golden_bytes() {
    let (bytes, digest) = entry().to_frame().unwrap();
    let file = read_or_write("entry-anchors.frame", &bytes);
    let (read, found) = Entry::from_frame(&file).unwrap();
    assert_eq!((&read, found), (&entry(), digest));
    assert_eq!(read.actions().map(Result::unwrap).collect::<Vec<_>>(), actions());
    assert_eq!(
        read.records.iter().map(|record| (record.kind, record.flags)).collect::<Vec<_>>(),
        [(5, 2), (1, 3), (5, 2)]
    );
    let read = published().card().unwrap();
    assert_eq!(read, card());
    assert_eq!(read.fidelity().unwrap().across(), Some(0.0625));
    assert_eq!(read.derivation().unwrap().how, "distill");
    assert_eq!(read.extensions.iter().map(|extension| extension.id).collect::<Vec<_>>(), [1, 2, 7]);
}

#[test]
fn the_bundle_with_a_low_rank_map_is_its_golden_bytes() {
    let bundled = Bundled { published: published(), object: object(Codec::Int4) };
    let mut bytes = Vec::new();
    bundle::append(&bundled, &mut bytes).unwrap();
    let file = read_or_write("bundle-low-rank.esm", &bytes);
    assert_eq!(bundle::read(&file).map(Result::unwrap).collect::<Vec<_>>(), [bundled]);
}

/// In the order of the tests above: the four codecs, the anchor set, the card, the entry.
#[test]
fn digests_are_what_they_were() {
    let objects = Codec::ALL.map(|codec| object(codec).digest());
    let others = [anchors().digest().unwrap(), card().digest().unwrap(), entry().to_frame().unwrap().1];
    let digests: Vec<String> = objects.iter().chain(&others).map(Digest::to_string).collect();
    let file = read_or_write("digests-kinds.txt", (digests.join("\n") + "\n").as_bytes());
    assert_eq!(String::from_utf8(file).unwrap().lines().collect::<Vec<_>>(), digests);
}
