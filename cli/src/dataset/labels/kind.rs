//! Which kind of labels a column holds.

use super::problem::LabelProblem;
use super::raw::RawLabel;

/// The kind of a whole column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Text,
    Bool,
    Integer,
    /// `whole`: no finite value has a fractional part.
    Float {
        whole: bool,
    },
}

/// The kind of the column; `None` where every label is missing.
///
/// Untyped cells are integers if every one of them reads as an integer, else numbers if every one reads as a number, NaN
/// and infinities included, and one of them is finite (else a damaged measurement would silently turn regression into
/// classification of strings), else text. In formats with types, integers and floats together are floats.
pub(super) fn of(labels: &[RawLabel]) -> Result<Option<Kind>, LabelProblem> {
    let mut present = labels.iter().enumerate().filter(|(_, label)| **label != RawLabel::Missing).peekable();
    let Some((_, first)) = present.peek().copied() else {
        return Ok(None);
    };
    let is_number = |label: &RawLabel| matches!(label, RawLabel::Integer(_) | RawLabel::Float(_));
    let alike = |label: &RawLabel| {
        std::mem::discriminant(label) == std::mem::discriminant(first) || (is_number(label) && is_number(first))
    };
    if let Some((index, other)) = present.clone().find(|(_, label)| !alike(label)) {
        return Err(LabelProblem::Mixed { row: index + 1, found: other.kind(), expected: first.kind() });
    }
    let mut present = present.map(|(_, label)| label);
    Ok(Some(match first {
        RawLabel::Missing => return Ok(None),
        RawLabel::Text(_) => Kind::Text,
        RawLabel::Bool(_) => Kind::Bool,
        RawLabel::Cell(_) | RawLabel::Integer(_) | RawLabel::Float(_) => {
            if present.clone().all(|label| integer(label).is_some()) {
                Kind::Integer
            } else if present.clone().all(|label| number(label).is_some())
                && present.clone().any(|label| number(label).is_some_and(f64::is_finite))
            {
                Kind::Float { whole: !present.any(|label| number(label).is_some_and(has_fraction)) }
            } else if matches!(first, RawLabel::Cell(_)) {
                Kind::Text
            } else {
                Kind::Float { whole: true }
            }
        }
    }))
}

/// The label as an integer, where it is one or reads as one.
pub(super) fn integer(label: &RawLabel) -> Option<i128> {
    match label {
        RawLabel::Integer(value) => Some(*value),
        RawLabel::Cell(text) => text.trim().parse().ok(),
        _ => None,
    }
}

/// The label as a number, where it is one or reads as one; NaN and infinities are numbers here.
pub(super) fn number(label: &RawLabel) -> Option<f64> {
    match label {
        RawLabel::Integer(value) => Some(*value as f64),
        RawLabel::Float(value) => Some(*value),
        RawLabel::Cell(text) => text.trim().parse().ok(),
        _ => None,
    }
}

/// The label as text.
pub(super) fn text(label: &RawLabel) -> Option<&str> {
    match label {
        RawLabel::Cell(text) | RawLabel::Text(text) => Some(text),
        _ => None,
    }
}

fn has_fraction(value: f64) -> bool {
    value.is_finite() && value.fract() != 0.0
}
