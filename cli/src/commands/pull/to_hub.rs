//! `esmhub pull --to-hub`: an ESM as a commit on the Hugging Face Hub.

use esmhub_registry::{Esm, Registry};
use esmhub_selection::hub::{Hub, HubError, Kind, Repository};
use esmhub_store_format::Digest;
use esmhub_store_format::exchange::{Config, MAX_CONFIG_BYTES};
use serde::Serialize;

use super::model_card::model_card;
use super::{Pull, files_of};
use crate::context::Context;
use crate::document::{Document, columns};
use crate::failure::{CONFLICT, Failure, OTHER, Outcome};
use crate::hub;

/// What was pushed.
#[derive(Serialize)]
struct PushDocument {
    dry_run: bool,
    name: String,
    tag: String,
    digest: Digest,
    repository: String,
    /// The commit that holds it; none in a dry run.
    commit: Option<String>,
    /// Whether the repository was made for it.
    created: bool,
    /// Whether it held exactly this already.
    unchanged: bool,
    /// The commit of the ESM whose place it took, or would take.
    replaced: Option<String>,
    /// Whose signature the ESM has, where one was required.
    signed_by: Option<String>,
}

const CONFIG: &str = "config.json";
/// What a repository of an ESM holds.
const OF_ESMS: [&str; 5] = [".gitattributes", "README.md", CONFIG, "model.safetensors", "pytorch_model.bin"];

/// `OWNER/REPO`.
pub(super) fn parse_repository(text: &str) -> Result<String, String> {
    let text = text.strip_prefix("hf://").unwrap_or(text);
    match text.split_once('/') {
        Some((owner, name)) if !owner.is_empty() && !name.is_empty() && !name.contains(['/', '@']) => {
            Ok(text.to_owned())
        }
        _ => Err("expected OWNER/REPO".to_owned()),
    }
}

/// What a repository holds.
enum Found {
    /// Exactly what is to be pushed, at this commit.
    Same(String),
    /// Nothing, at this commit; none where there is no such repository.
    Nothing(Option<String>),
    /// Another ESM, at this commit.
    Other(String),
}

impl Pull {
    /// Pushes the one ESM that the references mean.
    pub(super) fn push(
        &self,
        context: &Context,
        registry: &Registry,
        (esms, repository): (&[&Esm], &str),
        signed_by: &dyn Fn(&Esm) -> Outcome<Option<String>>,
    ) -> Outcome<u8> {
        let [esm] = esms else {
            return Err(Failure::usage(format!("--to-hub pushes one ESM, and these are {}", esms.len()))
                .hint("push them one at a time, each to a repository of its own"));
        };
        let hub = hub::open(context)?;
        if hub.is_offline() {
            return Err(Failure::usage("--to-hub needs the hub, and this is offline")
                .hint("leave out --offline and HF_HUB_OFFLINE"));
        }
        if !hub.has_token() {
            return Err(
                Failure::usage("--to-hub needs a token of the hub").hint("set HF_TOKEN to a token that may write")
            );
        }
        let signed_by = signed_by(esm).map_err(|failure| failure.at(esm.reference()))?;
        let fetched = registry.fetch(esm).map_err(|error| Failure::from(error).at(esm.reference()))?;
        let [config, weights] = files_of(&fetched)?;
        let card = model_card(esm, &fetched.card, repository).into_bytes();
        let files = [("README.md", card), config, weights];
        let found = look(&hub, repository, &files, self.replace)?;
        let mut document = PushDocument {
            dry_run: self.dry_run,
            name: esm.name().to_string(),
            tag: esm.tag().to_string(),
            digest: esm.digest(),
            repository: repository.to_owned(),
            commit: None,
            created: false,
            unchanged: false,
            replaced: None,
            signed_by,
        };
        let parent = match found {
            Found::Same(commit) => {
                (document.commit, document.unchanged) = (Some(commit), true);
                return context.emit(&document);
            }
            Found::Nothing(parent) => parent,
            Found::Other(parent) => {
                document.replaced = Some(parent.clone());
                Some(parent)
            }
        };
        if !self.dry_run {
            self.commit(&hub, &mut document, parent, &files)?;
        }
        context.emit(&document)
    }

    fn commit(
        &self,
        hub: &Hub,
        document: &mut PushDocument,
        parent: Option<String>,
        files: &[(&str, Vec<u8>)],
    ) -> Outcome<()> {
        let repository = document.repository.clone();
        let files: Vec<(&str, &[u8])> = files.iter().map(|(name, bytes)| (*name, bytes.as_slice())).collect();
        let summary = format!("{}:{}@{}", document.name, document.tag, document.digest);
        let pushed = hub.push(&repository, self.private, parent.as_deref(), &files, &summary).map_err(|error| {
            let needs_right = matches!(error, HubError::Refused { status: 401 | 403, .. });
            let failure = Failure::from(error).at(&repository);
            if needs_right { failure.hint("HF_TOKEN has to be a token that may write there") } else { failure }
        })?;
        (document.commit, document.created) = (Some(pushed.commit), pushed.is_new);
        Ok(())
    }
}

/// What is there already. What is no ESM is never written over, and one of something else only where that is asked for.
fn look(hub: &Hub, id: &str, files: &[(&str, Vec<u8>)], replaces: bool) -> Outcome<Found> {
    let repository = match hub.open(Kind::Model, id, None) {
        // The hub does not tell what one may not see from what is not there.
        Err(HubError::Refused { status: 401 | 404, .. }) => return Ok(Found::Nothing(None)),
        opened => opened.map_err(|error| Failure::from(error).at(id))?,
    };
    let commit = repository.commit().to_owned();
    let names = repository.files()?;
    if names.iter().all(|name| name == ".gitattributes") {
        return Ok(Found::Nothing(Some(commit)));
    }
    let is_known = |name: &String| OF_ESMS.contains(&name.as_str());
    let esm = config_of(&repository)?.as_deref().and_then(esm_of).filter(|_| names.iter().all(is_known));
    let Some(there) = esm else {
        return Err(Failure::new(
            CONFLICT,
            format!("{id} holds files, and they are not those of an ESM: nothing was pushed"),
        )
        .hint("choose another repository; one that is not there yet is made"));
    };
    for (name, bytes) in files {
        if !repository.holds(name, bytes)? {
            let pushed = files.iter().find(|(name, _)| *name == CONFIG).and_then(|(_, bytes)| esm_of(bytes));
            let other = pushed.filter(|pushed| !pushed.is_version_of(&there) && !replaces);
            return match other {
                None => Ok(Found::Other(commit)),
                Some(pushed) => Err(Failure::new(
                    CONFLICT,
                    format!("{id} holds an ESM of {there}, and this one is of {pushed}: nothing was pushed"),
                )
                .hint("choose another repository, or --replace that one; its commits keep it")),
            };
        }
    }
    Ok(Found::Same(commit))
}

fn config_of(repository: &Repository<'_>) -> Outcome<Option<Vec<u8>>> {
    let path = match repository.file(CONFIG, Some(MAX_CONFIG_BYTES as u64), &|_, _| ()) {
        Err(HubError::TooLarge { .. }) => None,
        found => found?,
    };
    path.map(|path| std::fs::read(&path).map_err(|error| Failure::new(OTHER, format!("{}: {error}", path.display()))))
        .transpose()
}

/// Of what an ESM is, by its config.json.
struct Made {
    task: Option<String>,
    base: String,
}

impl Made {
    fn is_version_of(&self, other: &Self) -> bool {
        // Of what says no task, nobody knows.
        self.task.is_some() && self.task == other.task && self.base == other.base
    }
}

impl std::fmt::Display for Made {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} for {}", self.task.as_deref().unwrap_or("a task that it does not name"), self.base)
    }
}

/// Models have a config.json as well, and theirs names no base model.
fn esm_of(config: &[u8]) -> Option<Made> {
    let config = Config::from_json(config).ok().filter(|config| !config.base.id.is_empty())?;
    Some(Made { task: config.default_name(), base: config.base.id })
}

impl Document for PushDocument {
    const SCHEMA: &'static str = "esmhub.push/1";

    fn table(&self) -> String {
        let of = self.replaced.as_deref().and_then(|commit| commit.get(..12));
        let replacing = of.map_or_else(String::new, |commit| format!(" in place of {commit}"));
        let state = match (self.unchanged, self.dry_run, self.created) {
            (true, _, _) => "there already".to_owned(),
            (false, true, _) => format!("would be pushed{replacing}"),
            (false, false, true) => "pushed, repository made".to_owned(),
            (false, false, false) => format!("pushed{replacing}"),
        };
        let commit = self.commit.as_deref().and_then(|commit| commit.get(..12)).unwrap_or("-");
        let esm = format!("{}:{}", self.name, self.tag);
        let row = vec![esm, self.digest.short(), self.repository.clone(), commit.to_owned(), state];
        columns(&["ESM", "DIGEST", "REPOSITORY", "COMMIT", "STATE"], &[], [row])
    }

    fn lines(&self) -> Vec<String> {
        let at = self.commit.iter().map(|commit| format!("hf://{}@{commit}", self.repository));
        at.collect()
    }
}
