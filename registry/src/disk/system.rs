//! What the operating system must do for a file to last, and to be for a group.

use std::fs::{self, File};
use std::io;
use std::path::Path;

use crate::RegistryError;
use crate::error::SYNC;

/// Waits until a file or a directory is on stable storage.
pub(crate) fn sync(path: &Path) -> Result<(), RegistryError> {
    // Directories can be synced on Unix only; elsewhere opening one fails.
    if cfg!(not(unix)) && path.is_dir() {
        return Ok(());
    }
    File::open(path).and_then(|file| file.sync_all()).map_err(|error| RegistryError::io(SYNC, path, error))
}

/// Sets the modes of a shared registry's folder: the group may write, and what is made inside belongs to the group.
pub(crate) fn share_folder(path: &Path) -> io::Result<()> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = fs::metadata(path)?.permissions().mode();
        if mode & 0o2070 != 0o2070 {
            fs::set_permissions(path, fs::Permissions::from_mode(mode | 0o2070))?;
        }
    }
    Ok(())
}

/// Sets the mode of a shared registry's file: the group may read it.
pub(super) fn share_file(file: &File) -> io::Result<()> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = file.metadata()?.permissions().mode();
        file.set_permissions(fs::Permissions::from_mode(mode | 0o440))?;
    }
    Ok(())
}

/// Renames, and refuses to replace.
#[cfg(any(target_os = "linux", target_vendor = "apple"))]
pub(super) fn rename_exclusively(from: &Path, to: &Path) -> io::Result<()> {
    use rustix::fs::{CWD, RenameFlags};
    Ok(rustix::fs::renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE)?)
}

/// Exchanges the names of two things, whatever they are.
#[cfg(any(target_os = "linux", target_vendor = "apple"))]
pub(super) fn exchange(one: &Path, other: &Path) -> io::Result<()> {
    use rustix::fs::{CWD, RenameFlags};
    Ok(rustix::fs::renameat_with(CWD, one, CWD, other, RenameFlags::EXCHANGE)?)
}

#[cfg(not(any(target_os = "linux", target_vendor = "apple")))]
pub(super) fn exchange(_one: &Path, _other: &Path) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

#[cfg(not(any(target_os = "linux", target_vendor = "apple")))]
pub(super) fn rename_exclusively(_from: &Path, _to: &Path) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}
