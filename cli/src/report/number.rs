//! Numbers and texts as people read them.

use crate::document::printable;

/// A score: four digits, as in the table of `rank`, with a minus that is as wide as a plus.
pub(super) fn score(value: f64) -> String {
    signed(format!("{value:.4}"))
}

/// A gain: the same, with its sign.
pub(super) fn gain(value: f64) -> String {
    signed(format!("{value:+.4}"))
}

/// Half of an interval's width.
pub(super) fn half_width([low, high]: [f64; 2]) -> String {
    format!("±{:.4}", 0.5 * (high - low))
}

/// A number with so many digits behind the point, for an axis; what rounds to nothing has no sign.
pub(super) fn tick(value: f64, digits: usize, with_plus: bool) -> String {
    let text = if with_plus { format!("{value:+.digits$}") } else { format!("{value:.digits$}") };
    match text.trim_start_matches(['+', '-']) {
        plain if plain.bytes().all(|b| matches!(b, b'0' | b'.')) => "0".to_owned(),
        _ => signed(text),
    }
}

/// A length on a screen, to a hundredth.
pub(super) fn px(value: f64) -> String {
    plain(value, 2)
}

/// A number with at most so many digits behind the point, at least one, and no zeros at their end.
pub(super) fn plain(value: f64, digits: usize) -> String {
    let text = format!("{value:.digits$}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// A share of a width, to a thousandth of a percent.
pub(super) fn percent(share: f64) -> String {
    format!("{}%", px(100.0 * share))
}

/// A whole number in groups of three digits.
pub(super) fn grouped(number: usize) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A text from outside, without what would be no character of XML or could make it read as another one.
pub(super) fn shown(text: &str) -> String {
    printable(text).replace(['\u{fffe}', '\u{ffff}'], "\u{fffd}")
}

fn signed(text: String) -> String {
    text.replace('-', "\u{2212}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signs_are_those_of_the_numbers() {
        assert_eq!(
            [score(-0.31449), score(0.00001), gain(0.5), gain(-0.5)],
            ["−0.3145", "0.0000", "+0.5000", "−0.5000"]
        );
        assert_eq!([tick(-1e-17, 2, true), tick(-0.02, 2, false), tick(0.02, 2, true)], ["0", "−0.02", "+0.02"]);
        assert_eq!(half_width([-0.25, 0.25]), "±0.2500");
    }

    #[test]
    fn lengths_and_groups_are_not_cut_short() {
        assert_eq!([px(100.0), px(0.126), px(-3.5)], ["100", "0.13", "-3.5"]);
        assert_eq!([grouped(7), grouped(999), grouped(1000), grouped(1_234_567)], ["7", "999", "1,000", "1,234,567"]);
    }

    #[test]
    fn what_xml_cannot_hold_is_not_written() {
        assert_eq!(shown("a\u{7}b\u{ffff}c\u{202e}"), "a\\u{7}b\u{fffd}c\\u{202e}");
    }
}
