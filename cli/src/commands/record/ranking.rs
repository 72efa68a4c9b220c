//! A ranking that was kept: the lock of `rank --lock`, or the document of `rank --json`.

use std::path::Path;

use esmhub_registry::Esm;
use esmhub_store_format::{Digest, Name, Reference};
use serde_json::Value;

use crate::failure::{Failure, INCOMPATIBLE, Outcome};
use crate::files::{folder_of, read_limited};
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
    esms: Vec<Ranked>,
}

/// An ESM that was ranked.
struct Ranked {
    reference: Reference,
    digest: Digest,
    score: f64,
}

impl Ranking {
    /// The ranking in a file; `None` where there is no such file, and what was given is a name.
    ///
    /// # Errors
    /// Where it is a file and no ranking, such as the target's data: what came out would stand under the path of that file, beside what
    /// is recorded with its ranking and compared with nothing.
    pub(super) fn read(path: &Path) -> Outcome<Option<Self>> {
        if !path.is_file() {
            return Ok(None);
        }
        let bytes = read_limited(path, MAX_BYTES)?;
        let parsed: Option<Value> = bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok());
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
            _ => Err(Failure::usage(format!("{} is no ranking", path.display()))
                .hint("TARGET is what `esmhub rank --lock FILE` or `esmhub rank --json` wrote, or a name for it that no file has")),
        }
    }

    fn of(json: &Value, is_lock: bool) -> Option<Self> {
        let text = |place: &str| Some(json.pointer(place)?.as_str()?.to_owned());
        let esms = json.get(if is_lock { "esms" } else { "results" })?.as_array()?.iter();
        let esms: Option<Vec<Ranked>> = esms.map(if is_lock { Ranked::in_lock } else { Ranked::in_document }).collect();
        Some(Self {
            target: text("/target/source")?,
            data: text("/target/digest")?.parse().ok(),
            base: text("/base/id")?,
            score: text(if is_lock { "/settings/score" } else { "/score" })?,
            esms: esms?,
        })
    }

    /// What a bare name means: the ESM of that name that was ranked, whatever has been published since. `None` where a tag or digest
    /// was given, or none of that name was ranked.
    pub(super) fn ranked_as(&self, wanted: &Reference) -> Option<&Reference> {
        let name = wanted.name().filter(|_| wanted.tag().is_none() && wanted.digest().is_none())?;
        self.only_of_name(name)
    }

    /// The one of this name that was ranked. Where several tags were, a name means what it always does.
    fn only_of_name(&self, name: &Name) -> Option<&Reference> {
        let same = |ranked: &&Ranked| ranked.reference.name().is_some_and(|ranked| ranked.key() == name.key());
        let mut of_name = self.esms.iter().filter(same);
        of_name.next().filter(|_| of_name.next().is_none()).map(|ranked| &ranked.reference)
    }

    /// What it says of an ESM.
    pub(super) fn score_of(&self, esm: &Esm, file: &str) -> Outcome<f64> {
        let found = self.esms.iter().find(|ranked| ranked.digest == esm.digest());
        found.map(|ranked| ranked.score).ok_or_else(|| {
            let failure = Failure::new(INCOMPATIBLE, format!("{} was not ranked in {file}", esm.reference()));
            match self.only_of_name(esm.name()) {
                Some(other) => failure.hint(format!("{other} was: `{}` alone means that one here", esm.name())),
                None => {
                    failure.hint("rank again with --lock FILE, or give the target's name in the place of the ranking")
                }
            }
        })
    }
}

impl Ranked {
    fn in_lock(esm: &Value) -> Option<Self> {
        let reference: Reference = esm.get("esm")?.as_str()?.parse().ok()?;
        let digest = reference.digest()?.to_string().parse().ok()?;
        Some(Self { reference, digest, score: esm.get("score")?.as_str()?.parse().ok()? })
    }

    fn in_document(esm: &Value) -> Option<Self> {
        let text = |key: &str| esm.get(key)?.as_str();
        let (name, tag, digest) = (text("name")?, text("tag")?, text("digest")?);
        let reference = format!("{name}:{tag}@{digest}").parse().ok()?;
        Some(Self { reference, digest: digest.parse().ok()?, score: esm.get("score")?.as_f64()? })
    }
}

/// Whether there is a ranking in this file.
pub(super) fn is_ranking(path: &Path) -> bool {
    matches!(Ranking::read(path), Ok(Some(_)))
}

/// That a target which is no file is not meant to be one: under a mistyped path, what came out would stand for good beside the
/// target that it belongs to.
///
/// # Errors
/// Where it reads as a path, or a ranking is called nearly so.
pub(super) fn refuse_mistyped(target: &str) -> Outcome<()> {
    let path = Path::new(target);
    // Rankings of data sets on the hub name their target so.
    if target.starts_with(SCHEME) {
        return Ok(());
    }
    if path.exists() {
        return Err(Failure::usage(format!("{target} is no ranking")).hint(
            "TARGET is what `esmhub rank --lock FILE` or `esmhub rank --json` wrote, or a name that nothing here has",
        ));
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

/// A ranking beside it whose name is one edit away, or the same with an ending.
fn ranking_like(path: &Path) -> Option<String> {
    /// In a folder of more, nobody searches for a typing error.
    const MAX_ENTRIES: usize = 10_000;
    let wanted = path.file_name()?.to_str()?;
    let names = std::fs::read_dir(folder_of(path)).ok()?.take(MAX_ENTRIES);
    let names = names.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let is_near = |name: &String| {
        let stem = Path::new(name).file_stem().and_then(std::ffi::OsStr::to_str);
        strsim::damerau_levenshtein(wanted, name) == 1 || (stem == Some(wanted) && ends_as_rankings(Path::new(name)))
    };
    let mut near: Vec<String> = names.filter(is_near).collect();
    near.sort();
    let mut near = near.into_iter().map(|name| path.with_file_name(name));
    let found = near.find(|path| is_ranking(path))?;
    Some(found.display().to_string())
}
