//! The whole program, from its arguments to its exit code.

use std::ffi::OsString;
use std::process::ExitCode;

use clap::builder::StyledStr;
use clap::error::{ContextKind, ContextValue};
use clap::{CommandFactory, Parser};

use crate::arguments::Arguments;
use crate::{bug, commands, help, say};

/// Prints why a command line is refused, or what it asks clap for, and ends the process.
fn refuse(mut error: clap::Error, words: &[OsString]) -> ! {
    // clap's own has what was given, and what the environment gives, as if the command asked for it.
    if error.get(ContextKind::Usage).is_some() {
        error.insert(ContextKind::Usage, ContextValue::StyledStr(usage(words)));
    }
    let code = error.exit_code();
    // Where nobody can read it, the exit code still says it.
    let _ = error.print();
    if let Some(hint) = commands::hint_for(&error) {
        say::hint(hint);
    }
    std::process::exit(code)
}

/// How the command is used that a command line names.
fn usage(words: &[OsString]) -> StyledStr {
    let mut command = Arguments::command();
    command.build();
    let mut named = &command;
    for word in words.iter().skip(1) {
        named = named.find_subcommand(word).unwrap_or(named);
    }
    named.clone().render_usage()
}

/// Does what the command line says.
pub fn run() -> ExitCode {
    std::panic::set_hook(Box::new(bug::remember_panic));
    let words: Vec<OsString> = std::env::args_os().collect();
    help::print_if_wanted(&Arguments::command(), &words);
    let arguments = Arguments::try_parse_from(&words).unwrap_or_else(|error| refuse(error, &words));
    // A bug must not look like any other failure: exit code 101, whichever thread it happens on.
    let code = std::panic::catch_unwind(move || commands::run(arguments));
    ExitCode::from(code.unwrap_or_else(|_| bug::report_bug()))
}
