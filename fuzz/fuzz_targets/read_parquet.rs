//! Parquet. A few bytes can be millions of rows, which would take the fuzzer seconds: the first 10,000 are read.

#![no_main]

use std::num::NonZeroUsize;
use std::sync::LazyLock;

use esmhub::dataset::{Columns, Limit, Table};
use esmhub_fuzz::{Input, let_panics_be_caught};
use libfuzzer_sys::fuzz_target;

static INPUT: LazyLock<Input> = LazyLock::new(|| Input::named(&["t.parquet"]));

const ROWS: Limit = Limit::First(NonZeroUsize::new(10_000).expect("not zero"));

fuzz_target!(init: let_panics_be_caught(), |bytes: &[u8]| {
    let texts = ["text".to_owned()];
    for path in INPUT.fill(bytes) {
        for label in [Some("label"), Some("id"), None] {
            if let Ok(table) = Table::read(path, Columns { texts: &texts, label }, ROWS) {
                assert_eq!(table.labels.as_ref().map(Vec::len), label.map(|_| table.rows()));
            }
        }
    }
});
