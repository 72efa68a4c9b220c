//! What a chart shows, in which order: ESMs in their tie groups, and no transfer in its place among all that were ranked.

use super::axis::Axis;
use super::number::{gain, half_width, score};
use crate::commands::rank::{RankDocument, Ranked};

/// One line of a chart.
#[derive(Clone, Copy)]
pub(super) enum Line<'a> {
    /// An ESM.
    Esm(&'a Ranked),
    /// No transfer, with its score.
    Baseline(f64),
    /// So many that are not shown.
    More(usize),
}

/// Lines that stand together: a tie group, or what has none.
pub(super) struct Group<'a> {
    /// From 1 on; `None` where nothing is known.
    pub(super) tie: Option<usize>,
    pub(super) lines: Vec<Line<'a>>,
}

/// The lines of a ranking, and the axis that they share.
pub(super) struct Chart<'a> {
    pub(super) axis: Axis,
    pub(super) baseline: f64,
    pub(super) groups: Vec<Group<'a>>,
}

impl<'a> Chart<'a> {
    pub(super) fn of(ranking: &'a RankDocument) -> Self {
        let esms = ranking.pictured();
        let baseline = ranking.baseline.score;
        Self { axis: Axis::of(esms, baseline), baseline, groups: groups(ranking, esms, baseline) }
    }

    /// From where to where 95 % of the gains lie, on the axis.
    pub(super) fn gain_ends(&self, esm: &Ranked) -> Option<[f64; 2]> {
        esm.gain_interval.map(|ends| ends.map(|gain| self.axis.at(self.baseline + gain)))
    }
}

fn groups<'a>(ranking: &RankDocument, esms: &'a [Ranked], baseline: f64) -> Vec<Group<'a>> {
    let (above, shown) = (ranking.above, esms.len());
    let mut groups: Vec<Group> = Vec::new();
    let tie_at = |place: usize| esms.get(place).and_then(|esm| esm.tie_group);
    for (place, esm) in esms.iter().enumerate() {
        // Between two of one group it stands within the group.
        let splits = place == 0 || tie_at(place - 1) != tie_at(place);
        if place == above && splits {
            groups.push(Group { tie: None, lines: vec![Line::Baseline(baseline)] });
        }
        if splits || groups.is_empty() {
            groups.push(Group { tie: esm.tie_group, lines: Vec::new() });
        }
        if let Some(group) = groups.last_mut() {
            group.lines.extend((place == above && !splits).then_some(Line::Baseline(baseline)));
            group.lines.push(Line::Esm(esm));
        }
    }
    let below = ranking.ranked - above.max(shown);
    let rest = [
        (above > shown).then(|| Line::More(above - shown)),
        (above >= shown).then_some(Line::Baseline(baseline)),
        (below > 0).then_some(Line::More(below)),
    ];
    groups.extend(rest.into_iter().flatten().map(|line| Group { tie: None, lines: vec![line] }));
    groups
}

/// An ESM's numbers in words, for whoever points at its bar.
pub(super) fn described(esm: &Ranked) -> String {
    let ends = |[low, high]: [f64; 2], show: fn(f64) -> String| format!(" (95 %: {} to {})", show(low), show(high));
    format!(
        "{}. {}:{}: score {}{}, gain {}{}",
        esm.rank,
        esm.name,
        esm.tag,
        score(esm.score),
        esm.interval.map(|interval| ends(interval, score)).unwrap_or_default(),
        gain(esm.gain),
        esm.gain_interval.map(|interval| ends(interval, gain)).unwrap_or_default(),
    )
}

/// The gain as the table of `rank` has it: `+0.0346 ±0.0046*`.
pub(super) fn gain_cell(esm: &Ranked) -> String {
    let width = esm.gain_interval.map(|interval| format!(" {}", half_width(interval))).unwrap_or_default();
    format!("{}{width}{}", gain(esm.gain), if esm.is_better { "*" } else { "" })
}

/// The score, in the same way.
pub(super) fn score_cell(esm: &Ranked) -> String {
    let width = esm.interval.map(|interval| format!(" {}", half_width(interval))).unwrap_or_default();
    format!("{}{width}", score(esm.score))
}
