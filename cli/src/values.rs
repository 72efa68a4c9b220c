//! Values on the command line: what is refused says what was expected, and then how it is written.

use std::fmt::Display;
use std::str::FromStr;

/// What `clap` prints of a value that is refused; the advice stands in a paragraph of its own, as that of every other error.
pub(crate) fn refusal(expected: impl Display, hint: impl Display) -> String {
    format!("{expected}\n\nhint: {hint}")
}

/// A choice as it is written on the command line.
pub(crate) fn choice_name(choice: &impl clap::ValueEnum) -> String {
    choice.to_possible_value().map_or_else(String::new, |value| value.get_name().to_owned())
}

/// How many rows to rank by.
pub(crate) fn parse_rows(text: &str) -> Result<u32, String> {
    number(
        text,
        2,
        "a number of rows, at least 2",
        "1000 are the default; the more rows, the more ESMs can be told apart",
    )
}

/// How many texts to use.
pub(crate) fn parse_texts(text: &str) -> Result<usize, String> {
    number(text, 1, "a number of texts, at least 1", "leave it out for the default")
}

/// How many bytes something has.
pub(crate) fn parse_bytes(text: &str) -> Result<u64, String> {
    number(text, 1, "a number of bytes, at least 1", "write it without a unit: 90900000 are 90.9 MB")
}

fn number<T: FromStr + PartialOrd>(text: &str, least: T, expected: &str, hint: &str) -> Result<T, String> {
    let number = text.parse().ok().filter(|number| *number >= least);
    number.ok_or_else(|| refusal(format!("expected {expected}"), hint))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_such_number_is_refused_with_a_hint() {
        assert_eq!((parse_rows("2"), parse_texts("1"), parse_bytes("669000000")), (Ok(2), Ok(1), Ok(669_000_000)));
        for text in ["", "0", "-1", "5x", "1.5", "1e3", "99999999999999999999999"] {
            let refused = [parse_rows(text).err(), parse_texts(text).err(), parse_bytes(text).err()];
            assert!(refused.iter().flatten().all(|said| said.contains("\n\nhint: ")), "{text}");
            assert_eq!(refused.iter().flatten().count(), 3, "{text}");
        }
        assert!(parse_rows("1").is_err() && parse_rows("4294967296").is_err());
    }
}
