//! Reading and writing files of the user's.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::Path;

use crate::failure::{Failure, OTHER, Outcome};

/// Puts a file in its place whole or not at all: it is written beside it, reaches stable storage, and is renamed. What was
/// there is replaced, a link by the file.
///
/// # Errors
/// Those of the file system; then what was there is as it was.
pub(crate) fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(".esmhub-");
    // Temporary files are private; this one gets the mode that any new file would have.
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        builder.permissions(std::fs::Permissions::from_mode(0o666));
    }
    let mut file = builder.tempfile_in(folder_of(path))?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    file.persist(path)?;
    Ok(())
}

/// The folder that a file lies in, or is to.
pub(crate) fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// The failure to write a file or a folder of the user's.
pub(crate) fn cannot_write(path: &Path, error: io::Error) -> Failure {
    let advice = match error.kind() {
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            "choose a place that you may write to".to_owned()
        }
        io::ErrorKind::NotFound if !folder_of(path).is_dir() => {
            format!("make the folder first: {}", folder_of(path).display())
        }
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            "free some space, or choose another disk".to_owned()
        }
        _ => "choose another place".to_owned(),
    };
    Failure::io(format!("{} cannot be written", path.display()), error).hint(advice)
}

/// That a file could be written there, before the work for it begins.
///
/// # Errors
/// [`cannot_write`].
pub(crate) fn require_writable(path: &Path) -> Outcome<()> {
    let tried = tempfile::Builder::new().prefix(".esmhub-").tempfile_in(folder_of(path));
    tried.map(drop).map_err(|error| cannot_write(path, error))
}

/// A file's bytes; `None` where it has more than `most`.
pub(crate) fn read_limited(path: &Path, most: u64) -> Outcome<Option<Vec<u8>>> {
    let mut bytes = Vec::new();
    let read = File::open(path).and_then(|file| file.take(most + 1).read_to_end(&mut bytes));
    read.map_err(|error| Failure::io(path.display(), error))?;
    Ok((bytes.len() as u64 <= most).then_some(bytes))
}

/// That a file may be written with this option: there is none, or one of the same kind, and nothing else is replaced. A typing error
/// must not be the end of what somebody else has there.
pub(crate) fn require_place(path: &Path, (option, kind): (&str, &str), is_own: impl Fn() -> bool) -> Outcome<()> {
    let found = match path.symlink_metadata() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return require_writable(path),
        found => found.map_err(|error| Failure::io(path.display(), error))?,
    };
    if found.is_file() && is_own() {
        return require_writable(path);
    }
    Err(Failure::new(OTHER, format!("{} is there already and is no {kind}", path.display()))
        .hint(format!("give another file to {option}, or move it away")))
}
