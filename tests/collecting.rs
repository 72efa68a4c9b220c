//! `gc` and `verify --repair` through the command: what they do, and what they say.

use std::fs;
use std::process::Command;

use serde_json::json;

use crate::support::{EsmFolder, Hub, at, damage};

/// Three ESMs, the last of which is removed.
fn pool() -> Hub {
    let hub = Hub::with(&["a", "b", "c"]);
    hub.ok(["remove", "c:v1"]);
    hub
}

fn copy(hub: &Hub, to: &str) {
    let done = Command::new("cp").arg("-r").arg(hub.path("pool")).arg(hub.path(to)).status().unwrap();
    assert!(done.success());
}

#[test]
fn bytes_of_a_removed_esm_are_freed_one_grace_period_later_and_the_rest_is_untouched() {
    let hub = Hub::without_registry();
    hub.ok(["init", "--grace", "0s"]);
    let sources: Vec<String> =
        [("a", 1), ("b", 2), ("c", 3)].iter().map(|(name, seed)| hub.esm(&EsmFolder::new(name, 8, *seed))).collect();
    hub.ok(["publish", &sources[0], &sources[1], &sources[2]]);
    hub.ok(["remove", "c:v1"]);
    let bytes = fs::metadata(hub.object_of("a")).unwrap().len();
    let dry = hub.json(["gc", "--dry-run"]);
    assert_eq!(at(&dry, ["dry_run", "kept/files", "taken_bytes"]), json!([true, 2, bytes]));
    assert_eq!(hub.json(["stats"])["objects"], 3);
    // The registry keeps to a longer grace period where one is asked for.
    let waiting = hub.json(["gc", "--grace", "1d"]);
    assert_eq!(at(&waiting, ["grace_seconds", "waiting/files", "deleted/files"]), json!([86_400, 1, 0]));
    let said = hub.ok(["gc"]);
    assert!(said.contains("1 object") && said.contains("deleted"), "{said}");
    assert_eq!(at(&hub.json(["verify"]), ["sound", "objects", "trash/files"]), json!([true, 2, 0]));
    hub.ok(["pull", "a", "b"]);
    assert_eq!(hub.ok(["gc", "-q"]), "");
}

#[test]
fn a_grace_period_that_is_none_is_refused() {
    pool().refused_saying(2, ["gc", "--grace", "soon"], &["soon", "d, h, m or s"]);
}

#[test]
fn repair_takes_objects_and_entries_from_a_copy_and_says_where_everything_went() {
    let hub = pool();
    copy(&hub, "backup");
    damage(&hub.object_of("b"));
    damage(&hub.path("pool/log/00000000000000000001"));
    let broken = hub.json_with(16, ["verify"]);
    assert_eq!(broken["repaired"], json!(null));
    assert!(broken["problems"][0]["modified"].as_u64().unwrap() > 1_700_000_000_000, "since when: {broken}");
    assert!(broken["problems"][0]["hint"].as_str().unwrap().contains("--repair"), "what to do: {broken}");
    let dry = hub.json_with(16, ["verify", "--repair", "--from", "backup", "--dry-run"]);
    assert_eq!(dry["repaired"]["restored"].as_array().unwrap().len(), 2, "{dry}");
    let repaired = hub.json(["verify", "--repair", "--from", "backup"]);
    assert_eq!(at(&repaired, ["sound", "quarantined"]), json!([true, 2]));
    assert_eq!(repaired["repaired"]["restored"].as_array().unwrap().len(), 2);
    assert!(hub.ok(["verify"]).contains("2 files in the quarantine"));
    hub.ok(["pull", "b"]);
}

#[test]
fn what_cannot_be_repaired_is_named_and_its_code_stays() {
    let hub = pool();
    damage(&hub.object_of("b"));
    let output = hub.run(["verify", "--repair"]);
    assert_eq!(output.code, 16, "{output:#?}");
    assert!(output.stdout.contains("no whole copy was found"), "{output:#?}");
    hub.refused_saying(10, ["verify", "--repair", "--from", "nowhere"], &["nowhere"]);
    hub.refused_saying(2, ["verify", "--from", "pool"], &["--repair"]);
    hub.ok(["publish", "--codec", "f32", "esms/b"]);
    assert_eq!(hub.json(["verify"])["sound"], true);
}

#[test]
fn an_entry_that_nobody_has_is_given_up_on_demand_alone_and_the_log_says_so() {
    let hub = pool();
    damage(&hub.path("pool/log/00000000000000000002"));
    fs::remove_dir_all(hub.path("cache")).unwrap();
    hub.refused_saying(16, ["yank", "a:v1"], &["log/00000000000000000002"]);
    hub.refused_saying(2, ["verify", "--accept-loss"], &["--repair"]);
    let named = hub.json_with(16, ["verify", "--repair"]);
    assert!(named["problems"][0]["hint"].as_str().unwrap().contains("--accept-loss"), "{named}");
    let dry = hub.json_with(16, ["verify", "--repair", "--accept-loss", "--dry-run"]);
    let lost = json!([{"first": 2, "last": 2}]);
    assert_eq!(at(&dry, ["repaired/lost", "lost"]), json!([lost, []]));
    let done = hub.json(["verify", "--repair", "--accept-loss"]);
    assert_eq!(at(&done, ["sound", "lost", "repaired/lost", "repaired/unresolved"]), json!([true, lost, lost, []]));
    let verified = hub.ok(["verify"]);
    assert!(
        verified.contains("log entry 2: declared lost") && verified.contains("everything else is sound"),
        "{verified}"
    );
    let missing = hub.refused(13, ["pull", "zzz", "--output", "nowhere"]);
    assert!(missing.contains("declared lost"), "{missing}");
    assert!(hub.ok(["log"]).contains("accept-loss"));
    assert_eq!(hub.json(["log"])["events"].as_array().unwrap().last().unwrap()["lost"], lost);
    hub.ok(["yank", "a:v1"]);
    hub.ok(["publish", "--codec", "f32", "esms/b"]);
    hub.ok(["gc"]);
    assert_eq!(hub.json(["verify"])["sound"], true);
}

#[test]
fn a_marker_comes_back_from_a_copy_of_the_registry_and_from_no_other() {
    let hub = pool();
    copy(&hub, "backup");
    hub.ok(["--registry", "other", "init"]);
    damage(&hub.path("pool/esmhub.toml"));
    hub.refused_saying(16, ["verify"], &["esmhub.toml", "--repair --from"]);
    hub.refused_saying(16, ["verify", "--repair", "--from", "other"], &["esmhub.toml", "no log entry"]);
    let dry = hub.json_with(16, ["verify", "--repair", "--from", "backup", "--dry-run"]);
    assert_eq!(dry["problems"][0]["what"], "marker");
    let repaired = hub.json(["verify", "--repair", "--from", "backup"]);
    assert_eq!(at(&repaired, ["sound", "quarantined"]), json!([true, 1]));
    assert!(hub.ok(["verify"]).contains("1 file in the quarantine: nothing needs it, "));
    assert_eq!(repaired["repaired"]["restored"][0]["place"], "esmhub.toml");
    hub.ok(["pull", "b"]);
}

/// Backups are older than what users have seen.
#[test]
fn a_registry_that_was_restored_from_an_older_backup_is_named_as_that() {
    let hub = pool();
    copy(&hub, "backup");
    hub.ok(["yank", "a:v1"]);
    hub.ok(["yank", "b:v1"]);
    hub.ok(["list"]);
    fs::remove_dir_all(hub.path("pool")).unwrap();
    fs::rename(hub.path("backup"), hub.path("pool")).unwrap();
    let last = hub.json_with(16, ["verify"]);
    let problems = last["problems"].as_array().unwrap();
    assert_eq!(problems.len(), 1, "{last}");
    assert_eq!(problems[0]["place"], "log/00000000000000000004");
    assert!(problems[0]["detail"].as_str().unwrap().contains("ends with entry 2"), "{last}");
    assert!(problems[0]["hint"].as_str().unwrap().contains("older backup"), "{last}");
    // This user's index has what the backup lacks.
    assert_eq!(hub.json(["verify", "--repair"])["repaired"]["restored"].as_array().unwrap().len(), 2);
    assert_eq!(hub.json(["log"])["events"].as_array().unwrap().len(), 6);
}

/// What one had seen published is gone then, and only one's own index still has it.
#[test]
fn a_registry_that_others_went_on_from_an_older_backup_is_named_as_that() {
    let hub = pool();
    copy(&hub, "backup");
    hub.ok(["publish", "--codec", "f32", "esms/a", "--name", "mine"]);
    fs::remove_dir_all(hub.path("pool")).unwrap();
    fs::rename(hub.path("backup"), hub.path("pool")).unwrap();
    let colleague = Hub::finish(hub.command().env("ESMHUB_CACHE", hub.path("theirs")).args(["yank", "a:v1"]));
    assert_eq!(colleague.code, 0, "{colleague:#?}");
    let listed = hub.run(["list"]);
    assert_eq!(listed.code, 0, "{listed:#?}");
    assert!(listed.stderr.contains("from log entry 3 on") && listed.stderr.contains("mine:v1"), "{listed:#?}");
    assert_eq!(hub.run(["list"]).stderr, "", "it is said once");
}

#[test]
fn a_log_whose_folder_is_gone_is_no_empty_pool_and_comes_back() {
    let hub = pool();
    copy(&hub, "backup");
    fs::remove_dir_all(hub.path("cache")).unwrap();
    fs::remove_dir_all(hub.path("pool/log")).unwrap();
    for arguments in [&["list"][..], &["gc"], &["publish", "--codec", "f32", "esms/a"], &["stats"], &["log"]] {
        hub.refused_saying(16, arguments, &["log: the folder", "--from COPY"]);
    }
    let named = hub.json_with(16, ["verify", "--repair"]);
    assert_eq!(at(&named, ["problems/0/place", "repaired/unresolved"]), json!(["log", ["log"]]));
    assert!(named["problems"][0]["hint"].as_str().unwrap().contains("let them run"), "{named}");
    assert_eq!(hub.json(["verify", "--repair", "--from", "backup"])["sound"], true);
    assert_eq!(hub.json(["list"])["esms"].as_array().unwrap().len(), 2);
}

/// What is left of a registry seldom has everything, and a backup of it has its marker.
#[test]
fn what_is_left_of_a_registry_gives_what_its_backup_lacks_even_without_its_own_marker() {
    for marker in [None, Some("damaged")] {
        let hub = pool();
        copy(&hub, "backup");
        hub.ok(["publish", "--codec", "f32", "esms/a", "--name", "mine"]);
        fs::rename(hub.path("pool"), hub.path("lost")).unwrap();
        fs::rename(hub.path("backup"), hub.path("pool")).unwrap();
        fs::remove_dir_all(hub.path("cache")).unwrap();
        fs::remove_file(hub.path("lost/esmhub.toml")).unwrap();
        if let Some(text) = marker {
            hub.write("lost/esmhub.toml", text);
        }
        let repaired = hub.json(["verify", "--repair", "--from", "lost"]);
        assert_eq!(at(&repaired, ["sound", "repaired/untaken"]), json!([true, []]));
        hub.ok(["pull", "mine", "--output", "mine"]);
        // What shares no entry proves nothing.
        fs::remove_dir_all(hub.path("lost/log")).unwrap();
        let text = hub.refused(16, ["verify", "--repair", "--from", "lost"]);
        assert!(
            text.contains("lost: esmhub.toml") && text.contains("put a copy of this registry's esmhub.toml"),
            "{text}"
        );
    }
}
