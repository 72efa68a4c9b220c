//! The whole program, from its arguments to its exit code.

use std::ffi::OsString;
use std::process::ExitCode;

use clap::{CommandFactory, Parser};

use crate::arguments::Arguments;
use crate::{bug, commands, help};

/// Does what the command line says.
pub fn run() -> ExitCode {
    std::panic::set_hook(Box::new(bug::remember_panic));
    let words: Vec<OsString> = std::env::args_os().collect();
    help::print_if_wanted(&Arguments::command(), &words);
    let arguments = Arguments::parse_from(words);
    // A bug must not look like any other failure: exit code 101, whichever thread it happens on.
    let code = std::panic::catch_unwind(move || commands::run(arguments));
    ExitCode::from(code.unwrap_or_else(|_| bug::report_bug()))
}
