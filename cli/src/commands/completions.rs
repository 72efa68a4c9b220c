//! `esmhub completions`, and the hidden command that the shells' scripts call.

use clap::{Args, CommandFactory};
use serde::Serialize;

use crate::arguments::Arguments;
use crate::completion::{Shell, Typed, in_bash, offer};
use crate::context::Context;
use crate::document::Document;
use crate::failure::Outcome;

/// Print the script by which a shell completes esmhub's commands, options and references
///
/// References, names and base models are completed from the registry that --registry on the line or ESMHUB_REGISTRY names.
///
/// bash: `source <(esmhub completions bash)` in ~/.bashrc. zsh: `source <(esmhub completions zsh)` in ~/.zshrc, behind
/// `compinit`. fish: `esmhub completions fish > ~/.config/fish/completions/esmhub.fish`. PowerShell: `esmhub completions
/// powershell | Out-String | Invoke-Expression` in $PROFILE. elvish: `eval (esmhub completions elvish | slurp)` in rc.elv.
#[derive(Debug, Args)]
pub(crate) struct Completions {
    /// Which shell
    shell: Shell,
}

#[derive(Serialize)]
struct CompletionsDocument {
    shell: &'static str,
    script: &'static str,
}

impl Completions {
    pub(crate) fn run(self, context: &Context) -> Outcome<u8> {
        context.emit(&CompletionsDocument { shell: self.shell.name(), script: self.shell.script() })
    }
}

impl Document for CompletionsDocument {
    const SCHEMA: &'static str = "esmhub.completions/1";

    fn table(&self) -> String {
        self.script.to_owned()
    }

    fn lines(&self) -> Vec<String> {
        self.script.lines().map(str::to_owned).collect()
    }
}

/// What the words of a command line could go on with; for the shells' scripts
#[derive(Debug, Args)]
pub(crate) struct Complete {
    /// Which of the words the cursor is in, from 0
    #[arg(long)]
    index: usize,
    /// The whole line, where the words are pieces that bash has cut it into
    #[arg(long, requires = "breaks")]
    line: Option<String>,
    /// The characters at which bash has cut it
    #[arg(long)]
    breaks: Option<String>,
    /// The words, the program's name first
    #[arg(last = true)]
    words: Vec<String>,
}

#[derive(Serialize)]
struct CompleteDocument {
    lines: Vec<String>,
}

impl Complete {
    pub(crate) fn run(self, context: &Context) -> Outcome<u8> {
        let typed = match (&self.line, &self.breaks) {
            (Some(line), Some(breaks)) => in_bash(&self.words, self.index, line, breaks),
            _ => Typed::new(self.words, self.index),
        };
        let registry = context.place().ok().map(Into::into);
        context.emit(&CompleteDocument { lines: offer(Arguments::command(), &typed, registry).lines() })
    }
}

impl Document for CompleteDocument {
    const SCHEMA: &'static str = "esmhub.complete/1";

    fn table(&self) -> String {
        self.lines.iter().flat_map(|line| [line.as_str(), "\n"]).collect()
    }

    fn lines(&self) -> Vec<String> {
        self.lines.clone()
    }
}
