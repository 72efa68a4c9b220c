//! Hints: whoever is refused reads what to do, and not the wrong thing first.

use std::fs;

use crate::support::loopback::{Loopback, Repository};
use crate::support::{EsmFolder, Hub, csv, line, target, words};

fn pool() -> Hub {
    let hub = Hub::with(&["mr"]);
    hub.write("t.npz", target(40, 8, 2, 1));
    hub
}

/// A mistyped path and a disk that is not mounted are likelier than that somebody wants a new registry.
#[test]
fn a_registry_that_is_not_there_sends_nobody_to_init_first() {
    let hub = pool();
    hub.write("plain/notes.txt", "mine");
    fs::create_dir(hub.path("bare")).unwrap();
    for (registry, said) in [
        ("absent", "absent: no registry there, the directory does not exist"),
        ("plain", "plain: no registry there, esmhub.toml is missing"),
        ("bare", "bare: no registry there, the directory is empty"),
        ("plain/notes.txt", "plain/notes.txt: no registry there, it is a file"),
    ] {
        let then = "if there has never been a registry, `esmhub init` makes one";
        for command in ["list", "verify --repair"] {
            let hint = format!("hint: check the path, which --registry gives; {then}");
            hub.refused_saying(10, line(format!("{command} --registry {registry}")), &[said, &hint]);
        }
        let output = Hub::finish(hub.command().env("ESMHUB_REGISTRY", registry).arg("stats"));
        let hint = format!("hint: check the path, which ESMHUB_REGISTRY gives; {then}");
        assert!(output.code == 10 && output.stderr.contains(said) && output.stderr.contains(&hint), "{output:#?}");
        // A registry to take something from is never made.
        let message = hub.refused(10, ["verify", "--repair", "--from", registry]);
        assert!(message.contains(said) && message.contains("hint: check the path"), "{message}");
        assert!(!message.contains("init"), "{message}");
    }
}

/// Whoever is told only that a value is wrong has to guess how it is written.
#[test]
fn values_that_are_refused_come_with_a_hint() {
    let hub = pool();
    for (arguments, said) in [
        ("rank t.npz --max-overlap 5", &["--max-overlap", "\nhint: 5 % is written 5%, or 0.05\n"][..]),
        ("rank t.npz --max-overlap much", &["--max-overlap", "\nhint: 5 % is written"]),
        ("rank t.npz --rows 0", &["--rows", "at least 2", "\nhint: 1000 are the default"]),
        ("publish --base a --tuned b --data c.csv --text d --rows 0", &["--rows", "at least 1", "\nhint: "]),
        ("anchors set --base a b.txt --rows 0", &["--rows", "at least 1", "\nhint: "]),
        ("stats --model-bytes 5x", &["--model-bytes", "a number of bytes", "\nhint: "]),
        ("rank t.npz --top -1", &["--top", "a number of ESMs", "\nhint: 0 shows all"]),
        ("rank t.npz --intervals -1", &["--intervals", "\nhint: 0 computes none"]),
        ("gc --grace 2w", &["--grace", "d, h, m or s", "\nhint: two weeks are written 14d"]),
        ("init --grace 14", &["--grace", "d, h, m or s", "\nhint: "]),
        ("stats --model-bytes 0", &["--model-bytes", "at least 1", "\nhint: "]),
    ] {
        hub.refused_saying(2, line(arguments), said);
    }
}

/// "File exists" says neither which of the two is wrong nor what to do.
#[test]
fn a_file_where_a_folder_is_expected_is_named() {
    let hub = pool();
    hub.write("file", "mine");
    for command in ["demo", "init"] {
        hub.refused_saying(2, [command, "file"], &["file is a file, and a folder is expected", "hint: "]);
        hub.refused_saying(2, [command, "file/deep/er"], &["file/deep/er: file is a file", "hint: "]);
    }
    hub.refused_saying(1, ["pull", "mr", "--output", "file/deep"], &["file is not a folder", "hint: "]);
}

/// "not in the cache" does not say what a command line without network needs.
#[test]
fn a_model_that_is_not_at_hand_offline_is_asked_for_as_a_folder() {
    let hub = pool();
    hub.write("t.csv", csv(&words(40, 5)));
    let said = ["acme/encoder", "hint: say where its files lie, as in --base acme/encoder=FOLDER", "without --offline"];
    for base in ["", "--base acme/encoder"] {
        hub.refused_saying(1, line(format!("rank t.csv --text text --label label {base}")), &said);
    }
}

#[test]
fn a_registry_that_cannot_become_a_shared_one_says_so() {
    let hub = Hub::new();
    let kept = hub.run(["init", "--shared"]);
    assert_eq!(kept.code, 0, "{kept:#?}");
    assert!(kept.stderr.contains("was not made with --shared") && kept.stderr.contains("esmhub export"), "{kept:#?}");
    assert_eq!(hub.run(["init"]).stderr, "");
}

/// An exact reference still works, and nobody would guess that.
#[test]
fn while_a_log_entry_cannot_be_read_a_bare_name_is_answered_with_how_to_go_on() {
    let hub = Hub::with(&["a", "b"]);
    hub.ok(["yank", "b:v1"]);
    fs::remove_dir_all(hub.path("cache")).unwrap();
    hub.write("damaged", "rubbish");
    fs::rename(hub.path("damaged"), hub.entry(2)).unwrap();
    hub.refused_saying(16, ["show", "a"], &["log/00000000000000000002", "name one, as `esmhub list`"]);
    hub.ok(["show", "a:v1"]);
}

/// Whoever writes a repository as the hub's pages do is told that a file is missing, and looks for one.
#[test]
fn a_repository_without_its_scheme_is_named_with_it() {
    let hub = pool();
    let columns = "--text text --label label";
    for (command, hint) in [
        (format!("rank acme/cr {columns}"), "\nhint: a data set on the hub is written hf://datasets/acme/cr\n"),
        (format!("rank acme/cr-v1.5 {columns}"), "written hf://datasets/acme/cr-v1.5\n"),
        ("publish --base a --tuned b --data acme/cr --text text".to_owned(), "written hf://datasets/acme/cr\n"),
        (
            "publish davidschulte/ESM_sst2".to_owned(),
            "\nhint: a repository on the hub is written hf://davidschulte/ESM_sst2\n",
        ),
    ] {
        hub.refused_saying(2, line(command), &[hint]);
    }
    // A path into a folder that is here is a path, and so is one that no repository can have.
    for path in ["esms/absent", "./absent", "a/b/c", "/a/b", "absent", "../absent", "a/b c"] {
        for command in ["publish", "rank"] {
            let message = hub.refused(2, [command, path]);
            assert!(!message.contains("hf://"), "{message}");
        }
    }
}

#[test]
fn what_a_folder_does_not_say_is_asked_for_at_once() {
    let hub = pool();
    let mut esm = EsmFolder::new("bare", 8, 3);
    esm.config = serde_json::json!({});
    let folder = "bare";
    esm.write(&hub.path(folder));
    hub.refused_saying(2, ["publish", folder], &["neither", "\nhint: give --name NAME and --base MODEL\n"]);
    hub.refused_saying(2, ["publish", folder, "--base", "tiny"], &["\nhint: give --name\n"]);
    hub.refused_saying(2, ["publish", folder, "--name", "bare"], &["\nhint: give --base MODEL\n"]);
    hub.ok(["publish", folder, "--name", "bare", "--base", "tiny"]);
}

/// An id of the hub will do: whoever reads of folders alone fetches the model by hand.
#[test]
fn distilling_without_a_base_model_names_every_way_to_give_one() {
    let hub = pool();
    hub.refused_saying(
        2,
        ["publish", "esms/mr", "--distill"],
        &["--base MODEL", "an id of the hub", "ID=FOLDER", "--distill=FILE"],
    );
}

/// The address is what the user knows of it; its name here is another.
#[test]
fn what_came_from_the_hub_is_found_by_its_repository() {
    let hub = Hub::new();
    let esm = EsmFolder::new("reviews", 8, 1);
    let server = Loopback::of_esms(std::slice::from_ref(&esm));
    let mut command = hub.command();
    command.args(["publish", "hf://owner/reviews", "--name", "ours"]).env("HF_ENDPOINT", server.endpoint());
    assert_eq!(Hub::finish(command.env_remove("HF_HUB_OFFLINE")).code, 0);
    let commit = Repository::of(&esm).commit;
    for origin in
        ["hf://owner/reviews".to_owned(), "hf://Owner/Reviews".to_owned(), format!("hf://owner/reviews@{commit}")]
    {
        assert_eq!(hub.json(["show", &origin])["name"], "ours", "{origin}");
    }
    hub.refused_saying(
        13,
        ["show", "hf://owner/other"],
        &["hf://owner/other", "hint: `esmhub publish hf://owner/other`"],
    );
    hub.refused_saying(13, ["show", "hf://owner/reviews@0123"], &["hf://owner/reviews@0123"]);
    for command in ["resolve", "pull", "log", "yank", "remove", "recompress"] {
        let said = ["a repository of the hub is no reference", "hint: ", "`esmhub show hf://owner/reviews`"];
        hub.refused_saying(2, [command, "hf://owner/reviews"], &said);
    }
    // Of several, the newest that is not yanked; the others are named.
    hub.ok(["publish", "--set", "note=again", "--name", "again", "hf://owner/reviews"]);
    let shown = hub.run(["show", "hf://owner/reviews"]);
    assert!(shown.stdout.starts_with("again:v1\n") && shown.stderr.contains("as well: ours:v1"), "{shown:#?}");
    let quiet = hub.run(["show", "hf://owner/reviews", "--quiet"]);
    assert_eq!((quiet.code, quiet.stderr.as_str()), (0, ""));
    hub.ok(["yank", "again:v1"]);
    assert!(hub.ok(["show", "hf://owner/reviews"]).starts_with("ours:v1\n"));
}
