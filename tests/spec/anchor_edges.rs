//! Edges of the rules for anchor sets and for what cards and records say of them, one by one.

use super::entry::{self, Action, Anchors};
use super::facts::{Domain, Fidelity};
use super::frame::{Content, only};
use super::golden::{BUNDLE_LOW_RANK, ENTRY_ANCHORS, parts};
use super::reader::digest;
use super::sealed;
use super::twins::{self, Called};
use super::{anchors, card};

/// `text`, as section 1 writes it.
fn text(text: &str) -> Vec<u8> {
    [&u64::try_from(text.len()).unwrap().to_le_bytes(), text.as_bytes()].concat()
}

/// `list of …`, of items that are bytes already.
fn list(items: impl IntoIterator<Item = Vec<u8>>) -> Vec<u8> {
    let items: Vec<_> = items.into_iter().collect();
    [u64::try_from(items.len()).unwrap().to_le_bytes().to_vec(), items.concat()].concat()
}

fn domain(label: &str, texts: &[&str]) -> Vec<u8> {
    [text(label), list(texts.iter().map(|given| text(given)))].concat()
}

/// An anchor set without licence and origin.
fn set(domains: impl IntoIterator<Item = Vec<u8>>) -> Vec<u8> {
    [vec![3, 0, 1, 0, 0, 0], list(domains)].concat()
}

fn verdict(canonical: &[u8], what: &str) -> Result<anchors::AnchorSet, Called> {
    twins::anchors(&sealed::compressed(Content::Object, canonical)).agreed(what).map(|(set, _)| set)
}

#[test]
fn kinds_and_versions_from_the_future_are_newer_however_short() {
    for canonical in [&[0, 0][..], &[4, 0], &[9, 9, 1], &[3, 0, 0, 0], &[3, 0, 2, 0], &[3, 0, 1, 1, 7]] {
        assert_eq!(verdict(canonical, "a later set").err(), Some(Called::Newer), "{canonical:?}");
    }
    for canonical in [&[][..], &[3], &[3, 0], &[3, 0, 1], &[3, 0, 1, 0], &[1, 0], &[2, 0], &[2, 0, 9, 0]] {
        assert_eq!(verdict(canonical, "no set").err(), Some(Called::Invalid), "{canonical:?}");
    }
    // A map is asked for: a later version of anchor sets is no map either.
    for canonical in [&[3, 0][..], &[3, 0, 2, 0], &set([domain("a", &["x"])])] {
        let found = twins::object(&sealed::stored(Content::Object, canonical)).agreed("for a map").err();
        assert_eq!(found, Some(Called::Invalid), "{canonical:?}");
    }
}

#[test]
fn domains_end_at_48_and_labels_at_64_bytes() {
    let of = |count: usize| set((0..count).map(|number| domain(&number.to_string(), &["x"])));
    for (count, accepted) in [(0, false), (1, true), (48, true), (49, false)] {
        assert_eq!(verdict(&of(count), "domains").is_ok(), accepted, "{count}");
    }
    let longest = "x".repeat(64);
    for (label, accepted) in [
        ("", false),
        (" ", true),
        (&longest, true),
        (&"x".repeat(65), false),
        (&"ä".repeat(32), true),
        (&format!("{}x", "ä".repeat(32)), false),
        ("a\tb", false),
        ("\u{85}", false),
        ("a\u{200b}b", true),
    ] {
        let found = verdict(&set([domain(label, &["x"])]), "label");
        assert_eq!(found.err(), (!accepted).then_some(Called::Invalid), "{label:?}");
    }
    for (labels, accepted) in [(["a", "b", "a"], false), (["a", "A", "b"], true), (["ä", "a\u{308}", "a"], true)] {
        let found = verdict(&set(labels.map(|label| domain(label, &["x"]))), "labels");
        assert_eq!(found.is_ok(), accepted, "{labels:?}");
    }
}

#[test]
fn no_text_is_blank_and_any_other_is_kept() {
    assert!(verdict(&set([domain("a", &[])]), "no texts").is_err());
    let blanks = ["", " ", "\n", "\t \r\n", "\u{a0}", "\u{2003}\u{3000}", "\u{85}", "\u{2028}"];
    for blank in blanks {
        assert_eq!(verdict(&set([domain("a", &["x", blank])]), "blank").err(), Some(Called::Invalid), "{blank:?}");
    }
    // Zero-width space, byte order mark and NUL are no white space.
    for odd in ["\u{200b}", "\u{feff}", "\0", "a\nb", "\u{1b}[2J", " x "] {
        let found = verdict(&set([domain("a", &[odd])]), "an odd text").unwrap();
        assert_eq!(found.domains, [("a".to_owned(), vec![odd.to_owned()])]);
    }
    let not_utf8 = [vec![3, 0, 1, 0, 0, 0], list([[text("a"), list([vec![1, 0, 0, 0, 0, 0, 0, 0, 0xff]])].concat()])];
    assert_eq!(verdict(&not_utf8.concat(), "not UTF-8").err(), Some(Called::Invalid));
}

#[test]
fn licence_and_origin_hold_no_control_characters() {
    for (given, accepted) in [("", true), ("CC-BY-4.0", true), ("ä ", true), ("a\nb", false), ("\u{7f}", false)] {
        let [there, absent] = [[vec![1], text(given)].concat(), vec![0]];
        let domains = || list([domain("a", &["x"])]);
        for fields in [[there.clone(), absent.clone()], [absent, there]] {
            let canonical = [vec![3, 0, 1, 0], fields.concat(), domains()].concat();
            assert_eq!(verdict(&canonical, "described").is_ok(), accepted, "{given:?}");
        }
    }
    let canonical = [vec![3, 0, 1, 0, 2, 0], list([domain("a", &["x"])])].concat();
    assert_eq!(verdict(&canonical, "presence").err(), Some(Called::Invalid));
}

#[test]
fn an_anchor_set_over_its_limit_is_too_large() {
    let room = anchors::LIMIT - set([domain("a", &[""])]).len();
    let of = |length: usize| set([domain("a", &[&"x".repeat(length)])]);
    assert!(verdict(&of(room), "the longest set").is_ok());
    assert_eq!(verdict(&of(room + 1), "a longer set").err(), Some(Called::TooLarge));
    // As many texts as fit: what they take in memory is not what they take here.
    let many = (anchors::LIMIT - set([domain("a", &[])]).len()) / 9;
    assert!(verdict(&set([domain("a", &vec!["x"; many])]), "the most texts").is_ok());
    // A later version is newer, however long it is.
    let mut later = of(room + 1);
    later[2] = 2;
    assert_eq!(verdict(&later, "a long later set").err(), Some(Called::Newer));
}

#[test]
fn counts_that_claim_more_than_there_is_are_refused() {
    let canonical = set([domain("a", &["x"])]);
    // Domains, label, texts, text.
    for at in [6, 14, 23, 31] {
        for claim in [2_u64, 1 << 22, 1 << 32, 1 << 60, u64::MAX] {
            let mut canonical = canonical.clone();
            canonical[at..at + 8].copy_from_slice(&claim.to_le_bytes());
            assert_eq!(verdict(&canonical, "a claim").err(), Some(Called::Invalid), "{at} {claim}");
        }
    }
    assert_eq!(verdict(&[&canonical[..], &[0]].concat(), "longer").err(), Some(Called::Invalid));
}

/// The golden card with these extensions.
fn card_with(extensions: &[(u16, Vec<u8>)]) -> Vec<u8> {
    let golden = entry::publish(&parts(BUNDLE_LOW_RANK).0).unwrap().card;
    let written = card::Card::decode(&golden).unwrap().extensions;
    let spelled = |(id, bytes): &(u16, Vec<u8>)| {
        [id.to_le_bytes().to_vec(), u64::try_from(bytes.len()).unwrap().to_le_bytes().to_vec(), bytes.clone()].concat()
    };
    let end = golden.len() - list(written.iter().map(spelled)).len();
    [golden[..end].to_vec(), list(extensions.iter().map(spelled))].concat()
}

fn card_verdict(id: u16, bytes: Vec<u8>) -> Result<card::Card, Called> {
    twins::card(&card_with(&[(id, bytes)])).agreed("extension")
}

/// The bytes of extension 1: a label, rows, R2 for each domain.
fn fidelity(domains: &[(Option<&str>, u64, f64)]) -> Vec<u8> {
    let domain = |(label, rows, r2): &(Option<&str>, u64, f64)| {
        let label = label.map_or(vec![0], |label| [vec![1], text(label)].concat());
        [label, rows.to_le_bytes().to_vec(), r2.to_le_bytes().to_vec()].concat()
    };
    [7_u64.to_le_bytes().to_vec(), list(domains.iter().map(domain))].concat()
}

#[test]
fn fidelity_is_judged_alike() {
    let label = "x".repeat(64);
    let fine: [&[_]; 5] = [
        &[],
        &[(None, 0, -0.0)],
        &[(Some("a"), 1, 0.5), (Some("a"), 2, 0.25), (None, 3, -1e6), (None, u64::MAX, 1e-320)],
        &[(Some(&label), 1, 1.0)],
        &[(Some("a"), 1, 0.5); 49],
    ];
    for domains in fine {
        let found = card_verdict(1, fidelity(domains)).unwrap();
        let domain = |(label, rows, r2): &(Option<&str>, u64, f64)| Domain {
            label: label.map(Into::into),
            rows: *rows,
            r2: *r2,
        };
        let expected = Fidelity { anchor_rows: 7, domains: domains.iter().map(domain).collect() };
        assert_eq!((found.fidelity, found.derivation), (Some(expected), None));
    }
    let longer = "x".repeat(65);
    let broken: [&[_]; 9] = [
        &[(None, 1, 1.0 + f64::EPSILON)],
        &[(None, 1, -1_000_000.1)],
        &[(None, 1, f64::NAN)],
        &[(Some("a"), 1, f64::INFINITY)],
        &[(Some("a"), 1, f64::NEG_INFINITY)],
        &[(Some(""), 1, 0.5)],
        &[(Some("a\nb"), 1, 0.5)],
        &[(Some(&longer), 1, 0.5)],
        &[(Some("a"), 1, 0.5); 50],
    ];
    for domains in broken {
        assert_eq!(card_verdict(1, fidelity(domains)).err(), Some(Called::Invalid), "{domains:?}");
    }
    let whole = fidelity(&[(Some("a"), 1, 0.5)]);
    for end in 0..whole.len() {
        assert_eq!(card_verdict(1, whole[..end].to_vec()).err(), Some(Called::Invalid), "{end}");
    }
    assert_eq!(card_verdict(1, [&whole[..], &[0]].concat()).err(), Some(Called::Invalid));
    let mut claims = whole;
    claims[8..16].copy_from_slice(&(1_u64 << 60).to_le_bytes());
    assert_eq!(card_verdict(1, claims).err(), Some(Called::Invalid));
}

#[test]
fn derivation_is_judged_alike() {
    for how in ["distill", "recompress", "", "something later", "ä"] {
        let found = card_verdict(2, [vec![9; 32], text(how)].concat()).unwrap();
        assert_eq!(
            found.derivation.map(|derivation| (derivation.object, derivation.how)),
            Some(([9; 32], how.to_owned()))
        );
        assert_eq!(found.fidelity, None);
    }
    let broken = [
        vec![],
        vec![9; 31],
        vec![9; 32],
        [vec![9; 32], text("a\u{1b}")].concat(),
        [vec![9; 32], text("a"), vec![0]].concat(),
    ];
    for bytes in broken {
        assert_eq!(card_verdict(2, bytes.clone()).err(), Some(Called::Invalid), "{bytes:?}");
    }
}

#[test]
fn an_extension_that_is_not_defined_may_hold_anything() {
    for id in [0, 4, 7, 0x7fff] {
        for bytes in [vec![], vec![0xff; 9]] {
            assert_eq!(card_verdict(id, bytes.clone()).unwrap().extensions, [(id, bytes)]);
        }
    }
    assert_eq!(card_verdict(0x8000, vec![]).err(), Some(Called::Newer));
    assert_eq!(card_verdict(0x8001, fidelity(&[])).err(), Some(Called::Newer));
}

/// The golden entry, its first record's flags and payload replaced.
fn record_verdict(flags: u16, payload: &[u8]) -> Result<Action, Called> {
    let canonical = only(ENTRY_ANCHORS, Content::Entry).unwrap().canonical;
    let old = &entry::Entry::decode(&canonical).unwrap().records[0].payload;
    let at = canonical.windows(old.len()).position(|window| window == old).unwrap();
    let length = u64::try_from(payload.len()).unwrap().to_le_bytes();
    let changed =
        [&canonical[..at - 10], &flags.to_le_bytes(), &length, payload, &canonical[at + old.len()..]].concat();
    let (_, meanings) = twins::entry(&sealed::stored(Content::Entry, &changed)).agreed("a record of kind 5").unwrap();
    meanings.into_iter().next().unwrap().map(|(action, _)| action)
}

#[test]
fn records_of_anchors_are_judged_alike() {
    let of = |base: &str, set: Option<[u8; 32]>| {
        [text(base), set.map_or(vec![0], |set| [vec![1], set.to_vec()].concat())].concat()
    };
    for flags in 0..4 {
        for base in ["a", " ", "Ä/b", "no name: of {anything}"] {
            for set in [None, Some(digest(b"a set"))] {
                let expected = Action::Anchors(Anchors { base: base.into(), set });
                assert_eq!(record_verdict(flags, &of(base, set)), Ok(expected));
            }
        }
    }
    for base in ["", "a\nb", "\u{9f}"] {
        assert_eq!(record_verdict(2, &of(base, None)), Err(Called::Invalid), "{base:?}");
    }
    let whole = of("a", Some([3; 32]));
    for end in 0..whole.len() {
        assert_eq!(record_verdict(2, &whole[..end]), Err(Called::Invalid));
    }
    assert_eq!(record_verdict(2, &[&whole[..], &[0]].concat()), Err(Called::Invalid));
    let room = entry::PUBLISH - of("", None).len();
    assert!(record_verdict(2, &of(&"x".repeat(room), None)).is_ok());
    assert_eq!(record_verdict(2, &of(&"x".repeat(room + 1), None)), Err(Called::TooLarge));
    // With a text that is longer than its record.
    let claims = [(1_u64 << 60).to_le_bytes().to_vec(), vec![b'a', 0]].concat();
    assert_eq!(record_verdict(2, &claims), Err(Called::Invalid));
}
