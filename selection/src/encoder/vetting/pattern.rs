//! Patterns that texts are searched for.

use serde_json::Value;

use super::refusal::{Refusal, refuse, short, within};

/// Bytes of a pattern that texts are searched for.
const MAX_PATTERN_BYTES: usize = 512;

/// A pattern that can be searched for.
pub(super) enum Pattern<'a> {
    Text(&'a str),
    Expression(&'a str),
}

/// The pattern of a part: short, and without what makes the search go back.
pub(super) fn pattern<'a>(part: &'static str, value: &'a Value) -> Result<Pattern<'a>, Refusal> {
    let pattern = value.get("pattern");
    let of = |kind: &str| pattern.and_then(|pattern| pattern.get(kind)?.as_str());
    let (text, found) = match (of("String"), of("Regex")) {
        (Some(text), None) => (text, Pattern::Text(text)),
        (None, Some(text)) => (text, Pattern::Expression(text)),
        _ => return Err(refuse(part, "pattern", "neither String nor Regex", "one of them")),
    };
    within(part, "the length of a pattern", text.len() as u64, MAX_PATTERN_BYTES as u64)?;
    if matches!(found, Pattern::Expression(_)) && !is_linear(text) {
        return Err(refuse(part, "pattern", short(text), "an expression without look-around and references"));
    }
    Ok(found)
}

/// Whether an expression can be searched for in linear time: no look-around, reference, atomic group or possessive
/// quantifier, all of which the crate tries in up to a million ways at every place of a text.
fn is_linear(pattern: &str) -> bool {
    let mut rest = pattern.chars().peekable();
    let mut quantifier = false;
    while let Some(c) = rest.next() {
        let after_quantifier = std::mem::replace(&mut quantifier, matches!(c, '*' | '+' | '?' | '}'));
        match (c, rest.peek()) {
            ('\\', Some(next)) if next.is_ascii_digit() || matches!(next, 'k' | 'g' | 'G' | 'K') => return false,
            ('\\', _) => drop(rest.next()),
            ('(', Some('?')) => {
                rest.next();
                if rest.next() != Some(':') {
                    return false;
                }
            }
            ('(', Some('*')) => return false,
            ('+', _) if after_quantifier => return false,
            _ => {}
        }
    }
    true
}
