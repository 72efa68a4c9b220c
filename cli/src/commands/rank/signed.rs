//! Which ESMs are asked for; and with `--require-signature`, which of them somebody vouches for who is trusted.

use std::collections::HashSet;

use esmhub_registry::{Catalog, Esm};
use rayon::prelude::*;

use super::Rank;
use super::output::Skipped;
use crate::commands::newest::newest;
use crate::failure::{Failure, INTEGRITY, NOT_FOUND, Outcome};
use crate::trust::{Guard, Standing};

/// The ESMs that a ranking is about, whatever their base model.
pub(super) struct Pool<'a> {
    /// Those that may be used.
    pub(super) esms: Vec<&'a Esm>,
    /// Those that would be among them, were it not for a signature that does not verify.
    pub(super) skipped: Vec<Skipped>,
    /// How many would be among them, were it not for a missing signature by a trusted key.
    pub(super) unsigned: usize,
}

impl Rank {
    /// The ESMs that are asked for. Where a signature is required, the newest tag of a name is the newest that has one: else
    /// whoever publishes an unsigned tag could take a name out of every such ranking.
    pub(super) fn pool<'a>(&self, catalog: &'a Catalog, guard: Option<&Guard>) -> Outcome<Pool<'a>> {
        let live: Vec<&Esm> = catalog.esms().filter(|esm| !esm.is_yanked()).collect();
        if live.is_empty() {
            return Err(match catalog.esms().next() {
                None => Failure::new(NOT_FOUND, "the registry holds no ESMs").hint("`esmhub publish` puts some there"),
                Some(_) => Failure::new(NOT_FOUND, "every ESM of the registry is yanked")
                    .hint("`esmhub list --all` shows them, and `esmhub yank --undo` makes one visible again"),
            });
        }
        let asked = self.chosen(&live);
        let Some(guard) = guard else {
            return self.filled(asked, &live).map(|esms| Pool { esms, skipped: Vec::new(), unsigned: 0 });
        };
        let standings: Vec<Standing> = live.par_iter().map(|esm| Standing::of(esm, guard.keyring())).collect();
        let judged = || live.iter().copied().zip(&standings);
        let trusted = judged().filter(|(_, standing)| matches!(standing, Standing::Trusted(_))).map(|(esm, _)| esm);
        let esms = self.chosen(&trusted.collect::<Vec<_>>());
        let asked: HashSet<String> = self.filled(asked, &live)?.iter().map(|esm| esm.reference().to_string()).collect();
        let (mut skipped, mut unsigned) = (Vec::new(), 0);
        for (esm, standing) in judged().filter(|(esm, _)| asked.contains(&esm.reference().to_string())) {
            match standing {
                Standing::Trusted(_) => {}
                Standing::Unsigned(_) => unsigned += 1,
                Standing::Invalid(found) => {
                    skipped.push(Skipped::new(esm, INTEGRITY, &format!("no signature by a trusted key: {found}")));
                }
            }
        }
        if esms.is_empty() {
            return Err(guard.nothing_left());
        }
        Ok(Pool { esms, skipped, unsigned })
    }

    /// Of each name the newest tag, or every tag; and of these, those that pass the filter.
    fn chosen<'a>(&self, esms: &[&'a Esm]) -> Vec<&'a Esm> {
        let esms = if self.all_tags { esms.to_vec() } else { newest(esms.iter().copied()) };
        esms.into_iter().filter(|esm| self.filter.matches(esm)).collect()
    }

    fn filled<'a>(&self, esms: Vec<&'a Esm>, all: &[&Esm]) -> Outcome<Vec<&'a Esm>> {
        if esms.is_empty() {
            let failure = Failure::new(NOT_FOUND, "no ESM passes --filter");
            return Err(match self.filter.nearest(all.iter().map(|esm| esm.name().as_str())) {
                Some(name) => failure.hint(format!("did you mean {name}?")),
                None => failure.hint(
                    "loosen it: all terms hold together, and one of several values is written name=mr|imdb; `esmhub list` shows what there is, `esmhub \
                     show` what a card says",
                ),
            });
        }
        Ok(esms)
    }
}
