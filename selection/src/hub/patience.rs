//! What is worth waiting for, and how long.

use std::thread;
use std::time::Duration;

use super::HubError;

/// How often a thing is tried.
const ATTEMPTS: u32 = 6;
/// What is waited after the first failure, and twice as long after each one more, where nobody says how long.
const FIRST_PAUSE: Duration = Duration::from_millis(250);
/// The hub counts requests over five minutes. Who is told to wait longer should come back another time.
const LONGEST_PAUSE: Duration = Duration::from_secs(300);

/// Why something was not had.
pub(super) struct Trouble {
    error: Box<HubError>,
    is_passing: bool,
    /// How long to wait, where the answer says that.
    pause: Option<Duration>,
}

impl Trouble {
    /// Whether waiting could help.
    pub(super) fn is_passing(&self) -> bool {
        self.is_passing
    }

    pub(super) fn into_error(self) -> HubError {
        *self.error
    }

    /// Nothing that waiting could help against.
    pub(super) fn lasting(error: HubError) -> Self {
        Self { error: error.into(), is_passing: false, pause: None }
    }

    /// The connection broke, or there was none.
    pub(super) fn of_connection(error: HubError) -> Self {
        Self { error: error.into(), is_passing: true, pause: None }
    }

    /// The hub answered with this status.
    pub(super) fn of_status(status: u16, pause: Option<Duration>, error: HubError) -> Self {
        let is_passing = matches!(status, 408 | 429 | 500 | 502..=504);
        Self { error: error.into(), is_passing: is_passing && pause.is_none_or(|pause| pause <= LONGEST_PAUSE), pause }
    }
}

/// Tries something again as long as that may help.
pub(super) fn patiently<T>(mut attempt: impl FnMut() -> Result<T, Trouble>) -> Result<T, HubError> {
    let mut pause = FIRST_PAUSE;
    for _ in 1..ATTEMPTS {
        match attempt() {
            Ok(done) => return Ok(done),
            Err(trouble) if !trouble.is_passing => return Err(*trouble.error),
            Err(trouble) => thread::sleep(trouble.pause.unwrap_or(pause)),
        }
        pause *= 2;
    }
    attempt().map_err(|trouble| *trouble.error)
}

/// The seconds of a `Retry-After` header; its other form, a date, needs clocks that agree.
pub(super) fn retry_after(value: &str) -> Option<Duration> {
    value.trim().parse().ok().map(Duration::from_secs)
}
