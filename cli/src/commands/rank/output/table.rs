//! The ranking for people.

use super::super::overlap;
use super::{RankDocument, Ranked};
use crate::document::{columns, count, printable, strong};

impl RankDocument {
    pub(super) fn to_table(&self) -> String {
        let task = match self.target.classes {
            Some(classes) => format!("{classes} classes"),
            None => "regression".to_owned(),
        };
        let mut text = format!(
            "{}  {} rows, {task}, {} ({} dimensions)\n\n",
            strong(&printable(&self.target.source)),
            self.target.rows,
            self.base.id,
            self.base.dimension
        );
        let shown = self.shown.min(self.results.len());
        let with_ties = self.results.iter().any(|esm| esm.tie_group.is_some());
        let with_overlap = self.results.iter().take(shown).any(|esm| overlap::shows(esm.overlap));
        let mut header = vec!["RANK", "ESM", "SCORE", "GAIN"];
        header.extend(with_ties.then_some("TIE"));
        header.extend(with_overlap.then_some("OVERLAP"));
        text.push_str(&columns(&header, &["RANK", "SCORE", "GAIN", "OVERLAP"], self.rows(with_ties, with_overlap)));
        text.push('\n');
        text.push_str(&self.verdict());
        text.push_str(if self.ranked > shown { " (--top 0 shows all)\n" } else { "\n" });
        if self.target.unlabelled > 0 {
            text.push_str(&format!("{} without a label left out\n", count(self.target.unlabelled as u64, "row")));
        }
        if !self.left_out.is_empty() {
            text.push_str(&format!("{}\n", overlap::summary(&self.left_out)));
        }
        if self.other_base > 0 {
            text.push_str(&format!("{} of other base models left out\n", count(self.other_base as u64, "ESM")));
        }
        text
    }

    /// The ESMs that are shown, and the baseline in its place among all that were ranked.
    fn rows(&self, with_ties: bool, with_overlap: bool) -> Vec<Vec<String>> {
        let (above, shown) = (self.above, self.shown.min(self.results.len()));
        // As far to the left as the scores above it, which have a width.
        let with_intervals = self.results.iter().take(shown).any(|esm| esm.interval.is_some());
        let score = format!("{:.4}{}", self.baseline.score, if with_intervals { NO_WIDTH } else { "" });
        let baseline = || vec!["-".to_owned(), "(no transfer)".to_owned(), score.clone(), String::new()];
        let more = |number: usize| vec!["…".to_owned(), format!("{number} more"), String::new(), String::new()];
        let mut rows = Vec::new();
        for (place, esm) in self.results.iter().take(shown).enumerate() {
            if place == above {
                rows.push(baseline());
            }
            rows.push(row(esm, with_ties, with_overlap));
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

    /// What to make of it, in one line.
    fn verdict(&self) -> String {
        let Self { above, compared, better, ranked, .. } = *self;
        let first = if compared == ranked { "all".to_owned() } else { format!("the first {compared}") };
        match (above, better) {
            (0, _) => "no source scores above no transfer: fine-tune on the target alone".to_owned(),
            (_, 0) if compared > 0 => format!(
                "no source is distinguishably better than no transfer, of {first}: fine-tune on the target alone, or try several"
            ),
            (_, 0) => format!("{above} of {} score above no transfer", count(ranked as u64, "ESM")),
            (_, better) => format!(
                "{above} of {} score above no transfer; of {first}, {better} distinguishably",
                count(ranked as u64, "ESM")
            ),
        }
    }
}

fn row(esm: &Ranked, with_ties: bool, with_overlap: bool) -> Vec<String> {
    let mut row = vec![
        esm.rank.to_string(),
        format!("{}:{}", esm.name, esm.tag),
        with_width(format!("{:.4}", esm.score), esm.interval),
        with_width(format!("{:+.4}", esm.gain), esm.gain_interval),
    ];
    row.extend(with_ties.then(|| esm.tie_group.map(letters).unwrap_or_default()));
    row.extend(with_overlap.then(|| overlap::cell(esm.overlap)));
    row
}

/// What stands where a width would.
const NO_WIDTH: &str = "        ";

/// A value and half of its interval's width.
fn with_width(value: String, interval: Option<[f64; 2]>) -> String {
    match interval {
        Some([low, high]) => format!("{value} ±{:.4}", 0.5 * (high - low)),
        None => value,
    }
}

/// Tie groups as letters, so that they are not taken for ranks: a to z, then aa, ab …
fn letters(group: usize) -> String {
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
