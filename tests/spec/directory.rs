//! Section 8 of SPEC.md: the marker that esmhub writes, and markers that it must not believe.

use std::fs;

use esmhub_registry::{ErrorKind, Registry, RegistryError, Settings};
use tempfile::TempDir;

use super::marker::{self, Marker};
use super::reader::{Refusal, digest};

/// A marker with these lines and a checksum that holds.
fn sealed(lines: &str) -> Vec<u8> {
    let checksum: String = digest(lines.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{lines}checksum = \"{checksum}\"\n").into_bytes()
}

/// What esmhub makes of a directory with this marker.
fn open(marker: &[u8]) -> Result<Marker, RegistryError> {
    let directory = TempDir::new().unwrap();
    fs::write(directory.path().join("esmhub.toml"), marker).unwrap();
    Registry::open(directory.path(), None).map(|registry| marker_of(&registry))
}

fn marker_of(registry: &Registry) -> Marker {
    let Settings { grace_seconds, shared } = registry.settings();
    Marker { id: registry.id().0, grace_seconds, shared }
}

/// The longest marker that esmhub reads, if that is nearly `limit`.
pub(crate) fn longest_marker(limit: usize) -> usize {
    let lines = format!("format = 1\nid = \"{}\"\ngrace_seconds = 0\nshared = false\n#", "00".repeat(16));
    let fixed = sealed(&format!("{lines}\n")).len();
    let accepts = |length: &usize| {
        let marker = sealed(&format!("{lines}{}\n", "x".repeat(length - fixed)));
        assert_eq!(marker.len(), *length);
        assert_eq!(marker::decode(&marker).is_ok(), *length <= limit);
        open(&marker).is_ok()
    };
    (limit - 2..limit + 3).rfind(accepts).unwrap()
}

#[test]
fn the_marker_that_init_writes_is_read_from_the_spec_alone() {
    for (grace_seconds, shared) in [(1_209_600, false), (0, true)] {
        let directory = TempDir::new().unwrap();
        let registry = Registry::init(directory.path(), &Settings { grace_seconds, shared }, None).unwrap().registry;
        let bytes = fs::read(directory.path().join("esmhub.toml")).unwrap();
        let marker = marker::decode(&bytes).unwrap();
        assert_eq!((marker.grace_seconds, marker.shared), (grace_seconds, shared));
        assert_eq!(marker, marker_of(&registry));
        let text = String::from_utf8(bytes.clone()).unwrap();
        let keys: Vec<&str> = text.lines().skip(1).map(|line| line.split(' ').next().unwrap()).collect();
        assert_eq!(keys, ["format", "id", "grace_seconds", "shared", "checksum"]);

        for at in 0..bytes.len() {
            let flipped = |bit: u32| [&bytes[..at], &[bytes[at] ^ (1 << bit)], &bytes[at + 1..]].concat();
            for damaged in [bytes[..at].to_vec(), flipped(0), flipped(5), flipped(7)] {
                assert!(matches!(marker::decode(&damaged), Err(Refusal::Damage(_))), "byte {at}");
                assert_eq!(open(&damaged).unwrap_err().kind(), ErrorKind::Integrity, "byte {at}");
            }
        }
    }
}

#[test]
fn a_sealed_marker_is_judged_alike() {
    let id = "0f".repeat(16);
    let with = |format: &str, id: &str, more: &str| {
        sealed(&format!("format = {format}\nid = \"{id}\"\ngrace_seconds = 7\nshared = true\n{more}"))
    };
    let good = Marker { id: [0x0f; 16], grace_seconds: 7, shared: true };
    for more in ["", "# words\n\n", "future = 1\n"] {
        assert_eq!(marker::decode(&with("1", &id, more)), Ok(good.clone()), "{more:?}");
        assert_eq!(open(&with("1", &id, more)).unwrap(), good, "{more:?}");
    }
    let newer = [with("2", "future", ""), sealed("format = 2\n")];
    for marker in newer {
        assert!(matches!(marker::decode(&marker), Err(Refusal::Newer(_))));
        assert_eq!(open(&marker).unwrap_err().kind(), ErrorKind::Newer);
    }
    let upper = "0F".repeat(16);
    let invalid =
        [with("0", &id, ""), with("1", &id[1..], ""), with("1", &upper, ""), sealed("format = 1\n"), sealed("")];
    for marker in invalid {
        assert!(marker::decode(&marker).is_err() && open(&marker).is_err(), "{}", String::from_utf8_lossy(&marker));
    }
    let behind = [with("1", &id, ""), b"shared = false\n".to_vec()].concat();
    assert!(matches!(marker::decode(&behind), Err(Refusal::Damage(_))));
    assert_eq!(open(&behind).unwrap_err().kind(), ErrorKind::Integrity);
}
