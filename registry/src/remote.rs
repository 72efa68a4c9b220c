//! Registries in object stores: S3 and what speaks its protocol, Google Cloud Storage, Azure Blob Storage; and, to be read only, any
//! static site.
//!
//! The layout is that of a directory. What a directory needs a link or a rename for is one request here: a conditional create (`If-None-
//! Match: *`), which the store itself decides. Not every store that speaks S3's protocol knows it, and those that do not overwrite in
//! silence: so that is tried out before the first write ([`probe`]).
//!
//! `object_store` knows the protocols: addresses, signatures, listings, which errors pass. Requests go through the HTTP client that
//! this program has anyway ([`agent`]), instead of one of its own with another TLS library beside it.

mod agent;
mod failing;
mod listing;
mod opening;
mod probe;
mod runtime;

use std::sync::Mutex;

use object_store::ObjectStore;

pub(crate) use self::failing::failed;
pub(crate) use self::opening::open;
pub(crate) use self::runtime::{persist, wait};
use crate::RegistryError;

/// What there is to know of a store besides how it is asked.
pub(crate) struct Remote {
    /// The registry's address, for messages.
    address: String,
    /// Whether it can say what it holds: a static site cannot.
    pub(crate) lists: bool,
    /// Whether anything is ever written there.
    writes: bool,
    /// Whether nobody else writes there, as who opened it says.
    pub(crate) is_exclusive: bool,
    /// Whether the store was seen to refuse to overwrite; `None` as long as nobody has asked.
    creates: Mutex<Option<bool>>,
}

impl Remote {
    /// How a place is called in messages.
    pub(crate) fn describe(&self, place: &str) -> String {
        format!("{}/{place}", self.address)
    }

    /// Sees to it that whatever is written next cannot overwrite what another writer has created: asks the store once.
    ///
    /// # Errors
    /// [`RegistryError::ReadOnly`], [`RegistryError::NoConditionalCreate`]; [`RegistryError::Store`] where it cannot be asked.
    pub(crate) fn require_writable(&self, store: &dyn ObjectStore) -> Result<(), RegistryError> {
        if !self.writes {
            return Err(RegistryError::ReadOnly { address: self.address.clone() });
        }
        if self.is_exclusive {
            return Ok(());
        }
        let mut creates = self.creates.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let creates = match *creates {
            Some(known) => known,
            None => *creates.insert(probe::creates_conditionally(self, store)?),
        };
        match creates {
            true => Ok(()),
            false => Err(RegistryError::NoConditionalCreate { address: self.address.clone() }),
        }
    }
}
