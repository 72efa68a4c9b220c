//! Repair: what is whole somewhere is put back, what is damaged is kept, and nothing is believed that does not prove itself.

use std::fs;

use esmhub_registry::{ErrorKind, GcOptions, Registry, RepairOptions, Repaired};
use esmhub_store_format::Digest;

use crate::support::*;

fn repair(registry: &Registry, from: &[Registry]) -> Repaired {
    registry.repair(&by(), &RepairOptions { from, ..RepairOptions::default() }).unwrap()
}

fn problems(pool: &Pool) -> usize {
    pool.open().verify(&|_| ()).unwrap().problems.len()
}

fn digests() -> [Digest; 3] {
    [1, 2, 3].map(|seed| object(seed).digest())
}

#[test]
fn a_damaged_object_is_put_aside_and_comes_back_from_another_registry() {
    let (pool, other) = (twins().0, Pool::new());
    other.publish("elsewhere", 2);
    let [_, b, _] = digests();
    flip(&pool.object(&b), 80);
    let damaged = fs::read(pool.object(&b)).unwrap();
    let repaired = repair(&pool.open(), &[other.open()]);
    assert_eq!((repaired.restored.len(), repaired.quarantined.len(), repaired.unresolved.len()), (1, 1, 0));
    assert_eq!(fs::read(pool.file(&repaired.quarantined[0].1)).unwrap(), damaged, "what was there is kept as it was");
    assert_eq!(problems(&pool), 0);
    assert_eq!(pool.open().verify(&|_| ()).unwrap().quarantined, 1);
    assert_eq!(repair(&pool.open(), &[other.open()]), Repaired::default(), "there is nothing left to do");
}

#[test]
fn a_damaged_object_that_nobody_has_whole_is_put_aside_and_can_be_published_again() {
    let pool = twins().0;
    let [_, b, _] = digests();
    flip(&pool.object(&b), 80);
    assert!(publish(&pool.open(), &[esm("b", 2)]).is_err());
    let repaired = repair(&pool.open(), &[]);
    assert_eq!((repaired.restored.len(), repaired.quarantined.len(), repaired.unresolved.len()), (0, 1, 1));
    assert_eq!(problems(&pool), 1, "it is missing now");
    publish(&pool.open(), &[esm("b", 2)]).unwrap();
    assert_eq!(problems(&pool), 0);
}

#[test]
fn a_missing_object_comes_back_from_the_trash_or_another_registry() {
    let (pool, copy) = twins();
    let [a, b, _] = digests();
    fs::remove_file(pool.object(&a)).unwrap();
    let run = pool.file("trash/000000000000001-0123456789abcdef");
    fs::create_dir_all(&run).unwrap();
    fs::rename(pool.object(&b), run.join(b.to_string())).unwrap();
    let repaired = repair(&pool.open(), &[copy.open()]);
    assert_eq!((repaired.restored.len(), repaired.quarantined.len()), (2, 0));
    assert_eq!(problems(&pool), 0);
    assert!(pool.object(&a).exists() && pool.object(&b).exists());
}

#[test]
fn a_damaged_copy_restores_nothing() {
    let (pool, copy) = twins();
    let [a, ..] = digests();
    for at in [&pool, &copy] {
        flip(&at.object(&a), 80);
        flip(&at.entry(2), 80);
    }
    let repaired = repair(&pool.open(), &[copy.open()]);
    assert_eq!((repaired.restored.len(), repaired.unresolved.len()), (0, 2));
    assert!(pool.entry(2).exists(), "an entry is never just put aside");
}

#[test]
fn every_entry_comes_back_from_a_copy_of_the_registry_damaged_or_missing() {
    for number in 1..=3 {
        for missing in [false, true] {
            let (pool, copy) = twins();
            match missing {
                true => fs::remove_file(pool.entry(number)).unwrap(),
                // Behind the header, which then still says which entry it was.
                false => flip(&pool.entry(number), 90),
            }
            let repaired = repair(&pool.open(), &[copy.open()]);
            assert_eq!((repaired.restored.len(), repaired.unresolved.len()), (1, 0), "{number}, missing: {missing}");
            assert_eq!(repaired.quarantined.len(), usize::from(!missing));
            assert_eq!(fs::read(pool.entry(number)).unwrap(), fs::read(copy.entry(number)).unwrap());
            assert_eq!(problems(&pool), 0, "{number}, missing: {missing}");
        }
    }
}

#[test]
fn several_entries_in_a_row_and_a_lost_end_come_back_from_the_index() {
    for lost in [&[1, 2][..], &[2, 3], &[1, 2, 3], &[3]] {
        let pool = twins().0;
        let before: Vec<_> = (1..=3).map(|number| fs::read(pool.entry(number)).unwrap()).collect();
        assert_eq!(pool.open_indexed().catalog().unwrap().entries(), 3);
        for number in lost {
            fs::remove_file(pool.entry(*number)).unwrap();
        }
        let repaired = repair(&pool.open_indexed(), &[]);
        assert_eq!((repaired.restored.len(), repaired.unresolved.len()), (lost.len(), 0), "{lost:?}");
        for number in 1..=3 {
            assert_eq!(fs::read(pool.entry(number)).unwrap(), before[number as usize - 1], "{lost:?}");
        }
        assert_eq!(problems(&pool), 0);
    }
}

#[test]
fn a_last_entry_whose_header_is_damaged_is_not_taken_on_trust() {
    let (pool, copy) = twins();
    flip(&pool.entry(3), 30);
    let repaired = repair(&pool.open(), &[copy.open()]);
    assert_eq!((repaired.restored.len(), repaired.unresolved.len()), (0, 1), "nothing here says which entry it was");
    assert_eq!(pool.open_indexed().catalog().unwrap().entries(), 3);
}

#[test]
fn an_entry_that_others_wrote_since_is_never_replaced_by_what_an_index_remembers() {
    let pool = twins().0;
    pool.publish("d", 4);
    assert_eq!(pool.open_indexed().catalog().unwrap().entries(), 4);
    // The registry is restored from an older backup, and a colleague goes on from there.
    fs::remove_file(pool.entry(4)).unwrap();
    fs::remove_file(pool.entry(3)).unwrap();
    pool.publish("colleague", 9);
    let theirs = fs::read(pool.entry(3)).unwrap();
    let repaired = repair(&pool.open_indexed(), &[]);
    assert_eq!(repaired.restored, []);
    assert_eq!(fs::read(pool.entry(3)).unwrap(), theirs);
    // Nor does a longer memory put its own end behind it.
    let catalog = pool.open().catalog().unwrap();
    assert!(catalog.resolve(&reference("colleague")).is_ok() && catalog.entries() == 3);
}

#[test]
fn a_copy_that_went_its_own_way_restores_no_entry_of_its_own() {
    for number in [2, 3] {
        let (pool, copy) = twins();
        for of_copy in (number..=3).rev() {
            fs::remove_file(copy.entry(of_copy)).unwrap();
        }
        copy.publish("own", 7);
        flip(&pool.entry(number), 90);
        let damaged = fs::read(pool.entry(number)).unwrap();
        let repaired = repair(&pool.open(), &[copy.open()]);
        assert_eq!((repaired.restored.len(), repaired.unresolved.len()), (0, 1), "{number}");
        assert_eq!(fs::read(pool.entry(number)).unwrap(), damaged, "{number}");
    }
}

/// Otherwise a planted name would keep the repair busy for ever.
#[test]
fn a_number_beyond_all_others_is_a_gap_and_not_worth_counting_to() {
    for number in [1_000_000_000_000, u64::MAX] {
        let (pool, copy) = twins();
        fs::write(pool.entry(number), b"planted").unwrap();
        flip(&pool.entry(2), 90);
        let repaired = repair(&pool.open_indexed(), &[copy.open()]);
        assert_eq!(repaired.restored.len(), 1);
        let unresolved = [number, 4].map(|number| format!("log/{number:020}"));
        assert_eq!(repaired.unresolved, unresolved);
        fs::remove_file(pool.entry(number)).unwrap();
        assert_eq!(problems(&pool), 0);
    }
}

#[test]
fn entries_of_another_registry_are_no_copies() {
    let (pool, other) = (twins().0, Pool::new());
    for (name, seed) in [("a", 1), ("b", 2), ("c", 3)] {
        other.publish(name, seed);
    }
    flip(&pool.entry(2), 90);
    let repaired = repair(&pool.open(), &[other.open()]);
    assert_eq!((repaired.restored.len(), repaired.unresolved.len()), (0, 1));
    assert_eq!(pool.open().catalog().unwrap().resolve(&reference("b")).unwrap_err().kind(), ErrorKind::Integrity);
}

#[test]
fn a_dry_run_finds_the_same_and_changes_nothing() {
    let (pool, copy) = twins();
    let [a, b, _] = digests();
    flip(&pool.object(&a), 80);
    fs::remove_file(pool.object(&b)).unwrap();
    flip(&pool.entry(3), 90);
    let before = snapshot(&pool.root());
    let from = [copy.open()];
    let dry =
        pool.open().repair(&by(), &RepairOptions { dry_run: true, from: &from, ..RepairOptions::default() }).unwrap();
    assert_eq!(snapshot(&pool.root()), before);
    let done = repair(&pool.open(), &from);
    assert_eq!(dry.restored, done.restored);
    assert_eq!(problems(&pool), 0);
    assert_eq!(pool.open().collect_garbage(&by(), &GcOptions::default()).unwrap().kept.files, 3);
}

#[test]
fn a_dry_run_moves_no_object_that_is_not_there() {
    let pool = twins().0;
    let [a, b, _] = digests();
    flip(&pool.object(&a), 80);
    fs::remove_file(pool.object(&b)).unwrap();
    let dry = pool.open().repair(&by(), &RepairOptions { dry_run: true, ..RepairOptions::default() }).unwrap();
    let done = repair(&pool.open(), &[]);
    assert_eq!((dry.quarantined.len(), done.quarantined.len()), (1, 1));
    assert_eq!(dry.unresolved, done.unresolved);
}

#[test]
#[cfg(unix)]
fn a_link_in_an_objects_place_is_put_aside_and_not_followed() {
    let (pool, copy) = twins();
    let [a, ..] = digests();
    let outside = pool.folder.path().join("outside");
    fs::write(&outside, b"precious").unwrap();
    fs::remove_file(pool.object(&a)).unwrap();
    std::os::unix::fs::symlink(&outside, pool.object(&a)).unwrap();
    repair(&pool.open(), &[copy.open()]);
    repair(&pool.open(), &[copy.open()]);
    assert_eq!(problems(&pool), 0);
    assert_eq!(fs::read(&outside).unwrap(), b"precious");
}

#[test]
fn an_entry_that_the_next_one_disproves_is_given_up_and_not_replaced() {
    let (pool, copy) = twins();
    pool.publish("d", 4);
    fs::remove_file(copy.entry(3)).unwrap();
    copy.publish("own", 7);
    overwrite(&pool.entry(3), b"rubbish");
    let from = [copy.open()];
    let options = RepairOptions { from: &from, accept_loss: true, ..RepairOptions::default() };
    let repaired = pool.open().repair(&by(), &options).unwrap();
    assert_eq!((repaired.lost.as_slice(), repaired.restored.len()), (&[(3, 3)][..], 0));
    assert!(pool.open().catalog().unwrap().resolve(&reference("d")).is_ok());
    assert_eq!(problems(&pool), 0);
}

/// Nothing states the digests of these, but each states that of the one before it.
#[test]
fn a_gap_before_a_damaged_end_comes_back_from_a_copy_before_anything_is_given_up() {
    let (pool, copy) = (Pool::new(), Pool::new());
    for seed in 1..=5 {
        pool.publish(&format!("n{seed}"), seed);
    }
    fs::remove_dir_all(copy.root()).unwrap();
    copy_folder(&pool.root(), &copy.root());
    fs::remove_file(pool.entry(2)).unwrap();
    fs::remove_file(pool.entry(3)).unwrap();
    overwrite(&pool.entry(4), b"rubbish");
    overwrite(&pool.entry(5), b"rubbish");
    let from = [copy.open()];
    let careful = RepairOptions { from: &from, ..RepairOptions::default() };
    assert_eq!(pool.open().repair(&by(), &RepairOptions { dry_run: true, ..careful }).unwrap().restored, []);
    let options = RepairOptions { accept_loss: true, ..careful };
    let dry = pool.open().repair(&by(), &RepairOptions { dry_run: true, ..options }).unwrap();
    let repaired = pool.open().repair(&by(), &options).unwrap();
    assert_eq!((repaired.restored.len(), repaired.lost.len(), repaired.unresolved.len()), (4, 0, 0), "{repaired:?}");
    assert_eq!((dry.restored, dry.lost), (repaired.restored, repaired.lost));
    assert_eq!(pool.open().catalog().unwrap().esms().count(), 5);
    assert_eq!(problems(&pool), 0);
}

#[test]
fn a_repair_that_stops_says_what_it_did_before() {
    let (pool, copy) = twins();
    flip(&pool.entry(2), 90);
    fs::write(pool.entry(1_000_000_000_000), b"planted").unwrap();
    let from = [copy.open()];
    let options = RepairOptions { from: &from, accept_loss: true, ..RepairOptions::default() };
    let stopped = pool.open().repair(&by(), &options).unwrap_err();
    assert_eq!(stopped.cause.kind(), ErrorKind::Integrity);
    assert_eq!((stopped.done.restored.len(), stopped.done.quarantined.len()), (1, 1), "{stopped:?}");
    assert!(!stopped.done.unresolved.is_empty());
}

#[test]
#[cfg(unix)]
fn what_stands_in_the_place_of_an_entry_is_put_aside_whatever_it_is() {
    for (number, link) in [(2, false), (2, true), (3, false), (3, true)] {
        let (pool, copy) = twins();
        pool.open_indexed().catalog().unwrap();
        fs::remove_file(pool.entry(number)).unwrap();
        match link {
            true => std::os::unix::fs::symlink(copy.entry(number), pool.entry(number)).unwrap(),
            false => fs::create_dir(pool.entry(number)).unwrap(),
        }
        let options = RepairOptions { accept_loss: true, ..RepairOptions::default() };
        let repaired = pool.open_indexed().repair(&by(), &options).unwrap();
        assert_eq!((repaired.restored.len(), repaired.quarantined.len(), repaired.lost.len()), (1, 1, 0), "{number}");
        assert!(fs::symlink_metadata(pool.entry(number)).unwrap().is_file());
        assert!(fs::symlink_metadata(pool.file(&repaired.quarantined[0].1)).is_ok());
        assert_eq!(problems(&pool), 0);
    }
}

#[test]
#[cfg(unix)]
fn nothing_is_moved_out_of_another_folder_through_a_link() {
    let (pool, other) = (twins().0, Pool::new());
    other.publish("elsewhere", 2);
    let [_, b, _] = digests();
    let fan = |at: &Pool| at.object(&b).parent().unwrap().to_owned();
    fs::remove_dir_all(fan(&pool)).unwrap();
    std::os::unix::fs::symlink(fan(&other), fan(&pool)).unwrap();
    let before = snapshot(&other.root());
    let repaired = repair(&pool.open(), &[]);
    assert!(repaired.unresolved.iter().any(|place| place.ends_with(&b.to_string()[2..])), "{repaired:?}");
    assert_eq!(snapshot(&other.root()), before);
}

/// Two repairs can be at work, and one of them move away what the other has just put back.
#[test]
fn a_whole_object_in_the_quarantine_comes_back() {
    let pool = twins().0;
    let [_, b, _] = digests();
    let run = pool.file("quarantine/000000000000001-0123456789abcdef");
    fs::create_dir_all(&run).unwrap();
    let hex = b.to_string();
    fs::rename(pool.object(&b), run.join(format!("objects+{}+{}", &hex[..2], &hex[2..]))).unwrap();
    assert_eq!(repair(&pool.open(), &[]).restored.len(), 1);
    assert_eq!(problems(&pool), 0);
}

/// The index remembers another history; what stood here is said by its own header.
#[test]
fn a_damaged_last_entry_is_that_of_its_header_and_not_that_of_an_older_index() {
    let (pool, copy) = twins();
    pool.open_indexed().catalog().unwrap();
    fs::remove_file(pool.entry(3)).unwrap();
    pool.publish("colleague", 9);
    fs::remove_dir_all(copy.root()).unwrap();
    copy_folder(&pool.root(), &copy.root());
    flip(&pool.entry(3), 90);
    let registry = pool.open_indexed();
    assert_eq!(repair(&registry, &[]).restored, []);
    assert_eq!(repair(&registry, &[copy.open()]).restored.len(), 1);
    assert_eq!(fs::read(pool.entry(3)).unwrap(), fs::read(copy.entry(3)).unwrap());
}

#[test]
fn a_backup_that_gave_an_entry_up_does_not_take_it_from_a_registry_that_has_it() {
    let (pool, copy) = twins();
    overwrite(&copy.entry(2), b"rubbish");
    let options = RepairOptions { accept_loss: true, ..RepairOptions::default() };
    copy.open().repair(&by(), &options).unwrap();
    let [a, ..] = digests();
    flip(&pool.object(&a), 80);
    let repaired = repair(&pool.open(), &[copy.open()]);
    assert_eq!((repaired.restored.len(), repaired.untaken.len()), (1, 1), "{repaired:?}");
    assert_eq!(pool.open().catalog().unwrap().esms().count(), 3);
    assert_eq!(problems(&pool), 0);
}

/// It may have what would be given up.
#[test]
fn nothing_is_given_up_while_the_index_cannot_be_read() {
    let pool = twins().0;
    pool.open_indexed().catalog().unwrap();
    overwrite(&pool.entry(3), b"rubbish");
    let options = RepairOptions { accept_loss: true, ..RepairOptions::default() };
    let held = sled::open(pool.index()).unwrap();
    let refused = pool.open_indexed().repair(&by(), &options).unwrap_err();
    assert!(refused.done.lost.is_empty() && refused.to_string().contains("index"), "{refused}");
    drop(held);
    let repaired = pool.open_indexed().repair(&by(), &options).unwrap();
    assert_eq!((repaired.restored.len(), repaired.lost.len()), (1, 0));
}

#[test]
fn what_follows_a_damaged_end_comes_back_behind_it_before_anything_is_given_up() {
    let (pool, copy) = twins();
    overwrite(&pool.entry(2), b"rubbish");
    fs::remove_file(pool.entry(3)).unwrap();
    let from = [copy.open()];
    let options = RepairOptions { from: &from, accept_loss: true, ..RepairOptions::default() };
    let repaired = pool.open().repair(&by(), &options).unwrap();
    assert_eq!((repaired.restored.len(), repaired.lost.len(), repaired.untaken.len()), (2, 0, 0), "{repaired:?}");
    assert_eq!(pool.open().catalog().unwrap().esms().count(), 3);
    assert_eq!(problems(&pool), 0);
}

/// Somebody may be about to publish the entry behind the end, and nothing would join then.
#[test]
fn a_copy_without_the_entry_behind_the_end_gives_nothing_behind_it() {
    let (pool, copy) = twins();
    for number in [2, 3] {
        fs::remove_file(pool.entry(number)).unwrap();
    }
    fs::remove_file(copy.entry(2)).unwrap();
    let repaired = repair(&pool.open(), &[copy.open()]);
    assert_eq!((repaired.restored.len(), repaired.untaken.len()), (0, 1), "{repaired:?}");
    assert_eq!(problems(&pool), 0);
}
