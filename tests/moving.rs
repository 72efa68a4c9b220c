//! What the README tells to do, done as it stands there: moving ESMs without a shared directory, vouching for them, and backups.

use std::fs;
use std::process::Command;

use serde_json::{Value, json};

use crate::support::keys::has_ssh_keygen;
use crate::support::{EsmFolder, Hub, Output, at, damage, has};

/// The blocks of commands of a section of the README.
fn commands_of(section: &str) -> Vec<String> {
    let readme = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../README.md")).unwrap();
    let (_, text) = readme.split_once(&format!("\n## {section}\n")).unwrap();
    let text = text.split_once("\n## ").unwrap().0;
    text.split("```sh\n").skip(1).map(|block| block.split_once("```").unwrap().0.to_owned()).collect()
}

/// Runs commands as their reader would, to the first that fails.
#[cfg(unix)]
fn shell(hub: &Hub, script: &str) -> Output {
    let program = std::path::Path::new(env!("CARGO_BIN_EXE_esmhub")).parent().unwrap();
    let path = format!("{}:{}", program.display(), std::env::var("PATH").unwrap());
    // As the command itself is called, but by a shell.
    let mut command = Command::new("sh");
    command.current_dir(hub.path("")).env_clear().env("PATH", &path).env("HOME", hub.path("home"));
    command.env("ESMHUB_REGISTRY", "pool").env("ESMHUB_CACHE", hub.path("cache"));
    Hub::finish(command.args(["-e", "-c", script]))
}

fn listed(hub: &Hub, registry: &str) -> Vec<(Value, Value, Value)> {
    let listed = hub.json(["list", "--registry", registry]);
    let one = |esm: &Value| (esm["name"].clone(), esm["tag"].clone(), esm["digest"].clone());
    listed["esms"].as_array().unwrap().iter().map(one).collect()
}

/// Whoever follows it must not find that a command is called otherwise.
#[cfg(unix)]
#[test]
fn the_readmes_commands_carry_esms_over_under_the_same_names_and_digests() {
    let hub = Hub::with(&["acme/mr", "acme/trec", "other"]);
    let script = commands_of("Without a shared directory").concat();
    assert_eq!(script.lines().filter(|line| line.starts_with("esmhub ")).count(), 3, "{script}");
    let output = shell(&hub, &script);
    assert_eq!((output.code, output.stderr.as_str()), (0, ""), "{output:#?}");
    let there = listed(&hub, "elsewhere");
    assert_eq!(there, listed(&hub, "pool")[..2]);
    assert_eq!((&there[0].0, &there[1].0), (&json!("acme/mr"), &json!("acme/trec")));
    for registry in ["pool", "elsewhere"] {
        hub.ok(["pull", "acme/trec", "--registry", registry, "--output", &format!("from-{registry}")]);
    }
    assert_eq!(EsmFolder::bits_in(&hub.path("from-pool")), EsmFolder::bits_in(&hub.path("from-elsewhere")));
    let again = hub.json(["publish", "acme.esm", "--registry", "elsewhere"]);
    assert_eq!(
        at(&again, ["published/0/status", "published/1/status", "entries"]),
        json!(["unchanged", "unchanged", []])
    );
}

#[cfg(unix)]
#[test]
fn the_readmes_commands_vouch_for_what_the_demo_has_made() {
    const TEST: &str = "the_readmes_commands_vouch_for_what_the_demo_has_made";
    if !has_ssh_keygen(TEST) || !has("python3", TEST) {
        return;
    }
    let hub = Hub::without_registry();
    hub.ok(["demo"]);
    let before = hub.ok(["--registry", "esmhub-demo/pool", "list", "-q"]);
    let output = shell(&hub, &commands_of("Who vouches for it").concat());
    assert_eq!(output.code, 0, "{output:#?}");
    for said in
        ["already there, signed", "signed by      ada@example.org (SHA256:", "1 of 1 ESM", "Good \"esmhub\" signature"]
    {
        assert!(output.stdout.contains(said), "{said:?}: {output:#?}");
    }
    assert_eq!(hub.ok(["--registry", "esmhub-demo/pool", "list", "-q"]), before, "a new tag");
}

/// What a restored registry's users see, and what brings back what was published since.
#[cfg(unix)]
#[test]
fn the_readmes_commands_bring_a_registry_back_as_a_whole() {
    const TEST: &str = "the_readmes_commands_bring_a_registry_back_as_a_whole";
    if !has("tar", TEST) {
        return;
    }
    let hub = Hub::with(&["mr", "trec"]);
    let blocks = commands_of("Backups");
    let [back_up, repair, restore] = &blocks[..] else { panic!("{blocks:?}") };
    let here = |script: &str| script.replace("/backup", "backup");
    let back_up: Vec<&str> = back_up
        .lines()
        .filter(|line| !line.starts_with("rsync") || has("rsync", "a line of the README that copies"))
        .collect();
    let back_up = here(&back_up.join("\n"));
    for _ in 0..2 {
        let output = shell(&hub, &back_up);
        assert!(output.code == 0 && output.stdout.contains("everything is sound"), "{output:#?}");
    }
    // A damaged file of the registry does not reach the copy, and comes back from it.
    damage(&hub.object_of("mr"));
    let output = shell(&hub, &back_up);
    assert!(output.code == 0 && output.stdout.contains("everything is sound"), "{output:#?}");
    assert_eq!(shell(&hub, &here(repair)).code, 0);
    let newer = hub.esm(&EsmFolder::new("cola", 8, 7));
    hub.ok(["publish", &newer]);
    hub.ok(["list"]);
    // Without the lost one's remains: the entry comes from the index, and its weights from whoever published them.
    let (restored, repaired) = restore.split_once("esmhub verify").unwrap();
    assert_eq!(shell(&hub, &here(restored)).code, 0);
    hub.refused_saying(16, ["list"], &["it was there when this user last looked", "verify --repair"]);
    let output = shell(&hub, &format!("esmhub verify{repaired}"));
    assert!(output.code == 16 && output.stdout.contains("restored from the index"), "{output:#?}");
    assert_eq!(at(&hub.json(["publish", &newer]), ["published/0/status", "entries"]), json!(["restored", []]));
    hub.ok(["verify"]);
    assert_eq!(hub.ok(["list", "-q"]).lines().count(), 3);
}
