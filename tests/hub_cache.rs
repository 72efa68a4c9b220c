//! The cache that is shared with Python's huggingface_hub: what lies in it, by which name, and who else reads and writes it.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use esmhub_selection::hub::{HubError, Kind};
use serde_json::json;
use tempfile::TempDir;

use crate::downloads::{ID, LARGE, LARGE_DIGEST, SMALL, SMALL_DIGEST, client, fetch, serving, tree};
use crate::support::given;
use crate::support::loopback::Fault;

/// The lock of `LARGE`, as another process holds it.
fn held(cache: &TempDir) -> File {
    let locks = cache.path().join("hub/.locks/models--acme--model");
    fs::create_dir_all(&locks).unwrap();
    let lock = File::create(locks.join(format!("{LARGE_DIGEST}.lock"))).unwrap();
    lock.lock().unwrap();
    lock
}

/// An answer's `ETag` was once the name of the file that it was written to.
#[test]
fn content_is_called_by_its_digest_whatever_an_answer_calls_it() {
    let (server, cache) = (serving(&[SMALL, LARGE]), tempfile::tempdir().unwrap());
    let commit = server.commit(ID);
    server.fails("/resolve/", &vec![Fault::Named("../../../evil"); 9]);
    server.fails("/cdn/", &vec![Fault::Named("/tmp/evil"); 9]);
    for (name, bytes) in [SMALL, LARGE] {
        let path = fetch(&server, &cache, name).unwrap().unwrap();
        assert_eq!(fs::read(path).unwrap(), bytes);
    }
    let files = [
        (format!("blobs/{SMALL_DIGEST}"), SMALL.1.to_vec()),
        (format!("blobs/{LARGE_DIGEST}"), LARGE.1.to_vec()),
        (format!("snapshots/{commit}/deep/er/a.json"), format!("../../../../blobs/{SMALL_DIGEST}").into_bytes()),
        (format!("snapshots/{commit}/b.safetensors"), format!("../../blobs/{LARGE_DIGEST}").into_bytes()),
    ];
    let mut expected: BTreeMap<_, _> =
        files.into_iter().map(|(name, bytes)| (format!("hub/models--acme--model/{name}"), bytes)).collect();
    for digest in [SMALL_DIGEST, LARGE_DIGEST] {
        expected.insert(format!("hub/.locks/models--acme--model/{digest}.lock"), Vec::new());
    }
    assert_eq!(tree(cache.path()), expected);
}

#[test]
fn what_the_cache_holds_under_another_commit_is_not_fetched_again() {
    let (server, cache) = (serving(&[SMALL, LARGE]), tempfile::tempdir().unwrap());
    for (name, _) in [SMALL, LARGE] {
        fetch(&server, &cache, name).unwrap();
    }
    server.change(ID, |repository| repository.commit = "c".repeat(40));
    server.sent();
    for (name, bytes) in [SMALL, LARGE] {
        let path = fetch(&server, &cache, name).unwrap().unwrap();
        assert!(path.starts_with(cache.path().join("hub/models--acme--model/snapshots").join("c".repeat(40))));
        assert_eq!(fs::read(path).unwrap(), bytes);
    }
    assert_eq!(server.sent(), 0);
    // A file that was cut is no content.
    fs::write(cache.path().join("hub/models--acme--model/blobs").join(LARGE_DIGEST), b"ab").unwrap();
    assert_eq!(fs::read(fetch(&server, &cache, LARGE.0).unwrap().unwrap()).unwrap(), LARGE.1);
}

/// Either finds what the other has fetched, where the other has put it, and fetches nothing.
#[test]
fn pythons_client_and_this_one_have_one_cache() {
    let Some(environment) = given("ESMHUB_TEST_PYTHON", "pythons_client_and_this_one_have_one_cache") else { return };
    let (server, cache) = (serving(&[SMALL, LARGE]), tempfile::tempdir().unwrap());
    let python = |name: &str| {
        let script = "import sys, huggingface_hub as hub; print(hub.hf_hub_download(sys.argv[1], sys.argv[2]))";
        let mut command = Command::new(environment.join("bin/python"));
        command.args(["-c", script, ID, name]).env("HF_HOME", cache.path()).env("HF_ENDPOINT", server.endpoint());
        let output = command.env("HF_HUB_DISABLE_XET", "1").env_remove("HF_HUB_OFFLINE").output().unwrap();
        assert!(output.status.success(), "{output:?}");
        PathBuf::from(String::from_utf8(output.stdout).unwrap().trim())
    };
    let ours = fetch(&server, &cache, SMALL.0).unwrap().unwrap();
    let theirs = python(LARGE.0);
    let (before, _) = (tree(cache.path()), server.sent());
    assert_eq!(python(SMALL.0), ours);
    assert_eq!(fetch(&server, &cache, LARGE.0).unwrap().unwrap(), theirs);
    assert_eq!(server.sent(), 0);
    let after = tree(cache.path());
    assert!(before.iter().all(|(name, bytes)| after.get(name) == Some(bytes)));
    assert!(after.keys().all(|name| before.contains_key(name) || !name.contains("/blobs/")), "{after:?}");
}

/// Whoever waited must not take away, be it for a moment, what another process has just been given.
#[test]
fn a_file_that_one_process_was_given_stays_while_others_are_given_it() {
    let (server, cache) = (serving(&[LARGE]), tempfile::tempdir().unwrap());
    let lock = held(&cache);
    let read = |path: PathBuf| (0..2000).all(|_| fs::read(&path).is_ok_and(|bytes| bytes == LARGE.1));
    std::thread::scope(|scope| {
        let waiting: Vec<_> =
            (0..8).map(|_| scope.spawn(|| read(fetch(&server, &cache, LARGE.0).unwrap().unwrap()))).collect();
        std::thread::sleep(Duration::from_millis(500));
        drop(lock);
        assert!(waiting.into_iter().all(|one| one.join().unwrap()));
    });
}

/// A mirror is taken at its word as long as nobody says better.
#[test]
fn what_a_mirror_gave_is_fetched_again_where_its_digest_is_another() {
    let (mirror, honest, cache) = (serving(&[(LARGE.0, b"bad")]), serving(&[LARGE]), tempfile::tempdir().unwrap());
    mirror.change(ID, |repository| repository.terse = true);
    assert_eq!(mirror.commit(ID), honest.commit(ID));
    assert_eq!(fs::read(fetch(&mirror, &cache, LARGE.0).unwrap().unwrap()).unwrap(), b"bad");
    assert_eq!(fs::read(fetch(&honest, &cache, LARGE.0).unwrap().unwrap()).unwrap(), LARGE.1);
}

#[test]
fn what_is_no_plain_file_in_the_cache_is_not_written_through() {
    let blobs = "hub/models--acme--model/blobs";
    for place in [
        format!("{blobs}/{LARGE_DIGEST}.esmhub.incomplete"),
        format!("hub/.locks/models--acme--model/{LARGE_DIGEST}.lock"),
    ] {
        for target in ["victim", "absent"] {
            let (server, cache) = (serving(&[LARGE]), tempfile::tempdir().unwrap());
            fs::write(cache.path().join("victim"), b"mine").unwrap();
            let place = cache.path().join(&place);
            fs::create_dir_all(place.parent().unwrap()).unwrap();
            std::os::unix::fs::symlink(cache.path().join(target), &place).unwrap();
            assert!(matches!(fetch(&server, &cache, LARGE.0), Err(HubError::Cache { .. })));
            assert_eq!(fs::read(cache.path().join("victim")).unwrap(), b"mine");
            assert!(!cache.path().join("absent").exists());
        }
    }
}

#[test]
fn another_commit_than_the_one_that_was_asked_for_is_refused() {
    let (server, cache) = (serving(&[LARGE]), tempfile::tempdir().unwrap());
    let commit = server.commit(ID);
    assert!(client(&server, &cache).open(Kind::Model, ID, Some(&commit)).is_ok());
    let body = format!("{{\"sha\": \"{}\", \"siblings\": []}}", "c".repeat(40));
    server.fails("/api/models/acme/model/revision", &[Fault::Body(body)]);
    let refused = client(&server, &cache).open(Kind::Model, ID, Some(&commit)).unwrap_err();
    assert!(matches!(&refused, HubError::Answer { expected, .. } if *expected == commit), "{refused}");
}

/// What a reader of the whole cache can do offline, it can do online.
#[test]
fn a_cache_that_may_only_be_read_serves_what_it_holds() {
    use std::os::unix::fs::PermissionsExt;
    let (server, cache) = (serving(&[LARGE]), tempfile::tempdir().unwrap());
    let open = |cache: &TempDir| {
        let hub = client(&server, cache);
        let repository = hub.open(Kind::Model, ID, None).unwrap();
        let found = repository.file(LARGE.0, None, &|_, _| ()).unwrap();
        assert!(repository.file("absent.json", None, &|_, _| ()).unwrap().is_none());
        repository.remember_files().unwrap();
        repository.remember_revision().unwrap();
        found.unwrap()
    };
    open(&cache);
    let repository = cache.path().join("hub/models--acme--model");
    let notes = ["refs", "refs/main", ".esmhub", ".no_exist"].map(|name| repository.join(name));
    let set = |mode| notes.iter().for_each(|path| fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap());
    set(0o555);
    assert_eq!(fs::read(open(&cache)).unwrap(), LARGE.1);
    set(0o755);
}

#[test]
fn two_that_want_the_same_fetch_it_once() {
    let (server, cache) = (serving(&[LARGE]), tempfile::tempdir().unwrap());
    let lock = held(&cache);
    std::thread::scope(|scope| {
        let fetched: Vec<_> =
            (0..3).map(|_| scope.spawn(|| fetch(&server, &cache, LARGE.0).unwrap().unwrap())).collect();
        std::thread::sleep(Duration::from_millis(300));
        assert_eq!(server.sent(), 0);
        drop(lock);
        for path in fetched {
            assert_eq!(fs::read(path.join().unwrap()).unwrap(), LARGE.1);
        }
    });
    assert_eq!(server.sent(), LARGE.1.len() as u64);
}

/// No sizes, no digests: what came is counted and called by what it is.
#[test]
fn a_mirror_that_lists_names_alone_will_do() {
    let bytes = vec![7; 300_000];
    let (server, cache) = (serving(&[SMALL, LARGE, ("c.json", &bytes)]), tempfile::tempdir().unwrap());
    server.change(ID, |repository| repository.terse = true);
    server.fails("/c.json", &[Fault::Cut(100_000), Fault::Status(404, "")]);
    fetch(&server, &cache, "c.json").unwrap_err();
    for (name, expected) in [SMALL, LARGE, ("c.json", &bytes)] {
        let path = fetch(&server, &cache, name).unwrap().unwrap();
        assert!(fs::read(path).unwrap() == expected);
    }
    assert_eq!(server.sent(), 300_000 + 9);
    assert!(tree(cache.path()).contains_key(&format!("hub/models--acme--model/blobs/{LARGE_DIGEST}")));
    // git's digest is of the size as well, which this one does not say.
    let cache = tempfile::tempdir().unwrap();
    let body = json!({"sha": server.commit(ID), "siblings": [{"rfilename": SMALL.0, "blobId": SMALL_DIGEST}]});
    server.fails("/api/models/acme/model/revision", &[Fault::Body(body.to_string())]);
    assert_eq!(fs::read(fetch(&server, &cache, SMALL.0).unwrap().unwrap()).unwrap(), SMALL.1);
}
