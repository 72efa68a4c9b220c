//! Two columns: labels and what they are, as wide as the terminal at most.

use std::fmt::Write as _;

use anstyle::Style;
use comfy_table::Table;

use super::printable;

/// Below this a value is unreadable, however narrow the terminal says it is.
const MIN_VALUE: usize = 30;
/// A longer label, which a card may have, stands on a line of its own: it would push the values of all others aside.
const MOST_LABEL: usize = 28;
/// Between the columns.
const GAP: usize = 2;

/// Two aligned columns: a label and what it is. Rows without a value are left out. Where stdout is a terminal, long values go on
/// below their beginning; elsewhere every field is one line.
pub(crate) fn fields(rows: &[(&str, Option<String>)]) -> String {
    fields_within(Table::new().width().map(usize::from), rows)
}

/// The same, and below a heading of their own more fields, whose labels are somebody's own and must not pass for ours. Values
/// of both stand in one column.
pub(crate) fn fields_and_more(
    rows: &[(&str, Option<String>)],
    heading: &str,
    more: &[(&str, Option<String>)],
) -> String {
    let width = Table::new().width().map(usize::from);
    let column = widest_label(rows.iter().chain(more));
    let mut text = fields_in(width, column, rows);
    let below = fields_in(width, column, more);
    if !below.is_empty() {
        text.push_str(&format!("{heading}:\n{below}"));
    }
    text
}

/// The same for a terminal of this many columns; `None` is no terminal.
fn fields_within(width: Option<usize>, rows: &[(&str, Option<String>)]) -> String {
    fields_in(width, widest_label(rows), rows)
}

/// How wide the labels are, without those that stand alone.
fn widest_label<'a>(rows: impl IntoIterator<Item = &'a (&'a str, Option<String>)>) -> usize {
    let shown = rows.into_iter().filter(|(_, value)| value.is_some());
    let lengths = shown.map(|(label, _)| printable(label).chars().count());
    lengths.filter(|length| *length <= MOST_LABEL).max().unwrap_or(MOST_LABEL)
}

fn fields_in(width: Option<usize>, column: usize, rows: &[(&str, Option<String>)]) -> String {
    let shown = rows.iter().filter_map(|(label, value)| Some((printable(label), printable(value.as_ref()?))));
    let room = width.map_or(usize::MAX, |width| width.saturating_sub(column + GAP).max(MIN_VALUE));
    let style = Style::new().dimmed();
    let mut text = String::new();
    for (label, value) in shown {
        let mut lines = wrapped(&value, room).into_iter();
        let indent = " ".repeat(column + GAP);
        // A line for each field is what scripts read.
        let _ = match label.chars().count() <= column || width.is_none() {
            true => writeln!(text, "{style}{label:column$}{style:#}  {}", lines.next().unwrap_or_default()),
            false => writeln!(text, "{style}{label}{style:#}"),
        };
        lines.for_each(|line| text.push_str(&format!("{indent}{line}\n")));
    }
    text
}

/// A text in lines of at most `room` characters, broken at spaces: what is longer, a digest or a path, is copied from and stays
/// whole.
fn wrapped(text: &str, room: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        let Some(line) = lines.last_mut() else { break };
        if line.is_empty() {
            line.push_str(word);
        } else if line.chars().count().saturating_add(1 + word.chars().count()) <= room {
            line.push(' ');
            line.push_str(word);
        } else {
            lines.push(word.to_owned());
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(width: Option<usize>, rows: &[(&str, &str)]) -> Vec<String> {
        let rows: Vec<_> = rows.iter().map(|(label, value)| (*label, Some((*value).to_owned()))).collect();
        let text = fields_within(width, &rows);
        anstream::adapter::strip_str(&text).to_string().lines().map(str::to_owned).collect()
    }

    #[test]
    fn long_values_stay_in_their_column_on_a_terminal_and_on_one_line_elsewhere() {
        let rows = [
            ("size", "one two three four five six seven eight"),
            ("digest", "0123456789abcdef0123456789abcdef0123456789"),
        ];
        assert_eq!(
            shown(Some(40), &rows),
            [
                "size    one two three four five six",
                "        seven eight",
                "digest  0123456789abcdef0123456789abcdef0123456789",
            ]
        );
        assert_eq!(shown(None, &rows).len(), 2);
        assert!(shown(None, &rows).iter().any(|line| line.ends_with("seven eight")));
    }

    /// Whoever may name fields could name one as those that the command vouches for.
    #[test]
    fn fields_of_others_stand_below_a_heading_and_in_the_same_column() {
        let some = |text: &str| Some(text.to_owned());
        let rows = [("signed by", some("nobody"))];
        let text = fields_and_more(&rows, "further fields", &[("x", some("1")), ("accuracy held", some("2"))]);
        let text = anstream::adapter::strip_str(&text).to_string();
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines, ["signed by      nobody", "further fields:", "x              1", "accuracy held  2"]);
        let text = fields_and_more(&rows, "further fields", &[("x", None)]);
        assert_eq!(anstream::adapter::strip_str(&text).to_string(), "signed by  nobody\n");
    }

    #[test]
    fn one_long_label_does_not_push_all_values_aside() {
        let long = "a label that somebody has written at length";
        let rows = [("x", "1"), (long, "2")];
        assert_eq!(shown(Some(80), &rows), ["x  1", long, "   2"]);
        assert_eq!(shown(None, &rows), ["x  1".to_owned(), format!("{long}  2")]);
    }
}
