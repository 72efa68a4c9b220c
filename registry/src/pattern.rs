//! Patterns of names, as `list` and `pull` take them.

use esmhub_store_format::Name;

/// A pattern in which `*` stands for any text, `/` included, and `?` for any one character. Case does not count.
///
/// ```
/// use esmhub_registry::Pattern;
/// let name = "cardiffnlp/Tweet_Eval".parse().unwrap();
/// assert!(Pattern::new("cardiff*eval").matches(&name));
/// assert!(!Pattern::new("tweet*").matches(&name));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern(String);

impl Pattern {
    /// Every text is a pattern.
    pub fn new(text: &str) -> Self {
        Self(text.to_ascii_lowercase())
    }

    /// Whether it has neither `*` nor `?`, and so fits one name at most.
    pub fn is_literal(&self) -> bool {
        !self.0.contains(['*', '?'])
    }

    /// Whether the whole name fits.
    pub fn matches(&self, name: &Name) -> bool {
        fits(self.0.as_bytes(), name.key().as_bytes())
    }
}

/// Greedy, with one way back: to the last `*`, which then takes one more byte. Never worse than both lengths multiplied.
fn fits(pattern: &[u8], text: &[u8]) -> bool {
    let (mut pattern, mut text) = (pattern, text);
    let mut back: Option<(&[u8], &[u8])> = None;
    loop {
        match (pattern.split_first(), text.split_first()) {
            (None, None) => return true,
            (Some((b'*', rest)), _) => {
                back = Some((rest, text));
                pattern = rest;
            }
            (Some((p, pattern_rest)), Some((t, text_rest))) if *p == b'?' || p == t => {
                (pattern, text) = (pattern_rest, text_rest);
            }
            _ => match back.and_then(|(p, t)| Some((p, t.split_first()?.1))) {
                Some((p, t)) => {
                    back = Some((p, t));
                    (pattern, text) = (p, t);
                }
                None => return false,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stars_take_as_much_as_is_needed() {
        let cases = [
            ("", "", true),
            ("*", "", true),
            ("a*", "a", true),
            ("a*b*c", "a-b-b-c", true),
            ("a*b*c", "a-b-b-d", false),
            ("*aab", "aaaab", true),
            ("?", "", false),
            ("a?c", "abc", true),
            ("**x", "yyx", true),
        ];
        for (pattern, text, expected) in cases {
            assert_eq!(fits(pattern.as_bytes(), text.as_bytes()), expected, "{pattern} {text}");
        }
    }

    #[test]
    fn many_stars_do_not_take_for_ever() {
        let pattern = "*a".repeat(300) + "b";
        assert!(!fits(pattern.as_bytes(), "a".repeat(700).as_bytes()));
    }
}
