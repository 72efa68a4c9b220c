//! Where a registry lies: a directory, or an address in an object store.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use url::Url;

use crate::RegistryError;

/// What begins an address; everything else is a directory.
const SCHEMES: [&str; 9] = ["s3", "s3a", "gs", "az", "azure", "abfs", "abfss", "http", "https"];

/// Where a registry lies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Location {
    /// A directory, on a disk or a network mount.
    Directory(PathBuf),
    /// An object store.
    Store(StoreAddress),
}

/// The address of a registry in an object store.
#[derive(Clone, PartialEq, Eq)]
pub struct StoreAddress {
    url: Url,
    settings: BTreeMap<String, String>,
    is_exclusive: bool,
}

impl Location {
    /// Whether a text is an address in an object store (`s3://…`), and not the path of a directory.
    pub fn is_address(text: &str) -> bool {
        text.split_once("://").is_some_and(|(scheme, _)| SCHEMES.iter().any(|known| scheme.eq_ignore_ascii_case(known)))
    }

    /// The address of a registry: `s3://bucket/prefix`, `gs://bucket/prefix`, `az://container/prefix`, or `https://host/path`, which
    /// can only be read.
    ///
    /// `settings` say how the store is reached, under the names that the cloud's own tools read from the environment, in any case:
    /// `AWS_ACCESS_KEY_ID`, `AWS_ENDPOINT_URL`, `AZURE_STORAGE_ACCOUNT_NAME`, `GOOGLE_APPLICATION_CREDENTIALS`, …. Those that
    /// `object_store` does not know are ignored.
    ///
    /// # Errors
    /// [`RegistryError::Location`] where it is none.
    pub fn in_store(text: &str, settings: BTreeMap<String, String>) -> Result<Self, RegistryError> {
        let refused = |detail| RegistryError::Location { location: Self::shown(text).into(), detail };
        let mut url = Url::parse(text).map_err(|_| refused("it is no address: scheme://bucket/prefix is expected"))?;
        if url.password().is_some() || (!url.username().is_empty() && !url.scheme().starts_with("abfs")) {
            return Err(RegistryError::Location {
                // The password is nobody's to see.
                location: Self::shown(text).into(),
                detail: "an address holds no user name or password: they belong into the environment",
            });
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(refused("an address has neither ? nor #"));
        }
        if url.host_str().is_none_or(str::is_empty) {
            return Err(refused("it names no bucket"));
        }
        // One spelling of one place: what stands in the user's cache is called after it.
        let path: Vec<&str> = url.path().split('/').filter(|part| !part.is_empty()).collect();
        let path = path.join("/");
        url.set_path(&path);
        let settings = settings.into_iter().map(|(key, value)| (key.to_ascii_lowercase(), value)).collect();
        Ok(Self::Store(StoreAddress { url, settings, is_exclusive: false }))
    }

    /// The same place, of which the caller states that nobody else writes there at this time: then a store will do that does not know
    /// conditional create. Two who state it at the same time overwrite each other's log entries.
    pub fn exclusive(mut self) -> Self {
        if let Self::Store(address) = &mut self {
            address.is_exclusive = true;
        }
        self
    }

    /// A text that was meant as an address, without what may be a secret in it: who it is for, and what stands behind `?` or `#`.
    pub fn shown(text: &str) -> String {
        let (scheme, rest) = text.split_once("://").unwrap_or(("", text));
        let rest = rest.split(['?', '#']).next().unwrap_or_default();
        let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
        let host = host.rsplit('@').next().unwrap_or_default();
        format!("{scheme}://{host}/{path}").trim_end_matches('/').to_owned()
    }

    /// As a path, for messages; an address is written as one.
    pub(crate) fn to_path(&self) -> PathBuf {
        match self {
            Self::Directory(path) => path.clone(),
            Self::Store(address) => address.to_string().into(),
        }
    }
}

impl StoreAddress {
    /// The address.
    pub(crate) fn url(&self) -> &Url {
        &self.url
    }

    /// Whether nobody else writes there, as the caller says.
    pub(crate) fn is_exclusive(&self) -> bool {
        self.is_exclusive
    }

    /// The address and whose it is: the same bucket at another endpoint, or container of another account, is another place.
    pub(crate) fn identity(&self) -> String {
        let cloud = match self.url.scheme() {
            "http" | "https" => return self.to_string(),
            "s3" | "s3a" => "aws_",
            "gs" => "google_",
            _ => "azure_",
        };
        let decides = |(key, _): &(&str, &str)| key.contains("endpoint") || key.ends_with("account_name");
        let whose = self.settings(cloud).filter(decides).map(|(key, value)| format!("\n{key}={value}"));
        std::iter::once(self.to_string()).chain(whose).collect()
    }

    /// The settings that begin so, such as with `aws_`, by their names in lower case.
    pub(crate) fn settings(&self, cloud: &str) -> impl Iterator<Item = (&str, &str)> {
        let pairs = self.settings.iter().map(|(key, value)| (key.as_str(), value.as_str()));
        pairs.filter(move |(key, _)| key.starts_with(cloud))
    }
}

impl From<&Path> for Location {
    fn from(directory: &Path) -> Self {
        Self::Directory(directory.to_owned())
    }
}

impl From<&PathBuf> for Location {
    fn from(directory: &PathBuf) -> Self {
        Self::Directory(directory.clone())
    }
}

impl From<PathBuf> for Location {
    fn from(directory: PathBuf) -> Self {
        Self::Directory(directory)
    }
}

impl From<&Self> for Location {
    fn from(location: &Self) -> Self {
        location.clone()
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Directory(path) => path.display().fmt(f),
            Self::Store(address) => address.fmt(f),
        }
    }
}

impl fmt::Display for StoreAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.url.as_str().trim_end_matches('/'))
    }
}

/// Without the settings, which hold secrets.
impl fmt::Debug for StoreAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("StoreAddress").field(&self.url.as_str()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn parsed(text: &str) -> Result<String, String> {
        let location = Location::in_store(text, BTreeMap::new());
        location.map(|location| location.to_string()).map_err(|error| error.to_string())
    }

    #[test]
    fn one_place_has_one_spelling() {
        for text in ["s3://bucket/a/b", "s3://bucket/a/b/", "s3://bucket/a/b//", "s3://bucket//a//b"] {
            assert_eq!(parsed(text).unwrap(), "s3://bucket/a/b");
        }
        assert_eq!(parsed("gs://bucket").unwrap(), "gs://bucket");
        assert_eq!(parsed("https://example.org/pool/").unwrap(), "https://example.org/pool");
        assert_eq!(
            parsed("abfss://container@account.dfs.core.windows.net/p").unwrap(),
            "abfss://container@account.dfs.core.windows.net/p"
        );
    }

    /// What is kept of one registry must not be taken for that of another.
    #[test]
    fn the_same_bucket_at_another_endpoint_is_another_place() {
        let identity = |text: &str, key: &str, value: &str| match Location::in_store(
            text,
            BTreeMap::from([(key.to_owned(), value.to_owned())]),
        )
        .unwrap()
        {
            Location::Store(address) => address.identity(),
            Location::Directory(_) => unreachable!(),
        };
        let one = identity("s3://b/p", "AWS_ENDPOINT_URL", "http://127.0.0.1:1");
        assert_ne!(one, identity("s3://b/p", "AWS_ENDPOINT_URL", "http://127.0.0.1:2"));
        assert_ne!(
            identity("az://c", "AZURE_STORAGE_ACCOUNT_NAME", "a"),
            identity("az://c", "AZURE_STORAGE_ACCOUNT_NAME", "b")
        );
        // Who asks, and what is said of another cloud, changes nothing.
        assert_eq!(
            identity("s3://b/p", "AWS_ACCESS_KEY_ID", "x"),
            identity("s3://b/p", "AZURE_STORAGE_ACCOUNT_NAME", "a")
        );
    }

    #[test]
    fn secrets_in_an_address_are_refused_and_not_repeated() {
        let said = parsed("https://ada:hunter2@example.org/pool").unwrap_err();
        assert!(said.contains("environment") && !said.contains("hunter2"), "{said}");
        let settings = BTreeMap::from([("AWS_SECRET_ACCESS_KEY".to_owned(), "hunter2".to_owned())]);
        let location = Location::in_store("s3://bucket", settings).unwrap();
        assert!(!format!("{location:?}").contains("hunter2"));
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for text in ["s3://", "s3:///prefix", "s3://bucket/a?b=c", "s3://bucket/a#b", "https://"] {
            assert!(parsed(text).is_err(), "{text}");
        }
        assert!(
            Location::is_address("S3://bucket")
                && !Location::is_address("/mnt/s3://x")
                && !Location::is_address("pool")
        );
        // A directory may be called so; it is then written ./file:…
        assert!(!Location::is_address("file://x"));
    }
}
