//! Checkpoints that mean harm, and those that torch wrote.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

use std::io::{Cursor, Write};

use candle_core::pickle::{Object, Stack};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use super::*;

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures").join(name).join("pytorch_model.bin")
}

fn archive(method: CompressionMethod, entries: &[(&str, &[u8])]) -> Vec<u8> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, content) in entries {
        writer.start_file(*name, SimpleFileOptions::default().compression_method(method)).unwrap();
        writer.write_all(content).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

fn read_bytes(bytes: &[u8]) -> Result<DenseMap, PickleError> {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), bytes).unwrap();
    read_pickle(file.path())
}

#[track_caller]
fn assert_damaged(bytes: &[u8], expected: &str) {
    match read_bytes(bytes) {
        Err(PickleError::Damaged { reason, .. }) => assert!(reason.contains(expected), "{reason}"),
        other => panic!("{other:?}"),
    }
}

fn entries(path: &Path) -> Vec<(String, Vec<u8>)> {
    let mut archive = ZipArchive::new(File::open(path).unwrap()).unwrap();
    let read = |i| {
        let mut entry = archive.by_index(i).unwrap();
        let mut content = Vec::new();
        entry.read_to_end(&mut content).unwrap();
        (entry.name().unwrap().into_owned(), content)
    };
    (0..8).map(read).collect()
}

/// The nodes and the depth that candle made of a pickle.
fn extent(object: &Object) -> (u64, u32) {
    let content: Vec<&Object> = match object {
        Object::Tuple(values) | Object::List(values) => values.iter().collect(),
        Object::Dict(pairs) => pairs.iter().flat_map(|(key, value)| [key, value]).collect(),
        Object::Reduce { callable, args } | Object::Build { callable, args } => vec![callable, args],
        Object::PersistentLoad(id) => vec![id],
        _ => Vec::new(),
    };
    let extents = content.into_iter().map(extent);
    let (nodes, depth) = extents.fold((0, 0), |(n, d), (nodes, depth)| (n + nodes, d.max(depth)));
    (nodes + 1, depth + 1)
}

#[test]
fn files_that_torch_wrote_are_read() {
    let map = read_pickle(&fixture("pickled")).unwrap();
    assert_eq!(map.dimension(), 4);
    read_pickle(&fixture("pickled-legacy")).unwrap();
}

#[test]
fn bombs_are_refused_before_candle_reads_them() {
    let nested = [b")", &b"\x85".repeat(3_000_000)[..], b"."].concat();
    let doubling = [b")q\0", &b"h\0h\0\x86q\0".repeat(60)[..], b"."].concat();
    let many = [b"(", &b"K\x01".repeat(4_000_000)[..], b"t."].concat();
    let bombs: [(&[u8], &str); 6] = [
        (&nested, "nested deeper than 64"),
        (&doubling, "more than 1000000 values"),
        (b"X\xff\xff\xff\xff.", "a string has 4294967295 bytes"),
        (&many, "more than 1000000 values"),
        (&vec![b'N'; 200_000_000], "more than 8388608 bytes"),
        (b"ctorch\nF\x1b]0;x\n.", "class's name"),
    ];
    for (pickle, expected) in bombs {
        assert_damaged(&archive(CompressionMethod::Deflated, &[("model/data.pkl", pickle)]), expected);
    }
}

#[test]
fn archives_that_torch_does_not_write_are_refused() {
    let stored = |entries: &[(&str, &[u8])]| archive(CompressionMethod::Stored, entries);
    assert_damaged(b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19.", "not a zip archive");
    assert_damaged(b"", "not a zip archive");
    assert_damaged(&stored(&[("model/version", b"3")]), "0 entries data.pkl");
    assert_damaged(&stored(&[("a/data.pkl", b"}."), ("b/data.pkl", b"}.")]), "2 entries data.pkl");
    assert_damaged(&stored(&[("m/data.pkl", b"}."), ("m/byteorder", b"big")]), "byte order is big");
    let long = format!("{}/data.pkl", "m".repeat(60_000));
    assert_damaged(&stored(&[(&long, b"}.")]), "60009 bytes");
}

#[test]
fn causes_stay_on_one_line() {
    let pickle = archive(CompressionMethod::Stored, &[("m/data.pkl", b"X\x05\0\0\0a\nb\x1bcNa.")]);
    let Err(error) = read_bytes(&pickle) else { panic!("accepted") };
    assert!(!error.to_string().contains(char::is_control), "{error}");
    assert!(error.to_string().contains("expected a list"), "{error}");
}

#[test]
fn mutated_files_end_in_an_answer() {
    let mut entries = entries(&fixture("pickled"));
    let original = entries.iter().find(|(name, _)| name.ends_with("data.pkl")).unwrap().1.clone();
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut random = |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state % below as u64) as usize
    };
    let opcodes = b"\x80cqr)R(XJtQKM\x85\x86\x87\x88\x89Nhjsu}db.\x81]Gae\x8a";
    let (mut accepted, mut refused) = (0, 0);
    for _ in 0..20_000 {
        let mut pickle = original.clone();
        for _ in 0..=random(3) {
            let at = random(pickle.len());
            match random(5) {
                0 => pickle[at] ^= 1 << random(8),
                1 => pickle[at] = random(256) as u8,
                2 => pickle[at] = opcodes[random(opcodes.len())],
                3 => pickle.insert(at, opcodes[random(opcodes.len())]),
                _ => drop(pickle.remove(at)),
            }
        }
        let Ok(nodes) = scan::scan(&pickle) else {
            refused += 1;
            continue;
        };
        accepted += 1;
        let mut stack = Stack::empty();
        if stack.read_loop(&mut &*pickle).is_ok() {
            let (found, depth) = extent(&stack.finalize().unwrap());
            assert!(found <= nodes && depth <= 64, "{found} of {nodes} nodes, depth {depth}: {pickle:02x?}");
        }
        entries.iter_mut().find(|(name, _)| name.ends_with("data.pkl")).unwrap().1 = pickle;
        let named: Vec<(&str, &[u8])> = entries.iter().map(|(name, content)| (&**name, &**content)).collect();
        let _answer = read_bytes(&archive(CompressionMethod::Stored, &named));
    }
    assert!(accepted > 2_000 && refused > 2_000, "{accepted} accepted, {refused} refused");
}
