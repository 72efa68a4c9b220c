//! `--anchor-pairs`: anchors whose embeddings are at hand, one file per domain.

use std::fs;
use std::path::{Path, PathBuf};

use esmhub_selection::fit::AnchorPairs;
use esmhub_store_format::AnchorSet;
use esmhub_store_format::anchors::{check_label, embedded_digest};
use esmhub_store_format::limits::MAX_ANCHOR_DOMAINS;

use super::Anchors;
use crate::dataset::{PairArrays, read_pairs};
use crate::failure::{Failure, INCOMPATIBLE, Outcome};

/// The anchors in these files. Each is a domain that is called as its file is. A folder stands for the files in its own
/// folder for this source, which is called as the source's file is.
///
/// `set`: the anchor set that they are said to be embeddings of; its digest is then that of the anchors.
pub(crate) fn from_pairs(paths: &[PathBuf], source: &Path, set: Option<&AnchorSet>) -> Outcome<Option<Anchors>> {
    let mut files: Vec<(String, PairArrays)> = Vec::new();
    let mut named = Vec::new();
    for path in paths {
        if path.is_dir() {
            named.extend(in_folder(&path.join(source.file_stem().unwrap_or_default()))?);
        } else {
            named.push(path.clone());
        }
    }
    for path in &named {
        let label = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        if files.iter().any(|(other, _)| *other == label) {
            return Err(Failure::usage(format!("two anchor domains would be called {label:?}"))
                .hint("the domain is called as its file is; rename one of them"));
        }
        check_label(&label).map_err(|error| Failure::from(error).at(path.display()))?;
        if files.len() == MAX_ANCHOR_DOMAINS {
            return Err(Failure::usage(format!("more than {MAX_ANCHOR_DOMAINS} anchor domains are named")));
        }
        files.push((label, read_pairs(path)?));
    }
    if files.is_empty() {
        return Ok(None);
    }
    // Anchors are the same whatever the order in which they are named.
    files.sort_by(|a, b| a.0.cmp(&b.0));
    let digest = match set {
        Some(set) => {
            check_against(set, &files)?;
            set.digest()?
        }
        None => embedded_digest(files.iter().map(|(label, pairs)| {
            let dimension = u32::try_from(pairs.x.dimension()).unwrap_or(u32::MAX);
            (label.as_str(), dimension, pairs.x.values())
        })),
    };
    let domains = files.iter().map(|(label, pairs)| {
        let pairs = AnchorPairs::new(label.as_str(), &pairs.x, &pairs.y);
        pairs.map_err(|error| Failure::from(error).at(format!("anchor domain {label:?}")))
    });
    Ok(Some(Anchors { domains: domains.collect::<Outcome<_>>()?, digest }))
}

/// As far as can be seen without the model: the same domains, each with as many rows as the set has texts.
fn check_against(set: &AnchorSet, files: &[(String, PairArrays)]) -> Outcome<()> {
    let hint = "`esmhub anchors show --json` prints the set's domains and texts";
    if set.domains.len() != files.len() {
        let (found, expected) = (files.len(), set.domains.len());
        let message = format!("anchor pairs of {found} domains, the pool's anchors have {expected}");
        return Err(Failure::new(INCOMPATIBLE, message).hint(hint));
    }
    for domain in &set.domains {
        let rows = files.iter().find(|(label, _)| *label == domain.label).map(|(_, pairs)| pairs.x.rows());
        if rows != Some(domain.texts.len()) {
            let found = rows.map_or_else(|| "no file".to_owned(), |rows| format!("{rows} rows"));
            let expected = domain.texts.len();
            let message = format!("anchor domain {:?}: {found}, expected {expected} rows", domain.label);
            return Err(Failure::new(INCOMPATIBLE, message).hint(hint));
        }
    }
    Ok(())
}

/// The files of arrays in a folder; without any, the fit would silently be another one.
fn in_folder(folder: &Path) -> Outcome<Vec<PathBuf>> {
    let entries = fs::read_dir(folder).map_err(|error| {
        Failure::io(folder.display(), error)
            .hint("a folder of anchors holds one folder for each source, called as its file")
    })?;
    let paths = entries.map(|entry| Ok(entry.map_err(|error| Failure::io(folder.display(), error))?.path()));
    let mut paths: Vec<PathBuf> = paths.collect::<Outcome<_>>()?;
    let is_array = |path: &PathBuf| path.extension().is_some_and(|e| e == "npz" || e == "safetensors");
    paths.retain(is_array);
    if paths.is_empty() {
        return Err(Failure::usage(format!("{}: there are no .npz or .safetensors files", folder.display())));
    }
    Ok(paths)
}
