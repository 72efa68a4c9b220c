//! Moving ESMs without a shared directory: what the README tells to do, done as it stands there.

use std::fs;
use std::process::Command;

use serde_json::{Value, json};

use crate::support::{EsmFolder, Hub, at};

/// The commands of a section of the README.
fn commands_of(section: &str) -> String {
    let readme = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../README.md")).unwrap();
    let (_, text) = readme.split_once(&format!("\n## {section}\n")).unwrap();
    let (_, block) = text.split_once("```sh\n").unwrap();
    block.split_once("```").unwrap().0.to_owned()
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
    let script = commands_of("Without a shared directory");
    assert_eq!(script.lines().filter(|line| line.starts_with("esmhub ")).count(), 3, "{script}");
    let program = std::path::Path::new(env!("CARGO_BIN_EXE_esmhub")).parent().unwrap();
    let path = format!("{}:{}", program.display(), std::env::var("PATH").unwrap());
    let shell = |script: &str| {
        // As the command itself is called, but by a shell.
        let mut command = Command::new("sh");
        command.current_dir(hub.path("")).env_clear().env("PATH", &path).env("HOME", hub.path("home"));
        command.env("ESMHUB_REGISTRY", "pool").env("ESMHUB_CACHE", hub.path("cache"));
        Hub::finish(command.args(["-e", "-c", script]))
    };
    let output = shell(&script);
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
