//! What the pictures of a ranking need besides its document.

use std::collections::HashMap;

use esmhub_registry::{Catalog, Esm, Registry};
use esmhub_selection::{Target, layout};
use esmhub_store_format::Digest;
use rayon::prelude::*;

use super::Rank;
use super::lock::following;
use super::output::Ranked;
use crate::context::Context;
use crate::failure::Outcome;
use crate::progress;
use crate::report::{Origin, Place, PoolMap, command_line};
use crate::values::choice_name;

/// So many of the first ESMs are on a map: their shapes take 33 MB, and their objects are read again.
const MOST: usize = 500;

impl Rank {
    /// How alike the first of the ranked ESMs, which are in order, act on the target.
    ///
    /// One whose score was remembered and whose object can no longer be read is not on it; these problems are given back.
    pub(super) fn map_of(
        context: &Context,
        registry: &Registry,
        esms: &[&Esm],
        target: &Target,
        ranked: &[Ranked],
    ) -> Outcome<(PoolMap, Vec<String>)> {
        let by_digest: HashMap<Digest, &Esm> = esms.iter().map(|esm| (esm.digest(), *esm)).collect();
        let first = ranked.get(..MOST.min(ranked.len())).unwrap_or_default();
        let bar = progress::bar(context.shows_progress(), first.len() as u64, "comparing ESMs");
        let shapes: Vec<Outcome<(&Ranked, Vec<f64>)>> = first
            .par_iter()
            .filter_map(|ranked| Some((ranked, by_digest.get(&ranked.digest)?)))
            .map(|(ranked, esm)| {
                let fetched = registry.fetch(esm)?;
                let shape = target.shape(Some(fetched.object.map()))?;
                bar.inc(1);
                Ok((ranked, shape))
            })
            .collect();
        bar.finish_and_clear();
        let (mut found, mut points, mut problems) = (Vec::new(), Vec::new(), Vec::new());
        for (ranked, shape) in first.iter().zip(shapes) {
            match shape {
                Ok((ranked, shape)) => {
                    found.push(ranked);
                    points.push(shape);
                }
                Err(failure) => {
                    let message = format!("{}:{} is not on the map: {}", ranked.name, ranked.tag, failure.message());
                    context.warn(&message);
                    problems.push(message);
                }
            }
        }
        points.push(target.shape(None)?);
        let plane = layout(&points)?;
        let places = found.into_iter().zip(&plane.positions).map(|(esm, &position)| Place {
            rank: esm.rank,
            name: esm.name.clone(),
            tag: esm.tag.clone(),
            score: esm.score,
            gain: esm.gain,
            position,
        });
        let map = PoolMap {
            places: places.collect(),
            baseline: plane.positions.last().copied().unwrap_or_default(),
            share: plane.share,
            rows: target.rows_compared(),
            ranked: ranked.len(),
        };
        Ok((map, problems))
    }

    /// What is needed to repeat this ranking. `command` is the command line, where it is not that of the process.
    pub(super) fn origin(&self, context: &Context, registry: &Registry, catalog: &Catalog) -> Outcome<Origin> {
        let location = context.place()?.display().to_string();
        let words = std::env::args_os().skip(1).map(|word| word.to_string_lossy().into_owned());
        // What was locked is repeated by following the lock, not by writing another.
        let words = if self.locking.lock().is_some() { following(words) } else { words.collect() };
        let last = catalog.history().last().filter(|event| event.entry == catalog.entries());
        Ok(Origin {
            command: self.command.clone().unwrap_or_else(|| command_line(&location, words)),
            registry: [location, registry.id().to_string()],
            entry: (catalog.entries(), last.map(|event| event.time), catalog.head().map(|digest| digest.to_string())),
            sample: (self.rows, choice_name(&self.sample), self.seed),
            precision: choice_name(&self.precision),
        })
    }
}
