//! What an error is about: the kind that a caller decides by, and what a reference failed to mean.

use std::fmt;

use esmhub_store_format::{Digest, Name, Tag};

/// What a caller decides by: one exit code each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// No registry there (10).
    NotARegistry,
    /// Others were faster for too long (11).
    Busy,
    /// Newer than this program (12).
    Newer,
    /// Nothing of that name (13).
    NotFound,
    /// Several of that name (14).
    Ambiguous,
    /// The tag holds other content (15).
    Conflict,
    /// Damaged or missing (16).
    Integrity,
    /// Not a request that can be carried out (2).
    Usage,
    /// Anything else (1).
    Other,
}

/// Why a reference stands for nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Absence {
    /// No ESM has this name.
    Name,
    /// The name has no such tag.
    Tag,
    /// No ESM has this digest.
    Digest,
    /// It was removed.
    Removed {
        /// The log entry that removed it.
        entry: u64,
    },
    /// Every tag of the name is yanked.
    Yanked,
}

/// One of the ESMs that an ambiguous reference could mean.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// Its name.
    pub name: Name,
    /// Its tag.
    pub tag: Tag,
    /// Its card's digest.
    pub digest: Digest,
}

impl fmt::Display for Absence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name => f.write_str("no ESM of that name"),
            Self::Tag => f.write_str("no such tag"),
            Self::Digest => f.write_str("no ESM of that digest"),
            Self::Removed { entry } => write!(f, "removed by log entry {entry}"),
            Self::Yanked => f.write_str("all its tags are yanked"),
        }
    }
}

impl fmt::Display for Candidate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}@{}", self.name, self.tag, self.digest)
    }
}

/// Why an object store did not do what it was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StoreFault {
    /// It does not know this user, or does not let them.
    Denied,
    /// There is no such bucket.
    Missing,
    /// It could not be reached.
    Unreachable,
    /// It did not answer in time, or asked for patience, and went on to do so.
    Busy,
    /// The address is not encrypted.
    Plain,
    /// Anything else.
    Other,
}
