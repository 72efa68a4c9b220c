//! Damage: named, never taken for "not found", and it costs no more than what it hit.

use std::fs;

use serde_json::json;

use crate::support::{Hub, at, damage, overwrite, target};

/// Three ESMs in three entries, and a target.
fn pool() -> Hub {
    let hub = Hub::new();
    for (name, seed) in [("a", 1), ("b", 2), ("c", 3)] {
        let source = hub.esm(&crate::support::EsmFolder::new(name, 8, seed));
        hub.ok(["publish", &source]);
    }
    hub.write("t.npz", target(40, 8, 2, 1));
    hub
}

/// `verify` names this file, and says which references suffer.
fn named_by_verify(hub: &Hub, place: &str, used_by: &[&str]) {
    let verified = hub.json_with(16, ["verify"]);
    assert_eq!(verified["sound"], false);
    let problems = verified["problems"].as_array().unwrap();
    let problem = problems.iter().find(|problem| problem["place"].as_str().unwrap().contains(place));
    let problem = problem.unwrap_or_else(|| panic!("{place} is not named: {verified}"));
    for reference in used_by {
        assert!(problem["used_by"].as_array().unwrap().contains(&(*reference).into()), "{problem}");
    }
    let output = hub.run(["verify"]);
    assert_eq!(output.code, 16, "{output:#?}");
    assert!(output.stdout.contains(place), "{output:#?}");
}

fn place(path: &std::path::Path) -> String {
    let parts: Vec<_> = path.iter().map(|part| part.to_str().unwrap()).collect();
    parts[parts.len() - 2..].join("/")
}

#[test]
fn sound_registry_is_sound() {
    let verified = pool().json(["verify"]);
    assert_eq!(at(&verified, ["sound", "entries", "objects"]), json!([true, 3, 3]));
    assert_eq!(verified["problems"], json!([]));
}

#[test]
fn flipped_bit_in_an_object_costs_that_esm_alone() {
    let hub = pool();
    let object = hub.object_of("b");
    damage(&object);
    named_by_verify(&hub, &place(&object), &["b:v1"]);
    hub.refused_saying(16, ["pull", "b"], &[&place(&object), "esmhub verify"]);
    hub.ok(["pull", "a", "c", "--output", "others"]);
    let ranking = hub.json_with(3, ["rank", "t.npz"]);
    assert_eq!(at(&ranking, ["ranked", "skipped/0/name"]), json!([2, "b"]));
}

/// Whoever still has what an ESM was made from need not wonder whether publishing it again has helped.
#[test]
fn weights_that_are_gone_come_back_with_the_esm_and_it_is_said() {
    let hub = pool();
    fs::remove_file(hub.object_of("b")).unwrap();
    named_by_verify(&hub, "objects/", &["b:v1"]);
    let source = hub.esm(&crate::support::EsmFolder::new("b", 8, 2));
    let again = |arguments: &[&str]| {
        let said = hub.json([&["publish", &source][..], arguments].concat());
        at(&said, ["published/0/status", "published/0/tag", "entries"])
    };
    assert_eq!(again(&["--dry-run"]), json!(["restored", "v1", []]));
    assert_eq!(again(&[]), json!(["restored", "v1", []]));
    assert_eq!(hub.json(["verify"])["sound"], true);
    assert_eq!(again(&[]), json!(["unchanged", "v1", []]));
}

#[test]
fn every_bit_of_a_small_object_is_guarded() {
    let hub = pool();
    let object = hub.object_of("b");
    let sound = fs::read(&object).unwrap();
    // One bit of every byte, another one each time; in steps that also meet the header's edges.
    for at in (0..64).chain((64..sound.len()).step_by(29)) {
        let mut bytes = sound.clone();
        bytes[at] ^= 1 << (at % 8);
        overwrite(&object, &bytes);
        let output = hub.run(["pull", "b"]);
        assert!(output.code == 16, "byte {at}: {output:#?}");
    }
    overwrite(&object, &sound);
    hub.ok(["pull", "b"]);
}

#[test]
fn truncated_and_missing_objects_are_damage() {
    let hub = pool();
    let object = hub.object_of("b");
    let sound = fs::read(&object).unwrap();
    for bytes in [&[][..], &sound[..63], &sound[..sound.len() - 1], &[&sound[..], b"x"].concat()] {
        overwrite(&object, bytes);
        hub.refused(16, ["pull", "b"]);
        named_by_verify(&hub, &place(&object), &["b:v1"]);
    }
    fs::remove_file(&object).unwrap();
    let message = hub.refused(16, ["pull", "b"]);
    assert!(message.contains("missing"), "{message}");
    named_by_verify(&hub, &place(&object), &["b:v1"]);
    assert_eq!(hub.json_with(3, ["rank", "t.npz"])["skipped"][0]["name"], "b");
}

/// Another sound object under the name of this one.
#[test]
fn object_in_the_place_of_another_is_damage() {
    let hub = pool();
    let (a, b) = (hub.object_of("a"), hub.object_of("b"));
    overwrite(&b, &fs::read(a).unwrap());
    hub.refused(16, ["pull", "b"]);
    named_by_verify(&hub, &place(&b), &["b:v1"]);
}

#[test]
fn publishing_never_relies_on_a_damaged_object() {
    let hub = pool();
    damage(&hub.object_of("b"));
    hub.refused(16, ["publish", "esms/b", "--tag", "again"]);
}

#[test]
fn unreadable_entry_stops_what_depends_on_the_order() {
    for spoil in ["truncate", "flip", "delete", "swap"] {
        let hub = pool();
        let entry = hub.entry(2);
        let sound = fs::read(&entry).unwrap();
        match spoil {
            "truncate" => overwrite(&entry, &sound[..sound.len() / 2]),
            "flip" => damage(&entry),
            "delete" => fs::remove_file(&entry).unwrap(),
            _ => overwrite(&entry, &fs::read(hub.entry(1)).unwrap()),
        }
        // A reader that has seen it whole may know better; one that has not must not guess.
        fs::remove_dir_all(hub.path("cache")).unwrap();
        let place = "log/00000000000000000002";
        named_by_verify(&hub, place, &[]);
        hub.refused_saying(16, ["resolve", "a"], &[place]);
        hub.refused(16, ["pull", "b:v1"]);
        hub.refused(16, ["publish", "esms/a"]);
        hub.refused(16, ["publish", "esms/a", "--tag", "new"]);
        hub.refused(16, ["yank", "a:v1"]);
        hub.refused(16, ["remove", "a:v1"]);
        // Exact references and lists go on, and name the entry.
        hub.ok(["pull", "a:v1", "--output", "pulled"]);
        let listed = hub.json_with(3, ["list"]);
        assert_eq!(listed["esms"].as_array().unwrap().len(), 2, "{spoil}: {listed}");
        assert!(listed["damaged"][0].as_str().unwrap().contains("entry 2"), "{spoil}: {listed}");
        let ranking = hub.json_with(3, ["rank", "t.npz"]);
        assert_eq!((&ranking["ranked"], ranking["damaged"].as_array().unwrap().len()), (&2.into(), 1), "{spoil}");
        assert_eq!(hub.json_with(3, ["log"])["damaged"].as_array().unwrap().len(), 1);
    }
}

#[test]
fn damaged_marker_is_damage_and_not_an_absent_registry() {
    let hub = pool();
    let marker = hub.path("pool/esmhub.toml");
    let sound = fs::read(&marker).unwrap();
    let mut flipped = sound.clone();
    flipped[sound.len() - 120] ^= 1;
    for bytes in [&flipped[..], &sound[..100], &[], b"format = 1\n"] {
        overwrite(&marker, bytes);
        for arguments in
            [&["list"][..], &["init"], &["verify"], &["rank", "t.npz"], &["publish", "esms/a"], &["pull", "a"]]
        {
            let message = hub.refused(16, arguments);
            assert!(message.contains("esmhub.toml"), "{message}");
        }
    }
    overwrite(&marker, &sound);
    hub.ok(["verify"]);
}

/// A new registry in the old one's place would hide all that it holds.
#[test]
fn init_never_says_that_it_would_make_a_registry_of_what_is_left_of_one() {
    let hub = pool();
    fs::remove_file(hub.path("pool/esmhub.toml")).unwrap();
    for arguments in [&["init"][..], &["init", "--dry-run"], &["init", "pool", "--dry-run", "--json"]] {
        let said =
            ["esmhub.toml: it is missing, although there is a log", "hint: `esmhub verify --repair --from COPY`"];
        hub.refused_saying(16, arguments, &said);
    }
    fs::remove_dir_all(hub.path("pool/log")).unwrap();
    for arguments in [&["init"][..], &["init", "--dry-run"]] {
        hub.refused_saying(16, arguments, &["although there are objects", "hint: put it and the log back"]);
    }
    // A marker that is there and damaged is no empty place either.
    hub.write("pool/esmhub.toml", "format = 1");
    hub.refused(16, ["init", "--dry-run"]);
}

#[test]
fn leftovers_of_a_killed_writer_do_no_harm() {
    let hub = pool();
    hub.write("pool/log/00000000000000000004.0123456789abcdef.new", "half an ent");
    hub.write("pool/objects/ab/0123.0123456789abcdef.new", "half an obj");
    let verified = hub.json(["verify"]);
    assert_eq!(verified["staged"].as_array().unwrap().len(), 2, "{verified}");
    hub.ok(["publish", "esms/a", "--tag", "more"]);
    assert_eq!(hub.json(["list"])["esms"].as_array().unwrap().len(), 4);
}

#[test]
fn pool_without_one_sound_object_is_damage_and_not_incompatible() {
    let hub = pool();
    for name in ["a", "b", "c"] {
        damage(&hub.object_of(name));
    }
    // Each is named, and integrity comes before everything else.
    hub.refused_saying(16, ["rank", "t.npz"], &["a: ", "b: ", "c: "]);
}

#[test]
fn pattern_is_refused_where_the_newest_tag_is_not_known() {
    let hub = pool();
    let second = hub.esm(&crate::support::EsmFolder::new("a", 8, 9));
    hub.ok(["publish", &second]);
    damage(&hub.entry(4));
    fs::remove_dir_all(hub.path("cache")).unwrap();
    // Entry 4 may have yanked `a:v1` or published `a:v2`, as it did: an old map must not pass for the newest.
    hub.refused_saying(16, ["pull", "a*", "--output", "out"], &["which tags are newest is not known"]);
    hub.refused_saying(16, ["export", "*", "all.esm"], &["which tags are newest is not known"]);
    hub.ok(["pull", "a:v1", "--output", "exact"]);
}

#[test]
fn writer_with_an_index_notices_an_entry_that_is_gone() {
    let hub = pool();
    hub.ok(["list"]);
    fs::remove_file(hub.entry(2)).unwrap();
    let other = hub.esm(&crate::support::EsmFolder::new("d", 8, 4));
    hub.refused_saying(16, ["publish", &other], &["00000000000000000002", "missing"]);
    named_by_verify(&hub, "00000000000000000002", &[]);
}

#[test]
fn verify_remembers_that_the_log_was_longer() {
    let hub = pool();
    hub.ok(["list"]);
    fs::remove_file(hub.entry(3)).unwrap();
    named_by_verify(&hub, "00000000000000000003", &[]);
}

#[test]
fn one_damaged_esm_of_several_costs_no_other() {
    let hub = pool();
    damage(&hub.object_of("b"));
    let pulled = hub.json_with(16, ["pull", "*", "--output", "out"]);
    assert_eq!(at(&pulled, ["pulled/0/name", "pulled/1/name", "failed/0/name"]), json!(["a", "c", "b"]));
    assert!(hub.path("out/a/config.json").is_file() && hub.path("out/c/config.json").is_file());
    assert!(!hub.path("out/b").exists());
}

#[test]
fn what_is_wrong_is_said_once() {
    let hub = pool();
    for name in ["a", "b"] {
        damage(&hub.object_of(name));
    }
    let verified = hub.run(["verify"]);
    assert_eq!((verified.code, verified.stdout.matches("hint: ").count()), (16, 1), "{verified:#?}");
    let problems = hub.json_with(16, ["verify"])["problems"].clone();
    assert!(problems.as_array().unwrap().iter().all(|problem| problem["hint"].is_string()), "{problems}");
    damage(&hub.entry(2));
    fs::remove_dir_all(hub.path("cache")).unwrap();
    for arguments in [&["pull", "*"][..], &["pull", "a"], &["resolve", "a"], &["yank", "a:v1"]] {
        let message = hub.refused(16, arguments);
        let detail = message.lines().find_map(|line| line.strip_prefix("warning: log entry 2: ")).unwrap_or("");
        assert!(detail.is_empty() || message.matches(detail).count() == 1, "{arguments:?}: {message}");
        assert!(arguments[0] == "yank" || !detail.is_empty(), "{arguments:?}: {message}");
    }
}
