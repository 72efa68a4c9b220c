//! Section 10 of SPEC.md: one table, and the same numbers in both readers.

use std::collections::BTreeMap;

use esmhub_store_format::limits as theirs;
use esmhub_store_format::log::{Entry, RegistryId, Writer};

use super::frame::{Content, WINDOW};
use super::{anchors, card, directory, entry, facts, marker, name, object};

const SPEC: &str = include_str!("../../SPEC.md");

/// The limits of the table, in its own words.
fn table() -> BTreeMap<&'static str, &'static str> {
    let section = SPEC.split("## 10. Limits\n").nth(1).and_then(|rest| rest.split("\n## ").next()).unwrap();
    let rows = section.lines().filter_map(|line| line.strip_prefix("| ")).skip(1);
    rows.map(|row| {
        let mut cells = row.split(" | ");
        (cells.next().unwrap(), cells.next().unwrap())
    })
    .collect()
}

/// `8,192`, `96 bytes`, `8 KiB`, `16 MiB` or `2^23` as a number.
fn number(limit: &str) -> u64 {
    let mut words = limit.split(' ');
    let count = words.next().unwrap().replace(',', "");
    let count = match count.split_once('^') {
        Some((base, exponent)) => base.parse::<u64>().unwrap().pow(exponent.parse().unwrap()),
        None => count.parse().unwrap(),
    };
    count
        * match words.next() {
            None | Some("bytes") => 1,
            Some("KiB") => 1 << 10,
            Some("MiB") => 1 << 20,
            Some(unit) => panic!("{limit}: {unit}"),
        }
}

/// The most bytes of a user's name that esmhub writes.
fn longest_user() -> usize {
    let accepts = |length: &usize| {
        let writer = Writer { user: "x".repeat(*length), host: String::new(), program: String::new() };
        let previous = RegistryId([0; 16]).genesis();
        let entry = Entry { number: 1, previous, transaction: [0; 16], time: 0, writer, records: Vec::new() };
        entry.to_frame().is_ok()
    };
    (0..1000).rfind(accepts).unwrap()
}

#[test]
fn the_table_and_both_readers_have_the_same_limits() {
    let mut table = table();
    let mut expect = |what: &str, spec: u64, store: u64| {
        let limit = table.remove(what).unwrap_or_else(|| panic!("{what} is not in the table"));
        let limit = limit.strip_prefix("card + ").map_or_else(|| number(limit), |more| 8 * 1024 + number(more));
        assert_eq!((limit, limit), (spec, store), "{what}");
    };
    expect("dimension D", object::DIMENSION.into(), theirs::MAX_DIMENSION.into());
    expect("object, canonical", Content::Object.limit(), theirs::MAX_OBJECT_BYTES);
    expect("card", card::LIMIT as u64, theirs::MAX_CARD_BYTES);
    expect("publish record", entry::PUBLISH as u64, theirs::MAX_RECORD_BYTES);
    expect("log entry", Content::Entry.limit(), theirs::MAX_ENTRY_BYTES);
    expect("records of an entry", entry::RECORDS as u64, theirs::MAX_ENTRY_RECORDS as u64);
    expect("entries that a record declares lost", entry::LOST.into(), theirs::MAX_LOST_ENTRIES);
    expect("segment of a name, tag", name::SEGMENT as u64, theirs::MAX_SEGMENT_BYTES as u64);
    expect("segments of a name", name::SEGMENTS as u64, theirs::MAX_SEGMENTS as u64);
    expect("zstd window", WINDOW, 1 << theirs::MAX_WINDOW_LOG);
    expect("anchor set, canonical", anchors::LIMIT as u64, theirs::MAX_ANCHORS_BYTES);
    expect("domains of an anchor set", anchors::DOMAINS as u64, theirs::MAX_ANCHOR_DOMAINS as u64);
    expect("label of a domain", anchors::LABEL as u64, theirs::MAX_ANCHOR_LABEL_BYTES as u64);
    expect("sketch of a source's texts", facts::SKETCH as u64, theirs::MAX_SKETCH_BYTES as u64);
    expect("signature", entry::SIGNATURE as u64, theirs::MAX_SIGNATURE_BYTES as u64);
    expect("target, base model id of an outcome", entry::OUTCOME_TEXT as u64, theirs::MAX_OUTCOME_TEXT_BYTES as u64);
    expect("metric, kind of a score of an outcome", entry::METRIC as u64, theirs::MAX_METRIC_BYTES as u64);
    expect("signatures of a name:tag", entry::SIGNATURES as u64, theirs::MAX_SIGNATURES as u64);
    assert_eq!(Content::Publish.limit(), theirs::MAX_RECORD_BYTES);
    // esmhub keeps these two to itself: what it accepts shows them.
    expect("user, host, program", entry::WRITER as u64, longest_user() as u64);
    expect("marker", marker::LIMIT as u64, directory::longest_marker(marker::LIMIT) as u64);
    assert!(table.is_empty(), "no test knows the limits of {table:?}");
}
