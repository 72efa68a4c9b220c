//! Where a team keeps its pool of Embedding Space Maps: immutable objects, one append-only log, and a disposable index.
//!
//! A registry is a directory of plain files that are never changed. [`Registry::publish`] puts objects there and then one
//! entry into the log; the log is the whole mutable state, and [`Catalog`] is what it says. Whoever may write to the
//! directory may publish, several at once, with no lock and no server.
//!
//! It promises: what is acknowledged is on stable storage; every read is verified against its digest; a tag never changes
//! its content; two writers never overwrite each other; damage is named, and never looks like "not found"; losing the
//! index loses nothing. Nor does losing the memory beside it, where a user's commands leave what they have computed for
//! later ones ([`Registry::remember`], [`Registry::recall`]): what is recalled is what was remembered, or nothing.
//!
//! It never prints, reads neither the environment nor a clock, and guesses no path: who writes, when, and where the
//! user's cache lies come in as arguments.
//!
//! ```
//! use esmhub_registry::{NewEsm, Outcome, PublishOptions, Registry, Settings, Signature};
//! use esmhub_store_format::card::{BaseModel, Weights};
//! use esmhub_store_format::log::Writer;
//! use esmhub_store_format::{Card, Codec, DenseMap, Object};
//!
//! # let folder = tempfile::tempdir()?;
//! # let (pool, cache) = (folder.path().join("pool"), folder.path().join("cache"));
//! // `pool` is a directory that all can reach, `cache` one of this user's own.
//! let registry = Registry::init(&pool, &Settings::default(), Some(&cache))?.registry;
//!
//! // An ESM is a map and a card that says what it is of.
//! let map = DenseMap::new(vec![1.0, 0.25, -0.5, 1.0], vec![0.1, 0.2])?;
//! let object = Object::encode(&map, Codec::F32)?;
//! let card = Card::imported(Weights::of(&object, 0.0), BaseModel::named("bert-base-uncased"));
//! let esm = NewEsm::new("acme/reviews".parse()?, None, card, object)?;
//!
//! // When this returns, it is on stable storage. Who publishes, and when, is the caller's to say.
//! let writer = Writer { user: "ada".into(), host: "engine".into(), program: "example 1".into() };
//! let by = Signature { writer, time: 1_700_000_000_000 };
//! let published = registry.publish(&[esm], &by, &PublishOptions::default())?;
//! assert_eq!((published.entries, published.esms[0].outcome), (vec![1], Outcome::Added));
//!
//! // A name stands for its newest tag; what comes back is verified.
//! let catalog = registry.catalog()?;
//! let found = catalog.resolve(&"acme/reviews".parse()?)?;
//! assert_eq!(found.tag().to_string(), "v1");
//! assert_eq!(registry.fetch(found)?.object.map().to_dense()?.weight(), map.weight());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod anchors;
mod append;
mod attestation;
mod catalog;
mod database;
mod disk;
mod error;
mod esm;
#[cfg(test)]
mod faults;
mod fence;
mod fetch;
mod gc;
mod history;
mod index;
mod init;
#[cfg(test)]
mod interleavings;
mod kept;
mod listing;
mod load;
mod location;
mod log;
mod loss;
mod lost;
mod marker;
mod memory;
mod notice;
mod outcomes;
mod packs;
mod parting;
mod pattern;
mod plan;
mod publish;
mod reach;
mod registry;
mod remote;
mod repair;
mod replay;
mod resolve;
mod schema;
mod stats;
mod storage;
mod sync;
mod trash;
mod trusted;
mod verify;
mod workers;
mod yank;

pub use anchors::{AnchorsChanged, CurrentSet};
pub use append::Signature;
pub use attestation::{Attestation, Sign};
pub use catalog::{Catalog, Damage};
pub use error::{Absence, Candidate, ErrorKind, RegistryError, StoreFault};
pub use esm::{Esm, State};
pub use fetch::Fetched;
pub use gc::{Collected, GcOptions, Tally};
pub use history::{Event, Happening};
pub use init::Initialised;
pub use location::{Location, StoreAddress};
pub use marker::Settings;
pub use memory::{MAX_VALUE_BYTES, Recalled};
pub use notice::Notice;
pub use outcomes::Recorded;
pub use pattern::Pattern;
pub use publish::{NewEsm, Outcome, Publication, PublishOptions, Publishing};
pub use registry::Registry;
pub use repair::{RepairError, RepairOptions, Repaired};
pub use stats::{BaseStats, Stats};
pub use sync::{Left, Offered, SyncOptions, Synced, Why};
pub use trusted::MAX_TRUSTED_KEYS_BYTES;
pub use verify::{Problem, Report, VerifyProgress};

pub use yank::Changed;
