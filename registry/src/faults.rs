//! Stores that fail: an answer that gets lost must neither lose an entry nor write it twice.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use esmhub_store_format::card::{BaseModel, Fit, Source, Weights};
use esmhub_store_format::log::{RegistryId, Writer};
use esmhub_store_format::{Card, Codec, DenseMap, Object};
use futures::executor::block_on;
use futures::stream::BoxStream;
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{
    CopyOptions, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore, PutMultipartOptions,
    PutOptions, PutPayload, PutResult, Result,
};

use crate::marker::Marker;
use crate::storage::Storage;
use crate::{ErrorKind, NewEsm, Outcome, PublishOptions, Publishing, Registry, RegistryError, Settings, Signature};

/// What becomes of a request to create a file.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Fault {
    /// It is carried out, and the answer gets lost.
    AnswerLost,
    /// It is carried out, repeated on the way, and the second one is answered: "it is there".
    Repeated,
    /// It gets lost.
    RequestLost,
    /// Another writer is there just before.
    Overtaken,
}

/// A store in memory, in which the n-th request to create a log entry meets a fault.
struct Flaky {
    inner: InMemory,
    fault: Fault,
    at: u64,
    creates: AtomicU64,
}

impl fmt::Debug for Flaky {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Flaky")
    }
}

impl fmt::Display for Flaky {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Flaky")
    }
}

fn lost() -> object_store::Error {
    object_store::Error::Generic {
        store: "Flaky",
        source: "the connection was reset".into(),
    }
}

#[async_trait]
impl ObjectStore for Flaky {
    async fn put_opts(&self, location: &Path, payload: PutPayload, options: PutOptions) -> Result<PutResult> {
        let is_entry = location.as_ref().starts_with("log/");
        let meets = is_entry && self.creates.fetch_add(1, Ordering::Relaxed) + 1 == self.at;
        if !meets {
            return self.inner.put_opts(location, payload, options).await;
        }
        match self.fault {
            Fault::AnswerLost => {
                self.inner.put_opts(location, payload, options).await?;
                Err(lost())
            }
            Fault::Repeated => {
                self.inner.put_opts(location, payload.clone(), options.clone()).await?;
                self.inner.put_opts(location, payload, options).await
            }
            Fault::RequestLost => Err(lost()),
            Fault::Overtaken => {
                let other = registry(Box::new(self.inner.fork()), 9);
                publish(&other, "other", 99).expect("the other writer has no fault");
                let theirs = object_store::ObjectStoreExt::get(&other_store(&other), location).await?;
                let theirs = PutPayload::from_bytes(theirs.bytes().await?);
                self.inner.put_opts(location, theirs, options.clone()).await?;
                self.inner.put_opts(location, payload, options).await
            }
        }
    }

    async fn put_multipart_opts(&self, to: &Path, options: PutMultipartOptions) -> Result<Box<dyn MultipartUpload>> {
        self.inner.put_multipart_opts(to, options).await
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        self.inner.get_opts(location, options).await
    }

    fn delete_stream(&self, locations: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        self.inner.delete_stream(locations)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.inner.list(prefix)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.inner.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.inner.copy_opts(from, to, options).await
    }
}
