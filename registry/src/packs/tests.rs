#![allow(clippy::unwrap_used, clippy::indexing_slicing)]
use std::collections::BTreeSet;

use super::*;

fn all(entries: u64) -> Vec<Pack> {
    let of = |count: u64| (0..entries / count).map(move |at| Pack { first: at * count + 1, count });
    let mut packs: Vec<Pack> = SIZES.into_iter().flat_map(of).collect();
    packs.sort_unstable();
    packs
}

#[test]
fn few_packs_cover_a_long_log_without_overlap() {
    for (after, last) in [(0, 10_000), (0, 7), (0, 8), (3, 100), (4095, 9000), (9_999, 10_000), (63, 64), (1, 4096)] {
        let packs = cover(&all(last), after, last);
        let mut covered = BTreeSet::new();
        for pack in &packs {
            for number in pack.first..=pack.last() {
                assert!(covered.insert(number), "{number} twice");
            }
        }
        assert!(covered.iter().all(|number| *number <= last));
        let single = (after + 1..=last).filter(|number| !covered.contains(number)).count();
        assert!(packs.len() + single <= 30, "{after} to {last}: {} packs and {single} entries", packs.len());
        let wasted = covered.iter().filter(|number| **number <= after).count();
        assert!(wasted as u64 <= (last - after).max(8), "{after} to {last}: {wasted} for nothing");
    }
}

#[test]
fn packs_that_are_missing_or_none_are_done_without() {
    let mut there = all(1000);
    there.retain(|pack| pack.first != 513);
    let packs = cover(&there, 0, 1000);
    assert_eq!(packs[0], Pack { first: 1, count: 512 });
    assert!(packs.iter().all(|pack| there.contains(pack)));
    assert!(cover(&[], 0, 50).is_empty());
    for odd in [(2, 8), (1, 7), (9, 64), (u64::MAX - 6, 8), (1, 0)] {
        assert!(!Pack { first: odd.0, count: odd.1 }.is_aligned(), "{odd:?}");
    }
}

#[test]
fn a_pack_is_eight_of_the_next_smaller() {
    for pack in all(8192) {
        let parts: Vec<Pack> = pack.parts().collect();
        if pack.count == 8 {
            assert!(parts.is_empty());
        } else {
            assert_eq!((parts[0].first, parts[7].last(), parts.len()), (pack.first, pack.last(), 8));
        }
    }
}
