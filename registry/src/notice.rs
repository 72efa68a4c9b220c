//! What whoever asks should know beside the answer.

use std::fmt;

/// Something about the index, which the answer itself does not depend on.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Notice {
    /// The index could not be used, or not be kept: the next command takes longer.
    Index(String),
    /// The registry is not what this user has seen before: something that was acknowledged is gone from it.
    Parted(String),
}

impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Index(text) | Self::Parted(text) => f.write_str(text),
        }
    }
}
