//! Completing command lines: what could stand where the cursor is.
//!
//! Scripts for each shell call the hidden command `esmhub __complete` at every press of the key. It promises: it reads, and
//! writes nothing, not even a cache; it says nothing on stderr; it ends within [`references::PATIENCE`] of asking the
//! registry; and what it prints consists of words that need no quotes.
//!
//! Options, commands and their values come from the command line's own description, through the completion engine of
//! `clap_complete`, which is unstable and therefore pinned. Its own adapters for shells are not used: they take any run of
//! the program with `COMPLETE` in its environment for a completion, cannot complete words with `:` in bash, and leave paths
//! to no shell.

mod candidates;
mod references;
mod words;

pub(crate) use candidates::offer;
pub(crate) use words::{Typed, in_bash};

use clap::ValueEnum;

/// Shells that completions are made for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Shell {
    /// Bash, 3.2 or newer.
    Bash,
    /// Zsh.
    Zsh,
    /// Fish, 3.0 or newer.
    Fish,
    /// PowerShell.
    Powershell,
    /// Elvish, 0.18 or newer.
    Elvish,
}

impl Shell {
    /// Its name on the command line.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Bash => "bash",
            Self::Zsh => "zsh",
            Self::Fish => "fish",
            Self::Powershell => "powershell",
            Self::Elvish => "elvish",
        }
    }

    /// What the shell has to read.
    pub(crate) const fn script(self) -> &'static str {
        match self {
            Self::Bash => include_str!("scripts/esmhub.bash"),
            Self::Zsh => include_str!("scripts/esmhub.zsh"),
            Self::Fish => include_str!("scripts/esmhub.fish"),
            Self::Powershell => include_str!("scripts/esmhub.ps1"),
            Self::Elvish => include_str!("scripts/esmhub.elv"),
        }
    }
}
