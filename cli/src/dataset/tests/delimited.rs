use super::*;

fn refused(name: &str, bytes: impl AsRef<[u8]>) -> String {
    message(table(&written(name, bytes).path, &["text"], Some("label")))
}

#[test]
fn quotes_line_breaks_crlf_and_byte_order_mark_are_read() {
    let csv = "\u{feff}id,text,label\r\n1,\"a \"\"quoted\"\", text\r\nof two lines\",x\r\n2,plain,\r\n";
    let table = table(&written("t.csv", csv).path, &["text"], Some("label")).unwrap();
    assert_eq!(table.texts, ["a \"quoted\", text\r\nof two lines", "plain"]);
    assert_eq!(table.labels, Some(vec![RawLabel::Cell("x".into()), RawLabel::Missing]));
    assert_eq!(table.rows(), 2);
}

#[test]
fn several_columns_are_joined_in_the_order_asked_for() {
    let csv = written("t.csv", "a,b,c\none,two,three\n");
    assert_eq!(table(&csv.path, &["c", "a"], None).unwrap().texts, ["three [SEP] one"]);
}

#[test]
fn tabs_separate_a_tsv_and_commas_do_not() {
    let tsv = written("t.tsv", "text\tlabel\na, b\t1\n\"c\td\"\t0\n");
    let table = table(&tsv.path, &["text"], Some("label")).unwrap();
    assert_eq!(table.texts, ["a, b", "c\td"]);
    assert_eq!(table.labels, Some(cells(&["1", "0"])));
}

#[test]
fn the_first_rows_are_read_and_nothing_behind_them() {
    let csv = written("t.csv", b"text\na\nb\n\xff\xff,,\n");
    assert_eq!(first(&csv.path, "text", 2).unwrap().texts, ["a", "b"]);
    assert_eq!(message(first(&csv.path, "text", 3)), "line 4: not valid UTF-8");
}

#[test]
fn rows_of_unequal_length_name_the_line() {
    assert_eq!(refused("t.csv", "text,label\na,1\nb,1,2\n"), "line 3: the number of fields is 3, expected 2");
    assert_eq!(refused("t.csv", "text,label\na,1\nb\n"), "line 3: the number of fields is 1, expected 2");
}

#[test]
fn lines_are_counted_as_an_editor_counts_them() {
    // Behind a field of two lines, behind blank lines, with CRLF, and without an end of the last line.
    for (line, end) in [("\n", "\n"), ("\r\n", "\r\n"), ("\n", ""), ("\r\n", "")] {
        let csv = format!("text,label{line}\"a{line}b\",1{line}{line}{line}c,2{line}d{end}");
        assert_eq!(refused("t.csv", &csv), "line 7: the number of fields is 1, expected 2", "{csv:?}");
    }
    assert_eq!(refused("t.csv", "text,label\n\"a\nb\",1,2\n"), "line 2: the number of fields is 3, expected 2");
}

#[test]
fn lines_are_counted_across_the_edges_of_the_read_buffer() {
    // Rows of 2 to 40 bytes, so that CR and LF come to lie on both sides of many buffer edges.
    for line_end in ["\n", "\r\n"] {
        let mut csv = format!("text{line_end}");
        for row in 0..5_000 {
            csv += &"x".repeat(1 + row % 37);
            csv += line_end;
        }
        let fine = table(&written("t.csv", &csv).path, &["text"], None).unwrap();
        assert_eq!(fine.rows(), 5_000);
        csv += "one,two";
        assert_eq!(
            message(table(&written("t.csv", &csv).path, &["text"], None)),
            "line 5002: the number of fields is 2, expected 1"
        );
    }
}

#[test]
fn invalid_utf_8_names_the_line() {
    assert_eq!(refused("t.csv", b"text,label\na,1\nb\xe9,1\n"), "line 3: not valid UTF-8");
    // A character cut in two by the separator is not valid either, although its bytes follow each other.
    assert_eq!(refused("t.csv", b"text,label\n\xc3,\xa9\n"), "line 2: not valid UTF-8");
    assert_eq!(refused("t.csv", b"\xff\xfet\0e\0x\0t\0\n\0"), "line 1: not valid UTF-8");
}

#[test]
fn a_missing_column_lists_those_that_exist_and_the_nearest() {
    let csv = written("t.csv", "text,label,id\na,1,2\n");
    let error = table(&csv.path, &["txet"], None).unwrap_err();
    assert!(error.to_string().ends_with(r#"column "txet" does not exist, the columns are: "text", "label", "id""#));
    assert_eq!(error.hint().unwrap(), r#"did you mean "text"?"#);
    assert_eq!(table(&csv.path, &["comment"], None).unwrap_err().hint(), None);
    assert_eq!(table(&csv.path, &["Text"], None).unwrap_err().hint().unwrap(), r#"did you mean "text"?"#);
}

#[test]
fn many_or_strange_column_names_do_not_flood_the_message() {
    let header: Vec<String> = (0..5_000).map(|i| format!("column\u{1b}[31m{i}{}", "n".repeat(500))).collect();
    let csv = written("t.csv", header.join(",") + "\n");
    let text = message(table(&csv.path, &["x"], None));
    assert!(text.len() < 3_000 && text.ends_with("and 4980 more"), "{text}");
    assert!(!text.contains('\u{1b}'));
}

#[test]
fn a_column_that_is_ambiguous_or_named_twice_is_refused() {
    let csv = written("t.csv", "text,text,label\na,b,c\n");
    assert_eq!(message(table(&csv.path, &["text"], None)), r#"column "text" exists 2 times, expected once"#);
    assert_eq!(message(table(&csv.path, &["label"], Some("label"))), r#"column "label" was named twice"#);
    assert_eq!(message(table(&csv.path, &[], None)), "no text column was named");
}

#[test]
fn files_without_rows_are_refused() {
    assert_eq!(refused("t.csv", ""), "file is empty");
    assert_eq!(refused("t.csv", "\n\n"), "has no rows");
    assert_eq!(refused("t.csv", "text,label\n"), "has no rows");
    assert_eq!(refused("t.csv", "\u{feff}text,label"), "has no rows");
}

#[test]
fn an_empty_text_is_refused_and_not_embedded() {
    assert_eq!(refused("t.csv", "text,label\na,1\n,1\n"), r#"line 3: column "text" has no text"#);
    assert_eq!(refused("t.csv", "text,label\n\"\",1\n"), r#"line 2: column "text" has no text"#);
}

#[test]
fn an_unclosed_quote_does_not_swallow_the_rest() {
    // The open quote stands in the last column, so the number of fields is right.
    let csv = "label,text\n1,a\n1,\"b\n0,c\n0,d\n";
    assert_eq!(refused("t.csv", csv), "line 3: a quoted field is never closed");
    // Quotes within a field that does not begin with one are plain characters.
    let fine = written("t.csv", "text\na 5\" disk\nand\n");
    assert_eq!(table(&fine.path, &["text"], None).unwrap().texts, ["a 5\" disk", "and"]);
}

#[test]
fn unbalanced_quotes_in_a_tsv_do_not_swallow_lines() {
    let tsv = "text\tlabel\n\"Good\" he said\t1\n\"oops\t1\nand \"more\t0\n";
    assert_eq!(refused("t.tsv", tsv), "line 3: a quoted field holds both a tab and a line break");
}

#[test]
fn a_cell_beyond_the_limit_is_refused() {
    let long = "x".repeat((1 << 20) + 1);
    let text = refused("t.csv", format!("text,label\n{long},1\n"));
    assert_eq!(text, r#"line 2: column "text" holds 1048577 bytes, expected at most 1048576"#);
    let text = refused("t.csv", format!("text,label\n1,{long}\n"));
    assert_eq!(text, r#"line 2: column "label" holds 1048577 bytes, expected at most 1048576"#);
    let longest = "x".repeat(1 << 20);
    let csv = written("t.csv", format!("text\n{longest}\n"));
    assert_eq!(table(&csv.path, &["text"], None).unwrap().texts, [longest]);
}

#[test]
fn a_line_without_end_is_refused_before_it_is_held_whole() {
    let mut csv = b"text,label\r\na,1\r\n\"".to_vec();
    csv.resize(40 << 20, b'x');
    assert_eq!(refused("t.csv", csv), "line 3: longer than 16777216 bytes");
}
