//! Writing files of the user's.

use std::io::{self, Write};
use std::path::Path;

/// Puts a file in its place whole or not at all: it is written beside it, reaches stable storage, and is renamed. What was
/// there is replaced, a link by the file.
///
/// # Errors
/// Those of the file system; then what was there is as it was.
pub(crate) fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let mut builder = tempfile::Builder::new();
    builder.prefix(".esmhub-");
    // Temporary files are private; this one gets the mode that any new file would have.
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        builder.permissions(std::fs::Permissions::from_mode(0o666));
    }
    let mut file = builder.tempfile_in(folder)?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    file.persist(path)?;
    Ok(())
}
