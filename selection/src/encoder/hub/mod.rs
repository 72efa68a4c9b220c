//! Models by their Hugging Face id: the home of hf-hub.
//!
//! The cache has the layout that Python's huggingface_hub uses, so both share it: `models--OWNER--NAME/` with `refs/`,
//! `blobs/`, `snapshots/COMMIT/`, and `.no_exist/COMMIT/FILE` for files that are known not to exist. All files of a model
//! are from one commit, the one that the revision stands for when the fetch begins.
//!
//! It never reads the environment (the HTTP client alone looks there for a proxy), and offline it asks nobody.

mod error;
mod fetch;
mod names;

pub use error::HubError;
pub use fetch::{HubSettings, fetch};
