//! The ranking for pictures of it.

use super::{RankDocument, Ranked};

/// So many ESMs are in a picture where nobody says how many.
const USUAL: usize = 50;
/// And at most so many.
const MOST: usize = 500;

impl RankDocument {
    /// The ESMs of a picture: the first `--top`, at most 500; else the first 50.
    pub(crate) fn pictured(&self) -> &[Ranked] {
        // Without `--top`, the document holds more than the table shows.
        let most = if self.shown < self.results.len() { USUAL } else { MOST };
        self.results.get(..most.min(self.results.len())).unwrap_or_default()
    }

    /// What was ranked for, in one line: rows, task and base model.
    pub(crate) fn subject(&self) -> String {
        let task = match self.target.classes {
            Some(classes) => format!("{classes} classes"),
            None => "regression".to_owned(),
        };
        format!("{} rows, {task}, {} ({} dimensions)", self.target.rows, self.base.id, self.base.dimension)
    }
}
