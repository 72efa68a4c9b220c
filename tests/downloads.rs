//! What comes from a hub that breaks off, lies, or is a mirror.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use esmhub_selection::hub::{Hub, HubError, HubSettings, Kind};
use serde_json::json;
use tempfile::TempDir;

use crate::support::loopback::{Fault, Loopback, Repository};

pub(crate) const ID: &str = "acme/model";
pub(crate) const SMALL: (&str, &[u8]) = ("deep/er/a.json", b"hello\n");
/// As `git hash-object` calls `SMALL`.
pub(crate) const SMALL_DIGEST: &str = "ce013625030ba8dba906f756967f9e9ca394464a";
pub(crate) const LARGE: (&str, &[u8]) = ("b.safetensors", b"abc");
/// As FIPS 180-4 calls `LARGE`.
pub(crate) const LARGE_DIGEST: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

pub(crate) fn serving(files: &[(&str, &[u8])]) -> Loopback {
    let files = files.iter().map(|(name, bytes)| ((*name).to_owned(), bytes.to_vec()));
    Loopback::new([(ID.to_owned(), Repository::of_files(files))], 1000)
}

pub(crate) fn client(server: &Loopback, cache: &TempDir) -> Hub {
    Hub::new(HubSettings { endpoint: server.endpoint(), cache: cache.path().join("hub"), token: None, offline: false })
}

pub(crate) fn fetch(server: &Loopback, cache: &TempDir, name: &str) -> Result<Option<PathBuf>, HubError> {
    fetch_at_most(server, cache, name, Some(1 << 30))
}

fn fetch_at_most(
    server: &Loopback,
    cache: &TempDir,
    name: &str,
    limit: Option<u64>,
) -> Result<Option<PathBuf>, HubError> {
    client(server, cache).open(Kind::Model, ID, None)?.file(name, limit, &|_, _| ())
}

/// What waits for a server that never gives in does so side by side.
fn all_at_once<T: Clone + Sync>(cases: &[T], check: impl Fn(T) + Sync) {
    std::thread::scope(|scope| cases.iter().for_each(|case| drop(scope.spawn(|| check(case.clone())))));
}

/// Every file below a folder with its bytes; links as what they name.
pub(crate) fn tree(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut left = vec![folder.to_owned()];
    while let Some(next) = left.pop() {
        for entry in fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            let name = path.strip_prefix(folder).unwrap().to_str().unwrap().to_owned();
            if path.is_symlink() {
                found.insert(name, fs::read_link(&path).unwrap().to_str().unwrap().as_bytes().to_vec());
            } else if path.is_dir() {
                left.push(path);
            } else {
                found.insert(name, fs::read(&path).unwrap());
            }
        }
    }
    found
}

#[test]
fn content_of_another_digest_is_refused_and_not_kept() {
    all_at_once(&[(SMALL, SMALL_DIGEST), (LARGE, LARGE_DIGEST)], |((name, bytes), digest)| {
        let (server, cache) = (serving(&[(name, bytes)]), tempfile::tempdir().unwrap());
        server.fails(if name == LARGE.0 { "/cdn/" } else { "/resolve/" }, &vec![Fault::Other; 6]);
        let refused = fetch(&server, &cache, name).unwrap_err();
        assert!(matches!(&refused, HubError::Answer { expected, .. } if expected == digest), "{refused}");
        assert!(tree(cache.path()).values().all(Vec::is_empty), "{:?}", tree(cache.path()));
        assert!(fetch(&server, &cache, name).is_ok());
    });
}

#[test]
fn a_download_that_broke_off_goes_on_in_the_next_run() {
    let bytes: Vec<u8> = (0..300_000_u32).map(|at| (at * 7) as u8).collect();
    for (name, path) in [("a.json", "/resolve/"), ("a.safetensors", "/cdn/")] {
        let (server, cache) = (serving(&[(name, &bytes)]), tempfile::tempdir().unwrap());
        server.fails(path, &[Fault::Cut(100_000), Fault::Status(404, "")]);
        assert!(matches!(fetch(&server, &cache, name), Err(HubError::Refused { status: 404, .. })));
        assert_eq!(server.sent(), 100_000);
        let path = fetch(&server, &cache, name).unwrap().unwrap();
        assert_eq!((fs::read(path).unwrap() == bytes, server.sent()), (true, 200_000));
        assert!(!tree(cache.path()).keys().any(|name| name.ends_with("incomplete")));
    }
}

/// What lies there in the name of a part may be anything.
#[test]
fn a_part_that_is_not_one_costs_a_try_and_no_more() {
    let bytes = vec![7; 300_000];
    for part in [vec![8; 100_000], vec![8; 300_000], vec![8; 400_000]] {
        let (server, cache) = (serving(&[("a.json", &bytes)]), tempfile::tempdir().unwrap());
        server.fails("/resolve/", &[Fault::Cut(10), Fault::Status(404, "")]);
        fetch(&server, &cache, "a.json").unwrap_err();
        let found: Vec<String> = tree(cache.path()).into_keys().filter(|name| name.ends_with("incomplete")).collect();
        assert_eq!(found.len(), 1);
        fs::write(cache.path().join(&found[0]), part).unwrap();
        let path = fetch(&server, &cache, "a.json").unwrap().unwrap();
        assert!(fs::read(path).unwrap() == bytes);
    }
}

#[test]
fn connections_that_break_again_and_again_bring_a_large_file_all_the_same() {
    let bytes: Vec<u8> = (0..12 << 20_u32).map(|at: u32| (at / 5) as u8).collect();
    let (server, cache) = (serving(&[("a.safetensors", &bytes)]), tempfile::tempdir().unwrap());
    // One at a time they are too many.
    server.fails("/cdn/", &vec![Fault::Cut(1 << 20); 10]);
    let path = fetch(&server, &cache, "a.safetensors").unwrap().unwrap();
    assert!(fs::read(path).unwrap() == bytes);
    assert_eq!(server.sent(), 12 << 20);
}

#[test]
fn a_digest_that_is_none_does_not_pass_for_nothing_said() {
    for stated in ["../../evil", "abc", ""] {
        let (server, cache) = (serving(&[LARGE]), tempfile::tempdir().unwrap());
        let body = json!({"sha": server.commit(ID), "siblings": [
            {"rfilename": LARGE.0, "size": 3, "lfs": {"sha256": stated}},
        ]});
        server.fails("/api/models/acme/model/revision", &[Fault::Body(body.to_string())]);
        assert!(matches!(fetch(&server, &cache, LARGE.0), Err(HubError::Answer { .. })), "{stated}");
    }
}

/// Where nothing else would show that two pieces do not belong together.
#[test]
fn what_goes_on_elsewhere_or_begins_anew_is_never_put_behind_what_is_there() {
    let bytes: Vec<u8> = (0..300_000_u32).map(|at| (at * 7) as u8).collect();
    for fault in [Fault::Elsewhere, Fault::Whole] {
        let (server, cache) = (serving(&[("a.json", &bytes)]), tempfile::tempdir().unwrap());
        server.change(ID, |repository| repository.terse = true);
        server.fails("/resolve/", &[Fault::Cut(100_000), fault.clone()]);
        let path = fetch(&server, &cache, "a.json").unwrap().unwrap();
        assert!(fs::read(path).unwrap() == bytes, "{fault:?}");
    }
}

#[test]
fn what_has_no_end_or_more_bytes_than_allowed_is_left() {
    let bytes = vec![7; 300_000];
    let cases = [(false, Fault::Endless), (true, Fault::Endless), (true, Fault::Whole), (false, Fault::Whole)];
    all_at_once(&cases, |(terse, fault)| {
        let (server, cache) = (serving(&[("a.json", &bytes)]), tempfile::tempdir().unwrap());
        server.change(ID, |repository| repository.terse = terse);
        server.fails("/resolve/", &vec![fault.clone(); 6]);
        let limit = if matches!(fault, Fault::Endless) { 300_000 } else { 200_000 };
        let refused = fetch_at_most(&server, &cache, "a.json", Some(limit)).unwrap_err();
        assert!(matches!(refused, HubError::TooLarge { .. } | HubError::Answer { .. }), "{terse} {fault:?}: {refused}");
        let kept: usize = tree(cache.path()).values().map(Vec::len).sum();
        assert!(kept <= 300_000, "{terse} {fault:?}: {kept}");
        // Six tries, and what lies in the pipes.
        assert!(server.sent() < 100 << 20);
    });
}

#[test]
fn answers_that_make_no_sense_are_errors() {
    let cases = [
        (302, ""),
        (302, "Location: \r\n"),
        (302, "Location: ../../../x\r\n"),
        (302, "Location: http://[\r\n"),
        (304, ""),
        (206, ""),
        (206, "Content-Range: bytes 5-6/7\r\n"),
        (204, ""),
        (301, "Location: /acme/model/resolve/main/a.json\r\n"),
    ];
    all_at_once(&cases, |(status, headers)| {
        let (server, cache) = (serving(&[("a.json", b"{}")]), tempfile::tempdir().unwrap());
        server.fails("a.json", &vec![Fault::Status(status, headers); 200]);
        let refused = fetch(&server, &cache, "a.json").unwrap_err();
        let fits = matches!(refused, HubError::Refused { .. } | HubError::Answer { .. } | HubError::Request { .. });
        assert!(fits, "{status} {headers}: {refused}");
        assert!(tree(cache.path()).values().all(Vec::is_empty));
    });
}

#[test]
fn a_listing_cannot_name_files_outside_the_cache() {
    for name in ["../evil", "/tmp/evil", "a/../../evil", "", ".", "..", "a\0b"] {
        let (server, cache) = (serving(&[(name, b"evil"), SMALL]), tempfile::tempdir().unwrap());
        let refused = client(&server, &cache).open(Kind::Model, ID, None).unwrap_err();
        assert!(
            matches!(&refused, HubError::Answer { found, .. } if found.contains("a file named")),
            "{name}: {refused}"
        );
        assert!(!cache.path().join("hub").exists());
    }
}

#[test]
fn names_that_mean_something_in_addresses_come_as_they_are() {
    for name in
        ["a b.json", "50%.json", "what?.json", "no#1.json", "a+b&c=d.json", "\u{e4}/\u{65e5}.json", "%2e%2e.json"]
    {
        let (server, cache) = (serving(&[(name, name.as_bytes())]), tempfile::tempdir().unwrap());
        let path = fetch(&server, &cache, name).unwrap().unwrap();
        assert_eq!(fs::read(path).unwrap(), name.as_bytes());
    }
}
