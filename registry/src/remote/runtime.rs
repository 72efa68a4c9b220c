//! Waiting for requests. Each thread waits for its own, with a clock for the pauses between tries.

use std::io;
use std::thread;
use std::time::{Duration, Instant};

use tokio::runtime::{Builder, Runtime};

use super::failing;

thread_local! {
    static RUNTIME: io::Result<Runtime> = Builder::new_current_thread().enable_time().build();
}

/// How often a request is made anew whose connection broke before the answer came, and the pause before the first of these.
const TRIES: u32 = 5;
const PAUSE: Duration = Duration::from_millis(100);
/// After so long no request is made again: each may have waited for half a minute.
pub(super) const DEADLINE: Duration = Duration::from_secs(60);

/// Makes a request again where it is not known what became of it.
///
/// `object_store` repeats what a server refused in passing, and of what got no answer only what changes nothing. Here all requests may
/// be repeated: what a registry writes is the same each time, and what was created already is then found there (R72).
pub(crate) fn persist<T, F: Future<Output = object_store::Result<T>>>(
    request: impl Fn() -> F,
) -> object_store::Result<T> {
    let mut tries = 0;
    let began = Instant::now();
    loop {
        match wait(request()) {
            Err(error) if tries < TRIES && began.elapsed() < DEADLINE && failing::is_unanswered(&error) => {
                thread::sleep(PAUSE * (1 << tries));
                tries += 1;
            }
            answered => return answered,
        }
    }
}

/// Runs a request to its end, its repetitions included.
///
/// The registry's work is done by threads that wait, one request each: a sync of a disk or an answer of a store is the same to them.
pub(crate) fn wait<T>(request: impl Future<Output = object_store::Result<T>>) -> object_store::Result<T> {
    RUNTIME.with(|runtime| match runtime {
        Ok(runtime) => runtime.block_on(request),
        Err(error) => Err(object_store::Error::Generic {
            store: "runtime",
            source: io::Error::new(error.kind(), error.to_string()).into(),
        }),
    })
}
