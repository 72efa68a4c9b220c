//! From an address to a store that can be asked. Nothing is asked yet.

use std::str::FromStr;
use std::sync::Mutex;
use std::time::Duration;

use object_store::aws::AmazonS3Builder;
use object_store::azure::MicrosoftAzureBuilder;
use object_store::gcp::GoogleCloudStorageBuilder;
use object_store::http::HttpBuilder;
use object_store::path::Path;
use object_store::prefix::PrefixStore;
use object_store::{BackoffConfig, ClientOptions, ObjectStore, RetryConfig};

use super::Remote;
use super::agent::Connector;
use super::failing::reason;
use super::runtime::DEADLINE;
use crate::RegistryError;
use crate::location::StoreAddress;

/// A store, as the address and its settings describe it.
///
/// # Errors
/// [`RegistryError::Store`] where something is missing or contradicts itself.
pub(crate) fn open(address: &StoreAddress) -> Result<(Box<dyn ObjectStore>, Remote), RegistryError> {
    let is_site = ["http", "https"].contains(&address.url().scheme());
    let remote = Remote {
        address: address.to_string(),
        lists: !is_site,
        writes: !is_site,
        is_exclusive: address.is_exclusive(),
        creates: Mutex::default(),
    };
    let store = connect(address).map_err(|error| {
        let (fault, reason) = reason(&error);
        RegistryError::Store { action: "open it", place: address.to_string(), fault, reason }
    })?;
    Ok((store, remote))
}

fn connect(address: &StoreAddress) -> object_store::Result<Box<dyn ObjectStore>> {
    let url = address.url();
    let signed = Connector { follows_redirects: false };
    match url.scheme() {
        "http" | "https" => {
            // Whoever writes `http://` has asked for it; every object and every entry is checked against a digest.
            let options = ClientOptions::new().with_allow_http(url.scheme() == "http");
            let builder =
                HttpBuilder::new().with_url(address.to_string()).with_retry(retries()).with_client_options(options);
            Ok(Box::new(builder.with_http_connector(Connector { follows_redirects: true }).build()?))
        }
        "gs" => {
            let builder = configured(
                GoogleCloudStorageBuilder::new(),
                address,
                "google_",
                GoogleCloudStorageBuilder::with_config,
            );
            // Where the cloud's own tools keep what `gcloud auth application-default login` wrote, `object_store` looks itself.
            let builder = builder.with_url(url.as_str()).with_retry(retries()).with_http_connector(signed);
            Ok(below(url.path(), builder.build()?))
        }
        "s3" | "s3a" => {
            // One at a time is what all that speak the protocol know, and little is ever deleted.
            let builder = configured(
                AmazonS3Builder::new().with_disable_bulk_delete(true),
                address,
                "aws_",
                AmazonS3Builder::with_config,
            );
            let builder = builder.with_url(url.as_str()).with_retry(retries()).with_http_connector(signed);
            Ok(below(url.path(), builder.build()?))
        }
        _ => {
            let names_account = |(key, _): (&str, &str)| key.ends_with("account_name") || key.ends_with("use_emulator");
            if url.username().is_empty() && !address.settings("azure_").any(names_account) {
                let source = "the account is not named: AZURE_STORAGE_ACCOUNT_NAME is not set".into();
                return Err(object_store::Error::Generic { store: "Azure", source });
            }
            let builder =
                configured(MicrosoftAzureBuilder::new(), address, "azure_", MicrosoftAzureBuilder::with_config);
            let builder = builder.with_url(url.as_str()).with_retry(retries()).with_http_connector(signed);
            Ok(below(url.path(), builder.build()?))
        }
    }
}

/// With those settings of a cloud that `object_store` knows.
fn configured<B, K: FromStr>(builder: B, address: &StoreAddress, cloud: &str, with: impl Fn(B, K, String) -> B) -> B {
    let known = address.settings(cloud).filter_map(|(key, value)| Some((key.parse().ok()?, value.to_owned())));
    known.fold(builder, |builder, (key, value)| with(builder, key, value))
}

/// The part of a store below a prefix.
fn below(prefix: &str, store: impl ObjectStore) -> Box<dyn ObjectStore> {
    let prefix = prefix.trim_matches('/');
    if prefix.is_empty() {
        return Box::new(store);
    }
    // As it was written: what an address escapes is escaped once more only by who sends it.
    let prefix = Path::from_url_path(prefix).unwrap_or_else(|_| Path::from(prefix));
    Box::new(PrefixStore::new(store, prefix))
}

/// Up to six tries more, 0.1 to 8 seconds apart with chance in it; no try is begun after a minute.
fn retries() -> RetryConfig {
    RetryConfig {
        backoff: BackoffConfig {
            init_backoff: Duration::from_millis(100),
            max_backoff: Duration::from_secs(8),
            base: 2.0,
        },
        max_retries: 6,
        retry_timeout: DEADLINE,
    }
}
