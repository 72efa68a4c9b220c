//! Edges of the rules for cards, records and log entries, one by one: where two readers of SPEC.md are likeliest to part.

use super::entry::{self, Action, Loss};
use super::frame::Content;
use super::golden::bundle_parts;
use super::reader::digest;
use super::sealed;
use super::twins::{self, Called};

/// `bytes`, as section 1 writes them.
fn bytes(bytes: &[u8]) -> Vec<u8> {
    [&u64::try_from(bytes.len()).unwrap().to_le_bytes(), bytes].concat()
}

/// `text`, as section 1 writes it.
fn text(text: &str) -> Vec<u8> {
    bytes(text.as_bytes())
}

/// The payload of a record that publishes this card.
fn publishing(card: &[u8]) -> Vec<u8> {
    [text("a"), text("v1"), bytes(card)].concat()
}

/// A card that says next to nothing, with these authors and these pairs in `extra`.
fn card(authors: &[String], extra: &[(String, String)]) -> Vec<u8> {
    let (record, _) = bundle_parts();
    let golden = entry::publish(&record).unwrap().card;
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
    extra.iter().for_each(|(key, value)| card.extend([text(key), text(value)].concat()));
    card.extend([0; 8]); // no extensions
    card
}

/// The canonical bytes of an entry with these records: kind, flags, payload.
fn entry_with(records: &[(u16, u16, Vec<u8>)]) -> Vec<u8> {
    let mut entry = vec![1, 0, 1, 0, 0, 0, 0, 0, 0, 0];
    entry.extend(digest(&[0x11; 16]));
    entry.extend([0; 16 + 8]);
    entry.extend([text("ada"), text("engine"), text("esmhub")].concat());
    entry.extend(u64::try_from(records.len()).unwrap().to_le_bytes());
    for (kind, flags, payload) in records {
        entry.extend([kind.to_le_bytes(), flags.to_le_bytes()].concat());
        entry.extend(bytes(payload));
    }
    entry
}

#[test]
fn many_short_texts_fit_into_a_card() {
    let authors: Vec<String> = (0..500).map(|number| format!("{number:03}")).collect();
    twins::card(&card(&authors, &[])).agreed("500 authors").unwrap();
    let extra: Vec<_> = authors.iter().take(350).map(|key| (key.clone(), "1".to_owned())).collect();
    twins::card(&card(&[], &extra)).agreed("350 pairs").unwrap();
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
    assert_eq!(twins::card(&long(room + 1)).agreed("a longer card").err(), Some(Called::TooLarge));

    // The second card is longer than a whole publish record may be.
    for card in [long(room + 1), long(room + 3000)] {
        let file = sealed::stored(Content::Entry, &entry_with(&[(1, 3, publishing(&card))]));
        let (_, meanings) = twins::entry(&file).agreed("in an entry").unwrap();
        let called = match meanings.into_iter().next().unwrap() {
            Ok((_, card)) => card.unwrap().unwrap_err(),
            Err(called) => called,
        };
        assert_eq!(called, Called::TooLarge);
        let file = sealed::stored(Content::Publish, &publishing(&card));
        assert_eq!(twins::bundle(&file).agreed("in a bundle").err(), Some(Called::TooLarge));
    }
}

#[test]
fn control_characters_reach_nobody() {
    for code in 0..0xa2 {
        let odd = char::from_u32(code).unwrap();
        let author = format!("a{odd}b");
        let verdict = twins::card(&card(std::slice::from_ref(&author), &[])).agreed("author");
        assert_eq!(verdict.is_ok(), !(code < 0x20 || (0x7f..0xa0).contains(&code)), "{code:#x}");
        let key = twins::card(&card(&[], &[(author, String::new())])).agreed("key of extra");
        assert_eq!(key.is_ok(), verdict.is_ok());
    }
}

#[test]
fn an_entry_may_be_full_of_empty_records_behind_a_large_one() {
    let mut records = vec![(900, 0, vec![0; 15 << 20])];
    records.resize(60_000, (901, 0, Vec::new()));
    twins::entry(&sealed::stored(Content::Entry, &entry_with(&records))).agreed("a full entry").unwrap();
    records.resize(65_537, (901, 0, Vec::new()));
    records[0].2.clear();
    let file = sealed::stored(Content::Entry, &entry_with(&records));
    assert_eq!(twins::entry(&file).agreed("a record too many").err(), Some(Called::Invalid));
}

/// R8: 64 times its payload, or 4,096 bytes.
#[test]
fn an_entry_inflates_so_far_and_no_further() {
    let mut random = 1_u64;
    let mut noise = |bytes: usize| -> Vec<u8> {
        let step = |_| {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            random.to_le_bytes()[7]
        };
        (0..bytes).map(step).collect()
    };
    let mut verdicts = Vec::new();
    for (incompressible, zeros) in [(0, 3_500), (0, 20_000), (10_000, 600_000), (10_000, 680_000)] {
        let payload = [noise(incompressible), vec![0; zeros]].concat();
        let file = sealed::compressed(Content::Entry, &entry_with(&[(900, 0, payload)]));
        let canonical = u64::from_le_bytes(file[8..16].try_into().unwrap());
        let most = 64 * u64::from_le_bytes(file[16..24].try_into().unwrap());
        let verdict = twins::entry(&file).agreed("an entry that inflates").map(|_| ());
        assert_eq!(verdict, if canonical <= most.max(4096) { Ok(()) } else { Err(Called::TooLarge) }, "{zeros}");
        verdicts.push(verdict.is_ok());
    }
    assert_eq!(verdicts, [true, false, true, false]);
}

#[test]
fn a_publish_record_counts_although_its_card_is_newer() {
    let mut later = card(&[], &[]);
    later[0] = 2;
    let file = sealed::stored(Content::Entry, &entry_with(&[(1, 3, publishing(&later))]));
    let (_, meanings) = twins::entry(&file).agreed("a later card").unwrap();
    assert!(matches!(&meanings[0], Ok((_, Some(Err(Called::Newer))))), "{meanings:?}");
}

#[test]
fn unknown_records_stop_whom_their_flags_say() {
    let records: Vec<_> = (0..4).map(|flags| (900, flags, b"anything".to_vec())).collect();
    let file = sealed::stored(Content::Entry, &entry_with(&records));
    let (_, meanings) = twins::entry(&file).agreed("flags").unwrap();
    let skipped = |stops_writers| Ok((Action::Unknown { kind: 900, stops_writers }, None));
    assert_eq!(meanings, [skipped(false), Err(Called::Newer), skipped(true), Err(Called::Newer)]);
}

/// A loss record with these runs, and what both readers make of it.
fn loss_verdict(runs: &[(u64, u64)]) -> Result<Action, Called> {
    let mut payload = u64::try_from(runs.len()).unwrap().to_le_bytes().to_vec();
    runs.iter().for_each(|(first, last)| payload.extend([first.to_le_bytes(), last.to_le_bytes()].concat()));
    let file = sealed::stored(Content::Entry, &entry_with(&[(6, 3, payload)]));
    let (_, meanings) = twins::entry(&file).agreed(&format!("{runs:?}")).unwrap();
    meanings.into_iter().next().unwrap().map(|(action, _)| action)
}

#[test]
fn losses_are_judged_alike() {
    let fine = [&[(1, 1)][..], &[(1, 2), (4, 4)], &[(7, 65_542)], &[(1, 1), (3, 3), (u64::MAX, u64::MAX)]];
    for runs in fine {
        assert_eq!(loss_verdict(runs), Ok(Action::Loss(Loss { runs: runs.to_vec() })));
    }
    let odd = [
        &[][..],
        &[(0, 0)],
        &[(2, 1)],
        &[(1, 1), (2, 2)],
        &[(1, 2), (2, 3)],
        &[(4, 4), (1, 1)],
        &[(7, 65_543)],
        &[(1, 1), (3, 65_538)],
        &[(1, u64::MAX)],
        &[(u64::MAX - 1, u64::MAX - 1), (u64::MAX, u64::MAX)],
        &[(u64::MAX, u64::MAX), (0, 0)],
    ];
    for runs in odd {
        assert_eq!(loss_verdict(runs), Err(Called::Invalid), "{runs:?}");
    }
    let spread = |count: u64| (1..=count).map(|at| (2 * at, 2 * at)).collect::<Vec<_>>();
    assert!(loss_verdict(&spread(639)).is_ok());
    assert_eq!(loss_verdict(&spread(640)), Err(Called::TooLarge));
}

#[test]
fn signatures_are_judged_by_their_length_alone() {
    let of = |signature: &[u8]| [text("a"), text("v1"), vec![7; 32], bytes(signature)].concat();
    let verdict = |flags: u16, payload: Vec<u8>| {
        let file = sealed::stored(Content::Entry, &entry_with(&[(7, flags, payload)]));
        let (_, meanings) = twins::entry(&file).agreed("a signature").unwrap();
        meanings.into_iter().next().unwrap().map(|(action, _)| action)
    };
    let target = entry::Target { name: "a".into(), tag: "v1".into(), card: [7; 32] };
    for flags in 0..4 {
        for length in [1, 176, 1024] {
            let signature = entry::Signature { target: target.clone(), bytes: vec![9; length] };
            assert_eq!(verdict(flags, of(&vec![9; length])), Ok(Action::Signature(signature)));
        }
    }
    let whole = of(&[1, 2, 3]);
    let broken = [of(&[]), of(&[9; 1025]), of(&[9; 20_000]), [&whole[..], &[0]].concat()];
    let cut = (0..whole.len()).map(|end| whole[..end].to_vec());
    for payload in broken.into_iter().chain(cut) {
        assert_eq!(verdict(0, payload), Err(Called::Invalid));
    }
}

#[test]
fn outcomes_are_judged_alike() {
    let number = |value: f64| value.to_bits().to_le_bytes().to_vec();
    let some = |bytes: Vec<u8>| [vec![1], bytes].concat();
    let esm = [text("a/b"), text("v1"), vec![7; 32]].concat();
    let parts = |target: &str, metric: &str, value: f64, score: Option<(&str, f64)>| {
        vec![
            text(target),
            some(vec![9; 32]),
            text("acme/encoder"),
            some(esm.clone()),
            text(metric),
            vec![0],
            some(number(value)),
            score.map_or_else(|| vec![0], |(kind, score)| [vec![1], text(kind), number(score)].concat()),
        ]
    };
    let verdict = |flags: u16, payload: Vec<u8>| {
        let file = sealed::stored(Content::Entry, &entry_with(&[(8, flags, payload)]));
        let (_, meanings) = twins::entry(&file).agreed("an outcome").unwrap();
        meanings.into_iter().next().unwrap().map(|(action, _)| action)
    };
    let whole = parts("tickets.csv", "accuracy", 0.83, Some(("exact", -0.31)));
    let mut fine = vec![whole.clone(), parts(&"t".repeat(512), &"m".repeat(64), -0.0, None)];
    for (place, other) in [(1, vec![0]), (3, vec![0]), (5, vec![1]), (6, vec![0])] {
        let mut changed = whole.clone();
        changed[place] = other;
        fine.push(changed);
    }
    for payload in fine {
        for flags in 0..4 {
            assert!(matches!(verdict(flags, payload.concat()), Ok(Action::Outcome(_))), "{payload:?}");
        }
    }
    let nan = f64::NAN;
    let mut broken = vec![
        parts("", "accuracy", 0.5, None),
        parts(&"t".repeat(513), "accuracy", 0.5, None),
        parts("a\u{7}b", "accuracy", 0.5, None),
        parts("a", "", 0.5, None),
        parts("a", "top 5", 0.5, None),
        parts("a", &"m".repeat(65), 0.5, None),
        parts("a", "accuracy", nan, None),
        parts("a", "accuracy", f64::INFINITY, None),
        parts("a", "accuracy", 0.5, Some(("exact", nan))),
        parts("a", "accuracy", 0.5, Some(("", 0.5))),
    ];
    for (place, other) in [(1, vec![2]), (2, text("")), (5, vec![2]), (5, vec![255]), (6, vec![3]), (7, vec![9])] {
        let mut changed = whole.clone();
        changed[place] = other;
        broken.push(changed);
    }
    let whole = whole.concat();
    let cut = (0..whole.len()).map(|end| whole[..end].to_vec());
    let longer = [&whole[..], &[0]].concat();
    for payload in broken.into_iter().map(|parts| parts.concat()).chain(cut).chain([longer, vec![9; 20_000]]) {
        assert_eq!(verdict(0, payload.clone()), Err(Called::Invalid), "{payload:?}");
    }
}

#[test]
fn names_are_judged_alike() {
    let long = ["a".repeat(96), "a".repeat(97), ["a"; 8].join("/"), ["a"; 9].join("/")];
    let odd = [
        "", "a", "A-b_c.d", "/a", "a/", "a//b", ".a", "a.", "a..b", "a b", "a:b", "a\\b", "ä", "con", "CON.x", "con-",
        "xcon", "a/nul", "com0", "com1", "com10", "LPT9.tar", "com", "aux.b.c", "..", "a/../b", "a\u{7f}", "a\n",
    ];
    let mut accepted = Vec::new();
    for name in long.iter().map(String::as_str).chain(odd) {
        let yank = |name: &str, tag: &str| [text(name), text(tag), vec![7; 32]].concat();
        for (kind, payload) in [(2, yank(name, "v1")), (3, yank("a", name))] {
            let file = sealed::stored(Content::Entry, &entry_with(&[(kind, 3, payload)]));
            let (_, meanings) = twins::entry(&file).agreed(name).unwrap();
            accepted.extend(meanings[0].is_ok().then_some((kind, name)));
        }
    }
    let fine = [&*long[0], "a", "A-b_c.d", "a..b", "con-", "xcon", "com0", "com10", "com"];
    let both = fine.iter().flat_map(|name| [(2, *name), (3, *name)]);
    let mut expected: Vec<_> = both.collect();
    expected.insert(2, (2, &*long[2]));
    assert_eq!(accepted, expected);
}
