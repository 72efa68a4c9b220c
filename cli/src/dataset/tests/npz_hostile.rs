//! Zips and headers that are damaged or made to do harm.

use zip::CompressionMethod;

use super::npz::{header, labels, npy, npz, refused_x, x, y, zipped};
use super::*;
use crate::dataset::read_target;

#[test]
fn a_shape_that_the_data_do_not_fill_is_refused() {
    assert_eq!(refused_x(npy("<f4", "(3, 2)", &[0; 20])), "x: 20 bytes of data, the shape implies 24");
    assert_eq!(refused_x(npy("<f4", "(3, 2)", &[0; 28])), "x: 28 bytes of data, the shape implies 24");
    // 10 million rows of 8,192 dimensions are 328 GB, of 6 dimensions 240 MB that are not there.
    let too_much = "x: the arrays are larger than 268435456 bytes, which is too much for a file of this size";
    assert_eq!(refused_x(npy("<f4", "(10000000, 8192)", &[0; 24])), too_much);
    assert_eq!(refused_x(npy("<f4", "(10000000, 6)", &[0; 24])), "x: 24 bytes of data, the shape implies 240000000");
    assert_eq!(refused_x(npy("<f4", "(10000001, 1)", &[0; 24])), "x: 10000001 rows, expected at most 10000000");
    let text = message(labels("<U262144", "(10000000,)", &[0; 4]));
    assert_eq!(text, too_much.replacen('x', "y", 1));
}

#[test]
fn zip_bomb_is_refused() {
    // 64 MiB of zeros in 64 KB, where the header speaks of 24 bytes.
    let bomb = npy("<f4", "(3, 2)", &vec![0; 64 << 20]);
    let mut bytes = zipped(&[("x.npy", bomb), y()], CompressionMethod::Deflated);
    assert!(bytes.len() < 100_000);
    let text = message(read_target(&written("t.npz", &bytes).path));
    assert_eq!(text, "x: 67108864 bytes of data, the shape implies 24");

    // The same with directory and entry lying about the size.
    let real = u32::try_from(npy("<f4", "(3, 2)", &[]).len() + (64 << 20)).unwrap().to_le_bytes();
    let lie = u32::try_from(npy("<f4", "(3, 2)", &[]).len() + 24).unwrap().to_le_bytes();
    let mut lies = 0;
    for at in 0..bytes.len() - 4 {
        if bytes[at..at + 4] == real {
            bytes[at..at + 4].copy_from_slice(&lie);
            lies += 1;
        }
    }
    assert_eq!(lies, 2);
    let text = message(read_target(&written("t.npz", &bytes).path));
    assert!(text.starts_with("x: "), "{text}");
}

#[test]
fn hostile_headers_are_refused_before_they_are_parsed() {
    let shape = |shape: &str| refused_x(npy("<f4", shape, &[0; 24]));
    assert_eq!(shape("(4294967296, 4294967296)"), "x: malformed header: the shape is too large");
    assert_eq!(shape("(0, 4294967296, 4294967296)"), "x: malformed header: the shape is too large");
    assert_eq!(shape("(-3, 2)"), "x: malformed header: the shape is too large");
    let nested = "x: malformed header: expected one dictionary with one tuple, the shape";
    assert_eq!(shape(&format!("{}3, 2{}", "(".repeat(3_000), ")".repeat(3_000))), nested);
    assert_eq!(shape(&format!("(3, {}", "[".repeat(3_000))), nested);
    assert_eq!(shape(&format!("(3, {}", "{".repeat(3_000))), nested);
    assert_eq!(shape(&" ".repeat(20_000)), "x: malformed header: longer than 10000 bytes");
    let claims = [b"\x93NUMPY\x02\0".as_slice(), &u32::MAX.to_le_bytes()].concat();
    assert_eq!(refused_x(claims), "x: malformed header: longer than 10000 bytes");
    assert_eq!(
        refused_x(b"\x93NUMPY\x09\0\0\0".to_vec()),
        "x: malformed header: not an array of numpy format 1.0, 2.0 or 3.0"
    );
    assert!(refused_x(header("{'shape': (3, 2)}", &[0; 24])).starts_with("x: malformed header: dict is missing key"));
    assert_eq!(refused_x(b"\x93NUM".to_vec()), "x: cannot be read");
}

#[test]
fn entries_that_numpy_does_not_name_so_are_refused() {
    for name in ["../x.npy", "/x.npy", "x.txt", "a\\x.npy", "x\n.npy", "C:x.npy", "folder/"] {
        let text = message(read_target(&npz(&[x(), y(), (name, Vec::new())]).path));
        assert!(text.contains("of the zip is not named as an array"), "{name}: {text}");
        assert!(!text.contains('\n'));
    }
    assert!(read_target(&npz(&[x(), y(), ("group/a.npy", Vec::new())]).path).is_ok());
}

#[test]
fn two_entries_of_one_name_are_refused() {
    let mut bytes = zipped(&[x(), y(), ("z.npy", y().1)], CompressionMethod::Stored);
    for at in 0..bytes.len() - 5 {
        if &bytes[at..at + 5] == b"z.npy" {
            bytes[at] = b'y';
        }
    }
    let text = message(read_target(&written("t.npz", bytes).path));
    assert_eq!(text, "two entries of the zip have the same name");
}

#[test]
fn damage_anywhere_is_an_error_or_harmless_and_never_a_crash() {
    for file in ["fortran_f16.npz", "big_endian.npz"] {
        let bytes = std::fs::read(fixture(file)).unwrap();
        let damaged = written("t.npz", "");
        let whole = read_target(&fixture(file)).unwrap();
        for at in 0..bytes.len() {
            for flip in [0x01, 0x80, 0xff] {
                let mut bytes = bytes.clone();
                bytes[at] ^= flip;
                std::fs::write(&damaged.path, bytes).unwrap();
                if let Ok(target) = read_target(&damaged.path) {
                    assert_eq!(target, whole, "byte {at} of {file}: damage that the checksum should show");
                }
            }
        }
        for length in 0..bytes.len() {
            std::fs::write(&damaged.path, &bytes[..length]).unwrap();
            assert!(read_target(&damaged.path).is_err());
        }
    }
}
