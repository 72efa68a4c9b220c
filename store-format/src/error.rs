//! Why bytes were refused.

use crate::Digest;

/// Why bytes could not be read, or a value could not be written.
///
/// The variants answer the question that a caller has: is it damaged (`Damaged`, `DigestMismatch`), is this program too
/// old for it (`Newer`), does it break a rule although it is intact (`Invalid`), or is it larger than the format allows
/// (`TooLarge`)?
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum FormatError {
    /// The bytes are not what a writer wrote: cut short, overwritten, or flipped.
    #[error("{what} is damaged: {detail}")]
    Damaged {
        /// What was read, as people call it: "object", "log entry".
        what: &'static str,
        /// Which check failed, with what was expected and found.
        detail: String,
    },
    /// The content is intact in itself but is not the content that was asked for.
    #[error("digest does not match: expected {expected}, found {found}")]
    DigestMismatch {
        /// The digest that was asked for.
        expected: Digest,
        /// The digest of what was found.
        found: Digest,
    },
    /// A later version of the format wrote this.
    #[error("{what} has format {found}; this program reads up to {supported}")]
    Newer {
        /// What was read.
        what: &'static str,
        /// The version, kind or codec that was found.
        found: u32,
        /// The highest that this program knows.
        supported: u32,
    },
    /// The value breaks a rule of the format.
    #[error("{what}: {detail}")]
    Invalid {
        /// Which value, or which field of it.
        what: &'static str,
        /// What was expected and what was found.
        detail: String,
    },
    /// The value is larger than the format allows.
    #[error("{what} has {found} bytes, at most {limit} are allowed")]
    TooLarge {
        /// Which value.
        what: &'static str,
        /// Its size in bytes, or the size that it claims to have.
        found: u64,
        /// The limit in bytes.
        limit: u64,
    },
}

impl FormatError {
    /// What the user can do about it, where there is something.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Newer { .. } => Some("install a newer esmhub to read this registry".into()),
            Self::Damaged { .. } | Self::DigestMismatch { .. } => {
                Some("`esmhub verify` lists everything in the registry that is damaged".into())
            }
            Self::TooLarge { .. } | Self::Invalid { .. } => None,
        }
    }

    pub(crate) fn damaged(what: &'static str, detail: impl Into<String>) -> Self {
        Self::Damaged { what, detail: detail.into() }
    }

    pub(crate) fn invalid(what: &'static str, detail: impl Into<String>) -> Self {
        Self::Invalid { what, detail: detail.into() }
    }
}
