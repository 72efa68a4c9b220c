//! The steps of a ranking between reading the pool and printing: who can be ranked for this target, what they score, and what
//! those scores are worth.

use esmhub_registry::{Catalog, Esm, Registry};
use esmhub_selection::{Labels, Score, Target};
use esmhub_store_format::Digest;

use super::base::Matching;
use super::lock::{Lock, Locked, Reproduced};
use super::output::{Skipped, put_in_order};
use super::overlap::{LeftOut, Overlaps};
use super::part::FirstOfPart;
use super::scoring::Scores;
use super::target::LoadedTarget;
use super::{Rank, RankDocument, Ranked};
use crate::context::Context;
use crate::document::count;
use crate::failure::Outcome;
use crate::report::PoolMap;

/// A target, and the ESMs that are ranked for it.
pub(super) struct Contest<'a> {
    loaded: LoadedTarget,
    /// Of the embeddings and labels that are used.
    digest: Digest,
    target: Target,
    /// The score of no transfer, and that of the labels alone.
    own: (f64, f64),
    matching: Matching<'a>,
    overlaps: Overlaps,
    /// Those that match, without those that `--max-overlap` leaves out.
    esms: Vec<&'a Esm>,
    left_out: Vec<LeftOut>,
    /// What was warned of.
    doubts: Vec<String>,
}

impl<'a> Contest<'a> {
    /// Reads the target, and finds those of the pool that can be ranked for it.
    ///
    /// # Errors
    /// Incompatible where there are none; what the target, or a lock that it does not fit, is refused for.
    pub(super) fn of(rank: &Rank, context: &Context, pool: &[&'a Esm], lock: Option<&Lock>) -> Outcome<Self> {
        let mut loaded = LoadedTarget::load(rank, context, pool)?;
        let digest = loaded.digest();
        if let Some(lock) = lock {
            lock.require_target(&loaded, &digest)?;
        }
        let mut matching = Matching::of(pool, &loaded.base, loaded.x.dimension());
        let mut doubts = matching.doubts(context, &loaded.base);
        doubts.iter().for_each(|doubt| context.warn(doubt));
        if matching.esms.is_empty() && matching.skipped.is_empty() {
            return Err(matching.nothing(&loaded.base));
        }
        if loaded.base.id.is_empty() {
            // The folder was recognised by its digest: the pool knows what it is called.
            loaded.base.id = matching.esms.iter().find_map(|esm| Some(esm.card().ok()?.base.id)).unwrap_or_default();
        }
        loaded.concerns.extend(matching.stated_otherwise(&loaded.base));
        loaded.concerns.extend(matching.pooled_otherwise(loaded.architecture, &loaded.base));
        loaded.concerns.iter().for_each(|concern| context.warn(concern));
        doubts.append(&mut loaded.concerns);
        let overlaps = Overlaps::of(&matching.esms, loaded.texts.as_ref(), loaded.origin.as_ref());
        let (mut esms, mut left_out) = overlaps.leave_out(context, &matching.esms, rank.max_overlap)?;
        // What is said of the pool is said of all of it, whichever part is ranked.
        if let Some((shard, _)) = rank.sharding.wanted() {
            esms.retain(|esm| shard.has(&esm.digest()));
            left_out.retain(|esm| shard.has(&esm.digest));
            matching.skipped.retain(|esm| shard.has(&esm.digest));
        }
        let target = Target::new(&loaded.x, &loaded.labels)?.with_precision(rank.precision());
        if rank.is_near_chance(&target) {
            let (rows, dimension) = (target.rows(), loaded.x.dimension());
            let doubt = format!(
                "hfselect's formula needs more rows than dimensions, and here are {rows} rows of {dimension}: its order is close to chance, and nothing says how sure it is; --score exact is right here too"
            );
            context.warn(&doubt);
            doubts.push(doubt);
        }
        let own = (target.baseline(rank.score)?, target.labels_alone(rank.score)?);
        Ok(Self { loaded, digest, target, own, matching, overlaps, esms, left_out, doubts })
    }

    /// Scores them, best first. `unproven` are those of the pool that may not be used.
    ///
    /// # Errors
    /// Where none could be scored, the worst of their codes.
    pub(super) fn score(
        &self,
        rank: &Rank,
        context: &Context,
        registry: &Registry,
        unproven: Vec<Skipped>,
    ) -> Outcome<Scores> {
        let mut scores = rank.score_all(context, registry, &self.esms, (&self.digest, &self.target), self.own.0);
        self.overlaps.mark(context, &mut scores.ranked);
        scores.skipped.extend(self.matching.skipped.iter().cloned());
        scores.skipped.extend(unproven);
        // Of a part there may be none.
        if scores.ranked.is_empty() && rank.sharding.wanted().is_none() {
            let skipped = &scores.skipped;
            let list: Vec<String> = skipped.iter().map(|esm| format!("{}: {}", esm.name, esm.reason)).collect();
            return Err(Skipped::all_failed(skipped, format!("no ESM could be scored\n{}", list.join("\n"))));
        }
        put_in_order(&mut scores.ranked);
        Ok(scores)
    }

    /// Writes the lock that is asked for, or compares with the one that is followed.
    pub(super) fn lock_or_compare(
        &self,
        rank: &Rank,
        scores: &Scores,
        locked: Option<Locked<'_>>,
    ) -> Outcome<Option<Reproduced>> {
        if let Some((lock, file)) = locked {
            // An accuracy moves by whole rows.
            let is_share = rank.score == Score::Ridge && matches!(self.loaded.labels, Labels::Classes { .. });
            let step = if is_share { 1.0 / self.loaded.x.rows() as f64 } else { 0.0 };
            return lock.compare(file, (&self.digest, step), self.own, (&scores.ranked, &scores.skipped)).map(Some);
        }
        if let Some(file) = rank.locking.lock() {
            Lock::of(rank, (&self.loaded, self.digest), self.own, &scores.ranked)?.write(file)?;
        }
        Ok(None)
    }

    /// Gives the first their intervals, and a map where one is wanted; with all that could not be read again for it.
    pub(super) fn compare(
        &self,
        rank: &Rank,
        context: &Context,
        registry: &Registry,
        ranked: &mut [Ranked],
        wants_map: bool,
    ) -> Outcome<(Option<PoolMap>, Vec<String>)> {
        let target = (&self.target, &self.digest, self.own.0);
        let mut problems = rank.weigh(context, registry, &self.esms, target, ranked)?;
        let mut map = None;
        if wants_map {
            let (found, missing) = Rank::map_of(context, registry, &self.esms, &self.target, ranked)?;
            map = Some(found);
            problems.extend(missing);
        }
        if self.target.plainly_scored() > 0 {
            let what = count(self.target.plainly_scored() as u64, "score");
            context.detail(format!("{what} computed the plain way, from singular values: rounding would have shown"));
        }
        Ok((map, problems))
    }

    /// What the rows contribute to the scores of the first, which are compared when all parts are joined.
    pub(super) fn contributions(
        &self,
        rank: &Rank,
        context: &Context,
        registry: &Registry,
        ranked: &[Ranked],
    ) -> FirstOfPart {
        rank.contributions_of_part(context, registry, &self.esms, (&self.target, self.own.0), ranked)
    }

    /// What is printed.
    pub(super) fn into_document(self, rank: &Rank, scores: Scores, catalog: &Catalog) -> RankDocument {
        let other_base = self.matching.other_base;
        let mut document = RankDocument::new(rank, (self.loaded, self.digest), self.own, scores, other_base, catalog);
        document.left_out = self.left_out;
        document.doubts = self.doubts;
        document
    }
}
