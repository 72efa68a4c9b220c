//! Stores that fail: an answer that gets lost must neither lose an entry nor write it twice.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use std::fmt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use esmhub_store_format::anchors::AnchorDomain;
use esmhub_store_format::card::{BaseModel, Weights};
use esmhub_store_format::log::{RegistryId, Writer};
use esmhub_store_format::{AnchorSet, Card, Codec, DenseMap, Object};
use futures::TryStreamExt;
use futures::stream::BoxStream;
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{
    CopyOptions, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore, ObjectStoreExt,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};

use crate::marker::Marker;
use crate::schema;
use crate::storage::Storage;
use crate::{
    AnchorsChanged, ErrorKind, NewEsm, Outcome, PublishOptions, Publishing, Registry, RegistryError, Settings,
    Signature,
};

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
    /// A garbage collection takes out what nothing refers to just before.
    Swept,
    /// Entry 1 is damaged whenever it is read, and whole the next time; other requests are carried out.
    Wavering,
}

/// A store in memory, in which the n-th request to create a log entry meets a fault.
struct Flaky {
    inner: InMemory,
    fault: Fault,
    at: u64,
    requests: AtomicU64,
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
    object_store::Error::Generic { store: "Flaky", source: "the connection was reset".into() }
}

#[async_trait]
impl ObjectStore for Flaky {
    async fn put_opts(&self, location: &Path, payload: PutPayload, options: PutOptions) -> Result<PutResult> {
        let is_entry = location.as_ref().starts_with("log/");
        let meets = is_entry && self.requests.fetch_add(1, Ordering::Relaxed) + 1 == self.at;
        if !meets {
            return self.inner.put_opts(location, payload, options).await;
        }
        match self.fault {
            Fault::Wavering => self.inner.put_opts(location, payload, options).await,
            Fault::AnswerLost => {
                self.inner.put_opts(location, payload, options).await?;
                Err(lost())
            }
            Fault::Repeated => {
                self.inner.put_opts(location, payload.clone(), options.clone()).await?;
                self.inner.put_opts(location, payload, options).await
            }
            Fault::RequestLost => Err(lost()),
            Fault::Swept => {
                let objects: Vec<ObjectMeta> = self.inner.list(Some(&Path::from("objects"))).try_collect().await?;
                for object in objects {
                    self.inner.delete(&object.location).await?;
                }
                self.inner.put_opts(location, payload, options).await
            }
            Fault::Overtaken => {
                // In a thread of its own: an executor does not run inside another.
                let other = registry(Box::new(self.inner.clone()));
                std::thread::spawn(move || publish(&other, "other").unwrap()).join().unwrap();
                self.inner.put_opts(location, payload, options).await
            }
        }
    }

    async fn put_multipart_opts(&self, to: &Path, options: PutMultipartOptions) -> Result<Box<dyn MultipartUpload>> {
        self.inner.put_multipart_opts(to, options).await
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        let wavers = self.fault == Fault::Wavering && *location == Path::from(schema::entry(1));
        if wavers && self.requests.fetch_add(1, Ordering::Relaxed).is_multiple_of(2) {
            return self.inner.get_opts(&Path::from(schema::MARKER), options).await;
        }
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

fn flaky(fault: Fault, at: u64) -> (InMemory, Registry) {
    let inner = empty_store();
    let requests = AtomicU64::new(0);
    let store = Flaky { inner: inner.clone(), fault, at, requests };
    (inner, registry(Box::new(store)))
}

fn marker() -> Marker {
    Marker { id: RegistryId([3; 16]), settings: Settings::default() }
}

/// A store that holds the marker and nothing else.
pub(crate) fn empty_store() -> InMemory {
    let store = InMemory::new();
    Storage::in_store(Box::new(store.clone())).create(schema::MARKER, marker().to_bytes()).unwrap();
    store
}

pub(crate) fn registry(store: Box<dyn ObjectStore>) -> Registry {
    Registry {
        storage: Storage::in_store(store),
        marker: marker(),
        location: PathBuf::from("memory").into(),
        index: None,
        memory: None,
        kept: None,
    }
}

/// Publishes one small ESM, the same every time, under a name.
pub(crate) fn publish(registry: &Registry, name: &str) -> Result<Publishing, RegistryError> {
    registry.publish(&[esm(name, 0.0)], &by(), &PublishOptions::default())
}

/// The same, and two others with it.
pub(crate) fn publish_batch(registry: &Registry, name: &str) -> Result<Publishing, RegistryError> {
    let batch = [esm(name, 0.0), esm("second", 2.0), esm("third", 3.0)];
    registry.publish(&batch, &by(), &PublishOptions::default())
}

fn esm(name: &str, bias: f32) -> NewEsm {
    let map = DenseMap::new(vec![1.0, 0.5, 0.25, 1.0], vec![bias, 1.0]).unwrap();
    let object = Object::encode(&map, Codec::F32).unwrap();
    let card = Card::imported(Weights::of(&object, 0.0), BaseModel::named("acme/encoder"));
    NewEsm::new(name.parse().unwrap(), None, card, object).unwrap()
}

pub(crate) fn by() -> Signature {
    Signature { writer: Writer { user: "ada".into(), host: "engine".into(), program: "esmhub".into() }, time: 1 }
}

fn anchors() -> AnchorSet {
    let news = AnchorDomain { label: "news".into(), texts: vec!["rain is coming".into()] };
    AnchorSet { license: None, origin: None, domains: vec![news] }
}

fn set_anchors(registry: &Registry) -> Result<AnchorsChanged, RegistryError> {
    registry.set_anchors("acme/encoder", Some(&anchors()), &by(), false)
}

#[test]
fn an_entry_whose_answer_was_lost_is_acknowledged_once() {
    for fault in [Fault::AnswerLost, Fault::Repeated] {
        let (inner, registry) = flaky(fault, 2);
        publish(&registry, "first").unwrap();
        let published = publish(&registry, "second").unwrap();
        assert_eq!(published.entries, [2], "{fault:?}");
        assert_eq!(published.esms[0].outcome, Outcome::AddedReference);
        let catalog = self::registry(Box::new(inner)).catalog().unwrap();
        assert_eq!((catalog.entries(), catalog.esms().count()), (2, 2), "{fault:?}");
    }
}

#[test]
fn an_entry_that_was_never_written_is_not_acknowledged() {
    let (inner, registry) = flaky(Fault::RequestLost, 1);
    let error = publish(&registry, "first").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Other);
    assert_eq!(self::registry(Box::new(inner)).catalog().unwrap().entries(), 0);
    assert_eq!(publish(&registry, "first").unwrap().entries, [1], "publishing again goes through");
}

#[test]
fn a_writer_that_was_overtaken_writes_the_next_entry() {
    let (inner, registry) = flaky(Fault::Overtaken, 1);
    assert_eq!(publish(&registry, "mine").unwrap().entries, [2]);
    let catalog = self::registry(Box::new(inner)).catalog().unwrap();
    let names: Vec<_> = catalog.esms().map(|esm| esm.name().to_string()).collect();
    assert_eq!(names, ["other", "mine"]);
}

#[test]
fn an_object_that_was_swept_before_the_entry_stood_is_put_back() {
    let (inner, registry) = flaky(Fault::Swept, 1);
    publish(&registry, "swept").unwrap();
    let report = self::registry(Box::new(inner)).verify(&|_| ()).unwrap();
    assert_eq!((report.problems.len(), report.objects), (0, 1));
}

#[test]
fn anchors_are_durable_before_their_entry_and_lost_by_no_fault() {
    let current = |inner: InMemory| {
        let registry = self::registry(Box::new(inner));
        assert_eq!(registry.verify(&|_| ()).unwrap().problems, []);
        assert_eq!(registry.fetch_anchors(&anchors().digest().unwrap()).unwrap(), anchors());
        registry.catalog().unwrap().anchors("ACME/encoder").unwrap().map(|current| current.entry())
    };
    for (fault, entry) in [(Fault::AnswerLost, 1), (Fault::Repeated, 1), (Fault::Overtaken, 2), (Fault::Swept, 1)] {
        let (inner, registry) = flaky(fault, 1);
        assert_eq!(set_anchors(&registry).unwrap().entry, Some(entry), "{fault:?}");
        assert_eq!(current(inner), Some(entry), "{fault:?}");
    }
    let (inner, registry) = flaky(Fault::RequestLost, 1);
    assert_eq!(set_anchors(&registry).unwrap_err().kind(), ErrorKind::Other);
    assert_eq!(current(inner.clone()), None, "the set is there, its entry is not");
    assert_eq!(set_anchors(&registry).unwrap().entry, Some(1), "setting it again goes through");
    assert_eq!(current(inner), Some(1));
}

#[test]
fn an_object_store_holds_a_registry_as_a_disk_does() {
    let registry = registry(Box::new(empty_store()));
    publish(&registry, "acme/reviews").unwrap();
    let catalog = registry.catalog().unwrap();
    let esm = catalog.resolve(&"acme/reviews".parse().unwrap()).unwrap();
    assert_eq!(registry.fetch(esm).unwrap().object.map().bias(), [0.0, 1.0]);
    let report = registry.verify(&|_| ()).unwrap();
    assert_eq!((report.problems.len(), report.objects, report.entries), (0, 1, 1));
}

#[test]
fn a_log_that_never_reads_the_same_is_an_error_and_not_waited_for_without_end() {
    let (inner, wavering) = flaky(Fault::Wavering, 0);
    let steady = registry(Box::new(inner));
    publish(&steady, "first").unwrap();
    publish(&steady, "second").unwrap();
    steady.storage.remove(&schema::entry(2)).unwrap();
    steady.storage.create(&schema::entry(2), b"rubbish".to_vec()).unwrap();
    let error = wavering.accept_loss(&by(), Duration::from_nanos(1)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Integrity, "{error}");
    assert_eq!(steady.catalog().unwrap().entries(), 2, "nothing is declared");
    assert_eq!(steady.accept_loss(&by(), Duration::from_nanos(1)).unwrap(), [(2, 2)]);
}
