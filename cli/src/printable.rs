//! Text from outside, fit for a terminal.

/// A text from outside, fit for a terminal: control characters, which could move the cursor or change the window's title,
/// and invisible ones, by which one text can pass for another, are shown as escapes. Line breaks stay.
pub(crate) fn printable(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        if (c.is_control() && c != '\n') || is_invisible(c) { shown.extend(c.escape_unicode()) } else { shown.push(c) }
    }
    shown
}

/// Whether a character shows nothing itself and can change what stands around it, or hide in it.
///
/// These are the explicit marks of the bidirectional algorithm (UAX #9, section 2), which reorder a line; the code points that
/// are ignored where they are not known (`Default_Ignorable_Code_Point`, UAX #44), which UTS #39 allows in no identifier; the
/// separators of lines and paragraphs; and the other format characters (category Cf) that have no sign of their own.
pub(crate) fn is_invisible(c: char) -> bool {
    matches!(c,
        '\u{61c}' | '\u{200e}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' // UAX #9
        | '\u{ad}' | '\u{34f}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}' | '\u{180b}'..='\u{180f}'
        | '\u{200b}'..='\u{200d}' | '\u{2060}'..='\u{2065}' | '\u{206a}'..='\u{206f}' | '\u{3164}'
        | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fff8}'
        | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}' // UAX #44
        | '\u{2028}'..='\u{2029}'
        | '\u{fff9}'..='\u{fffb}' | '\u{13430}'..='\u{1343f}'
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_reorders_or_hides_reaches_a_terminal() {
        let bidi = "\u{61c}\u{200e}\u{200f}\u{202a}\u{202b}\u{202c}\u{202d}\u{202e}\u{2066}\u{2067}\u{2068}\u{2069}";
        let hidden = "\u{ad}\u{200b}\u{200c}\u{200d}\u{2060}\u{feff}\u{3164}\u{fe0f}\u{e0041}\u{2028}\u{2029}\u{fff9}";
        let control = "\0\u{7}\u{8}\t\r\u{1b}\u{7f}\u{9b}";
        for c in [bidi, hidden, control].into_iter().flat_map(str::chars) {
            let shown = printable(&format!("a{c}b"));
            assert_eq!(shown, format!("a\\u{{{:x}}}b", u32::from(c)));
        }
    }

    #[test]
    fn what_can_be_seen_stays_as_it_is() {
        for text in ["two\nlines", "naïve ± 5 %", "العربية ۝", "हिन्दी", "한글", "e\u{301}", "🙂", "a\u{a0}b"]
        {
            assert_eq!(printable(text), text);
        }
    }
}
