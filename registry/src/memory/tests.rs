//! The memory's hazards: damage, locks, other commands, and growth.

#![allow(clippy::unwrap_used, clippy::indexing_slicing)]
use super::*;

fn keys(range: std::ops::Range<u64>) -> Vec<Digest> {
    range.map(|at| Digest::of(&at.to_le_bytes())).collect()
}

fn values(range: std::ops::Range<u64>) -> Vec<(Digest, Vec<u8>)> {
    keys(range.clone()).into_iter().zip(range.map(|at| at.to_le_bytes().to_vec())).collect()
}

fn memory() -> (tempfile::TempDir, Memory) {
    let folder = tempfile::tempdir().unwrap();
    let memory = Memory::at(folder.path().join("cache/memory"));
    (folder, memory)
}

/// How many of these are recalled; each must be right, and nothing may be wrong with the memory.
fn known(memory: &Memory, range: std::ops::Range<u64>) -> usize {
    let recalled = memory.recall(&keys(range.clone()));
    assert_eq!(recalled.notice, None);
    assert_eq!(recalled.values.len() as u64, range.end - range.start);
    let known = recalled.values.iter().zip(range).filter_map(|(value, at)| Some((value.as_ref()?, at)));
    known.inspect(|(value, at)| assert_eq!(**value, at.to_le_bytes())).count()
}

#[test]
fn what_was_remembered_is_recalled_in_the_order_of_the_keys() {
    let (_folder, memory) = memory();
    assert_eq!(known(&memory, 0..10), 0);
    assert!(!memory.database.folder().exists(), "asking makes nothing");
    memory.remember(values(0..5)).unwrap();
    memory.remember(values(3..9)).unwrap();
    assert_eq!(known(&memory, 0..10), 9);
    let recalled = memory.recall(&[keys(7..8), keys(20..21), keys(2..3)].concat());
    assert_eq!(recalled.values, [Some(7u64.to_le_bytes().to_vec()), None, Some(2u64.to_le_bytes().to_vec())]);
}

#[test]
fn value_with_a_flipped_bit_is_a_miss() {
    let key = Digest::of(b"key");
    let sound = sealed(&key, b"a value");
    assert_eq!(opened(&key, sound.clone()), Some(b"a value".to_vec()));
    for bit in 0..8 * sound.len() {
        let mut flipped = sound.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        assert_eq!(opened(&key, flipped), None, "bit {bit}");
    }
    for length in 0..sound.len() {
        assert_eq!(opened(&key, sound[..length].to_vec()), None, "{length} bytes");
    }
    assert_eq!(opened(&Digest::of(b"another key"), sound), None);
}

#[test]
fn flipped_bits_in_the_database_give_no_wrong_value() {
    let (_folder, memory) = memory();
    memory.remember(values(0..50)).unwrap();
    let path = memory.database.folder().join("db");
    let intact = std::fs::read(&path).unwrap();
    let used = intact.iter().rposition(|&byte| byte != 0).unwrap() + 1;
    for at in (0..used).step_by(used / 40 + 1) {
        let mut flipped = intact.clone();
        flipped[at] ^= 1 << (at % 8);
        std::fs::create_dir_all(memory.database.folder()).unwrap();
        std::fs::write(&path, flipped).unwrap();
        let recalled = memory.recall(&keys(0..50));
        for (value, at) in recalled.values.iter().zip(0u64..) {
            assert!(value.as_ref().is_none_or(|value| **value == at.to_le_bytes()));
        }
    }
    memory.remember(values(0..50)).unwrap();
    assert_eq!(known(&memory, 0..50), 50);
}

#[test]
fn damaged_memory_is_deleted_and_starts_anew() {
    let (_folder, memory) = memory();
    memory.remember(values(0..5)).unwrap();
    for file in ["db", "conf"] {
        std::fs::write(memory.database.folder().join(file), [0xff; 4000]).unwrap();
        let recalled = memory.recall(&keys(0..5));
        assert_eq!(recalled.values, vec![None; 5], "{file}");
        // What sled takes for the beginning of an empty database, it does not complain about.
        assert!(recalled.notice.map_or(file == "db", |notice| notice.contains("deleted")), "{file}");
        memory.remember(values(0..5)).unwrap();
        assert_eq!(known(&memory, 0..5), 5);
    }
}

#[test]
fn locked_memory_is_a_miss_and_no_error() {
    let (_folder, memory) = memory();
    memory.remember(values(0..5)).unwrap();
    let held = sled::open(memory.database.folder()).unwrap();
    let recalled = memory.recall(&keys(0..5));
    assert_eq!(recalled.values, vec![None; 5]);
    assert!(recalled.notice.unwrap().contains("another command is using it"));
    assert!(memory.remember(values(5..6)).is_err());
    drop(held);
    assert_eq!(known(&memory, 0..6), 5);
}

#[test]
fn memory_is_bounded_and_forgets_the_oldest_first() {
    let (_folder, mut memory) = memory();
    memory.generation_bytes = 100 * (8 + CHECK_BYTES as u64 + OVERHEAD);
    for batch in 0..50 {
        memory.remember(values(7 * batch..7 * batch + 7)).unwrap();
        // What is there already does not count again.
        memory.remember(values(7 * batch..7 * batch + 7)).unwrap();
    }
    assert_eq!(known(&memory, 250..350), 100);
    assert!(known(&memory, 0..350) <= 200);
    // A batch longer than a generation, too.
    memory.remember(values(1000..1450)).unwrap();
    assert_eq!((known(&memory, 1350..1450), known(&memory, 0..350)), (100, 0));
    assert!(known(&memory, 1000..1450) <= 200);
}

#[test]
fn value_that_is_too_long_is_not_remembered() {
    let (_folder, memory) = memory();
    let keys = keys(0..2);
    let values = [MAX_VALUE_BYTES, MAX_VALUE_BYTES + 1].map(|bytes| vec![7; bytes]);
    memory.remember(keys.iter().copied().zip(values.clone()).collect()).unwrap();
    assert_eq!(memory.recall(&keys).values, [Some(values[0].clone()), None]);
}

#[test]
fn commands_at_the_same_time_share_a_memory() {
    let (_folder, memory) = memory();
    std::thread::scope(|scope| {
        for start in 0..8 {
            let memory = &memory;
            scope.spawn(move || {
                memory.remember(values(10 * start..10 * start + 10)).unwrap();
                assert_eq!(known(memory, 10 * start..10 * start + 10), 10);
            });
        }
    });
    assert_eq!(known(&memory, 0..80), 80);
}

#[test]
fn registry_remembers_for_its_user_alone() {
    let (folder, _) = memory();
    let place = folder.path().join("pool");
    let caches = [Some(folder.path().join("mine")), Some(folder.path().join("theirs")), None];
    Registry::init(&place, &crate::Settings::default(), None).unwrap();
    let [mine, theirs, nobodys] = caches.map(|cache| Registry::open(&place, cache.as_deref()).unwrap());
    let recalled = |registry: &Registry| registry.recall(&keys(0..3)).values.iter().flatten().count();
    assert_eq!((mine.remember(values(0..3)), nobodys.remember(values(0..3))), (None, None));
    assert_eq!([&mine, &theirs, &nobodys].map(recalled), [3, 0, 0]);
    assert_eq!(nobodys.recall(&keys(0..3)).values, vec![None; 3]);
}

#[test]
fn cache_that_cannot_be_written_is_a_notice() {
    let (folder, memory) = memory();
    std::fs::write(folder.path().join("cache"), b"a file where the cache should be").unwrap();
    assert!(memory.remember(values(0..5)).is_err());
    let recalled = memory.recall(&keys(0..5));
    assert_eq!(recalled.values, vec![None; 5]);
}
