//! ESMs pushed to the Hugging Face Hub.

use std::process::Command;

use serde_json::{Value, json};

use crate::support::loopback::{Fault, Loopback, Repository};
use crate::support::{EsmFolder, Hub, Output, at, given, tiny_model};

const D: usize = 8;

fn pool() -> (Hub, EsmFolder) {
    let hub = Hub::new();
    let esm = EsmFolder::new("reviews", D, 1).set("base_model_name", "acme/encoder");
    let source = hub.esm(&esm);
    hub.ok(["publish", "--codec", "f32", "--license", "MIT", &source]);
    (hub, esm)
}

fn push(hub: &Hub, server: &Loopback, arguments: &[&str]) -> Output {
    let mut command = hub.command();
    command.args(["pull", "reviews", "--to-hub", "acme/esm-of-reviews", "--json"]).args(arguments);
    Hub::finish(command.env("HF_ENDPOINT", server.endpoint()).env("HF_TOKEN", "hf_secret").env_remove("HF_HUB_OFFLINE"))
}

fn pushed(hub: &Hub, server: &Loopback, arguments: &[&str]) -> Value {
    let done = push(hub, server, arguments);
    assert_eq!(done.code, 0, "{done:#?}");
    serde_json::from_str(&done.stdout).unwrap()
}

fn empty() -> Loopback {
    Loopback::new([], 10)
}

#[test]
fn what_was_pushed_comes_back_the_same_and_is_found_as_an_esm() {
    let ((hub, esm), server) = (pool(), empty());
    let dry = pushed(&hub, &server, &["--dry-run"]);
    assert_eq!(at(&dry, ["dry_run", "commit", "unchanged"]), json!([true, null, false]));
    assert!(server.repository("acme/esm-of-reviews").is_none());
    let first = pushed(&hub, &server, &["--private"]);
    let repository = server.repository("acme/esm-of-reviews").unwrap();
    assert_eq!(at(&first, ["commit", "created", "unchanged"]), json!([repository.commit, true, false]));
    assert!(repository.private);
    let card = String::from_utf8(repository.files["README.md"].clone()).unwrap();
    for line in ["base_model: \"acme/encoder\"", "license: \"mit\"", "ESM.from_pretrained(\"acme/esm-of-reviews\")"] {
        assert!(card.contains(line), "{line}: {card}");
    }
    assert!(card.contains("\"embedding_space_map\"") && card.contains("\"BaseLM:acme/encoder\""), "{card}");
    // Again: nothing is to be done, and nothing is asked for that would change something.
    server.requests();
    let again = pushed(&hub, &server, &[]);
    assert_eq!(at(&again, ["commit", "created", "unchanged"]), json!([repository.commit, false, true]));
    assert!(!server.requests().iter().any(|path| path.contains("commit/") || path.contains("create")));
    // Another pool takes it as it was.
    let other = Hub::new();
    let mut command = other.command();
    command.args(["publish", "--codec", "f32", "hf://acme/esm-of-reviews"]).env("HF_TOKEN", "hf_secret");
    let done = Hub::finish(command.env("HF_ENDPOINT", server.endpoint()).env_remove("HF_HUB_OFFLINE"));
    assert_eq!(done.code, 0, "{done:#?}");
    other.ok(["pull", "reviews", "--output", "back"]);
    assert_eq!(EsmFolder::bits_in(&other.path("back")), esm.bits());
}

#[test]
fn what_is_no_esm_is_never_written_over() {
    let ((hub, _), server) = (pool(), empty());
    let model = std::fs::read_dir(tiny_model("bert")).unwrap().map(|entry| {
        let path = entry.unwrap().path();
        (path.file_name().unwrap().to_str().unwrap().to_owned(), std::fs::read(&path).unwrap())
    });
    let model: Vec<_> = model.collect();
    let mut disguised = Repository::of(&EsmFolder::new("reviews", D, 2).set("base_model_name", "acme/encoder")).files;
    disguised.insert("tokenizer.json".into(), b"{}".to_vec());
    let one = |name: &str| vec![(name.to_owned(), b"mine".to_vec())];
    for files in [model, one("notes.txt"), one("README.md"), disguised.into_iter().collect()] {
        let repository = Repository::of_files(files);
        let server = Loopback::new([("acme/esm-of-reviews".to_owned(), repository.clone())], 10);
        for arguments in [&[][..], &["--dry-run"]] {
            let refused = push(&hub, &server, arguments);
            assert_eq!(refused.code, 15, "{refused:#?}");
            assert!(refused.stderr.contains("not those of an ESM"), "{refused:#?}");
        }
        let after = server.repository("acme/esm-of-reviews").unwrap();
        assert_eq!((after.commit, after.files), (repository.commit, repository.files));
    }
    // An earlier version of it is, in a commit behind that one.
    let earlier = Repository::of(&EsmFolder::new("reviews", D, 2).set("base_model_name", "acme/encoder"));
    server.put("acme/esm-of-reviews", earlier.clone());
    let done = pushed(&hub, &server, &[]);
    assert_eq!(at(&done, ["created", "unchanged"]), json!([false, false]));
    assert_eq!(done["replaced"], earlier.commit.as_str());
    assert_ne!(server.repository("acme/esm-of-reviews").unwrap().commit, earlier.commit);
}

/// Others rank what the repository holds, whatever it is called.
#[test]
fn an_esm_of_another_task_or_base_model_is_written_over_only_where_that_is_asked_for() {
    let ((hub, _), server) = (pool(), empty());
    for (task, base) in [("news", "acme/encoder"), ("reviews", "acme/other")] {
        let other = Repository::of(&EsmFolder::new(task, D, 2).set("base_model_name", base));
        server.put("acme/esm-of-reviews", other.clone());
        for arguments in [&[][..], &["--dry-run"]] {
            let refused = push(&hub, &server, arguments);
            assert_eq!(refused.code, 15, "{refused:#?}");
            let said = [format!("{task} for {base}"), "reviews for acme/encoder".into(), "--replace".into()];
            assert!(said.iter().all(|part| refused.stderr.contains(part)), "{refused:#?}");
        }
        assert_eq!(server.repository("acme/esm-of-reviews").unwrap().commit, other.commit);
        let done = pushed(&hub, &server, &["--replace"]);
        assert_eq!(done["replaced"], other.commit.as_str());
    }
    let again = pushed(&hub, &server, &[]);
    assert_eq!(at(&again, ["unchanged", "replaced"]), json!([true, null]));
}

#[test]
fn what_passes_is_waited_for_and_a_lost_answer_is_no_lost_commit() {
    for (path, faults) in [
        ("repos/create", vec![Fault::Status(503, "")]),
        // Made, and the answer did not come.
        ("repos/create", vec![Fault::Cut(3)]),
        ("preupload", vec![Fault::Status(429, "Retry-After: 1\r\n"), Fault::Cut(5)]),
        ("objects/batch", vec![Fault::Status(502, "")]),
        ("storage", vec![Fault::Status(500, ""), Fault::Cut(1)]),
        ("verify", vec![Fault::Status(504, "")]),
        ("commit/main", vec![Fault::Cut(4)]),
    ] {
        let ((hub, _), server) = (pool(), empty());
        server.fails(path, &faults);
        let done = pushed(&hub, &server, &[]);
        let repository = server.repository("acme/esm-of-reviews").unwrap();
        assert_eq!(done["commit"], *repository.commit, "{path}");
        assert!(repository.files.contains_key("model.safetensors"));
    }
    // One that was not made is an error.
    let ((hub, _), server) = (pool(), empty());
    server.fails("commit/main", &[Fault::Status(500, "")]);
    let failed = push(&hub, &server, &[]);
    assert_eq!(failed.code, 1, "{failed:#?}");
    assert!(failed.stderr.contains("500 for the commit"), "{failed:#?}");
}

#[test]
fn what_was_not_shown_and_is_there_all_the_same_is_not_written_over() {
    let ((hub, _), server) = (pool(), empty());
    let hidden = Repository::of_files([("notes.txt".to_owned(), b"mine".to_vec())]);
    server.put("acme/esm-of-reviews", hidden.clone());
    server.fails("/api/models/acme/esm-of-reviews/revision", &[Fault::Status(404, "")]);
    let refused = push(&hub, &server, &[]);
    assert_eq!(refused.code, 1, "{refused:#?}");
    assert!(refused.stderr.contains("409"), "{refused:#?}");
    assert_eq!(server.repository("acme/esm-of-reviews").unwrap().files, hidden.files);
}

#[test]
fn somebody_elses_commit_in_between_is_not_written_over() {
    let ((hub, _), server) = (pool(), empty());
    let earlier = Repository::of(&EsmFolder::new("reviews", D, 2).set("base_model_name", "acme/encoder"));
    server.put("acme/esm-of-reviews", earlier);
    server.fails("commit/main", &[Fault::Status(412, "")]);
    let refused = push(&hub, &server, &[]);
    assert_eq!(refused.code, 1, "{refused:#?}");
    assert!(refused.stderr.contains("412") && refused.stderr.contains("try again"), "{refused:#?}");
}

#[test]
fn who_may_not_write_is_told_what_it_takes() {
    let ((hub, _), server) = (pool(), empty());
    let mut command = hub.command();
    command.args(["pull", "reviews", "--to-hub", "acme/esm-of-reviews"]).env("HF_ENDPOINT", server.endpoint());
    let refused = Hub::finish(command.env_remove("HF_HUB_OFFLINE"));
    assert_eq!(refused.code, 2, "{refused:#?}");
    assert!(refused.stderr.contains("HF_TOKEN"), "{refused:#?}");
    server.fails("repos/create", &[Fault::Status(401, ""), Fault::Status(403, "")]);
    for _ in 0..2 {
        let refused = push(&hub, &server, &[]);
        assert_eq!(refused.code, 1, "{refused:#?}");
        assert!(refused.stderr.contains("may write there") && !refused.stderr.contains("hf_secret"), "{refused:#?}");
    }
    hub.refused_saying(2, ["pull", "reviews", "--to-hub", "acme"], &["OWNER/REPO"]);
    hub.refused_saying(2, ["pull", "reviews", "--to-hub", "acme/x"], &["offline"]);
    let mut command = hub.command();
    hub.ok(["publish", &hub.esm(&EsmFolder::new("more", D, 3))]);
    command.args(["pull", "*", "--to-hub", "acme/x"]).env("HF_TOKEN", "hf_secret").env_remove("HF_HUB_OFFLINE");
    let refused = Hub::finish(command.env("HF_ENDPOINT", server.endpoint()));
    assert_eq!(refused.code, 2, "{refused:#?}");
}

#[test]
fn the_peer_loads_what_was_pushed() {
    let Some(environment) = given("ESMHUB_TEST_PYTHON", "the_peer_loads_what_was_pushed") else { return };
    let ((hub, esm), server) = (pool(), empty());
    pushed(&hub, &server, &[]);
    let script = "import sys, struct
from hfselect import ESM
from huggingface_hub import ModelCard
esm = ESM.from_pretrained('acme/esm-of-reviews')
card = ModelCard.load('acme/esm-of-reviews')
assert card.data.base_model == 'acme/encoder' and 'embedding_space_map' in card.data.tags, card.data
config = esm.config if isinstance(esm.config, dict) else esm.config.to_dict()
assert config['base_model_name'] == 'acme/encoder', config
state = {name: value for name, value in esm.state_dict().items()}
print(sorted(float(value) for tensor in state.values() for value in tensor.flatten()))";
    let mut command = Command::new(environment.join("bin/python"));
    command.current_dir(hub.path("home")).args(["-c", script]).env("HF_ENDPOINT", server.endpoint());
    command.env("HF_HOME", hub.path("home/python")).env("HF_HUB_DISABLE_XET", "1").env_remove("HF_HUB_OFFLINE");
    let output = Hub::finish(&mut command);
    assert_eq!(output.code, 0, "{output:#?}");
    let theirs: Vec<f32> = serde_json::from_str(output.stdout.lines().last().unwrap()).unwrap();
    let (weights, bias) = esm.bits();
    let mut ours: Vec<f32> = weights.iter().chain(&bias).map(|bits| f32::from_bits(*bits)).collect();
    ours.sort_by(f32::total_cmp);
    assert_eq!(theirs, ours);
}

/// That the server here is one as the hub is: Python's own client pushes to it.
#[test]
fn the_server_of_these_tests_takes_what_the_hubs_own_client_pushes() {
    let test = "the_server_of_these_tests_takes_what_the_hubs_own_client_pushes";
    let Some(environment) = given("ESMHUB_TEST_PYTHON", test) else { return };
    let (hub, server) = (Hub::new(), empty());
    let script = "from huggingface_hub import HfApi, CommitOperationAdd
api = HfApi(token='hf_secret')
api.create_repo('acme/pushed', private=True)
files = {'config.json': b'{}', 'model.safetensors': bytes(range(256)) * 8}
made = api.create_commit('acme/pushed', [CommitOperationAdd(name, content) for name, content in files.items()], commit_message='x')
print(made.oid)";
    let mut command = Command::new(environment.join("bin/python"));
    command.current_dir(hub.path("home")).args(["-c", script]).env("HF_ENDPOINT", server.endpoint());
    command.env("HF_HOME", hub.path("home/python")).env("HF_HUB_DISABLE_XET", "1").env_remove("HF_HUB_OFFLINE");
    let output = Hub::finish(&mut command);
    assert_eq!(output.code, 0, "{output:#?}");
    let repository = server.repository("acme/pushed").unwrap();
    assert_eq!(output.stdout.lines().last().unwrap(), repository.commit);
    assert_eq!(repository.files["model.safetensors"].len(), 2048);
}
