//! Where a registry lies, as the user writes it: a directory, or an address in an object store, which is reached as the clouds' own
//! tools reach it: with what the environment says, else with the profile that AWS's tools keep.

mod profile;

use std::collections::BTreeMap;
use std::path::Path;

use esmhub_registry::Location;

use crate::failure::{Failure, Outcome};

/// How the variables begin that say how a store is reached.
const CLOUDS: [&str; 3] = ["AWS_", "AZURE_", "GOOGLE_"];

/// What the place of a registry may be.
const FORMS: &str =
    "a registry is a directory, or s3://, gs:// or az:// with BUCKET/PREFIX, or https://HOST/PATH to read";

/// The directory or address that a text names.
pub(crate) fn locate(place: &Path) -> Outcome<Location> {
    let address = place.to_str().filter(|text| Location::is_address(text));
    let Some(address) = address else {
        return match place.to_str().and_then(|text| text.split_once("://")) {
            Some((scheme, _)) if !place.exists() && is_scheme(scheme) => {
                Err(Failure::usage(format!("{}: {scheme}:// is no store that is known here", place.display()))
                    .hint(FORMS))
            }
            _ => Ok(place.into()),
        };
    };
    let mut settings: BTreeMap<String, String> = std::env::vars_os()
        .filter_map(|(key, value)| Some((key.into_string().ok()?, value.into_string().ok()?)))
        .filter(|(key, value)| !value.is_empty() && CLOUDS.iter().any(|cloud| key.starts_with(cloud)))
        .collect();
    if address.to_ascii_lowercase().starts_with("s3") {
        profile::complete(&mut settings)?;
    }
    Location::in_store(address, settings).map_err(|error| Failure::usage(error.to_string()).hint(FORMS))
}

fn is_scheme(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
}

/// Whether a text is an address, and no directory.
pub(crate) fn is_address(place: &Path) -> bool {
    place.to_str().is_some_and(Location::is_address)
}
