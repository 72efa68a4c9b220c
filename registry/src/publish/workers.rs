//! A few threads at a time, so that compressing one object and waiting for the disk about another overlap.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

use super::PublishOptions;
use crate::RegistryError;

/// Does the work on every item, and collects the results. After the first error no new item is begun.
///
/// # Errors
/// One of those that occurred: that of the first item, in order, of those that were tried.
pub(super) fn each<T: Sync, K: Eq + Hash + Send, V: Send>(
    items: &[T],
    options: &PublishOptions<'_>,
    work: impl Fn(&T) -> Result<(K, V), RegistryError> + Sync,
) -> Result<HashMap<K, V>, RegistryError> {
    let next = AtomicUsize::new(0);
    let finished = AtomicUsize::new(0);
    let failed = AtomicBool::new(false);
    let results = Mutex::new((HashMap::with_capacity(items.len()), None::<(usize, RegistryError)>));
    let worker = || {
        while !failed.load(Ordering::Relaxed) {
            let at = next.fetch_add(1, Ordering::Relaxed);
            let Some(item) = items.get(at) else { return };
            let result = work(item);
            let mut results = results.lock().unwrap_or_else(PoisonError::into_inner);
            match result {
                Ok((key, value)) => {
                    results.0.insert(key, value);
                }
                Err(error) => {
                    failed.store(true, Ordering::Relaxed);
                    if results.1.as_ref().is_none_or(|(first, _)| at < *first) {
                        results.1 = Some((at, error));
                    }
                }
            }
            drop(results);
            let done = finished.fetch_add(1, Ordering::Relaxed) + 1;
            if let Some(progress) = options.progress {
                progress(done, items.len());
            }
        }
    };
    thread::scope(|scope| {
        for _ in 1..options.threads.clamp(1, items.len().max(1)) {
            scope.spawn(worker);
        }
        worker();
    });
    match results.into_inner().unwrap_or_else(PoisonError::into_inner) {
        (_, Some((_, error))) => Err(error),
        (values, None) => Ok(values),
    }
}
