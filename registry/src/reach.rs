//! What the log needs: the objects that must stay.

use std::collections::HashSet;

use esmhub_store_format::{Card, Digest, FormatError};

use crate::{Catalog, Esm, Happening, RegistryError, schema};

/// The objects that the log speaks of.
pub(crate) struct Reach {
    /// What the state after the last entry needs: the objects of all references that are not removed, yanked ones included,
    /// the anchor sets that these were fitted on, and the current anchor sets.
    pub(crate) needed: HashSet<Digest>,
    /// What was needed once, and no longer is.
    pub(crate) released: HashSet<Digest>,
}

impl Catalog {
    /// What the log needs, for whoever takes away what it does not.
    ///
    /// # Errors
    /// Whatever leaves it in doubt: [`RegistryError::Unsound`] while an entry cannot be read, or where a card breaks a rule;
    /// [`RegistryError::UnknownRecord`] for a record, even one that may be skipped, and [`RegistryError::Newer`] for a card
    /// that this program does not know.
    pub(crate) fn reach(&self) -> Result<Reach, RegistryError> {
        self.require_whole()?;
        let unknown = self.events.iter().find_map(|event| match event.what {
            Happening::Unknown { kind } => Some((event.entry, kind)),
            _ => None,
        });
        if let Some((entry, kind)) = unknown {
            return Err(RegistryError::UnknownRecord { entry, kind, stops: "whoever collects garbage" });
        }
        let mut needed: HashSet<Digest> = self.all_anchors().map(|current| current.digest()).collect();
        for esm in self.esms() {
            needed.extend(objects_of(&esm.card().map_err(|error| doubtful(esm, error))?));
        }
        let mut released: HashSet<Digest> = self.events.iter().filter_map(past_anchors).collect();
        for card in self.esms.iter().filter(|esm| esm.is_removed()).filter_map(|esm| esm.card().ok()) {
            released.extend(objects_of(&card));
        }
        released.retain(|digest| !needed.contains(digest));
        Ok(Reach { needed, released })
    }
}

/// The objects that a card names.
pub(crate) fn objects_of(card: &Card) -> impl Iterator<Item = Digest> {
    [card.weights.digest].into_iter().chain(card.fit.anchors)
}

fn past_anchors(event: &crate::Event) -> Option<Digest> {
    match &event.what {
        Happening::Anchors(current) => current.set,
        _ => None,
    }
}

fn doubtful(esm: &Esm, error: FormatError) -> RegistryError {
    let place = format!("{}, the card of {}", schema::entry(esm.entry()), esm.reference());
    match error {
        FormatError::Newer { .. } => RegistryError::format(place, error),
        _ => RegistryError::Unsound {
            place,
            detail: format!("what it needs is not known: {error}"),
            advice: Some(format!("`esmhub remove {}` takes the reference out", esm.reference())),
        },
    }
}
