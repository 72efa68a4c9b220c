//! A folder as hfselect saves an ESM: `config.json` beside `model.safetensors` or `pytorch_model.bin`.

use std::fs::{self, File};
use std::io::Read;
use std::path::Path;

use esmhub_registry::NewEsm;
use esmhub_selection::fit::{Distilled, distill};
use esmhub_selection::{Embeddings, read_pickle};
use esmhub_store_format::card::Derivation;
use esmhub_store_format::exchange::{Config, MAX_CONFIG_BYTES, MAX_SAFETENSORS_BYTES, read_safetensors};
use esmhub_store_format::{Codec, DenseMap, Map, Object};

use super::{Draft, ORIGIN, Quality, RankChoice, SourceOptions};
use crate::failure::{Failure, INCOMPATIBLE, OTHER, Outcome};

/// `origin`: where the folder came from, if not from the user.
pub(super) fn read(folder: &Path, origin: Option<&str>, options: &SourceOptions) -> Outcome<NewEsm> {
    let config = read_at_most(&folder.join("config.json"), MAX_CONFIG_BYTES as u64)?
        .ok_or_else(|| Failure::new(OTHER, "there is no config.json").hint(config_hint(folder)))?;
    let config = Config::from_json(&config)?;
    let map = read_weights(folder)?;
    if let Some(stated) = config.dimension.filter(|stated| *stated != u64::from(map.dimension())) {
        let found = map.dimension();
        return Err(Failure::new(
            INCOMPATIBLE,
            format!("config.json says dimension {stated}, the weights have {found}"),
        ));
    }
    let mut extra = config.extra();
    extra.extend(origin.map(|origin| (ORIGIN.to_owned(), origin.to_owned())));
    let (map, object, derivation) = match &options.distill {
        None => {
            let object = Object::encode(&map, options.quality.dense_codec())?;
            (Map::from(map), object, None)
        }
        Some(x) => {
            let (distilled, object, derivation) = distilled(&map, x, &options.quality)?;
            extra.insert("distilled_r2".to_owned(), format!("{:.4}", distilled.r2));
            (Map::from(distilled.map), object, Some(derivation))
        }
    };
    let draft = Draft {
        name: config.default_name(),
        base: config.base.clone(),
        fit: config.fit(),
        fidelity: None,
        derivation,
        authors: config.developers.iter().cloned().collect(),
        extra,
        source: config.source,
    };
    draft.finish(&map, object, options)
}

/// A dense map, distilled on base embeddings, with its object and where it comes from.
pub(crate) fn distilled(map: &DenseMap, x: &Embeddings, quality: &Quality) -> Outcome<(Distilled, Object, Derivation)> {
    let dimension = map.dimension() as usize;
    let rank = match quality.rank {
        RankChoice::Auto => quality.distilled_rank(dimension),
        RankChoice::Exactly(rank) => rank,
        RankChoice::Full => return Err(Failure::usage("--distill makes a map of low rank, --rank full a dense one")),
    };
    let distilled = distill(map, x, rank)?;
    let object = Object::encode_low_rank(&distilled.map, quality.factor_codec())?;
    let derivation = Derivation { weights: Object::encode(map, Codec::F32)?.digest(), how: "distill".to_owned() };
    Ok((distilled, object, derivation))
}

fn config_hint(folder: &Path) -> String {
    let mut entries = fs::read_dir(folder).ok().into_iter().flatten().flatten();
    if entries.any(|entry| entry.path().join("config.json").is_file()) {
        return format!("to publish the folders inside it, write {}/*/", folder.components().as_path().display());
    }
    "an ESM is a folder as hfselect's save_pretrained writes it".to_owned()
}

fn read_weights(folder: &Path) -> Outcome<DenseMap> {
    if let Some(bytes) = read_at_most(&folder.join("model.safetensors"), MAX_SAFETENSORS_BYTES)? {
        return read_safetensors(&bytes).map_err(|error| Failure::from(error).at("model.safetensors"));
    }
    let pickle = folder.join("pytorch_model.bin");
    if pickle.is_file() {
        return read_pickle(&pickle).map_err(Failure::from);
    }
    Err(Failure::new(OTHER, "there are no weights: neither model.safetensors nor pytorch_model.bin")
        .hint("an ESM is a folder as hfselect's save_pretrained writes it"))
}

/// The bytes of a plain file, `None` where there is none. Its size is checked first, and again while reading.
pub(crate) fn read_at_most(path: &Path, limit: u64) -> Outcome<Option<Vec<u8>>> {
    let name = || path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let metadata = match fs::metadata(path) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(Failure::io(name(), error)),
    };
    // Opening a pipe would wait for its other end.
    if !metadata.is_file() {
        return Err(Failure::new(OTHER, format!("{} is not a plain file", name())));
    }
    let too_large = |found| Failure::new(OTHER, format!("{} has {found} bytes, at most {limit} are read", name()));
    if metadata.len() > limit {
        return Err(too_large(metadata.len()));
    }
    // Asked for at once: in steps, what was read would be copied again and again.
    let mut bytes = Vec::with_capacity(usize::try_from(metadata.len()).unwrap_or_default());
    let file = File::open(path).map_err(|error| Failure::io(name(), error))?;
    file.take(limit + 1).read_to_end(&mut bytes).map_err(|error| Failure::io(name(), error))?;
    if bytes.len() as u64 > limit {
        return Err(too_large(bytes.len() as u64));
    }
    Ok(Some(bytes))
}
