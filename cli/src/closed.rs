//! Why a registry, or a part of it, is not there for its user: what stands in its place, or who hid it and how it is opened.

use std::error::Error;
use std::fs;
use std::path::Path;

use crate::place::is_address;

/// What is where a registry was expected: whoever has mistyped a path, or whose disk is not mounted, must not be told that
/// a file is missing.
pub(crate) fn instead_of_registry(location: &Path) -> &'static str {
    match fs::metadata(location) {
        _ if is_address(location) => "esmhub.toml is missing",
        Ok(found) if !found.is_dir() => "it is a file",
        Ok(_) if fs::read_dir(location).is_ok_and(|mut entries| entries.next().is_none()) => "the directory is empty",
        Ok(_) => "esmhub.toml is missing",
        Err(_) => "the directory does not exist",
    }
}

/// Whether an error comes from a missing right.
pub(crate) fn is_denied(error: &(dyn Error + 'static)) -> bool {
    let mut cause = Some(error);
    while let Some(error) = cause {
        let is_here = |io: &std::io::Error| io.kind() == std::io::ErrorKind::PermissionDenied;
        if error.downcast_ref().is_some_and(is_here) {
            return true;
        }
        cause = error.source();
    }
    false
}

/// How the file at `path`, or the folder on the way to it, is opened to others; `None` where it is not for want of a right of
/// reading below `root` that it failed.
#[cfg(unix)]
pub(crate) fn advice(root: &Path, path: &Path) -> Option<String> {
    use std::fs::File;
    use std::io::ErrorKind::PermissionDenied;
    use std::os::unix::fs::MetadataExt;

    let inside = path.strip_prefix(root).ok()?;
    let mut at = root.to_owned();
    for part in inside.components() {
        at.push(part);
        let found = fs::metadata(&at).ok()?;
        let denied = |tried: std::io::Result<()>| tried.is_err_and(|error| error.kind() == PermissionDenied);
        let is_closed = match (found.is_dir(), found.is_file()) {
            (true, _) => denied(fs::read_dir(&at).map(drop)) || denied(fs::metadata(at.join(".")).map(drop)),
            // To open a pipe would wait for its other end.
            (_, is_file) => is_file && denied(File::open(&at).map(drop)),
        };
        if is_closed {
            return Some(format!(
                "{} belongs to {}, whose umask hid it from others: they, and whoever else published so, open all that is theirs with \
                 `chmod -R a+rX {}`",
                at.strip_prefix(root).unwrap_or(&at).display(),
                owner(found.uid()),
                root.display()
            ));
        }
    }
    None
}

/// Elsewhere nothing is known of it.
#[cfg(not(unix))]
pub(crate) fn advice(_root: &Path, _path: &Path) -> Option<String> {
    None
}

/// A user by name, as far as this machine's own list has them.
#[cfg(unix)]
fn owner(id: u32) -> String {
    let users = fs::read_to_string("/etc/passwd").unwrap_or_default();
    let named = users.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)?.parse() == Ok(id)).then(|| name.to_owned())
    });
    named.unwrap_or_else(|| format!("user {id}"))
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn owners_are_named_where_they_are_known() {
        assert_eq!(owner(0), "root");
        assert_eq!(owner(4_294_000_001), "user 4294000001");
    }

    #[test]
    fn what_is_readable_or_not_there_or_elsewhere_is_not_called_hidden() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        for path in [root.join("src/lib.rs"), root.join("src/absent/file"), "/etc/passwd".into()] {
            assert_eq!(advice(root, &path), None, "{}", path.display());
        }
    }
}
