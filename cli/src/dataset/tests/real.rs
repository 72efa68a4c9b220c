//! Real targets: the table and the arrays of each agree.

use esmhub_selection::Labels;

use super::*;
use crate::dataset::{Task, interpret, read_pairs, read_target};

#[allow(clippy::print_stderr, reason = "a skipped test must be seen")]
fn data(test: &str) -> Option<PathBuf> {
    let folder = std::env::var_os("ESMHUB_TEST_DATA").map(PathBuf::from);
    if folder.is_none() {
        eprintln!("SKIPPED {test}: ESMHUB_TEST_DATA is not set");
    }
    folder
}

#[test]
fn tables_and_arrays_of_real_targets_agree() {
    let Some(data) = data("tables_and_arrays_of_real_targets_agree") else {
        return;
    };
    let all: Vec<usize> = (0..1_000).collect();
    for (target, classes) in [("tweet_emotion", 4), ("trec", 6), ("cr", 2), ("cola", 2), ("wellformed", 0)] {
        let table = table(&data.join(format!("targets/{target}.csv")), &["text"], Some("label")).unwrap();
        let arrays = read_target(&data.join(format!("targets/{target}.npz"))).unwrap();
        assert_eq!((table.rows(), arrays.x.rows(), arrays.x.dimension()), (1_000, 1_000, 384));
        let from_table = interpret(&table.labels.unwrap(), &all, Task::Auto).unwrap();
        let from_arrays = interpret(&arrays.labels, &all, Task::Auto).unwrap();
        assert_eq!((&from_table.kept, &from_arrays.kept), (&all, &all));
        assert_eq!((from_table.concerns, from_arrays.concerns), (vec![], vec![]));
        match (from_table.labels, from_arrays.labels) {
            (Labels::Classes { names, y }, Labels::Classes { y: same, .. }) => {
                assert_eq!((names.len(), y), (classes, same), "{target}");
            }
            // The arrays hold 32-bit floats.
            (Labels::Numbers(numbers), Labels::Numbers(same)) => {
                assert_eq!(classes, 0);
                assert!(numbers.iter().zip(&same).all(|(a, b)| *a as f32 == *b as f32), "{target}");
            }
            other => panic!("{target}: two tasks: {other:?}"),
        }
    }
}

#[test]
fn real_pairs_are_read() {
    let Some(data) = data("real_pairs_are_read") else {
        return;
    };
    let mut files = 0;
    for entry in std::fs::read_dir(data.join("pairs")).unwrap() {
        let pairs = read_pairs(&entry.unwrap().path()).unwrap();
        assert!(pairs.x.rows() >= 597 && pairs.x.dimension() == 384);
        files += 1;
    }
    assert_eq!(files, 20);
}
