//! Bytes that never change: every golden file must decode to the value that was written years ago, and that value must
//! encode to the same canonical bytes today.
//!
//! A new golden file is written by `ESMHUB_WRITE_GOLDEN=1 cargo test -p esmhub-store-format --test golden`; one that is
//! there is never written again.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::expect_used, missing_docs)]

mod support;

use std::collections::BTreeMap;

use esmhub_store_format::bundle::{self, Bundled};
use esmhub_store_format::card::{BaseModel, Extension, Fit, HeldOut, Method, Pooling, Source, Weights};
use esmhub_store_format::frame::{self, Content};
use esmhub_store_format::log::{Action, Entry, Published, Record, RegistryId, Target, Writer};
use esmhub_store_format::{Card, Codec, DenseMap, Digest, FormatError, Object};
use support::{dense, read_or_write};

/// 33 dimensions: two groups of int4, the second of one value, and half a byte to spare in every row.
fn map() -> DenseMap {
    let d = 33;
    let weight = (0..d * d).map(|at| {
        let (i, j) = (at / d, at % d);
        ((i * 31 + j * 17) % 64) as f32 / 64.0 - 0.5 + if i == j { 1.0 } else { 0.0 }
    });
    DenseMap::new(weight.collect(), (0..d).map(|i| i as f32 / 7.0 - 2.0).collect()).unwrap()
}

fn card() -> Card {
    let object = Object::encode(&map(), Codec::Int4).unwrap();
    Card {
        weights: Weights::of(&object, 0.125),
        base: BaseModel {
            id: "sentence-transformers/all-MiniLM-L6-v2".into(),
            revision: Some("0123456789abcdef0123456789abcdef01234567".into()),
            weights: Some(Digest::of(b"weights")),
            bytes: Some(90_868_376),
            tokenizer: Some(Digest::of(b"tokenizer")),
            pooling: Some(Pooling::Mean),
            max_length: Some(128),
        },
        source: Source {
            dataset: Some("acme/reviews".into()),
            revision: None,
            subset: Some("de".into()),
            split: Some("train".into()),
            text_columns: vec!["title".into(), "body".into()],
            label_column: Some("stars".into()),
            language: Some("de".into()),
            rows: Some(1000),
            seed: Some(42),
        },
        fit: Fit {
            method: Method::Ridge,
            program: Some("esmhub 0.1.0".into()),
            rows: Some(1000),
            penalty: Some(0.1),
            folds: Some(5),
            seed: Some(42),
            held_out: Some(HeldOut { rows: 200, r2: 0.8, cosine: 0.95 }),
            anchors: Some(Digest::of(b"anchors")),
        },
        license: Some("Apache-2.0".into()),
        authors: vec!["Ä. Nonymous".into()],
        extra: BTreeMap::from([("b".into(), "2".into()), ("a".into(), "1".into())]),
        extensions: vec![Extension { id: 7, bytes: vec![1, 2, 3] }],
    }
}

fn published() -> Published {
    Published {
        name: "acme/reviews/de".parse().unwrap(),
        tag: "v1".parse().unwrap(),
        card: card().to_canonical().unwrap(),
    }
}

fn entry() -> Entry {
    let target = || Target {
        name: "Acme/reviews/de".parse().unwrap(),
        tag: "v1".parse().unwrap(),
        digest: published().digest(),
    };
    let actions =
        [Action::Publish(published()), Action::Yank(target()), Action::Unyank(target()), Action::Remove(target())];
    let mut records: Vec<Record> = actions.iter().map(|action| action.to_record().unwrap()).collect();
    records.push(Record { kind: 900, flags: 0, payload: b"from the future".to_vec() });
    Entry {
        number: 42,
        previous: RegistryId([7; 16]).genesis(),
        transaction: *b"0123456789abcdef",
        time: 1_763_942_400_000,
        writer: Writer { user: "ada".into(), host: "engine".into(), program: "esmhub 0.1.0".into() },
        records,
    }
}

#[test]
fn every_codec_still_writes_and_reads_its_golden_bytes() {
    for codec in Codec::ALL {
        let object = Object::encode(&map(), codec).unwrap();
        let file = read_or_write(&format!("object-{codec}.frame"), &object.to_frame().unwrap());
        let (canonical, digest) = frame::decode(Content::Object, &file).unwrap();
        assert_eq!(canonical, object.canonical(), "{codec}");
        assert_eq!(Object::from_frame(&file, &digest).unwrap(), object);
    }
}

#[test]
fn the_log_entry_is_its_golden_bytes() {
    let (frame_bytes, digest) = entry().to_frame().unwrap();
    let file = read_or_write("entry.frame", &frame_bytes);
    assert_eq!(Entry::from_frame(&file).unwrap(), (entry(), digest));
    let actions: Vec<Action> = entry().actions().map(Result::unwrap).collect();
    assert_eq!(actions[4], Action::Unknown { kind: 900, stops_readers: false, stops_writers: false });
    assert!(matches!(&actions[0], Action::Publish(p) if p.card().unwrap() == card()));
}

#[test]
fn the_bundle_is_its_golden_bytes() {
    let bundled = Bundled { published: published(), object: Object::encode(&map(), Codec::Int4).unwrap() };
    let mut bytes = Vec::new();
    bundle::append(&bundled, &mut bytes).unwrap();
    let file = read_or_write("bundle.esm", &bytes);
    let read: Vec<Bundled> = bundle::read(&file).map(Result::unwrap).collect();
    assert_eq!(read, [bundled]);
}

#[test]
fn digests_are_what_they_were() {
    let digests: Vec<String> = Codec::ALL
        .iter()
        .map(|codec| Object::encode(&map(), *codec).unwrap().digest().to_string())
        .chain([card().digest().unwrap().to_string(), entry().to_frame().unwrap().1.to_string()])
        .collect();
    let file = read_or_write("digests.txt", (digests.join("\n") + "\n").as_bytes());
    assert_eq!(String::from_utf8(file).unwrap().lines().collect::<Vec<_>>(), digests);
}

#[test]
fn f32_keeps_every_bit() {
    let odd = [f32::MIN_POSITIVE, -0.0, 1.0e-45, f32::MAX, f32::MIN, 0.1, 1.0 / 3.0, -1.0, 2.0f32.powi(-126)];
    let map = DenseMap::new(odd.to_vec(), vec![1.5, -0.0, 1.0e-45]).unwrap();
    let object = Object::encode(&map, Codec::F32).unwrap();
    let bits = |values: &[f32]| values.iter().map(|v| v.to_bits()).collect::<Vec<_>>();
    assert_eq!(bits(dense(&object).weight()), bits(map.weight()));
    assert_eq!(bits(object.map().bias()), bits(map.bias()));
}

#[test]
fn coarser_codecs_stay_within_half_a_step() {
    let map = map();
    for (codec, most) in [(Codec::F16, 0.0006), (Codec::Int8, 0.005), (Codec::Int4, 0.07)] {
        let error = map.relative_error(&dense(&Object::encode(&map, codec).unwrap()));
        assert!(error > 0.0 && error < most, "{codec}: {error}");
    }
}

#[test]
fn values_beyond_a_codec_are_refused_and_not_clipped() {
    let huge = DenseMap::new(vec![1e6, -1e6, 0.0, 1e6], vec![0.0, 0.0]).unwrap();
    for codec in [Codec::F16, Codec::Int4] {
        assert!(matches!(Object::encode(&huge, codec), Err(FormatError::Invalid { .. })), "{codec}");
    }
    assert!(dense(&Object::encode(&huge, Codec::Int8).unwrap()).weight()[0] > 9.9e5);
    for odd in [f32::NAN, f32::INFINITY] {
        assert!(DenseMap::new(vec![odd], vec![0.0]).is_err());
        assert!(DenseMap::new(vec![0.0], vec![odd]).is_err());
    }
}

#[test]
fn a_kind_codec_or_version_from_the_future_is_newer_and_not_damage() {
    let canonical = Object::encode(&map(), Codec::Int8).unwrap().canonical().to_vec();
    for at in [0, 2] {
        let mut changed = canonical.clone();
        changed[at] = 99;
        assert!(matches!(Object::from_canonical(changed), Err(FormatError::Newer { found: 99, .. })));
    }
    let mut newer = card().to_canonical().unwrap();
    newer[0] = 2;
    assert!(matches!(Card::from_canonical(&newer), Err(FormatError::Newer { found: 2, .. })));

    let mut critical = card();
    critical.extensions.push(Extension { id: Extension::CRITICAL, bytes: vec![] });
    let bytes = critical.to_canonical().unwrap();
    assert!(matches!(Card::from_canonical(&bytes), Err(FormatError::Newer { .. })));
}

#[test]
fn lengths_that_do_not_fit_are_refused() {
    for codec in Codec::ALL {
        let canonical = Object::encode(&map(), codec).unwrap().canonical().to_vec();
        for end in [0, 1, 23, 24, 25, canonical.len() - 1] {
            assert!(matches!(Object::from_canonical(canonical[..end].to_vec()), Err(FormatError::Invalid { .. })));
        }
        let longer = [&canonical[..], &[0]].concat();
        assert!(matches!(Object::from_canonical(longer), Err(FormatError::Invalid { .. })));
        let mut larger = canonical.clone();
        larger[4..8].copy_from_slice(&u32::MAX.to_le_bytes());
        assert!(matches!(Object::from_canonical(larger), Err(FormatError::Invalid { .. })));
    }
    // A text that claims 2^60 bytes: refused before anything is allocated for it.
    let mut bytes = card().to_canonical().unwrap();
    let id = 2 + 32 + 8 + 2 + 2 + 4 + 8;
    bytes[id..id + 8].copy_from_slice(&(1u64 << 60).to_le_bytes());
    assert!(matches!(Card::from_canonical(&bytes), Err(FormatError::Invalid { .. })));
}

#[test]
fn cards_that_could_lie_to_a_terminal_or_to_a_reader_are_refused() {
    let refused: [fn(&mut Card); 6] = [
        |card| card.base.id = "a\u{1b}[2J".into(),
        |card| card.base.id.clear(),
        |card| card.authors.push("a\nb".into()),
        |card| card.fit.penalty = Some(f64::NAN),
        |card| card.extensions.push(Extension { id: 7, bytes: vec![] }),
        |card| card.weights.dimension = 0,
    ];
    for (case, change) in refused.into_iter().enumerate() {
        let mut card = card();
        change(&mut card);
        assert!(matches!(card.to_canonical(), Err(FormatError::Invalid { .. })), "case {case}");
    }
    let mut large = card();
    large.extra.insert("notes".into(), "x".repeat(9000));
    assert!(large.to_canonical().is_err());
}

#[test]
fn two_spellings_of_one_card_are_refused() {
    // The keys of `extra` the other way round: the same map to a lenient reader, another digest.
    let bytes = card().to_canonical().unwrap();
    let pair = |key: u8, value: u8| {
        let mut out = 1u64.to_le_bytes().to_vec();
        out.push(key);
        out.extend_from_slice(&1u64.to_le_bytes());
        out.push(value);
        out
    };
    let ordered = [pair(b'a', b'1'), pair(b'b', b'2')].concat();
    let swapped = [pair(b'b', b'2'), pair(b'a', b'1')].concat();
    let at = bytes.windows(ordered.len()).position(|window| window == ordered).expect("extra stands in the card");
    let mut other = bytes.clone();
    other[at..at + swapped.len()].copy_from_slice(&swapped);
    assert!(matches!(Card::from_canonical(&other), Err(FormatError::Invalid { .. })));
}
