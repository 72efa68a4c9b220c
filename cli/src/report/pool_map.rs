//! The map of the pool: ESMs that do alike things to the target lie close together.
//!
//! Drawn twice, for wide and for narrow screens; the style shows one of them. Steps of the gain are told by size and by shape as well
//! as by colour.

use std::collections::HashMap;

use maud::{Markup, html};

use super::labels::{Frame, Spot, place};
use super::number::{gain, grouped, plain, px, score, shown};
use crate::document::shortened;

/// What lies where.
#[derive(Debug)]
pub(crate) struct PoolMap {
    /// Best first.
    pub(crate) places: Vec<Place>,
    /// Where no transfer lies.
    pub(crate) baseline: [f64; 2],
    /// The share of the variance that the plane shows, from 0 to 1.
    pub(crate) share: f64,
    /// How many rows of the target were compared.
    pub(crate) rows: usize,
    /// How many ESMs were ranked; the map has the first of them.
    pub(crate) ranked: usize,
}

/// An ESM on the map.
#[derive(Debug)]
pub(crate) struct Place {
    pub(crate) rank: usize,
    pub(crate) name: String,
    pub(crate) tag: String,
    pub(crate) score: f64,
    pub(crate) gain: f64,
    /// In the unit of distance, where 0 is alike and 1.41 has nothing in common.
    pub(crate) position: [f64; 2],
}

/// Wide and narrow: a class, the size, the most labels, and the most letters of each.
const SIZES: [(&str, [f64; 2], usize, usize); 2] =
    [("wide", [960.0, 560.0], 40, 40), ("narrow", [360.0, 360.0], 10, 20)];
/// The origin and the first few ESMs are named, be it from further away.
const SURE: usize = 4;
/// A letter of 13 px, generously.
const LETTER: [f64; 2] = [7.2, 16.0];
const MARGIN: [f64; 2] = [56.0, 24.0];
/// Steps of a gain, of which the third is the largest.
const STEPS: usize = 3;
const RADII: [f64; STEPS] = [4.0, 5.5, 7.0];

impl PoolMap {
    pub(super) fn section(&self) -> Markup {
        html! {
            section #map aria-labelledby="map-title" {
                h2 #map-title { "Which of them do the same" }
                p {
                    "Each mark is an ESM" @if self.places.len() < self.ranked {
                        ", the first " (grouped(self.places.len())) " of " (grouped(self.ranked))
                    } ". The closer two lie, the more alike they treat the target’s rows; the cross is the base model as it is. "
                    "Neighbours with high gains are one discovery, not two."
                }
                @for (class, size, labels, letters) in SIZES { (self.picture(class, size, labels, letters)) }
                (self.legend())
                p.note {
                    "Distance: √(2 − 2 CKA) of the mapped rows, " (grouped(self.rows)) " of them compared. The plane shows "
                    (format!("{:.0} %", 100.0 * self.share)) " of the variance, so what lies close here can lie apart in the rest; "
                    "directions have no meaning of their own."
                }
            }
        }
    }

    fn picture(&self, class: &str, size: [f64; 2], most: usize, letters: usize) -> Markup {
        let (points, scale) = self.fitted(size);
        let spots: Vec<Spot> =
            points.iter().copied().zip(self.radii()).map(|([x, y], radius)| Spot { x, y, radius }).collect();
        let texts: Vec<String> = self.texts(letters).into_iter().take(most + 1).collect();
        let labels = place(Frame { size, letter: LETTER, bold: 1 }, &spots, &texts, SURE);
        let bar = round_length(0.2 * size[0] / scale);
        let [width, height] = size.map(px);
        html! {
            svg.map.(class) viewBox=(format!("0 0 {width} {height}")) role="img" aria-labelledby=(format!("map-{class}")) {
                title id=(format!("map-{class}")) { "Map of the pool; the ranking above has the same ESMs with their numbers" }
                rect.sea x="0" y="0" width=(width) height=(height) rx="8" {}
                // The best on top.
                @for (esm, spot) in self.places.iter().zip(spots.iter().skip(1)).rev() { (self.mark(esm, spot)) }
                @if let Some(Spot { x, y, .. }) = spots.first() {
                    g.origin data-x=(self.baseline[0]) data-y=(self.baseline[1]) {
                        title { "no transfer" }
                        path d=(format!("M{} {}h14m-7 -7v14", px(x - 7.0), px(*y))) {}
                    }
                }
                @for (label, spot) in labels.iter().zip(&spots) {
                    @if let Some(label) = label.filter(|label| label.leads) {
                        path.leader d=(format!("M{} {}L{} {}", px(spot.x), px(spot.y), px(label.x), px(label.y))) {}
                    }
                }
                @for (at, (label, text)) in labels.iter().zip(&texts).enumerate() {
                    @if let Some(label) = label {
                        text.label.first[at == 1] x=(px(label.x)) y=(px(label.y)) dy="0.35em" text-anchor=(label.anchor) { (shown(text)) }
                    }
                }
                g.scale {
                    path d=(format!("M14 {}h{}", px(size[1] - 14.0), px(bar * scale))) {}
                    text x="14" y=(px(size[1] - 20.0)) { (plain(bar, 9)) }
                }
            }
        }
    }

    fn mark(&self, esm: &Place, spot: &Spot) -> Markup {
        let Spot { x, y, radius } = *spot;
        let (rises, step) = (esm.gain > 0.0, step(esm.gain, self.largest()));
        let class = format!("{}-{}", if rises { "up" } else { "down" }, step + 1);
        html! {
            g.place data-rank=(esm.rank) data-x=(esm.position[0]) data-y=(esm.position[1]) {
                title { (esm.rank) ". " (esm.name) ":" (esm.tag) ": gain " (gain(esm.gain)) ", score " (score(esm.score)) }
                @if rises {
                    circle class=(class) cx=(px(x)) cy=(px(y)) r=(px(radius)) {}
                } @else {
                    path class=(class) d=(triangle(x, y, radius)) {}
                }
            }
        }
    }

    fn legend(&self) -> Markup {
        let largest = self.largest();
        let range = |step: usize, outermost: f64| {
            let ends = [step, step + 1].map(|end| outermost * end as f64 / STEPS as f64);
            format!("{} to {}", if step == 0 { "0".to_owned() } else { gain(ends[0]) }, gain(ends[1]))
        };
        let fallen = self.places.iter().any(|esm| esm.gain <= 0.0);
        let swatch = |mark: Markup| html! { svg.swatch width="18" height="18" viewBox="-9 -9 18 18" aria-hidden="true" { (mark) } };
        html! {
            ul.legend aria-label="Legend of the map: gains" {
                @for (step, radius) in RADII.into_iter().enumerate().rev() {
                    li { (swatch(html! { circle class=(format!("up-{}", step + 1)) r=(px(radius)) {} })) " " (range(step, largest)) }
                }
                @if fallen {
                    @for (step, radius) in RADII.into_iter().enumerate() {
                        li { (swatch(html! { path class=(format!("down-{}", step + 1)) d=(triangle(0.0, 0.0, radius)) {} })) " " (range(step, -largest)) }
                    }
                }
                li { (swatch(html! { g.origin { path d="M-7 0h14m-7 -7v14" {} } })) " no transfer" }
            }
        }
    }

    /// No transfer first, then the ESMs, in a picture of this size with the same scale both ways; and that scale.
    fn fitted(&self, size: [f64; 2]) -> (Vec<[f64; 2]>, f64) {
        let all: Vec<[f64; 2]> =
            [self.baseline].into_iter().chain(self.places.iter().map(|esm| esm.position)).collect();
        let ends = |axis: usize| {
            let values = || all.iter().filter_map(move |at| at.get(axis).copied());
            (values().fold(f64::INFINITY, f64::min), values().fold(f64::NEG_INFINITY, f64::max))
        };
        let ((left, right), (low, high)) = (ends(0), ends(1));
        let room = [size[0] - 2.0 * MARGIN[0], size[1] - 2.0 * MARGIN[1]];
        let scale = (room[0] / (right - left)).min(room[1] / (high - low));
        // All at one place.
        let scale = if scale.is_finite() { scale } else { 1.0 };
        let middle = [0.5 * (left + right), 0.5 * (low + high)];
        let put = |[x, y]: [f64; 2]| [0.5 * size[0] + scale * (x - middle[0]), 0.5 * size[1] - scale * (y - middle[1])];
        (all.into_iter().map(put).collect(), scale)
    }

    fn largest(&self) -> f64 {
        self.places.iter().map(|esm| esm.gain.abs()).fold(0.0, f64::max)
    }

    fn radii(&self) -> impl Iterator<Item = f64> {
        let largest = self.largest();
        let radius = move |esm: &Place| RADII.get(step(esm.gain, largest)).copied().unwrap_or_default();
        [8.0].into_iter().chain(self.places.iter().map(radius))
    }

    /// The names, with their tags where one name has several, cut in the middle where they are too long.
    fn texts(&self, letters: usize) -> Vec<String> {
        let mut tags: HashMap<&str, usize> = HashMap::new();
        self.places.iter().for_each(|esm| *tags.entry(&esm.name).or_default() += 1);
        let text = |esm: &Place| {
            let several = tags.get(esm.name.as_str()).is_some_and(|&tags| tags > 1);
            let name = if several { format!("{}:{}", esm.name, esm.tag) } else { esm.name.clone() };
            format!("{} {}", esm.rank, shortened(&name, letters))
        };
        ["no transfer".to_owned()].into_iter().chain(self.places.iter().map(text)).collect()
    }
}

/// 0, 1 or 2: the third of the largest that a gain belongs to.
fn step(gain: f64, largest: f64) -> usize {
    let share = if largest > 0.0 { gain.abs() / largest } else { 0.0 };
    ((share * STEPS as f64).ceil() as usize).clamp(1, STEPS) - 1
}

/// Pointing down, as large as a circle of this radius.
fn triangle(x: f64, y: f64, radius: f64) -> String {
    let (across, up, down) = (1.17 * radius, 0.68 * radius, 1.35 * radius);
    format!("M{} {}h{}l{} {}z", px(x - across), px(y - up), px(2.0 * across), px(-across), px(up + down))
}

/// The largest of 1, 2 or 5 times a power of ten that is no longer than this.
fn round_length(most: f64) -> f64 {
    let power = 10f64.powi(most.log10().floor() as i32);
    [5.0, 2.0, 1.0].map(|by| by * power).into_iter().find(|length| *length <= most).unwrap_or(power)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scale_is_a_round_length_that_can_be_read() {
        let scales = [0.27, 0.0099, 192.0, 1.0, 0.00052].map(|most| plain(round_length(most), 9));
        assert_eq!(scales, ["0.2", "0.005", "100", "1", "0.0005"]);
    }

    #[test]
    fn steps_are_thirds_of_the_largest() {
        assert_eq!([0.0, 0.1, -0.3, 0.31, -0.61, 0.9].map(|gain| step(gain, 0.9)), [0, 0, 0, 1, 2, 2]);
        assert_eq!(step(0.0, 0.0), 0);
    }

    #[test]
    fn cut_names_keep_both_ends() {
        assert_eq!(["short", "a/long/name:v12"].map(|text| shortened(text, 9)), ["short", "a/lo…:v12"]);
        assert_eq!(shortened("日本語のとても長い名前:v1", 7), "日本語…:v1");
    }
}
