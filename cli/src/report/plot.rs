//! The chart alone, as an SVG file with its own background: it looks the same on a white page, on a dark one, and in print.

use maud::{Markup, PreEscaped, html};

use super::axis::Tick;
use super::chart::{Chart, Line, described, gain_cell};
use super::number::{grouped, px, score, shown};
use crate::commands::rank::{RankDocument, Ranked, tie_letters};
use crate::document::shortened;

/// The whole width; heights follow from the lines.
const WIDTH: f64 = 960.0;
const LINE: f64 = 24.0;
/// Between tie groups.
const GAP: f64 = 10.0;
const MARGIN: f64 = 28.0;
/// Title and upper axis.
const HEAD: f64 = 112.0;
/// Lower axis and key.
const FOOT: f64 = 84.0;
/// The least and the most letters of a name, and the width of one at 13 px.
const LETTERS: [usize; 2] = [12, 40];
const LETTER: f64 = 7.3;
/// Rank and tie before the bars, and the gain behind them.
const RANK: f64 = 34.0;
const TIE: f64 = 30.0;
const GAIN: f64 = 128.0;

/// The columns, in pixels from the left.
#[derive(Clone, Copy)]
struct Columns {
    name: f64,
    tie: f64,
    left: f64,
    right: f64,
}

/// A whole SVG file.
pub(super) fn plot(ranking: &RankDocument) -> String {
    let chart = Chart::of(ranking);
    let names = ranking.pictured().iter().map(|esm| reference(esm).chars().count()).max().unwrap_or_default();
    let letters = names.clamp(LETTERS[0], LETTERS[1]);
    let tie = MARGIN + RANK + LETTER * letters as f64 + 14.0;
    let columns = Columns { name: MARGIN + RANK, tie, left: tie + TIE, right: WIDTH - MARGIN - GAIN };
    let lines: usize = chart.groups.iter().map(|group| group.lines.len()).sum();
    let bottom = HEAD + LINE * lines as f64 + GAP * chart.groups.len().saturating_sub(1) as f64;
    let [width, height] = [WIDTH, bottom + FOOT].map(px);
    let mut y = HEAD;
    let mut drawn = Vec::new();
    for group in &chart.groups {
        let from = y;
        for line in &group.lines {
            drawn.push(columns.line(&chart, line, y + 0.5 * LINE, letters));
            y += LINE;
        }
        drawn.extend(group.tie.map(|tie| columns.bracket(tie, [from, y])));
        y += GAP;
    }
    let target = shown(&ranking.target.source);
    let picture = html! {
        svg xmlns="http://www.w3.org/2000/svg" width=(width) height=(height) viewBox=(format!("0 0 {width} {height}"))
            role="img" aria-labelledby="title" font-family="system-ui, sans-serif" font-size="13" fill="#1f2328" {
            title id="title" { "Gain over no transfer of " (grouped(ranking.pictured().len())) " of " (grouped(ranking.ranked)) " ESMs for " (target) }
            style { (PreEscaped(include_str!("plot.css"))) }
            rect x="0.5" y="0.5" width=(px(WIDTH - 1.0)) height=(px(bottom + FOOT - 1.0)) rx="10" fill="#ffffff" stroke="#d0d7de" {}
            text x=(px(MARGIN)) y="38" font-size="17" font-weight="600" { "Which source task helps " (shortened(&target, 60)) "?" }
            text.soft x=(px(MARGIN)) y="58" { (ranking.subject()) }
            (columns.grid(&chart.axis.gains(6), HEAD, bottom))
            (columns.heading(&chart))
            line.zero x1=(columns.x(chart.axis.zero())) x2=(columns.x(chart.axis.zero())) y1=(px(HEAD)) y2=(px(bottom)) {}
            @for line in &drawn { (line) }
            (columns.scores(&chart, ranking.measure().unit, bottom))
            (key(bottom + FOOT - 16.0))
        }
    };
    format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n{}\n", picture.into_string())
}

impl Columns {
    /// Where a share of the axis lies.
    fn x(&self, share: f64) -> String {
        px(self.left + share * (self.right - self.left))
    }

    fn line(&self, chart: &Chart, line: &Line, y: f64, letters: usize) -> Markup {
        let text = px(y + 4.5);
        match line {
            Line::Esm(esm) => self.esm(chart, esm, y, letters),
            Line::Baseline(value) => html! {
                g.baseline data-score=(value) {
                    text x=(px(self.name)) y=(text) { "(no transfer)" }
                    path d=(format!("M{} {}l5 5l-5 5l-5 -5z", self.x(chart.axis.zero()), px(y - 5.0))) {}
                    text x=(px(self.right + GAIN)) y=(text) text-anchor="end" { "score " (score(*value)) }
                }
            },
            Line::More(number) => html! {
                text.soft data-more=(number) x=(px(self.name)) y=(text) { "… " (grouped(*number)) " more" }
            },
        }
    }

    fn esm(&self, chart: &Chart, esm: &Ranked, y: f64, letters: usize) -> Markup {
        let (axis, middle, text) = (&chart.axis, px(y), px(y + 4.5));
        let flat = |class: &str, ends: [f64; 2]| {
            html! { line class=(class) x1=(self.x(ends[0])) x2=(self.x(ends[1])) y1=(middle) y2=(middle) {} }
        };
        let ends = |interval: Option<[f64; 2]>, end: usize| interval.and_then(|ends| ends.get(end).copied());
        let direction = if esm.gain > 0.0 { "up" } else { "down" };
        html! {
            g.esm.(direction) data-rank=(esm.rank) data-name=(esm.name) data-tag=(esm.tag) data-digest=(esm.digest.to_string())
                data-score=(esm.score) data-score-low=[ends(esm.interval, 0)] data-score-high=[ends(esm.interval, 1)]
                data-gain=(esm.gain) data-gain-low=[ends(esm.gain_interval, 0)] data-gain-high=[ends(esm.gain_interval, 1)]
                data-tie-group=[esm.tie_group] data-overlap=[esm.overlap] {
                title { (shown(&described(esm))) }
                text.soft x=(px(self.name - 10.0)) y=(text) text-anchor="end" { (esm.rank) }
                text x=(px(self.name)) y=(text) { (shortened(&reference(esm), letters)) @if esm.overlap_notable || esm.same_data { " ⚠" } }
                (flat("body", [axis.zero(), axis.at(esm.score)]))
                @if let Some(interval) = esm.interval { (flat("wide", interval.map(|end| axis.at(end)))) }
                @if let Some(interval) = chart.gain_ends(esm) { (flat("near", interval)) }
                @if axis.cuts(esm.score) {
                    text x=(px(self.left)) y=(text) { "◂" }
                } @else {
                    circle.dot.sure[esm.is_better] cx=(self.x(axis.at(esm.score))) cy=(middle) r="4.2" {}
                }
                text.number x=(px(self.right + GAIN - 7.0)) y=(text) text-anchor="end" { (gain_cell(esm).trim_end_matches('*')) }
                @if esm.is_better { text x=(px(self.right + GAIN - 6.0)) y=(text) { "*" } }
            }
        }
    }

    /// The letter of a tie group, and the lines that it holds together.
    fn bracket(&self, tie: usize, [from, to]: [f64; 2]) -> Markup {
        let x = self.tie + 14.0;
        html! {
            path.bracket d=(format!("M{} {}h-4v{}h4", px(x), px(from + 4.0), px(to - from - 8.0))) {}
            text x=(px(x - 9.0)) y=(px(0.5 * (from + to) + 4.5)) text-anchor="end" font-weight="600" { (tie_letters(tie)) }
        }
    }

    fn grid(&self, gains: &[Tick], top: f64, bottom: f64) -> Markup {
        html! {
            @for tick in gains {
                line.grid x1=(self.x(tick.at)) x2=(self.x(tick.at)) y1=(px(top - 4.0)) y2=(px(bottom)) {}
                text.soft x=(self.x(tick.at)) y=(px(top - 10.0)) text-anchor="middle" font-size="12" { (tick.label) }
            }
        }
    }

    fn heading(&self, chart: &Chart) -> Markup {
        let y = px(HEAD - 10.0);
        let middle = 0.5 * (self.left + self.right);
        html! {
            text.soft x=(px(middle)) y=(px(HEAD - 30.0)) text-anchor="middle" font-size="12" { "gain over no transfer" }
            text.soft x=(px(self.name)) y=(y) font-size="12" { "ESM" }
            @if chart.groups.iter().any(|group| group.tie.is_some()) {
                text.soft x=(px(self.tie + 5.0)) y=(y) text-anchor="end" font-size="12" { "tie" }
            }
            text.soft x=(px(self.right + GAIN - 7.0)) y=(y) text-anchor="end" font-size="12" { "gain" }
        }
    }

    fn scores(&self, chart: &Chart, unit: &str, bottom: f64) -> Markup {
        html! {
            line.edge x1=(px(self.left)) x2=(px(self.right)) y1=(px(bottom)) y2=(px(bottom)) {}
            @for tick in chart.axis.scores(5) {
                line.edge x1=(self.x(tick.at)) x2=(self.x(tick.at)) y1=(px(bottom)) y2=(px(bottom + 4.0)) {}
                text.soft x=(self.x(tick.at)) y=(px(bottom + 18.0)) text-anchor="middle" font-size="12" { (tick.label) }
            }
            text.soft x=(px(0.5 * (self.left + self.right))) y=(px(bottom + 35.0)) text-anchor="middle" font-size="12" {
                "score: " (unit) ", higher is better"
            }
        }
    }
}

/// What the marks mean.
fn key(y: f64) -> Markup {
    let item = |x: f64, mark: Markup, text: &str| {
        html! {
            g.up transform=(format!("translate({} {})", px(x), px(y - 4.0))) {
                (mark)
                text.soft x="34" y="4" font-size="12" { (text) }
            }
        }
    };
    html! {
        (item(MARGIN, html! { line.near x1="0" x2="26" y1="0" y2="0" {} circle.dot.sure cx="13" cy="0" r="4.2" {} }, "gain, 95 %; filled and *: above 0"))
        (item(MARGIN + 262.0, html! { line.wide x1="0" x2="26" y1="0" y2="0" {} }, "score, 95 %"))
        (item(MARGIN + 388.0, html! { path d="M13 -5l5 5l-5 5l-5 -5z" fill="#1f2328" {} }, "no transfer"))
        (item(MARGIN + 512.0, html! { path.bracket d="M17 -7h-4v14h4" {} }, "tie: not to be told apart from the first"))
    }
}

fn reference(esm: &Ranked) -> String {
    format!("{}:{}", esm.name, esm.tag)
}
