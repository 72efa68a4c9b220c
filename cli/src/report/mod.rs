//! A ranking to look at: one page (`rank --report`), or its chart alone (`rank --plot`).
//!
//! Both are made from the [`RankDocument`] that is printed, so that no number can differ. The page is one file without scripts that
//! asks nobody for anything: its own policy forbids all but its inline style, and it looks the same without a network and in
//! ten years. Every number that is shown is rounded from one that stands beside it whole, in a `data-` attribute.
//!
//! It promises: the same ranking gives the same bytes; whatever texts a registry or a target holds are shown, never
//! interpreted, because only [`maud`] writes markup; a file is written whole or not at all.
//!
//! It never computes a score, and never decides what a ranking says.

mod axis;
mod chart;
mod file;
mod labels;
mod number;
mod options;
mod origin;
mod page;
mod plot;
mod pool_map;
mod remarks;
mod rows;

use file::Page;
pub(crate) use options::ReportOptions;
pub(crate) use origin::{Origin, command_line, quoted};
pub(crate) use pool_map::{Place, PoolMap};

use crate::commands::rank::RankDocument;

/// All that a page shows.
pub(crate) struct Report<'a> {
    /// The ranking.
    pub(crate) ranking: &'a RankDocument,
    /// How alike its first ESMs are.
    pub(crate) map: &'a PoolMap,
    /// Where it came from.
    pub(crate) origin: &'a Origin,
}
