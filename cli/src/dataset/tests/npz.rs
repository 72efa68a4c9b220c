//! The fixtures are written by numpy; see `fixtures/make.py` for their values.

use std::io::{Cursor, Write};

use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use super::*;
use crate::dataset::{read_pairs, read_target};

const X: [f32; 6] = [0.5, -1.25, 3.0, 0.0, -0.125, 1024.0];

/// An array in numpy's format 1.0.
pub(super) fn npy(descr: &str, shape: &str, data: &[u8]) -> Vec<u8> {
    header(&format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}\n"), data)
}

pub(super) fn header(text: &str, data: &[u8]) -> Vec<u8> {
    let length = u16::try_from(text.len()).unwrap();
    [b"\x93NUMPY\x01\0", &length.to_le_bytes()[..], text.as_bytes(), data].concat()
}

pub(super) fn zipped(entries: &[(&str, Vec<u8>)], method: CompressionMethod) -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in entries {
        zip.start_file(*name, SimpleFileOptions::default().compression_method(method)).unwrap();
        zip.write_all(bytes).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

pub(super) fn npz(entries: &[(&str, Vec<u8>)]) -> Written {
    written("t.npz", zipped(entries, CompressionMethod::Stored))
}

pub(super) fn floats(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_le_bytes()).collect()
}

pub(super) fn x() -> (&'static str, Vec<u8>) {
    ("x.npy", npy("<f4", "(3, 2)", &floats(&X)))
}

pub(super) fn y() -> (&'static str, Vec<u8>) {
    ("y.npy", npy("|u1", "(3,)", &[1, 0, 1]))
}

/// What is said of `x` where `y` is fine.
pub(super) fn refused_x(x: Vec<u8>) -> String {
    message(read_target(&npz(&[("x.npy", x), y()]).path))
}

pub(super) fn labels(descr: &str, shape: &str, data: &[u8]) -> Result<Vec<RawLabel>, DatasetError> {
    read_target(&npz(&[x(), ("y.npy", npy(descr, shape, data))]).path).map(|target| target.labels)
}

#[test]
fn deflated_half_floats_in_fortran_order_with_strings_are_read() {
    let target = read_target(&fixture("fortran_f16.npz")).unwrap();
    assert_eq!((target.x.rows(), target.x.dimension(), target.x.values()), (3, 2, &X[..]));
    assert_eq!(target.labels, ["ham", "späm", "ham"].map(|label| RawLabel::Text(label.into())));
}

#[test]
fn big_endian_doubles_are_read_and_other_arrays_left_alone() {
    let target = read_target(&fixture("big_endian.npz")).unwrap();
    assert_eq!((target.x.rows(), target.x.values()), (3, &X[..]));
    assert_eq!(target.labels, [7, -1, 300].map(RawLabel::Integer));
}

#[test]
fn pairs_are_read() {
    let pairs = read_pairs(&fixture("pairs.npz")).unwrap();
    assert_eq!(pairs.x.values(), X);
    assert_eq!(pairs.y.values(), X.map(|value| value * 2.0));
    assert_eq!(pairs.y.dimension(), 2);
}

#[test]
fn labels_of_every_type_are_read() {
    let integers = [1, -2, 3].map(RawLabel::Integer);
    let bytes =
        |values: [i64; 3], width: usize| values.iter().flat_map(|v| v.to_le_bytes()[..width].to_vec()).collect();
    for (descr, width) in [("|i1", 1), ("<i2", 2), ("<i4", 4), ("<i8", 8)] {
        let data: Vec<u8> = bytes([1, -2, 3], width);
        assert_eq!(labels(descr, "(3,)", &data).unwrap(), integers, "{descr}");
    }
    for (descr, width) in [("|u1", 1), ("<u2", 2), ("<u4", 4), ("<u8", 8)] {
        let data: Vec<u8> = bytes([1, 2, 3], width);
        assert_eq!(labels(descr, "(3,)", &data).unwrap(), [1, 2, 3].map(RawLabel::Integer), "{descr}");
    }
    assert_eq!(labels("|b1", "(3,)", &[0, 1, 0]).unwrap(), [false, true, false].map(RawLabel::Bool));
    assert_eq!(labels("<f4", "(3,)", &floats(&[0.5, -1.0, 2.0])).unwrap(), [0.5, -1.0, 2.0].map(RawLabel::Float));
    assert_eq!(labels("<f2", "(3,)", &[0, 0x38, 0, 0xbc, 0, 0x40]).unwrap(), [0.5, -1.0, 2.0].map(RawLabel::Float));
}

#[test]
fn values_of_other_types_are_refused() {
    let objects = read_target(&fixture("objects.npz")).unwrap_err();
    assert!(objects.to_string().contains("y: values are '|O', expected integers, floats, booleans or strings"));
    assert!(objects.hint().unwrap().contains("astype(str)"));
    assert!(message(labels("|S1", "(3,)", b"abc")).starts_with("y: values are '|S1'"));
    assert!(message(labels("<f16", "(3,)", &[0; 48])).starts_with("y: values are '<f16'"));
    assert_eq!(refused_x(npy("<i4", "(3, 2)", &[0; 24])), "x: values are '<i4', expected 16-, 32- or 64-bit floats");
    assert_eq!(
        refused_x(header("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (3, 2), }", &[0; 24])),
        "x: malformed header: expected one dictionary with one tuple, the shape"
    );
}

#[test]
fn a_missing_array_lists_those_that_exist() {
    let text = message(read_target(&npz(&[x(), ("labels.npy", y().1)]).path));
    assert_eq!(text, r#"array "y" does not exist, the arrays are: "x", "labels""#);
    assert_eq!(message(read_target(&npz(&[]).path)), r#"array "x" does not exist, the arrays are: none"#);
}

#[test]
fn wrong_shapes_are_refused() {
    assert_eq!(refused_x(npy("<f4", "(6,)", &floats(&X))), "x: shape is (6,), expected (N, D)");
    assert_eq!(refused_x(npy("<f4", "()", &floats(&X[..1]))), "x: shape is (), expected (N, D)");
    assert_eq!(refused_x(npy("<f4", "(3, 1, 2)", &floats(&X))), "x: shape is (3, 1, 2), expected (N, D)");
    assert_eq!(refused_x(npy("<f4", "(0, 2)", &[])), "x: has no rows");
    assert_eq!(refused_x(npy("<f4", "(3, 0)", &[])), "x: dimension is 0, expected 1 to 8192");
    assert_eq!(refused_x(npy("<f4", "(1, 8193)", &[0; 4 * 8193])), "x: dimension is 8193, expected 1 to 8192");
    assert_eq!(refused_x(npy("<f4", "(2, 3)", &floats(&X))), "x has 2 rows, but y has 3 labels");
    assert_eq!(message(labels("|u1", "(3, 1)", &[0; 3])), "y: shape is (3, 1), expected (N,)");

    let pairs = |shape: &str| {
        let y = npy("<f4", shape, &floats(&X));
        message(read_pairs(&npz(&[x(), ("y.npy", y)]).path))
    };
    assert_eq!(pairs("(2, 3)"), "x is 3 x 2, but y is 2 x 3, expected the same shape");
    assert_eq!(pairs("(6,)"), "y: shape is (6,), expected (N, D)");
}

#[test]
fn nan_and_infinity_name_row_and_column() {
    let with = |value: f32| floats(&[0.0, 1.0, 2.0, value, 4.0, 5.0]);
    assert_eq!(refused_x(npy("<f4", "(3, 2)", &with(f32::NAN))), "x[1, 1] is not a finite 32-bit float");
    assert_eq!(refused_x(npy("<f4", "(2, 3)", &with(f32::INFINITY))), "x[1, 0] is not a finite 32-bit float");
    // Finite in 64 bits alone.
    let doubles: Vec<u8> = [1e300_f64, 0.0].iter().flat_map(|value| value.to_le_bytes()).collect();
    assert_eq!(refused_x(npy("<f8", "(1, 2)", &doubles)), "x[0, 0] is not a finite 32-bit float");
    let y = ("y.npy", npy("<f4", "(3, 2)", &with(f32::NAN)));
    assert_eq!(message(read_pairs(&npz(&[x(), y]).path)), "y[1, 1] is not a finite 32-bit float");
}
