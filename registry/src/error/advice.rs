//! What the user can do about an error.

use std::error::Error;
use std::io;

use esmhub_store_format::{DigestPrefix, FormatError};

use super::{Absence, RegistryError, StoreFault, io_cause};
use crate::registry::MARKER_ADVICE;
use crate::schema;

impl RegistryError {
    /// What the user can do about it.
    pub fn hint(&self) -> Option<String> {
        let verify = || Some("`esmhub verify` lists everything in the registry that is damaged".to_owned());
        match self {
            Self::NotARegistry { .. } => Some("check the path: the directory of a registry is expected".into()),
            Self::Busy { .. } => Some("try again".into()),
            Self::Newer { .. } | Self::UnknownRecord { .. } => Some("install a newer esmhub".into()),
            Self::NotFound { why: Absence::Yanked, .. } => {
                Some("an exact reference, `name:tag`, still finds them".into())
            }
            Self::NotFound { suggestions, .. } if !suggestions.is_empty() => {
                Some(format!("did you mean {}?", suggestions.join(", ")))
            }
            Self::NotFound { reference, .. } if DigestPrefix::new(reference).is_some() => {
                Some(format!("a digest is written with `@` in front: @{reference}"))
            }
            Self::NotFound { why: Absence::Name | Absence::Tag | Absence::Digest, after_loss: true, .. } => {
                Some("log entries were declared lost, and what they had published is gone; `esmhub list` shows what there is".into())
            }
            Self::NotFound { .. } => Some("`esmhub list` shows what there is".into()),
            Self::Ambiguous { .. } => Some("give more digits, or a name and a tag".into()),
            Self::Conflict { .. } | Self::TagGone { .. } => {
                Some("choose another tag, or give none to get the next free one".into())
            }
            Self::Disagreement { .. } => Some("leave out the tag or the digest".into()),
            Self::Inexact { suggestions, .. } => Some(match suggestions.as_slice() {
                [] => "write `name:tag`".into(),
                tags => format!("write one of {}", tags.join(", ")),
            }),
            Self::Damaged { place, source: FormatError::Damaged { .. } } if place == schema::MARKER => {
                Some(MARKER_ADVICE.into())
            }
            Self::Damaged { source, .. } => source.hint().or_else(verify),
            Self::Unsound { advice, .. } => advice.clone().or_else(verify),
            Self::Refused { source, .. } => source.hint(),
            Self::Direction { lower_is_better, .. } => Some(format!(
                "record it {} `--lower-is-better`; if what is recorded is wrong, take it back with `--withdraw` first",
                if *lower_is_better { "with" } else { "without" }
            )),
            Self::Partial { source, .. } => source.hint(),
            Self::Io { source, .. } => io_hint(source.as_ref()),
            Self::NoConditionalCreate { .. } => Some(
                "reading, pulling and ranking work everywhere; to publish, take a store that knows it (S3, Google Cloud Storage, Azure, R2, MinIO)"
                    .into(),
            ),
            Self::ReadOnly { .. } => Some("publish where its files come from: the directory or bucket that the server shows".into()),
            Self::NoListing { .. } => Some("do this where its files come from: the directory or bucket that the server shows".into()),
            Self::Store { fault, .. } => store_hint(*fault).map(Into::into),
            Self::NoExclusiveCreate { .. } => Some("keep the registry on a file system that has hard links".into()),
            Self::Location { .. } | Self::Unsigned { .. } | Self::Random(_) => None,
        }
    }
}

fn store_hint(fault: StoreFault) -> Option<&'static str> {
    match fault {
        StoreFault::Denied => {
            Some("look at the credentials in the environment, and at what they may do with this bucket")
        }
        StoreFault::Missing => Some("check the bucket's name, its region and the endpoint"),
        StoreFault::Unreachable => Some("check the endpoint and the network, and try again"),
        StoreFault::Busy => Some("try again; what was acknowledged is there"),
        StoreFault::Plain => {
            Some("use https, or allow it with AWS_ALLOW_HTTP=true (AZURE_ALLOW_HTTP, GOOGLE_ALLOW_HTTP)")
        }
        StoreFault::Other => None,
    }
}

fn io_hint(error: &(dyn Error + 'static)) -> Option<String> {
    match io_cause(error)?.kind() {
        io::ErrorKind::PermissionDenied => {
            Some("ask the registry's owner for access; `esmhub init --shared` makes registries for a group".into())
        }
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            Some("nothing was published; free some space and publish again".into())
        }
        _ => None,
    }
}
