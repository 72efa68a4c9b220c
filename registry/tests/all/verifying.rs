//! Verification finds everything, past every damage; statistics count what is there.

use std::cell::Cell;
use std::fs;

use esmhub_registry::{ErrorKind, GcOptions, RepairOptions};

use crate::support::*;

#[test]
fn verification_goes_on_after_damage_and_finds_everything() {
    let pool = Pool::new();
    let batch: Vec<_> = (1..=5).map(|seed| esm(&format!("n{seed}"), seed)).collect();
    publish(&pool.open(), &batch).unwrap();
    publish(&pool.open(), &[esm("other", 1), esm("gone", 6)]).unwrap();
    pool.publish("last", 7);
    pool.open().remove(&reference("gone:v1"), &by(), false).unwrap();
    assert!(pool.open().verify(&|_| ()).unwrap().is_sound());

    overwrite(&pool.object(&object(1).digest()), b"junk");
    fs::remove_file(pool.object(&object(2).digest())).unwrap();
    let other = fs::read(pool.object(&object(4).digest())).unwrap();
    overwrite(&pool.object(&object(3).digest()), &other);
    overwrite(&pool.entry(3), b"junk");
    fs::write(pool.file("objects/README"), b"hello").unwrap();
    fs::write(pool.file("log/00000000000000000004.0011223344556677.new"), b"half").unwrap();

    let last = Cell::new((0, 0));
    let report = pool.open().verify(&|at| last.set((at.done, at.total))).unwrap();
    let mut found: Vec<_> = report.problems.iter().map(|p| (p.what, p.used_by.clone())).collect();
    found.sort();
    let used_by = |references: &[&str]| references.iter().map(|r| (*r).to_owned()).collect::<Vec<_>>();
    let expected = [
        ("log entry", used_by(&[])),
        ("object", used_by(&["n1:v1", "other:v1"])),
        ("object", used_by(&["n2:v1"])),
        ("object", used_by(&["n3:v1"])),
    ];
    assert_eq!(found, expected);
    assert!(report.problems.iter().all(|problem| problem.hint.is_some()));
    assert_eq!(report.strays, ["objects/README"]);
    assert_eq!(report.staged, ["log/00000000000000000004.0011223344556677.new"]);
    let mut unreferenced = vec![object(6).digest(), object(7).digest()];
    unreferenced.sort();
    assert_eq!(report.unreferenced, unreferenced, "of a removed reference, and of one whose entry is lost");
    assert_eq!((report.objects, report.entries, report.references), (6, 4, 6));
    assert_eq!(last.get(), (10, 10));
}

#[test]
fn a_card_that_does_not_describe_its_object_is_found() {
    use esmhub_store_format::log::{Action, Published};
    let pool = Pool::new();
    pool.publish("a", 1);
    let mut lying = card(&object(1));
    lying.weights.dimension = 8;
    let lie = Action::Publish(Published {
        name: name("liar"),
        tag: "v1".parse().unwrap(),
        card: lying.to_canonical().unwrap(),
    });
    pool.append(vec![lie.to_record().unwrap()]);
    let registry = pool.open();
    let report = registry.verify(&|_| ()).unwrap();
    assert_eq!(report.problems.len(), 1);
    assert!(report.problems[0].detail.contains("dimension 8, found 4"), "{}", report.problems[0]);
    let catalog = registry.catalog().unwrap();
    assert!(registry.fetch(catalog.resolve(&reference("liar")).unwrap()).is_err());
}

#[test]
fn a_card_of_a_later_version_hides_no_other() {
    use esmhub_store_format::log::{Action, Published};
    let pool = Pool::new();
    pool.publish("a", 1);
    let mut newer = card(&object(1)).to_canonical().unwrap();
    newer[0] = 2;
    let published = Action::Publish(Published { name: name("b"), tag: "v1".parse().unwrap(), card: newer });
    pool.append(vec![published.to_record().unwrap()]);
    let registry = pool.open();
    let catalog = registry.catalog().unwrap();
    let readable: Vec<bool> = catalog.esms().map(|esm| esm.card().is_ok()).collect();
    assert_eq!(readable, [true, false]);
    let newer = registry.fetch(catalog.resolve(&reference("b")).unwrap()).unwrap_err();
    assert_eq!(newer.kind(), esmhub_registry::ErrorKind::Newer);
    let report = registry.verify(&|_| ()).unwrap();
    assert!(report.is_sound());
    assert_eq!(report.newer, ["b:v1"]);
    let stats = registry.stats(&catalog).unwrap();
    assert_eq!((stats.references, stats.unreadable_cards), (2, 1));
}

#[test]
fn statistics_agree_with_the_files() {
    let pool = Pool::new();
    let registry = pool.open();
    publish(&registry, &[esm("a", 1), esm("b", 1), esm("c", 2), esm("c", 3)]).unwrap();
    registry.yank(&reference("a:v1"), &by(), false).unwrap();
    registry.remove(&reference("c:v2"), &by(), false).unwrap();
    let stats = registry.stats(&registry.catalog().unwrap()).unwrap();
    assert_eq!((stats.references, stats.yanked, stats.removed, stats.names), (3, 1, 1, 3));
    let canonical = object(1).canonical().len() as u64;
    assert_eq!((stats.objects, stats.canonical_bytes), (3, 2 * canonical));
    let sizes = |folder: &str| -> u64 {
        let all = snapshot(&pool.root()).into_iter();
        all.filter(|(path, _)| path.starts_with(pool.file(folder))).map(|(_, (bytes, _))| bytes.len() as u64).sum()
    };
    assert_eq!((stats.stored_bytes, stats.log_bytes, stats.log_entries), (sizes("objects"), sizes("log"), 3));
    let base = &stats.bases["acme/encoder"];
    assert_eq!((base.references, base.objects, base.canonical_bytes), (3, 2, 2 * canonical));
}

/// It would look like a registry to which nothing was ever published, and a garbage collection would take all of it.
#[test]
fn a_log_without_its_folder_is_damage_and_no_empty_registry() {
    let pool = Pool::new();
    let digest = pool.publish("a", 1);
    pool.open_indexed().catalog().unwrap();
    fs::remove_dir_all(pool.file("log")).unwrap();
    for registry in [pool.open(), pool.open_indexed()] {
        let refusals = [
            registry.catalog().err(),
            registry.collect_garbage(&by(), &GcOptions::default()).err(),
            publish(&registry, &[esm("b", 2)]).err(),
            registry.yank(&reference("a:v1"), &by(), false).err(),
        ];
        for refused in refusals {
            let refused = refused.unwrap();
            assert_eq!(refused.kind(), ErrorKind::Integrity);
            assert!(refused.hint().unwrap().contains("--repair"), "{refused}");
        }
        let report = registry.verify(&|_| ()).unwrap();
        assert_eq!(report.problems.iter().map(|problem| problem.place.as_str()).collect::<Vec<_>>(), ["log"]);
    }
    let repaired = pool.open().repair(&by(), &RepairOptions::default()).unwrap();
    assert_eq!(repaired.unresolved, ["log"], "nobody has it");
    assert!(pool.open_indexed().repair(&by(), &RepairOptions::default()).unwrap().unresolved.is_empty());
    assert_eq!(pool.open().catalog().unwrap().resolve(&reference("a")).unwrap().digest(), digest);
}

#[test]
#[cfg(unix)]
fn a_link_in_the_place_of_the_trash_or_the_quarantine_is_named_and_followed_by_nobody() {
    for folder in ["trash", "quarantine"] {
        let pool = Pool::new();
        pool.publish("a", 1);
        let outside = pool.folder.path().join("outside");
        fs::create_dir(&outside).unwrap();
        fs::write(outside.join("precious"), b"precious").unwrap();
        std::os::unix::fs::symlink(&outside, pool.file(folder)).unwrap();
        overwrite(&pool.object(&object(1).digest()), b"junk");
        let places: Vec<String> =
            pool.open().verify(&|_| ()).unwrap().problems.into_iter().map(|problem| problem.place).collect();
        assert!(places.iter().any(|place| place == folder) && places.iter().any(|place| place.contains("objects/")));
        let _ = pool.open().repair(&by(), &RepairOptions::default());
        assert_eq!(fs::read_dir(&outside).unwrap().count(), 1);
    }
}
