//! Anchor sets, and what cards and log entries say of them: each rule, broken on its own.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, missing_docs)]

use esmhub_store_format::anchors::{AnchorDomain, AnchorSet, embedded_digest};
use esmhub_store_format::card::{BaseModel, Derivation, DomainFidelity, Extension, Fidelity, Weights};
use esmhub_store_format::log::{Action, CurrentAnchors, Record};
use esmhub_store_format::sketch::{Sketch, TextSet};
use esmhub_store_format::{Card, Codec, Digest, FormatError, LowRankMap, Object};

fn domain(label: &str, texts: &[&str]) -> AnchorDomain {
    AnchorDomain { label: label.into(), texts: texts.iter().map(|&text| text.into()).collect() }
}

fn set() -> AnchorSet {
    AnchorSet { license: None, origin: None, domains: vec![domain("news", &["one", "two"]), domain("law", &["three"])] }
}

/// The bytes that a writer without rules would write.
fn unchecked(set: &AnchorSet) -> Vec<u8> {
    fn text(text: &str) -> Vec<u8> {
        [&(text.len() as u64).to_le_bytes(), text.as_bytes()].concat()
    }
    let optional = |given: &Option<String>| given.as_ref().map_or(vec![0], |given| [vec![1], text(given)].concat());
    let mut bytes = vec![3, 0, 1, 0];
    bytes.extend([optional(&set.license), optional(&set.origin)].concat());
    bytes.extend((set.domains.len() as u64).to_le_bytes());
    for domain in &set.domains {
        bytes.extend(text(&domain.label));
        bytes.extend((domain.texts.len() as u64).to_le_bytes());
        domain.texts.iter().for_each(|given| bytes.extend(text(given)));
    }
    bytes
}

fn assert_invalid(set: &AnchorSet, what: &str) {
    assert!(matches!(set.to_canonical(), Err(FormatError::Invalid { .. })), "{what} was written");
    assert!(matches!(AnchorSet::from_canonical(&unchecked(set)), Err(FormatError::Invalid { .. })), "{what} was read");
}

#[test]
fn what_is_read_is_written_again() {
    let texts = ["a\nb", "\t<b>\u{1b}[0m", "ä", " x "];
    let sets = [
        set(),
        AnchorSet { license: Some("MIT".into()), origin: Some(String::new()), domains: vec![domain(" ", &texts)] },
        AnchorSet { domains: (0..48).map(|n| domain(&format!("{n}"), &["x"])).collect(), ..set() },
        AnchorSet {
            domains: vec![domain(&"ä".repeat(32), &["x"]), domain("News", &["x"]), domain("news", &["x"])],
            ..set()
        },
    ];
    for set in sets {
        let canonical = set.to_canonical().unwrap();
        assert_eq!(canonical, unchecked(&set));
        assert_eq!(AnchorSet::from_canonical(&canonical).unwrap(), set);
        assert_eq!(set.digest().unwrap(), Digest::of(&canonical));
        assert_eq!(set.to_frame().unwrap().1, Digest::of(&canonical));
    }
    assert_eq!((set().len(), set().texts().collect::<Vec<_>>()), (3, vec!["one", "two", "three"]));
}

#[test]
fn every_broken_rule_is_refused_by_writer_and_reader() {
    let with = |domains| AnchorSet { domains, ..set() };
    assert_invalid(&with(vec![]), "no domain");
    assert_invalid(&with((0..49).map(|n| domain(&format!("{n}"), &["x"])).collect()), "a domain too many");
    assert_invalid(&with(vec![domain("a", &[])]), "a domain without texts");
    assert_invalid(&with(vec![domain("a", &["x"]), domain("b", &["x"]), domain("a", &["y"])]), "a label twice");
    for label in ["", "a\nb", "\u{7f}", &"x".repeat(65), &"ä".repeat(33)] {
        assert_invalid(&with(vec![domain(label, &["x"])]), label);
    }
    for blank in ["", " ", "\n\t", "\u{3000}\u{a0}"] {
        assert_invalid(&with(vec![domain("a", &["x", blank])]), "a blank text");
    }
    assert_invalid(&AnchorSet { license: Some("a\u{1b}".into()), ..set() }, "a licence with a control character");
    assert_invalid(&AnchorSet { origin: Some("a\nb".into()), ..set() }, "an origin with a control character");
}

#[test]
fn a_set_over_its_limit_is_refused_by_writer_and_reader() {
    let room = 4 * 1024 * 1024 - unchecked(&AnchorSet { domains: vec![domain("a", &[""])], ..set() }).len();
    let of = |length: usize| AnchorSet { domains: vec![domain("a", &[&"x".repeat(length)])], ..set() };
    let canonical = of(room).to_canonical().unwrap();
    assert_eq!(AnchorSet::from_canonical(&canonical).unwrap(), of(room));
    assert!(matches!(of(room + 1).to_canonical(), Err(FormatError::TooLarge { .. })));
    assert!(matches!(AnchorSet::from_canonical(&unchecked(&of(room + 1))), Err(FormatError::TooLarge { .. })));
    // The most texts that fit, of one byte each.
    let many = (4 * 1024 * 1024 - unchecked(&AnchorSet { domains: vec![domain("a", &[])], ..set() }).len()) / 9;
    let many = AnchorSet { domains: vec![AnchorDomain { label: "a".into(), texts: vec!["x".into(); many] }], ..set() };
    let canonical = many.to_canonical().unwrap();
    assert_eq!(AnchorSet::from_canonical(&canonical).unwrap(), many);
}

#[test]
fn a_map_is_no_anchor_set_and_the_other_way_round() {
    let map = LowRankMap::new(1.0, vec![], vec![0.0]).unwrap();
    let object = Object::encode_low_rank(&map, Codec::F32).unwrap();
    assert!(matches!(AnchorSet::from_canonical(object.canonical()), Err(FormatError::Invalid { .. })));
    let canonical = set().to_canonical().unwrap();
    assert!(matches!(Object::from_canonical(canonical.clone()), Err(FormatError::Invalid { .. })));
    for at in [0, 2] {
        let mut later = canonical.clone();
        later[at] = 9;
        assert!(matches!(AnchorSet::from_canonical(&later), Err(FormatError::Newer { found: 9, .. })));
        assert!(matches!(AnchorSet::from_canonical(&later[..4]), Err(FormatError::Newer { .. })));
    }
}

#[test]
fn cuts_and_claims_are_refused() {
    let canonical = set().to_canonical().unwrap();
    for end in 0..canonical.len() {
        assert!(matches!(AnchorSet::from_canonical(&canonical[..end]), Err(FormatError::Invalid { .. })), "{end}");
    }
    assert!(AnchorSet::from_canonical(&[&canonical[..], &[0]].concat()).is_err());
    // Number of domains, length of a label, number of texts, length of a text: refused before anything is allocated.
    for at in [6, 14, 26, 34] {
        for claim in [1 << 20, 1 << 40, 1 << 60, u64::MAX] {
            let mut claims = canonical.clone();
            claims[at..at + 8].copy_from_slice(&u64::to_le_bytes(claim));
            assert!(matches!(AnchorSet::from_canonical(&claims), Err(FormatError::Invalid { .. })), "{at}: {claim}");
        }
    }
}

#[test]
fn the_digest_of_embeddings_is_the_one_that_the_specification_states() {
    let domains = [("news", 2, &[1.0f32, -0.0, 0.5, 2.0][..]), ("ä", 1, &[3.0])];
    let mut bytes = Vec::new();
    for (label, dimension, values) in domains {
        bytes.extend((label.len() as u64).to_le_bytes());
        bytes.extend(label.as_bytes());
        bytes.extend(u32::to_le_bytes(dimension));
        bytes.extend((values.len() as u64).to_le_bytes());
        values.iter().for_each(|value| bytes.extend(value.to_le_bytes()));
    }
    assert_eq!(embedded_digest(domains), Digest::of(&bytes));
    let swapped = [domains[1], domains[0]];
    assert_ne!(embedded_digest(swapped), embedded_digest(domains));
}

fn card() -> Card {
    let map = LowRankMap::new(1.0, vec![], vec![0.0]).unwrap();
    let object = Object::encode_low_rank(&map, Codec::F32).unwrap();
    Card::imported(Weights::of(&object, 0.0), BaseModel::named("base"))
}

#[test]
fn facts_that_break_a_rule_get_into_no_card() {
    let one = |label: Option<&str>, r2| DomainFidelity { label: label.map(Into::into), rows: 1, r2 };
    let of = |domains| Fidelity { anchor_rows: 1, domains };
    let fine = [of(vec![]), of(vec![one(None, -1e6)]), of((0..49).map(|_| one(Some(&"x".repeat(64)), 0.5)).collect())];
    for fidelity in fine {
        let mut card = card();
        card.set_fidelity(&of(vec![one(None, 0.0)])).unwrap();
        card.set_fidelity(&fidelity).unwrap();
        assert_eq!(card.extensions.len(), 1, "the second replaces the first");
        let read = Card::from_canonical(&card.to_canonical().unwrap()).unwrap();
        assert_eq!(read.fidelity(), Some(fidelity));
    }
    let broken = [
        of(vec![one(None, 1.000_001)]),
        of(vec![one(None, -1e6 - 1.0)]),
        of(vec![one(None, f64::NAN)]),
        of(vec![one(Some("a"), f64::INFINITY)]),
        of(vec![one(Some(""), 0.0)]),
        of(vec![one(Some("a\u{1b}"), 0.0)]),
        of(vec![one(Some(&"x".repeat(65)), 0.0)]),
        of((0..50).map(|_| one(None, 0.0)).collect()),
    ];
    for (case, fidelity) in broken.iter().enumerate() {
        let mut card = card();
        assert!(matches!(card.set_fidelity(fidelity), Err(FormatError::Invalid { .. })), "case {case}");
        assert!(card.extensions.is_empty());
    }
    let broken = Derivation { weights: Digest::of(b""), how: "a\nb".into() };
    assert!(matches!(card().set_derivation(&broken), Err(FormatError::Invalid { .. })));
}

#[test]
fn an_extension_that_is_known_and_broken_refuses_its_card() {
    let mut fine = card();
    fine.set_fidelity(&Fidelity { anchor_rows: 1, domains: vec![] }).unwrap();
    fine.set_derivation(&Derivation { weights: Digest::of(b""), how: "recompress".into() }).unwrap();
    fine.set_sketch(&Sketch::of(&TextSet::of(["rain", "snow"]), 100).unwrap());
    let intact = Card::from_canonical(&fine.to_canonical().unwrap()).unwrap();
    for Extension { id, bytes } in intact.extensions {
        for broken in [bytes[..bytes.len() - 1].to_vec(), [&bytes[..], &[0]].concat(), vec![]] {
            let refused = Card { extensions: vec![Extension { id, bytes: broken.clone() }], ..card() };
            assert!(matches!(refused.to_canonical(), Err(FormatError::Invalid { .. })), "extension {id}");
            let unknown = Card { extensions: vec![Extension { id: 4, bytes: broken }], ..card() };
            assert_eq!(Card::from_canonical(&unknown.to_canonical().unwrap()).unwrap(), unknown);
        }
    }
}

#[test]
fn a_record_of_anchors_names_a_base_model() {
    for set in [None, Some(Digest::of(b"set"))] {
        let action = Action::Anchors(CurrentAnchors { base: "Ä/base model".into(), set });
        let record = action.to_record().unwrap();
        assert_eq!((record.kind, record.flags), (5, Record::STOPS_WRITERS));
        assert_eq!(Action::from_record(&record).unwrap(), action);
        for payload in [&record.payload[..record.payload.len() - 1], &[&record.payload[..], &[0]].concat()] {
            let broken = Record { payload: payload.to_vec(), ..record };
            assert!(matches!(Action::from_record(&broken), Err(FormatError::Invalid { .. })));
        }
    }
    for base in ["", "a\nb", "\u{9b}"] {
        let action = Action::Anchors(CurrentAnchors { base: base.into(), set: None });
        assert!(matches!(action.to_record(), Err(FormatError::Invalid { .. })), "{base:?}");
        let payload = [&(base.len() as u64).to_le_bytes(), base.as_bytes(), &[0]].concat();
        let record = Record { kind: 5, flags: 2, payload };
        assert!(matches!(Action::from_record(&record), Err(FormatError::Invalid { .. })), "{base:?}");
    }
    let of = |length: usize| Action::Anchors(CurrentAnchors { base: "x".repeat(length), set: None });
    let longest = of(10 * 1024 - 9);
    assert_eq!(Action::from_record(&longest.to_record().unwrap()).unwrap(), longest);
    assert!(matches!(of(10 * 1024 - 8).to_record(), Err(FormatError::TooLarge { .. })));
    let mut record = longest.to_record().unwrap();
    record.payload.push(0);
    assert!(matches!(Action::from_record(&record), Err(FormatError::TooLarge { .. })));
}
