//! Writing files of the user's.

use std::io::{self, Write};
use std::path::Path;

use crate::failure::{Failure, Outcome};

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
