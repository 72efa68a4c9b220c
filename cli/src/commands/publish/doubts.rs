//! What is valid and yet hardly meant.

use std::collections::{BTreeMap, HashMap};

use esmhub_registry::{Catalog, CurrentSet, NewEsm};
use esmhub_store_format::card::Method;

use crate::context::Context;
use crate::document::count;

/// A line across which scores compare badly: one warning for all ESMs on its far side.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Apart {
    base: String,
    /// What they were fitted on.
    on: &'static str,
    /// The pool's anchors, shortened.
    set: String,
}

/// What is valid and yet hardly meant: it would be skipped, or useless, in everybody's rankings.
pub(super) fn warn(context: &Context, catalog: &Catalog, prepared: &[(String, NewEsm)], wants_no_anchors: bool) {
    let mut dimensions: HashMap<String, u32> = HashMap::new();
    for card in catalog.esms().filter(|esm| !esm.is_yanked()).filter_map(|esm| esm.card().ok()) {
        dimensions.entry(card.base.id.to_ascii_lowercase()).or_insert(card.weights.dimension);
    }
    let mut without = 0;
    let mut apart: BTreeMap<Apart, Vec<&str>> = BTreeMap::new();
    for (source, esm) in prepared {
        let card = esm.card();
        let (id, dimension) = (&card.base.id, card.weights.dimension);
        let known = *dimensions.entry(id.to_ascii_lowercase()).or_insert(dimension);
        if known != dimension {
            context
                .warn(format!("{source}: dimension {dimension}, other ESMs of {id} have {known}: wrong base model?"));
        }
        let fitted_elsewhere = card.fit.method == Method::Imported;
        let current = catalog.known_anchors(id).map(CurrentSet::digest);
        without += u64::from(!fitted_elsewhere && card.fit.anchors.is_none() && current.is_none());
        let is_as_wanted = card.fit.anchors.is_none() && wants_no_anchors;
        if let Some(current) =
            current.filter(|current| card.fit.anchors != Some(*current) && !fitted_elsewhere && !is_as_wanted)
        {
            let on = if card.fit.anchors.is_some() { "other anchors" } else { "no anchors" };
            apart.entry(Apart { base: id.clone(), on, set: current.short() }).or_default().push(source);
        }
        if card.weights.rank() == Some(0) {
            context.warn(format!(
                "{source}: the map is a scaled identity: it ranks as no transfer does. Are base and tuned model the same?"
            ));
        }
        if let Some(held_out) = card.fit.held_out.filter(|held_out| held_out.r2 <= 0.0) {
            let r2 = held_out.r2;
            context.warn(format!(
                "{source}: held-out R2 is {r2:.3}: the map explains nothing. Do x and y belong together?"
            ));
        }
    }
    for (Apart { base, on, set }, sources) in &apart {
        let Some(first) = sources.first() else { continue };
        let which = match sources.len() {
            1 => format!("{first}: fitted"),
            many => format!("{many} ESMs, {first} the first of them: fitted"),
        };
        context.warn(format!(
            "{which} on {on}; the pool's anchors of {base} are {set}: scores across that line compare badly"
        ));
    }
    if !apart.is_empty() {
        context.note(
            "hint: embed the texts of `esmhub anchors show --json` with both models, a file per domain, and fit the pairs with \
             `--anchor-pairs FILE --of-pool` on the pool's anchors",
        );
    }
    if without > 0 && !wants_no_anchors {
        context.note(format!(
            "{} fitted without anchors; with them it would choose far better: give --anchor-pairs, or fit from texts (--tuned, --data)",
            count(without, "ESM")
        ));
    }
}
