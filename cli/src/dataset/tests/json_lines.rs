use super::*;

fn refused(json: impl AsRef<[u8]>) -> String {
    message(table(&written("t.jsonl", json).path, &["text"], Some("label")))
}

#[test]
fn values_keep_their_types_and_other_keys_may_hold_anything() {
    let json = concat!(
        "\u{feff}{\"text\": \"a\\u00e9\\ud83d\\ude00\", \"label\": 3, \"other\": {\"deep\": [1, [2]]}}\r\n",
        "{\"label\": -1.5, \"text\": \"\"}\n",
        "{\"text\": \"c\", \"label\": \"1\"}\n",
        "{\"text\": \"d\", \"label\": true}\n",
        "{\"text\": \"e\", \"label\": null}\n",
        "{\"text\": \"f\", \"label\": 18446744073709551615}\n\n  \n",
    );
    let table = table(&written("t.ndjson", json).path, &["text"], Some("label")).unwrap();
    assert_eq!(table.texts, ["aé😀", "", "c", "d", "e", "f"]);
    let labels = [
        RawLabel::Integer(3),
        RawLabel::Float(-1.5),
        RawLabel::Text("1".into()),
        RawLabel::Bool(true),
        RawLabel::Missing,
        RawLabel::Integer(18_446_744_073_709_551_615),
    ];
    assert_eq!(table.labels.unwrap(), labels);
}

#[test]
fn several_columns_are_joined() {
    let json = written("t.jsonl", r#"{"a": "one", "b": "two"}"#);
    assert_eq!(table(&json.path, &["b", "a"], None).unwrap().texts, ["two [SEP] one"]);
}

#[test]
fn a_missing_key_names_the_line_and_the_keys() {
    let text = refused("{\"text\": \"a\", \"label\": 1}\n{\"txt\": \"a\", \"label\": 1}\n");
    assert_eq!(text, r#"line 2: key "text" is missing, the keys are: "label", "txt""#);
}

#[test]
fn a_repeated_key_is_refused() {
    let text = refused(r#"{"text": "a", "label": 1, "text": "b"}"#);
    assert_eq!(text, r#"line 1: key "text" stands there more than once"#);
}

#[test]
fn nested_null_and_numeric_texts_are_refused() {
    let at = |value: &str| refused(format!("{{\"text\": {value}, \"label\": 1}}"));
    assert_eq!(at("null"), r#"line 1: column "text" has no text"#);
    assert_eq!(at("[\"a\"]"), r#"line 1: column "text" holds a list, expected a text"#);
    assert_eq!(at("{}"), r#"line 1: column "text" holds an object, expected a text"#);
    assert_eq!(at("7"), r#"line 1: column "text" holds a number, expected a text"#);
    let text = refused(r#"{"text": "a", "label": [1]}"#);
    assert_eq!(text, r#"line 1: column "label" holds a list, expected a text, a number or a boolean"#);
}

#[test]
fn blank_lines_are_ignored_at_the_end_alone() {
    let text = refused("{\"text\": \"a\", \"label\": 1}\n\n{\"text\": \"b\", \"label\": 1}\n");
    assert_eq!(text, "line 2: blank line before the end");
}

#[test]
fn what_is_not_an_object_names_line_and_column() {
    let fine = "{\"text\": \"a\", \"label\": 1}\n";
    assert_eq!(
        refused(format!("{fine}{{\"text\": \"a\", ")),
        "line 2, column 14: not a JSON object: EOF while parsing a value"
    );
    assert!(refused(format!("{fine}[1]")).starts_with("line 2, column 0: not a JSON object: invalid type: sequence"));
    assert_eq!(refused(format!("{fine}{{}} {{}}")), "line 2, column 4: not a JSON object: trailing characters");
    assert!(refused(r#"{"text": "a", "label": NaN}"#).starts_with("line 1, column 24: not a JSON object"));
    assert_eq!(refused(b"{\"text\": \"\xff\", \"label\": 1}"), "line 1: not valid UTF-8");
}

#[test]
fn deep_nesting_does_not_overflow_the_stack() {
    let deep = "[".repeat(1 << 20);
    for key in ["other", "text"] {
        let text = refused(format!("{{\"{key}\": {deep}"));
        assert!(text.ends_with("EOF while parsing a list"), "{text}");
    }
}

#[test]
fn files_without_rows_are_refused() {
    assert_eq!(refused(""), "file is empty");
    assert_eq!(refused("\n\n"), "has no rows");
}

#[test]
fn the_first_rows_are_read_and_nothing_behind_them() {
    let json = written("t.jsonl", "{\"text\": \"a\"}\nnot json");
    assert_eq!(first(&json.path, "text", 1).unwrap().texts, ["a"]);
}

#[test]
fn a_line_without_end_is_refused_before_it_is_held_whole() {
    let mut json = b"{\"text\": \"".to_vec();
    json.resize(40 << 20, b'x');
    assert_eq!(refused(json), "line 1: longer than 16777216 bytes");
}
