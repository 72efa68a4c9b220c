//! What a data set's card says of its files: `configs` in the YAML between `---` at the top of README.md
//! (<https://huggingface.co/docs/hub/datasets-manual-configuration>).

use std::collections::{BTreeMap, HashSet};

use serde::Deserialize;
use serde::de::IgnoredAny;

/// The subset that goes without saying where there are several.
pub(super) const DEFAULT: &str = "default";
/// Settings that change nothing of how a table is read.
const HARMLESS: [&str; 8] =
    ["description", "version", "features", "drop_labels", "drop_metadata", "license", "citation", "homepage"];

/// A subset as a card describes it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Described {
    pub(super) name: String,
    /// Whether it goes without saying.
    pub(super) is_default: bool,
    /// The folder that the patterns are in; empty for the whole repository.
    pub(super) folder: String,
    /// Splits and the patterns of their files; `None` where names are to tell.
    pub(super) splits: Option<Vec<(String, Vec<String>)>>,
    /// Settings of the reader, such as another separator.
    pub(super) settings: Vec<String>,
}

#[derive(Deserialize)]
struct Card {
    configs: Option<Vec<Config>>,
}

#[derive(Deserialize)]
struct Config {
    config_name: String,
    data_files: Option<DataFiles>,
    data_dir: Option<String>,
    default: Option<bool>,
    #[serde(flatten)]
    others: BTreeMap<String, IgnoredAny>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum DataFiles {
    One(String),
    Many(Vec<Item>),
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Item {
    Path(String),
    Split { split: String, path: Paths },
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Paths {
    One(String),
    Many(Vec<String>),
}

/// The subsets that a README describes; none where it leaves that to the names of the files.
///
/// # Errors
/// What is wrong with it, for people.
pub(super) fn described(readme: &str) -> Result<Vec<Described>, String> {
    let Some(yaml) = front_matter(readme) else { return Ok(Vec::new()) };
    // The crate bounds nesting, aliases and the number of nodes.
    let card: Option<Card> = serde_saphyr::from_str(&yaml).map_err(|error| one_line(&error.to_string()))?;
    let configs = card.and_then(|card| card.configs).unwrap_or_default();
    let mut names = HashSet::new();
    if let Some(twice) = configs.iter().find(|config| !names.insert(&config.config_name)) {
        return Err(format!("the subset {:?} is described twice", twice.config_name));
    }
    let is_only = configs.len() == 1;
    configs.into_iter().map(|config| config.described(is_only)).collect()
}

impl Config {
    fn described(self, is_only: bool) -> Result<Described, String> {
        let splits = match self.data_files {
            None => None,
            Some(DataFiles::One(pattern)) => Some(vec![train(vec![pattern])]),
            Some(DataFiles::Many(items)) => Some(splits(items)?),
        };
        let settings = self.others.into_keys().filter(|name| !HARMLESS.contains(&name.as_str())).collect();
        let folder = self.data_dir.unwrap_or_default();
        let folder = folder.trim_start_matches("./").trim_matches('/').to_owned();
        let is_default = is_only || self.default == Some(true) || self.config_name == DEFAULT;
        Ok(Described { name: self.config_name, is_default, folder, splits, settings })
    }
}

/// What no split is named for is `train`.
fn train(patterns: Vec<String>) -> (String, Vec<String>) {
    ("train".to_owned(), patterns)
}

fn splits(items: Vec<Item>) -> Result<Vec<(String, Vec<String>)>, String> {
    let (mut plain, mut named) = (Vec::new(), Vec::<(String, Vec<String>)>::new());
    for item in items {
        match item {
            Item::Path(pattern) => plain.push(pattern),
            Item::Split { split, .. } if named.iter().any(|(name, _)| *name == split) => {
                return Err(format!("the split {split:?} is described twice"));
            }
            Item::Split { split, path: Paths::One(pattern) } => named.push((split, vec![pattern])),
            Item::Split { split, path: Paths::Many(patterns) } => named.push((split, patterns)),
        }
    }
    match (plain.is_empty(), named.is_empty()) {
        (false, false) => Err("data_files has files with a split and files without one".to_owned()),
        (false, true) => Ok(vec![train(plain)]),
        (true, _) => Ok(named),
    }
}

/// What stands between the first line, which is `---`, and the next such line.
fn front_matter(readme: &str) -> Option<String> {
    // Python's huggingface_hub takes blank lines before it.
    let mut lines = readme.trim_start_matches('\u{feff}').trim_start().lines();
    if lines.next()?.trim_end() != "---" {
        return None;
    }
    let lines: Vec<&str> = lines.collect();
    let end = lines.iter().position(|line| line.trim_end() == "---")?;
    Some(lines.get(..end)?.join("\n"))
}

fn one_line(text: &str) -> String {
    text.lines().next().unwrap_or_default().chars().take(200).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn card(yaml: &str) -> Result<Vec<Described>, String> {
        described(&format!("---\n{yaml}\n---\n# A data set\n---\nconfigs: [1]\n---\n"))
    }

    #[test]
    fn a_card_that_says_nothing_leaves_it_to_the_names() {
        for readme in
            ["", "# title", "---\nlicense: mit\n---\n", "---\nconfigs:\n---\n", "---\n---\n", "---\nconfigs: [}"]
        {
            assert_eq!(described(readme), Ok(Vec::new()), "{readme:?}");
        }
    }

    #[test]
    fn blank_lines_before_the_card_hide_nothing() {
        let found = described("\n \n---\nconfigs:\n- {config_name: a, data_files: b.csv}\n---\n").unwrap();
        assert_eq!(found.first().unwrap().name, "a");
    }

    #[test]
    fn settings_of_a_reader_are_seen() {
        let found = card("configs:\n- config_name: a\n  sep: ';'\n  description: x\n  features: [{name: y}]").unwrap();
        assert_eq!(found.first().unwrap().settings, ["sep"]);
    }

    #[test]
    fn what_no_card_may_say_is_an_error_and_no_panic() {
        let bomb = "a: &a [x,x,x,x,x,x,x,x,x]\n".to_owned()
            + &(1..9).map(|i| format!("b{i}: &b{i} [{}]\n", ["*a"; 9].join(","))).collect::<String>();
        let deep = format!("configs: {}", "[".repeat(100_000));
        for yaml in [
            "configs: 7",
            "configs:\n- data_files: x.csv",
            "configs:\n- config_name: a\n- config_name: a",
            "configs:\n- {config_name: a, data_files: [{split: s, path: x}, {split: s, path: y}]}",
            "configs:\n- {config_name: a, data_files: [x, {split: s, path: y}]}",
            "configs:\n- {config_name: a, data_files: {train: x}}",
            "configs: [",
            &deep,
        ] {
            assert!(card(yaml).is_err(), "{}", yaml.get(..60.min(yaml.len())).unwrap());
        }
        // Whatever it says of a thing that nobody asks for.
        let _ = card(&bomb);
    }
}
