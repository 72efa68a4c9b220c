//! Edges of the rules, one by one: where two readers of SPEC.md are likeliest to part.

use super::frame::{Content, only};
use super::golden::{BUNDLE, ENTRY, OBJECTS, bundle_parts};
use super::reader::digest;
use super::sealed;
use super::twins::{self, Called};

/// The canonical bytes of an object of codec `f32` with D = 1.
fn tiny(weight: f32) -> Vec<u8> {
    let header = [1, 0, 1, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0];
    [&header[..], &weight.to_le_bytes(), &[0; 4]].concat()
}

fn text(text: &str) -> Vec<u8> {
    [&u64::try_from(text.len()).unwrap().to_le_bytes()[..], text.as_bytes()].concat()
}

/// A card that says next to nothing, with these authors and these pairs in `extra`.
fn card(authors: &[String], extra: &[(String, String)]) -> Vec<u8> {
    let (record, _) = bundle_parts();
    let golden = super::entry::publish(&record).unwrap().card;
    let weights = 2 + 32 + 8 + 2 + 2 + 4 + 8;
    let mut card = golden[..weights].to_vec();
    card.extend(text("base"));
    card.extend([0; 6]); // nothing else of the base model
    card.extend([0; 4]); // dataset, revision, subset, split
    card.extend([0; 8]); // no text columns
    card.extend([0; 4]); // label column, language, rows, seed
    card.extend([0; 4]); // imported
    card.extend([0; 7]); // nothing else of the fit
    card.push(0); // no licence
    card.extend(u64::try_from(authors.len()).unwrap().to_le_bytes());
    authors.iter().for_each(|author| card.extend(text(author)));
    card.extend(u64::try_from(extra.len()).unwrap().to_le_bytes());
    extra
        .iter()
        .for_each(|(key, value)| card.extend([text(key), text(value)].concat()));
    card.extend([0; 8]); // no extensions
    card
}

/// The canonical bytes of an entry with these records: kind, flags, payload.
fn entry(records: &[(u16, u16, Vec<u8>)]) -> Vec<u8> {
    let mut entry = vec![1, 0, 1, 0, 0, 0, 0, 0, 0, 0];
    entry.extend(digest(&[0x11; 16]));
    entry.extend([0; 16 + 8]);
    entry.extend([text("ada"), text("engine"), text("esmhub")].concat());
    entry.extend(u64::try_from(records.len()).unwrap().to_le_bytes());
    for (kind, flags, payload) in records {
        entry.extend([kind.to_le_bytes(), flags.to_le_bytes()].concat());
        entry.extend(u64::try_from(payload.len()).unwrap().to_le_bytes());
        entry.extend(payload);
    }
    entry
}

fn object_verdict(canonical: &[u8], what: &str) -> Result<super::object::Object, Called> {
    twins::object(&sealed::stored(Content::Object, canonical))
        .agreed(what)
        .map(|(object, _)| object)
}

#[test]
fn many_short_texts_fit_into_a_card() {
    let authors: Vec<String> = (0..500).map(|number| format!("{number:03}")).collect();
    twins::card(&card(&authors, &[])).agreed("500 authors").unwrap();
    let extra: Vec<_> = authors
        .iter()
        .take(350)
        .map(|key| (key.clone(), "1".to_owned()))
        .collect();
    twins::card(&card(&[], &extra)).agreed("350 pairs").unwrap();
}

#[test]
fn an_entry_may_be_full_of_empty_records_behind_a_large_one() {
    let mut records = vec![(900, 0, vec![0; 15 << 20])];
    records.resize(60_000, (901, 0, Vec::new()));
    twins::entry(&sealed::compressed(Content::Entry, &entry(&records)))
        .agreed("a full entry")
        .unwrap();
    records.resize(65_537, (901, 0, Vec::new()));
    records[0].2.clear();
    let file = sealed::compressed(Content::Entry, &entry(&records));
    assert_eq!(
        twins::entry(&file).agreed("a record too many").err(),
        Some(Called::Invalid)
    );
}

#[test]
fn the_spare_half_byte_of_int4_is_no_second_spelling() {
    let mut canonical = only(OBJECTS[3].0, Content::Object).unwrap().canonical;
    let last_of_matrix = canonical.len() - 4 * 33 - 1;
    canonical[last_of_matrix] |= 0x10;
    assert_eq!(object_verdict(&canonical, "spare half byte"), Err(Called::Invalid));
}

#[test]
fn a_kind_from_the_future_is_newer_however_short_it_is() {
    for canonical in [&[2, 0][..], &[2, 0, 1, 0, 1, 0, 0, 0], &[1, 0, 9, 0]] {
        assert_eq!(object_verdict(canonical, "a later object"), Err(Called::Newer));
    }
    for canonical in [&[][..], &[1], &[2], &[1, 0], &[1, 0, 1, 0]] {
        assert_eq!(object_verdict(canonical, "not even a header"), Err(Called::Invalid));
    }
}

#[test]
fn minus_zero_stays_on_the_diagonal() {
    let object = object_verdict(&tiny(-0.0), "minus zero").unwrap();
    assert_eq!(object.weight[0].to_bits(), (-0.0_f32).to_bits());
}

#[test]
fn a_dimension_over_the_limit_is_invalid_and_not_too_large() {
    for dimension in [0_u32, 8193, u32::MAX] {
        let mut canonical = tiny(1.0);
        canonical[4..8].copy_from_slice(&dimension.to_le_bytes());
        assert_eq!(object_verdict(&canonical, "dimension"), Err(Called::Invalid));
    }
}

#[test]
fn a_card_that_differs_from_its_object_in_more_than_the_digest_is_invalid() {
    let (record, object) = bundle_parts();
    let weights = record.windows(32).position(|window| window == digest(&object)).unwrap() + 32;
    // Length, kind, codec and dimension, one after the other.
    for at in [0, 8, 10, 12] {
        let mut record = record.clone();
        record[weights + at] ^= 1;
        let file = [
            sealed::stored(Content::Publish, &record),
            sealed::stored(Content::Object, &object),
        ]
        .concat();
        assert_eq!(
            twins::bundle(&file).agreed("R25").err(),
            Some(Called::Invalid),
            "offset {at}"
        );
    }
}

#[test]
fn a_card_may_have_a_kind_and_a_codec_that_its_reader_does_not_know() {
    let mut card = card(&[], &[]);
    card[2 + 32 + 8..2 + 32 + 8 + 4].copy_from_slice(&[9, 0, 9, 0]);
    let card = twins::card(&card).agreed("later weights").unwrap();
    assert_eq!((card.weights.kind, card.weights.codec), (9, 9));
}

#[test]
fn a_card_over_its_limit_is_too_large_wherever_it_stands() {
    let long = |length: usize| card(&["x".repeat(length)], &[]);
    let room = 8 * 1024 - long(0).len();
    assert!(twins::card(&long(room)).agreed("the longest card").is_ok());
    assert_eq!(
        twins::card(&long(room + 1)).agreed("a longer card").err(),
        Some(Called::TooLarge)
    );

    let record = |card: Vec<u8>| [text("a"), text("v1"), text(""), card].concat();
    let publish = |card: Vec<u8>| {
        let mut record = record(Vec::new());
        let length = record.len() - 8;
        record[length..].copy_from_slice(&u64::try_from(card.len()).unwrap().to_le_bytes());
        [record, card].concat()
    };
    for (card, called) in [
        (long(room + 1), Called::TooLarge),
        (long(room + 3000), Called::TooLarge),
    ] {
        let file = sealed::stored(Content::Entry, &entry(&[(1, 3, publish(card.clone()))]));
        let (_, meanings) = twins::entry(&file).agreed("in an entry").unwrap();
        let said = match meanings.into_iter().next().unwrap() {
            Ok((_, card)) => card.unwrap().unwrap_err(),
            Err(called) => called,
        };
        assert_eq!(said, called);
        let file = sealed::stored(Content::Publish, &publish(card));
        assert_eq!(twins::bundle(&file).agreed("in a bundle").err(), Some(called));
    }
}

#[test]
fn a_publish_record_counts_although_its_card_is_newer() {
    let mut later = card(&[], &[]);
    later[0] = 2;
    let mut record = [text("a"), text("v1")].concat();
    record.extend(u64::try_from(later.len()).unwrap().to_le_bytes());
    record.extend(&later);
    let file = sealed::stored(Content::Entry, &entry(&[(1, 3, record)]));
    let (_, meanings) = twins::entry(&file).agreed("a later card").unwrap();
    assert!(
        matches!(&meanings[0], Ok((_, Some(Err(Called::Newer))))),
        "{meanings:?}"
    );
}

#[test]
fn unknown_records_stop_whom_their_flags_say() {
    let records: Vec<_> = (0..4).map(|flags| (900, flags, b"anything".to_vec())).collect();
    let file = sealed::stored(Content::Entry, &entry(&records));
    let (_, meanings) = twins::entry(&file).agreed("flags").unwrap();
    let skipped = |stops_writers| {
        Ok((
            super::entry::Action::Unknown {
                kind: 900,
                stops_writers,
            },
            None,
        ))
    };
    assert_eq!(
        meanings,
        [skipped(false), Err(Called::Newer), skipped(true), Err(Called::Newer)]
    );
}

#[test]
fn names_are_judged_alike() {
    let long = [
        "a".repeat(96),
        "a".repeat(97),
        vec!["a"; 8].join("/"),
        vec!["a"; 9].join("/"),
    ];
    let odd = [
        "", "a", "A-b_c.d", "/a", "a/", "a//b", ".a", "a.", "a..b", "a b", "a:b", "a\\b", "ä", "con", "CON.x", "con-",
        "xcon", "a/nul", "com0", "com1", "com10", "LPT9.tar", "com", "aux.b.c", "..", "a/../b", "a\u{7f}", "a\n",
    ];
    let mut accepted = Vec::new();
    for name in long.iter().map(String::as_str).chain(odd) {
        let yank = |name: &str, tag: &str| [text(name), text(tag), vec![7; 32]].concat();
        for (kind, payload) in [(2, yank(name, "v1")), (3, yank("a", name))] {
            let file = sealed::stored(Content::Entry, &entry(&[(kind, 3, payload)]));
            let (_, meanings) = twins::entry(&file).agreed(name).unwrap();
            accepted.extend(meanings[0].is_ok().then_some((kind, name)));
        }
    }
    let fine = [
        &*long[0], "a", "A-b_c.d", "a..b", "con-", "xcon", "com0", "com10", "com",
    ];
    let both = fine.iter().flat_map(|name| [(2, *name), (3, *name)]);
    let mut expected: Vec<_> = both.collect();
    expected.insert(2, (2, &*long[2]));
    assert_eq!(accepted, expected);
}

#[test]
fn control_characters_reach_nobody() {
    for code in 0..0xa2 {
        let odd = char::from_u32(code).unwrap();
        let author = format!("a{odd}b");
        let verdict = twins::card(&card(&[author.clone()], &[])).agreed("author");
        assert_eq!(
            verdict.is_ok(),
            !(code < 0x20 || (0x7f..0xa0).contains(&code)),
            "{code:#x}"
        );
        let key = twins::card(&card(&[], &[(author, String::new())])).agreed("key of extra");
        assert_eq!(key.is_ok(), verdict.is_ok());
    }
}

#[test]
fn a_payload_is_one_zstd_frame_and_nothing_else() {
    let canonical = only(ENTRY, Content::Entry).unwrap().canonical;
    let frame = zstd::bulk::compress(&canonical, 3).unwrap();
    let half = zstd::bulk::compress(&canonical[..100], 3).unwrap();
    let other_half = zstd::bulk::compress(&canonical[100..], 3).unwrap();
    let skippable = [0x50, 0x2a, 0x4d, 0x18, 4, 0, 0, 0, 1, 2, 3, 4];
    // 32 bits of window descriptor's range: 2^41, and 2^23 with one step more.
    let mut wide = zstd::stream::encode_all(&canonical[..], 1).unwrap();
    assert_eq!(wide[4] & 0x20, 0, "a streamed frame has a window descriptor");
    let payloads = [
        ("one byte behind", [&frame[..], &[0]].concat()),
        ("two frames", [half, other_half].concat()),
        ("a skippable frame before", [&skippable[..], &frame].concat()),
        ("a skippable frame behind", [&frame[..], &skippable].concat()),
        ("a skippable frame alone", skippable.to_vec()),
        ("nothing", Vec::new()),
    ];
    let verdict = |payload: &[u8]| twins::entry(&sealed::around(Content::Entry, 1, &canonical, payload));
    for (what, payload) in payloads {
        assert_eq!(verdict(&payload).agreed(what).err(), Some(Called::Damage), "{what}");
    }
    for (window, accepted) in [(13 << 3, true), (13 << 3 | 1, false), (31 << 3 | 7, false)] {
        wide[5] = window;
        let called = verdict(&wide).agreed("window").err();
        assert_eq!(called, (!accepted).then_some(Called::Damage), "{window:#x}");
    }
    let bomb = zstd::bulk::compress(&vec![0; 64 << 20], 1).unwrap();
    assert_eq!(verdict(&bomb).agreed("bomb").err(), Some(Called::Damage));
}

#[test]
fn nothing_is_a_bundle_of_nothing() {
    assert_eq!(twins::bundle(&[]).agreed("no bytes").map(|esms| esms.len()), Ok(0));
    let (record, _) = bundle_parts();
    let alone = sealed::stored(Content::Publish, &record);
    assert_eq!(
        twins::bundle(&alone).agreed("a record alone").err(),
        Some(Called::Damage)
    );
    let swapped = [OBJECTS[3].0, &alone].concat();
    assert_eq!(
        twins::bundle(&swapped).agreed("the other way round").err(),
        Some(Called::Invalid)
    );
    assert_eq!(
        twins::entry(BUNDLE).agreed("a bundle for an entry").err(),
        Some(Called::Invalid)
    );
}
