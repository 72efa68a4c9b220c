//! One label as a file states it.

/// One label as a file states it.
#[derive(Debug, Clone, PartialEq)]
pub enum RawLabel {
    /// Null, or an empty cell of a format that has no null.
    Missing,
    /// A cell of a format without types (CSV, TSV): what it is, the whole column decides.
    Cell(String),
    /// A string of a format with types.
    Text(String),
    /// An integer of any width; 128 bits hold them all.
    Integer(i128),
    /// A floating-point number, NaN and infinities included.
    Float(f64),
    /// A boolean.
    Bool(bool),
}

impl RawLabel {
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Cell(_) => "a cell",
            Self::Text(_) => "a text",
            Self::Integer(_) => "an integer",
            Self::Float(_) => "a number",
            Self::Bool(_) => "a boolean",
        }
    }
}
