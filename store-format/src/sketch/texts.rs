//! The texts of a data set, normalised, as a set of hashes.

/// The distinct texts of a data set, each as a hash.
///
/// A text's hash is the first 8 bytes, little-endian, of the blake3 of its normalised form ([`normalised`]). Texts of which
/// nothing is left are left out.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TextSet(Vec<u64>);

impl TextSet {
    /// The set of these texts; takes 8 bytes for each while it is made.
    pub fn of<T: AsRef<str>>(texts: impl IntoIterator<Item = T>) -> Self {
        let mut form = String::new();
        let hash_of = |text: T| {
            form.clear();
            normalise(text.as_ref(), &mut form);
            let digest = (!form.is_empty()).then(|| blake3::hash(form.as_bytes()))?;
            digest.as_bytes().first_chunk().map(|bytes| u64::from_le_bytes(*bytes))
        };
        let mut hashes: Vec<u64> = texts.into_iter().filter_map(hash_of).collect();
        hashes.sort_unstable();
        hashes.dedup();
        Self(hashes)
    }

    /// The number of distinct texts.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Their hashes, ascending, each once.
    pub(super) fn hashes(&self) -> &[u64] {
        &self.0
    }
}

/// A text as it is compared (R28): its letters and digits in lower case, with one space where anything else stood between
/// them.
///
/// ```
/// assert_eq!(esmhub_store_format::sketch::normalised(" »Größe«:\t3,5 M! "), "größe 3 5 m");
/// ```
pub fn normalised(text: &str) -> String {
    let mut form = String::new();
    normalise(text, &mut form);
    form
}

/// What the lower case of İ has besides an i.
const DOT_ABOVE: char = '\u{307}';

fn normalise(text: &str, form: &mut String) {
    let is_outside = |c: char| !c.is_alphanumeric() && c != DOT_ABOVE;
    for word in text.split(is_outside) {
        let start = form.len();
        if start > 0 {
            form.push(' ');
        }
        let before = form.len();
        // Σ has two lower cases, of which the one at the end of a word depends on what follows.
        let lower = word.chars().flat_map(char::to_lowercase).filter(|&c| c != DOT_ABOVE);
        form.extend(lower.map(|c| if c == 'ς' { 'σ' } else { c }));
        if form.len() == before {
            form.truncate(start);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::normalised;

    #[test]
    fn the_lower_case_of_a_text_is_the_same_text() {
        for text in ["İstanbul'da ILIK", "ΟΔΟΣ ΟΔΟΣ.", "GRÖSSE", "Ärger, ÇA VA", "x\u{307}", "\u{307} a \u{307}"]
        {
            assert_eq!(normalised(text), normalised(&text.to_lowercase()), "{text}");
        }
        assert_eq!(normalised("ΟΔΟΣ"), "οδοσ");
        assert_eq!(normalised("\u{307} a \u{307}"), "a");
    }
}
