//! What `publish` takes: the kinds of sources, and how each becomes an ESM with a card.

mod bundle;
mod folder;
mod hub;
mod options;
mod pairs;
mod quality;
mod sketch;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use esmhub_registry::NewEsm;
use esmhub_selection::fit::Penalty;
use esmhub_selection::hub::Hub;
use esmhub_store_format::card::{self, BaseModel, Card, Derivation, Fidelity, Fit, Weights};
use esmhub_store_format::{Map, Name, Object};

pub(crate) use bundle::from_bytes;
pub(crate) use folder::{distilled, read_at_most};
pub(crate) use hub::{FetchFault, HubEsm, ORIGIN};
pub(crate) use options::SourceOptions;
pub(crate) use pairs::from_texts;
pub(crate) use quality::{CodecChoice, PenaltyChoice, Quality, RankChoice, parse_share};
pub(crate) use sketch::{SketchSummary, read_texts};

use crate::failure::{Failure, Outcome};
use crate::hub::{SCHEME, repository_like};

/// How files of pairs end.
const PAIRS: [&str; 2] = ["npz", "safetensors"];
/// How bundles end.
const BUNDLE: &str = "esm";

/// A source on the command line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Source {
    /// A folder as hfselect saves an ESM.
    Folder(PathBuf),
    /// A file of embedding pairs, from which an ESM is fitted.
    Pairs(PathBuf),
    /// A bundle: exported ESMs.
    Bundle(PathBuf),
    /// A repository on the Hugging Face Hub, and what it was called.
    Hub(PathBuf, HubEsm),
}

impl Source {
    /// What kind of source a path is.
    pub(crate) fn of(path: &Path) -> Outcome<Self> {
        if let Some(text) = path.to_str().filter(|text| text.starts_with(SCHEME)) {
            return Ok(Self::Hub(path.to_owned(), text.parse()?));
        }
        if path.is_dir() {
            return Ok(Self::Folder(path.to_owned()));
        }
        if !path.exists() {
            let failure = Failure::usage(format!("{}: no such file or folder", path.display()));
            let is_file =
                path.extension().is_some_and(|ending| PAIRS.into_iter().chain([BUNDLE]).any(|known| ending == known));
            return Err(match repository_like(path).filter(|_| !is_file) {
                Some(id) => failure.hint(format!("a repository on the hub is written {SCHEME}{id}")),
                None => failure,
            });
        }
        if let Some(folder) = folder_of_esm(path) {
            return Err(Failure::usage(format!(
                "{} is one of the files of an ESM, which is its folder",
                path.display()
            ))
            .hint(format!("publish the folder: {}", folder.display())));
        }
        match path.extension().and_then(|extension| extension.to_str()) {
            Some(ending) if PAIRS.contains(&ending) => Ok(Self::Pairs(path.to_owned())),
            Some(BUNDLE) => Ok(Self::Bundle(path.to_owned())),
            _ => Err(Failure::usage(format!("{}: not a source", path.display())).hint(
                "a source is a folder with config.json, a .npz or .safetensors file with x and y, an exported .esm file, or hf://OWNER/REPO",
            )),
        }
    }

    /// Reads it. A bundle can hold several ESMs.
    pub(crate) fn prepare(&self, options: &SourceOptions, hub: Option<&Hub>) -> Outcome<Vec<NewEsm>> {
        self.check(options)?;
        match self {
            Self::Folder(path) => {
                folder::read(path, None, options).map(|esm| vec![esm]).map_err(|f| f.at(path.display()))
            }
            Self::Hub(_, esm) => {
                let hub = hub.ok_or_else(|| Failure::usage(format!("{esm}: the hub is not asked here")))?;
                let fetched = esm.fetch(hub).map_err(|fault| Failure::from(fault).at(esm))?;
                fetched.prepare(options).map(|esm| vec![esm]).map_err(|failure| failure.at(&fetched.origin))
            }
            Self::Pairs(path) => pairs::fit_file(path, options).map(|esm| vec![esm]),
            Self::Bundle(path) => bundle::read(path, options).map_err(|f| f.at(path.display())),
        }
    }

    /// Refuses what was asked for and cannot be done to this kind of source: it would be left undone in silence.
    fn check(&self, options: &SourceOptions) -> Outcome<()> {
        let Quality { codec, rank, fidelity, penalty } = options.quality;
        let has_rank = matches!(rank, RankChoice::Exactly(_));
        let is_about_fits = penalty != Penalty::Standard || fidelity < 1.0;
        let refused = match self {
            Self::Pairs(_) if options.distill.is_some() => "--distill is for maps made elsewhere, this one is fitted",
            Self::Folder(_) | Self::Hub(..) | Self::Bundle(_) if !options.anchor_pairs.is_empty() => {
                "--anchor-pairs is for maps that are fitted, this one was made elsewhere"
            }
            Self::Folder(_) | Self::Hub(..) if has_rank && options.distill.is_none() => {
                "--rank is for maps that are fitted; --distill gives this one a rank"
            }
            Self::Folder(_) | Self::Hub(..) | Self::Bundle(_) if is_about_fits => {
                "--penalty and --fidelity are for maps that are fitted, this one was made elsewhere"
            }
            Self::Bundle(_) if options.texts.is_some() => {
                "--source-texts is for what has no card yet; exported ESMs keep theirs, and the sketch in it"
            }
            Self::Bundle(_) if has_rank || codec != CodecChoice::Auto || options.distill.is_some() => {
                "exported ESMs are published as they are; `esmhub recompress` makes them smaller"
            }
            _ => return Ok(()),
        };
        Err(Failure::usage(format!("{}: {refused}", self.path().display())))
    }

    /// The path that the user gave.
    pub(crate) fn path(&self) -> &Path {
        match self {
            Self::Folder(path) | Self::Pairs(path) | Self::Bundle(path) | Self::Hub(path, _) => path,
        }
    }
}

/// The folder of the ESM that a file is part of, as hfselect saves one. Pairs may be called anything, but not lie there under the
/// name of weights.
fn folder_of_esm(file: &Path) -> Option<&Path> {
    let name = file.file_name()?.to_str()?;
    let folder = crate::files::folder_of(file);
    let holds = |name: &str| folder.join(name).is_file();
    let is_weights = |name: &str| ["model.safetensors", "pytorch_model.bin"].contains(&name);
    let is_part = match name {
        "config.json" => holds("model.safetensors") || holds("pytorch_model.bin"),
        name => is_weights(name) && holds("config.json"),
    };
    is_part.then_some(folder)
}

/// What a source says of an ESM, before its weights are encoded.
struct Draft {
    name: Option<String>,
    base: BaseModel,
    source: card::Source,
    fit: Fit,
    fidelity: Option<Fidelity>,
    derivation: Option<Derivation>,
    authors: Vec<String>,
    extra: BTreeMap<String, String>,
}

impl Draft {
    /// Puts the card of an object together that was encoded from this map.
    fn finish(self, map: &Map, object: Object, options: &SourceOptions) -> Outcome<NewEsm> {
        let has_no_name = self.name.is_none() && options.name.is_none();
        if has_no_name && self.base.id.is_empty() && options.base.is_none() {
            // One after the other, they would be asked for in two runs.
            let message = "the source says neither what it is called nor what its base model is";
            return Err(Failure::usage(message).hint("give --name NAME and --base MODEL"));
        }
        let mut card = Card {
            weights: Weights::of(&object, map.relative_error(object.map())?),
            base: options.base_or(self.base)?,
            source: self.source,
            fit: self.fit,
            license: None,
            authors: self.authors,
            extra: self.extra,
            extensions: Vec::new(),
        };
        if let Some(fidelity) = &self.fidelity {
            card.set_fidelity(fidelity)?;
        }
        if let Some(derivation) = &self.derivation {
            card.set_derivation(derivation)?;
        }
        options.amend(&mut card);
        if let Some(texts) = &options.texts {
            sketch::add(&mut card, texts)?;
        }
        Ok(NewEsm::new(options.name_or(self.name)?, options.tag.clone(), card, object)?)
    }
}

/// A name that a file suggests: it must be one, or the user gives another.
fn suggested(text: &str) -> Outcome<Name> {
    text.parse().map_err(|error: esmhub_store_format::NameError| {
        Failure::usage(error.to_string()).hint("give the ESM a name with --name")
    })
}
