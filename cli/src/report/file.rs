//! A file that is written whole or not at all.

use std::fs;
use std::path::{Path, PathBuf};

use crate::failure::{Failure, Outcome};
use crate::files::{cannot_write, folder_of, replace, require_writable};

/// A file that is to be written, checked before there is anything to write.
#[derive(Debug, Clone)]
pub(crate) struct Page {
    path: PathBuf,
}

impl Page {
    /// Where this file may be written: into a folder that is there, under a name that says what it is, over nothing but an earlier
    /// file of its own kind, and never over what is read. `option` names the file, and writes `what`.
    ///
    /// # Errors
    /// That name the path.
    pub(crate) fn check(
        path: &Path,
        (option, what): (&str, &str),
        extensions: &[&str],
        read: Option<&Path>,
    ) -> Outcome<Self> {
        let shown = path.display();
        let is_known = |found: &str| extensions.iter().any(|known| found.eq_ignore_ascii_case(known));
        if !path.extension().and_then(|found| found.to_str()).is_some_and(is_known) {
            let ends = extensions.iter().map(|known| format!(".{known}")).collect::<Vec<_>>().join(" or ");
            return Err(Failure::usage(format!(
                "{shown}: {option} writes {what}, expected a name that ends in {ends}"
            ))
            .hint(format!("write {option} {}", path.with_extension(extensions.first().unwrap_or(&"")).display())));
        }
        let parent = folder_of(path);
        if !parent.is_dir() {
            return Err(Failure::usage(format!("{shown}: there is no folder {}", parent.display())));
        }
        match fs::symlink_metadata(path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(Failure::io(shown, error)),
            Ok(found) if !found.is_file() => {
                return Err(Failure::usage(format!("{shown} is there already and is no file"))
                    .hint("choose another name, or move it away"));
            }
            // A slip of the tongue must not cost a data set.
            Ok(_) if read.is_some_and(|read| same(path, read)) => {
                return Err(Failure::usage(format!("{shown} is what is ranked, and would be written over"))
                    .hint("choose another name"));
            }
            Ok(_) => {}
        }
        require_writable(path)?;
        Ok(Self { path: path.to_owned() })
    }

    /// Writes it, whole or not at all.
    pub(crate) fn write(&self, text: &str) -> Outcome<()> {
        replace(&self.path, text.as_bytes()).map_err(|error| {
            cannot_write(&self.path, error)
                .hint("the ranking itself is complete: run the command again with another path")
        })
    }
}

fn same(a: &Path, b: &Path) -> bool {
    fs::canonicalize(a).is_ok_and(|a| fs::canonicalize(b).is_ok_and(|b| a == b))
}
