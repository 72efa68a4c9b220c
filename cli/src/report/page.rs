//! The page.

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::number::{gain, grouped, half_width, shown};
use super::remarks::{capitalised, doubts, overlaps};
use super::rows::table;
use super::{Report, number};
use crate::commands::rank::Ranked;
use crate::context::PROGRAM;

/// Nothing is loaded, nothing runs, nothing is sent; only the style below applies.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'";
/// So many ESMs that are as good as the first are named.
const MAX_NAMES: usize = 6;

impl Report<'_> {
    /// The whole file.
    pub(super) fn page(&self) -> String {
        let target = shown(&self.ranking.target.source);
        let esms = self.ranking.pictured();
        let page = html! {
            (DOCTYPE)
            html lang="en" {
                head {
                    meta charset="utf-8";
                    meta http-equiv="Content-Security-Policy" content=(POLICY);
                    meta name="viewport" content="width=device-width, initial-scale=1";
                    meta name="color-scheme" content="light dark";
                    meta name="generator" content=(PROGRAM);
                    title { "Ranking for " (target) }
                    style { (PreEscaped(include_str!("style.css"))) }
                }
                body {
                    main {
                        (self.head(&target))
                        (doubts(self.ranking))
                        (overlaps(self.ranking))
                        section #ranking aria-labelledby="ranking-title" {
                            h2 #ranking-title { "The ranking" }
                            (legend())
                            (table(self.ranking))
                            (self.reading())
                        }
                        (self.map.section())
                        (self.left_out())
                        (self.reproduce(esms))
                    }
                    footer { "Made by " (PROGRAM) ". This page is one file; it loads nothing and sends nothing." }
                }
            }
        };
        page.into_string() + "\n"
    }

    fn head(&self, target: &str) -> Markup {
        let ranking = self.ranking;
        let all_compared = ranking.compared == ranking.ranked;
        html! {
            header {
                p.kicker { "Which source task helps" }
                h1 { (target) }
                p.subject { (shown(&ranking.subject())) }
                @if let Some(first) = ranking.pictured().first() { (self.winner(first)) }
                dl.tiles {
                    div { dt { "ranked" } dd data-field="ranked" data-value=(ranking.ranked) { (grouped(ranking.ranked)) } }
                    div { dt { "above no transfer" } dd data-field="above" data-value=(ranking.above) { (grouped(ranking.above)) } }
                    @if ranking.compared > 0 {
                        div {
                            dt {
                                "distinguishably above"
                                @if !all_compared { ", of the first " span data-field="compared" data-value=(ranking.compared) { (grouped(ranking.compared)) } }
                            }
                            dd data-field="better" data-value=(ranking.better) { (grouped(ranking.better)) }
                        }
                    }
                    div { dt { "score of no transfer" } dd data-field="baseline" data-value=(ranking.baseline.score) { (number::score(ranking.baseline.score)) } }
                    div { dt { "score of the labels alone" } dd data-field="labels-alone" data-value=(ranking.labels_alone.score) { (number::score(ranking.labels_alone.score)) } }
                }
            }
        }
    }

    fn winner(&self, first: &Ranked) -> Markup {
        let tied: Vec<&Ranked> =
            self.ranking.pictured().iter().skip(1).filter(|esm| esm.tie_group == Some(1)).collect();
        html! {
            p.verdict {
                strong { (first.name) ":" (first.tag) } " comes first, " (gain(first.gain))
                @if let Some(interval) = first.gain_interval { " " (half_width(interval)) }
                " over no transfer. "
                @if !tied.is_empty() {
                    "On these rows it cannot be told apart from "
                    @for (at, esm) in tied.iter().take(MAX_NAMES).enumerate() {
                        @if at > 0 { ", " }
                        b { (esm.name) ":" (esm.tag) }
                    }
                    @if tied.len() > MAX_NAMES { " and " (grouped(tied.len() - MAX_NAMES)) " more" }
                    ". "
                }
            }
            @for line in self.ranking.verdict(usize::MAX).lines() { p.verdict.also { (capitalised(shown(line))) "." } }
        }
    }

    fn reading(&self) -> Markup {
        let measure = self.ranking.measure();
        html! {
            div.reading {
                p {
                    "The score is " (measure.meaning) ": higher is better. "
                    "Only scores of one target at one number of rows can be compared. The bar is the gain over the base model as it is."
                }
                @if measure.has_intervals {
                    p {
                        "± is half of a 95 % interval, by resampling rows. Other rows would move all scores alike, so a gain is known better than a score. "
                        "* marks a gain whose whole interval is above 0. ESMs with one letter cannot be told apart from the first of that letter. "
                        "The best of many looks better than it is: an interval is that of one ESM, not of a choice."
                    }
                }
            }
        }
    }
}

/// What the marks of the bars mean.
fn legend() -> Markup {
    let swatch = |mark: Markup| html! { svg.bar.up.swatch width="44" height="18" aria-hidden="true" focusable="false" { (mark) } };
    let flat = |class: &str| html! { line class=(class) x1="4" x2="40" y1="50%" y2="50%" {} };
    html! {
        ul.legend aria-label="Legend of the bars" {
            li { (swatch(html! { (flat("body")) })) " gain" }
            li { (swatch(html! { (flat("near")) circle.dot.sure cx="22" cy="50%" r="4.5" {} })) " its 95 % interval, whole above 0 (*)" }
            li { (swatch(html! { (flat("near")) circle.dot cx="22" cy="50%" r="4.5" {} })) " or not, or not known" }
            li { (swatch(html! { (flat("wide")) })) " 95 % interval of the score" }
            li { (swatch(html! { line.zero x1="22" x2="22" y1="0" y2="100%" {} rect.diamond x="22" y="50%" width="9" height="9" {} })) " no transfer" }
        }
    }
}
