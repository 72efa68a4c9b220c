//! Parts, joined to the ranking that one command would have made.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt::Display;

use esmhub_selection::{Contributions, compare};
use esmhub_store_format::Digest;

use super::file::Part;
use super::rows::{First, Omitted, Overlapping, Scored};
use crate::commands::rank::output::{Baseline, RankDocument, Ranked, Skipped, put_in_order};
use crate::commands::rank::overlap::in_order;
use crate::document::listed;
use crate::failure::{CONFLICT, Failure, NEWER, Outcome};

/// The ranking of all parts; `top`: how many are shown, else what the parts say.
///
/// # Errors
/// Where one is missing or there twice, or they are not parts of one ranking; where no ESM could be scored.
pub(crate) fn join(parts: Vec<Part>, top: Option<usize>) -> Outcome<RankDocument> {
    let parts = in_their_order(parts)?;
    let mut parts = parts.into_iter();
    let Some(first) = parts.next() else { return Err(Failure::usage("no part is given")) };
    let kind = first.score().ok_or_else(|| {
        Failure::new(NEWER, format!("{}: the score {} is not known here", first.file.display(), first.common.score))
    })?;
    let (wanted, baseline) = (first.common.compared, first.baseline.0);
    let base = first.rows.map(|rows| Contributions { score: baseline, rows: rows.0 });
    let top = top.or(first.top);
    let is_overlap_limited = first.common.max_overlap.is_some();
    let mut all = Joined::default();
    all.add(first.results, first.skipped, first.left_out, first.first);
    all.note(first.cached, first.doubts, first.damaged);
    for part in parts {
        all.add(part.results, part.skipped, part.left_out, part.first);
        all.note(part.cached, part.doubts, part.damaged);
    }
    let Joined { mut ranked, mut skipped, mut left_out, first: contributions, cached, doubts, mut damaged } = all;
    if ranked.is_empty() {
        let list: Vec<String> = skipped.iter().map(|esm| format!("{}: {}", esm.name, esm.reason)).collect();
        return Err(Skipped::all_failed(&skipped, format!("no ESM could be scored\n{}", list.join("\n"))));
    }
    put_in_order(&mut ranked);
    skipped.sort_by(|a, b| (&a.name, &a.tag).cmp(&(&b.name, &b.tag)));
    in_order(&mut left_out);
    if let Some(base) = base {
        damaged.extend(weigh(&mut ranked, wanted, &base, &contributions));
    }
    let mut document = RankDocument {
        target: first.target,
        base: first.base,
        score: kind.name().into(),
        baseline: Baseline { score: baseline },
        labels_alone: Baseline { score: first.labels_alone.0 },
        ranked: ranked.len(),
        above: ranked.iter().filter(|esm| esm.gain > 0.0).count(),
        compared: ranked.iter().filter(|esm| esm.gain_interval.is_some()).count(),
        better: ranked.iter().filter(|esm| esm.is_better).count(),
        results: ranked,
        other_base: first.other_base,
        cached,
        skipped,
        left_out,
        unsigned: first.unsigned,
        trusted_keys: first.trusted_keys,
        lock: None,
        locked: None,
        doubts,
        damaged,
        shown: 0,
        kind,
        has_texts: first.has_texts,
        is_overlap_limited,
    };
    document.show(top);
    Ok(document)
}

/// What all parts hold.
#[derive(Default)]
struct Joined {
    ranked: Vec<Ranked>,
    skipped: Vec<Skipped>,
    left_out: Vec<crate::commands::rank::overlap::LeftOut>,
    first: HashMap<Digest, First>,
    cached: usize,
    doubts: Vec<String>,
    damaged: Vec<String>,
}

impl Joined {
    fn add(&mut self, scored: Vec<Scored>, skipped: Vec<Omitted>, left_out: Vec<Overlapping>, first: Vec<First>) {
        self.ranked.extend(scored.into_iter().map(Scored::into_ranked));
        self.skipped.extend(skipped.into_iter().map(Omitted::into_skipped));
        self.left_out.extend(left_out.into_iter().map(Overlapping::into_left_out));
        self.first.extend(first.into_iter().map(|first| (first.digest.0, first)));
    }

    /// What is said of the whole pool, every part says.
    fn note(&mut self, cached: usize, doubts: Vec<String>, damaged: Vec<String>) {
        self.cached = self.cached.saturating_add(cached);
        for (known, new) in [(&mut self.doubts, doubts), (&mut self.damaged, damaged)] {
            let new = new.into_iter().filter(|text| !known.contains(text)).collect::<Vec<_>>();
            known.extend(new);
        }
    }
}

/// Gives the first their intervals and tie groups; what is wrong with those that get none.
fn weigh(
    ranked: &mut [Ranked],
    wanted: usize,
    base: &Contributions,
    contributions: &HashMap<Digest, First>,
) -> Vec<String> {
    let number = wanted.min(ranked.len());
    let (mut known, mut places, mut problems) = (Vec::new(), Vec::new(), Vec::new());
    for esm in ranked.iter_mut().take(number) {
        match contributions.get(&esm.digest) {
            Some(First { rows: Some(rows), .. }) => {
                known.push(Contributions { score: esm.score, rows: rows.0.clone() });
                places.push(esm);
            }
            Some(First { problem: Some(problem), .. }) => problems.push(problem.clone()),
            _ => problems.push(format!("{}:{} has no interval: its part holds none", esm.name, esm.tag)),
        }
    }
    for (esm, worth) in places.into_iter().zip(compare(base, &known)) {
        esm.set_worth(&worth);
    }
    problems
}

/// The parts from the first to the last, each of the same ranking.
fn in_their_order(parts: Vec<Part>) -> Outcome<Vec<Part>> {
    let refused = |message: String| Failure::new(CONFLICT, message);
    let Some(first) = parts.first() else { return Ok(parts) };
    let of = first.shard().of;
    for part in &parts {
        let (one, other) = (first.file.display(), part.file.display());
        let differs = |what: &str, a: &dyn Display, b: &dyn Display| {
            Err(refused(format!("{one} and {other} are not parts of one ranking: {what} {a} and {b}")))
        };
        if part.shard().of != of {
            return differs("number of parts", &of, &part.shard().of);
        }
        if part.common.registry != first.common.registry {
            return differs("registry", &first.common.registry, &part.common.registry);
        }
        if (part.common.entries, &part.common.head) != (first.common.entries, &first.common.head) {
            let newest = parts.iter().map(|part| part.common.entries).max().unwrap_or_default();
            let old: Vec<&Part> = parts.iter().filter(|part| part.common.entries < newest).collect();
            return Err(refused(format!(
                "the pool was published to in between: some parts are of log entry {newest}, and these of an earlier one: {}",
                listed(&old, |part| part.file.display().to_string())
            ))
            .hint("rank those parts again; what was scored before is remembered"));
        }
        if part.target.digest != first.target.digest {
            let failure = format!(
                "{one} and {other} are not parts of one ranking: target {} and {}",
                first.target.digest.short(),
                part.target.digest.short()
            );
            return Err(refused(failure).hint(
                "embeddings of texts differ in their last bits from machine to machine: embed the target once, and rank its .npz or .safetensors",
            ));
        }
        if let Some((what, a, b)) = first.difference(part) {
            return differs(what, &a, &b);
        }
        if part.baseline.0.to_bits() != first.baseline.0.to_bits() && (part.baseline.0 - first.baseline.0).abs() > 1e-9
        {
            return differs("score of no transfer", &first.baseline.0, &part.baseline.0);
        }
    }
    let mut by_index: BTreeMap<u32, Part> = BTreeMap::new();
    for part in parts {
        let index = part.shard().index;
        if let Some(other) = by_index.insert(index, part) {
            return Err(Failure::usage(format!(
                "part {index} of {of} is given twice, once in {}",
                other.file.display()
            )));
        }
    }
    let missing: BTreeSet<u32> = (1..=of).filter(|index| !by_index.contains_key(index)).collect();
    match missing.is_empty() {
        true => Ok(by_index.into_values().collect()),
        false => {
            let missing: Vec<u32> = missing.into_iter().collect();
            Err(Failure::usage(format!("of {of} parts these are missing: {}", listed(&missing, u32::to_string)))
                .hint("rank them with `esmhub rank … --shard I/N --part FILE`"))
        }
    }
}
