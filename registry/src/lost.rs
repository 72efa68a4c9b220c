//! The entries that are declared lost: a set of numbers, kept as runs.

use std::collections::BTreeMap;

use esmhub_store_format::limits::MAX_LOST_ENTRIES;

/// A set of entry numbers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Lost {
    /// The last number of each run by its first one. No two runs touch.
    runs: BTreeMap<u64, u64>,
    /// How many numbers they hold.
    total: u64,
    /// The highest entry that declares some of them lost.
    declared_in: u64,
}

impl Lost {
    /// Adds a run that entry `by` declares lost. One with which they would be more than [`MAX_LOST_ENTRIES`] is not added:
    /// whoever reads a log keeps something for each of them.
    pub(crate) fn declare(&mut self, (mut first, mut last): (u64, u64), by: u64) {
        let touched = self.runs.range(..=last).rev().take_while(|(_, end)| **end >= first);
        let held: u64 = touched.map(|(begin, end)| last.min(*end) - first.max(*begin) + 1).sum();
        let total = self.total.saturating_add((last - first).saturating_add(1) - held);
        if total > MAX_LOST_ENTRIES {
            return;
        }
        self.total = total;
        self.declared_in = self.declared_in.max(by);
        let reach = last.saturating_add(1);
        while let Some((&begin, &end)) = self.runs.range(..=reach).next_back()
            && end.saturating_add(1) >= first
        {
            self.runs.remove(&begin);
            (first, last) = (first.min(begin), last.max(end));
        }
        self.runs.insert(first, last);
    }

    /// The last number of the run that holds this one.
    pub(crate) fn end_of(&self, number: u64) -> Option<u64> {
        self.run_of(number).map(|(_, last)| last)
    }

    /// The run that holds a number.
    pub(crate) fn run_of(&self, number: u64) -> Option<(u64, u64)> {
        let (&first, &last) = self.runs.range(..=number).next_back()?;
        (number <= last).then_some((first, last))
    }

    /// The first of these numbers that is higher than this one.
    pub(crate) fn first_after(&self, number: u64) -> Option<u64> {
        self.runs.range(number.checked_add(1)?..).next().map(|(&first, _)| first)
    }

    /// Whether it has all numbers of another one.
    pub(crate) fn covers(&self, other: &Self) -> bool {
        other.runs.iter().all(|(&first, &last)| self.end_of(first).is_some_and(|end| last <= end))
    }

    /// Whether what this entry says may depend on one that was lost before it, and was declared lost after it.
    pub(crate) fn shadows(&self, entry: u64) -> bool {
        entry < self.declared_in && self.runs.first_key_value().is_some_and(|(&first, _)| first < entry)
    }

    /// The runs, in ascending order.
    pub(crate) fn runs(&self) -> impl Iterator<Item = (u64, u64)> {
        self.runs.iter().map(|(&first, &last)| (first, last))
    }

    /// The first number from 1 to `last` that is neither lost nor in a list in ascending order.
    pub(crate) fn first_missing(&self, listed: &[u64], last: u64) -> Option<u64> {
        let mut expected = 1;
        for &there in listed.iter().filter(|&&there| there <= last) {
            expected = self.skip(expected);
            if expected < there {
                return Some(expected);
            }
            expected = expected.max(there.saturating_add(1));
        }
        Some(self.skip(expected)).filter(|&expected| expected <= last)
    }

    /// The first number from this one on that is not lost.
    fn skip(&self, number: u64) -> u64 {
        self.end_of(number).map_or(number, |end| end.saturating_add(1))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// Against a plain set of numbers, over every pair of runs that fit into 1 to 9.
    #[test]
    fn runs_are_the_set_that_they_stand_for() {
        let all: Vec<(u64, u64)> = (1..=9).flat_map(|first| (first..=9).map(move |last| (first, last))).collect();
        for one in &all {
            for other in &all {
                let (mut lost, mut single) = (Lost::default(), Lost::default());
                lost.declare(*one, 20);
                lost.declare(*other, 10);
                single.declare(*other, 10);
                let set: BTreeSet<u64> = (one.0..=one.1).chain(other.0..=other.1).collect();
                for number in 0..=11 {
                    assert_eq!(lost.end_of(number).is_some(), set.contains(&number), "{one:?} {other:?} {number}");
                    assert_eq!(lost.first_after(number).is_some_and(|next| next == number + 1), {
                        set.contains(&(number + 1)) && !set.contains(&number)
                    });
                }
                let count: u64 = lost.runs().map(|(first, last)| last - first + 1).sum();
                assert_eq!(count, set.len() as u64);
                assert!(lost.covers(&single));
                assert_eq!(single.covers(&lost), set.iter().all(|number| single.end_of(*number).is_some()));
                for missing in 1..=9 {
                    let listed: Vec<u64> = (1..=9).filter(|number| *number != missing).collect();
                    let expected = (!set.contains(&missing)).then_some(missing);
                    assert_eq!(lost.first_missing(&listed, 9), expected, "{one:?} {other:?} {missing}");
                }
            }
        }
    }

    #[test]
    fn more_than_may_be_lost_are_not() {
        let mut lost = Lost::default();
        lost.declare((1, MAX_LOST_ENTRIES - 1), 70_000);
        lost.declare((70_001, 70_002), 70_003);
        lost.declare((1, u64::MAX), u64::MAX);
        assert_eq!(lost.runs().collect::<Vec<_>>(), [(1, MAX_LOST_ENTRIES - 1)]);
        lost.declare((MAX_LOST_ENTRIES - 1, MAX_LOST_ENTRIES), 70_004);
        lost.declare((5, 9), 70_005);
        lost.declare((70_001, 70_001), 70_006);
        assert_eq!(lost.runs().collect::<Vec<_>>(), [(1, MAX_LOST_ENTRIES)]);
    }

    #[test]
    fn the_highest_numbers_do_not_overflow() {
        let mut lost = Lost::default();
        lost.declare((u64::MAX - 1, u64::MAX), u64::MAX);
        lost.declare((u64::MAX, u64::MAX), 1);
        lost.declare((0, u64::MAX), 1);
        assert_eq!(lost.runs().collect::<Vec<_>>(), [(u64::MAX - 1, u64::MAX)]);
        assert_eq!(lost.first_after(u64::MAX), None);
        assert_eq!(lost.first_missing(&[u64::MAX - 2], u64::MAX), Some(1));
    }
}
