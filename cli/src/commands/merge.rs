//! `esmhub merge`: the parts of a ranking, joined.

use std::path::PathBuf;

use clap::Args;

use super::rank::{Part, join};
use crate::context::Context;
use crate::failure::Outcome;
use crate::values::parse_top;

/// Join the parts that `esmhub rank --shard` wrote to the ranking of the whole pool
///
/// The ranking is the one that a single command would have made, intervals and tie groups included, whatever the number of parts.
/// All parts of one target and one state of the registry are needed; neither target nor registry is.
#[derive(Debug, Args)]
pub(crate) struct Merge {
    /// The files of --part, in any order
    #[arg(value_name = "FILE", required = true, value_hint = clap::ValueHint::FilePath)]
    files: Vec<PathBuf>,
    /// How many to show, 0 for all [default: as with the parts]
    #[arg(long, value_name = "N", value_parser = parse_top, allow_negative_numbers = true)]
    top: Option<usize>,
}

impl Merge {
    pub(crate) fn run(self, context: &Context) -> Outcome<u8> {
        let parts = self.files.iter().map(|file| Part::read(file)).collect::<Outcome<Vec<Part>>>()?;
        let document = join(parts, self.top)?;
        document.doubts.iter().for_each(|doubt| context.warn(doubt));
        context.emit(&document)
    }
}
