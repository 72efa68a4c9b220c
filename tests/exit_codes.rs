//! Exit codes that scripts rely on.

use std::fs;

use esmhub_store_format::card::{BaseModel, Weights};
use esmhub_store_format::frame::{self, Content};
use esmhub_store_format::log::{Action, CurrentAnchors, Entry, Published, Record, Writer};
use esmhub_store_format::{Card, Codec, DenseMap, Digest, Object};

use serde_json::json;

use crate::support::{Hub, at, csv, damage, line, overwrite, target, tiny_base, tiny_model, words};

const COMMANDS: [&[&str]; 16] = [
    &["publish", "esms/mr"],
    &["pull", "mr"],
    &["rank", "t.npz"],
    &["list"],
    &["show", "mr"],
    &["log"],
    &["resolve", "mr"],
    &["stats"],
    &["verify"],
    &["gc"],
    &["yank", "mr:v1"],
    &["remove", "mr:v1"],
    &["recompress", "mr"],
    &["anchors", "set", "--built-in", "--base", "acme/encoder"],
    &["anchors", "show"],
    &["anchors", "stats"],
];

fn pool() -> Hub {
    let hub = Hub::with(&["mr"]);
    hub.write("t.npz", target(40, 8, 2, 1));
    hub
}

/// Appends an entry with these records, as a later program might.
fn append(hub: &Hub, records: Vec<Record>) {
    let previous = Entry::from_frame(&fs::read(hub.entry(1)).unwrap()).unwrap().1;
    let writer = Writer { user: "ada".into(), host: "engine".into(), program: "esmhub 9.0.0".into() };
    let entry = Entry { number: 2, previous, transaction: [7; 16], time: 5, writer, records };
    fs::write(hub.entry(2), entry.to_frame().unwrap().0).unwrap();
}

/// The exit code of a command whose stderr is on a disk without room.
#[cfg(target_os = "linux")]
fn code_with_full_stderr(hub: &Hub, arguments: &[&str]) -> Option<i32> {
    let full = fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    hub.command().args(arguments).stderr(full).output().unwrap().status.code()
}

#[test]
#[cfg(target_os = "linux")]
fn stderr_that_cannot_be_written_changes_no_exit_code() {
    let hub = pool();
    let cases: [(i32, &[&str]); 5] = [
        (13, &["show", "absent"]),
        (10, &["list", "--registry", "absent"]),
        (2, &["rank", "t.npz", "--codec", "f32"]),
        (0, &["publish", "esms/mr", "--name", "other", "-v", "--json"]),
        (0, &["rank", "t.npz", "--json"]),
    ];
    for (code, arguments) in cases {
        assert_eq!(code_with_full_stderr(&hub, arguments), Some(code), "{arguments:?}");
    }
    // There was something to be said beside the errors, too.
    assert!(!hub.run(["publish", "esms/mr", "--name", "third", "-v"]).stderr.is_empty());
}

#[test]
fn folder_that_is_no_registry_is_ten() {
    let hub = pool();
    fs::create_dir(hub.path("plain")).unwrap();
    hub.write("plain/notes.txt", "mine");
    for arguments in COMMANDS {
        for registry in ["plain", "absent"] {
            let message = hub.refused(10, arguments.iter().chain(&["--registry", registry]));
            assert!(message.contains(registry) && message.contains("esmhub init"), "{message}");
        }
    }
}

#[test]
fn registry_that_is_not_named_is_usage() {
    let hub = pool();
    let mut command = hub.command();
    let output = command.env_remove("ESMHUB_REGISTRY").arg("list").output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8(output.stderr).unwrap().contains("ESMHUB_REGISTRY"));
}

#[test]
fn command_lines_that_make_no_sense_are_usage() {
    let hub = pool();
    let cases: [&[&str]; 10] = [
        &[],
        &["frobnicate"],
        &["list", "--frobnicate"],
        &["list", "--json", "--quiet"],
        &["list", "--color", "sometimes"],
        &["rank"],
        &["rank", "t.npz", "--score", "best"],
        &["rank", "t.npz", "--rows", "many"],
        &["rank", "t.npz", "--threads", "0"],
        &["pull"],
    ];
    for arguments in cases {
        let output = hub.run(arguments);
        assert_eq!((output.code, output.stdout.as_str()), (2, ""), "{arguments:?}: {output:#?}");
        assert!(output.stderr.starts_with("error: ") || arguments.is_empty(), "{output:#?}");
    }
}

#[test]
fn help_and_version_are_no_errors() {
    let hub = Hub::without_registry();
    for arguments in [&["--help"][..], &["help"], &["rank", "--help"], &["--version"]] {
        let output = hub.run(arguments);
        assert_eq!((output.code, output.stderr.as_str()), (0, ""), "{output:#?}");
        assert!(output.stdout.contains("esmhub"), "{output:#?}");
    }
    let help = hub.ok(["--help"]);
    for verb in [
        "init",
        "publish",
        "pull",
        "rank",
        "list",
        "show",
        "log",
        "resolve",
        "stats",
        "verify",
        "gc",
        "demo",
        "anchors",
        "recompress",
        "16 integrity",
    ] {
        assert!(help.contains(verb), "{verb} is missing: {help}");
    }
}

/// The checksum is right, so this is no damage.
#[test]
fn marker_of_a_later_format_is_newer() {
    let hub = pool();
    let marker = hub.path("pool/esmhub.toml");
    let text = fs::read_to_string(&marker).unwrap();
    let body = text.rsplit_once("checksum").unwrap().0.replace("format = 1", "format = 2");
    let checksum = blake3::hash(body.as_bytes()).to_hex();
    overwrite(&marker, format!("{body}checksum = \"{checksum}\"\n").as_bytes());
    for arguments in COMMANDS.into_iter().chain([&["init"][..]]) {
        let message = hub.refused(12, arguments);
        assert!(message.contains("esmhub.toml") && message.contains("newer"), "{message}");
    }
    // One digit of it flipped is damage, whatever the format.
    overwrite(&marker, text.replace("format = 1", "format = 2").as_bytes());
    hub.refused(16, ["list"]);
}

/// An ESM of a kind that this program does not know: its card says so, and its object is sound. Nothing but the kind need
/// be there (R13).
fn unknown_kind(kind: u16, length: usize) -> (Card, Vec<u8>, Digest) {
    let map = DenseMap::new(vec![1.0; 64], vec![0.0; 8]).unwrap();
    let mut canonical = Object::encode(&map, Codec::F32).unwrap().canonical().to_vec();
    let known = Object::from_canonical(canonical.clone()).unwrap();
    canonical[..2].copy_from_slice(&kind.to_le_bytes());
    canonical.truncate(length);
    let digest = Digest::of(&canonical);
    let card = Card::imported(
        Weights { digest, kind, bytes: length as u64, ..Weights::of(&known, 0.0) },
        BaseModel::named("acme/encoder"),
    );
    (card, frame::encode(Content::Object, &canonical).unwrap(), digest)
}

#[test]
fn object_of_an_unknown_kind_is_newer() {
    // The next kind is to this program what low-rank maps are to one that knows dense maps alone.
    for (kind, length) in [(4, 300), (77, 300), (4, 2)] {
        meets_newer(kind, length);
    }
}

fn meets_newer(kind: u16, length: usize) {
    let hub = pool();
    let (card, object, digest) = unknown_kind(kind, length);
    let card = card.to_canonical().unwrap();
    let published = Published { name: "later".parse().unwrap(), tag: "v1".parse().unwrap(), card };
    let hex = digest.to_string();
    hub.write(&format!("pool/objects/{}/{}", &hex[..2], &hex[2..]), &object);
    append(&hub, vec![Action::Publish(published.clone()).to_record().unwrap()]);

    hub.refused_saying(12, ["pull", "later"], &["later", "newer", "hint: install a newer esmhub"]);
    let ranking = hub.json_with(3, ["rank", "t.npz"]);
    assert_eq!(at(&ranking, ["ranked", "skipped/0/name"]), json!([1, "later"]));
    assert_eq!(hub.json(["verify"])["sound"], true, "newer is no damage");
    hub.ok(["pull", "mr"]);
    // Of several, those that can be are pulled; and damage is worse than what is too new.
    let several = |code, folder: &str| hub.json_with(code, ["pull", "mr", "later", "--output", folder]);
    assert_eq!(at(&several(12, "some"), ["pulled/0/name", "failed/0/name"]), json!(["mr", "later"]));
    let whole = fs::read(hub.object_of("mr")).unwrap();
    damage(&hub.object_of("mr"));
    assert_eq!(several(16, "none")["pulled"], json!([]));
    overwrite(&hub.object_of("mr"), &whole);
    hub.refused_saying(12, ["recompress", "mr", "later"], &["later", "newer"]);

    let record = frame::encode(Content::Record, &published.to_canonical().unwrap()).unwrap();
    hub.write("later.esm", [record, object].concat());
    hub.refused(12, ["publish", "later.esm", "--name", "imported"]);
}

/// Anchors of a later kind or version are no damage either, and nothing is fitted on a guess at them.
#[test]
fn anchors_of_a_later_format_are_newer() {
    for head in [[4u16, 1], [3, 2]] {
        let hub = pool();
        let canonical: Vec<u8> = head.into_iter().flat_map(u16::to_le_bytes).chain([9; 40]).collect();
        let digest = Digest::of(&canonical);
        let hex = digest.to_string();
        let object = frame::encode(Content::Object, &canonical).unwrap();
        hub.write(&format!("pool/objects/{}/{}", &hex[..2], &hex[2..]), object);
        let current = CurrentAnchors { base: "tiny".into(), set: Some(digest) };
        append(&hub, vec![Action::Anchors(current).to_record().unwrap()]);

        hub.refused_saying(12, ["anchors", "show"], &["newer", "hint: install a newer esmhub"]);
        hub.write("task.csv", csv(&words(40, 5)));
        let (base, tuned) = (tiny_base("bert-mean"), tiny_model("roberta").display().to_string());
        let models = format!("--base {base} --tuned {tuned} --data task.csv --text text --max-length 24");
        hub.refused(12, line(format!("publish {models}")));
        hub.ok(line(format!("publish {models} --no-anchors")));
        assert_eq!(hub.json(["verify"])["sound"], true, "newer is no damage: {head:?}");
        // Another set takes its place.
        hub.ok(line("anchors set --built-in --base tiny"));
        hub.ok(["anchors", "show"]);
    }
}

#[test]
fn records_of_unknown_kinds_stop_whom_they_say() {
    let unknown = |flags| vec![Record { kind: 900, flags, payload: vec![1, 2, 3] }];
    // Neither readers nor writers.
    let hub = pool();
    append(&hub, unknown(0));
    hub.ok(["pull", "mr"]);
    hub.ok(["yank", "mr:v1"]);
    // Writers alone.
    let hub = pool();
    append(&hub, unknown(Record::STOPS_WRITERS));
    hub.ok(["rank", "t.npz"]);
    hub.refused_saying(12, ["yank", "mr:v1"], &["900", "writers"]);
    hub.refused(12, ["publish", "esms/mr", "--tag", "new"]);
    // Readers too.
    let hub = pool();
    append(&hub, unknown(Record::STOPS_READERS | Record::STOPS_WRITERS));
    for arguments in COMMANDS {
        hub.refused(12, arguments);
    }
}

#[cfg(unix)]
#[test]
fn folder_without_permission_is_an_error_and_no_absent_registry() {
    use std::os::unix::fs::PermissionsExt;
    let hub = pool();
    let log = hub.path("pool/log");
    fs::set_permissions(&log, fs::Permissions::from_mode(0o000)).unwrap();
    // The superuser may do everything, and this test nothing.
    if fs::read_dir(&log).is_err() {
        fs::remove_dir_all(hub.path("cache")).unwrap();
        let output = hub.run(["list"]);
        assert_eq!((output.code, output.stdout.as_str()), (1, ""), "{output:#?}");
        assert!(output.stderr.contains("log"), "{output:#?}");
    }
    fs::set_permissions(&log, fs::Permissions::from_mode(0o755)).unwrap();
}
