//! Why a user's file could not be used.
//!
//! An error names the file and the place in it, and keeps its cause in `source()`; advice stands in
//! [`DatasetError::hint`] alone.

use std::error::Error;
use std::fmt;
use std::path::{Path, PathBuf};

use super::arrays::ArrayProblem;
use super::file::FileProblem;
use super::labels::LabelProblem;
use super::table::TableProblem;

/// Why a user's file could not be used.
#[derive(Debug)]
pub enum DatasetError {
    /// The file could not be opened, or is of no format that is read.
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: FileProblem,
    },
    /// A table could not be read.
    Table {
        /// The file.
        path: PathBuf,
        /// What is wrong with it, and where.
        problem: TableProblem,
    },
    /// Arrays could not be read.
    Arrays {
        /// The file.
        path: PathBuf,
        /// What is wrong with it, and where.
        problem: ArrayProblem,
    },
    /// The labels make no target.
    Labels(LabelProblem),
}

/// Whose fault an error is, which decides the exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The command line names a column or a kind of file that is not there.
    Usage,
    /// The file is missing, damaged or beyond a limit.
    Input,
    /// The file is sound, but its labels or dimensions do not fit the task (exit code 17).
    Incompatible,
}

impl DatasetError {
    /// A file that could not be opened.
    pub(super) fn file(path: &Path, problem: FileProblem) -> Self {
        Self::File { path: path.to_owned(), problem }
    }

    /// A table that could not be read.
    pub(super) fn table(path: &Path, problem: TableProblem) -> Self {
        Self::Table { path: path.to_owned(), problem }
    }

    /// Arrays that could not be read.
    pub(super) fn arrays(path: &Path, problem: ArrayProblem) -> Self {
        Self::Arrays { path: path.to_owned(), problem }
    }

    /// What the user can do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::File { problem, .. } => problem.hint(),
            Self::Table { problem, .. } => problem.hint(),
            Self::Arrays { problem, .. } => problem.hint(),
            Self::Labels(problem) => problem.hint(),
        }
    }

    /// Whose fault it is.
    pub fn fault(&self) -> Fault {
        match self {
            Self::File { problem, .. } => problem.fault(),
            Self::Table { problem, .. } => problem.fault(),
            Self::Arrays { problem, .. } => problem.fault(),
            Self::Labels(_) => Fault::Incompatible,
        }
    }

    fn problem(&self) -> &(dyn Error + 'static) {
        match self {
            Self::File { problem, .. } => problem,
            Self::Table { problem, .. } => problem,
            Self::Arrays { problem, .. } => problem,
            Self::Labels(problem) => problem,
        }
    }
}

impl fmt::Display for DatasetError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { path, .. } | Self::Table { path, .. } | Self::Arrays { path, .. } => {
                write!(f, "{}: {}", path.display(), self.problem())
            }
            Self::Labels(problem) => problem.fmt(f),
        }
    }
}

/// The problem stands in the message already, so the chain goes on with the problem's own cause.
impl Error for DatasetError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.problem().source()
    }
}

impl From<LabelProblem> for DatasetError {
    fn from(problem: LabelProblem) -> Self {
        Self::Labels(problem)
    }
}

/// Names out of a hostile file, for a message: quoted, escaped, cut, and no more than twenty of them.
pub(super) struct Names<'a>(pub(super) &'a [String]);

impl fmt::Display for Names<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SHOWN: usize = 20;
        if self.0.is_empty() {
            return f.write_str("none");
        }
        for (index, name) in self.0.iter().take(SHOWN).enumerate() {
            let separator = if index == 0 { "" } else { ", " };
            write!(f, "{separator}{}", Quoted(name))?;
        }
        match self.0.len().saturating_sub(SHOWN) {
            0 => Ok(()),
            more => write!(f, " and {more} more"),
        }
    }
}

/// One name or value out of a hostile file, for a message: quoted, escaped, cut to sixty characters.
pub(super) struct Quoted<'a>(pub(super) &'a str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SHOWN: usize = 60;
        match self.0.char_indices().nth(SHOWN).and_then(|(end, _)| self.0.get(..end)) {
            Some(start) => write!(f, "{start:?}…"),
            None => write!(f, "{:?}", self.0),
        }
    }
}
