//! Where the rows of a table come from: a file, or a split of a data set on the Hugging Face Hub.

mod first_rows;

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use clap::Args;
use esmhub_selection::hub::{Dataset, Hub, HubError};

use self::first_rows::first_rows;
use crate::context::Context;
use crate::dataset::{Columns, Format, Limit, MAX_TABLE_BYTES, Table, Tables};
use crate::document::count;
use crate::failure::{Failure, Outcome};
use crate::hub::{self, DATASETS, SCHEME, at_revision, repository_like};
use crate::progress;

/// A file, or a data set on the hub.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Data {
    /// A file.
    File(PathBuf),
    /// `hf://datasets/OWNER/NAME[@REVISION]`.
    Dataset {
        /// `OWNER/NAME`.
        id: String,
        /// A branch, tag or commit.
        revision: Option<String>,
    },
}

/// Which rows of a data set on the hub.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct DataOptions {
    /// The split of a data set on the hub [default: train, or the only one]
    #[arg(long, value_name = "SPLIT", hide_short_help = true)]
    split: Option<String>,
    /// Its subset [default: the only one, or its default one]
    #[arg(long, value_name = "SUBSET", hide_short_help = true)]
    subset: Option<String>,
}

/// What rows of the hub came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct DataOrigin {
    /// `OWNER/NAME`.
    pub(crate) id: String,
    /// The commit's full name.
    pub(crate) commit: String,
    /// The subset.
    pub(crate) subset: String,
    /// The split.
    pub(crate) split: String,
}

impl FromStr for Data {
    type Err = Failure;

    fn from_str(text: &str) -> Outcome<Self> {
        let expected =
            || format!("{text}: expected {SCHEME}{DATASETS}OWNER/NAME or {SCHEME}{DATASETS}OWNER/NAME@REVISION");
        let Some(place) = text.strip_prefix(SCHEME).and_then(|place| place.strip_prefix(DATASETS)) else {
            return match text.starts_with(SCHEME) {
                true => Err(Failure::usage(expected()).hint("a repository without datasets/ is a model or an ESM")),
                false => Ok(Self::File(PathBuf::from(text))),
            };
        };
        let (id, revision) = at_revision(place);
        // The oldest data sets have no owner.
        if id.split('/').count() > 2 || id.split('/').any(str::is_empty) {
            return Err(Failure::usage(expected()).hint("--subset and --split say which part of it"));
        }
        Ok(Self::Dataset { id: id.to_owned(), revision })
    }
}

impl fmt::Display for Data {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "{}", path.display()),
            Self::Dataset { id, revision } => {
                write!(f, "{SCHEME}{DATASETS}{id}")?;
                revision.iter().try_for_each(|revision| write!(f, "@{revision}"))
            }
        }
    }
}

impl Data {
    /// Takes a path or an address as the command line has it; what is no Unicode can only be a path.
    pub(crate) fn parse(text: std::ffi::OsString) -> Outcome<Self> {
        match text.to_str() {
            Some(text) => text.parse(),
            None => Ok(Self::File(PathBuf::from(text))),
        }
    }

    /// The file, unless it is a data set on the hub.
    pub(crate) fn file(&self) -> Option<&Path> {
        match self {
            Self::File(path) => Some(path),
            Self::Dataset { .. } => None,
        }
    }

    /// Reads `columns`; of the hub's only the files that are needed, which the cache then holds.
    pub(crate) fn read(
        &self,
        context: &Context,
        options: &DataOptions,
        columns: Columns<'_>,
        limit: Limit,
    ) -> Outcome<(Table, Option<DataOrigin>)> {
        match self {
            Self::File(path) => {
                options.refuse_for(path)?;
                format_of(path)?;
                Ok((Table::read(path, columns, limit)?, None))
            }
            Self::Dataset { id, revision } => {
                let hub = hub::open(context)?;
                let dataset = options.open(&hub, id, revision.as_deref()).map_err(|failure| failure.at(self))?;
                if dataset.is_partial() {
                    context.warn(format!("{self}: the hub has converted only the first part of this split"));
                }
                if let [first, ..] = dataset.left_out() {
                    let files = count(dataset.left_out().len() as u64, "file");
                    context.warn(format!("{self}: {files} of another format left out of this split, such as {first}"));
                }
                let table = read_files(context, &dataset, columns, limit).map_err(|failure| failure.at(self))?;
                let origin = DataOrigin {
                    id: id.clone(),
                    commit: dataset.commit().to_owned(),
                    subset: dataset.subset().to_owned(),
                    split: dataset.split().to_owned(),
                };
                Ok((table, Some(origin)))
            }
        }
    }
}

impl DataOptions {
    /// A file has neither splits nor subsets.
    pub(crate) fn refuse_for(&self, file: &Path) -> Outcome<()> {
        let given = self.split.as_ref().map(|_| "--split").or(self.subset.as_ref().map(|_| "--subset"));
        match given {
            None => Ok(()),
            Some(option) => Err(Failure::usage(format!(
                "{option} is for data sets on the hub ({SCHEME}{DATASETS}OWNER/NAME), and {} is a file",
                file.display()
            ))),
        }
    }

    fn open<'a>(&self, hub: &'a Hub, id: &str, revision: Option<&str>) -> Outcome<Dataset<'a>> {
        Ok(hub.open_dataset(id, revision, self.subset.as_deref(), self.split.as_deref())?)
    }
}

/// The format of a file; where its path is that of a repository and of no file, with how that is written.
pub(crate) fn format_of(path: &Path) -> Outcome<Format> {
    Format::of(path).map_err(|error| match repository_like(path) {
        Some(id) => Failure::from(error).hint(format!("a data set on the hub is written {SCHEME}{DATASETS}{id}")),
        None => error.into(),
    })
}

/// One file after the other, as long as rows are wanted.
fn read_files(context: &Context, dataset: &Dataset<'_>, columns: Columns<'_>, limit: Limit) -> Outcome<Table> {
    let repository = dataset.repository();
    let mut tables = Tables::new(columns, limit);
    let bytes = dataset.files().iter().map(|file| repository.bytes_of(file)).sum::<Option<u64>>();
    let bar = progress::bytes(context.shows_progress(), bytes.unwrap_or(0), "fetching");
    let mut before = 0;
    for file in dataset.files() {
        if tables.are_full() {
            break;
        }
        bar.set_message(format!("fetching {file}"));
        let part = match tables.wanted() {
            Some(rows) => first_rows(repository, file, columns, rows, &|here| bar.set_position(before + here))?,
            None => None,
        };
        if let Some(part) = part {
            tables.read(part.path(), Path::new(file))?;
            continue;
        }
        let path = dataset.fetch(file, MAX_TABLE_BYTES, &|here, _| bar.set_position(before + here))?;
        before += std::fs::metadata(&path).map_err(|source| HubError::Cache { path: path.clone(), source })?.len();
        bar.set_position(before);
        tables.read(&path, Path::new(file))?;
    }
    bar.finish_and_clear();
    repository.remember_revision()?;
    Ok(tables.into_table()?)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn what_is_no_data_set_is_a_file_or_refused() {
        for text in ["hf://datasets/", "hf://datasets/a/b/c", "hf://datasets//b", "hf://a/b", "hf://datasets/a/@x"] {
            assert!(text.parse::<Data>().is_err(), "{text}");
        }
        for text in ["hf://datasets/a/b", "hf://datasets/imdb", "hf://datasets/a/b@refs/convert/parquet"] {
            let data: Data = text.parse().unwrap();
            assert_eq!((data.to_string(), data.file()), (text.to_owned(), None));
        }
        for text in ["a.csv", "./hf:/x", "datasets/a/b", "a@b.csv"] {
            assert_eq!(text.parse::<Data>().unwrap().file(), Some(Path::new(text)));
        }
    }
}
