//! Models by id: from a hub that runs inside the test, and from its cache alone.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use esmhub_selection::encoder::{Device, Encoder, FetchError, ModelFiles};
use esmhub_selection::hub::{Hub as Client, HubError, HubSettings};
use tempfile::TempDir;

use super::server::{COMMIT, Hub};
use super::support::{copy_of, expected, texts};

const ID: &str = "someone/tiny-model";

fn settings(endpoint: &str, cache: &TempDir, offline: bool) -> HubSettings {
    HubSettings { endpoint: endpoint.into(), cache: cache.path().into(), token: None, offline }
}

fn fetch(
    id: &str,
    revision: Option<&str>,
    settings: &HubSettings,
    progress: &dyn Fn(&str, u64, u64),
) -> Result<ModelFiles, HubError> {
    let client = Client::new(settings.clone());
    esmhub_selection::encoder::fetch(&client, id, revision, progress).map_err(|error| match error {
        FetchError::Hub(error) => error,
        other => panic!("{other}"),
    })
}

fn quiet(_: &str, _: u64, _: u64) {}

fn assert_embeds(files: &ModelFiles, folder: &str) {
    let (texts, max_length) = texts();
    let ours = Encoder::load(files, Device::Cpu).unwrap().embed(&texts, max_length, &|_, _| ()).unwrap();
    for (ours, theirs) in ours.iter().zip(expected(folder)) {
        assert!(ours.iter().zip(theirs).all(|(a, b)| (a - b).abs() < 1e-5));
    }
}

#[test]
fn what_was_fetched_once_is_there_offline() {
    for folder in ["bert-mean", "xlm-roberta", "bert-bin"] {
        let hub = Hub::serving(folder, ID);
        let cache = tempfile::tempdir().unwrap();
        let seen = RefCell::new(BTreeMap::new());
        let watch = |file: &str, done: u64, total: u64| {
            assert!(done <= total);
            seen.borrow_mut().insert(file.to_owned(), (done, total));
        };
        let files = fetch(ID, None, &settings(&hub.endpoint(), &cache, false), &watch).unwrap();
        assert_eq!(files.commit(), Some(COMMIT));
        assert_embeds(&files, folder);
        let seen = seen.into_inner();
        assert!(seen.contains_key("config.json") && seen.contains_key("tokenizer.json"));
        assert!(seen.values().all(|(done, total)| done == total), "{seen:?}");
        let wanted = |path: &String| !path.ends_with("onnx/model.onnx") && !path.ends_with("expected.json");
        assert!(hub.requests().iter().all(wanted), "a file was fetched that nobody needs");

        // A second time, the files are not fetched again; the revision is looked up.
        let before = hub.requests().len();
        fetch(ID, None, &settings(&hub.endpoint(), &cache, false), &quiet).unwrap();
        assert_eq!(hub.requests().len(), before + 1);
        drop(hub);

        for revision in [None, Some("main"), Some(COMMIT)] {
            let files = fetch(ID, revision, &settings("http://127.0.0.1:1", &cache, true), &quiet).unwrap();
            assert_eq!(files.commit(), Some(COMMIT));
            assert_embeds(&files, folder);
        }
    }
}

#[test]
fn token_goes_to_the_hub_and_refusals_are_told_apart() {
    let hub = Hub::serving("bert", ID);
    let cache = tempfile::tempdir().unwrap();
    let mut with_token = settings(&hub.endpoint(), &cache, false);
    with_token.token = Some("hf_secret".into());
    fetch(ID, Some("v1"), &with_token, &quiet).unwrap();
    assert!(hub.tokens().iter().all(|token| token == "Bearer hf_secret"), "{:?}", hub.tokens());
    for (id, expected) in [("someone/else", 404), ("someone/private", 401)] {
        let error = fetch(id, None, &with_token, &quiet).unwrap_err();
        assert!(matches!(error, HubError::Refused { status, .. } if status == expected), "{error}");
        assert!(error.hint().is_some());
        assert!(!error.to_string().contains("hf_secret"));
    }
}

#[test]
fn unreachable_hub_is_an_error_that_names_it() {
    let cache = tempfile::tempdir().unwrap();
    let error = fetch(ID, None, &settings("http://127.0.0.1:1", &cache, false), &quiet).unwrap_err();
    assert!(matches!(error, HubError::Request { .. }), "{error}");
    assert!(error.to_string().contains("http://127.0.0.1:1"));
}

#[test]
fn file_of_another_size_is_not_kept() {
    let hub = Hub::serving("bert", ID).lying_about("model.safetensors");
    let cache = tempfile::tempdir().unwrap();
    let error = fetch(ID, None, &settings(&hub.endpoint(), &cache, false), &quiet).unwrap_err();
    assert!(matches!(&error, HubError::Answer { what, .. } if what == "model.safetensors"), "{error}");
    // Neither as a model that is there, nor for the next fetch.
    let error = fetch(ID, None, &settings("", &cache, true), &quiet).unwrap_err();
    assert!(matches!(error, HubError::NotCached { .. }), "{error}");
    drop(hub);
    let honest = Hub::serving("bert", ID);
    let files = fetch(ID, None, &settings(&honest.endpoint(), &cache, false), &quiet).unwrap();
    assert_embeds(&files, "bert");
}

/// A cache as another program leaves it, with the files of this folder.
fn cache_with(folder: &Path) -> TempDir {
    let cache = tempfile::tempdir().unwrap();
    let model = cache.path().join("models--someone--tiny-model");
    fs::create_dir_all(model.join("refs")).unwrap();
    fs::write(model.join("refs/main"), COMMIT).unwrap();
    fs::create_dir_all(model.join("snapshots")).unwrap();
    fs::rename(folder, model.join("snapshots").join(COMMIT)).unwrap();
    cache
}

#[test]
fn cache_that_does_not_know_the_pooling_is_refused() {
    // transformers caches config, tokenizer and weights of a sentence-transformers model and leaves modules.json out.
    let folder = copy_of("bert");
    let cache = cache_with(folder.path());
    let error = fetch(ID, None, &settings("", &cache, true), &quiet).unwrap_err();
    assert!(matches!(&error, HubError::NotCached { missing, .. } if missing == "modules.json"), "{error}");
    assert!(error.hint().is_some());
    let absent = cache.path().join("models--someone--tiny-model/.no_exist").join(COMMIT);
    fs::create_dir_all(&absent).unwrap();
    fs::write(absent.join("modules.json"), []).unwrap();
    assert_embeds(&fetch(ID, None, &settings("", &cache, true), &quiet).unwrap(), "bert");
}

#[test]
fn what_the_cache_lacks_is_named() {
    for (file, named) in [
        ("config.json", "config.json"),
        ("tokenizer.json", "tokenizer.json"),
        ("model.safetensors", "model.safetensors (or its index, or pytorch_model.bin or its index)"),
        ("1_Pooling/config.json", "1_Pooling/config.json"),
    ] {
        let folder = copy_of("bert-mean");
        fs::remove_file(folder.path().join(file)).unwrap();
        let cache = cache_with(folder.path());
        let error = fetch(ID, None, &settings("", &cache, true), &quiet).unwrap_err();
        assert!(matches!(&error, HubError::NotCached { missing, .. } if missing == named), "{error}");
    }
    let cache = tempfile::tempdir().unwrap();
    for revision in [None, Some("v7"), Some(COMMIT)] {
        let error = fetch(ID, revision, &settings("", &cache, true), &quiet).unwrap_err();
        assert!(matches!(error, HubError::NotCached { .. }), "{error}");
    }
}

#[test]
fn names_cannot_lead_out_of_the_cache() {
    let cache = tempfile::tempdir().unwrap();
    let settings = settings("http://127.0.0.1:1", &cache, true);
    let long = "a".repeat(300);
    for id in ["", "/", "..", "../x", "a/..", "a/b/c", "a b", "a/b?c", "a/.hidden", "ä/b", "a\\b", long.as_str()] {
        let error = fetch(id, None, &settings, &quiet).unwrap_err();
        assert!(matches!(error, HubError::Name { what: "the id", .. }), "{id}: {error}");
    }
    for revision in ["", "..", "../../x", "/etc/passwd", "a//b", "a b", "a#b"] {
        let error = fetch(ID, Some(revision), &settings, &quiet).unwrap_err();
        assert!(matches!(error, HubError::Name { what: "the revision", .. }), "{revision}: {error}");
    }
}
