//! The whole program, from its arguments to its exit code.

use std::process::ExitCode;

use clap::Parser;

use crate::{arguments, commands, failure};

/// Does what the command line says.
pub fn run() -> ExitCode {
    std::panic::set_hook(Box::new(failure::remember_panic));
    let arguments = arguments::Arguments::parse();
    // A bug must not look like any other failure: exit code 101, whichever thread it happens on.
    let code = std::panic::catch_unwind(move || commands::run(arguments));
    ExitCode::from(code.unwrap_or_else(|_| failure::report_bug()))
}
