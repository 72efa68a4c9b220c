//! Several users and their rights: who may not write can still read everything, and in a shared registry every member of
//! the group can write, whatever their umask.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::hub::Output;
use crate::support::{Hub, target};
use crate::world::{DIMENSION, Held, esm, skipped, under, works};

/// Users and groups by number: nothing has to be set up for them.
const OWNER: Member = Member { user: 61_001, group: 61_000 };
const COLLEAGUE: Member = Member { user: 61_002, group: 61_000 };
const STRANGER: Member = Member { user: 61_003, group: 61_009 };

#[derive(Clone, Copy)]
struct Member {
    user: u32,
    group: u32,
}

impl Member {
    /// The command, run by this user with this umask, who has a home of their own.
    fn command(self, hub: &Hub, umask: &str, arguments: &[&str]) -> Command {
        let home = self.home(hub);
        let mut command = Command::new(program(hub));
        command.current_dir(&home).env("HOME", &home).env("ESMHUB_REGISTRY", pool(hub)).env("ESMHUB_CACHE", "cache");
        command.env("HF_HUB_OFFLINE", "1").env("HF_ENDPOINT", "http://127.0.0.1:9").args(arguments);
        let [user, group] = [format!("--reuid={}", self.user), format!("--regid={}", self.group)];
        let script = format!("umask {umask}; exec \"$@\"");
        under(["setpriv", &user, &group, "--clear-groups", "sh", "-c", &script, "sh"], &command)
    }

    fn run(self, hub: &Hub, umask: &str, arguments: &[&str]) -> Output {
        Hub::finish(&mut self.command(hub, umask, arguments))
    }

    fn ok(self, hub: &Hub, umask: &str, arguments: &[&str]) -> String {
        let output = self.run(hub, umask, arguments);
        assert_eq!(output.code, 0, "{output:#?}");
        output.stdout
    }

    fn home(self, hub: &Hub) -> PathBuf {
        let home = hub.path(format!("home-{}", self.user));
        if !home.exists() {
            fs::create_dir(&home).unwrap();
            chown(&home, Some(self.user), Some(self.group)).unwrap();
        }
        home
    }
}

/// The command, where every user can run it.
fn program(hub: &Hub) -> PathBuf {
    hub.path("bin/esmhub")
}

fn pool(hub: &Hub) -> PathBuf {
    hub.path("shelf/pool")
}

/// A place that everybody can enter, with a folder in which the owner can make a registry; `None` where nobody can be
/// somebody else.
fn office(test: &str) -> Option<Hub> {
    if !works("setpriv", &["--reuid=61001", "--regid=61000", "--clear-groups", "true"]) {
        skipped(test, "setpriv cannot run a command as another user here");
        return None;
    }
    let hub = Hub::without_registry();
    for folder in ["bin", "shelf", "esms"] {
        fs::create_dir(hub.path(folder)).unwrap();
    }
    fs::copy(env!("CARGO_BIN_EXE_esmhub"), program(&hub)).unwrap();
    for name in ["a", "b", "c", "d"] {
        esm(&hub, name);
    }
    hub.write("t.npz", target(60, DIMENSION, 3, 1));
    open_to_all(&hub.path(""));
    chown(hub.path("shelf"), Some(OWNER.user), Some(OWNER.group)).unwrap();
    Some(hub)
}

fn open_to_all(root: &Path) {
    let found = fs::metadata(root).unwrap();
    let mode = if found.is_dir() { 0o755 } else { found.mode() | 0o444 };
    fs::set_permissions(root, fs::Permissions::from_mode(mode)).unwrap();
    if found.is_dir() {
        fs::read_dir(root).unwrap().for_each(|entry| open_to_all(&entry.unwrap().path()));
    }
}

#[test]
fn user_without_write_permission_can_read_everything() {
    let Some(hub) = office("user_without_write_permission_can_read_everything") else { return };
    OWNER.ok(&hub, "022", &["init"]);
    OWNER.ok(&hub, "022", &["publish", "../esms/a", "../esms/b"]);
    let before = crate::disk::read(&pool(&hub));
    let read = |arguments: &[&str]| STRANGER.ok(&hub, "022", arguments);
    assert_eq!(read(&["list", "-q"]), "a:v1\nb:v1\n");
    assert_eq!(read(&["rank", "../t.npz", "-q"]).lines().count(), 2);
    read(&["pull", "a"]);
    assert!(STRANGER.home(&hub).join("a/model.safetensors").is_file());
    for arguments in
        [&["verify"][..], &["show", "a"], &["log"], &["stats"], &["resolve", "b"], &["export", "a", "a.esm"]]
    {
        read(arguments);
    }
    // Again, with the index that the first commands have made; and where nothing can be kept either.
    assert_eq!(read(&["list", "-q"]), "a:v1\nb:v1\n");
    fs::set_permissions(STRANGER.home(&hub), fs::Permissions::from_mode(0o555)).unwrap();
    fs::remove_dir_all(STRANGER.home(&hub).join("cache")).unwrap();
    assert_eq!(read(&["list", "-q"]), "a:v1\nb:v1\n");
    assert_eq!(read(&["rank", "../t.npz", "-q"]).lines().count(), 2);
    read(&["verify"]);
    // What would write is refused, and says why.
    for arguments in [&["publish", "../esms/c"][..], &["yank", "a:v1"], &["remove", "a:v1"]] {
        let output = STRANGER.run(&hub, "022", arguments);
        assert_eq!(output.code, 1, "{output:#?}");
        assert!(output.stderr.contains("Permission denied"), "{output:#?}");
        assert!(output.stdout.is_empty());
    }
    assert_eq!(crate::disk::read(&pool(&hub)), before, "something was written");
}

/// "Permission denied" alone says neither what could not be done, nor where, nor what to do.
#[test]
fn what_may_not_be_read_or_written_is_named_with_what_to_do() {
    let Some(hub) = office("what_may_not_be_read_or_written_is_named_with_what_to_do") else { return };
    OWNER.ok(&hub, "022", &["init"]);
    OWNER.ok(&hub, "022", &["publish", "../esms/a", "../esms/b"]);
    let place = |name: &str| hub.path("shelf").join(name).display().to_string();
    let refused = |arguments: &[&str], said: &[&str]| {
        let output = STRANGER.run(&hub, "022", arguments);
        assert_eq!((output.code, output.stdout.as_str()), (1, ""), "{arguments:?}: {output:#?}");
        for part in ["Permission denied"].iter().chain(said) {
            assert!(output.stderr.contains(part), "{arguments:?}: {part:?} is not said: {output:#?}");
        }
        output.stderr
    };
    let elsewhere = "hint: choose a place that you may write to";
    refused(&["init", &place("new/deep")], &["shelf/new", "hint: choose a folder that you may write to", "new/deep"]);
    refused(&["demo", &place("demo")], &["shelf/demo cannot be written", elsewhere]);
    refused(&["man", &place("man")], &["shelf/man cannot be written", elsewhere]);
    refused(&["export", "a", &place("a.esm")], &["shelf/a.esm cannot be written", elsewhere]);
    for option in ["--lock", "--report", "--plot"] {
        let file = place(&format!("r.{}", if option == "--plot" { "svg" } else { "html" }));
        let said = refused(&["rank", "../t.npz", option, &file], &["shelf/r.", "cannot be written", elsewhere]);
        // The name of a temporary file tells nobody anything; and it is known before anything is ranked.
        assert!(!said.contains(".esmhub-"), "{said}");
        let absent = refused(&["rank", "absent.npz", option, &file], &["cannot be written"]);
        assert!(!absent.contains("absent"), "{absent}");
    }
    // Objects that one user may not read are neither damaged nor of another base model.
    fs::set_permissions(pool(&hub).join("objects"), fs::Permissions::from_mode(0o700)).unwrap();
    refused(&["rank", "../t.npz"], &["no ESM could be scored", "objects", "hint: ask the registry's owner for access"]);
    refused(&["pull", "a"], &["objects", "hint: ask the registry's owner for access"]);
    assert_eq!(OWNER.ok(&hub, "022", &["rank", "../t.npz", "-q"]).lines().count(), 2);
}

/// `--shared` looks after the group alone: what a publisher's umask hides from others closes the whole log to them, and advice to
/// make it shared is of no use to anybody.
#[test]
fn what_a_publishers_umask_hid_in_a_shared_registry_is_named_with_its_owner_and_a_way_to_open_it() {
    let Some(hub) = office("what_a_publishers_umask_hid_in_a_shared_registry") else { return };
    OWNER.ok(&hub, "022", &["init", "--shared"]);
    OWNER.ok(&hub, "022", &["publish", "../esms/a"]);
    assert_eq!(STRANGER.ok(&hub, "022", &["list", "-q"]), "a:v1\n");
    COLLEAGUE.ok(&hub, "077", &["publish", "../esms/b"]);
    let output = STRANGER.run(&hub, "022", &["list"]);
    assert_eq!(output.code, 1, "{output:#?}");
    let hint = format!("log/00000000000000000002 belongs to user {}, whose umask hid it from others", COLLEAGUE.user);
    for said in ["Permission denied", &hint, "chmod -R a+rX "] {
        assert!(output.stderr.contains(said) && !output.stderr.contains("init --shared"), "{said}: {output:#?}");
    }
    // As it says; what others own stays as it is, and need not be changed.
    let mut chmod = Command::new("chmod");
    chmod.args(["-R", "a+rX"]).arg(pool(&hub)).current_dir(hub.path(""));
    let user = [format!("--reuid={}", COLLEAGUE.user), format!("--regid={}", COLLEAGUE.group)];
    let done = under(["setpriv", &user[0], &user[1], "--clear-groups"], &chmod).output().unwrap();
    assert_eq!(STRANGER.ok(&hub, "022", &["list", "-q"]), "a:v1\nb:v1\n", "{done:#?}");
    // Who may not write is no case for chmod.
    let output = STRANGER.run(&hub, "022", &["publish", "../esms/c"]);
    assert!(output.code == 1 && output.stderr.contains("shared with the group of its directory"), "{output:#?}");
}

#[test]
fn members_of_the_group_can_write_whatever_their_umask() {
    for (maker, other) in [(OWNER, COLLEAGUE), (COLLEAGUE, OWNER)] {
        let Some(hub) = office("members_of_the_group_can_write_whatever_their_umask") else { return };
        chown(hub.path("shelf"), Some(maker.user), Some(maker.group)).unwrap();
        maker.ok(&hub, "077", &["init", "--shared"]);
        other.ok(&hub, "077", &["publish", "../esms/a", "../esms/b"]);
        maker.ok(&hub, "077", &["publish", "../esms/c"]);
        other.ok(&hub, "077", &["publish", "../esms/d"]);
        maker.ok(&hub, "077", &["yank", "a:v1"]);
        other.ok(&hub, "077", &["yank", "c:v1"]);
        for member in [maker, other] {
            assert_eq!(member.ok(&hub, "077", &["list", "-q"]), "b:v1\nd:v1\n");
            member.ok(&hub, "077", &["pull", "a:v1", "b", "c:v1", "d", "--output", "out"]);
            member.ok(&hub, "077", &["verify"]);
        }
        // The same again, by the other: what a colleague wrote can be relied on, and added to.
        maker.ok(&hub, "077", &["publish", "../esms/a", "--name", "again"]);
        assert_eq!(Held::in_folder(&pool(&hub)).0.len(), 5);
        modes_are_for_the_group(&pool(&hub));
        // The umask said that others are to see nothing.
        let output = STRANGER.run(&hub, "022", &["list"]);
        assert_eq!(output.code, 1, "{output:#?}");
        assert!(output.stderr.contains("Permission denied"), "{output:#?}");
    }
}

/// Folders are writable for the group and hand it on; files are readable for it, and writable for nobody.
fn modes_are_for_the_group(root: &Path) {
    let mut open = vec![root.to_owned()];
    while let Some(path) = open.pop() {
        let found = fs::symlink_metadata(&path).unwrap();
        let (mode, path_shown) = (found.mode() & 0o7777, path.display());
        assert_eq!(found.gid(), OWNER.group, "{path_shown}");
        if found.is_dir() {
            assert_eq!(mode & 0o2070, 0o2070, "{path_shown}: {mode:o}");
            open.extend(fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
        } else {
            assert_eq!(mode & 0o262, 0o040, "{path_shown}: {mode:o}");
        }
    }
}
