//! `--help`: everything that a command takes, on a screen and a half.
//!
//! clap's own long help gives each option three lines and a blank one. Here `--help` has the layout of `-h`, all options that
//! `-h` leaves out, and the long description; and what every command takes stands in `esmhub --help` alone.

use std::ffi::OsString;

use clap::builder::Resettable;
use clap::{Arg, ArgAction, Command};

/// Prints the long help and ends the process, where the command line asks for it.
pub(crate) fn print_if_wanted(command: &Command, words: &[OsString]) {
    let Some(words) = wanted(command, words) else { return };
    let is_below = words.iter().skip(1).any(|word| command.find_subcommand(word).is_some());
    // No error means that `--help` was the value of something.
    if let Err(error) = dense(command.clone(), is_below).try_get_matches_from(words) {
        error.exit();
    }
}

/// The command line with `--help` for `help COMMAND`; `None` where it asks for no long help.
fn wanted(command: &Command, words: &[OsString]) -> Option<Vec<OsString>> {
    let mut own = words.iter().take_while(|word| *word != "--");
    if own.clone().any(|word| word == "--help") {
        return Some(words.to_vec());
    }
    let program = own.next()?;
    let below: Vec<OsString> = own.cloned().collect();
    let (first, rest) = below.split_first()?;
    let known = rest.first().is_none_or(|word| command.find_subcommand(word).is_some());
    (first == "help" && known).then(|| [std::slice::from_ref(program), rest, &["--help".into()]].concat())
}

fn dense(command: Command, hide_global: bool) -> Command {
    let description = command.get_long_about().or(command.get_about()).cloned().unwrap_or_default();
    command
        .about(description)
        .disable_help_flag(true)
        .arg(
            Arg::new("help")
                .short('h')
                .long("help")
                .action(ArgAction::HelpShort)
                .help("Print help (less with -h)")
                .help_heading(Resettable::Reset),
        )
        .mut_args(move |arg| {
            let is_hidden = hide_global && arg.is_global_set();
            let arg = arg.hide_short_help(false);
            if is_hidden { arg.hide(true) } else { arg }
        })
        .mut_subcommands(move |below| {
            let below = dense(below, hide_global);
            if hide_global && !below.has_subcommands() {
                below.after_help("`esmhub --help` lists the options that every command takes.")
            } else {
                below
            }
        })
}
