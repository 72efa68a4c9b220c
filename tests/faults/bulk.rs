//! A batch: how many syncs it waits for, and that each of them counts.
//!
//! Objects are synced side by side, and every folder once for all the objects in it, before the log entry is written. `bench/bulk`
//! says what that is worth.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::shim::Shim;
use crate::support::{Hub, line};
use crate::trace::{Operation, Recorded, can_trace, record};
use crate::world::{Held, esm, figure, skipped};

/// Enough that some of 256 folders hold more than one object.
const BATCH: usize = 40;
/// The syncs of a command besides those of the objects and their folders: `objects/`, the registry, the folder of the log,
/// and the entry. The registry's once for the names of `objects/` and of `log/` each.
const CONSTANT: usize = 5;

/// What was synced, file by file and folder by folder.
struct Syncs {
    objects: usize,
    folders: usize,
    others: usize,
}

impl Syncs {
    fn of(recorded: &[Recorded], pool: &Path) -> Self {
        let mut syncs = Self { objects: 0, folders: 0, others: 0 };
        for one in recorded {
            let Operation::Sync(path) = &one.operation else {
                assert_ne!(one.operation, Operation::SyncAll, "what others wrote is waited for as well");
                continue;
            };
            match path.strip_prefix(pool.join("objects")).map(|below| below.iter().count()) {
                Ok(2) => syncs.objects += 1,
                Ok(1) => syncs.folders += 1,
                _ => syncs.others += 1,
            }
        }
        syncs
    }
}

/// The folders in which there are objects.
fn folders(pool: &Path) -> BTreeSet<PathBuf> {
    std::fs::read_dir(pool.join("objects")).unwrap().map(|folder| folder.unwrap().path()).collect()
}

#[test]
fn batch_waits_once_for_each_object_and_once_for_each_folder() {
    if !can_trace() {
        return skipped("batch_waits_once_for_each_object_and_once_for_each_folder", "strace cannot trace here");
    }
    // A folder that is for a group is synced once more: its mode lasts before its name is seen.
    for (init, new_folder) in [("init", 1), ("init --shared", 2)] {
        // Two threads that make one folder at the same moment may both sync it.
        assert!((0..3).any(|_| folders_are_synced_once(init, new_folder)), "{init}: too many syncs of folders");
    }
}

/// Publishes one ESM and a batch; whether no folder was synced twice.
fn folders_are_synced_once(init: &str, new_folder: usize) -> bool {
    let hub = Hub::without_registry();
    let esms: Vec<String> = (0..BATCH).map(|at| esm(&hub, &format!("bulk-{at}"))).collect();
    hub.ok(line(init));
    let pool = hub.path("pool").canonicalize().unwrap();
    let publish = |batch: &[String]| {
        let mut command = hub.command();
        command.arg("publish").args(batch).arg("--no-cache");
        Syncs::of(&record(&command, &pool), &pool)
    };
    let first = publish(&esms[..1]);
    assert_eq!((first.objects, first.folders), (1, new_folder), "{init}: one ESM");
    assert!(first.others <= CONSTANT, "{init}: one ESM: {} syncs", first.others);

    let before = folders(&pool);
    let batch = publish(&esms[1..]);
    let all = folders(&pool);
    assert!(all.len() < BATCH, "no two objects share a folder: nothing is tested");
    let made = all.difference(&before).count();
    assert_eq!(batch.objects, BATCH - 1, "{init}: of objects");
    if batch.folders > made * new_folder + before.len() {
        return false;
    }
    assert!(batch.others <= CONSTANT, "{init}: {} others", batch.others);
    if init == "init" {
        figure(&format!("bulk, syncs for {} ESMs", BATCH - 1), batch.objects + batch.folders + batch.others);
    }

    // What is there already may be a colleague's, who has not synced it yet.
    let again = publish(&esms);
    assert_eq!((again.objects, again.folders), (BATCH, all.len()), "{init}: what was there is made to last, too");
    // Two entries hold them, and last as well.
    assert!(again.others <= CONSTANT + 1, "{init}: {} others", again.others);
    assert_eq!(Held::in_folder(&pool).0.len(), BATCH);
    true
}

#[test]
fn batch_is_not_acknowledged_whichever_of_its_syncs_fails() {
    let Some(shim) = Shim::built("batch_is_not_acknowledged_whichever_of_its_syncs_fails") else { return };
    let hub = Hub::new();
    let first = esm(&hub, "first");
    hub.ok(["publish", &first]);
    let mut failed = 0;
    for at in 1.. {
        let folders = ["a", "b", "c", "d"].map(|part| esm(&hub, &format!("sync-{at}-{part}")));
        let before = Held::in_folder(&hub.path("pool"));
        let mark = hub.path(format!("failed-{at}"));
        let mut command = hub.command();
        command.args(["publish", "--no-cache"]).args(&folders);
        let output = Hub::finish(&mut shim.with_failing_sync(command, at, &mark));
        let held = Held::in_folder(&hub.path("pool"));
        assert!(held == before || held.0.len() == before.0.len() + 4, "sync {at}: half a batch");
        if !mark.exists() {
            assert_eq!((output.code, held.0.len()), (0, before.0.len() + 4), "{output:#?}");
            break;
        }
        assert_eq!(output.code, 1, "sync {at} failed, and it was acknowledged: {output:#?}");
        assert!(output.stderr.contains("Input/output error"), "sync {at}: {output:#?}");
        hub.ok(["publish"].into_iter().chain(folders.iter().map(String::as_str)));
        failed += 1;
    }
    figure("bulk, syncs of a batch that failed, one at a time", failed);
    figure("bulk, acknowledged all the same", 0);
    // Four objects, four folders as a rule, the names of these and of `objects/`, the entry and its folder.
    assert!(failed > 8, "{failed}");
}
