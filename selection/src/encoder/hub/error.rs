//! Why a model could not be had.

use std::error::Error;
use std::path::PathBuf;

use crate::encoder::EncoderError;

/// A model could not be had from the hub or its cache.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HubError {
    /// Not an id or revision as the hub has them.
    #[error("{what} is {found:?}, expected {expected}")]
    Name {
        /// `the model id` or `the revision`.
        what: &'static str,
        /// What was given.
        found: String,
        /// The form that it has.
        expected: &'static str,
    },
    /// Offline, and the cache does not hold what is needed.
    #[error("{id} at {revision} is not in the cache {}: {missing} is missing", cache.display())]
    NotCached {
        /// The model's id.
        id: String,
        /// The revision.
        revision: String,
        /// The cache folder.
        cache: PathBuf,
        /// The file, or `the revision`.
        missing: String,
    },
    /// The hub does not give the model.
    #[error("{endpoint} answers {status} for {id} at {revision}")]
    Refused {
        /// The hub's address.
        endpoint: String,
        /// The HTTP status.
        status: u16,
        /// The model's id.
        id: String,
        /// The revision.
        revision: String,
    },
    /// The hub could not be reached, or the connection broke.
    #[error("{what} could not be fetched from {endpoint}")]
    Request {
        /// The file, or `the list of files`.
        what: String,
        /// The hub's address.
        endpoint: String,
        /// What the HTTP client says.
        source: Box<dyn Error + Send + Sync>,
    },
    /// The hub's answer makes no sense.
    #[error("{what} from {endpoint}: found {found}, expected {expected}")]
    Answer {
        /// The file, or `the list of files`.
        what: String,
        /// The hub's address.
        endpoint: String,
        /// What came.
        found: String,
        /// What should have come.
        expected: String,
    },
    /// The cache cannot be read or written.
    #[error("{}: the cache cannot be used", path.display())]
    Cache {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// The files are not those of a model.
    #[error(transparent)]
    Model(#[from] EncoderError),
}

impl HubError {
    /// What the user can do about it.
    pub fn hint(&self) -> Option<String> {
        let advice = match self {
            Self::NotCached { .. } => "fetch the model once online, or give the folder that holds it",
            Self::Refused { status: 401 | 403, .. } => {
                "the model does not exist, is private, or its terms are not accepted yet: check the id and the token"
            }
            Self::Refused { status: 404, .. } => "check the id and the revision",
            Self::Request { .. } => "check the connection; a model that is in the cache can be used offline",
            Self::Model(error) => return error.hint(),
            _ => return None,
        };
        Some(advice.into())
    }
}
