//! What is valid and yet hardly meant.

use std::collections::HashMap;

use esmhub_registry::{Catalog, CurrentSet, NewEsm};
use esmhub_store_format::card::Method;

use crate::context::Context;

/// What is valid and yet hardly meant: it would be skipped, or useless, in everybody's rankings.
pub(super) fn warn(context: &Context, catalog: &Catalog, prepared: &[(String, NewEsm)]) {
    let mut dimensions: HashMap<String, u32> = HashMap::new();
    for card in catalog.esms().filter(|esm| !esm.is_yanked()).filter_map(|esm| esm.card().ok()) {
        dimensions.entry(card.base.id.to_ascii_lowercase()).or_insert(card.weights.dimension);
    }
    for (source, esm) in prepared {
        let card = esm.card();
        let (id, dimension) = (&card.base.id, card.weights.dimension);
        let known = *dimensions.entry(id.to_ascii_lowercase()).or_insert(dimension);
        if known != dimension {
            context
                .warn(format!("{source}: dimension {dimension}, other ESMs of {id} have {known}: wrong base model?"));
        }
        let fitted_elsewhere = card.fit.method == Method::Imported;
        let current = catalog.all_anchors().find(|set| set.base().eq_ignore_ascii_case(id)).map(CurrentSet::digest);
        if let Some(current) = current.filter(|current| card.fit.anchors != Some(*current) && !fitted_elsewhere) {
            let own = if card.fit.anchors.is_some() { "other anchors" } else { "no anchors" };
            let set = current.short();
            context.warn(format!(
                "{source}: fitted on {own}; the pool's anchors of {id} are {set}: scores across that line compare badly"
            ));
        }
        if let Some(held_out) = card.fit.held_out.filter(|held_out| held_out.r2 <= 0.0) {
            let r2 = held_out.r2;
            context.warn(format!(
                "{source}: held-out R2 is {r2:.3}: the map explains nothing. Do x and y belong together?"
            ));
        }
    }
}
