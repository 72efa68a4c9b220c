//! What a reader must know besides the numbers: doubts, and all that was left out, with the reason.

use maud::{Markup, html};

use super::Report;
use super::number::{grouped, shown};
use crate::commands::rank::{RankDocument, Skipped, overlap_cell, shows_overlap};
use crate::document::count;

/// What the terminal warns of, and what it could not check: a page is passed on without it.
pub(super) fn doubts(ranking: &RankDocument) -> Markup {
    let unknown = ranking.unknown_overlap().filter(|_| ranking.has_texts);
    let doubts: Vec<&String> = ranking.doubts.iter().chain(&unknown).collect();
    html! {
        @if !doubts.is_empty() {
            aside.warning #doubts aria-label="Warning" {
                p { strong { "Read the scores with care." } }
                ul { @for doubt in doubts { li { (capitalised(shown(doubt))) "." } } }
            }
        }
    }
}

/// ESMs whose sources hold texts of the target, where there are any among those that are shown.
pub(super) fn overlaps(ranking: &RankDocument) -> Markup {
    let notable: Vec<_> = ranking.pictured().iter().filter(|esm| esm.overlap_notable).collect();
    let same: Vec<_> = ranking.pictured().iter().filter(|esm| esm.same_data).collect();
    html! {
        @if !same.is_empty() {
            aside.warning aria-label="Warning" {
                p {
                    strong { "The target’s own data set." }
                    " These ESMs were made from the data set that the target is from, and no sketch says how many of its texts. "
                    code { "--max-overlap 5%" } " leaves them out."
                }
                ul { @for esm in same { li data-digest=(esm.digest.to_string()) { b { (esm.name) ":" (esm.tag) } } } }
            }
        }
        @if !notable.is_empty() {
            aside.warning aria-label="Warning" {
                p {
                    strong { "Texts of the target in a source." }
                    " A source that was trained on the target’s own texts scores well for a reason that is worth nothing. "
                    "Estimated from the sketches in the cards; " code { "--max-overlap 5%" } " leaves such ESMs out."
                }
                ul {
                    @for esm in notable {
                        li data-digest=(esm.digest.to_string()) {
                            b { (esm.name) ":" (esm.tag) } " holds about " (overlap_cell(esm.overlap, esm.overlap_compared))
                            " of the target’s texts"
                            @if let Some(compared) = esm.overlap_compared { " (" (count(compared, "text")) " compared)" }
                        }
                    }
                }
            }
        }
    }
}

impl Report<'_> {
    /// The section on what is not in the ranking, and why.
    pub(super) fn left_out(&self) -> Markup {
        let ranking = self.ranking;
        let notes = self.notes();
        let nothing =
            notes.is_empty() && ranking.skipped.is_empty() && ranking.left_out.is_empty() && ranking.damaged.is_empty();
        html! {
            section #left-out aria-labelledby="left-out-title" {
                h2 #left-out-title { "What was left out, and why" }
                @if nothing { p { "Nothing: every ESM of the pool is in the ranking." } }
                @if !notes.is_empty() { ul { @for note in notes { li { (shown(&note)) } } } }
                @if !ranking.skipped.is_empty() {
                    h3 { "Could not be used" }
                    dl.reasons {
                        @for esm in &ranking.skipped { (skipped(esm)) }
                    }
                }
                @if !ranking.left_out.is_empty() {
                    h3 { "Left out by --max-overlap" }
                    dl.reasons {
                        @for esm in &ranking.left_out {
                            div data-left-out=(esm.digest.to_string()) data-overlap=[esm.overlap] data-same-data=(esm.same_data) {
                                dt { (esm.name) ":" (esm.tag) }
                                dd {
                                    @if esm.same_data { "is of the target’s own data set" }
                                    @else { "holds about " (overlap_cell(esm.overlap, esm.overlap_compared)) " of the target’s texts" }
                                }
                            }
                        }
                    }
                }
                @if !ranking.damaged.is_empty() {
                    h3 { "Damaged" }
                    ul.reasons { @for damage in &ranking.damaged { li { (shown(damage)) } } }
                }
            }
        }
    }

    fn notes(&self) -> Vec<String> {
        let ranking = self.ranking;
        let esms = |number: usize| count(number as u64, "ESM");
        let shown = ranking.pictured();
        let mut notes = Vec::new();
        if ranking.ranked > shown.len() {
            let more = grouped(ranking.ranked - shown.len());
            notes.push(format!("{more} more were ranked and are not shown here; --top N shows more, --json all"));
        }
        if shown.iter().any(|esm| esm.interval.is_none()) && ranking.compared > 0 {
            notes.push(format!(
                "Intervals and ties are known for the first {}; --intervals N computes more",
                grouped(ranking.compared)
            ));
        }
        if ranking.other_base > 0 {
            notes.push(format!("{} of other base models", esms(ranking.other_base)));
        }
        if ranking.unsigned > 0 {
            notes.push(format!("{} without a signature by a trusted key", esms(ranking.unsigned)));
        }
        if ranking.target.unlabelled > 0 {
            let rows = count(ranking.target.unlabelled as u64, "row");
            notes.push(format!("{rows} of the target without a label"));
        }
        if self.map.places.len() < ranking.ranked {
            notes.push(format!("The map has {} of {}", grouped(self.map.places.len()), esms(ranking.ranked)));
        }
        notes.extend(ranking.unknown_overlap().filter(|_| !ranking.has_texts).map(capitalised));
        if !shown.iter().any(|esm| shows_overlap(esm.overlap)) && shown.iter().any(|esm| esm.overlap.is_some()) {
            notes.push("No source that could be compared holds texts of the target".to_owned());
        }
        notes
    }
}

fn skipped(esm: &Skipped) -> Markup {
    html! {
        div data-skipped=(esm.digest.to_string()) {
            dt { (esm.name) ":" (esm.tag) }
            dd { (shown(&esm.reason)) }
        }
    }
}

/// With a capital letter in front.
pub(super) fn capitalised(text: String) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}
