#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod delimited;
mod fault;
mod json_lines;
mod labels;
mod npz;
mod npz_hostile;
mod parquet;
mod real;
mod safetensors;
mod sampling;

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::{Columns, DatasetError, Limit, RawLabel, Table};

/// A folder of its own that goes with the value, and a file of these bytes in it.
struct Written {
    _folder: TempDir,
    path: PathBuf,
}

fn written(name: &str, bytes: impl AsRef<[u8]>) -> Written {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    std::fs::write(&path, bytes).unwrap();
    Written { _folder: folder, path }
}

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src/dataset/fixtures").join(name)
}

fn table(path: &Path, texts: &[&str], label: Option<&str>) -> Result<Table, DatasetError> {
    let texts: Vec<String> = texts.iter().map(|&name| name.to_owned()).collect();
    Table::read(path, Columns { texts: &texts, label }, Limit::All)
}

fn first(path: &Path, text: &str, rows: usize) -> Result<Table, DatasetError> {
    let limit = Limit::First(NonZeroUsize::new(rows).unwrap());
    Table::read(path, Columns { texts: &[text.to_owned()], label: None }, limit)
}

/// The message without the path before it.
fn message<T: std::fmt::Debug>(result: Result<T, DatasetError>) -> String {
    let text = result.expect_err("an error").to_string();
    text.split_once(": ").expect("a path").1.to_owned()
}

fn cells(labels: &[&str]) -> Vec<RawLabel> {
    labels.iter().map(|&label| RawLabel::Cell(label.to_owned())).collect()
}
