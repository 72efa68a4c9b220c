//! From stated labels to classes or numbers.

use std::cmp::Ordering;

use esmhub_selection::Labels;

use super::super::limits::MAX_CLASSES;
use super::kind::{self, Kind};
use super::problem::LabelProblem;
use super::raw::RawLabel;

/// What is predicted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Task {
    /// Regression where a label has a fractional part, else classification.
    Auto,
    /// Labels are classes, numbers too; -1 means unlabelled.
    Classification,
    /// Labels are numbers to predict.
    Regression,
}

/// The labels of the rows that are used.
#[derive(Debug, Clone, PartialEq)]
pub struct LabelSet {
    /// One label per kept row.
    pub labels: Labels,
    /// The kept rows, as positions in the file counted from 0: texts and embeddings are to be subset to these.
    pub kept: Vec<usize>,
    /// How many chosen rows were left out because their classification label is -1.
    pub unlabelled: usize,
    /// Doubts that the user should read: so many classes that this may be the wrong column or task, or a class -1 among
    /// texts.
    pub concerns: Vec<String>,
}

/// Turns the labels of the chosen `rows` (positions in `column`, counted from 0) into a target.
///
/// Classes: strings sorted by their bytes, `false` before `true`, numbers by their value; only classes of the chosen
/// rows count. As in hfselect, a class that is the number -1 means unlabelled, and such rows are left out; the string
/// "-1" does so only in a CSV column that is all integers or all numbers, and is doubted elsewhere. Regression leaves nothing
/// out.
///
/// # Errors
///
/// `LabelProblem`, naming the row where there is one, counted from 1.
pub fn interpret(column: &[RawLabel], rows: &[usize], task: Task) -> Result<LabelSet, LabelProblem> {
    let first = *rows.first().ok_or(LabelProblem::NoRows)?;
    let kind = kind::of(column)?.ok_or(LabelProblem::Missing { row: first + 1, marks: false })?;
    let marks = matches!(
        (task, kind),
        (Task::Auto | Task::Classification, Kind::Integer)
            | (Task::Auto, Kind::Float { whole: true })
            | (Task::Classification, Kind::Float { .. })
    );
    let chosen: Vec<(usize, &RawLabel)> = rows
        .iter()
        .map(|&row| match column.get(row) {
            Some(RawLabel::Missing) | None => Err(LabelProblem::Missing { row: row + 1, marks }),
            Some(label) => Ok((row, label)),
        })
        .collect::<Result<_, _>>()?;
    match (task, kind) {
        (Task::Regression, _) | (Task::Auto, Kind::Float { whole: false }) => regression(&chosen),
        (_, Kind::Text) => {
            let texts = typed(&chosen, kind::text)?;
            let doubt = marks_among(texts.iter().map(|(_, text)| *text));
            let mut set = classes(texts, 0, |a, b| a.cmp(b), |text| (*text).to_owned())?;
            set.concerns.extend(doubt);
            Ok(set)
        }
        (_, Kind::Bool) => {
            let bools = typed(&chosen, |label| match label {
                RawLabel::Bool(value) => Some(*value),
                _ => None,
            })?;
            classes(bools, 0, bool::cmp, bool::to_string)
        }
        (_, Kind::Integer) => {
            let mut integers = typed(&chosen, kind::integer)?;
            integers.retain(|(_, value)| *value != -1);
            let unlabelled = chosen.len() - integers.len();
            classes(integers, unlabelled, i128::cmp, i128::to_string)
        }
        (_, Kind::Float { .. }) => {
            let mut floats = finite(&chosen)?;
            floats.retain(|(_, value)| *value != -1.0);
            let unlabelled = chosen.len() - floats.len();
            classes(floats, unlabelled, f64::total_cmp, f64::to_string)
        }
    }
}

/// The values of the chosen rows. The kind of the column says that all of them have one, and nothing rests on that.
fn typed<'a, T>(
    chosen: &[(usize, &'a RawLabel)],
    value: impl Fn(&'a RawLabel) -> Option<T>,
) -> Result<Vec<(usize, T)>, LabelProblem> {
    let value = |&(row, label)| {
        value(label).map(|value| (row, value)).ok_or(LabelProblem::Missing { row: row + 1, marks: false })
    };
    chosen.iter().map(value).collect()
}

/// The doubt about texts that say -1: whoever means rows without a label by it gets one class more.
fn marks_among<'a>(texts: impl Iterator<Item = &'a str>) -> Option<String> {
    match texts.filter(|text| text.trim().parse() == Ok(-1.0)).count() {
        0 => None,
        rows => Some(format!(
            "the labels are texts, so -1 is one of the classes, with {rows} of the rows: where it means that a row has no label, \
             leave the row out of the file"
        )),
    }
}

/// The finite numbers of the chosen rows. Zero has one sign, so that it is one class.
fn finite(chosen: &[(usize, &RawLabel)]) -> Result<Vec<(usize, f64)>, LabelProblem> {
    let number = |&(row, label): &(usize, &RawLabel)| match kind::number(label) {
        Some(value) if value.is_finite() => Ok((row, value + 0.0)),
        Some(value) => Err(LabelProblem::NotFinite { row: row + 1, value }),
        None => Err(LabelProblem::NotANumber { row: row + 1, text: kind::text(label).map(str::to_owned) }),
    };
    chosen.iter().map(number).collect()
}

fn regression(chosen: &[(usize, &RawLabel)]) -> Result<LabelSet, LabelProblem> {
    let (kept, numbers): (Vec<usize>, Vec<f64>) = finite(chosen)?.into_iter().unzip();
    match numbers.first() {
        Some(&value) if numbers.iter().all(|other| *other == value) => {
            Err(LabelProblem::Constant { value, rows: numbers.len() })
        }
        _ => Ok(LabelSet { labels: Labels::Numbers(numbers), kept, unlabelled: 0, concerns: Vec::new() }),
    }
}

fn classes<T: Clone>(
    values: Vec<(usize, T)>,
    unlabelled: usize,
    order: impl Fn(&T, &T) -> Ordering,
    name: impl Fn(&T) -> String,
) -> Result<LabelSet, LabelProblem> {
    let (kept, values): (Vec<usize>, Vec<T>) = values.into_iter().unzip();
    let mut distinct = values.clone();
    distinct.sort_unstable_by(&order);
    distinct.dedup_by(|a, b| order(a, b) == Ordering::Equal);
    let (classes, rows) = (distinct.len(), values.len());
    if classes < 2 {
        return Err(LabelProblem::TooFewClasses { class: distinct.first().map(name), rows, unlabelled });
    }
    if classes > MAX_CLASSES {
        return Err(LabelProblem::TooManyClasses { classes, rows });
    }
    // Two rows of two classes are few, but no sign of a wrong column.
    let doubt = (classes > 2 && classes > rows / 2).then(|| {
        format!("{classes} classes in {rows} rows: is this the label column, or are these numbers to predict?")
    });
    // Every value is among the distinct ones, so the search always ends at its position.
    let y = values.iter().map(|value| match distinct.binary_search_by(|class| order(class, value)) {
        Ok(position) | Err(position) => position as u32,
    });
    let labels = Labels::Classes { y: y.collect(), names: distinct.iter().map(name).collect() };
    Ok(LabelSet { labels, kept, unlabelled, concerns: doubt.into_iter().collect() })
}
