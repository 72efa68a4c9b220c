//! What could stand where the cursor is.

use std::ffi::{OsStr, OsString};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use clap::builder::StyledStr;
use clap::{Arg, Command, ValueHint};
use clap_complete::engine::{ArgValueCompleter, CompletionCandidate, complete};

use super::references::References;
use super::words::Typed;
use crate::place::is_address;

/// More than this nobody reads; another letter narrows them down.
const MOST: usize = 5000;
/// Shells show descriptions in what is left of a line.
const MOST_DESCRIBED: usize = 80;

/// A word, and what it means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Candidate {
    pub(super) value: String,
    description: String,
}

impl Candidate {
    pub(super) fn new(value: impl Into<String>, description: impl Into<String>) -> Self {
        Self { value: value.into(), description: description.into() }
    }

    /// A word that no shell has to quote. Whatever else a stranger has written never reaches a command line.
    fn is_plain(&self) -> bool {
        let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:@=,+".contains(c);
        !self.value.is_empty() && self.value.chars().all(plain)
    }

    fn described(&self) -> String {
        let description: String = self.description.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        description.chars().take(MOST_DESCRIBED).collect()
    }
}

/// What the shell has to complete by itself, where there are no words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Paths {
    None,
    Folders,
    Files,
}

/// What is offered.
#[derive(Debug)]
pub(crate) struct Offer {
    candidates: Vec<Candidate>,
    paths: Paths,
    kept: usize,
}

/// What completers share: the registry's references, read when the first asks; and what a value is wanted of, if one is.
struct Shared {
    registry: Option<PathBuf>,
    references: OnceLock<References>,
    wanted: Mutex<Option<Paths>>,
}

impl Shared {
    fn references(&self) -> &References {
        self.references.get_or_init(|| self.registry.as_deref().map(References::read).unwrap_or_default())
    }

    fn want(&self, paths: Paths) {
        *self.wanted.lock().unwrap_or_else(PoisonError::into_inner) = Some(paths);
    }

    fn wanted(&self) -> Option<Paths> {
        *self.wanted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What could stand where the cursor is; `registry` is the one that the environment names.
pub(crate) fn offer(command: Command, typed: &Typed, registry: Option<PathBuf>) -> Offer {
    let shared = Arc::new(Shared {
        // A key press must not wait for a network.
        registry: registry_of(&typed.words).or(registry).filter(|place| !is_address(place)),
        references: OnceLock::new(),
        wanted: Mutex::new(None),
    });
    let words: Vec<OsString> = typed.words.iter().map(OsString::from).collect();
    let index = words.len().saturating_sub(1);
    let found = complete(&mut attached(command, &shared), words, index, None).unwrap_or_default();
    let wanted = shared.wanted();
    let mut candidates: Vec<Candidate> = found.iter().map(Candidate::of).filter(Candidate::is_plain).collect();
    // Options are offered to whoever begins one, and where nothing else can stand.
    let current = typed.words.last().map_or("", String::as_str);
    let is_option = |candidate: &Candidate| candidate.value.starts_with('-');
    if !current.starts_with('-') && (wanted.is_some() || !candidates.iter().all(is_option)) {
        candidates.retain(|candidate| !is_option(candidate));
    }
    candidates.truncate(MOST);
    Offer { candidates, paths: wanted.unwrap_or(Paths::None), kept: typed.kept }
}

impl Candidate {
    fn of(found: &CompletionCandidate) -> Self {
        let description = found.get_help().map(ToString::to_string).unwrap_or_default();
        Self::new(found.get_value().to_string_lossy(), description.lines().next().unwrap_or_default())
    }
}

impl Offer {
    /// For the shells' scripts: `words`, `files` or `folders` on the first line; then a word on each, and behind a tab what
    /// it means.
    pub(crate) fn lines(&self) -> Vec<String> {
        let paths = match self.paths {
            Paths::None => "words",
            Paths::Folders => "folders",
            Paths::Files => "files",
        };
        let candidates = self.candidates.iter().filter_map(|candidate| {
            let value = candidate.value.get(self.kept..)?;
            let described = candidate.described();
            Some(if described.is_empty() { value.to_owned() } else { format!("{value}\t{described}") })
        });
        [paths.to_owned()].into_iter().chain(candidates).collect()
    }
}

/// What of the registry can stand there, given how it begins.
type Ask = fn(&References, &str) -> Vec<Candidate>;

/// The command line with completers where the values are not known from itself.
fn attached(command: Command, shared: &Arc<Shared>) -> Command {
    command.mut_args(|arg| attach(arg, shared)).mut_subcommands(|command| attached(command, shared))
}

fn attach(arg: Arg, shared: &Arc<Shared>) -> Arg {
    let named = arg.get_value_names().and_then(|names| names.first()).map(ToString::to_string);
    let named = named.unwrap_or_else(|| arg.get_id().as_str().to_uppercase());
    let is_path = arg.get_action().takes_values() && !matches!(arg.get_value_hint(), ValueHint::Unknown);
    let (paths, ask): (Paths, Option<Ask>) = match named.as_str() {
        "REF" => (Paths::None, Some(References::beginning_with)),
        "PATTERN" => (Paths::None, Some(References::names_beginning_with)),
        "MODEL" if arg.get_id() == "base" => (Paths::Folders, Some(References::bases_beginning_with)),
        "MODEL" | "DIR" | "DIR|URL" => (Paths::Folders, None),
        _ if is_path => (Paths::Files, None),
        _ => return arg,
    };
    let shared = Arc::clone(shared);
    arg.add(ArgValueCompleter::new(move |typed: &OsStr| {
        shared.want(paths);
        let candidates =
            ask.zip(typed.to_str()).map(|(ask, typed)| ask(shared.references(), typed)).unwrap_or_default();
        let found = candidates.into_iter().map(|Candidate { value, description }| {
            CompletionCandidate::new(value).help(Some(StyledStr::from(description)))
        });
        found.collect::<Vec<_>>()
    }))
}

/// The registry that stands on the line: what follows the last `--registry`.
fn registry_of(words: &[String]) -> Option<PathBuf> {
    const FLAG: &str = "--registry";
    let before = words.split_last().map_or(words, |(_, before)| before);
    let mut registry = None;
    let mut words = before.iter().take_while(|word| *word != "--");
    while let Some(word) = words.next() {
        if word == FLAG {
            registry = words.next().map(String::as_str);
        } else if let Some(value) = word.strip_prefix(FLAG).and_then(|rest| rest.strip_prefix('=')) {
            registry = Some(value);
        }
    }
    registry.filter(|value| !value.is_empty()).map(PathBuf::from)
}

#[cfg(test)]
mod tests {
    use clap::{Arg, Command, CommandFactory, ValueHint};

    use crate::arguments::Arguments;

    /// What no list can name: numbers, and texts of the user's own.
    const FREE: [&str; 22] = [
        "I/N",
        "N",
        "TOKENS",
        "SHARE",
        "BYTES",
        "TIME",
        "COLUMN",
        "TERMS",
        "NAME",
        "TAG",
        "SPDX",
        "TEXT",
        "KEY=VALUE",
        "INDEX",
        "LINE",
        "BREAKS",
        "WORDS",
        "SPLIT",
        "SUBSET",
        "OWNER/REPO",
        "NAME=VALUE",
        "TARGET",
    ];
    /// What is asked for in the registry, or is a folder.
    const ASKED: [&str; 5] = ["REF", "PATTERN", "MODEL", "DIR", "DIR|URL"];

    fn forgotten(command: &Command) -> Vec<String> {
        let offers = |arg: &&Arg| {
            let name = arg.get_value_names().and_then(|names| names.first()).map(ToString::to_string);
            let name = name.unwrap_or_else(|| arg.get_id().as_str().to_uppercase());
            let is_known = FREE.contains(&name.as_str()) || ASKED.contains(&name.as_str());
            is_known || !arg.get_possible_values().is_empty() || arg.get_value_hint() != ValueHint::Unknown
        };
        let own = command.get_arguments().filter(|arg| arg.get_action().takes_values()).filter(|arg| !offers(arg));
        let own = own.map(|arg| format!("{} {arg}", command.get_name()));
        own.chain(command.get_subcommands().flat_map(forgotten)).collect()
    }

    /// Whoever adds an option with a few words, and parses them by hand, has to say them to the shells, too.
    #[test]
    fn no_value_with_a_few_words_is_left_to_be_typed() {
        let mut command = Arguments::command();
        command.build();
        assert_eq!(forgotten(&command), Vec::<String>::new());
    }
}
