//! An anchor set of the user's own texts: one file per domain.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use esmhub_store_format::AnchorSet;
use esmhub_store_format::anchors::AnchorDomain;
use esmhub_store_format::limits::MAX_ANCHORS_BYTES;

use crate::dataset::{Columns, Limit, Sampling, Table, choose};
use crate::failure::{Failure, OTHER, Outcome};
use crate::source::read_at_most;

/// Which texts of the files are taken.
pub(crate) struct Selection<'a> {
    /// The text columns of tables.
    pub(crate) columns: &'a [String],
    /// The most texts of each file.
    pub(crate) rows: usize,
    /// The seed of the sample where a file has more.
    pub(crate) seed: u64,
}

/// The set. A `.txt` file holds one text to a line; the others are tables.
pub(crate) fn from_files(
    paths: &[PathBuf],
    selection: &Selection<'_>,
    license: Option<String>,
    origin: Option<String>,
) -> Outcome<AnchorSet> {
    let mut domains = paths.iter().map(|path| domain(path, selection)).collect::<Outcome<Vec<_>>>()?;
    // A set is the same whatever the order in which its files are named.
    domains.sort_by(|a, b| a.label.cmp(&b.label));
    Ok(AnchorSet { license, origin, domains })
}

fn domain(path: &Path, selection: &Selection<'_>) -> Outcome<AnchorDomain> {
    let is_plain = path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("txt"));
    let all = if is_plain {
        lines(path)?
    } else if selection.columns.is_empty() {
        return Err(Failure::usage(format!("{}: --text says which column holds the texts", path.display())));
    } else {
        Table::read(path, Columns { texts: selection.columns, label: None }, Limit::All)?.texts
    };
    let all: Vec<String> = all.into_iter().filter(|text| !text.trim().is_empty()).collect();
    let chosen = choose(Sampling::Random, selection.seed, all.len(), selection.rows);
    let texts: Vec<String> = chosen.iter().filter_map(|&row| all.get(row).cloned()).collect();
    // One text alone has no spread that a map could explain.
    let different = texts.iter().collect::<HashSet<_>>().len();
    if different < 2 {
        let message = format!("{}: texts that differ: {different}, a domain needs at least 2", path.display());
        return Err(Failure::new(OTHER, message));
    }
    let label = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    Ok(AnchorDomain { label, texts })
}

fn lines(path: &Path) -> Outcome<Vec<String>> {
    let failed = |failure: Failure| failure.at(path.display());
    // A file that is longer than a whole set can hold 16 times over is no list of short texts.
    let bytes = read_at_most(path, 16 * MAX_ANCHORS_BYTES).map_err(failed)?;
    let bytes = bytes.ok_or_else(|| Failure::usage(format!("{}: no such file", path.display())))?;
    let text = String::from_utf8(bytes)
        .map_err(|error| Failure::new(OTHER, format!("{}: it is not UTF-8: {error}", path.display())))?;
    Ok(text.strip_prefix('\u{feff}').unwrap_or(&text).lines().map(str::to_owned).collect())
}
