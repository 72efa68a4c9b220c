//! Labels beside points, none over another or over a point.

/// A point of a picture, in its unit.
#[derive(Debug, Clone, Copy)]
pub(super) struct Spot {
    pub(super) x: f64,
    pub(super) y: f64,
    pub(super) radius: f64,
}

/// Where a label stands: the middle of its line at `y`, and from `x` on to the right, to the left, or both ways.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Label {
    pub(super) x: f64,
    pub(super) y: f64,
    pub(super) anchor: &'static str,
    /// Whether it stands so far away that a line has to lead there.
    pub(super) leads: bool,
}

/// Width and height of the picture, and of a letter of its labels.
#[derive(Debug, Clone, Copy)]
pub(super) struct Frame {
    pub(super) size: [f64; 2],
    pub(super) letter: [f64; 2],
    /// Which text is set in bold, and so is wider.
    pub(super) bold: usize,
}

/// Left, top, right, bottom.
type Area = [f64; 4];

const GAP: f64 = 4.0;
/// A bold letter's width by that of another.
const BOLD: f64 = 1.25;
/// How far away, in lines, a label may stand that must not be missing.
const FAR: [f64; 4] = [1.5, 2.5, 4.0, 6.0];

/// A place for each text, the first having the first choice; `None` where there is none. Text i belongs to spot i. The first `sure` of
/// them get one further away where a crowd leaves none beside the spot.
pub(super) fn place(frame: Frame, spots: &[Spot], texts: &[String], sure: usize) -> Vec<Option<Label>> {
    let mut taken: Vec<Area> = spots.iter().map(|s| around(s.x, s.y, s.radius + 1.0, s.radius + 1.0)).collect();
    let mut labels = Vec::with_capacity(texts.len());
    for (at, (spot, text)) in spots.iter().zip(texts).enumerate() {
        let letter = if at == frame.bold { BOLD * frame.letter[0] } else { frame.letter[0] };
        let width = text.chars().count() as f64 * letter;
        let near = candidates(*spot, frame.letter[1]);
        let far = FAR.iter().filter(|_| at < sure).flat_map(|lines| {
            let label = |label| Label { leads: true, ..label };
            candidates(Spot { radius: spot.radius + lines * frame.letter[1], ..*spot }, frame.letter[1]).map(label)
        });
        let found = near.into_iter().chain(far).find_map(|label| {
            let area = area(&label, width, frame.letter[1]);
            let inside = area[0] >= 0.0 && area[1] >= 0.0 && area[2] <= frame.size[0] && area[3] <= frame.size[1];
            (inside && !taken.iter().any(|other| meets(other, &area))).then_some((label, area))
        });
        taken.extend(found.map(|(_, area)| area));
        labels.push(found.map(|(label, _)| label));
    }
    labels
}

/// Right and left first, as text is read beside a point most easily.
fn candidates(Spot { x, y, radius }: Spot, height: f64) -> [Label; 8] {
    let (aside, away) = (radius + GAP, radius + 0.5 * height + 1.0);
    let label = |x, y, anchor| Label { x, y, anchor, leads: false };
    [
        label(x + aside, y, "start"),
        label(x - aside, y, "end"),
        label(x, y - away, "middle"),
        label(x, y + away, "middle"),
        label(x + 0.6 * aside, y - away, "start"),
        label(x + 0.6 * aside, y + away, "start"),
        label(x - 0.6 * aside, y - away, "end"),
        label(x - 0.6 * aside, y + away, "end"),
    ]
}

fn area(label: &Label, width: f64, height: f64) -> Area {
    let left = match label.anchor {
        "start" => label.x,
        "end" => label.x - width,
        _ => label.x - 0.5 * width,
    };
    [left, label.y - 0.5 * height, left + width, label.y + 0.5 * height]
}

fn around(x: f64, y: f64, across: f64, along: f64) -> Area {
    [x - across, y - along, x + across, y + along]
}

fn meets(a: &Area, b: &Area) -> bool {
    a[0] < b[2] && b[0] < a[2] && a[1] < b[3] && b[1] < a[3]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_label_covers_another_or_a_point() {
        let frame = Frame { size: [300.0, 200.0], letter: [7.0, 14.0], bold: usize::MAX };
        // A crowd in the middle, and points in the corners.
        let spot = |at: usize| {
            let (x, y) = match at {
                0..4 => (if at.is_multiple_of(2) { 6.0 } else { 294.0 }, if at < 2 { 6.0 } else { 194.0 }),
                _ => (150.0 + ((at * 37) % 61) as f64, 100.0 + ((at * 53) % 47) as f64),
            };
            Spot { x, y, radius: 5.0 }
        };
        let spots: Vec<Spot> = (0..30).map(spot).collect();
        let texts: Vec<String> = (0..30).map(|at| "x".repeat(3 + at % 9)).collect();
        let labels = place(frame, &spots, &texts, 0);
        let areas: Vec<Area> = labels
            .iter()
            .zip(&texts)
            .filter_map(|(label, text)| Some(area(label.as_ref()?, 7.0 * text.len() as f64, 14.0)))
            .collect();
        assert!(labels.iter().take(4).all(Option::is_some), "{labels:?}");
        assert!((8..30).contains(&areas.len()), "{}", areas.len());
        for (at, a) in areas.iter().enumerate() {
            assert!(areas.iter().skip(at + 1).all(|b| !meets(a, b)));
            assert!(spots.iter().all(|s| !meets(a, &around(s.x, s.y, s.radius, s.radius))));
            assert!(a[0] >= 0.0 && a[1] >= 0.0 && a[2] <= 300.0 && a[3] <= 200.0);
        }
    }

    /// What the reader looks for first is in the crowd as well.
    #[test]
    fn the_first_have_a_label_however_many_points_are_around_them() {
        let frame = Frame { size: [400.0, 400.0], letter: [7.0, 14.0], bold: usize::MAX };
        let at = |x: f64, y: f64| Spot { x, y, radius: 5.0 };
        let mut spots = vec![at(200.0, 200.0), at(212.0, 200.0)];
        spots.extend((0..81).map(|n| at(152.0 + f64::from(n % 9) * 12.0, 152.0 + f64::from(n / 9) * 12.0)));
        let texts: Vec<String> = (0..spots.len()).map(|at| format!("{at} source")).collect();
        assert_eq!(place(frame, &spots, &texts, 0).iter().take(2).flatten().count(), 0);
        let labels = place(frame, &spots, &texts, 2);
        let areas: Vec<Area> = labels.iter().take(2).flatten().map(|label| area(label, 56.0, 14.0)).collect();
        assert!(matches!(areas.as_slice(), [first, second] if !meets(first, second)), "{labels:?}");
        assert!(spots.iter().all(|s| areas.iter().all(|area| !meets(area, &around(s.x, s.y, s.radius, s.radius)))));
        assert!(labels.iter().take(2).flatten().all(|label| label.leads));
    }
}
