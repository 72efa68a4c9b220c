//! The words of a command line as its user typed them, whatever the shell has made of them.

/// A command line up to the cursor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Typed {
    /// The words without their quotes; the last one is being completed, and may be empty.
    pub(crate) words: Vec<String>,
    /// How many bytes at the beginning of the last word the shell keeps: it wants candidates without them.
    pub(crate) kept: usize,
}

impl Typed {
    /// Words as all shells but bash give them. Words behind the one at `index` are left out; a missing one is empty.
    pub(crate) fn new(mut words: Vec<String>, index: usize) -> Self {
        words.truncate(index.saturating_add(1));
        // An index beyond the words says that the cursor stands behind a space, however large it is.
        if words.len() <= index {
            words.push(String::new());
        }
        Self { words, kept: 0 }
    }
}

/// Words as bash gives them in `COMP_WORDS`: cut at spaces and at every character of `COMP_WORDBREAKS`, so that `mr:v1` is
/// three words, and with their quotes. `line` is `COMP_LINE`, from which it follows what was one word.
pub(crate) fn in_bash(words: &[String], index: usize, line: &str, breaks: &str) -> Typed {
    let mut joined: Vec<String> = Vec::new();
    let mut rest = line;
    for word in words.iter().take(index.saturating_add(1)) {
        let behind = rest.trim_start();
        let mut apart = behind.len() < rest.len() || joined.is_empty();
        rest = match behind.strip_prefix(word.as_str()) {
            Some(rest) => rest,
            // Bash may have left something out, such as a redirection.
            None => {
                apart = true;
                behind.split_once(word.as_str()).map_or("", |(_, rest)| rest)
            }
        };
        match joined.last_mut() {
            Some(last) if !apart => last.push_str(word),
            _ => joined.push(word.clone()),
        }
    }
    if words.len() <= index {
        joined.push(String::new());
    }
    let current = joined.last().map_or("", String::as_str);
    let is_quoted = current.starts_with(['"', '\'']);
    let kept = current.rfind(|c| matches!(c, ':' | '=' | '@') && breaks.contains(c)).map_or(0, |at| at + 1);
    let kept = if is_quoted { 0 } else { unquoted(current.get(..kept).unwrap_or_default()).len() };
    Typed { words: joined.iter().map(|word| unquoted(word)).collect(), kept }
}

/// A word without quotes and backslashes. What is meant by `$` is the shell's own affair.
fn unquoted(word: &str) -> String {
    let mut plain = String::with_capacity(word.len());
    let mut quote = None;
    let mut characters = word.chars();
    while let Some(c) = characters.next() {
        match (quote, c) {
            (None, '\'' | '"') => quote = Some(c),
            (Some(open), c) if c == open => quote = None,
            (None | Some('"'), '\\') => plain.extend(characters.next()),
            _ => plain.push(c),
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    const BREAKS: &str = " \t\n\"'@><=;|&(:";

    fn strings(words: &[&str]) -> Vec<String> {
        words.iter().map(|word| (*word).to_owned()).collect()
    }

    fn typed(words: &[&str], kept: usize) -> Typed {
        Typed { words: strings(words), kept }
    }

    #[test]
    fn references_that_bash_cut_in_pieces_are_whole_again() {
        for (pieces, line, expected) in [
            (&["esmhub", "show", "m"][..], "esmhub show m", typed(&["esmhub", "show", "m"], 0)),
            (&["esmhub", "show", "mr", ":"], "esmhub show mr:", typed(&["esmhub", "show", "mr:"], 3)),
            (&["esmhub", "show", "mr", ":", "v"], "esmhub show mr:v", typed(&["esmhub", "show", "mr:v"], 3)),
            (&["esmhub", "show", "@", "0a"], "esmhub  show  @0a", typed(&["esmhub", "show", "@0a"], 1)),
            (
                &["esmhub", "--registry", "=", "my\\ pool", "show", ""],
                "esmhub --registry=my\\ pool show ",
                typed(&["esmhub", "--registry=my pool", "show", ""], 0),
            ),
            (&["esmhub", "show", "\"mr:v"], "esmhub show \"mr:v", typed(&["esmhub", "show", "mr:v"], 0)),
            (&["esmhub", "show", "mr"], "esmhub 2>x show mr", typed(&["esmhub", "show", "mr"], 0)),
        ] {
            assert_eq!(in_bash(&strings(pieces), pieces.len() - 1, line, BREAKS), expected, "{line}");
        }
        let pieces = strings(&["esmhub", "show", "mr:v"]);
        assert_eq!(in_bash(&pieces, 2, "esmhub show mr:v", " ").kept, 0, "where `:` breaks no words");
    }

    #[test]
    fn indices_and_lines_that_do_not_fit_are_no_trouble() {
        assert_eq!(Typed::new(strings(&["esmhub"]), usize::MAX), typed(&["esmhub", ""], 0));
        assert_eq!(Typed::new(Vec::new(), 0), typed(&[""], 0));
        assert_eq!(in_bash(&[], usize::MAX, "é", BREAKS), typed(&[""], 0));
        assert_eq!(in_bash(&strings(&["a", "b"]), 1, "", BREAKS), typed(&["a", "b"], 0));
        assert_eq!(in_bash(&strings(&["é", ":"]), 1, "é:", BREAKS), typed(&["é:"], 3));
        assert_eq!(unquoted("a\\"), "a");
    }
}
