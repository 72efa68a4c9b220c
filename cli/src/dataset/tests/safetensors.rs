use std::collections::BTreeMap;

use ::safetensors::Dtype;
use ::safetensors::tensor::{TensorView, serialize};
use half::{bf16, f16};

use super::*;
use crate::dataset::{read_pairs, read_target};

const X: [f32; 6] = [0.5, -1.25, 3.0, 0.0, -0.125, 1024.0];

fn saved(tensors: &[(&str, Dtype, &[usize], Vec<u8>)]) -> Vec<u8> {
    let views = tensors
        .iter()
        .map(|(name, dtype, shape, data)| (name.to_string(), TensorView::new(*dtype, shape.to_vec(), data).unwrap()));
    serialize(views.collect::<BTreeMap<_, _>>(), None).unwrap()
}

fn bytes<const N: usize>(convert: impl Fn(f32) -> [u8; N]) -> Vec<u8> {
    X.iter().flat_map(|&value| convert(value)).collect()
}

fn single() -> Vec<u8> {
    bytes(f32::to_le_bytes)
}

/// A file of this header before these data.
fn raw(header: &str, data: &[u8]) -> Written {
    written("t.safetensors", [&(header.len() as u64).to_le_bytes(), header.as_bytes(), data].concat())
}

#[test]
fn files_of_the_python_library_are_read() {
    let target = read_target(&fixture("bool.safetensors")).unwrap();
    assert_eq!((target.x.rows(), target.x.dimension(), target.x.values()), (3, 2, &X[..]));
    assert_eq!(target.labels, [true, false, true].map(RawLabel::Bool));
}

#[test]
fn embeddings_of_every_float_type_are_read() {
    let types = [
        (Dtype::F16, bytes(|value| f16::from_f32(value).to_le_bytes())),
        (Dtype::BF16, bytes(|value| bf16::from_f32(value).to_le_bytes())),
        (Dtype::F32, single()),
        (Dtype::F64, bytes(|value| f64::from(value).to_le_bytes())),
    ];
    for (dtype, data) in types {
        let file = saved(&[("x", dtype, &[3, 2], data.clone()), ("y", dtype, &[3, 2], data)]);
        let pairs = read_pairs(&written("t.safetensors", file).path).unwrap();
        assert_eq!((pairs.x.rows(), pairs.x.values()), (3, &X[..]), "{dtype:?}");
        assert_eq!((pairs.y.rows(), pairs.y.values()), (3, &X[..]), "{dtype:?}");
    }
}

#[test]
fn labels_of_every_type_are_read() {
    for (dtype, width) in [(Dtype::I8, 1), (Dtype::I16, 2), (Dtype::I32, 4), (Dtype::I64, 8)] {
        let data = [1_i64, -2, 3].iter().flat_map(|value| value.to_le_bytes()[..width].to_vec()).collect();
        let file = saved(&[("x", Dtype::F32, &[3, 2], single()), ("y", dtype, &[3], data)]);
        let target = read_target(&written("t.safetensors", file).path).unwrap();
        assert_eq!(target.labels, [1, -2, 3].map(RawLabel::Integer), "{dtype:?}");
    }
    for (dtype, width) in [(Dtype::U8, 1), (Dtype::U16, 2), (Dtype::U32, 4), (Dtype::U64, 8)] {
        let data = [1_u64, 2, 3].iter().flat_map(|value| value.to_le_bytes()[..width].to_vec()).collect();
        let file = saved(&[("x", Dtype::F32, &[3, 2], single()), ("y", dtype, &[3], data)]);
        let target = read_target(&written("t.safetensors", file).path).unwrap();
        assert_eq!(target.labels, [1, 2, 3].map(RawLabel::Integer), "{dtype:?}");
    }
    let data = [0.5_f64, -1.0, f64::NAN].iter().flat_map(|value| value.to_le_bytes()).collect();
    let file = saved(&[("x", Dtype::F32, &[3, 2], single()), ("y", Dtype::F64, &[3], data)]);
    let target = read_target(&written("t.safetensors", file).path).unwrap();
    assert_eq!(target.labels[..2], [0.5, -1.0].map(RawLabel::Float));
    assert!(matches!(target.labels[2], RawLabel::Float(value) if value.is_nan()));
}

#[test]
fn missing_arrays_types_and_shapes_are_named() {
    let refused = |tensors: &[(&str, Dtype, &[usize], Vec<u8>)]| {
        message(read_target(&written("t.safetensors", saved(tensors)).path))
    };
    let x = ("x", Dtype::F32, &[3, 2][..], single());
    assert_eq!(refused(std::slice::from_ref(&x)), r#"array "y" does not exist, the arrays are: "x""#);
    assert_eq!(
        refused(&[x.clone(), ("y", Dtype::F8_E4M3, &[3], vec![0; 3])]),
        "y: values are F8_E4M3, expected integers, floats or BOOL"
    );
    assert_eq!(
        refused(&[("x", Dtype::I32, &[3, 2], single()), ("y", Dtype::U8, &[3], vec![0; 3])]),
        "x: values are I32, expected F16, BF16, F32 or F64"
    );
    assert_eq!(refused(&[x.clone(), ("y", Dtype::U8, &[2], vec![0; 2])]), "x has 3 rows, but y has 2 labels");
    assert_eq!(refused(&[x, ("y", Dtype::U8, &[3, 1], vec![0; 3])]), "y: shape is (3, 1), expected (N,)");
    let mut nan = single();
    nan[8..12].copy_from_slice(&f32::NAN.to_le_bytes());
    assert_eq!(
        refused(&[("x", Dtype::F32, &[3, 2], nan), ("y", Dtype::U8, &[3], vec![0; 3])]),
        "x[1, 0] is not a finite 32-bit float"
    );
}

#[test]
fn a_header_that_claims_more_than_the_file_is_refused() {
    for claim in [u64::MAX, 1 << 60, 1 << 20, 17] {
        let file = written("t.safetensors", [&claim.to_le_bytes()[..], b"{}              "].concat());
        let text = message(read_target(&file.path));
        assert_eq!(text, format!("header claims {claim} bytes, expected at most 1048576 in a file of 24 bytes"));
    }
    assert_eq!(message(read_target(&written("t.safetensors", [1, 2, 3]).path)), "header: cannot be read");
}

#[test]
fn data_that_end_early_or_late_are_refused() {
    let header = r#"{"x":{"dtype":"F32","shape":[3,2],"data_offsets":[0,24]}}"#;
    let text = message(read_target(&raw(header, &[0; 20]).path));
    assert_eq!(text, "20 bytes of data, the header implies 24");
    let text = message(read_target(&raw(header, &[0; 28]).path));
    assert_eq!(text, "28 bytes of data, the header implies 24");
}

#[test]
fn headers_that_contradict_themselves_are_refused() {
    for header in [
        r#"{"x":{"dtype":"F32","shape":[3,2],"data_offsets":[0,20]}}"#,
        r#"{"x":{"dtype":"F32","shape":[3,2],"data_offsets":[4,28]}}"#,
        r#"{"x":{"dtype":"F32","shape":[4611686018427387904,8],"data_offsets":[0,24]}}"#,
        r#"{"x":{"dtype":"F32","shape":[3,2],"data_offsets":[24,0]}}"#,
        r#"{"x":{"dtype":"F32","shape":[3,2],"data_offsets":[0,24]},"y":{"dtype":"U8","shape":[24],"data_offsets":[0,24]}}"#,
        "[]",
        "{",
    ] {
        assert_eq!(message(read_target(&raw(header, &[0; 24]).path)), "malformed header", "{header}");
    }
}

#[test]
fn damage_anywhere_is_an_error_or_harmless_and_never_a_crash() {
    let bytes = std::fs::read(fixture("bool.safetensors")).unwrap();
    let damaged = written("t.safetensors", "");
    for at in 0..bytes.len() {
        for flip in [0x01, 0x80, 0xff] {
            let mut bytes = bytes.clone();
            bytes[at] ^= flip;
            std::fs::write(&damaged.path, bytes).unwrap();
            if let Ok(target) = read_target(&damaged.path) {
                assert_eq!(target.labels.len(), target.x.rows());
            }
        }
    }
    for length in 0..bytes.len() {
        std::fs::write(&damaged.path, &bytes[..length]).unwrap();
        assert!(read_target(&damaged.path).is_err());
    }
}
