//! The Hugging Face Hub.
//!
//! A [`Hub`] gives the files of a [`Repository`] at one commit, and finds repositories by their tags. Its cache has the layout that
//! Python's huggingface_hub uses, so both share it: `models--OWNER--NAME/` with `refs/`, `blobs/`, `snapshots/COMMIT/`, and
//! `.no_exist/COMMIT/FILE` for files that are known not to exist. All files of a repository are from one commit, the one that
//! the revision stands for when it is opened.
//!
//! What passes is waited for: connections that break, answers that say *too many requests* (429; as long as they say) or *not now*
//! (5xx). What comes is checked against the digests that the hub's list of files promises, and goes on where it broke off. It never
//! reads the environment (the HTTP client alone looks there for a proxy), and offline it asks nobody.

mod blobs;
mod client;
mod dataset;
mod download;
mod error;
mod listing;
mod names;
mod patience;
mod ranges;
mod repository;
mod search;
mod upload;

pub use client::{Hub, HubSettings};
pub use dataset::{CONVERTED, Dataset, DatasetError, Split, Subset, subsets_of};
pub use error::HubError;
pub use names::is_commit;
pub use ranges::MAX_RANGE_BYTES;
pub use repository::{Kind, Repository};
pub use search::Found;
pub use upload::Pushed;
