use esmhub_selection::Labels;

use super::*;
use crate::dataset::labels::LabelProblem;
use crate::dataset::{LabelSet, Task, interpret};

fn all(column: &[RawLabel], task: Task) -> Result<LabelSet, LabelProblem> {
    interpret(column, &(0..column.len()).collect::<Vec<_>>(), task)
}

fn classes(names: &[&str], y: &[u32]) -> Labels {
    Labels::Classes { names: names.iter().map(|&name| name.to_owned()).collect(), y: y.to_vec() }
}

fn texts(labels: &[&str]) -> Vec<RawLabel> {
    labels.iter().map(|&label| RawLabel::Text(label.to_owned())).collect()
}

fn floats(labels: &[f64]) -> Vec<RawLabel> {
    labels.iter().map(|&label| RawLabel::Float(label)).collect()
}

fn integers(labels: &[i128]) -> Vec<RawLabel> {
    labels.iter().map(|&label| RawLabel::Integer(label)).collect()
}

#[test]
fn strings_are_classes_in_sorted_order() {
    let set = all(&cells(&["pos", "neg", "Zero", "neg"]), Task::Auto).unwrap();
    assert_eq!(set.labels, classes(&["Zero", "neg", "pos"], &[2, 1, 0, 1]));
    assert_eq!((set.kept, set.unlabelled), (vec![0, 1, 2, 3], 0));
}

#[test]
fn integers_are_classes_sorted_by_value_and_not_as_text() {
    let expected = classes(&["2", "9", "10"], &[2, 1, 0, 1]);
    assert_eq!(all(&cells(&["10", " 9", "2", "9"]), Task::Auto).unwrap().labels, expected);
    assert_eq!(all(&integers(&[10, 9, 2, 9]), Task::Auto).unwrap().labels, expected);
}

#[test]
fn strings_that_look_like_numbers_stay_strings_in_typed_formats() {
    assert_eq!(all(&texts(&["10", "9", "-1"]), Task::Auto).unwrap().labels, classes(&["-1", "10", "9"], &[1, 2, 0]));
}

#[test]
fn fractions_mean_regression_and_whole_floats_classes() {
    let numbers = Labels::Numbers(vec![0.5, 1.0, -1.0]);
    assert_eq!(all(&cells(&["0.5", "1", "-1.0"]), Task::Auto).unwrap().labels, numbers);
    assert_eq!(all(&floats(&[0.5, 1.0, -1.0]), Task::Auto).unwrap().labels, numbers);
    let whole = classes(&["0", "1", "2"], &[1, 0, 2, 0]);
    assert_eq!(all(&cells(&["1.0", "0.0", "2.0", "-0.0"]), Task::Auto).unwrap().labels, whole);
    assert_eq!(all(&floats(&[1.0, 0.0, 2.0, -0.0]), Task::Auto).unwrap().labels, whole);
}

#[test]
fn booleans_are_classes() {
    let column = [true, false, true].map(RawLabel::Bool);
    assert_eq!(all(&column, Task::Auto).unwrap().labels, classes(&["false", "true"], &[1, 0, 1]));
}

#[test]
fn the_task_can_be_forced() {
    let column = cells(&["1", "3", "1"]);
    assert_eq!(all(&column, Task::Regression).unwrap().labels, Labels::Numbers(vec![1.0, 3.0, 1.0]));
    let column = cells(&["0.5", "1.5", "0.5"]);
    assert_eq!(all(&column, Task::Classification).unwrap().labels, classes(&["0.5", "1.5"], &[0, 1, 0]));
}

#[test]
fn unlabelled_rows_are_left_out_and_counted() {
    for column in [cells(&["-1", "7", "-1", "3"]), integers(&[-1, 7, -1, 3]), floats(&[-1.0, 7.0, -1.0, 3.0])] {
        let set = all(&column, Task::Auto).unwrap();
        assert_eq!(set.labels, classes(&["3", "7"], &[1, 0]));
        assert_eq!((set.kept, set.unlabelled), (vec![1, 3], 2));
    }
    // A number to predict is not a mark.
    let set = all(&integers(&[-1, 7]), Task::Regression).unwrap();
    assert_eq!((set.labels, set.unlabelled), (Labels::Numbers(vec![-1.0, 7.0]), 0));
    // Nor is the text -1 among texts.
    assert_eq!(all(&cells(&["-1", "a"]), Task::Auto).unwrap().unlabelled, 0);
}

#[test]
fn chosen_rows_alone_make_the_classes_and_keep_their_positions() {
    let column = cells(&["a", "b", "c", "b", "a"]);
    let set = interpret(&column, &[1, 2, 3], Task::Auto).unwrap();
    assert_eq!((set.labels, set.kept), (classes(&["b", "c"], &[0, 1, 0]), vec![1, 2, 3]));
    // Whether it is regression, the whole column says.
    let column = cells(&["1", "2", "2.5"]);
    assert_eq!(interpret(&column, &[0, 1], Task::Auto).unwrap().labels, Labels::Numbers(vec![1.0, 2.0]));
}

#[test]
fn a_missing_label_names_the_row() {
    let mut column = cells(&["a", "b", "c"]);
    column.push(RawLabel::Missing);
    assert_eq!(all(&column, Task::Auto).unwrap_err().to_string(), "row 4 has no label");
    assert!(interpret(&column, &[0, 2], Task::Auto).is_ok());
    assert_eq!(all(&[RawLabel::Missing], Task::Auto).unwrap_err().to_string(), "row 1 has no label");
    assert_eq!(interpret(&cells(&["a"]), &[9], Task::Auto).unwrap_err().to_string(), "row 10 has no label");
}

/// Among texts -1 is a class: whoever follows the advice for numbers ranks with one class too many.
#[test]
fn a_missing_label_is_marked_with_minus_one_only_where_that_means_unlabelled() {
    let hint = |mut column: Vec<RawLabel>, task| {
        column.push(RawLabel::Missing);
        all(&column, task).unwrap_err().hint().unwrap()
    };
    let marked = [(cells(&["1", "2"]), Task::Auto), (floats(&[1.0, 2.0]), Task::Auto)]
        .into_iter()
        .chain([(cells(&["0.5", "2"]), Task::Classification), (integers(&[1, 2]), Task::Classification)]);
    for (column, task) in marked {
        assert!(hint(column, task).contains("unlabelled with -1"));
    }
    for (column, task) in [
        (cells(&["HUM", "ENTY"]), Task::Auto),
        (texts(&["1", "2"]), Task::Classification),
        (vec![RawLabel::Bool(true)], Task::Auto),
        (cells(&["0.5", "2"]), Task::Auto),
        (integers(&[1, 2]), Task::Regression),
        (Vec::new(), Task::Auto),
    ] {
        let hint = hint(column, task);
        assert!(hint.contains("leave the row out") && !hint.contains("-1"), "{hint}");
    }
}

#[test]
fn minus_one_among_texts_is_a_class_and_doubted() {
    for column in [cells(&["HUM", "-1", "ENTY", " -1 "]), texts(&["1", "-1", "2", "-1.0"])] {
        let set = all(&column, Task::Auto).unwrap();
        assert_eq!(set.unlabelled, 0);
        assert!(set.concerns.iter().any(|doubt| doubt.contains("-1 is one of the classes, with 2 of")), "{set:?}");
    }
    assert_eq!(all(&cells(&["HUM", "-10", "HUM", "-10"]), Task::Auto).unwrap().concerns, [""; 0]);
    assert_eq!(all(&cells(&["1", "-1", "2", "1", "2"]), Task::Auto).unwrap().concerns, [""; 0]);
}

#[test]
fn labels_of_several_kinds_name_the_row() {
    let mut column = integers(&[1, 2]);
    column.extend(texts(&["three"]));
    let error = all(&column, Task::Auto).unwrap_err();
    assert_eq!(error.to_string(), "the label of row 3 is a text, expected an integer as in the rows before it");
    // Integers among floats are numbers.
    let mut column = integers(&[1, 2]);
    column.extend(floats(&[2.5]));
    assert_eq!(all(&column, Task::Auto).unwrap().labels, Labels::Numbers(vec![1.0, 2.0, 2.5]));
}

#[test]
fn nan_and_infinite_labels_name_the_row_and_are_no_class() {
    for (column, task) in [
        (cells(&["0.5", "nan", "1"]), Task::Auto),
        (cells(&["1", "NaN", "2"]), Task::Auto),
        (floats(&[0.5, f64::NAN]), Task::Regression),
        (floats(&[1.0, f64::NAN]), Task::Classification),
    ] {
        let error = all(&column, task).unwrap_err();
        assert_eq!(error.to_string(), "the label of row 2 is NaN, expected a finite number");
    }
    let error = all(&cells(&["0.5", "1", "1e999"]), Task::Auto).unwrap_err();
    assert_eq!(error.to_string(), "the label of row 3 is inf, expected a finite number");
}

#[test]
fn regression_on_texts_names_the_row() {
    let error = all(&cells(&["0.5", "n/a"]), Task::Regression).unwrap_err();
    assert_eq!(error.to_string(), r#"the label of row 2 is "n/a", expected a number for regression"#);
    let error = all(&[RawLabel::Bool(true)], Task::Regression).unwrap_err();
    assert_eq!(error.to_string(), "the label of row 1 is a boolean, expected a number for regression");
}

#[test]
fn a_single_class_or_number_is_refused() {
    let error = all(&cells(&["a", "a"]), Task::Auto).unwrap_err();
    assert_eq!(error.to_string(), r#"all 2 labelled rows have the one class "a", expected at least 2"#);
    let error = all(&cells(&["1", "-1", "1"]), Task::Auto).unwrap_err();
    assert_eq!(
        error.to_string(),
        r#"all 2 labelled rows have the one class "1", expected at least 2 (1 rows are unlabelled: -1)"#
    );
    let error = all(&cells(&["-1", "-1"]), Task::Auto).unwrap_err();
    assert_eq!(
        error.to_string(),
        "no row is labelled, so there are 0 classes, expected at least 2 (2 rows are unlabelled: -1)"
    );
    let error = all(&cells(&["0.5", "0.5"]), Task::Auto).unwrap_err();
    assert_eq!(error.to_string(), "all 2 rows have the same number 0.5 to predict, expected at least 2 different ones");
    assert_eq!(interpret(&cells(&["a"]), &[], Task::Auto).unwrap_err().to_string(), "no rows are chosen");
}

#[test]
fn too_many_classes_are_doubted_and_far_too_many_refused() {
    let doubt = |classes: i128, rows: i128| {
        all(&integers(&(0..rows).map(|row| row % classes).collect::<Vec<_>>()), Task::Auto).unwrap().concerns
    };
    assert!(doubt(6, 10)[0].starts_with("6 classes in 10 rows: "));
    assert_eq!(doubt(5, 10), [""; 0]);
    assert_eq!(doubt(2, 2), [""; 0]);
    let error = all(&integers(&(0..10_001).collect::<Vec<_>>()), Task::Auto).unwrap_err();
    assert_eq!(error.to_string(), "10001 classes in 10001 rows, expected at most 10000");
    assert!(error.hint().unwrap().contains("--task regression"));
}
