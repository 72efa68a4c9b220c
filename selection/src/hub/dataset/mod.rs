//! Data sets: which files a split of a subset is made of.
//!
//! Subsets and splits are those of Python's `datasets`: as the card describes them, else as the names of the files tell. Where the
//! repository itself holds nothing that is read here (a script, archives, another format), the Parquet files are taken into which
//! the hub converts data sets, on the branch [`CONVERTED`].

mod card;
mod error;
mod layout;

use std::path::PathBuf;

pub use error::DatasetError;

use self::card::described;
pub use self::layout::{Split, Subset};
use self::layout::{converted, extension, is_unread, subsets};
use super::{Hub, HubError, Kind, Repository};

/// The branch on which the hub keeps data sets as Parquet files.
pub const CONVERTED: &str = "refs/convert/parquet";
const CARD: &str = "README.md";
/// A card with the features of some hundred subsets has a megabyte.
const MAX_CARD_BYTES: u64 = 8 << 20;
/// What can be read as a table by its extension.
const READABLE: [&str; 5] = ["parquet", "csv", "tsv", "jsonl", "ndjson"];
/// The split that goes without saying.
const TRAIN: &str = "train";

/// The files of one split of one subset, at one commit. Nothing of them is fetched yet.
#[derive(Debug)]
pub struct Dataset<'a> {
    repository: Repository<'a>,
    subset: String,
    files: Split,
    is_partial: bool,
}

impl Hub {
    /// The split `split` of the subset `subset` of the data set `id` (`owner/name`) at `revision` (a branch, tag or commit).
    ///
    /// Without a subset, the one that the data set has, or its default one; without a split, `train`, or the only one.
    ///
    /// # Errors
    /// [`DatasetError`].
    pub fn open_dataset(
        &self,
        id: &str,
        revision: Option<&str>,
        subset: Option<&str>,
        split: Option<&str>,
    ) -> Result<Dataset<'_>, DatasetError> {
        let repository = self.open(Kind::Dataset, id, revision)?;
        let own = match revision {
            Some(CONVERTED) => choose(id, converted(&repository.files()?), (subset, split))?,
            _ => own(id, &repository, (subset, split))?,
        };
        let reason = match own {
            Choice::Readable(subset, files) => return Dataset::of(repository, subset, files),
            Choice::Unreadable(reason) => reason,
        };
        let unreadable = || DatasetError::Files {
            id: id.to_owned(),
            revision: repository.commit().to_owned(),
            reason: reason.clone(),
        };
        if revision.is_some() {
            return Err(unreadable());
        }
        let converted_repository = match self.open(Kind::Dataset, id, Some(CONVERTED)) {
            Err(HubError::Refused { status: 404, .. }) => return Err(unreadable()),
            opened => opened?,
        };
        match choose(id, converted(&converted_repository.files()?), (subset, split))? {
            Choice::Readable(subset, files) => {
                repository.remember_files()?;
                repository.remember_revision()?;
                Dataset::of(converted_repository, subset, files)
            }
            Choice::Unreadable(_) => Err(unreadable()),
        }
    }
}

impl<'a> Dataset<'a> {
    fn of(repository: Repository<'a>, subset: String, files: Split) -> Result<Self, DatasetError> {
        // Known from now on, so that who is offline knows what is missing.
        repository.remember_files()?;
        let is_partial = files.files.iter().any(|file| file.split('/').any(|part| part.starts_with("partial-")));
        Ok(Self { repository, subset, files, is_partial })
    }

    /// The commit's full name.
    pub fn commit(&self) -> &str {
        self.repository.commit()
    }

    /// The subset that was chosen.
    pub fn subset(&self) -> &str {
        &self.subset
    }

    /// The split that was chosen.
    pub fn split(&self) -> &str {
        &self.files.name
    }

    /// Whether the hub has converted only the first part of it.
    pub fn is_partial(&self) -> bool {
        self.is_partial
    }

    /// The names of its files in their order; at least one.
    pub fn files(&self) -> &[String] {
        &self.files.files
    }

    /// Data of the split that is not among its files, because most of it has another format.
    pub fn left_out(&self) -> &[String] {
        &self.files.left_out
    }

    /// The repository that they are in.
    pub fn repository(&self) -> &Repository<'a> {
        &self.repository
    }

    /// One of its files, which is downloaded where the cache lacks it. `progress` is called with its bytes that are here and all of them.
    ///
    /// # Errors
    /// [`HubError`]; [`HubError::NotCached`] offline.
    pub fn fetch(&self, file: &str, limit: u64, progress: &dyn Fn(u64, u64)) -> Result<PathBuf, HubError> {
        let found = self.repository.file(file, Some(limit), progress)?;
        found.ok_or_else(|| self.repository.not_cached(file))
    }
}

/// The subsets and splits of a data set with these files and this README.md, which may be empty.
///
/// # Errors
/// What is wrong with the README, for people.
pub fn subsets_of(files: &[String], readme: &str) -> Result<Vec<Subset>, String> {
    subsets(files, &described(readme)?)
}

/// What was asked for, where it is there.
enum Choice {
    /// The subset and the files of the split.
    Readable(String, Split),
    /// Why nothing of it is read.
    Unreadable(String),
}

/// What the repository itself holds.
fn own(id: &str, repository: &Repository<'_>, wanted: (Option<&str>, Option<&str>)) -> Result<Choice, DatasetError> {
    let in_card = |reason| DatasetError::Card { id: id.to_owned(), reason };
    let files = repository.files()?;
    // Stands above the card, and says the same kind of things.
    if let Some(file) = files.iter().find(|file| *file == ".huggingface.yaml") {
        return Ok(Choice::Unreadable(format!("{file} describes it, which is not read")));
    }
    let readme = match files.iter().any(|file| file == CARD) {
        true => {
            let card = repository.file(CARD, Some(MAX_CARD_BYTES), &|_, _| ())?;
            let path = card.ok_or_else(|| repository.not_cached(CARD))?;
            let bytes = std::fs::read(&path).map_err(|source| HubError::Cache { path, source })?;
            String::from_utf8_lossy(&bytes).into_owned()
        }
        false => String::new(),
    };
    // The files of one subset are looked for, whatever a card describes besides.
    let all = described(&readme).map_err(in_card)?;
    let one = all.iter().find(|subset| wanted.0.map_or(subset.is_default, |name| subset.name == name));
    let found = match one {
        Some(one) => subsets(&files, std::slice::from_ref(one)),
        None if all.is_empty() => subsets(&files, &[]),
        None => {
            let known = all.into_iter().map(|subset| subset.name).collect();
            return Err(DatasetError::Subset { id: id.to_owned(), wanted: wanted.0.map(str::to_owned), known });
        }
    };
    choose(id, found.map_err(in_card)?, wanted)
}

/// The subset and split that are wanted, or those that go without saying.
fn choose(
    id: &str,
    subsets: Vec<Subset>,
    (subset, split): (Option<&str>, Option<&str>),
) -> Result<Choice, DatasetError> {
    if subsets.is_empty() {
        return Ok(Choice::Unreadable(format!(
            "no file of it is a table: {}",
            READABLE.map(|name| format!(".{name}")).join(", ")
        )));
    }
    let names = subsets.iter().map(|subset| subset.name.clone()).collect();
    let found = subsets.into_iter().find(|known| match subset {
        Some(name) => known.name == name,
        None => known.is_default,
    });
    let Some(found) = found else {
        return Err(DatasetError::Subset { id: id.to_owned(), wanted: subset.map(str::to_owned), known: names });
    };
    let known: Vec<String> = found.splits.iter().map(|split| split.name.clone()).collect();
    let is_only = known.len() == 1;
    let chosen = found.splits.into_iter().find(|known| match split {
        Some(name) => known.name == name,
        None => is_only || known.name == TRAIN,
    });
    let Some(chosen) = chosen else {
        let wanted = split.map(str::to_owned);
        return Err(DatasetError::Split { id: id.to_owned(), subset: found.name, wanted, known });
    };
    // Some of its rows packed, or of another format: what is left is not the split.
    let unread = chosen.left_out.iter().find(|file| is_unread(file));
    let unreadable = chosen.files.iter().find(|file| !is_readable(file)).or(unread);
    Ok(match (unreadable, found.settings.first()) {
        (Some(file), _) => Choice::Unreadable(format!("{file:?} is not read, expected {}", READABLE.join(", "))),
        // Parquet files say themselves how they are read.
        (None, Some(setting)) if chosen.files.iter().any(|file| extension(file) != Some("parquet")) => {
            Choice::Unreadable(format!("the subset {:?} sets {setting:?}, which is not known here", found.name))
        }
        (None, _) => Choice::Readable(found.name, chosen),
    })
}

/// Whether a file is a table by its extension, and has a name that is the same in an address and in a path.
fn is_readable(file: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || "._-+=@,~!".contains(c);
    let is_name = |part: &str| !part.is_empty() && !part.chars().all(|c| c == '.') && part.chars().all(plain);
    file.split('/').all(is_name)
        && extension(file).is_some_and(|found| READABLE.iter().any(|known| found.eq_ignore_ascii_case(known)))
}
