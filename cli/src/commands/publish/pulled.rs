//! A folder that `pull` wrote holds an ESM of the registry, and is published as that one.
//!
//! Such a folder has dense f32 weights and a `config.json` that says less than a card. Taken as an ESM made elsewhere, it
//! would become another ESM, under a new tag, without the card and the signatures of its own.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use esmhub_registry::{Catalog, Esm, NewEsm, Registry};
use esmhub_store_format::exchange::{
    Config, MAX_CONFIG_BYTES, MAX_SAFETENSORS_BYTES, read_safetensors, write_safetensors,
};
use esmhub_store_format::{Card, Codec, Object, Reference};

use crate::context::Context;
use crate::document::listed;
use crate::failure::Outcome;
use crate::source::{SourceOptions, read_at_most};

/// The ESMs of those folders that hold, byte for byte, what `pull` writes of them. What cannot be read is left to whoever
/// publishes it.
pub(super) fn recognise(
    context: &Context,
    (registry, catalog): (&Registry, &Catalog),
    sources: &[PathBuf],
    options: &SourceOptions,
) -> Outcome<HashMap<PathBuf, NewEsm>> {
    let mut found = HashMap::new();
    // Who asks for another codec, or adds to the card, wants another ESM.
    if !options.keeps_content() {
        return Ok(found);
    }
    let mut named = Vec::new();
    let mut candidates = with_config(catalog, sources);
    for folder in sources {
        let Some(candidates) = candidates.remove(folder.as_path()) else { continue };
        let Ok(Some(weights)) = read_at_most(&folder.join("model.safetensors"), MAX_SAFETENSORS_BYTES) else {
            continue;
        };
        let mut failed = None;
        let same = candidates.iter().find_map(|esm| match same_weights(registry, esm, &weights, options) {
            Ok(same) => same.map(|same| (esm.reference(), same)),
            Err(failure) => {
                failed.get_or_insert((esm.reference(), failure));
                None
            }
        });
        match (same, failed) {
            (Some((reference, esm)), _) => {
                let reference = tagged(catalog, &reference).unwrap_or(reference);
                named.push(format!("{} is {reference}", folder.display()));
                found.insert(folder.clone(), esm);
            }
            // It may be this one. As another one, it would take the newest tag, without the card that it has.
            (None, Some((reference, failure))) => {
                return Err(failure.at(format!("{} may be {reference}, which cannot be read", folder.display())).hint(
                    "publish what that was made from, or the .esm file that `esmhub export` wrote of it; to publish the folder as an ESM \
                     of its own, say how: --codec f32",
                ));
            }
            (None, None) => {}
        }
    }
    if !named.is_empty() {
        let folders = listed(&named, Clone::clone);
        context.note(format!("taken for what it is, byte for byte as `pull` writes it: {folders}"));
    }
    Ok(found)
}

/// The tag by which publishing knows an ESM of several: the first that is not yanked.
fn tagged(catalog: &Catalog, reference: &Reference) -> Option<Reference> {
    let digest = catalog.resolve(reference).ok()?.digest();
    let same: Vec<&Esm> = catalog.tags(reference.name()?).filter(|esm| esm.digest() == digest).collect();
    let first = same.iter().find(|esm| !esm.is_yanked()).or(same.first())?;
    Some(first.reference())
}

/// The folders, each with the ESMs that `pull` would write the same `config.json` of: those of the name that it suggests first,
/// then the newest. Every card is read once, however many folders there are.
fn with_config<'a, 'b>(catalog: &'a Catalog, sources: &'b [PathBuf]) -> HashMap<&'b Path, Vec<&'a Esm>> {
    let mut folders: HashMap<Vec<u8>, Vec<&Path>> = HashMap::new();
    for folder in sources.iter().filter(|source| source.is_dir()) {
        if let Ok(Some(config)) = read_at_most(&folder.join("config.json"), MAX_CONFIG_BYTES as u64) {
            folders.entry(config).or_default().push(folder);
        }
    }
    let mut candidates: HashMap<Vec<u8>, Vec<&Esm>> = HashMap::new();
    if !folders.is_empty() {
        for (esm, card) in catalog.esms().filter_map(|esm| Some((esm, esm.card().ok()?))) {
            let config = Config::json_of(&card).into_bytes();
            if folders.contains_key(&config) {
                candidates.entry(config).or_default().push(esm);
            }
        }
    }
    let mut found = HashMap::new();
    for (config, mut esms) in candidates {
        let suggested = Config::from_json(&config).ok().and_then(|config| config.default_name()).unwrap_or_default();
        esms.reverse();
        esms.sort_by_key(|esm| !esm.name().as_str().eq_ignore_ascii_case(&suggested));
        found.extend(folders.remove(&config).into_iter().flatten().map(|folder| (folder, esms.clone())));
    }
    found
}

/// The ESM, where `pull` would write these weights.
fn same_weights(registry: &Registry, esm: &Esm, weights: &[u8], options: &SourceOptions) -> Outcome<Option<NewEsm>> {
    let card = esm.card()?;
    let object = match registry.fetch(esm) {
        Ok(fetched) if write_safetensors(fetched.object.map().to_dense()?.as_ref())? == weights => fetched.object,
        Ok(_) => return Ok(None),
        // What was decoded can be encoded again, with f32 to the same bytes.
        Err(error) => match encoded_again(&card, weights) {
            Some(object) => object,
            None => return Err(error.into()),
        },
    };
    let name = options.name.clone().unwrap_or_else(|| esm.name().clone());
    let same = NewEsm::new(name, options.tag.clone(), card, object)?;
    // A card of a later version may hold what this one would not write again.
    Ok(Some(same).filter(|same| same.card_digest() == esm.digest()))
}

/// The object of a card from the weights that `pull` wrote of it, where that can be told.
fn encoded_again(card: &Card, weights: &[u8]) -> Option<Object> {
    let codec = Codec::from_code(card.weights.codec)?;
    let object = Object::encode(&read_safetensors(weights).ok()?, codec).ok()?;
    (object.digest() == card.weights.digest).then_some(object)
}
