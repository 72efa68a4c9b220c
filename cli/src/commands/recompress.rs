//! `esmhub recompress`: the ESMs that are there, smaller; as new tags, so that the old ones stay.

use std::path::PathBuf;

use clap::Args;
use esmhub_registry::{Esm, NewEsm, Registry};
use esmhub_selection::Embeddings;
use esmhub_selection::fit::FitError;
use esmhub_store_format::card::{Derivation, Weights};
use esmhub_store_format::{Map, Object};
use rayon::prelude::*;
use serde::Serialize;

use super::newest::{newest, select};
use super::publish::{PublishDocument, store};
use crate::context::Context;
use crate::dataset::read_embeddings;
use crate::document::{Document, bytes};
use crate::failure::{Failure, Outcome};
use crate::progress;
use crate::source::{CodecChoice, Quality, RankChoice, distilled};
use crate::trust::SignOptions;
use crate::values::{often_one_of, one_of};

/// Publish ESMs again in fewer bytes, each under a new tag; the old tags stay
///
/// Maps of low rank lose their last directions and get another codec; dense maps get another codec, or with --distill a low
/// rank. What a codec has lost before does not come back: fitting again from the embeddings is better where they are at hand.
#[derive(Debug, Args)]
pub(crate) struct Recompress {
    /// `name`, `name:tag`, `@digest`, or a pattern with `*` and `?` (of each name, the newest tag)
    #[arg(value_name = "REF", required = true)]
    references: Vec<String>,
    /// How the weights are written, as for `publish`
    #[arg(long, default_value = "small", value_parser = one_of::<CodecChoice>(&CodecChoice::WORDS))]
    codec: CodecChoice,
    /// The rank to cut low-rank maps to: a number, or `auto` (D/6; D/12 for `small`)
    #[arg(long, value_name = "RANK", default_value = "auto", hide_possible_values = true)]
    #[arg(value_parser = often_one_of::<RankChoice>(&["auto"]))]
    rank: RankChoice,
    /// Base embeddings (x, N x D): dense maps are reduced to what they do there, and maps whose rank is cut keep their output
    /// at the mean
    #[arg(long, value_name = "FILE")]
    distill: Option<PathBuf>,
    #[command(flatten)]
    sign: SignOptions,
    /// Check everything and write nothing
    #[arg(long)]
    dry_run: bool,
}

#[derive(Serialize)]
struct RecompressDocument {
    #[serde(flatten)]
    published: PublishDocument,
    /// What the weights took before, and take now.
    bytes_before: u64,
    bytes_after: u64,
    skipped: Vec<Skipped>,
}

/// An ESM that would not become smaller.
#[derive(Serialize)]
struct Skipped {
    esm: String,
    reason: String,
}

impl Recompress {
    pub(crate) fn run(self, context: &Context) -> Outcome<u8> {
        if self.rank == RankChoice::Full {
            return Err(Failure::usage("--rank full would make maps larger, not smaller"));
        }
        let (registry, catalog) = context.open_catalog()?;
        let key = self.sign.key(context)?;
        let esms = select(&catalog, &self.references)?;
        for esm in &esms {
            let newest = newest(catalog.tags(esm.name())).first().map(|newest| newest.tag().to_string());
            if let Some(newest) = newest.filter(|newest| *newest != esm.tag().to_string()) {
                context.warn(format!(
                    "{} is not the newest tag: what is made of it will be, in the place of {newest}, for `rank` and bare names",
                    esm.reference()
                ));
            }
        }
        let x = self.distill.as_deref().map(read_embeddings).transpose()?;
        let bar = progress::bar(context.shows_progress(), esms.len() as u64, "recompressing");
        let made: Vec<Outcome<Result<Recompressed, Skipped>>> = esms
            .par_iter()
            .map(|esm| {
                let made = self.recompress(&registry, esm, x.as_ref()).map_err(|failure| failure.at(esm.reference()));
                bar.inc(1);
                made
            })
            .collect();
        bar.finish_and_clear();

        let (mut prepared, mut skipped, mut before, mut after) = (Vec::new(), Vec::new(), 0, 0);
        for made in made {
            match made? {
                Ok(esm) => {
                    before += esm.bytes_before;
                    after += esm.new.card().weights.bytes;
                    prepared.push((esm.from, esm.new));
                }
                Err(reason) => skipped.push(reason),
            }
        }
        let published = store(context, &registry, prepared, key.as_ref(), self.dry_run)?;
        context.emit(&RecompressDocument { published, bytes_before: before, bytes_after: after, skipped })
    }

    fn recompress(
        &self,
        registry: &Registry,
        esm: &Esm,
        x: Option<&Embeddings>,
    ) -> Outcome<Result<Recompressed, Skipped>> {
        let fetched = registry.fetch(esm)?;
        let from = esm.reference().to_string();
        let mut card = fetched.card;
        let old = card.weights.clone();
        let mut derivation = Derivation { weights: old.digest, how: "recompress".to_owned() };
        let quality = Quality { codec: self.codec, rank: self.rank, ..Quality::STANDARD };
        let (map, object) = match fetched.object.into_map() {
            Map::Dense(_) if x.is_none() && self.rank != RankChoice::Auto => {
                let reason = "it is dense: --distill FILE gives it a rank".to_owned();
                return Ok(Err(Skipped { esm: from, reason }));
            }
            Map::Dense(map) => match x {
                Some(x) => {
                    let (distilled, object, _) = distilled(&map, x, &quality)?;
                    "distill".clone_into(&mut derivation.how);
                    (Map::from(distilled.map), object)
                }
                None => {
                    let object = Object::encode(&map, quality.dense_codec())?;
                    (Map::from(map), object)
                }
            },
            Map::LowRank(map) => {
                let dimension = map.dimension() as usize;
                let rank = match self.rank {
                    RankChoice::Exactly(rank) => rank,
                    RankChoice::Auto | RankChoice::Full => quality.most(dimension),
                };
                let cut = map.truncated(u32::try_from(rank).unwrap_or(u32::MAX));
                let object = Object::encode_low_rank(&cut, quality.factor_codec())?;
                let map = Map::from(map);
                let object = x.map_or(Ok(object.clone()), |x| agreeing_at_the_mean(&map, &object, x))?;
                (map, object)
            }
        };
        if object.canonical().len() as u64 >= old.bytes {
            let (found, held) = (bytes(object.canonical().len() as u64), bytes(old.bytes));
            return Ok(Err(Skipped { esm: from, reason: format!("it would take {found}, and takes {held}") }));
        }
        // What the first codec cost is not known any more; what both cost is at least this.
        let error = map.relative_error(object.map())?;
        if object.map().rank() != old.rank() {
            // It was measured at the old rank.
            card.fit.held_out = None;
            card.clear_fidelity();
        }
        card.weights = Weights::of(&object, (error.powi(2) + old.codec_error.powi(2)).sqrt());
        card.set_derivation(&derivation)?;
        let new = NewEsm::new(esm.name().clone(), None, card, object)?;
        Ok(Ok(Recompressed { from, new, bytes_before: old.bytes }))
    }
}

/// The object with the bias that gives it the map's output at the mean of these embeddings: what was cut off is then missing
/// only as far as embeddings differ from one another.
fn agreeing_at_the_mean(map: &Map, object: &Object, x: &Embeddings) -> Outcome<Object> {
    let mismatch = || Failure::from(FitError::Dimension { expected: x.dimension(), found: map.dimension() as usize });
    let mean = x.mean().ok_or_else(mismatch)?;
    let (wanted, found) = mean.mapped(map).zip(mean.mapped(object.map())).ok_or_else(mismatch)?;
    let off = wanted.values().iter().zip(found.values()).map(|(wanted, found)| wanted - found);
    let bias: Vec<f32> = object.map().bias().iter().zip(off).map(|(bias, off)| bias + off).collect();
    Ok(object.with_bias(&bias)?)
}

/// An ESM in fewer bytes.
struct Recompressed {
    from: String,
    new: NewEsm,
    bytes_before: u64,
}

impl Document for RecompressDocument {
    const SCHEMA: &'static str = "esmhub.recompress/1";

    fn table(&self) -> String {
        let mut text = self.published.table();
        if self.bytes_before > 0 {
            let (before, after) = (bytes(self.bytes_before), bytes(self.bytes_after));
            text.push_str(&format!("weights: {before} before, {after} now; the old tags stay\n"));
        }
        text
    }

    fn lines(&self) -> Vec<String> {
        self.published.lines()
    }

    fn remarks(&self) -> Vec<String> {
        self.skipped.iter().map(|esm| format!("{} left as it is: {}", esm.esm, esm.reason)).collect()
    }
}
