//! Garbage collection and repair, killed before each of their changes: nothing is lost, and the next one goes on.

use std::fs;
use std::process::Command;

use serde_json::json;

use crate::support::{Hub, at, damage};
use crate::world::{figure, skipped, under, works};

/// The system calls by which these commands change a file system.
const CHANGES: &str = "rename,renameat,renameat2,link,linkat,unlink,unlinkat,mkdir,mkdirat,rmdir,fsync,write";

/// Three ESMs, the last of which is removed.
fn pool() -> Hub {
    let hub = Hub::with(&["a", "b", "c"]);
    hub.ok(["remove", "c:v1"]);
    hub
}

fn copy(hub: &Hub, to: &str) {
    assert!(Command::new("cp").arg("-r").arg(hub.path("pool")).arg(hub.path(to)).status().unwrap().success());
}

/// Runs the command and kills it before its n-th change; whether it was killed.
fn killed(hub: &Hub, arguments: &[&str], n: usize) -> bool {
    let mut command = hub.command();
    let (trace, inject) = (format!("trace={CHANGES}"), format!("inject={CHANGES}:signal=SIGKILL:when={n}"));
    let wrapper = ["strace", "-f", "-qq", "-o", "/dev/null", "-e", &trace, "-e", &inject];
    !under(wrapper, command.args(arguments)).output().unwrap().status.success()
}

fn can_trace(test: &str) -> bool {
    let can = works("strace", &["-o", "/dev/null", "true"]);
    if !can {
        skipped(test, "strace cannot be used here");
    }
    can
}

#[test]
fn gc_killed_before_any_of_its_changes_loses_nothing_and_can_go_on() {
    if !can_trace("gc_killed_before_any_of_its_changes_loses_nothing_and_can_go_on") {
        return;
    }
    let mut n = 1;
    loop {
        let hub = pool();
        if !killed(&hub, &["gc", "--no-cache"], n) {
            break;
        }
        assert_eq!(hub.json(["verify"])["sound"], true, "killed before change {n}");
        hub.ok(["pull", "a", "b"]);
        let done = hub.json(["gc"]);
        assert_eq!(at(&done, ["kept/files", "deleted/files"]), json!([2, 0]), "killed before change {n}");
        assert_eq!(hub.json(["verify"])["trash"]["files"], 1, "killed before change {n}");
        n += 1;
    }
    assert!(n > 6, "only {n} changes");
    figure("gc, killed before a change", n - 1);
}

#[test]
fn a_repair_killed_before_any_of_its_changes_loses_nothing_and_can_go_on() {
    if !can_trace("a_repair_killed_before_any_of_its_changes_loses_nothing_and_can_go_on") {
        return;
    }
    let mut n = 1;
    loop {
        let hub = pool();
        copy(&hub, "backup");
        let (object, entry) = (hub.object_of("b"), hub.path("pool/log/00000000000000000002"));
        damage(&object);
        damage(&entry);
        let object = fs::read(object).unwrap();
        if !killed(&hub, &["verify", "--repair", "--from", "backup", "--no-cache"], n) {
            break;
        }
        assert!(entry.exists(), "killed before change {n}: a missing entry looks like the end of the log");
        hub.ok(["pull", "a:v1"]);
        assert_eq!(hub.json(["verify", "--repair", "--from", "backup"])["sound"], true, "killed before change {n}");
        let kept = files_below(&hub, "pool/quarantine").into_iter().any(|bytes| bytes == object);
        assert!(kept, "killed before change {n}: what was damaged is kept");
        n += 1;
    }
    assert!(n > 10, "only {n} changes");
    figure("repair, killed before a change", n - 1);
}

fn files_below(hub: &Hub, folder: &str) -> Vec<Vec<u8>> {
    let runs = fs::read_dir(hub.path(folder)).unwrap().map(|run| run.unwrap().path());
    let files = runs.flat_map(|run| fs::read_dir(run).unwrap().map(|file| file.unwrap().path()));
    files.map(|file| fs::read(file).unwrap()).collect()
}
