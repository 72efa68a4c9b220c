//! Writing files of the user's.

use std::io::{self, Write};
use std::path::Path;

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
