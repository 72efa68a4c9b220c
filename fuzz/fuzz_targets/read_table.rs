//! CSV, TSV or JSON lines.

#![no_main]

use std::sync::LazyLock;

use esmhub::dataset::{Columns, Limit, Table};
use esmhub_fuzz::{Input, role};
use libfuzzer_sys::fuzz_target;

static INPUT: LazyLock<Input> = LazyLock::new(|| Input::named(&["t.csv", "t.tsv", "t.jsonl"]));

fuzz_target!(|bytes: &[u8]| {
    let texts = ["text".to_owned()];
    let path = role(bytes, INPUT.fill(bytes));
    if let Ok(table) = Table::read(path, Columns { texts: &texts, label: Some("label") }, Limit::All) {
        assert_eq!(table.labels.as_ref().map(Vec::len), Some(table.rows()));
        assert!(table.rows() > 0);
        let again = Table::read(path, Columns { texts: &texts, label: Some("label") }, Limit::All);
        // Not equal to itself where a label is NaN.
        assert_eq!(again.expect("the same file").texts, table.texts);
    }
});
