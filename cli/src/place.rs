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
            Some((scheme, _)) if !place.exists() && is_scheme(scheme) => Err(Failure::usage(format!(
                "{}: {scheme}:// is no store that is known here",
                Location::shown(&place.to_string_lossy())
            ))
            .hint(FORMS)),
            _ if misses_a_slash(place) => Err(Failure::usage(format!(
                "{}: there are two slashes behind the colon of an address",
                place.display()
            ))
            .hint(FORMS)),
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
    check(&settings)?;
    Location::in_store(address, settings).map_err(|error| Failure::usage(error.to_string()).hint(FORMS))
}

/// Whether an address was meant, as in `s3:/bucket`, and nothing of that name is here.
fn misses_a_slash(place: &Path) -> bool {
    let doubled = place.to_str().map(|text| text.replacen(":/", "://", 1));
    doubled.is_some_and(|text| Location::is_address(&text)) && !place.exists()
}

fn is_scheme(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
}

/// Whether a text is an address, and no directory.
pub(crate) fn is_address(place: &Path) -> bool {
    place.to_str().is_some_and(Location::is_address)
}

/// Values that could never be what they are for, by the name of the variable: a line break at the end of a key, an endpoint without its
/// scheme.
fn check(settings: &BTreeMap<String, String>) -> Outcome<()> {
    let refused = |name: &str, what: &str| {
        Err(Failure::usage(format!("{name} {what}")).hint("look at the environment, and at ~/.aws"))
    };
    for (name, value) in settings {
        let is_key =
            ["KEY", "TOKEN", "REGION", "ACCOUNT_NAME"].iter().any(|part| name.contains(part)) && !name.contains("FILE");
        if is_key && !value.bytes().all(|byte| byte.is_ascii_graphic()) {
            return refused(name, "holds a space, a line break or another character that none has");
        }
        if name.contains("ENDPOINT") && !is_endpoint(value) {
            return refused(name, "is no address: https://HOST is expected");
        }
    }
    Ok(())
}

fn is_endpoint(text: &str) -> bool {
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    rest.is_some_and(|rest| {
        let host = rest.split('/').next().unwrap_or_default();
        let (name, port) = host.rsplit_once(':').filter(|_| !host.ends_with(']')).unwrap_or((host, "443"));
        !name.is_empty() && port.parse::<u16>().is_ok() && text.bytes().all(|byte| byte.is_ascii_graphic())
    })
}
