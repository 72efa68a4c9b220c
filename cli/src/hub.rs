//! The Hugging Face Hub with the settings of the environment, and fetching a model from it.

use std::env;
use std::path::{Path, PathBuf};

use esmhub_selection::encoder::{FetchError, ModelFiles, fetch};
use esmhub_selection::hub::{Hub, HubError, HubSettings};
use etcetera::BaseStrategy;

use crate::context::Context;
use crate::failure::{Failure, Outcome};
use crate::progress;

/// How something on the hub begins on the command line.
pub(crate) const SCHEME: &str = "hf://";
/// And how a data set goes on.
pub(crate) const DATASETS: &str = "datasets/";
/// The tag by which hfselect marks its ESMs.
pub(crate) const ESM_TAG: &str = "embedding_space_map";
/// How the tag begins that names a base model.
pub(crate) const BASE_TAG: &str = "base_model:";
const ENDPOINT: &str = "https://huggingface.co";

/// The model's files, from the cache that Python's tools use as well, else from the hub.
pub(crate) fn fetch_model(context: &Context, id: &str, revision: Option<&str>) -> Outcome<ModelFiles> {
    let hub = open(context)?;
    let bar = progress::bytes(context.shows_progress(), 0, format!("fetching {id}"));
    let files = fetch(&hub, id, revision, &|file, here, all| {
        bar.set_message(format!("fetching {file}"));
        bar.set_length(all);
        bar.set_position(here);
    });
    bar.finish_and_clear();
    files.map_err(|error| {
        let is_offline = matches!(error, FetchError::Hub(HubError::NotCached { .. }));
        let failure = Failure::from(error).at(id);
        // The library knows no options.
        if is_offline {
            failure.hint(format!(
                "say where its files lie, as in --base {id}=FOLDER; or fetch it once without --offline and HF_HUB_OFFLINE"
            ))
        } else {
            failure
        }
    })
}

/// An id, and the branch, tag or commit behind its `@`.
pub(crate) fn at_revision(text: &str) -> (&str, Option<String>) {
    text.split_once('@').map_or((text, None), |(id, revision)| (id, Some(revision.to_owned())))
}

/// What a path reads as a repository of, `OWNER/NAME`, where nothing lies there that it could mean instead.
pub(crate) fn repository_like(path: &Path) -> Option<&str> {
    let text = path.to_str()?;
    let (owner, name) = text.split_once('/')?;
    let is_segment = |segment: &str| {
        !segment.is_empty()
            && !segment.starts_with('.')
            && segment.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
    };
    (is_segment(owner) && is_segment(name) && !Path::new(owner).exists()).then_some(text)
}

/// The hub, as the environment describes it.
pub(crate) fn open(context: &Context) -> Outcome<Hub> {
    Ok(Hub::new(settings(context)?))
}

fn settings(context: &Context) -> Outcome<HubSettings> {
    let variable = |name: &str| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let home = variable("HF_HOME").or_else(|| {
        let strategy = etcetera::choose_base_strategy().ok()?;
        Some(strategy.cache_dir().join("huggingface"))
    });
    let cache = variable("HF_HUB_CACHE").or_else(|| home.as_ref().map(|home| home.join("hub"))).ok_or_else(|| {
        Failure::usage("there is no folder for models").hint("set HF_HOME, or name a model's folder: ID=FOLDER")
    })?;
    let token = env::var("HF_TOKEN").ok().filter(|token| !token.is_empty()).or_else(|| {
        let file = home.as_ref()?.join("token");
        let token = std::fs::read_to_string(file).ok()?.trim().to_owned();
        (!token.is_empty()).then_some(token)
    });
    if token.as_ref().is_some_and(|token| !token.bytes().all(|byte| byte.is_ascii_graphic())) {
        return Err(Failure::usage(
            "the token of the hub holds a space, a line break or another character that none has",
        )
        .hint("look at HF_TOKEN, or at the file `token` in HF_HOME"));
    }
    let endpoint = env::var("HF_ENDPOINT").ok().filter(|endpoint| !endpoint.is_empty());
    Ok(HubSettings {
        endpoint: endpoint.unwrap_or_else(|| ENDPOINT.to_owned()),
        cache,
        token,
        offline: context.offline,
    })
}
