//! Who may read and write, and what may lie in a registry's folders.

use std::fs;
use std::path::Path;
use std::process::Command;

use esmhub_registry::{ErrorKind, Registry, Settings};

use crate::support::*;

const CHILD: &str = "ESMHUB_TEST_SHARED_CHILD";

#[test]
#[cfg(unix)]
fn a_read_only_registry_can_be_listed_and_read() {
    use std::os::unix::fs::PermissionsExt;
    let pool = Pool::new();
    pool.publish("a", 1);
    let set = |mode_of_folders: u32| {
        let folders = snapshot(&pool.root()).into_keys().filter(|path| path.is_dir());
        for folder in folders.chain([pool.root()]).collect::<Vec<_>>() {
            fs::set_permissions(folder, fs::Permissions::from_mode(mode_of_folders)).unwrap();
        }
    };
    set(0o555);
    let binding = fs::write(pool.file("probe"), b"").is_err();
    if !binding {
        eprintln!("SKIPPED a_read_only_registry_can_be_listed_and_read: permissions do not bind this user (root)");
        set(0o755);
        return;
    }
    let registry = pool.open_indexed();
    let catalog = registry.catalog().unwrap();
    assert!(registry.fetch(catalog.resolve(&reference("a")).unwrap()).is_ok());
    assert!(registry.verify(&|_| ()).unwrap().is_sound());
    assert_eq!(publish(&registry, &[esm("a", 1)]).unwrap().entries, [0; 0], "nothing is new");
    let refused = publish(&registry, &[esm("b", 2)]).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Other);
    assert!(refused.hint().unwrap().contains("access"), "{refused}");
    set(0o755);
}

/// In a process of its own, because the umask belongs to the process.
#[test]
#[cfg(unix)]
fn a_shared_registry_is_for_the_group_whatever_the_umask() {
    use std::os::unix::fs::PermissionsExt;
    for (shared, umask) in [(true, "077"), (true, "022"), (false, "077"), (false, "022")] {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("pool");
        let status = Command::new("sh")
            .args(["-c", &format!("umask {umask}; exec \"$0\" \"$@\"")])
            .arg(std::env::current_exe().unwrap())
            .args(["--exact", "access::child_that_makes_and_fills_a_registry"])
            .env(CHILD, &root)
            .env("ESMHUB_TEST_SHARED", shared.to_string())
            .output()
            .unwrap();
        assert!(status.status.success(), "{}", String::from_utf8_lossy(&status.stdout));
        let paths: Vec<_> = snapshot(&root).into_keys().chain([root.clone()]).collect();
        assert!(paths.len() > 7);
        for path in paths {
            let found = fs::metadata(&path).unwrap();
            let mode = found.permissions().mode() & 0o7777;
            let expected = match (shared, found.is_dir(), umask) {
                (true, true, "077") => 0o2770,
                (true, true, _) => 0o2775,
                (true, false, "077") => 0o440,
                (false, true, "077") => 0o700,
                (false, true, _) => 0o755,
                (false, false, "077") => 0o400,
                (_, false, _) => 0o444,
            };
            assert_eq!(mode, expected, "{} has {mode:o}", path.display());
        }
    }
}

#[test]
fn child_that_makes_and_fills_a_registry() {
    let Ok(root) = std::env::var(CHILD) else { return };
    let settings = Settings { shared: std::env::var("ESMHUB_TEST_SHARED").unwrap() == "true", ..Settings::default() };
    Registry::init(Path::new(&root), &settings, None).unwrap();
    // Opened, as every later writer has it: what is shared stands in the marker.
    let registry = Registry::open(Path::new(&root), None).unwrap();
    publish(&registry, &[esm("a", 1), esm("b", 2)]).unwrap();
}

#[test]
#[cfg(unix)]
fn a_symbolic_link_is_not_taken_for_a_file_of_the_registry() {
    use std::os::unix::fs::symlink;
    let pool = Pool::new();
    publish(&pool.open(), &[esm("a", 1)]).unwrap();
    pool.publish("b", 2);
    let registry = pool.open();
    let outside = pool.folder.path().join("outside");

    let object_path = pool.object(&object(1).digest());
    fs::rename(&object_path, &outside).unwrap();
    symlink(&outside, &object_path).unwrap();
    let catalog = registry.catalog().unwrap();
    let error = registry.fetch(catalog.resolve(&reference("a")).unwrap()).unwrap_err();
    assert!(error.to_string().contains("a symbolic link stands where"), "{error}");
    assert_eq!(error.kind(), ErrorKind::Integrity);
    assert_eq!(publish(&registry, &[esm("c", 1)]).unwrap_err().kind(), ErrorKind::Integrity);
    fs::rename(&outside, &object_path).unwrap();

    fs::rename(pool.entry(1), &outside).unwrap();
    symlink(&outside, pool.entry(1)).unwrap();
    let catalog = registry.catalog().unwrap();
    assert_eq!(catalog.damaged().len(), 1);
    assert_eq!(publish(&registry, &[esm("c", 3)]).unwrap_err().kind(), ErrorKind::Integrity);
    fs::rename(&outside, pool.entry(1)).unwrap();

    fs::rename(pool.file("objects"), &outside).unwrap();
    symlink(&outside, pool.file("objects")).unwrap();
    let before = snapshot(&outside);
    assert_eq!(publish(&pool.open(), &[esm("d", 4)]).unwrap_err().kind(), ErrorKind::Integrity);
    assert_eq!(snapshot(&outside), before, "written through a link");
}

#[test]
#[cfg(target_os = "linux")]
fn a_pipe_in_the_place_of_a_file_does_not_hang_anyone() {
    use rustix::fs::{CWD, FileType, Mode, mknodat};
    let pool = Pool::new();
    pool.publish("a", 1);
    pool.publish("b", 2);
    for path in [pool.object(&object(1).digest()), pool.entry(2)] {
        fs::remove_file(&path).unwrap();
        mknodat(CWD, &path, FileType::Fifo, Mode::RWXU, 0).unwrap();
    }
    let registry = pool.open();
    let catalog = registry.catalog().unwrap();
    assert_eq!(catalog.damaged().len(), 1);
    let esm = catalog.resolve(&reference("a:v1")).unwrap();
    assert_eq!(registry.fetch(esm).unwrap_err().kind(), ErrorKind::Integrity);
    assert_eq!(registry.verify(&|_| ()).unwrap().problems.len(), 2);
}

#[test]
#[cfg(unix)]
fn a_link_to_a_registry_is_that_registry() {
    let pool = Pool::new();
    let link = pool.folder.path().join("link");
    std::os::unix::fs::symlink(pool.root(), &link).unwrap();
    let registry = Registry::open(&link, None).unwrap();
    assert_eq!(*registry.location(), fs::canonicalize(pool.root()).unwrap().into());
}

#[test]
fn odd_characters_in_the_path_of_a_registry_do_not_matter() {
    let folder = tempfile::tempdir().unwrap();
    for odd in ["a b", "50% off", "pool#1", "per%20cent", "naïve", "a?b&c", "[x]"] {
        let root = folder.path().join(odd);
        Registry::init(&root, &Settings::default(), None).unwrap();
        let registry = Registry::open(&root, None).unwrap();
        publish(&registry, &[esm("a", 1)]).unwrap();
        let catalog = registry.catalog().unwrap();
        assert!(registry.fetch(catalog.resolve(&reference("a")).unwrap()).is_ok(), "{odd}");
        assert!(root.join("log/00000000000000000001").is_file(), "{odd}");
        assert!(registry.verify(&|_| ()).unwrap().strays.is_empty());
    }
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 7);
}

#[test]
#[cfg(target_os = "linux")]
fn a_path_that_is_not_text_is_refused() {
    use std::os::unix::ffi::OsStrExt;
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join(std::ffi::OsStr::from_bytes(b"pool\xff"));
    let error = Registry::init(&root, &Settings::default(), None).err().unwrap();
    assert!(error.to_string().contains("not UTF-8"), "{error}");
}
