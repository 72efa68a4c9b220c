//! A panic that reached the top. It is always a bug, and must not look like any other failure.

use std::panic::PanicHookInfo;
use std::sync::Mutex;

use crate::document::printable;
use crate::say;

/// A bug in esmhub.
const BUG: u8 = 101;

/// What the last panic said. It is printed only when nothing has caught it: readers of hostile files guard their calls into
/// libraries that can panic.
static LAST_PANIC: Mutex<String> = Mutex::new(String::new());

/// The panic hook: remembers, and prints nothing.
pub(crate) fn remember_panic(panic: &PanicHookInfo<'_>) {
    let what = panic.payload_as_str().unwrap_or("no message");
    let place = panic.location().map(ToString::to_string).unwrap_or_default();
    if let Ok(mut last) = LAST_PANIC.lock() {
        *last = format!("{what} ({place})");
    }
}

/// Says that a panic reached the top. It is always a bug: every input has an error of its own.
pub(crate) fn report_bug() -> u8 {
    let what = LAST_PANIC.lock().map(|last| last.clone()).unwrap_or_default();
    let version = env!("CARGO_PKG_VERSION");
    say::line(format_args!(
        "error: this is a bug in esmhub {version}: {}\n\n\
         hint: nothing acknowledged is lost; please report it with the command that you ran",
        printable(&what)
    ));
    BUG
}
