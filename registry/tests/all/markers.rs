//! Repairing the marker: it comes back from a copy that proves to be one, and from no other registry.

use std::fs;

use esmhub_registry::{ErrorKind, Registry, RepairOptions, Repaired};

use crate::support::*;

fn problems(pool: &Pool) -> usize {
    pool.open().verify(&|_| ()).unwrap().problems.len()
}

/// Another registry with references of the same names.
fn other() -> Pool {
    let other = Pool::new();
    for (name, seed) in [("a", 1), ("b", 2), ("c", 3)] {
        other.publish(name, seed);
    }
    other
}

fn repair_with_copies(pool: &Pool, copies: &[Registry], options: RepairOptions<'_>) -> Result<Repaired, ErrorKind> {
    let registry = Registry::open_for_repair(pool.root(), Some(&pool.cache()), copies).map_err(|error| error.kind())?;
    registry.repair(&by(), &RepairOptions { from: copies, ..options }).map_err(|error| error.cause.kind())
}

#[test]
fn a_marker_comes_back_from_a_copy_damaged_or_missing() {
    for missing in [false, true] {
        let (pool, copy) = twins();
        let marker = pool.file("esmhub.toml");
        let before = fs::read(&marker).unwrap();
        match missing {
            true => fs::remove_file(&marker).unwrap(),
            false => flip(&marker, 150),
        }
        // Damaged besides: what is left still proves the copy.
        flip(&pool.entry(1), 90);
        fs::remove_file(pool.entry(3)).unwrap();
        let copies = [copy.open()];
        let there = snapshot(&pool.root());
        let dry =
            repair_with_copies(&pool, &copies, RepairOptions { dry_run: true, ..RepairOptions::default() }).unwrap();
        assert_eq!(snapshot(&pool.root()), there, "{missing}");
        let done = repair_with_copies(&pool, &copies, RepairOptions::default()).unwrap();
        assert_eq!(done.restored.len(), 3, "{missing}: {done:?}");
        assert_eq!((dry.restored, dry.quarantined.len()), (done.restored, done.quarantined.len()), "{missing}");
        assert_eq!(done.quarantined.len(), if missing { 1 } else { 2 }, "{missing}");
        assert_eq!(fs::read(&marker).unwrap(), before, "{missing}");
        assert_eq!(problems(&pool), 0);
    }
}

#[test]
fn a_marker_is_taken_from_no_other_registry() {
    let (pool, other) = (twins().0, other());
    flip(&pool.file("esmhub.toml"), 150);
    let damaged = fs::read(pool.file("esmhub.toml")).unwrap();
    for copies in [&[][..], &[other.open()]] {
        assert_eq!(repair_with_copies(&pool, copies, RepairOptions::default()), Err(ErrorKind::Integrity));
        assert_eq!(fs::read(pool.file("esmhub.toml")).unwrap(), damaged);
    }
    // Nor where there is nothing that could prove it.
    let empty = Pool::new();
    flip(&empty.file("esmhub.toml"), 150);
    assert_eq!(repair_with_copies(&empty, &[other.open()], RepairOptions::default()), Err(ErrorKind::Integrity));
}

#[test]
fn a_registry_opened_without_its_marker_is_not_called_sound() {
    let (pool, copy) = twins();
    flip(&pool.file("esmhub.toml"), 150);
    let registry = Registry::open_for_repair(pool.root(), None, &[copy.open()]).unwrap();
    let problems = registry.verify(&|_| ()).unwrap().problems;
    assert_eq!(problems.iter().map(|it| (it.what, it.place.as_str())).collect::<Vec<_>>(), [("marker", "esmhub.toml")]);
}

#[test]
fn a_marker_is_not_taken_from_a_registry_that_entry_1_does_not_go_back_to() {
    let (pool, other) = (twins().0, other());
    // One of its entries lies here: by mistake, or because somebody wants it to.
    overwrite(&pool.entry(2), &fs::read(other.entry(2)).unwrap());
    flip(&pool.file("esmhub.toml"), 150);
    assert_eq!(repair_with_copies(&pool, &[other.open()], RepairOptions::default()), Err(ErrorKind::Integrity));
}

#[test]
fn a_marker_of_another_registry_gives_way_to_the_right_one() {
    for entries in [1, 3] {
        let (pool, copy) = twins();
        (entries + 1..=3).for_each(|number| fs::remove_file(pool.entry(number)).unwrap());
        let (marker, before) = (pool.file("esmhub.toml"), fs::read(copy.file("esmhub.toml")).unwrap());
        overwrite(&marker, &fs::read(other().file("esmhub.toml")).unwrap());
        let found = pool.open().verify(&|_| ()).unwrap().problems;
        assert!(found.iter().any(|problem| problem.what == "marker" && problem.detail.contains("another registry")));
        assert!(publish(&pool.open(), &[esm("d", 4)]).is_err());
        // One that is not it changes nothing.
        repair_with_copies(&pool, &[other().open()], RepairOptions::default()).unwrap();
        assert_ne!(fs::read(&marker).unwrap(), before);
        let done = repair_with_copies(&pool, &[other().open(), copy.open()], RepairOptions::default()).unwrap();
        assert!(done.restored.iter().any(|(place, _)| place == "esmhub.toml"), "{done:?}");
        assert_eq!(fs::read(&marker).unwrap(), before);
        assert_eq!(problems(&pool), 0);
    }
}

/// Then it is the entry that is in the wrong place.
#[test]
fn a_marker_is_not_blamed_for_a_first_entry_that_the_second_one_does_not_follow() {
    let pool = twins().0;
    overwrite(&pool.entry(1), &fs::read(other().entry(1)).unwrap());
    let found = pool.open().verify(&|_| ()).unwrap().problems;
    assert!(!found.is_empty() && found.iter().all(|problem| problem.what != "marker"), "{found:?}");
}

#[test]
fn between_copies_of_two_registries_nobody_chooses() {
    let (pool, copy) = twins();
    let other = other();
    // Both have an entry that can be read here, and the first one, which would say, cannot be.
    overwrite(&pool.entry(2), &fs::read(other.entry(2)).unwrap());
    overwrite(&pool.entry(1), b"rubbish");
    flip(&pool.file("esmhub.toml"), 150);
    let refused = Registry::open_for_repair(pool.root(), None, &[copy.open(), other.open()]).err().unwrap();
    assert!(refused.hint().unwrap().contains("the right one alone"), "{refused:?}");
    assert!(Registry::open_for_repair(pool.root(), None, &[copy.open(), copy.open()]).is_ok());
}

#[test]
fn what_stands_in_the_place_of_the_marker_is_put_aside_whatever_it_is() {
    let (pool, copy) = twins();
    let (marker, before) = (pool.file("esmhub.toml"), fs::read(pool.file("esmhub.toml")).unwrap());
    for link in [false, true] {
        fs::remove_file(&marker).unwrap();
        match link {
            #[cfg(unix)]
            true => std::os::unix::fs::symlink(copy.file("esmhub.toml"), &marker).unwrap(),
            _ => fs::create_dir(&marker).unwrap(),
        }
        let done = repair_with_copies(&pool, &[copy.open()], RepairOptions::default()).unwrap();
        assert_eq!((done.restored.len(), done.quarantined.len(), done.unresolved.len()), (1, 1, 0), "link: {link}");
        assert!(fs::symlink_metadata(&marker).unwrap().is_file());
        assert_eq!((fs::read(&marker).unwrap(), problems(&pool)), (before.clone(), 0));
    }
}

/// A later version may write more into it.
#[test]
fn the_marker_is_the_copys_to_the_byte() {
    let (pool, copy) = twins();
    let text = String::from_utf8(fs::read(copy.file("esmhub.toml")).unwrap()).unwrap();
    let body = text[..text.rfind("checksum").unwrap()].to_owned() + "later = \"whatever\"\n";
    let extended = format!("{body}checksum = \"{}\"\n", esmhub_store_format::Digest::of(body.as_bytes()));
    overwrite(&copy.file("esmhub.toml"), extended.as_bytes());
    fs::remove_file(pool.file("esmhub.toml")).unwrap();
    repair_with_copies(&pool, &[copy.open()], RepairOptions::default()).unwrap();
    assert_eq!(fs::read_to_string(pool.file("esmhub.toml")).unwrap(), extended);
}

/// Two entries of another registry, and the rest of this one.
#[test]
fn a_marker_whose_registry_has_other_entries_here_is_not_replaced() {
    let (pool, copy) = twins();
    let other = other();
    for number in [1, 2] {
        overwrite(&pool.entry(number), &fs::read(other.entry(number)).unwrap());
    }
    let before = fs::read(pool.file("esmhub.toml")).unwrap();
    for copies in [vec![copy.open()], vec![copy.open(), other.open()]] {
        let done = repair_with_copies(&pool, &copies, RepairOptions::default()).unwrap();
        assert!(done.restored.iter().all(|(place, _)| place != "esmhub.toml"), "{done:?}");
        assert_eq!(fs::read(pool.file("esmhub.toml")).unwrap(), before);
    }
}
