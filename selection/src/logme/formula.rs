//! Which directions count.

use std::fmt;
use std::str::FromStr;

/// Which directions count in the determinant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Formula {
    /// All D: the evidence as it is defined.
    #[default]
    Exact,
    /// Those with a singular value that is not zero: what thuml/LogME and hfselect compute.
    Hfselect,
}

impl Formula {
    /// Its name on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Exact => "exact",
            Self::Hfselect => "hfselect",
        }
    }
}

impl fmt::Display for Formula {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A formula's name was not one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a score: exact or hfselect is expected")]
pub struct FormulaError(String);

impl FromStr for Formula {
    type Err = FormulaError;

    fn from_str(text: &str) -> Result<Self, FormulaError> {
        let all = [Self::Exact, Self::Hfselect];
        all.into_iter().find(|f| f.name() == text).ok_or_else(|| FormulaError(text.chars().take(40).collect()))
    }
}
