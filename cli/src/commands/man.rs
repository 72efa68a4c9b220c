//! `esmhub man`: the manual, as pages for `man`.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use clap::{Args, CommandFactory};
use serde::Serialize;

use crate::arguments::Arguments;
use crate::context::{Context, PROGRAM};
use crate::document::{Document, count};
use crate::failure::{Failure, Outcome};
use crate::files;

/// Write the manual: a page for every command into a folder, or the main page to stdout
///
/// `esmhub man ~/.local/share/man/man1` puts the pages where `man esmhub-rank` finds them; `esmhub man | man -l -` shows the
/// main page.
#[derive(Debug, Args)]
pub(crate) struct Man {
    /// Where to write all pages; older ones there are replaced
    dir: Option<PathBuf>,
}

#[derive(Serialize)]
struct ManDocument {
    pages: Vec<Page>,
}

#[derive(Serialize)]
struct Page {
    /// As `man` knows it.
    name: String,
    /// Where it was written to, if it was.
    file: Option<String>,
    /// The page itself, where it was not.
    text: Option<String>,
}

impl Man {
    pub(crate) fn run(self, context: &Context) -> Outcome<u8> {
        let mut command = Arguments::command().disable_help_subcommand(true);
        // Global options and the full names of commands are known only then.
        command.build();
        let Some(folder) = self.dir else {
            let page = Page { name: name_of(&command), file: None, text: Some(render(&command)?) };
            return context.emit(&ManDocument { pages: vec![page] });
        };
        fs::create_dir_all(&folder).map_err(|error| files::cannot_write(&folder, error))?;
        let mut pages = Vec::new();
        write_all(&command, &folder, &mut pages)?;
        context.emit(&ManDocument { pages })
    }
}

/// Writes the page of a command, and those of the commands below it.
fn write_all(command: &clap::Command, folder: &Path, pages: &mut Vec<Page>) -> Outcome<()> {
    let name = name_of(command);
    let path = folder.join(format!("{name}.1"));
    files::replace(&path, render(command)?.as_bytes()).map_err(|error| files::cannot_write(&path, error))?;
    pages.push(Page { name, file: Some(path.display().to_string()), text: None });
    let mut below = command.get_subcommands().filter(|command| !command.is_hide_set());
    below.try_for_each(|command| write_all(command, folder, pages))
}

fn name_of(command: &clap::Command) -> String {
    command.get_display_name().unwrap_or_else(|| command.get_name()).to_owned()
}

/// The page, with a title and a synopsis of our own: the library leaves an empty date out, so that what follows stands in its
/// place, and lists every option twice.
fn render(command: &clap::Command) -> Outcome<String> {
    let man = clap_mangen::Man::new(command.clone());
    let mut page = Vec::new();
    let written = (|| {
        writeln!(page, ".TH {} 1 \"\" \"{PROGRAM}\" \"esmhub manual\"", name_of(command).to_uppercase())?;
        man.render_name_section(&mut page)?;
        let usage = command.clone().render_usage().to_string();
        let usage = usage.trim().strip_prefix("Usage:").unwrap_or(&usage).trim();
        writeln!(page, ".SH SYNOPSIS\n{}", usage.replace('-', "\\-"))?;
        man.render_description_section(&mut page)?;
        man.render_options_section(&mut page)?;
        if command.get_subcommands().any(|command| !command.is_hide_set()) {
            man.render_subcommands_section(&mut page)?;
        }
        if command.get_after_help().is_some() {
            man.render_extra_section(&mut page)?;
        }
        man.render_version_section(&mut page)
    })();
    written.map_err(|error: std::io::Error| Failure::io("the manual", error))?;
    // What stands behind the help are the exit codes, which have their place in a manual.
    Ok(tidy(&String::from_utf8_lossy(&page)).replace(".SH EXTRA", ".SH \"EXIT STATUS\""))
}

/// ASCII alone, since not every `man` reads the page as UTF-8; and no break beside a paragraph's space, which has one.
fn tidy(page: &str) -> String {
    let mut tidied = String::with_capacity(page.len());
    let lines: Vec<&str> = page.lines().map(str::trim_end).collect();
    for (at, line) in lines.iter().enumerate() {
        let around = [at.checked_sub(1), Some(at + 1)].map(|at| lines.get(at?));
        if *line == ".br" && around.into_iter().flatten().any(|line| line.is_empty()) {
            continue;
        }
        for c in line.chars() {
            match c {
                c if c.is_ascii() => tidied.push(c),
                c => tidied.push_str(&format!("\\[u{:04X}]", u32::from(c))),
            }
        }
        tidied.push('\n');
    }
    tidied.replace("\n\n", "\n.sp\n")
}

impl Document for ManDocument {
    const SCHEMA: &'static str = "esmhub.man/1";

    fn table(&self) -> String {
        match self.pages.as_slice() {
            [Page { text: Some(text), .. }] => text.clone(),
            pages => {
                let folder = pages.first().and_then(|page| Path::new(page.file.as_ref()?).parent());
                let folder = folder.map(|folder| folder.display().to_string()).unwrap_or_default();
                format!("wrote {} to {folder}\n", count(pages.len() as u64, "page"))
            }
        }
    }

    fn lines(&self) -> Vec<String> {
        self.pages.iter().map(|page| page.file.clone().unwrap_or_else(|| page.name.clone())).collect()
    }
}
