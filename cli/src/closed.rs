//! What of a registry its user may not read, whose it is, and how it is opened.

use std::path::Path;

/// How the file at `path`, or the folder on the way to it, is opened to others; `None` where it is not for want of a right of
/// reading below `root` that it failed.
#[cfg(unix)]
pub(crate) fn advice(root: &Path, path: &Path) -> Option<String> {
    use std::fs::{self, File};
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
    let users = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
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
