//! A publish and a garbage collection on one registry, stopped and killed at every step of each other.
//!
//! The content that is published was published before, under a name that has been removed: so it is there, is not needed, and
//! the collection takes it out while the publisher relies on it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

mod endings;
mod losses;

use std::fmt;
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::Duration;

use async_trait::async_trait;
use futures::stream::BoxStream;
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{
    CopyOptions, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore, PutMultipartOptions,
    PutOptions, PutPayload, PutResult, Result,
};

use crate::faults::{by, empty_store, publish, publish_batch, registry};
use crate::{GcOptions, Registry, RegistryError};

/// How far an actor may go, and how far it has come.
#[derive(Debug, Default)]
struct Progress {
    /// Requests that it has made.
    made: usize,
    /// Requests that it may make.
    granted: usize,
    /// Whether it dies at the next one instead of waiting.
    killed: bool,
    done: bool,
}

/// Where an actor waits for its next request to be granted.
#[derive(Debug, Default)]
struct Turnstile {
    progress: Mutex<Progress>,
    changed: Condvar,
}

impl Turnstile {
    /// Called before each request.
    fn pass(&self) -> Result<()> {
        let mut progress = self.progress.lock().unwrap();
        progress.made += 1;
        // Threads of one actor each wait with the number of their own request.
        let number = progress.made;
        self.changed.notify_all();
        while number > progress.granted {
            if progress.killed {
                return Err(object_store::Error::Generic { store: "Stepped", source: "the process was killed".into() });
            }
            progress = self.changed.wait(progress).unwrap();
        }
        Ok(())
    }

    /// Lets it make so many requests in all, and waits until it wants one more or is done.
    fn grant(&self, requests: usize) {
        let mut progress = self.progress.lock().unwrap();
        progress.granted = requests;
        self.changed.notify_all();
        while !progress.done && progress.made <= requests {
            progress = self.changed.wait_timeout(progress, Duration::from_secs(20)).unwrap().0;
        }
    }

    /// Lets none of its further requests through.
    fn kill(&self) {
        self.progress.lock().unwrap().killed = true;
        self.changed.notify_all();
    }

    fn finish(&self) {
        self.progress.lock().unwrap().done = true;
        self.changed.notify_all();
    }
}

/// A store whose requests wait at a turnstile.
#[derive(Debug)]
struct Stepped {
    inner: InMemory,
    turnstile: Arc<Turnstile>,
}

impl fmt::Display for Stepped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Stepped")
    }
}

#[async_trait]
impl ObjectStore for Stepped {
    async fn put_opts(&self, to: &Path, payload: PutPayload, options: PutOptions) -> Result<PutResult> {
        self.turnstile.pass()?;
        self.inner.put_opts(to, payload, options).await
    }

    async fn put_multipart_opts(&self, to: &Path, options: PutMultipartOptions) -> Result<Box<dyn MultipartUpload>> {
        self.inner.put_multipart_opts(to, options).await
    }

    async fn get_opts(&self, from: &Path, options: GetOptions) -> Result<GetResult> {
        self.turnstile.pass()?;
        self.inner.get_opts(from, options).await
    }

    fn delete_stream(&self, places: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        match self.turnstile.pass() {
            Ok(()) => self.inner.delete_stream(places),
            Err(error) => Box::pin(futures::stream::once(async { Err(error) })),
        }
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.inner.list(prefix)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.turnstile.pass()?;
        self.inner.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.turnstile.pass()?;
        self.inner.copy_opts(from, to, options).await
    }
}

/// An actor, in a thread of its own.
struct Actor {
    turnstile: Arc<Turnstile>,
    thread: thread::JoinHandle<bool>,
}

impl Actor {
    /// Waits at its first request. `work` says whether it was acknowledged.
    fn new(store: &InMemory, work: impl FnOnce(&Registry) -> Result<(), RegistryError> + Send + 'static) -> Self {
        let turnstile = Arc::new(Turnstile::default());
        let (inner, at) = (store.clone(), Arc::clone(&turnstile));
        let thread = thread::spawn(move || {
            let acknowledged = work(&registry(Box::new(Stepped { inner, turnstile: Arc::clone(&at) }))).is_ok();
            at.finish();
            acknowledged
        });
        Self { turnstile, thread }
    }

    fn publisher(store: &InMemory) -> Self {
        Self::new(store, |registry| publish(registry, "again").map(|_| ()))
    }

    /// Of several objects, one of which is there, is not needed, and may be taken out at any moment.
    fn batch_publisher(store: &InMemory) -> Self {
        Self::new(store, |registry| publish_batch(registry, "again").map(|_| ()))
    }

    fn collector(store: &InMemory) -> Self {
        Self::new(store, |registry| registry.collect_garbage(&by(), &GcOptions::default()).map(|_| ()))
    }

    /// To its end; whether it was acknowledged, and how many requests it took.
    fn finish(self) -> (bool, usize) {
        self.turnstile.grant(usize::MAX);
        let acknowledged = self.thread.join().unwrap();
        let made = self.turnstile.progress.lock().unwrap().made;
        (acknowledged, made)
    }

    /// Where it stands; it may have been done already, and was acknowledged then.
    fn kill(self) -> bool {
        self.turnstile.kill();
        self.thread.join().unwrap()
    }
}

/// A registry whose only reference was removed.
fn released() -> InMemory {
    let store = empty_store();
    let registry = registry(Box::new(store.clone()));
    publish(&registry, "first").unwrap();
    registry.remove(&"first:v1".parse().unwrap(), &by(), false).unwrap();
    store
}

/// Everything that is visible can be used, and an acknowledged publish is visible. `settled`: everything is where it belongs.
#[track_caller]
fn assert_whole(store: &InMemory, acknowledged: bool, settled: bool, case: &str) {
    let registry = registry(Box::new(store.clone()));
    let catalog = registry.catalog().unwrap();
    assert!(!acknowledged || catalog.resolve(&"again".parse().unwrap()).is_ok(), "{case}: lost");
    let batch = ["again", "second", "third"].map(|name| catalog.resolve(&name.parse().unwrap()).is_ok());
    assert!([[false; 3], [true, false, false], [true; 3]].contains(&batch), "{case}: a part of the batch: {batch:?}");
    for esm in catalog.esms() {
        assert!(registry.fetch(esm).is_ok(), "{case}: {} cannot be used", esm.reference());
    }
    let report = registry.verify(&|_| ()).unwrap();
    assert_eq!(report.problems, [], "{case}");
    assert!(!settled || report.displaced.is_empty(), "{case}: left in the trash");
}

/// How many requests publish and collection make when nobody interferes.
fn lengths() -> (usize, usize) {
    (Actor::publisher(&released()).finish().1, Actor::collector(&released()).finish().1)
}

/// Two actors that take turns: the first goes to `turns.0`, the second to `turns.1`, the first to `turns.2`; and then both end
/// in every way in which they can.
fn take_turns(begin: [fn(&InMemory) -> Actor; 2], publisher: Option<usize>, turns: (usize, usize, usize)) {
    for ending in ["first, second", "second, first", "kill first", "kill second"] {
        let case = format!("{turns:?}, the publisher is {publisher:?}, then: {ending}");
        let store = released();
        let [first, second] = begin.map(|begin| begin(&store));
        first.turnstile.grant(turns.0);
        second.turnstile.grant(turns.1);
        first.turnstile.grant(turns.2);
        let acknowledged = match ending {
            "first, second" => [first.finish().0, second.finish().0],
            "second, first" => {
                let second = second.finish().0;
                [first.finish().0, second]
            }
            "kill first" => [first.kill(), second.finish().0],
            _ => {
                let second = second.kill();
                [first.finish().0, second]
            }
        };
        let nobody_killed = !ending.starts_with("kill");
        assert!(!nobody_killed || acknowledged == [true, true], "{case}: one was refused for the other's sake");
        let published = publisher.is_some_and(|publisher| acknowledged[publisher]);
        assert_whole(&store, published, nobody_killed, &case);
        assert!(Actor::collector(&store).finish().0, "{case}");
        assert_whole(&store, published, true, &format!("{case}, and collected again"));
    }
}

#[test]
fn a_publish_that_a_collection_meets_anywhere_loses_nothing_whoever_is_killed() {
    let (publish, collect) = lengths();
    assert!(publish > 5 && collect > 8, "{publish} and {collect} requests");
    for i in 0..=publish {
        for (j, more) in (0..=collect).flat_map(|j| (i..=publish).map(move |more| (j, more))) {
            take_turns([Actor::publisher, Actor::collector], Some(0), (i, j, more));
        }
    }
}

#[test]
fn a_collection_that_a_publish_meets_anywhere_loses_nothing_whoever_is_killed() {
    let (publish, collect) = lengths();
    for j in 0..=collect {
        for (i, more) in (0..=publish).flat_map(|i| (j..=collect).map(move |more| (i, more))) {
            take_turns([Actor::collector, Actor::publisher], Some(1), (j, i, more));
        }
    }
}

/// Which thread of the publisher makes a request first is not fixed: each run tries one order of many.
#[test]
fn a_batch_that_a_collection_meets_anywhere_is_whole_whoever_is_killed() {
    let (batch, collect) = (Actor::batch_publisher(&released()).finish().1, lengths().1);
    assert!(batch > lengths().0 + 4, "{batch} requests");
    for i in 0..=batch {
        for (j, more) in (0..=collect).flat_map(|j| [i, batch].map(|more| (j, more))) {
            take_turns([Actor::batch_publisher, Actor::collector], Some(0), (i, j, more));
        }
    }
    for j in 0..=collect {
        for (i, more) in (0..=batch).flat_map(|i| [j, collect].map(|more| (i, more))) {
            take_turns([Actor::collector, Actor::batch_publisher], Some(1), (j, i, more));
        }
    }
}

#[test]
fn two_collections_that_meet_anywhere_are_not_in_each_others_way_whoever_is_killed() {
    let collect = lengths().1;
    for i in 0..=collect {
        for (j, more) in (0..=collect).flat_map(|j| [i, collect].map(|more| (j, more))) {
            take_turns([Actor::collector, Actor::collector], None, (i, j, more));
        }
    }
}
