//! Why something could not be had from the hub.

use std::error::Error;
use std::path::PathBuf;

/// Something could not be had from the hub or its cache.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HubError {
    /// Not an id or revision as the hub has them.
    #[error("{what} is {found:?}, expected {expected}")]
    Name {
        /// `the id` or `the revision`.
        what: &'static str,
        /// What was given.
        found: String,
        /// The form that it has.
        expected: &'static str,
    },
    /// Offline, and the cache does not hold what is needed.
    #[error("{id} at {revision} is not in the cache {}: {missing} is missing", cache.display())]
    NotCached {
        /// The repository's id.
        id: String,
        /// The revision.
        revision: String,
        /// The cache folder.
        cache: PathBuf,
        /// The file, or `the revision`.
        missing: String,
    },
    /// Offline, and it is nothing that the cache holds.
    #[error("{what} cannot be asked for offline")]
    Offline {
        /// What was asked for.
        what: String,
    },
    /// The hub does not give it.
    #[error("{endpoint} answers {status} for {what}")]
    Refused {
        /// The hub's address.
        endpoint: String,
        /// The HTTP status.
        status: u16,
        /// What was asked for, such as `owner/name at main`.
        what: String,
    },
    /// A file has more bytes than anything of its kind.
    #[error("{file} of {id} has {bytes} bytes, at most {limit} are expected")]
    TooLarge {
        /// The file.
        file: String,
        /// The repository's id.
        id: String,
        /// Its size.
        bytes: u64,
        /// The largest that is fetched.
        limit: u64,
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
}

impl HubError {
    /// What the user can do about it.
    pub fn hint(&self) -> Option<String> {
        let advice = match self {
            Self::NotCached { .. } => "fetch it once online, or give the folder that holds it",
            Self::Offline { .. } => "leave out --offline and HF_HUB_OFFLINE",
            Self::Refused { status: 401 | 403, .. } => {
                "it does not exist, is private, or its terms are not accepted yet: check the id, and the token in HF_TOKEN"
            }
            Self::Refused { status: 404, .. } => "check the id and the revision",
            Self::Refused { status: 412, .. } => "somebody else has committed meanwhile: try again",
            Self::Refused { status: 429, .. } => "try again later; with a token in HF_TOKEN the hub answers more often",
            Self::Request { .. } => "check the connection; what is in the cache can be used offline",
            _ => return None,
        };
        Some(advice.into())
    }
}
