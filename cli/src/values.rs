//! Values on the command line: what is refused says what was expected, and then how it is written.

use std::error::Error;
use std::ffi::OsStr;
use std::fmt::Display;
use std::marker::PhantomData;
use std::str::FromStr;

use clap::builder::{PossibleValue, PossibleValuesParser, StringValueParser, TypedValueParser};
use clap::{Arg, Command};
use esmhub_store_format::Reference;

use crate::hub::SCHEME;

/// What `clap` prints of a value that is refused; the advice stands in a paragraph of its own, as that of every other error.
pub(crate) fn refusal(expected: impl Display, hint: impl Display) -> String {
    format!("{expected}\n\nhint: {hint}")
}

/// A choice as it is written on the command line.
pub(crate) fn choice_name(choice: &impl clap::ValueEnum) -> String {
    choice.to_possible_value().map_or_else(String::new, |value| value.get_name().to_owned())
}

/// A value that is one of these words: help lists them, and shells offer them.
pub(crate) fn one_of<T>(words: &[&'static str]) -> impl TypedValueParser<Value = T> + use<T>
where
    T: FromStr<Err: Into<Box<dyn Error + Send + Sync>>> + Clone + Send + Sync + 'static,
{
    PossibleValuesParser::new(words).try_map(|text: String| text.parse::<T>())
}

/// A value that is one of these words, or something else that no list can name, such as a number: shells offer the words. Help
/// would take them for all that there is, so that the option hides them and says it in a sentence.
pub(crate) fn often_one_of<T>(words: &'static [&'static str]) -> OftenOneOf<T> {
    OftenOneOf { words, parsed: PhantomData }
}

/// What [`often_one_of`] parses with.
#[derive(Clone)]
pub(crate) struct OftenOneOf<T> {
    words: &'static [&'static str],
    parsed: PhantomData<fn() -> T>,
}

impl<T> TypedValueParser for OftenOneOf<T>
where
    T: FromStr<Err: Into<Box<dyn Error + Send + Sync>>> + Clone + Send + Sync + 'static,
{
    type Value = T;

    fn parse_ref(&self, command: &Command, arg: Option<&Arg>, value: &OsStr) -> Result<T, clap::Error> {
        StringValueParser::new().try_map(|text: String| text.parse::<T>()).parse_ref(command, arg, value)
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        Some(Box::new(self.words.iter().map(PossibleValue::new)))
    }
}

/// How all rows are asked for.
const ALL: &str = "all";

/// How many rows to rank by.
pub(crate) fn parse_rows(text: &str) -> Result<u32, String> {
    if text == ALL {
        return Ok(u32::MAX);
    }
    number(
        text,
        2,
        "a number of rows, at least 2, or `all`",
        "1000 are the default; the more rows, the more ESMs can be told apart",
    )
}

/// How many texts to use.
pub(crate) fn parse_texts(text: &str) -> Result<usize, String> {
    if text == ALL {
        return Ok(usize::MAX);
    }
    number(text, 1, "a number of texts, at least 1, or `all`", "leave it out for the default")
}

/// How many bytes something has.
pub(crate) fn parse_bytes(text: &str) -> Result<u64, String> {
    number(text, 1, "a number of bytes, at least 1", "write it without a unit: 90900000 are 90.9 MB")
}

/// A reference. Who writes a repository of the hub instead learns how to find what came from it.
pub(crate) fn parse_reference(text: &str) -> Result<Reference, String> {
    match text.parse::<Reference>() {
        Err(_) if text.starts_with(SCHEME) => Err(refusal(
            "a repository of the hub is no reference",
            format!("what came from it has a name here, which `esmhub show {text}` finds"),
        )),
        parsed => parsed.map_err(|error| error.to_string()),
    }
}

/// `KEY=VALUE`.
pub(crate) fn parse_pair(text: &str) -> Result<(String, String), String> {
    let split = text.split_once('=').filter(|(key, _)| !key.is_empty());
    split.map(|(key, value)| (key.to_owned(), value.to_owned())).ok_or_else(|| "expected KEY=VALUE".to_owned())
}

/// `NAME=VALUE` with a number.
pub(crate) fn parse_measured(text: &str) -> Result<(String, f64), String> {
    let expected = || "expected NAME=VALUE, such as accuracy=0.83".to_owned();
    let (name, value) = parse_pair(text).map_err(|_| expected())?;
    let value = value.trim().parse().ok().filter(|value: &f64| value.is_finite()).ok_or_else(expected)?;
    Ok((name, value))
}

/// `14d`, `12h`, `30m` or `90s`, in seconds.
pub(crate) fn parse_duration(text: &str) -> Result<u64, String> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit = match text.strip_prefix(digits) {
        Some("d") => Some(86_400),
        Some("h") => Some(3_600),
        Some("m") => Some(60),
        Some("s") => Some(1),
        _ => None,
    };
    let seconds = digits.parse::<u64>().ok().zip(unit).and_then(|(number, unit)| number.checked_mul(unit));
    seconds.ok_or_else(|| {
        let expected = "expected a number with d, h, m or s: days, hours, minutes or seconds";
        refusal(expected, "two weeks are written 14d, half an hour 30m")
    })
}

/// How many of a ranking.
pub(crate) fn parse_top(text: &str) -> Result<usize, String> {
    number(text, 0, "a number of ESMs", "0 shows all")
}

/// How many intervals.
pub(crate) fn parse_intervals(text: &str) -> Result<usize, String> {
    number(text, 0, "a number of ESMs", "0 computes none")
}

fn number<T: FromStr + PartialOrd>(text: &str, least: T, expected: &str, hint: &str) -> Result<T, String> {
    let number = text.parse().ok().filter(|number| *number >= least);
    number.ok_or_else(|| refusal(format!("expected {expected}"), hint))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_has_a_unit_and_fits_into_seconds() {
        let read = ["14d", "12h", "30m", "90s", "0s"].map(parse_duration);
        assert_eq!(read, [1_209_600, 43_200, 1_800, 90, 0].map(Ok));
        for text in
            ["", "d", "14", "2w", "-1d", "1.5h", "14D", "14 d", "99999999999999999999d", "18446744073709551615d"]
        {
            assert!(parse_duration(text).is_err_and(|said| said.contains("14d")), "{text}");
        }
    }

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
