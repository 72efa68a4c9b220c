//! `esmhub pull`: verified weights and config, as hfselect loads them.

mod model_card;
mod to_hub;

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

use clap::Args;
use esmhub_registry::{Esm, Fetched, Registry};
use esmhub_store_format::Digest;
use esmhub_store_format::exchange::{Config, write_safetensors};
use serde::Serialize;

use super::newest::{is_pattern, select};
use crate::context::Context;
use crate::document::{Document, columns};
use crate::failure::{Failure, OTHER, Outcome, PARTIAL};
use crate::trust::{KeyringSummary, RequireOptions};

/// Write ESMs as folders that `hfselect.ESM.from_pretrained` loads
///
/// Every byte is verified against its digest before anything is written, and a folder appears whole or not at all. With --to-hub the
/// same files become a commit on the Hugging Face Hub, with a model card.
#[derive(Debug, Args)]
pub(crate) struct Pull {
    /// `name`, `name:tag`, `@digest`, or a pattern with `*` and `?`
    #[arg(value_name = "REF", required = true)]
    references: Vec<String>,
    /// Where to: the folder itself for one ESM, a folder per ESM inside it for several [default: the ESM's name]
    #[arg(long, short, value_name = "DIR")]
    output: Option<PathBuf>,
    /// Push one ESM to this repository on the Hugging Face Hub, from which hfselect loads it; HF_TOKEN has to allow it. A
    /// repository that holds anything but an ESM is left alone
    #[arg(long, value_name = "OWNER/REPO", conflicts_with = "output", value_parser = to_hub::parse_repository)]
    to_hub: Option<String>,
    /// With --to-hub: a repository that is made for it is private
    #[arg(long, requires = "to_hub", conflicts_with = "output")]
    private: bool,
    /// With --to-hub: take the place of an ESM of another task or base model in that repository
    #[arg(long, requires = "to_hub", conflicts_with = "output")]
    replace: bool,
    #[command(flatten)]
    require: RequireOptions,
    /// Check everything and write nothing
    #[arg(long)]
    dry_run: bool,
}

/// What was pulled.
#[derive(Serialize)]
pub(crate) struct PullDocument {
    dry_run: bool,
    pulled: Vec<PulledEsm>,
    failed: Vec<FailedEsm>,
    /// The trusted keys, where a signature was required.
    trusted_keys: Option<KeyringSummary>,
}

/// One of several that could not be pulled.
#[derive(Serialize)]
struct FailedEsm {
    name: String,
    tag: String,
    digest: Digest,
    reason: String,
    #[serde(skip)]
    code: u8,
    #[serde(skip)]
    hint: Option<String>,
}

impl FailedEsm {
    fn new(esm: &Esm, failure: &Failure) -> Self {
        let (name, tag) = (esm.name().to_string(), esm.tag().to_string());
        let (reason, hint) = (failure.message().to_owned(), failure.advice().map(str::to_owned));
        Self { name, tag, digest: esm.digest(), reason, code: failure.code(), hint }
    }
}

#[derive(Serialize)]
pub(crate) struct PulledEsm {
    name: String,
    tag: String,
    digest: Digest,
    pub(crate) folder: String,
    /// Whether the folder held exactly this already.
    unchanged: bool,
    /// Whose signature it has, where one was required.
    signed_by: Option<String>,
}

impl Pull {
    pub(crate) fn run(self, context: &Context) -> Outcome<u8> {
        let (registry, catalog) = context.open_catalog()?;
        let guard = self.require.guard(context, &registry)?;
        let esms = select(&catalog, &self.references)?;
        if let Some(repository) = &self.to_hub {
            let signed_by = |esm: &Esm| guard.as_ref().map(|guard| guard.check(&catalog, esm)).transpose();
            return self.push(context, &registry, (&esms, repository), &signed_by);
        }
        let several = self.references.len() > 1 || self.references.iter().any(|text| is_pattern(text));
        let folders: Vec<PathBuf> = esms.iter().map(|esm| self.folder(esm, several)).collect();
        check_apart(&esms, &folders)?;
        let trusted_keys = guard.as_ref().and_then(|guard| guard.keyring().summary().cloned());
        let mut document = PullDocument { dry_run: self.dry_run, pulled: Vec::new(), failed: Vec::new(), trusted_keys };
        let pull = |esm: &Esm, folder: &Path| -> Outcome<PulledEsm> {
            let signed_by = guard.as_ref().map(|guard| guard.check(&catalog, esm)).transpose()?;
            check_way(self.output.as_deref(), folder)?;
            Ok(PulledEsm { signed_by, ..write(&registry, esm, folder, self.dry_run)? })
        };
        for (esm, folder) in esms.into_iter().zip(&folders) {
            match pull(esm, folder) {
                Ok(pulled) => document.pulled.push(pulled),
                Err(failure) if !several => return Err(failure.at(esm.reference())),
                Err(failure) => document.failed.push(FailedEsm::new(esm, &failure)),
            }
        }
        context.emit(&document)
    }

    fn folder(&self, esm: &Esm, several: bool) -> PathBuf {
        // A name's segments have been checked: none is `..`, absolute, or a device.
        let own: PathBuf = esm.name().as_str().split('/').collect();
        match (&self.output, several) {
            (Some(output), false) => output.clone(),
            (Some(output), true) => output.join(own),
            (None, _) => own,
        }
    }
}

/// No ESM may land in or inside another one's folder: two tags of one name, or `a` beside `a/b`.
fn check_apart(esms: &[&Esm], folders: &[PathBuf]) -> Outcome<()> {
    let lower = |folder: &PathBuf| PathBuf::from(folder.to_string_lossy().to_lowercase());
    let taken: HashMap<PathBuf, &Esm> = folders.iter().map(lower).zip(esms.iter().copied()).collect();
    for (esm, folder) in esms.iter().zip(folders.iter().map(lower)) {
        let other =
            folder.ancestors().find_map(|at| taken.get(at).filter(|other| other.reference() != esm.reference()));
        if let Some(other) = other {
            let both = format!("{} and {} would share a folder", other.reference(), esm.reference());
            return Err(Failure::usage(both).hint("pull them one at a time, each with its own --output"));
        }
    }
    Ok(())
}

/// Below the output folder nothing on the way may be a link: it could lead anywhere. Where the output folder itself lies
/// is the user's own affair.
fn check_way(output: Option<&Path>, folder: &Path) -> Outcome<()> {
    let output = output.unwrap_or(Path::new(""));
    let within = folder.ancestors().skip(1).take_while(|at| *at != output && !at.as_os_str().is_empty());
    match within.filter(|at| fs::symlink_metadata(at).is_ok_and(|found| !found.is_dir())).last() {
        Some(at) => {
            let message = format!("{} is not a folder, and nothing is written through a link", at.display());
            Err(Failure::new(OTHER, message).hint("choose another folder with --output"))
        }
        None => Ok(()),
    }
}

/// The files that hfselect loads.
fn files_of(fetched: &Fetched) -> Outcome<[(&'static str, Vec<u8>); 2]> {
    Ok([
        ("config.json", Config::json_of(&fetched.card).into_bytes()),
        ("model.safetensors", write_safetensors(fetched.object.map().to_dense()?.as_ref())?),
    ])
}

/// Writes one ESM into a folder: first beside it, then renamed into place.
pub(crate) fn write(registry: &Registry, esm: &Esm, folder: &Path, dry_run: bool) -> Outcome<PulledEsm> {
    let files = files_of(&registry.fetch(esm)?)?;
    let unchanged = match existing(folder, &files)? {
        Existing::Nothing => false,
        Existing::Same => true,
        Existing::Other => {
            return Err(Failure::new(OTHER, format!("{} is there already and holds something else", folder.display()))
                .hint("give another --output, or move it away"));
        }
    };
    if !unchanged && !dry_run {
        place(folder, &files).map_err(|error| {
            Failure::io(format!("{} cannot be written", folder.display()), error)
                .hint("choose another folder with --output")
        })?;
    }
    Ok(PulledEsm {
        name: esm.name().to_string(),
        tag: esm.tag().to_string(),
        digest: esm.digest(),
        folder: folder.display().to_string(),
        unchanged,
        signed_by: None,
    })
}

enum Existing {
    Nothing,
    Same,
    Other,
}

fn existing(folder: &Path, files: &[(&str, Vec<u8>)]) -> Outcome<Existing> {
    let failed = |error| Failure::io(folder.display(), error);
    let metadata = match fs::symlink_metadata(folder) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Existing::Nothing),
        Err(error) => return Err(failed(error)),
    };
    // A link could lead anywhere; it is never followed.
    if !metadata.is_dir() {
        return Ok(Existing::Other);
    }
    let mut entries = fs::read_dir(folder).map_err(failed)?;
    if entries.next().is_none() {
        return Ok(Existing::Nothing);
    }
    let same = files.iter().all(|(name, bytes)| {
        let path = folder.join(name);
        let is_file = fs::symlink_metadata(&path).is_ok_and(|m| m.is_file() && m.len() == bytes.len() as u64);
        is_file && fs::read(&path).is_ok_and(|found| found == *bytes)
    });
    Ok(if same { Existing::Same } else { Existing::Other })
}

fn place(folder: &Path, files: &[(&str, Vec<u8>)]) -> std::io::Result<()> {
    let parent = match folder.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
        _ => PathBuf::from("."),
    };
    fs::create_dir_all(&parent)?;
    let staged = tempfile::Builder::new().prefix(".esmhub-pull-").tempdir_in(&parent)?;
    for (name, bytes) in files {
        let mut file = File::create_new(staged.path().join(name))?;
        file.write_all(bytes)?;
        file.sync_all()?;
    }
    readable(staged.path())?;
    // Renaming onto an empty folder replaces it; onto anything else it fails, and the staged folder is removed.
    fs::rename(staged.path(), folder)?;
    let _ = staged.keep();
    Ok(())
}

/// Temporary folders are private; a pulled one has the modes that any new folder would have.
#[cfg(unix)]
fn readable(folder: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    let sibling = tempfile::Builder::new().permissions(fs::Permissions::from_mode(0o777)).tempdir_in(folder)?;
    let mode = fs::metadata(sibling.path())?.permissions();
    drop(sibling);
    fs::set_permissions(folder, mode)
}

#[cfg(not(unix))]
fn readable(_: &Path) -> std::io::Result<()> {
    Ok(())
}

impl Document for PullDocument {
    const SCHEMA: &'static str = "esmhub.pull/1";

    fn table(&self) -> String {
        if self.pulled.is_empty() {
            return "nothing was pulled\n".to_owned();
        }
        let rows = self.pulled.iter().map(|esm| {
            let state = match (esm.unchanged, self.dry_run) {
                (true, _) => "there already",
                (false, true) => "would be written",
                (false, false) => "written",
            };
            vec![format!("{}:{}", esm.name, esm.tag), esm.digest.short(), esm.folder.clone(), state.to_owned()]
        });
        columns(&["ESM", "DIGEST", "FOLDER", "STATE"], &[], rows)
    }

    fn lines(&self) -> Vec<String> {
        self.pulled.iter().map(|esm| esm.folder.clone()).collect()
    }

    fn remarks(&self) -> Vec<String> {
        self.failed.iter().map(|esm| format!("{}:{} not pulled: {}", esm.name, esm.tag, esm.reason)).collect()
    }

    fn hints(&self) -> Vec<String> {
        self.failed.iter().filter_map(|esm| esm.hint.clone()).collect()
    }

    fn exit_code(&self) -> u8 {
        if self.failed.is_empty() {
            return 0;
        }
        let otherwise = if self.pulled.is_empty() { OTHER } else { PARTIAL };
        Failure::worst(self.failed.iter().map(|esm| esm.code), otherwise)
    }
}
