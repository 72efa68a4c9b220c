//! The ranking as a table with a bar in each row. Bars have positions in percent of their cell, so that they fit any width.

use maud::{Markup, html};

use super::axis::Tick;
use super::chart::{Chart, Line, described, gain_cell, score_cell};
use super::number::{grouped, percent, score, shown};
use crate::commands::rank::{RankDocument, Ranked, overlap_cell, shows_overlap, tie_letters};

/// Marks of an axis: what fits on a telephone.
const MARKS: usize = 5;
/// As near to an edge, a mark has no label.
const EDGE: f64 = 0.05;

/// The table. Rows keep their roles where a narrow screen lays them out in another way.
pub(super) fn table(ranking: &RankDocument) -> Markup {
    let (chart, measure) = (Chart::of(ranking), ranking.measure());
    let gains = chart.axis.gains(MARKS);
    let with_overlap = ranking.pictured().iter().any(|esm| shows_overlap(esm.overlap));
    html! {
        table.ranking.overlaps[with_overlap] role="table" aria-labelledby="ranking-title" {
            thead role="rowgroup" {
                tr role="row" {
                    th.rank scope="col" role="columnheader" { "Rank" }
                    th.name scope="col" role="columnheader" { "ESM" }
                    th.tie scope="col" role="columnheader" { "Tie" }
                    th.plot scope="col" role="columnheader" {
                        span.unseen { "Bar" }
                        (axis(&gains, "Gain over no transfer", "100%", "-7"))
                    }
                    th.number scope="col" role="columnheader" { "Gain" }
                    th.number scope="col" role="columnheader" { (measure.column) }
                    @if with_overlap { th.number scope="col" role="columnheader" { "Overlap" } }
                }
            }
            @for group in &chart.groups {
                tbody role="rowgroup" class=[group.tie.map(|_| "tied")] {
                    @for line in &group.lines {
                        @match line {
                            Line::Esm(esm) => (row(&chart, &gains, esm, with_overlap)),
                            Line::Baseline(score) => (baseline(&chart, &gains, *score, with_overlap)),
                            Line::More(number) => (more(&chart, &gains, *number, with_overlap)),
                        }
                    }
                }
            }
            tfoot aria-hidden="true" {
                tr {
                    td.rank {} td.name {} td.tie {}
                    td.plot { (axis(&chart.axis.scores(MARKS - 1), &format!("Score: {}", measure.unit), "0", "16")) }
                    td.number {} td.number {}
                    @if with_overlap { td.number {} }
                }
            }
        }
    }
}

fn row(chart: &Chart, gains: &[Tick], esm: &Ranked, with_overlap: bool) -> Markup {
    let [low, high] = split(esm.interval);
    let [gain_low, gain_high] = split(esm.gain_interval);
    html! {
        tr.esm role="row" data-rank=(esm.rank) data-name=(esm.name) data-tag=(esm.tag) data-digest=(esm.digest.to_string())
            data-score=(esm.score) data-score-low=[low] data-score-high=[high]
            data-gain=(esm.gain) data-gain-low=[gain_low] data-gain-high=[gain_high]
            data-tie-group=[esm.tie_group] data-better=(esm.is_better)
            data-overlap=[esm.overlap] data-overlap-compared=[esm.overlap_compared] data-same-data=(esm.same_data) data-size-bytes=(esm.size_bytes) {
            td.rank role="cell" { (esm.rank) }
            th.name scope="row" role="rowheader" {
                span.reference { (esm.name) span.tag { ":" (esm.tag) } }
                @if esm.overlap_notable { " " span.warns { "holds texts of the target" } }
                @if esm.same_data { " " span.warns { "the target’s own data set" } }
            }
            td.tie role="cell" {
                @if let Some(group) = esm.tie_group { abbr title=(format!("tie group {group}")) { (tie_letters(group)) } }
            }
            td.plot role="cell" { (bar(chart, gains, esm)) }
            td.number.gain.sure[esm.is_better] role="cell" { (gain_cell(esm)) }
            td.number.score role="cell" { (score_cell(esm)) }
            @if with_overlap {
                td.number.overlap role="cell" { (overlap_cell(esm.overlap, esm.overlap_compared)) }
            }
        }
    }
}

fn baseline(chart: &Chart, gains: &[Tick], value: f64, with_overlap: bool) -> Markup {
    html! {
        tr.baseline role="row" data-score=(value) {
            td.rank role="cell" {}
            th.name scope="row" role="rowheader" { "(no transfer)" }
            td.tie role="cell" {}
            td.plot role="cell" {
                svg.bar width="100%" height="100%" aria-hidden="true" focusable="false" {
                    (grid(gains))
                    (vertical("zero", chart.axis.zero()))
                    rect.diamond x=(percent(chart.axis.zero())) y="50%" width="9" height="9" {}
                }
            }
            td.number.gain role="cell" {}
            td.number.score role="cell" { (score(value)) }
            @if with_overlap { td.number.overlap role="cell" {} }
        }
    }
}

fn more(chart: &Chart, gains: &[Tick], number: usize, with_overlap: bool) -> Markup {
    html! {
        tr.more role="row" data-more=(number) {
            td.rank role="cell" { "…" }
            th.name scope="row" role="rowheader" { (grouped(number)) " more" }
            td.tie role="cell" {}
            td.plot role="cell" {
                svg.bar width="100%" height="100%" aria-hidden="true" focusable="false" {
                    (grid(gains))
                    (vertical("zero", chart.axis.zero()))
                }
            }
            td.number.gain role="cell" {} td.number.score role="cell" {}
            @if with_overlap { td.number.overlap role="cell" {} }
        }
    }
}

fn bar(chart: &Chart, gains: &[Tick], esm: &Ranked) -> Markup {
    let axis = &chart.axis;
    let at = axis.at(esm.score);
    let direction = if esm.gain > 0.0 { "up" } else { "down" };
    html! {
        svg.bar.(direction) width="100%" height="100%" aria-hidden="true" focusable="false" {
            title { (shown(&described(esm))) }
            (grid(gains))
            g.marks { (horizontal("body", [axis.zero(), at])) }
            (vertical("zero", axis.zero()))
            g.marks {
                @if let Some(ends) = esm.interval { (horizontal("wide", ends.map(|end| axis.at(end)))) }
                @if let Some(ends) = chart.gain_ends(esm) { (horizontal("near", ends)) }
                @if axis.cuts(esm.score) {
                    text.cut x="0" y="50%" dy="0.35em" { "◂" }
                } @else {
                    circle.dot.sure[esm.is_better] cx=(percent(at)) cy="50%" r="4.5" {}
                }
            }
        }
    }
}

/// An axis of its own row: a name above or below its marks.
fn axis(ticks: &[Tick], name: &str, y: &str, dy: &str) -> Markup {
    let (edge, name_y, name_dy) = if y == "0" { ("0", "0", "34") } else { ("100%", "100%", "-25") };
    html! {
        svg.axis width="100%" height="44" aria-hidden="true" focusable="false" {
            text.axis-name x="50%" y=(name_y) dy=(name_dy) text-anchor="middle" { (name) }
            @for tick in ticks {
                line.tick x1=(percent(tick.at)) x2=(percent(tick.at)) y1=(edge) y2=(if y == "0" { "4" } else { "91%" }) {}
                // One that would stick out is left to the others.
                @if (EDGE..=1.0 - EDGE).contains(&tick.at) {
                    text x=(percent(tick.at)) y=(y) dy=(dy) text-anchor="middle" { (tick.label) }
                }
            }
        }
    }
}

fn grid(ticks: &[Tick]) -> Markup {
    html! { @for tick in ticks { (vertical("grid", tick.at)) } }
}

fn vertical(class: &str, at: f64) -> Markup {
    html! { line class=(class) x1=(percent(at)) x2=(percent(at)) y1="0" y2="100%" {} }
}

fn horizontal(class: &str, [from, to]: [f64; 2]) -> Markup {
    html! { line class=(class) x1=(percent(from)) x2=(percent(to)) y1="50%" y2="50%" {} }
}

fn split(interval: Option<[f64; 2]>) -> [Option<f64>; 2] {
    interval.map_or([None, None], |ends| ends.map(Some))
}
