//! The ranking for people.

use super::super::overlap;
use super::super::worth::LEAST_ROWS;
use super::{RankDocument, Ranked};
use crate::document::{columns, count, printable, strong};

impl RankDocument {
    pub(super) fn to_table(&self) -> String {
        let part = printable(&self.part());
        let mut text = format!("{}  {part}{}\n\n", strong(&printable(&self.target.source)), printable(&self.subject()));
        let shown = self.shown.min(self.results.len());
        let with_ties = self.results.iter().any(|esm| esm.tie_group.is_some());
        let with_overlap = self.results.iter().take(shown).any(|esm| overlap::shows(esm.overlap));
        let column = self.measure().column.to_uppercase();
        let mut header = vec!["RANK", "ESM", &column, "GAIN"];
        header.extend(with_ties.then_some("TIE"));
        header.extend(with_overlap.then_some("OVERLAP"));
        text.push_str(&columns(&header, &["RANK", &column, "GAIN", "OVERLAP"], self.rows(with_ties, with_overlap)));
        text.push('\n');
        text.push_str(&self.verdict(shown));
        if self.target.unlabelled > 0 {
            text.push_str(&format!("{} without a label left out\n", count(self.target.unlabelled as u64, "row")));
        }
        if !self.left_out.is_empty() {
            text.push_str(&format!("{}\n", overlap::summary(&self.left_out)));
        }
        if let Some(unknown) = self.unknown_overlap().filter(|_| !self.is_overlap_limited) {
            text.push_str(&format!("{unknown}\n"));
        }
        if self.cached > 0 {
            let what = count(self.ranked as u64, "score");
            text.push_str(&format!("{} of {what} remembered (--no-cache computes again)\n", self.cached));
        }
        if self.unsigned > 0 {
            let what = count(self.unsigned as u64, "ESM");
            text.push_str(&format!("{what} without a signature by a trusted key left out\n"));
        }
        if let Some(locked) = &self.locked {
            text.push_str(&format!("{}\n", printable(&locked.describe())));
        }
        if let Some(file) = &self.lock {
            text.push_str(&format!("locked in {}\n", printable(file)));
        }
        if self.other_base > 0 {
            text.push_str(&format!("{} of other base models left out\n", count(self.other_base as u64, "ESM")));
        }
        text
    }

    /// Which part of which commit of a data set on the hub it is.
    fn part(&self) -> String {
        let target = &self.target;
        let Some(commit) = &target.revision else { return String::new() };
        let commit: String = commit.chars().take(12).collect();
        let [subset, split] = [&target.subset, &target.split].map(|part| part.as_deref().unwrap_or("?"));
        format!("{subset}/{split} at {commit}, ")
    }

    /// The ESMs that are shown, and the baseline in its place among all that were ranked.
    fn rows(&self, with_ties: bool, with_overlap: bool) -> Vec<Vec<String>> {
        let (above, shown) = (self.above, self.shown.min(self.results.len()));
        // As far to the left as the scores above it, which have a width.
        let with_intervals = self.results.iter().take(shown).any(|esm| esm.interval.is_some());
        let score = with_width(format!("{:.4}", self.baseline.score), None, with_intervals);
        let baseline = || vec!["-".to_owned(), "(no transfer)".to_owned(), score.clone(), String::new()];
        let more = |number: usize| vec!["…".to_owned(), format!("{number} more"), String::new(), String::new()];
        let mut rows = Vec::new();
        for (place, esm) in self.results.iter().take(shown).enumerate() {
            if place == above {
                rows.push(baseline());
            }
            rows.push(row(esm, with_intervals, with_ties, with_overlap));
        }
        if above > shown {
            rows.push(more(above - shown));
        }
        if above >= shown {
            rows.push(baseline());
        }
        let below = self.ranked - above.max(shown);
        if below > 0 {
            rows.push(more(below));
        }
        rows
    }

    /// What to make of it, one finding a line; `shown` are how many the reader sees.
    pub(crate) fn verdict(&self, shown: usize) -> String {
        let Self { above, compared, better, ranked, .. } = *self;
        let of_first = if compared == ranked { String::new() } else { format!(" of the first {compared}") };
        let all = count(ranked as u64, "ESM");
        let score = if above == 1 { "scores" } else { "score" };
        let mut verdict = match (above, better) {
            (0, _) => "no source scores above no transfer: fine-tune on the target alone".to_owned(),
            (_, 0) if compared > 0 => format!(
                "{above} of {all} {score} above no transfer, none{of_first} distinguishably: fine-tune on the target alone, or try several"
            ),
            (_, 0) => format!("{above} of {all} {score} above no transfer"),
            (_, better) => {
                format!("{above} of {all} {score} above no transfer, {better}{of_first} distinguishably (*)")
            }
        };
        if self.ranked > shown {
            verdict.push_str("; --top 0 shows all");
        }
        verdict.push('\n');
        // What is wrong with all of them comes before what tells them apart.
        verdict.insert_str(0, &self.says_little());
        if !self.measure().has_intervals {
            let score = &self.score;
            verdict
                .push_str(&format!("{score} has no intervals: which differences other rows would keep is not known\n"));
        } else if self.target.rows < LEAST_ROWS {
            let rows = self.target.rows;
            verdict
                .push_str(&format!("{rows} rows are too few for intervals: another {rows} may give another order\n"));
        }
        verdict
    }

    /// A line, where no ESM scores better than knowing the labels alone would.
    fn says_little(&self) -> String {
        let best = self.results.first().map_or(f64::NEG_INFINITY, |esm| esm.score);
        if best > self.labels_alone.score {
            return String::new();
        }
        let what = if self.target.classes.is_some() { "frequencies of the classes" } else { "mean of the numbers" };
        format!(
            "no ESM scores above {:.4}, that of the {what} alone: the embeddings say little about these labels, and so does a gain: do not choose by it\n",
            self.labels_alone.score
        )
    }

    /// What is not known of the overlap, so that silence is not taken for none.
    pub(crate) fn unknown_overlap(&self) -> Option<String> {
        if !self.has_texts {
            return Some("overlap was not checked: the target holds embeddings, no texts".to_owned());
        }
        let unknown = self.results.iter().filter(|esm| esm.overlap.is_none()).count();
        let all = count(self.results.len() as u64, "ESM");
        (unknown > 0).then(|| format!("overlap is not known for {unknown} of {all}: no sketch of their sources' texts"))
    }
}

fn row(esm: &Ranked, with_intervals: bool, with_ties: bool, with_overlap: bool) -> Vec<String> {
    let mut gain = with_width(format!("{:+.4}", esm.gain), esm.gain_interval, with_intervals);
    if with_intervals {
        gain.push(if esm.is_better { '*' } else { ' ' });
    }
    let mut row = vec![
        esm.rank.to_string(),
        format!("{}:{}", esm.name, esm.tag),
        with_width(format!("{:.4}", esm.score), esm.interval, with_intervals),
        gain,
    ];
    row.extend(with_ties.then(|| esm.tie_group.map(letters).unwrap_or_default()));
    row.extend(with_overlap.then(|| overlap::cell(esm.overlap, esm.overlap_compared)));
    row
}

/// A value and half of its interval's width; where others have one and this has none, as much room, so that points align.
fn with_width(value: String, interval: Option<[f64; 2]>, with_intervals: bool) -> String {
    match interval {
        Some([low, high]) => format!("{value} ±{:.4}", 0.5 * (high - low)),
        None if with_intervals => format!("{value}        "),
        None => value,
    }
}

/// Tie groups as letters, so that they are not taken for ranks: a to z, then aa, ab …
pub(crate) fn letters(group: usize) -> String {
    let mut rest = group;
    let mut letters = Vec::new();
    while rest > 0 {
        rest -= 1;
        letters.push(char::from(b'a' + (rest % 26) as u8));
        rest /= 26;
    }
    letters.iter().rev().collect()
}

#[cfg(test)]
mod tests {
    use super::letters;

    #[test]
    fn no_two_of_many_groups_share_their_letters() {
        let known = [(1, "a"), (26, "z"), (27, "aa"), (52, "az"), (53, "ba"), (702, "zz"), (703, "aaa")];
        assert!(known.iter().all(|&(group, name)| letters(group) == name));
        let all: std::collections::HashSet<String> = (1..2000).map(letters).collect();
        assert_eq!(all.len(), 1999);
    }
}
