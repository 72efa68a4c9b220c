//! Damage: it is always noticed, always named, and never looks like "not found".

use std::fs;

use esmhub_registry::{ErrorKind, Happening, Registry};
use esmhub_store_format::log::{Action, Record, Target};

use crate::support::*;

#[test]
fn a_flipped_bit_of_the_marker_is_damage() {
    let pool = Pool::new();
    pool.publish("a", 1);
    let marker = pool.file("esmhub.toml");
    let intact = fs::read(&marker).unwrap();
    for bit in sample_bits(intact.len(), 60) {
        let mut flipped = intact.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        overwrite(&marker, &flipped);
        let error = Registry::open(pool.root(), None).err().unwrap();
        assert_eq!(error.kind(), ErrorKind::Integrity, "bit {bit}");
    }
}

#[test]
fn a_lost_marker_beside_a_log_is_damage_and_is_not_made_anew() {
    let pool = Pool::new();
    pool.publish("a", 1);
    fs::remove_file(pool.file("esmhub.toml")).unwrap();
    let opened = Registry::open(pool.root(), None).err().unwrap();
    let made = Registry::init(pool.root(), &Default::default(), None).err().unwrap();
    assert_eq!((opened.kind(), made.kind()), (ErrorKind::Integrity, ErrorKind::Integrity));
    let found = Registry::find(pool.root(), None).err().unwrap();
    assert_eq!((found.kind(), found.hint()), (ErrorKind::Integrity, made.hint()));
    fs::write(pool.file("esmhub.toml"), vec![b'#'; 100_000]).unwrap();
    let huge = Registry::open(pool.root(), None).err().unwrap();
    assert_eq!(huge.kind(), ErrorKind::Integrity);
}

#[test]
fn objects_without_marker_and_log_are_not_made_into_a_new_registry() {
    let pool = Pool::new();
    pool.publish("a", 1);
    fs::remove_file(pool.file("esmhub.toml")).unwrap();
    fs::remove_dir_all(pool.file("log")).unwrap();
    let before = snapshot(&pool.root());
    let found = Registry::find(pool.root(), None).err().unwrap();
    let made = Registry::init(pool.root(), &Default::default(), None).err().unwrap();
    assert_eq!((found.kind(), made.kind()), (ErrorKind::Integrity, ErrorKind::Integrity));
    assert_eq!(snapshot(&pool.root()), before);
    // What a killed `init` leaves behind, and files that are none of ours, stand in nobody's way.
    fs::remove_dir_all(pool.file("objects")).unwrap();
    fs::create_dir_all(pool.file("objects/notes")).unwrap();
    fs::write(pool.file("objects/notes/mine"), "").unwrap();
    assert!(Registry::find(pool.root(), None).unwrap().is_none());
    assert!(Registry::init(pool.root(), &Default::default(), None).unwrap().created);
    assert_eq!(Registry::find(pool.root(), None).unwrap().unwrap().location(), pool.open().location());
}

#[test]
fn a_flipped_bit_of_an_object_is_damage_of_that_object_alone() {
    let pool = Pool::new();
    publish(&pool.open(), &[esm("a", 1), esm("b", 2)]).unwrap();
    let registry = pool.open();
    let path = pool.object(&object(1).digest());
    let intact = fs::read(&path).unwrap();
    for bit in sample_bits(intact.len(), 40) {
        let mut flipped = intact.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        overwrite(&path, &flipped);
        let catalog = registry.catalog().unwrap();
        match registry.fetch(catalog.resolve(&reference("a")).unwrap()) {
            // A few bits of zstd's own header mean nothing; then the content must be what was written.
            Ok(fetched) => assert_eq!(fetched.object, object(1), "bit {bit}"),
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::Integrity, "bit {bit}: {error}");
                let refused = publish(&registry, &[esm("c", 1)]).unwrap_err();
                assert_eq!(refused.kind(), ErrorKind::Integrity, "relied on a damaged object");
            }
        }
        assert!(registry.fetch(catalog.resolve(&reference("b")).unwrap()).is_ok());
    }
    overwrite(&path, &intact[..intact.len() / 2]);
    let catalog = registry.catalog().unwrap();
    let cut = registry.fetch(catalog.resolve(&reference("a")).unwrap()).unwrap_err();
    assert_eq!(cut.kind(), ErrorKind::Integrity);
    fs::remove_file(&path).unwrap();
    let missing = registry.fetch(catalog.resolve(&reference("a")).unwrap()).unwrap_err();
    assert_eq!(missing.kind(), ErrorKind::Integrity, "a missing object is not a missing reference");
}

#[test]
fn an_object_in_the_place_of_another_is_damage() {
    let pool = Pool::new();
    publish(&pool.open(), &[esm("a", 1), esm("b", 2)]).unwrap();
    let other = fs::read(pool.object(&object(2).digest())).unwrap();
    overwrite(&pool.object(&object(1).digest()), &other);
    let registry = pool.open();
    let catalog = registry.catalog().unwrap();
    let error = registry.fetch(catalog.resolve(&reference("a")).unwrap()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Integrity);
}

#[test]
fn a_missing_object_is_put_back_by_publishing_it_again() {
    let pool = Pool::new();
    pool.publish("a", 1);
    fs::remove_file(pool.object(&object(1).digest())).unwrap();
    let again = publish(&pool.open(), &[esm("a", 1)]).unwrap();
    assert_eq!(again.entries, [0; 0]);
    assert!(pool.open().verify(&|_| ()).unwrap().is_sound());
}

#[test]
fn a_flipped_bit_of_a_log_entry_is_named_and_stops_what_depends_on_order() {
    let pool = Pool::new();
    pool.publish("a", 1);
    pool.publish("b", 2);
    pool.publish("a", 3);
    let intact = fs::read(pool.entry(2)).unwrap();
    for bit in sample_bits(intact.len(), 60) {
        let mut flipped = intact.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        overwrite(&pool.entry(2), &flipped);
        let registry = pool.open();
        let catalog = registry.catalog().unwrap();
        if catalog.damaged().is_empty() {
            assert_eq!(catalog.esms().count(), 3, "bit {bit} of zstd's own header, which means nothing");
            continue;
        }
        assert_eq!(catalog.damaged().iter().map(|d| d.entry).collect::<Vec<_>>(), [2], "bit {bit}");
        assert!(catalog.resolve(&reference("a:v1")).is_ok());
        assert!(catalog.resolve(&reference("a:v2")).is_ok());
        for depends in ["a", "b", "b:v1", "nothing"] {
            let error = catalog.resolve(&reference(depends)).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Integrity, "bit {bit}, {depends}");
        }
        assert_eq!(publish(&registry, &[esm("c", 4)]).unwrap_err().kind(), ErrorKind::Integrity);
        let yank = registry.yank(&reference("a:v1"), &by(), false).unwrap_err();
        assert_eq!(yank.kind(), ErrorKind::Integrity);
    }
}

#[test]
fn a_missing_entry_is_a_gap_and_never_the_end() {
    for lost in [1, 2] {
        let pool = Pool::new();
        for seed in 1..=3 {
            pool.publish(&format!("n{seed}"), seed);
        }
        fs::remove_file(pool.entry(lost)).unwrap();
        let registry = pool.open();
        let catalog = registry.catalog().unwrap();
        assert_eq!(catalog.damaged()[0].entry, lost);
        assert_eq!(catalog.esms().count(), 2);
        assert_eq!(publish(&registry, &[esm("c", 9)]).unwrap_err().kind(), ErrorKind::Integrity);
        assert!(!pool.entry(lost).exists(), "a writer filled the gap");
    }
}

#[test]
fn a_file_with_a_huge_number_neither_hangs_nor_ends_the_log() {
    let pool = Pool::new();
    pool.publish("a", 1);
    fs::write(pool.entry(u64::MAX), b"junk").unwrap();
    fs::write(pool.entry(u64::MAX - 5), b"junk").unwrap();
    let catalog = pool.open().catalog().unwrap();
    assert_eq!(catalog.damaged().len(), 4, "two gaps and two files");
    assert!(catalog.resolve(&reference("a:v1")).is_ok());
    assert_eq!(publish(&pool.open(), &[esm("c", 9)]).unwrap_err().kind(), ErrorKind::Integrity);
    assert!(!pool.open().verify(&|_| ()).unwrap().is_sound());
    assert_eq!(pool.open().stats(&catalog).unwrap().log_entries, 3);
}

#[test]
fn an_entry_of_another_registry_is_refused() {
    let (pool, other) = (Pool::new(), Pool::new());
    for seed in 1..=3 {
        pool.publish("a", seed);
        other.publish("evil", 10 + seed);
    }
    for number in 1..=3 {
        let intact = fs::read(pool.entry(number)).unwrap();
        overwrite(&pool.entry(number), &fs::read(other.entry(number)).unwrap());
        let catalog = pool.open().catalog().unwrap();
        let damaged: Vec<u64> = catalog.damaged().iter().map(|damage| damage.entry).collect();
        assert_eq!(damaged, [number]);
        let said = if number == 1 { "another registry" } else { "it follows" };
        assert!(catalog.damaged()[0].detail.contains(said));
        assert_eq!(catalog.tags(&name("evil")).count(), 0);
        overwrite(&pool.entry(number), &intact);
    }
    overwrite(&pool.entry(2), &fs::read(pool.entry(1)).unwrap());
    let moved = pool.open().catalog().unwrap();
    assert!(moved.damaged()[0].detail.contains("its name says 2"), "{}", moved.damaged()[0]);
}

#[test]
fn a_record_that_is_not_known_stops_whom_it_says() {
    let unknown = |flags| vec![Record { kind: 99, flags, payload: vec![1, 2, 3] }];
    let pool = Pool::new();
    pool.publish("a", 1);
    pool.append(unknown(0));
    assert_eq!(pool.publish("b", 2), esm("b", 2).card_digest());
    pool.append(unknown(Record::STOPS_WRITERS));
    let registry = pool.open();
    assert_eq!(registry.catalog().unwrap().esms().count(), 2);
    assert_eq!(registry.catalog().unwrap().history()[1].what.verb(), "unknown");
    let before = snapshot(&pool.root());
    assert_eq!(publish(&registry, &[esm("c", 3)]).unwrap_err().kind(), ErrorKind::Newer);
    assert_eq!(registry.yank(&reference("a:v1"), &by(), false).unwrap_err().kind(), ErrorKind::Newer);
    assert_eq!(snapshot(&pool.root()), before);
    pool.append(unknown(Record::STOPS_READERS));
    assert_eq!(registry.catalog().unwrap_err().kind(), ErrorKind::Newer);
}

#[test]
fn a_known_record_with_a_broken_payload_is_damage() {
    let pool = Pool::new();
    pool.publish("a", 1);
    pool.append(vec![Record { kind: 2, flags: 3, payload: b"not a target".to_vec() }]);
    let catalog = pool.open().catalog().unwrap();
    assert_eq!(catalog.damaged().len(), 1);
    assert_eq!(catalog.resolve(&reference("a")).unwrap_err().kind(), ErrorKind::Integrity);
}

#[test]
fn a_record_that_breaks_a_rule_does_nothing_and_is_reported() {
    use esmhub_store_format::log::{Action, Published, Target};
    let pool = Pool::new();
    let digest = pool.publish("a", 1);
    let publish_again = Action::Publish(Published {
        name: name("A"),
        tag: "V1".parse().unwrap(),
        card: card(&object(2)).to_canonical().unwrap(),
    });
    let yank_nothing = Action::Yank(Target { name: name("nothing"), tag: "v1".parse().unwrap(), digest });
    pool.append(vec![publish_again.to_record().unwrap(), yank_nothing.to_record().unwrap()]);
    let registry = pool.open();
    let catalog = registry.catalog().unwrap();
    assert_eq!(catalog.resolve(&reference("a")).unwrap().digest(), digest);
    assert_eq!(catalog.history().len(), 1);
    let whats: Vec<_> = registry.verify(&|_| ()).unwrap().problems.iter().map(|p| p.what).collect();
    assert_eq!(whats, ["record", "record"]);
}

/// Each record is kept for `log`, and an entry holds 65,536 of them.
#[test]
fn records_that_nobody_knows_are_one_event_of_their_entry() {
    let pool = Pool::new();
    let unknown = |kind| Record { kind, flags: 0, payload: Vec::new() };
    let digest = pool.publish("a", 1);
    let yank = |action: fn(Target) -> Action| {
        action(Target { name: name("a"), tag: "v1".parse().unwrap(), digest }).to_record().unwrap()
    };
    let mut records = Vec::new();
    for kind in 900..1900 {
        records.extend([unknown(kind), yank(Action::Yank), yank(Action::Unyank)]);
    }
    pool.append(records);
    pool.append(vec![unknown(7000)]);
    let catalog = pool.open().catalog().unwrap();
    let kinds: Vec<(u64, u16)> = catalog
        .history()
        .iter()
        .filter_map(|event| match event.what {
            Happening::Unknown { kind } => Some((event.entry, kind)),
            _ => None,
        })
        .collect();
    assert_eq!((kinds.as_slice(), catalog.history().len()), (&[(2, 900), (3, 7000)][..], 2003));
}
