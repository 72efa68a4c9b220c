//! Which directions count.

use std::fmt;

/// Which directions count in the determinant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
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
