//! Reading sources side by side, from disk and from the Hugging Face Hub.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};

use esmhub_registry::{Catalog, Esm, NewEsm};
use esmhub_selection::hub::{Found, Hub, HubError};
use esmhub_store_format::{Card, Codec, Digest};
use rayon::prelude::*;
use serde::Serialize;

use super::names::Names;
use crate::context::Context;
use crate::document::{count, listed};
use crate::failure::{Failure, NOT_FOUND, OTHER, Outcome};
use crate::filter::Filter;
use crate::hub::{self, BASE_TAG, ESM_TAG, SCHEME, at_revision};
use crate::progress;
use crate::source::{CodecChoice, FetchFault, HubEsm, ORIGIN, Source, SourceOptions};

/// Requests wait for the network and not for the processor.
const CONNECTIONS: usize = 8;

/// What is to be published, and what is not.
#[derive(Default)]
pub(super) struct Prepared {
    /// The ESMs, each with what it was made from.
    pub(super) esms: Vec<(String, NewEsm)>,
    /// What could not be used.
    pub(super) skipped: Vec<Skipped>,
    /// How many the registry has already as the hub has them.
    pub(super) known: u64,
}

/// A repository that could not be used.
#[derive(Serialize)]
pub(super) struct Skipped {
    pub(super) source: String,
    pub(super) reason: String,
}

/// Reads sources side by side. One that is refused ends it: the first of the command line says why, and the others are named.
/// `known` are those of them whose ESMs are known already.
pub(super) fn prepare(
    context: &Context,
    paths: &[PathBuf],
    options: &SourceOptions,
    known: &HashMap<PathBuf, NewEsm>,
) -> Outcome<Vec<(String, NewEsm)>> {
    let sources = paths.iter().map(|path| Source::of(path)).collect::<Outcome<Vec<_>>>()?;
    let asks_hub = sources.iter().any(|source| matches!(source, Source::Hub(..)));
    let hub = asks_hub.then(|| hub::open(context)).transpose()?;
    let bar = progress::bar(context.shows_progress(), sources.len() as u64, "reading sources");
    let read = || -> Vec<Outcome<Vec<NewEsm>>> {
        let one = |source: &Source| {
            let is_known = known.contains_key(source.path());
            let prepared = if is_known { Ok(Vec::new()) } else { source.prepare(options, hub.as_ref()) };
            bar.inc(1);
            prepared
        };
        sources.par_iter().map(one).collect()
    };
    let prepared = if asks_hub { connected(read)? } else { read() };
    bar.finish_and_clear();
    let name = |source: &Source| source.path().display().to_string();
    let refused: Vec<&Source> =
        sources.iter().zip(&prepared).filter(|(_, one)| one.is_err()).map(|(source, _)| source).collect();
    if let [_, others @ ..] = refused.as_slice()
        && !others.is_empty()
    {
        context.warn(format!(
            "{} of {} sources cannot be used; besides the first: {}",
            refused.len(),
            sources.len(),
            listed(others, |source| name(source))
        ));
    }
    let mut esms = Vec::new();
    for (source, prepared) in sources.iter().zip(prepared) {
        let path = name(source);
        let prepared = prepared?.into_iter().chain(known.get(source.path()).cloned());
        esms.extend(prepared.map(|esm| (path.clone(), esm)));
    }
    Ok(esms)
}

/// All ESMs of a base model that the hub has, as far as they fit. One that cannot be used is skipped, with its reason; but where
/// the hub is not to be reached any more, that is the end: what has come is in the cache.
pub(super) fn from_hub(
    context: &Context,
    catalog: &Catalog,
    filter: &Filter,
    mut options: SourceOptions,
) -> Outcome<Prepared> {
    let hub = hub::open(context)?;
    let spinner = progress::spinner(context.shows_progress(), "asking the hub for ESMs");
    let base = resolve_base(&hub, &mut options)?;
    let options = &options;
    let tags = [ESM_TAG, &format!("{BASE_TAG}{base}")];
    let found = hub.find_models(&tags, &|count| spinner.set_message(format!("{count} ESMs found")))?;
    spinner.finish_and_clear();
    if found.is_empty() {
        return Err(Failure::new(OTHER, format!("the hub has no ESMs of {base}"))
            .hint("`esmhub coverage` lists the base models that it has ESMs of"));
    }
    let all = found.len() as u64;
    let there = There::of(catalog);
    // Who asks for something else than what the hub has wants it, whatever there is already.
    let asks_for_more = !options.adds_only_base();
    let names_weights = options.base.as_ref().is_some_and(|base| base.weights.is_some());
    let (known, wanted): (Vec<Found>, Vec<Found>) =
        found.into_iter().partition(|found| !asks_for_more && there.known(found, names_weights).is_some());
    let known = known.iter().filter_map(|found| there.known(found, names_weights));
    let mut prepared =
        Prepared { known: known.filter(|esm| filter.matches(esm)).count() as u64, ..Prepared::default() };
    let bar = progress::bar(context.shows_progress(), wanted.len() as u64, "fetching ESMs");
    let is_over = AtomicBool::new(false);
    let fetched: Vec<Option<(String, Result<NewEsm, FetchFault>)>> = connected(|| {
        let one = |found: &Found| {
            if is_over.load(Ordering::Relaxed) {
                return None;
            }
            let mut fetched = fetch_one(&hub, found, &there.as_before(found, options));
            // One repository that stalls is its own fault, as long as the hub answers for others.
            if matches!(&fetched, Err(FetchFault::Hub(HubError::Request { .. }))) && hub.is_there() {
                fetched = fetched.map_err(|fault| FetchFault::Esm(fault.into()));
            }
            if fetched.as_ref().is_err_and(FetchFault::is_about_the_hub) {
                is_over.store(true, Ordering::Relaxed);
            }
            bar.inc(1);
            Some((format!("hf://{}", found.id), fetched))
        };
        wanted.par_iter().map(one).collect()
    })?;
    bar.finish_and_clear();
    for (source, fetched) in fetched.into_iter().flatten() {
        match fetched {
            Ok(esm) if !filter.matches_new(&esm) => {}
            Ok(esm) if !asks_for_more && there.has_weights(&esm) => prepared.known += 1,
            Ok(esm) => prepared.esms.push((source, esm)),
            Err(fault) if fault.is_about_the_hub() => {
                return Err(Failure::from(fault).at(source).hint(
                    "nothing was published; run the same again, and what has come so far is not fetched a second time",
                ));
            }
            Err(fault) => prepared.skipped.push(Skipped { source, reason: Failure::from(fault).to_string() }),
        }
    }
    let nothing_fits = prepared.esms.is_empty() && prepared.skipped.is_empty() && prepared.known == 0;
    if nothing_fits {
        return Err(Failure::new(
            NOT_FOUND,
            format!("the hub has {} of {base}, and none fits --filter", count(all, "ESM")),
        )
        .hint("leave it out with --dry-run to see what there is, or ask for less"));
    }
    prepared.esms = Names::of(catalog).give(context, prepared.esms);
    Ok(prepared)
}

/// The base model's name on the hub, by which its ESMs are tagged and their cards will know it; what else their files may call it is
/// noted.
fn resolve_base(hub: &Hub, options: &mut SourceOptions) -> Outcome<String> {
    let Some(base) = &mut options.base else { return Err(Failure::usage("--from-hub needs --base MODEL")) };
    if let Some(current) = hub.current_id(&base.id)?.filter(|current| *current != base.id) {
        options.aliases.push(std::mem::replace(&mut base.id, current));
    }
    if let Some((_, without_owner)) = base.id.split_once('/')
        && !options.aliases.iter().any(|alias| alias == without_owner)
        && hub.current_id(without_owner)?.as_ref() == Some(&base.id)
    {
        options.aliases.push(without_owner.to_owned());
    }
    Ok(base.id.clone())
}

fn fetch_one(hub: &Hub, found: &Found, options: &SourceOptions) -> Result<NewEsm, FetchFault> {
    // At the commit that was found, where the hub says it: then all is as it was at one moment.
    let esm = HubEsm { id: found.id.clone(), revision: found.sha.clone() };
    Ok(esm.fetch(hub)?.prepare(options)?)
}

/// Runs something on more threads than there are processors.
fn connected<T: Send>(work: impl FnOnce() -> T + Send) -> Outcome<T> {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(CONNECTIONS).build();
    Ok(pool.map_err(|error| Failure::new(OTHER, format!("threads cannot be started: {error}")))?.install(work))
}

/// What the registry has of the hub already.
struct There<'a> {
    /// By repository with the commit, the newest; and whether its card holds a digest of its base model.
    commits: HashMap<String, (&'a Esm, bool)>,
    /// By repository with the digest of the weights as they are stored: whether a card holds a digest of its base model.
    weights: HashMap<(String, Digest), bool>,
    /// By repository, in which codec the newest was written.
    codecs: HashMap<String, Codec>,
}

impl<'a> There<'a> {
    fn of(catalog: &'a Catalog) -> Self {
        let mut there = Self { commits: HashMap::new(), weights: HashMap::new(), codecs: HashMap::new() };
        for (esm, card) in catalog.esms().filter_map(|esm| Some((esm, esm.card().ok()?))) {
            let Some(origin) = card.extra.get(ORIGIN) else { continue };
            there.commits.insert(origin.clone(), (esm, card.base.weights.is_some()));
            if let Some(id) = repository_of(&card) {
                there.codecs.extend(Codec::from_code(card.weights.codec).map(|codec| (id.clone(), codec)));
                *there.weights.entry((id, card.weights.digest)).or_default() |= card.base.weights.is_some();
            }
        }
        there
    }

    /// The ESM as the hub has it; where the base model's digest is at hand, one whose card lacks it is not the same.
    fn known(&self, found: &Found, names_weights: bool) -> Option<&'a Esm> {
        found.sha.as_ref()?;
        let origin = HubEsm { id: found.id.clone(), revision: found.sha.clone() };
        let (esm, holds_digest) = self.commits.get(&origin.to_string())?;
        (*holds_digest || !names_weights).then_some(*esm)
    }

    /// The options, but that the weights of a repository that is here already go on to be written as they are, where nobody says how.
    fn as_before(&self, found: &Found, options: &SourceOptions) -> SourceOptions {
        let mut options = options.clone();
        if let (CodecChoice::Auto, Some(codec)) = (options.quality.codec, self.codecs.get(&found.id)) {
            options.quality.codec = CodecChoice::Exactly(*codec);
        }
        options
    }

    /// Its text may have changed since; that is no new ESM, unless its card says more of the base model.
    fn has_weights(&self, esm: &NewEsm) -> bool {
        let card = esm.card();
        let holds_digest = repository_of(card).and_then(|id| self.weights.get(&(id, card.weights.digest)));
        holds_digest.is_some_and(|holds| *holds || card.base.weights.is_none())
    }
}

/// The repository that a card says its ESM is from.
pub(super) fn repository_of(card: &Card) -> Option<String> {
    Some(at_revision(card.extra.get(ORIGIN)?.strip_prefix(SCHEME)?).0.to_owned())
}
