//! Pulling: the same bits back, whole folders or none, and never over what is somebody else's.

use std::fs;

use serde_json::{Value, json};

use crate::support::{EsmFolder, Hub, Tree, at, damage, fixture, pairs};

#[test]
fn f32_weights_come_back_bit_for_bit() {
    let hub = Hub::new();
    let mut esm = EsmFolder::new("mr", 8, 1);
    // What a careless copy would lose: the sign of zero, the smallest number, the last bit.
    esm.weight[1] = -0.0;
    esm.weight[2] = f32::from_bits(1);
    esm.weight[3] = f32::MAX;
    esm.bias[0] = 1.0 + f32::EPSILON;
    let source = hub.esm(&esm);
    hub.ok(["publish", &source, "--codec", "f32"]);
    hub.ok(["pull", "mr", "--output", "here"]);
    assert_eq!(EsmFolder::bits_in(&hub.path("here")), esm.bits());
    assert_eq!(Tree::of(&hub.path("here")).files(), ["config.json", "model.safetensors"]);
}

#[test]
fn pulled_config_is_what_the_peer_reads() {
    let hub = Hub::new();
    let esm = EsmFolder::new("trec", 8, 1).set("developers", "Ada").set("language", "en").set("lm_learning_rate", 2e-5);
    let source = hub.esm(&esm);
    hub.ok(["publish", &source]);
    hub.ok(["pull", "trec"]);
    let pulled: Value = serde_json::from_slice(&fs::read(hub.path("trec/config.json")).unwrap()).unwrap();
    for (key, value) in esm.config.as_object().unwrap() {
        assert_eq!(&pulled[key], value, "{key}");
    }
}

#[test]
fn pulled_folder_published_again_is_the_same_esm() {
    for codec in ["f32", "f16", "int8", "int4"] {
        let (here, there) = (Hub::new(), Hub::new());
        let source = here.esm(&EsmFolder::new("mr", 40, 1));
        let first = here.json(["publish", &source, "--codec", codec]);
        here.ok(["pull", "mr", "--output", "pulled"]);
        let pulled = here.path("pulled");
        let again = there.json(["publish".as_ref(), pulled.as_os_str(), "--codec".as_ref(), codec.as_ref()]);
        let (first, again) = (&first["published"][0], &again["published"][0]);
        assert_eq!((&first["name"], &first["tag"]), (&again["name"], &again["tag"]));
        if codec == "f32" {
            assert_eq!(first["weights"], again["weights"]);
            assert_eq!(first["digest"], again["digest"], "the card is the same as well");
        }
    }
}

/// Under a new tag, without its card and its signatures, it would take the place of the ESM that it is.
#[test]
fn pulled_folder_published_where_it_came_from_is_the_esm_that_it_is() {
    let hub = Hub::new();
    hub.write("fitted.npz", pairs(60, 24, 1));
    let source = hub.esm(&EsmFolder::new("mr", 24, 1));
    hub.ok(["publish", &source, "--tag", "first", "--set", "origin=here"]);
    hub.ok(["publish", "fitted.npz", "--base", "acme/encoder"]);
    for (name, tag) in [("mr", "first"), ("fitted", "v1")] {
        hub.ok(["pull", name, "--output", "winner"]);
        let before = hub.tree();
        let published = hub.json(["publish", "winner"]);
        let said = at(&published, ["published/0/name", "published/0/tag", "published/0/status", "entries"]);
        assert_eq!(said, json!([name, tag, "unchanged", []]));
        assert_eq!(before.changes(&hub.tree()), Vec::<String>::new());
        let output = hub.run(["publish", "winner"]);
        assert!(output.stdout.contains("already there"), "{output:#?}");
        assert!(output.stderr.contains(&format!("winner is {name}:{tag}")), "{output:#?}");
        fs::remove_dir_all(hub.path("winner")).unwrap();
    }
    // Of several tags, it is named by the one that the table then shows.
    hub.ok(["publish", &source, "--tag", "second", "--set", "origin=here"]);
    hub.ok(["pull", "mr:second", "--output", "winner"]);
    let output = hub.run(["publish", "winner"]);
    assert!(output.stdout.contains("mr:first") && output.stderr.contains("winner is mr:first"), "{output:#?}");
    fs::remove_dir_all(hub.path("winner")).unwrap();
    // Under another name it is another reference to the same card; with other weights, or another card, another ESM.
    hub.ok(["pull", "fitted", "--output", "winner"]);
    let renamed = hub.json(["publish", "winner", "--name", "renamed"]);
    assert_eq!(renamed["published"][0]["status"], "added-reference");
    assert_eq!(renamed["published"][0]["digest"], hub.json(["resolve", "fitted"])["digest"]);
    let licensed = hub.json(["publish", "winner", "--license", "MIT", "--name", "mine"]);
    assert_ne!(licensed["published"][0]["digest"], renamed["published"][0]["digest"]);
    let mut weights = fs::read(hub.path("winner/model.safetensors")).unwrap();
    *weights.last_mut().unwrap() ^= 1;
    fs::write(hub.path("winner/model.safetensors"), weights).unwrap();
    let changed = hub.json(["publish", "winner"]);
    assert_ne!(changed["published"][0]["status"], "unchanged", "{changed}");
}

#[test]
fn pulling_again_changes_nothing() {
    let hub = Hub::with(&["mr"]);
    let first = hub.json(["pull", "mr"]);
    let before = hub.tree();
    let again = hub.json(["pull", "mr"]);
    assert_eq!(before.changes(&hub.tree()), Vec::<String>::new());
    assert_eq!((&first["pulled"][0]["unchanged"], &again["pulled"][0]["unchanged"]), (&false.into(), &true.into()));
}

#[test]
fn folder_that_holds_something_else_is_left_alone() {
    let hub = Hub::with(&["mr", "trec"]);
    hub.write("mr/notes.txt", "mine");
    hub.refused_saying(1, ["pull", "mr"], &["mr", "something else", "--output"]);
    hub.ok(["pull", "trec"]);
    hub.refused_saying(1, ["pull", "mr", "--output", "trec"], &["trec", "something else"]);
    // Half of it, and a file instead of a folder.
    fs::remove_file(hub.path("trec/config.json")).unwrap();
    hub.refused(1, ["pull", "trec"]);
    hub.write("file", "mine");
    hub.refused(1, ["pull", "trec", "--output", "file"]);
}

#[test]
fn empty_folder_is_filled() {
    let hub = Hub::with(&["mr"]);
    fs::create_dir(hub.path("mr")).unwrap();
    hub.ok(["pull", "mr"]);
    assert_eq!(Tree::of(&hub.path("mr")).files(), ["config.json", "model.safetensors"]);
}

#[test]
fn failed_pull_leaves_nothing_behind() {
    let hub = Hub::with(&["mr"]);
    damage(&hub.object_of("mr"));
    hub.refused_saying(16, ["pull", "mr"], &["mr:v1", "objects/"]);
    hub.refused_saying(16, ["pull", "mr", "--output", "deep/er/still"], &["mr:v1"]);
    hub.refused(16, ["export", "mr", "mr.esm"]);
}

#[cfg(unix)]
#[test]
fn planted_link_is_never_followed() {
    use std::os::unix::fs::symlink;
    let hub = Hub::with(&["mr"]);
    fs::create_dir(hub.path("elsewhere")).unwrap();
    symlink("elsewhere", hub.path("mr")).unwrap();
    hub.refused(1, ["pull", "mr"]);
    symlink("nowhere", hub.path("dangling")).unwrap();
    hub.refused(1, ["pull", "mr", "--output", "dangling"]);
    // A link to the very folder that would be written, and a folder that is right but for a file that leads elsewhere.
    hub.ok(["pull", "mr", "--output", "here"]);
    symlink("here", hub.path("there")).unwrap();
    hub.refused(1, ["pull", "mr", "--output", "there"]);
    fs::rename(hub.path("here/config.json"), hub.path("config.json")).unwrap();
    symlink("../config.json", hub.path("here/config.json")).unwrap();
    hub.refused(1, ["pull", "mr", "--output", "here"]);
}

#[cfg(unix)]
#[test]
fn pulled_files_are_as_readable_as_any_others() {
    use std::os::unix::fs::PermissionsExt;
    let hub = Hub::with(&["mr"]);
    hub.ok(["pull", "mr"]);
    fs::create_dir(hub.path("usual")).unwrap();
    hub.write("usual/file", "");
    let mode = |path: &str| fs::metadata(hub.path(path)).unwrap().permissions().mode();
    assert_eq!(mode("mr"), mode("usual"));
    assert_eq!(mode("mr/config.json"), mode("usual/file"));
}

#[test]
fn several_references_and_patterns_get_a_folder_each() {
    let hub = Hub::with(&["mr", "acme/trec", "acme/cola", "msrp"]);
    hub.ok(["pull", "mr", "acme/*", "--output", "out"]);
    assert_eq!(
        Tree::of(&hub.path("out")).files(),
        ["acme/cola", "acme/trec", "mr"]
            .map(|name| [format!("{name}/config.json"), format!("{name}/model.safetensors")])
            .concat(),
    );
    let pulled = hub.json(["pull", "m?", "M*", "--output", "other"]);
    let names: Vec<_> = pulled["pulled"].as_array().unwrap().iter().map(|esm| esm["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["mr", "msrp"], "what two patterns mean is pulled once");
    hub.refused_saying(13, ["pull", "mr", "x*", "--output", "third"], &["\"x*\""]);
}

#[test]
fn two_tags_never_go_into_one_folder() {
    let hub = Hub::with(&["mr"]);
    let other = hub.esm(&EsmFolder::new("mr", 8, 2));
    hub.ok(["publish", &other]);
    hub.refused_saying(2, ["pull", "mr:v1", "mr:v2"], &["mr:v1", "mr:v2", "share a folder"]);
    hub.ok(["pull", "mr*", "--output", "newest"]);
    assert_eq!(EsmFolder::bits_in(&hub.path("newest/mr")).0.len(), 64);
}

#[test]
fn one_damaged_esm_among_several_leaves_whole_folders_only() {
    let hub = Hub::with(&["a", "b", "c"]);
    damage(&hub.object_of("b"));
    let output = hub.run(["pull", "a", "b", "c", "--output", "out"]);
    assert_eq!(output.code, 16, "{output:#?}");
    assert!(output.stderr.contains("b:v1 not pulled: "), "{output:#?}");
    for name in ["a", "b", "c"] {
        let folder = hub.path(format!("out/{name}"));
        assert!(!folder.exists() || Tree::of(&folder).files().len() == 2, "{name}");
    }
    assert!(!hub.path("out/b").exists());
}

#[test]
fn code_of_several_says_whether_anything_was_pulled() {
    let hub = Hub::with(&["a", "b"]);
    hub.write("out/a/notes.txt", "mine");
    let some = hub.json_with(3, ["pull", "a", "b", "--output", "out"]);
    assert_eq!(at(&some, ["failed/0/name", "pulled/0/name"]), json!(["a", "b"]));
    hub.write("none/a/notes.txt", "mine");
    hub.write("none/b/notes.txt", "mine");
    let output = hub.run(["pull", "*", "--output", "none"]);
    assert_eq!((output.code, output.stdout.as_str()), (1, "nothing was pulled\n"), "{output:#?}");
    for (said, times) in [("a:v1 not pulled: ", 1), ("b:v1 not pulled: ", 1), ("hint: give another --output", 1)] {
        assert_eq!(output.stderr.matches(said).count(), times, "{said}: {output:#?}");
    }
    // Integrity comes first, whatever else went wrong and whatever was pulled.
    damage(&hub.object_of("b"));
    hub.json_with(16, ["pull", "a", "b", "--output", "none"]);
    hub.json_with(16, ["pull", "a", "b", "--output", "fresh"]);
}

/// Nobody can write there, not even the superuser, for whom every other folder is writable.
#[cfg(target_os = "linux")]
#[test]
fn folder_that_cannot_be_written_to_is_named_and_no_temporary_one() {
    let hub = Hub::with(&["mr"]);
    let message = hub.refused(1, ["pull", "mr", "--output", "/proc/winner"]);
    assert!(message.contains("/proc/winner cannot be written: ") && message.contains("hint: "), "{message}");
    let exported = hub.refused(1, ["export", "mr", "/proc/mr.esm"]);
    assert!(exported.contains("/proc/mr.esm cannot be written: "), "{exported}");
    assert!([message, exported].iter().all(|said| !said.contains("/.")), "a temporary name");
}

#[test]
fn dry_run_writes_nothing() {
    let hub = Hub::with(&["mr"]);
    let before = hub.tree();
    let said = hub.json(["pull", "mr", "--dry-run"]);
    assert_eq!(at(&said, ["dry_run", "pulled/0/folder"]), json!([true, "mr"]));
    hub.json(["export", "mr", "mr.esm", "--dry-run"]);
    assert_eq!(before.changes(&hub.tree()), Vec::<String>::new());
}

/// hfselect 0.1.0 called its tensors otherwise, and older packages pickled them.
#[test]
fn legacy_names_and_pickles_publish_as_their_twin() {
    let hub = Hub::new();
    let twin = fixture("pickled-twin");
    let weights = |source: &std::path::Path| {
        let published = hub.json(["publish".as_ref(), source.as_os_str(), "--codec".as_ref(), "f32".as_ref()]);
        published["published"][0]["weights"].clone()
    };
    let expected = weights(&twin);
    assert_eq!(weights(&fixture("pickled")), expected);
    assert_eq!(weights(&fixture("pickled-legacy")), expected);
    assert_eq!(hub.json(["show", "pickled:v2"])["card"]["fit"]["program"], "hfselect 0.1.0");

    let mut esm = EsmFolder::new("legacy", 8, 1).set("version", "0.1.0");
    esm.tensors = ["sequential.0.weight", "sequential.0.bias"];
    let source = hub.esm(&esm);
    hub.ok(["publish", &source, "--codec", "f32"]);
    hub.ok(["pull", "legacy"]);
    assert_eq!(EsmFolder::bits_in(&hub.path("legacy")), esm.bits());
    let config: Value = serde_json::from_slice(&fs::read(hub.path("legacy/config.json")).unwrap()).unwrap();
    assert_ne!(config["version"], "0.1.0", "the peer would look for the legacy names");

    // What made an ESM stays said, whoever else keeps it meanwhile: hfselect of another version, or esmhub.
    hub.write("fitted.npz", pairs(60, 24, 1));
    hub.ok(["publish", "fitted.npz", "--base", "acme/encoder", "--no-anchors"]);
    hub.ok(["pull", "fitted"]);
    let there = Hub::new();
    for (name, program) in [("legacy", "hfselect 0.1.0"), ("fitted", "esmhub")] {
        there.ok(["publish".as_ref(), hub.path(name).as_os_str()]);
        let made_by = there.json(["show", name])["card"]["fit"]["program"].clone();
        assert!(made_by.as_str().unwrap().starts_with(program), "{made_by}");
    }
}

#[test]
fn name_inside_another_name_is_refused_before_anything_is_written() {
    let hub = Hub::with(&["z"]);
    let inner = hub.esm(&EsmFolder::new("inner", 8, 2));
    hub.ok(["publish", &inner, "--name", "z/q"]);
    hub.refused_saying(2, ["pull", "z*", "--output", "out"], &["z:v1", "z/q:v1", "share a folder"]);
    hub.ok(["pull", "z/q", "--output", "apart"]);
}

/// What it holds was decoded from the weights that are gone, and not with every codec is it encoded to the same again.
#[test]
fn pulled_folder_puts_back_the_weights_of_its_esm_or_is_refused_and_never_becomes_another_one() {
    let mut healed = Vec::new();
    for codec in ["f32", "f16", "int8", "int4"] {
        let hub = Hub::new();
        let folder = hub.esm(&EsmFolder::new("reviews", 16, 3));
        hub.ok(["publish", "--codec", codec, &folder]);
        hub.ok(["pull", "reviews", "--output", "pulled"]);
        let object = hub.object_of("reviews");
        std::fs::remove_file(&object).unwrap();
        let again = hub.run(["publish", "pulled"]);
        assert_eq!(hub.json(["list"])["esms"].as_array().unwrap().len(), 1, "{codec}: {again:#?}");
        match again.code {
            0 => {
                assert!(object.exists(), "{codec}");
                assert_eq!(hub.json(["verify"])["sound"], true, "{codec}");
                healed.push(codec);
            }
            code => assert!(code == 16 && again.stderr.contains("--codec f32"), "{codec}: {again:#?}"),
        }
    }
    assert!(healed.contains(&"f32"), "{healed:?}");
}
