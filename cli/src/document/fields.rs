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

/// The same for a terminal of this many columns; `None` is no terminal.
fn fields_within(width: Option<usize>, rows: &[(&str, Option<String>)]) -> String {
    let shown: Vec<(String, String)> =
        rows.iter().filter_map(|(label, value)| Some((printable(label), printable(value.as_ref()?)))).collect();
    let length = |label: &str| label.chars().count();
    let is_usual = |label: &usize| width.is_none() || *label <= MOST_LABEL;
    let column = shown.iter().map(|(label, _)| length(label)).filter(is_usual).max().unwrap_or(MOST_LABEL);
    let room = width.map_or(usize::MAX, |width| width.saturating_sub(column + GAP).max(MIN_VALUE));
    let style = Style::new().dimmed();
    let mut text = String::new();
    for (label, value) in &shown {
        let mut lines = wrapped(value, room).into_iter();
        let indent = " ".repeat(column + GAP);
        let _ = match length(label) <= column {
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

    #[test]
    fn one_long_label_does_not_push_all_values_aside() {
        let long = "a label that somebody has written at length";
        let rows = [("x", "1"), (long, "2")];
        assert_eq!(shown(Some(80), &rows), ["x  1", long, "   2"]);
        assert_eq!(shown(None, &rows).len(), 2, "a line for each field is what scripts read");
    }
}
