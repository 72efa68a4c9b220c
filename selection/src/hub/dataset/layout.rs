//! Which files make up which split, by the rules of Python's `datasets`: what the card says, else names
//! (<https://huggingface.co/docs/datasets/repository_structure>).

use std::collections::{BTreeSet, HashSet};

use globset::{GlobBuilder, GlobMatcher};

use super::card::{DEFAULT, Described};

/// The extensions of tables, each with the family of formats that is read with it; of equally many files the first ones win.
const EXTENSIONS: [(&str, &str); 6] =
    [("parquet", "parquet"), ("jsonl", "json"), ("json", "json"), ("csv", "csv"), ("tsv", "csv"), ("ndjson", "json")];
/// Rows that are not read here: what holds them makes a split that would lack them.
const OTHERS: [&str; 12] = ["gz", "zst", "bz2", "xz", "lz4", "zip", "tar", "arrow", "xml", "txt", "h5", "lance"];
/// Files of a repository that are not data.
const NOT_DATA: [&str; 6] =
    ["README.md", "config.json", "dataset_info.json", "dataset_infos.json", "dummy_data.zip", "dataset_dict.json"];
/// What a name of a split must be surrounded by.
const BETWEEN_WORDS: &str = "[-._ 0-9]";
/// The splits that names tell, and how they are called.
const SPLITS: [(&str, &[&str]); 3] = [
    ("train", &["train", "training"]),
    ("validation", &["validation", "valid", "dev", "val"]),
    ("test", &["test", "testing", "eval", "evaluation"]),
];
/// Each is compared with every file of the repository.
const MAX_PATTERNS: usize = 1000;
/// What nobody means by a pattern is not compiled: a card is as long as its author likes.
const MAX_PATTERN_BYTES: usize = 512;

/// A part of a data set with columns of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subset {
    /// What it is called; `default` where the card describes none.
    pub name: String,
    /// Whether it is the one that goes without saying.
    pub is_default: bool,
    /// In their order; each has files.
    pub splits: Vec<Split>,
    /// Settings by which its files would have to be read otherwise than their extension says.
    pub settings: Vec<String>,
}

/// A split and its files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Split {
    /// What it is called, such as `train`.
    pub name: String,
    /// Their names in the repository, in the order of their rows.
    pub files: Vec<String>,
    /// Data of other formats than most of its tables.
    pub left_out: Vec<String>,
}

/// The subsets of a repository with these files. Splits that have none are left out, and so are subsets without splits.
///
/// # Errors
/// A pattern that is none, for people.
pub(super) fn subsets(files: &[String], described: &[Described]) -> Result<Vec<Subset>, String> {
    let mut sorted: Vec<&str> = files.iter().map(String::as_str).collect();
    sorted.sort_unstable();
    let whole = [Described { name: DEFAULT.to_owned(), is_default: true, ..Described::default() }];
    let described = if described.is_empty() { &whole } else { described };
    let mut found = Vec::new();
    for subset in described {
        let within = Folder::new(&sorted, &subset.folder);
        let splits = match &subset.splits {
            Some(patterns) => within.splits(patterns)?,
            None => within.named()?,
        };
        let splits = of_one_family(splits);
        if !splits.is_empty() {
            found.push(Subset {
                name: subset.name.clone(),
                is_default: subset.is_default,
                splits,
                settings: subset.settings.clone(),
            });
        }
    }
    Ok(found)
}

/// The subsets of the branch into which the hub converts data sets: `SUBSET/SPLIT/0000.parquet`, where what was too large begins
/// with `partial-`.
pub(super) fn converted(files: &[String]) -> Vec<Subset> {
    let mut sorted: Vec<&String> = files.iter().filter(|file| file.ends_with(".parquet")).collect();
    sorted.sort_unstable();
    let mut subsets: Vec<Subset> = Vec::new();
    for file in sorted {
        let [subset, split, _] = file.split('/').collect::<Vec<_>>()[..] else { continue };
        let split = split.strip_prefix("partial-").unwrap_or(split);
        let at = subsets.iter().position(|known| known.name == subset).unwrap_or_else(|| {
            let (name, is_default) = (subset.to_owned(), subset == DEFAULT);
            subsets.push(Subset { name, is_default, splits: Vec::new(), settings: Vec::new() });
            subsets.len() - 1
        });
        let Some(known) = subsets.get_mut(at) else { continue };
        match known.splits.iter_mut().find(|known| known.name == split) {
            Some(known) => known.files.push(file.clone()),
            None => {
                known.splits.push(Split { name: split.to_owned(), files: vec![file.clone()], left_out: Vec::new() })
            }
        }
    }
    if let [only] = subsets.as_mut_slice() {
        only.is_default = true;
    }
    subsets
}

/// The files under one folder, in the order of their names.
struct Folder<'a> {
    /// Ends with a slash, or is empty.
    prefix: String,
    /// Their names within it.
    files: Vec<&'a str>,
}

impl<'a> Folder<'a> {
    fn new(files: &[&'a str], folder: &str) -> Self {
        let prefix = if folder.is_empty() { String::new() } else { format!("{folder}/") };
        let files = files.iter().filter_map(|file| file.strip_prefix(prefix.as_str())).collect();
        Self { prefix, files }
    }

    /// What matches each of these patterns, one pattern after the other.
    fn splits(&self, patterns: &[(String, Vec<String>)]) -> Result<Vec<Split>, String> {
        let count: usize = patterns.iter().map(|(_, patterns)| patterns.len()).sum();
        if count > MAX_PATTERNS {
            return Err(format!("{count} patterns of files in a subset, expected at most {MAX_PATTERNS}"));
        }
        let mut splits = Vec::new();
        for (name, patterns) in patterns {
            let (mut files, mut seen) = (Vec::new(), HashSet::new());
            for pattern in patterns {
                // A file that two patterns name has its rows once.
                let new = self.matching(pattern)?.into_iter().filter(|file| seen.insert(*file));
                files.extend(new.map(|file| format!("{}{file}", self.prefix)));
            }
            splits.push(Split { name: name.clone(), files, left_out: Vec::new() });
        }
        Ok(splits)
    }

    /// The splits that names tell: those of shards in `data`, those of folders, those of files; else all is `train`.
    fn named(&self) -> Result<Vec<Split>, String> {
        let shards = self.matching("data/*-[0-9][0-9][0-9][0-9][0-9]-of-[0-9][0-9][0-9][0-9][0-9]*.*")?;
        if !shards.is_empty() {
            let names: BTreeSet<&str> = shards.iter().filter_map(|file| split_of_shard(file)).collect();
            let first = SPLITS.iter().map(|(name, _)| *name).filter(|name| names.contains(name));
            let others = names.iter().copied().filter(|name| SPLITS.iter().all(|(known, _)| known != name));
            let splits = first.chain(others).map(|name| {
                let files = shards.iter().filter(|file| split_of_shard(file) == Some(name));
                let files = files.map(|file| format!("{}{file}", self.prefix)).collect();
                Split { name: name.to_owned(), files, left_out: Vec::new() }
            });
            return Ok(splits.collect());
        }
        let in_folders = |word: &str| {
            let s = BETWEEN_WORDS;
            vec![
                format!("**/{word}/**"),
                format!("**/{word}{s}*/**"),
                format!("**/*{s}{word}/**"),
                format!("**/*{s}{word}{s}*/**"),
            ]
        };
        let in_files = |word: &str| {
            vec![format!("**/{word}{BETWEEN_WORDS}*"), format!("**/*{BETWEEN_WORDS}{word}{BETWEEN_WORDS}*")]
        };
        for patterns in [&in_folders as &dyn Fn(&str) -> Vec<String>, &in_files] {
            let patterns: Vec<(String, Vec<String>)> = SPLITS
                .iter()
                .map(|(name, words)| ((*name).to_owned(), words.iter().flat_map(|word| patterns(word)).collect()))
                .collect();
            let splits = self.splits(&patterns)?;
            if splits.iter().any(|split| !split.files.is_empty()) {
                return Ok(splits);
            }
        }
        self.splits(&[("train".to_owned(), vec!["**".to_owned()])])
    }

    fn matching(&self, pattern: &str) -> Result<Vec<&'a str>, String> {
        let pattern = pattern.trim_start_matches("./");
        if pattern.len() > MAX_PATTERN_BYTES {
            return Err(format!("a pattern of {} bytes, expected at most {MAX_PATTERN_BYTES}", pattern.len()));
        }
        let matcher = matcher(pattern)?;
        let last = pattern.rsplit('/').next().unwrap_or_default();
        let is_meant = |file: &&str| {
            let name = file.rsplit('/').next().unwrap_or_default();
            matcher.is_match(file)
                && (name == last || !NOT_DATA.contains(&name))
                && parts(file, |part| part.starts_with('.')) == parts(pattern, |part| part.starts_with('.'))
                && folders(file) == folders(pattern)
        };
        Ok(self.files.iter().copied().filter(is_meant).collect())
    }
}

/// `*`, `?` and `[…]` within a name, `**` for any folders.
fn matcher(pattern: &str) -> Result<GlobMatcher, String> {
    // Braces and backslashes are letters here.
    let literal: String =
        pattern.chars().map(|c| if "{}\\".contains(c) { format!("[{c}]") } else { c.into() }).collect();
    let glob = GlobBuilder::new(&literal).literal_separator(true).backslash_escape(false).build();
    glob.map(|glob| glob.compile_matcher()).map_err(|error| format!("the pattern {pattern:?}: {}", error.kind()))
}

/// Files and folders that begin with a dot are meant only where a pattern says so.
fn parts(path: &str, hidden: impl Fn(&str) -> bool) -> usize {
    path.split('/').filter(|part| hidden(part)).count()
}

/// And so are folders that begin with two underscores.
fn folders(path: &str) -> usize {
    path.rsplit_once('/').map_or(0, |(folders, _)| parts(folders, |part| part.starts_with("__")))
}

/// `SPLIT` of `data/SPLIT-00000-of-00001.parquet`.
fn split_of_shard(file: &str) -> Option<&str> {
    let name = file.rsplit('/').next()?;
    let (before, _) = name.rsplit_once("-of-")?;
    before.rsplit_once('-').map(|(split, _)| split)
}

/// Of each split only the files of one family: that of the extension which most of them have. Splits without any are left out.
fn of_one_family(mut splits: Vec<Split>) -> Vec<Split> {
    for split in &mut splits {
        let count = |wanted: &str| split.files.iter().filter(|file| has_extension(file, wanted)).count();
        let mut most = (0, "");
        for (extension, family) in EXTENSIONS {
            let files = count(extension);
            if files > most.0 {
                most = (files, family);
            }
        }
        let is_kept = |file: &str| {
            EXTENSIONS.iter().any(|(extension, family)| *family == most.1 && has_extension(file, extension))
        };
        let is_data = |file: &String| {
            EXTENSIONS
                .iter()
                .map(|(extension, _)| extension)
                .chain(&OTHERS)
                .any(|extension| has_extension(file, extension))
        };
        let (kept, others) = split.files.drain(..).partition(|file: &String| is_kept(file));
        split.files = kept;
        split.left_out = others;
        split.left_out.retain(is_data);
    }
    splits.retain(|split| !split.files.is_empty());
    splits
}

fn has_extension(file: &str, wanted: &str) -> bool {
    extension(file).is_some_and(|extension| extension.eq_ignore_ascii_case(wanted))
}

/// Whether a file may well hold rows of the same split, in a form that is not read here: packed, or of another program.
pub(super) fn is_unread(file: &str) -> bool {
    OTHERS.iter().filter(|extension| **extension != "txt").any(|extension| has_extension(file, extension))
}

/// What stands behind the last dot of a file's name.
pub(super) fn extension(file: &str) -> Option<&str> {
    file.rsplit('/').next()?.rsplit_once('.').map(|(_, extension)| extension)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::Value;

    use super::super::card::described;
    use super::*;

    /// Subsets with their splits, and the files of each.
    type Found = Vec<(String, Vec<(String, Vec<String>)>)>;

    fn names(value: &Value) -> Vec<String> {
        value.as_array().unwrap().iter().map(|name| name.as_str().unwrap().to_owned()).collect()
    }

    /// The truth is what Python's `datasets` finds; `fixtures/layouts.py` writes it down.
    #[test]
    fn splits_are_those_that_datasets_finds() {
        let cases: Value = serde_json::from_str(include_str!("fixtures/layouts.json")).unwrap();
        for (case, truth) in cases.as_object().unwrap() {
            let card = truth["card"].as_str().map(|readme| described(readme).unwrap()).unwrap_or_default();
            let found = subsets(&names(&truth["files"]), &card).unwrap();
            let expected: Found = serde_json::from_value(truth["subsets"].clone()).unwrap();
            let shown: Found = found
                .iter()
                .map(|subset| {
                    let splits = subset.splits.iter().map(|split| (split.name.clone(), split.files.clone()));
                    (subset.name.clone(), splits.collect())
                })
                .collect();
            assert_eq!(shown, expected, "{case}");
            let default = found.iter().find(|subset| subset.is_default).map(|subset| subset.name.as_str());
            if let Some(expected) = truth["default"].as_str() {
                assert_eq!(default, Some(expected), "{case}");
            } else if found.len() > 1 {
                assert_eq!(default, None, "{case}");
            }
        }
        assert!(cases.as_object().unwrap().len() > 25);
    }

    #[test]
    fn a_table_that_is_left_out_is_named_and_what_is_no_table_is_not() {
        let files = ["train-1.csv", "train-2.tsv", "train-3.csv", "train-4.jsonl", "train-5.md", "train-6.csv.gz"]
            .map(str::to_owned);
        let found = subsets(&files, &[]).unwrap();
        let split = &found.first().unwrap().splits.first().unwrap();
        assert_eq!(split.files, ["train-1.csv", "train-2.tsv", "train-3.csv"]);
        assert_eq!(split.left_out, ["train-4.jsonl", "train-6.csv.gz"]);
        assert!(is_unread("train-6.csv.gz") && !is_unread("train-4.jsonl"));
    }

    #[test]
    fn the_branch_of_conversions_names_subset_and_split_by_its_folders() {
        let files = [
            "b/train/0001.parquet",
            "a/partial-train/0000.parquet",
            "b/train/0000.parquet",
            "b/test/0000.parquet",
            "x.parquet",
        ];
        let found = converted(&files.map(str::to_owned));
        let shown: Vec<_> = found
            .iter()
            .flat_map(|subset| {
                subset.splits.iter().map(|split| (subset.name.as_str(), split.name.as_str(), split.files.len()))
            })
            .collect();
        assert_eq!(shown, [("a", "train", 1), ("b", "test", 1), ("b", "train", 2)]);
        assert!(found.iter().all(|subset| !subset.is_default));
        assert!(converted(&["b/train/0001.parquet".to_owned()]).first().unwrap().is_default);
    }

    #[test]
    fn a_pattern_of_a_stranger_ends_soon_or_is_refused() {
        let file = format!("{}b.csv", "a".repeat(200));
        let described = |pattern: &str| {
            [Described { splits: Some(vec![("train".into(), vec![pattern.into()])]), ..Described::default() }]
        };
        for pattern in ["*a".repeat(200), "[".into(), "[a-".into(), "a".repeat(600), "[z-a]".into()] {
            let found = subsets(std::slice::from_ref(&file), &described(&pattern));
            assert!(found.is_err() || found.unwrap().is_empty(), "{pattern}");
        }
        let many = vec!["*.csv".to_owned(); 1001];
        let many = [Described { splits: Some(vec![("train".into(), many)]), ..Described::default() }];
        assert!(subsets(std::slice::from_ref(&file), &many).unwrap_err().contains("1001 patterns"));
        for pattern in ["{a,b}.csv", "\\*.csv", "**/**/**"] {
            assert!(subsets(std::slice::from_ref(&file), &described(pattern)).is_ok(), "{pattern}");
        }
    }
}
