//! The fixtures are written by pyarrow; see `fixtures/make.py` for their values.

use std::sync::Arc;

use ::parquet::basic::{Compression, GzipLevel, ZstdLevel};
use ::parquet::data_type::{ByteArray, ByteArrayType};
use ::parquet::file::properties::{EnabledStatistics, WriterProperties};
use ::parquet::file::writer::SerializedFileWriter;
use ::parquet::schema::parser::parse_message_type;

use super::*;

#[test]
fn files_of_pyarrow_are_read() {
    for file in ["snappy.parquet", "zstd.parquet"] {
        let table = table(&fixture(file), &["text", "label"], Some("id")).unwrap();
        assert_eq!(table.texts, ["first [SEP] neg", "zweite „Zeile“ [SEP] pos", " [SEP] neg"]);
        assert_eq!(table.labels.unwrap(), [1, 2, 3].map(RawLabel::Integer));
    }
}

#[test]
fn labels_keep_their_types() {
    let labels = |column| table(&fixture("zstd.parquet"), &["text"], Some(column)).unwrap().labels.unwrap();
    assert_eq!(labels("score"), [RawLabel::Float(0.5), RawLabel::Float(1.0), RawLabel::Missing]);
    assert_eq!(labels("flag"), [true, false, true].map(RawLabel::Bool));
    assert_eq!(labels("small"), [1, -1, 2].map(RawLabel::Integer));
    assert_eq!(labels("label"), ["neg", "pos", "neg"].map(|label| RawLabel::Text(label.into())));
}

#[test]
fn delta_encoded_texts_are_read_with_lengths_and_refused_with_prefixes() {
    for version in [1, 2] {
        let read = |encoding, text, label| table(&fixture(&format!("{encoding}_{version}.parquet")), &[text], label);
        let table = read("delta_length_byte_array", "text", Some("maybe")).unwrap();
        assert_eq!(table.texts, ["ab", "", "abc", "abd"]);
        let (x, yz) = (RawLabel::Text("x".into()), RawLabel::Text("yz".into()));
        assert_eq!(table.labels.unwrap(), [x, RawLabel::Missing, yz, RawLabel::Missing]);
        let error = read("delta_byte_array", "text", None).unwrap_err();
        let cause = std::error::Error::source(&error).unwrap().to_string();
        assert!(cause.ends_with("column text: encoding DELTA_BYTE_ARRAY is not read"), "{cause}");
    }
}

#[test]
fn columns_that_hold_no_text_or_label_are_refused() {
    let refused = |text, label| message(table(&fixture("snappy.parquet"), &[text], label));
    assert_eq!(refused("maybe", None), r#"row 2: column "maybe" has no text"#);
    assert_eq!(refused("tags", None), r#"column "tags" is nested, expected texts, numbers or booleans"#);
    assert_eq!(refused("id", None), r#"row 1: column "id" holds a number, expected a text"#);
    assert_eq!(
        refused("text", Some("when")),
        r#"row 1: column "when" holds a point in time, expected a text, a number or a boolean"#
    );
    assert!(
        refused("texts", None).starts_with(r#"column "texts" does not exist, the columns are: "id", "tags", "text","#)
    );
}

#[test]
fn files_without_rows_are_refused() {
    assert_eq!(message(table(&fixture("no_rows.parquet"), &["text"], None)), "has no rows");
}

#[test]
fn the_first_rows_stop_within_a_row_group() {
    assert_eq!(first(&fixture("zstd.parquet"), "text", 1).unwrap().texts, ["first"]);
    assert_eq!(first(&fixture("zstd.parquet"), "text", 3).unwrap().rows(), 3);
    assert_eq!(first(&fixture("zstd.parquet"), "text", 9).unwrap().rows(), 3);
}

#[test]
fn what_is_not_parquet_is_refused() {
    assert_eq!(
        message(table(&written("t.parquet", "text,label\n").path, &["text"], None)),
        "not a readable Parquet file"
    );
    let bytes = std::fs::read(fixture("zstd.parquet")).unwrap();
    let cut = written("t.parquet", &bytes[..bytes.len() - 20]);
    assert_eq!(message(table(&cut.path, &["text"], None)), "not a readable Parquet file");
}

#[test]
fn damage_anywhere_is_an_error_or_harmless_and_never_a_crash() {
    // What the guarded panics say would drown the test's own output.
    std::panic::set_hook(Box::new(|_| {}));
    for file in ["snappy.parquet", "zstd.parquet"] {
        let bytes = std::fs::read(fixture(file)).unwrap();
        let damaged = written("t.parquet", "");
        for at in 0..bytes.len() {
            for flip in [0x01, 0xff] {
                let mut bytes = bytes.clone();
                bytes[at] ^= flip;
                std::fs::write(&damaged.path, bytes).unwrap();
                if let Ok(table) = table(&damaged.path, &["text", "label"], Some("id")) {
                    assert_eq!(table.labels.unwrap().len(), table.texts.len());
                }
            }
        }
    }
    let _ = std::panic::take_hook();
}

/// A file of one column of texts.
fn texts(compression: Compression, texts: &[ByteArray]) -> Written {
    let schema = Arc::new(parse_message_type("message schema { REQUIRED BINARY text (UTF8); }").unwrap());
    let mut bytes = Vec::new();
    let properties = WriterProperties::builder().set_statistics_enabled(EnabledStatistics::None);
    let properties = Arc::new(properties.set_compression(compression).set_dictionary_enabled(texts.len() > 1).build());
    let mut file = SerializedFileWriter::new(&mut bytes, schema, properties).unwrap();
    let mut group = file.next_row_group().unwrap();
    let mut column = group.next_column().unwrap().unwrap();
    column.typed::<ByteArrayType>().write_batch(texts, None, None).unwrap();
    column.close().unwrap();
    group.close().unwrap();
    file.close().unwrap();
    written("t.parquet", bytes)
}

fn cause(file: &Written) -> String {
    let error = table(&file.path, &["text"], None).unwrap_err();
    std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default()
}

#[test]
fn a_cell_beyond_the_limit_is_refused() {
    let text = ByteArray::from(vec![b'x'; (1 << 20) + 1]);
    let long = texts(Compression::UNCOMPRESSED, &vec![text; 3]);
    assert_eq!(
        message(table(&long.path, &["text"], None)),
        r#"row 1: column "text" holds 1048577 bytes, expected at most 1048576"#
    );
}

#[test]
fn pages_that_unpack_to_more_than_the_limit_are_refused() {
    let long = [ByteArray::from(vec![b'x'; 130 << 20])];
    let zstd = texts(Compression::ZSTD(ZstdLevel::default()), &long);
    assert!(std::fs::metadata(&zstd.path).unwrap().len() < 100_000);
    assert!(cause(&zstd).contains("a page of 136314884 bytes when unpacked, expected at most 134217728"));
    assert!(cause(&texts(Compression::GZIP(GzipLevel::default()), &long)).contains("a page of 136314884 bytes"));

    // The same gzip data, in a page that says it has a hundred bytes: the crate would unpack all of it first.
    let gzip = texts(Compression::GZIP(GzipLevel::default()), &long);
    let mut bytes = std::fs::read(&gzip.path).unwrap();
    let claim: [u8; 5] = [0x88, 0x80, 0x80, 0x82, 0x01]; // 136314884 as Thrift writes it
    let at = bytes.windows(5).position(|window| window == claim).unwrap();
    bytes[at..at + 5].copy_from_slice(&[0xc8, 0x81, 0x80, 0x80, 0x00]);
    let lies = written("t.parquet", bytes);
    assert!(cause(&lies).contains("a page of more than 134217728 bytes when unpacked"), "{}", cause(&lies));
}

#[test]
fn codecs_that_unpack_without_bound_are_refused() {
    let reason = cause(&texts(Compression::LZ4, &[ByteArray::from("a")]));
    assert!(reason.contains("compressed by LZ4, expected UNCOMPRESSED, SNAPPY, GZIP, ZSTD or LZ4_RAW"), "{reason}");
    for codec in [Compression::SNAPPY, Compression::LZ4_RAW, Compression::GZIP(GzipLevel::default())] {
        let file = texts(codec, &[ByteArray::from("a"), ByteArray::from("b")]);
        assert_eq!(table(&file.path, &["text"], None).unwrap().texts, ["a", "b"]);
    }
}

#[test]
fn one_text_repeated_is_refused_where_it_outgrows_the_file() {
    let text = ByteArray::from(vec![b'x'; 1_000_000]);
    let repeated = texts(Compression::ZSTD(ZstdLevel::default()), &vec![text; 300]);
    assert!(std::fs::metadata(&repeated.path).unwrap().len() < 10_000);
    let text = message(table(&repeated.path, &["text"], None));
    assert_eq!(text, "more than 268435456 bytes of texts, labels and rows, which is too much for a file of this size");
    assert_eq!(first(&repeated.path, "text", 100).unwrap().rows(), 100);
}
