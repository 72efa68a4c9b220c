//! The one document on stdout: a table for people, JSON for programs, or bare names.

mod fields;
mod table;

use std::io::{ErrorKind, Write};

use anstyle::{AnsiColor, Style};
use serde::Serialize;

pub(crate) use self::fields::{fields, fields_and_more};
pub(crate) use self::table::{columns, shortened};
use crate::failure::{Failure, Outcome};
pub(crate) use crate::printable::printable;

/// What a command has to say.
pub(crate) trait Document: Serialize {
    /// The schema's name, `esmhub.<command>/<version>`.
    const SCHEMA: &'static str;

    /// For people.
    fn table(&self) -> String;

    /// One digest or name per line.
    fn lines(&self) -> Vec<String>;

    /// What must be said beside the document, on stderr: why it is not all that was asked for. JSON says it itself.
    fn remarks(&self) -> Vec<String> {
        Vec::new()
    }

    /// What can be done about the remarks; each is printed once.
    fn hints(&self) -> Vec<String> {
        Vec::new()
    }

    /// The exit code of a command that got this far.
    fn exit_code(&self) -> u8 {
        0
    }
}

/// How a document is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// For people.
    Table,
    /// One JSON object.
    Json,
    /// One digest or name per line.
    Lines,
}

/// Prints a document. A reader that has gone away (`| head`) is no error.
pub(crate) fn print<D: Document>(document: &D, form: Form) -> Outcome<()> {
    let text = match form {
        Form::Table => document.table(),
        Form::Lines => document.lines().into_iter().map(|line| line + "\n").collect(),
        Form::Json => to_json(document)?,
    };
    let mut stdout = anstream::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(Failure::io("stdout", error)),
        _ => Ok(()),
    }
}

fn to_json<D: Document>(document: &D) -> Outcome<String> {
    #[derive(Serialize)]
    struct WithSchema<'a, D> {
        schema: &'static str,
        #[serde(flatten)]
        document: &'a D,
    }
    serde_json::to_string(&WithSchema { schema: D::SCHEMA, document }).map(|text| text + "\n").map_err(|error| {
        Failure::new(crate::failure::OTHER, format!("the document cannot be written as JSON: {error}"))
    })
}

/// Bytes for people, in powers of 1000: `83.7 KB`.
pub(crate) fn bytes(count: u64) -> String {
    const UNITS: [&str; 5] = ["KB", "MB", "GB", "TB", "PB"];
    if count < 1000 {
        return format!("{count} B");
    }
    let mut value = count as f64 / 1000.0;
    let mut units = UNITS.iter();
    let mut unit = units.next();
    while value >= 999.95 {
        match units.next() {
            Some(next) => (value, unit) = (value / 1000.0, Some(next)),
            None => break,
        }
    }
    let digits = if value < 10.0 {
        2
    } else if value < 100.0 {
        1
    } else {
        0
    };
    format!("{value:.digits$} {}", unit.unwrap_or(&"PB"))
}

/// A count with its noun: `1 ESM`, `20 ESMs`.
pub(crate) fn count(number: u64, noun: &str) -> String {
    if number == 1 { format!("1 {noun}") } else { format!("{number} {noun}s") }
}

/// The first five of several things, and how many more there are: `a, b and 3 more`.
pub(crate) fn listed<T>(things: &[T], describe: impl Fn(&T) -> String) -> String {
    const MOST: usize = 5;
    let mut text = things.iter().take(MOST).map(describe).collect::<Vec<_>>().join(", ");
    if things.len() > MOST {
        text.push_str(&format!(" and {} more", things.len() - MOST));
    }
    text
}

/// A time in a log entry, as UTC to the second.
pub(crate) fn time(milliseconds: u64) -> String {
    let at = i64::try_from(milliseconds).ok().and_then(|ms| jiff::Timestamp::from_millisecond(ms).ok());
    at.map_or_else(|| "unknown".to_owned(), |at| at.strftime("%Y-%m-%d %H:%M:%S UTC").to_string())
}

/// A heading, or a verdict that the eye should find first.
pub(crate) fn strong(text: &str) -> String {
    let style = Style::new().bold();
    format!("{style}{text}{style:#}")
}

/// A warning's first word.
pub(crate) fn warning() -> String {
    let style = AnsiColor::Yellow.on_default().bold();
    format!("{style}warning:{style:#}")
}
