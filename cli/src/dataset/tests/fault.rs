//! Which exit code an error leads to, and what stands in its chain of causes.

use std::error::Error;

use super::*;
use crate::dataset::nearest::nearest;
use crate::dataset::{Fault, Format, Task, interpret, read_pairs, read_target};

fn fault<T: std::fmt::Debug>(result: Result<T, DatasetError>) -> Fault {
    result.unwrap_err().fault()
}

#[test]
fn mistakes_on_the_command_line_are_told_from_bad_files() {
    let csv = written("t.csv", "text,label\na,1\n,1\n");
    assert_eq!(fault(table(&csv.path, &["nope"], None)), Fault::Usage);
    assert_eq!(fault(table(&csv.path, &[], None)), Fault::Usage);
    assert_eq!(fault(table(&csv.path, &["text"], None)), Fault::Input);
    assert_eq!(fault(table(&fixture("pairs.npz"), &["text"], None)), Fault::Usage);
    assert_eq!(fault(read_target(&csv.path)), Fault::Usage);
    assert_eq!(fault(table(Path::new("/nowhere/at-all.csv"), &["text"], None)), Fault::Input);
    let json = written("t.jsonl", "{\"a\": \"b\"}\n{}\n");
    assert_eq!(fault(table(&json.path, &["text"], None)), Fault::Usage);
    assert_eq!(fault(table(&json.path, &["a"], None)), Fault::Input);
}

#[test]
fn labels_and_dimensions_that_do_not_fit_are_incompatible() {
    let one_class = interpret(&cells(&["a", "a"]), &[0, 1], Task::Auto).unwrap_err();
    assert_eq!(DatasetError::from(one_class).fault(), Fault::Incompatible);
    assert_eq!(fault(read_pairs(&fixture("big_endian.npz"))), Fault::Input);
    assert_eq!(fault(read_target(&fixture("pairs.npz"))), Fault::Input);
}

#[test]
fn the_cause_stands_in_the_chain_and_not_in_the_message() {
    let error = table(Path::new("/nowhere/at-all.csv"), &["text"], None).unwrap_err();
    assert_eq!(error.to_string(), "/nowhere/at-all.csv: cannot be opened");
    assert!(error.source().unwrap().to_string().contains("No such file"));
}

#[test]
fn the_extension_alone_decides_the_format() {
    assert_eq!(Format::of(Path::new("a/b.CSV")).unwrap(), Format::Csv);
    assert_eq!(Format::of(Path::new("b.ndjson")).unwrap(), Format::JsonLines);
    assert!(Format::of(Path::new("b.npz")).unwrap().holds_embeddings());
    assert!(!Format::of(Path::new("b.parquet")).unwrap().holds_embeddings());
    let packed = Format::of(Path::new("b.csv.gz")).unwrap_err();
    assert!(packed.to_string().starts_with("b.csv.gz: extension is .gz, expected .csv, "));
    assert_eq!(packed.hint().unwrap(), "decompress the file first");
    assert!(Format::of(Path::new("csv")).unwrap_err().to_string().starts_with("csv: file name has no extension"));
}

#[test]
fn folders_and_pipes_are_not_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("t.csv");
    std::fs::create_dir(&path).unwrap();
    assert_eq!(message(table(&path, &["text"], None)), "is not a regular file");
    assert_eq!(message(read_target(&written("t.npz", "").path)), "file is empty");
}

#[test]
fn a_file_beyond_the_limit_is_refused_unread() {
    let sparse = written("t.csv", "text\na\n");
    std::fs::File::options().write(true).open(&sparse.path).unwrap().set_len((4 << 30) + 1).unwrap();
    let text = message(table(&sparse.path, &["text"], None));
    assert_eq!(text, "file is 4294967297 bytes, expected at most 4294967296");
}

#[test]
fn near_names_are_found_and_far_ones_are_not() {
    let names = ["text", "label", "sentence1"];
    assert_eq!(nearest("lable", names), Some("label"));
    assert_eq!(nearest("sentence", names), Some("sentence1"));
    assert_eq!(nearest("TEXT ", names), Some("text"));
    assert_eq!(nearest("premise", names), None);
    assert_eq!(nearest("", names), None);
}
