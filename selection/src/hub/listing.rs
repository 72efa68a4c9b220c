//! The list of a repository's files, as `/api/models/…/revision/…?blobs=true` gives it.

use serde::{Deserialize, Serialize};

use super::blobs::{Promise, is_inside};
use super::names::is_commit;

/// A commit and its files.
#[derive(Deserialize)]
pub(super) struct Listing {
    pub(super) sha: String,
    pub(super) siblings: Vec<Sibling>,
}

/// One file. What is kept for those who are offline is its name and size.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Sibling {
    #[serde(rename = "rfilename")]
    pub(super) name: String,
    pub(super) size: Option<u64>,
    #[serde(rename = "blobId", skip_serializing)]
    blob: Option<String>,
    #[serde(skip_serializing)]
    lfs: Option<Large>,
}

#[derive(Debug, Deserialize)]
struct Large {
    sha256: Option<String>,
}

impl Listing {
    /// Reads it; what was found instead, where it cannot be one.
    pub(super) fn read(body: &[u8]) -> Result<Self, String> {
        let listing = serde_json::from_slice::<Self>(body).ok().filter(|listing| is_commit(&listing.sha));
        let listing = listing.ok_or_else(|| format!("{} bytes", body.len()))?;
        for sibling in &listing.siblings {
            if !is_inside(&sibling.name) {
                return Err(format!("a file named {:?}", sibling.name));
            }
            // Whoever states no digest is taken at their word; whoever states none of that form wants to be.
            let stated = sibling.lfs.as_ref().and_then(|large| large.sha256.as_deref());
            if stated.is_some_and(|text| Promise::of(Some(text), None).is_none()) {
                return Err(format!("no SHA-256 of {:?}", sibling.name));
            }
        }
        Ok(listing)
    }
}

impl Sibling {
    /// The digest that its content has, where the hub says it.
    pub(super) fn promise(&self) -> Option<Promise> {
        match &self.lfs {
            Some(large) => Promise::of(large.sha256.as_deref(), None),
            // git's digest begins with the size.
            None => Promise::of(None, self.blob.as_deref().filter(|_| self.size.is_some())),
        }
    }
}
