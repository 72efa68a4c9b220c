//! The Hugging Face settings of the environment, and fetching a model with them.

use std::env;
use std::path::PathBuf;

use esmhub_selection::encoder::{HubError, HubSettings, ModelFiles, fetch};
use etcetera::BaseStrategy;

use crate::context::Context;
use crate::failure::{Failure, Outcome};
use crate::progress;

const ENDPOINT: &str = "https://huggingface.co";

/// The model's files, from the cache that Python's tools use as well, else from the hub.
pub(crate) fn fetch_model(context: &Context, id: &str, revision: Option<&str>) -> Outcome<ModelFiles> {
    let settings = settings(context)?;
    let bar = progress::bar(context.shows_progress(), 0, format!("fetching {id}"));
    let files = fetch(id, revision, &settings, &|file, here, all| {
        bar.set_message(format!("fetching {file}"));
        bar.set_length(all);
        bar.set_position(here);
    });
    bar.finish_and_clear();
    files.map_err(|error| {
        let is_offline = matches!(error, HubError::NotCached { .. });
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
    let endpoint = env::var("HF_ENDPOINT").ok().filter(|endpoint| !endpoint.is_empty());
    Ok(HubSettings {
        endpoint: endpoint.unwrap_or_else(|| ENDPOINT.to_owned()),
        cache,
        token,
        offline: context.offline,
    })
}
