//! The fixtures are written by pyarrow; see `fixtures/make.py` for their values.

use std::sync::Arc;

use ::parquet::data_type::{ByteArray, ByteArrayType};
use ::parquet::file::properties::WriterProperties;
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

#[test]
fn a_cell_beyond_the_limit_is_refused() {
    let schema = Arc::new(parse_message_type("message schema { REQUIRED BINARY text (UTF8); }").unwrap());
    let mut bytes = Vec::new();
    let properties = Arc::new(WriterProperties::builder().set_dictionary_enabled(true).build());
    let mut file = SerializedFileWriter::new(&mut bytes, schema, properties).unwrap();
    let mut group = file.next_row_group().unwrap();
    let mut column = group.next_column().unwrap().unwrap();
    let text = ByteArray::from(vec![b'x'; (1 << 20) + 1]);
    column.typed::<ByteArrayType>().write_batch(&vec![text; 3], None, None).unwrap();
    column.close().unwrap();
    group.close().unwrap();
    file.close().unwrap();
    let long = written("t.parquet", bytes);
    assert_eq!(
        message(table(&long.path, &["text"], None)),
        r#"row 1: column "text" holds 1048577 bytes, expected at most 1048576"#
    );
}
