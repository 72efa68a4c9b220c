//! Tables: aligned, and as wide as the terminal at most.

use comfy_table::{Attribute, Cell, CellAlignment, ColumnConstraint, ContentArrangement, Table, presets};

use super::printable;

/// Below this a table is unreadable, however narrow the terminal says it is.
const MIN_WIDTH: u16 = 60;
/// A column of references: what it holds is copied from, so that it is never broken over lines.
const REFERENCES: &str = "ESM";
/// Other columns are broken over lines before references are shortened, down to this width.
const ENOUGH: usize = 24;
/// A reference that is shortened keeps this much.
const MIN_REFERENCE: usize = 24;
/// Spaces around a column.
const PADDING: usize = 2;

/// An aligned table that fits the terminal, where stdout is one. Columns named in `right` are aligned to the right.
pub(crate) fn columns(header: &[&str], right: &[&str], rows: impl IntoIterator<Item = Vec<String>>) -> String {
    // Some terminals do not know their width and say 0.
    let width = Table::new().width().map(|width| width.max(MIN_WIDTH));
    columns_within(width, header, right, rows.into_iter().collect())
}

/// The same for a terminal of this many columns; `None` is no terminal, and nothing is broken or shortened for it.
fn columns_within(width: Option<u16>, header: &[&str], right: &[&str], mut rows: Vec<Vec<String>>) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Dynamic);
    rows.iter_mut().flatten().for_each(|cell| *cell = printable(cell));
    match width {
        Some(width) => {
            shorten_references(usize::from(width), header, &mut rows);
            table.set_width(width);
        }
        None => {
            table.force_no_tty();
        }
    }
    let aligned = |index: usize| header.get(index).is_some_and(|name| right.contains(name));
    let cell = |index: usize, text: &str| {
        let cell = Cell::new(text);
        if aligned(index) { cell.set_alignment(CellAlignment::Right) } else { cell }
    };
    table.set_header(header.iter().enumerate().map(|(index, name)| cell(index, name).add_attribute(Attribute::Bold)));
    for row in &rows {
        table.add_row(row.iter().enumerate().map(|(index, text)| cell(index, text)));
    }
    if let Some(at) = header.iter().position(|name| *name == REFERENCES)
        && let Some(column) = table.column_mut(at)
    {
        column.set_constraint(ColumnConstraint::ContentWidth);
    }
    let lines: Vec<String> = table.lines().map(|line| line.trim_end().to_owned()).collect();
    lines.join("\n") + "\n"
}

/// Shortens references where even broken cells leave no room for them.
fn shorten_references(width: usize, header: &[&str], rows: &mut [Vec<String>]) {
    let Some(at) = header.iter().position(|name| *name == REFERENCES) else { return };
    let widest = |index: usize, name: &str| {
        let cells = rows.iter().filter_map(|row| row.get(index)).map(|cell| cell.chars().count());
        cells.max().unwrap_or(0).max(name.chars().count())
    };
    let others = header.iter().enumerate().filter(|(index, _)| *index != at);
    let taken: usize = others.map(|(index, name)| widest(index, name).min(ENOUGH) + PADDING).sum();
    let room = width.saturating_sub(taken + PADDING).max(MIN_REFERENCE);
    for cell in rows.iter_mut().filter_map(|row| row.get_mut(at)) {
        *cell = shortened(cell, room);
    }
}

/// A text of at most `room` characters: of longer ones the middle is left out, because names that begin alike are told apart
/// by their ends.
pub(crate) fn shortened(text: &str, room: usize) -> String {
    let length = text.chars().count();
    if length <= room {
        return text.to_owned();
    }
    let kept = room.saturating_sub(1);
    let front = kept / 2;
    let end = text.chars().skip(length - (kept - front));
    text.chars().take(front).chain(['…']).chain(end).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: [&str; 3] = ["ESM", "DIGEST", "BASE MODEL"];

    fn rows(name: &str) -> Vec<Vec<String>> {
        vec![vec![name.to_owned(), "0123456789ab".to_owned(), "sentence-transformers/all-MiniLM-L6-v2".to_owned()]]
    }

    #[test]
    fn names_are_whole_where_nobody_looks_at_the_width() {
        let name = "acme/".to_owned() + &"long-".repeat(60) + "name:v1";
        let table = columns_within(None, &HEADER, &[], rows(&name));
        assert!(table.contains(&name) && !table.contains('…') && table.lines().count() == 2, "{table}");
    }

    #[test]
    fn narrow_terminal_breaks_other_columns_before_it_shortens_names() {
        let name = "cardiffnlp/tweet_eval_emotion:v1";
        for width in [200, 120, 76] {
            assert!(columns_within(Some(width), &HEADER, &[], rows(name)).contains(name), "{width}");
        }
        let table = columns_within(Some(70), &HEADER, &[], rows(name));
        let shown = table.lines().nth(1).unwrap_or_default();
        assert!(shown.contains('…') && shown.contains("cardiffnlp") && shown.contains("emotion:v1"), "{table}");
        assert!(table.lines().all(|line| line.chars().count() <= 70), "{table}");
    }

    #[test]
    fn what_is_left_out_is_the_middle() {
        for (text, room, expected) in [
            ("abcdef", 6, "abcdef"),
            ("abcdefg", 6, "ab…efg"),
            ("abcdefg", 5, "ab…fg"),
            ("äöüß", 3, "ä…ß"),
            ("ab", 1, "…"),
            ("", 0, ""),
        ] {
            assert_eq!(shortened(text, room), expected);
        }
    }
}
