//! Garbage collection: what the log needs stays, what it does not need goes away late, and in doubt nothing goes.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use esmhub_registry::{Collected, ErrorKind, GcOptions, Registry, RegistryError};
use esmhub_store_format::log::Record;

use crate::support::*;

const GRACE: Duration = Duration::from_secs(14 * 24 * 60 * 60);

fn collect(registry: &Registry) -> Result<Collected, RegistryError> {
    registry.collect_garbage(&by(), &GcOptions::default())
}

fn dry(registry: &Registry) -> Collected {
    // A dry run writes nothing, and so has no clock but the caller's.
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_millis() as u64;
    let by = esmhub_registry::Signature { time: now, ..by() };
    registry.collect_garbage(&by, &GcOptions { dry_run: true, ..GcOptions::default() }).unwrap()
}

/// Makes files look as old as this.
fn age(path: &Path, by: Duration) {
    File::open(path).unwrap().set_modified(SystemTime::now() - by).unwrap();
}

fn runs(pool: &Pool) -> Vec<PathBuf> {
    let Ok(listed) = fs::read_dir(pool.file("trash")) else { return Vec::new() };
    listed.map(|entry| entry.unwrap().path()).collect()
}

fn sound(pool: &Pool) {
    let report = pool.open().verify(&|_| ()).unwrap();
    assert_eq!(report.problems, []);
}

/// One ESM that stays, one that is yanked, one that was removed, an anchor set and one that was superseded.
fn mixed() -> Pool {
    let pool = Pool::new();
    let registry = pool.open();
    for (name, seed) in [("stays", 1), ("yanked", 2), ("removed", 3)] {
        pool.publish(name, seed);
    }
    registry.yank(&reference("yanked:v1"), &by(), false).unwrap();
    registry.remove(&reference("removed:v1"), &by(), false).unwrap();
    for seed in [1, 2] {
        registry.set_anchors("acme/encoder", Some(&anchors(seed)), &by(), false).unwrap();
    }
    pool
}

#[test]
fn what_the_log_needs_stays_and_the_rest_waits_in_the_trash_before_it_goes() {
    let pool = mixed();
    let (removed, superseded) = (object(3).digest(), anchors(1).digest().unwrap());
    let expected = dry(&pool.open());
    let collected = collect(&pool.open()).unwrap();
    let mut taken = collected.taken.clone();
    taken.sort();
    let mut both = vec![removed, superseded];
    both.sort();
    assert_eq!((taken, collected.kept.files, collected.waiting.files), (both.clone(), 3, 2));
    assert_eq!((expected.taken_bytes, expected.kept), (collected.taken_bytes, collected.kept));
    assert!(both.iter().all(|digest| !pool.object(digest).exists()));
    sound(&pool);
    assert_eq!(pool.open().fetch_anchors(&superseded).unwrap(), anchors(1), "it is still in the trash");

    let again = collect(&pool.open()).unwrap();
    assert_eq!((again.taken.len(), again.waiting.files, again.deleted.files), (0, 2, 0), "its time has not come");
    assert_eq!(runs(&pool).len(), 1, "a run that took nothing leaves no folder");

    age(&runs(&pool)[0].join("since"), GRACE + Duration::from_secs(60));
    let longer = GcOptions { grace_seconds: 2 * GRACE.as_secs(), ..GcOptions::default() };
    assert_eq!(pool.open().collect_garbage(&by(), &longer).unwrap().deleted.files, 0, "a longer grace was asked for");
    let last = collect(&pool.open()).unwrap();
    assert_eq!((last.deleted.files, last.deleted.bytes), (2, collected.taken_bytes));
    assert!(runs(&pool).is_empty());
    sound(&pool);
    assert_eq!(pool.open().fetch_anchors(&superseded).unwrap_err().kind(), ErrorKind::Integrity);
    let catalog = pool.open().catalog().unwrap();
    for name in ["stays", "yanked:v1"] {
        assert!(pool.open().fetch(catalog.resolve(&reference(name)).unwrap()).is_ok(), "{name}");
    }
}

#[test]
fn an_object_that_no_entry_needs_yet_is_left_alone_for_a_grace_period() {
    let (pool, done) = (Pool::new(), Pool::new());
    done.publish("a", 1);
    copy_folder(&done.file("objects"), &pool.file("objects"));
    pool.publish("other", 2);
    let object = pool.object(&object(1).digest());
    let collected = collect(&pool.open()).unwrap();
    assert_eq!((collected.young.files, collected.taken.len()), (1, 0));
    assert!(object.exists());
    age(&object, GRACE - Duration::from_secs(600));
    assert_eq!(collect(&pool.open()).unwrap().taken, []);
    age(&object, GRACE + Duration::from_secs(600));
    assert_eq!(collect(&pool.open()).unwrap().taken.len(), 1);
    pool.publish("a", 1);
    sound(&pool);
}

#[test]
fn what_is_needed_again_is_read_from_the_trash_and_goes_back() {
    let pool = mixed();
    collect(&pool.open()).unwrap();
    let digest = object(3).digest();
    let in_trash = runs(&pool)[0].join(digest.to_string());
    pool.publish("again", 3);
    // As if the publisher had been killed between its entry and its last look.
    fs::remove_file(pool.object(&digest)).unwrap();
    let registry = pool.open();
    let catalog = registry.catalog().unwrap();
    assert!(registry.fetch(catalog.resolve(&reference("again")).unwrap()).is_ok());
    let report = registry.verify(&|_| ()).unwrap();
    assert_eq!((report.problems, report.displaced), (vec![], vec![digest]));
    // Even when its time has come.
    age(&runs(&pool)[0].join("since"), 2 * GRACE);
    let collected = collect(&registry).unwrap();
    assert_eq!((collected.restored, collected.deleted.files), (vec![digest], 1));
    assert!(pool.object(&digest).exists() && !in_trash.exists());
    assert_eq!(registry.verify(&|_| ()).unwrap().displaced, []);
}

#[test]
fn a_damaged_object_in_the_trash_replaces_nothing_and_is_named() {
    let pool = mixed();
    collect(&pool.open()).unwrap();
    let in_trash = runs(&pool)[0].join(object(3).digest().to_string());
    pool.publish("again", 3);
    overwrite(&in_trash, b"junk");
    let collected = collect(&pool.open()).unwrap();
    assert_eq!((collected.damaged.len(), collected.restored.len()), (1, 0));
    let registry = pool.open();
    let catalog = registry.catalog().unwrap();
    assert!(registry.fetch(catalog.resolve(&reference("again")).unwrap()).is_ok());
    let problems = registry.verify(&|_| ()).unwrap().problems;
    assert_eq!((problems.len(), problems[0].what), (1, "object in the trash"));
}

#[test]
fn a_run_that_was_interrupted_before_it_said_when_begins_anew() {
    let pool = mixed();
    collect(&pool.open()).unwrap();
    fs::remove_file(runs(&pool)[0].join("since")).unwrap();
    let collected = collect(&pool.open()).unwrap();
    assert_eq!((collected.waiting.files, collected.deleted.files), (2, 0));
    assert!(runs(&pool)[0].join("since").exists());
}

#[test]
fn temporary_files_go_when_their_writers_have_been_silent_for_a_grace_period() {
    let pool = mixed();
    let staged = pool.file("log/00000000000000000099.0123456789abcdef.new");
    fs::write(&staged, b"half an en").unwrap();
    assert_eq!(collect(&pool.open()).unwrap().staged.files, 0);
    age(&staged, GRACE + Duration::from_secs(60));
    assert_eq!(dry(&pool.open()).staged.files, 1);
    assert!(staged.exists());
    let collected = collect(&pool.open()).unwrap();
    assert_eq!((collected.staged.files, collected.staged.bytes), (1, 10));
    assert!(!staged.exists());
}

#[test]
fn a_dry_run_changes_nothing() {
    let pool = mixed();
    let before = snapshot(&pool.root());
    let collected = dry(&pool.open());
    assert_eq!(collected.taken.len(), 2);
    assert_eq!(snapshot(&pool.root()), before);
}

#[test]
fn a_callers_clock_that_is_years_off_deletes_nothing_early() {
    let pool = mixed();
    for time in [u64::MAX / 2, 0] {
        let by = esmhub_registry::Signature { time, ..by() };
        let collected = pool.open().collect_garbage(&by, &GcOptions::default()).unwrap();
        assert_eq!((collected.deleted.files, collected.staged.files), (0, 0), "{time}");
    }
    sound(&pool);
}

/// In doubt about what the log needs, nothing moves.
#[test]
fn a_log_that_leaves_doubts_stops_the_collection() {
    let refused = |pool: &Pool, kind: ErrorKind| {
        let before = snapshot(&pool.root());
        let error = collect(&pool.open()).unwrap_err();
        assert_eq!(error.kind(), kind, "{error}");
        assert_eq!(snapshot(&pool.root()), before, "{error}");
        error
    };
    let pool = mixed();
    let intact = fs::read(pool.entry(2)).unwrap();
    let mut flipped = intact.clone();
    flipped[70] ^= 1;
    overwrite(&pool.entry(2), &flipped);
    refused(&pool, ErrorKind::Integrity);
    fs::remove_file(pool.entry(2)).unwrap();
    refused(&pool, ErrorKind::Integrity);

    // A record that may be skipped can still name an object.
    let pool = mixed();
    pool.append(vec![Record { kind: 77, flags: 0, payload: b"anything".to_vec() }]);
    refused(&pool, ErrorKind::Newer);

    let sealed = |card: Vec<u8>| {
        let (name, tag) = (name("odd"), "v1".parse().unwrap());
        let published = esmhub_store_format::log::Published { name, tag, card };
        esmhub_store_format::log::Action::Publish(published).to_record().unwrap()
    };
    let mut newer = card(&object(3)).to_canonical().unwrap();
    newer[0] = 2;
    let pool = mixed();
    pool.append(vec![sealed(newer)]);
    refused(&pool, ErrorKind::Newer);

    let pool = mixed();
    pool.append(vec![sealed(b"\x01\x00no card".to_vec())]);
    let error = refused(&pool, ErrorKind::Integrity);
    assert!(error.hint().unwrap().contains("esmhub remove odd:v1"), "{error}");
    pool.open().remove(&reference("odd:v1"), &by(), false).unwrap();
    assert_eq!(collect(&pool.open()).unwrap().taken.len(), 2);
}

/// Who has lost the files of the log, but not their folder, would lose all objects with them.
#[test]
fn beside_an_empty_log_nothing_is_garbage() {
    let pool = Pool::new();
    collect(&pool.open()).unwrap();
    pool.publish("a", 1);
    fs::remove_file(pool.entry(1)).unwrap();
    let object = pool.object(&object(1).digest());
    age(&object, GRACE + Duration::from_secs(600));
    let refused = collect(&pool.open()).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Integrity);
    assert!(refused.hint().unwrap().contains("--from COPY") && object.exists(), "{refused}");
}

#[test]
fn beside_an_empty_log_nothing_in_the_trash_is_deleted() {
    let pool = Pool::new();
    pool.publish("a", 1);
    let object = pool.object(&object(1).digest());
    let run = pool.file("trash/000000000000001-0123456789abcdef");
    fs::create_dir_all(&run).unwrap();
    fs::write(run.join("since"), b"").unwrap();
    let trashed = run.join(object_name(&object));
    fs::rename(&object, &trashed).unwrap();
    age(&run.join("since"), GRACE + Duration::from_secs(600));
    fs::remove_file(pool.entry(1)).unwrap();
    assert_eq!(collect(&pool.open()).unwrap_err().kind(), ErrorKind::Integrity);
    assert!(trashed.exists());
}

fn object_name(path: &std::path::Path) -> String {
    let parts: Vec<_> = path.iter().rev().take(2).map(|part| part.to_string_lossy().into_owned()).collect();
    format!("{}{}", parts[1], parts[0])
}
