//! Why labels make no target.

use thiserror::Error;

use super::super::error::Quoted;
use super::super::limits::MAX_CLASSES;

/// Why labels make no target. Rows are counted from 1, in the file.
#[derive(Debug, Error)]
pub enum LabelProblem {
    /// A row without a label.
    #[error("row {row} has no label")]
    Missing {
        /// The row.
        row: usize,
        /// Whether the labels are classes that are numbers, among which -1 means unlabelled.
        marks: bool,
    },
    /// Labels of several kinds.
    #[error("the label of row {row} is {found}, expected {expected} as in the rows before it")]
    Mixed {
        /// The first row of another kind.
        row: usize,
        /// What it holds.
        found: &'static str,
        /// What the rows before it hold.
        expected: &'static str,
    },
    /// Regression asked for, but a label is no number.
    #[error("the label of row {row} is {}, expected a number for regression", match text {
        Some(text) => Quoted(text).to_string(),
        None => "a boolean".to_owned(),
    })]
    NotANumber {
        /// The row.
        row: usize,
        /// What it holds, unless that is a boolean.
        text: Option<String>,
    },
    /// NaN or infinite.
    #[error("the label of row {row} is {value}, expected a finite number")]
    NotFinite {
        /// The row.
        row: usize,
        /// What it holds.
        value: f64,
    },
    /// Not two classes.
    #[error("{}, expected at least 2{}", match class {
        Some(class) => format!("all {rows} labelled rows have the one class {}", Quoted(class)),
        None => "no row is labelled, so there are 0 classes".to_owned(),
    }, match unlabelled {
        0 => String::new(),
        unlabelled => format!(" ({unlabelled} rows are unlabelled: -1)"),
    })]
    TooFewClasses {
        /// The only class there is, if there is one.
        class: Option<String>,
        /// The labelled rows.
        rows: usize,
        /// The rows labelled -1.
        unlabelled: usize,
    },
    /// More classes than are scored.
    #[error("{classes} classes in {rows} rows, expected at most {MAX_CLASSES}")]
    TooManyClasses {
        /// How many there are.
        classes: usize,
        /// The labelled rows.
        rows: usize,
    },
    /// Regression on a constant.
    #[error("all {rows} rows have the same number {value} to predict, expected at least 2 different ones")]
    Constant {
        /// The number.
        value: f64,
        /// The rows.
        rows: usize,
    },
    /// Nothing to interpret.
    #[error("no rows are chosen")]
    NoRows,
}

impl LabelProblem {
    /// What the user can do about it.
    pub fn hint(&self) -> Option<String> {
        let advice = match self {
            Self::Missing { marks: true, .. } => {
                "fill in the label, mark the row as unlabelled with -1, or take it out"
            }
            // Among texts -1 would be one more class, and among numbers to predict a number.
            Self::Missing { marks: false, .. } => "fill in the label, or leave the row out of the file",
            Self::Mixed { .. } => "write all labels as texts, or all as numbers",
            Self::NotANumber { .. } => "leave out --task regression, or name the column of numbers with --label",
            Self::NotFinite { .. } => "take the row out",
            Self::TooFewClasses { .. } => "name the label column with --label, or take more rows with --rows",
            Self::TooManyClasses { .. } => "is this the label column? For numbers to predict, say --task regression",
            Self::Constant { .. } => "name the column of numbers with --label, or take more rows with --rows",
            Self::NoRows => return None,
        };
        Some(advice.to_owned())
    }
}
