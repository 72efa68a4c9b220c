//! A ranking that was kept: the lock of `rank --lock`, or the document of `rank --json`.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use esmhub_registry::Esm;
use esmhub_store_format::{Digest, Reference};
use serde_json::Value;

use crate::failure::{Failure, INCOMPATIBLE, Outcome};
use crate::files::folder_of;
use crate::hub::SCHEME;

/// The document of 100,000 ESMs has about 40 MB.
const MAX_BYTES: u64 = 64 << 20;
const LOCK: &str = "esmhub.rank-lock";
const DOCUMENT: &str = "esmhub.rank/";

/// What was ranked, and how each ESM scored.
pub(super) struct Ranking {
    /// Where the target came from.
    pub(super) target: String,
    /// Of its embeddings and labels.
    pub(super) data: Option<Digest>,
    /// The base model's id.
    pub(super) base: String,
    /// Which score.
    pub(super) score: String,
    esms: Vec<(Digest, f64)>,
}

impl Ranking {
    /// The ranking in a file; `None` where there is no such file or it is none, and its path is a name.
    pub(super) fn read(path: &Path) -> Outcome<Option<Self>> {
        if !path.is_file() {
            return Ok(None);
        }
        let mut bytes = Vec::new();
        let file = File::open(path).map_err(|error| Failure::io(path.display(), error))?;
        file.take(MAX_BYTES + 1).read_to_end(&mut bytes).map_err(|error| Failure::io(path.display(), error))?;
        let parsed: Option<Value> =
            if bytes.len() as u64 > MAX_BYTES { None } else { serde_json::from_slice(&bytes).ok() };
        let schema = parsed.as_ref().and_then(|json| json.get("schema")?.as_str()).unwrap_or_default().to_owned();
        let is_lock = schema == LOCK;
        match parsed {
            Some(json) if is_lock || schema.starts_with(DOCUMENT) => match Self::of(&json, is_lock) {
                Some(ranking) => Ok(Some(ranking)),
                None => {
                    Err(Failure::usage(format!("{}: a ranking lacks its target, base model or scores", path.display()))
                        .hint("rank again with --lock FILE"))
                }
            },
            _ if ends_as_rankings(path) => Err(Failure::usage(format!("{} is no ranking", path.display()))
                .hint("TARGET is what `esmhub rank --lock FILE` or `esmhub rank --json` wrote, or a name")),
            _ => Ok(None),
        }
    }

    fn of(json: &Value, is_lock: bool) -> Option<Self> {
        let text = |place: &str| Some(json.pointer(place)?.as_str()?.to_owned());
        let esms = json.get(if is_lock { "esms" } else { "results" })?.as_array()?.iter();
        let esms: Option<Vec<(Digest, f64)>> = match is_lock {
            true => esms
                .map(|esm| Some((locked_digest(esm.get("esm")?.as_str()?)?, esm.get("score")?.as_str()?.parse().ok()?)))
                .collect(),
            false => esms
                .map(|esm| Some((esm.get("digest")?.as_str()?.parse().ok()?, esm.get("score")?.as_f64()?)))
                .collect(),
        };
        Some(Self {
            target: text("/target/source")?,
            data: text("/target/digest")?.parse().ok(),
            base: text("/base/id")?,
            score: text(if is_lock { "/settings/score" } else { "/score" })?,
            esms: esms?,
        })
    }

    /// What it says of an ESM.
    pub(super) fn score_of(&self, esm: &Esm, file: &str) -> Outcome<f64> {
        let found = self.esms.iter().find(|(digest, _)| *digest == esm.digest());
        found.map(|(_, score)| *score).ok_or_else(|| {
            Failure::new(INCOMPATIBLE, format!("{} was not ranked in {file}", esm.reference()))
                .hint("name the tag or digest that was ranked, or give the target's name in the place of the ranking")
        })
    }
}

/// That a target which is no file is not meant to be one: under a mistyped path, what came out would stand for good beside the
/// target that it belongs to.
///
/// # Errors
/// Where it reads as a path, or a ranking is called nearly so.
pub(super) fn refuse_mistyped(target: &str) -> Outcome<()> {
    let path = Path::new(target);
    // Rankings of data sets on the hub name their target so.
    if path.exists() || target.starts_with(SCHEME) {
        return Ok(());
    }
    let failure = Failure::usage(format!("{target}: there is no such file"));
    if let Some(near) = ranking_like(path) {
        return Err(failure.hint(format!("did you mean {near}? A name for the target must be less like that")));
    }
    let is_path = target.contains(['/', std::path::MAIN_SEPARATOR]) || ends_as_rankings(path);
    match is_path {
        true => Err(failure
            .hint("TARGET is a ranking in a file, or a name without / that does not end in .json, .lock or .lck")),
        false => Ok(()),
    }
}

fn ends_as_rankings(path: &Path) -> bool {
    let is = |known: &str| path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case(known));
    ["json", "lock", "lck"].into_iter().any(is)
}

/// A ranking beside it whose name is one edit away.
fn ranking_like(path: &Path) -> Option<String> {
    /// In a folder of more, nobody searches for a typing error.
    const MAX_ENTRIES: usize = 10_000;
    let wanted = path.file_name()?.to_str()?;
    let names = std::fs::read_dir(folder_of(path)).ok()?.take(MAX_ENTRIES);
    let names = names.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let mut near: Vec<String> = names.filter(|name| strsim::damerau_levenshtein(wanted, name) == 1).collect();
    near.sort();
    let mut near = near.into_iter().map(|name| path.with_file_name(name));
    let found = near.find(|path| matches!(Ranking::read(path), Ok(Some(_))))?;
    Some(found.display().to_string())
}

/// The digest of `name:tag@digest`.
fn locked_digest(reference: &str) -> Option<Digest> {
    let reference: Reference = reference.parse().ok()?;
    reference.digest()?.to_string().parse().ok()
}
