//! What goes to stderr: all that is not the document. A stderr that cannot be written (a full disk under `2> FILE`, a reader that
//! has gone) changes nothing about what a command does, and its exit code still says how it ended.

use std::fmt::Display;
use std::io::Write;

/// A line on stderr.
pub(crate) fn line(text: impl Display) {
    write(&format!("{text}\n"));
}

/// Text that has its line ends already, on stderr.
///
/// In one piece: lines of several threads or commands must not run into each other.
pub(crate) fn write(text: &str) {
    // Where nobody can read it, there is nobody to be told.
    let _ = anstream::stderr().lock().write_all(text.as_bytes());
}

/// Advice, on stderr, below what it is about.
pub(crate) fn hint(text: impl Display) {
    line(format_args!("\nhint: {text}"));
}
