//! All that is needed to repeat a ranking.

use maud::{Markup, html};

use super::Report;
use super::number::{grouped, shown};
use crate::arguments::names_registry;
use crate::commands::rank::Ranked;
use crate::context::PROGRAM;
use crate::document::time;

/// Where a ranking came from, besides what its document says.
#[derive(Debug)]
pub(crate) struct Origin {
    /// The command line, ready for a shell.
    pub(crate) command: String,
    /// The registry: where it lies, and its id.
    pub(crate) registry: [String; 2],
    /// Its last log entry: number, time in milliseconds since 1970, and digest where it can be read.
    pub(crate) entry: (u64, Option<u64>, Option<String>),
    /// How rows were chosen: the most, the way, and the seed.
    pub(crate) sample: (u32, String, u64),
    /// In which precision dense ESMs were scored.
    pub(crate) precision: String,
}

/// A word of a command line as a POSIX shell reads it back.
pub(crate) fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=@%+,".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

/// A command line of the words of this process, with the registry where only the environment names it. As `esmhub`: where the
/// program lay does not matter.
pub(crate) fn command_line(registry: &str, words: Vec<String>) -> String {
    let registry = if names_registry(std::env::args_os()) {
        Vec::new()
    } else {
        vec!["--registry".to_owned(), registry.to_owned()]
    };
    let all = ["esmhub".to_owned()].into_iter().chain(registry).chain(words);
    all.map(|word| quoted(&word)).collect::<Vec<_>>().join(" ")
}

impl Report<'_> {
    /// The section that says how to repeat it.
    pub(super) fn reproduce(&self, esms: &[Ranked]) -> Markup {
        let (target, base, origin) = (&self.ranking.target, &self.ranking.base, self.origin);
        let [location, id] = &origin.registry;
        let (entry, at, head) = &origin.entry;
        let (most, sampling, seed) = &origin.sample;
        let entry = match at {
            Some(at) => format!("{entry}, of {}", time(*at)),
            None => entry.to_string(),
        };
        let unknown = || "not known".to_owned();
        let part = |key, label, value: &Option<String>| value.clone().map(|value| (key, label, value));
        let parts = [
            part("target-revision", "Its revision", &target.revision),
            part("target-subset", "Its subset", &target.subset),
            part("target-split", "Its split", &target.split),
        ];
        let mut fields: Vec<(&str, &str, String)> = vec![("target", "Target", target.source.clone())];
        fields.extend(parts.into_iter().flatten());
        fields.extend([
            ("target-digest", "Its digest (embeddings and labels)", target.digest.to_string()),
            ("rows", "Rows", format!("{} of at most {}", grouped(target.rows), grouped(*most as usize))),
            ("sample", "Sample", format!("{sampling}, seed {seed}")),
            ("base", "Base model", base.id.clone()),
            ("base-revision", "Its revision", base.revision.clone().unwrap_or_else(unknown)),
            ("base-digest", "Digest of its weights", base.digest.map_or_else(unknown, |digest| digest.to_string())),
            ("pooling", "Pooling", base.pooling.clone().unwrap_or_else(unknown)),
            ("max-length", "Most tokens per text", base.max_length.map_or_else(unknown, |tokens| tokens.to_string())),
            ("score", "Score", self.ranking.score.to_string()),
            ("precision", "Precision", origin.precision.clone()),
            ("registry", "Registry", location.clone()),
            ("registry-id", "Its id", id.clone()),
            ("entry", "Its last log entry", entry),
            ("entry-digest", "Digest of that entry", head.clone().unwrap_or_else(unknown)),
            ("program", "Program", PROGRAM.to_owned()),
        ]);
        html! {
            section #reproduce aria-labelledby="reproduce-title" {
                h2 #reproduce-title { "Repeat it" }
                pre.copy tabindex="0" aria-label="The command line" { code { (shown(&origin.command)) } }
                dl.fields {
                    @for (key, label, value) in fields {
                        div { dt { (label) } dd data-field=(key) { (shown(&value)) } }
                    }
                }
                h3 { "The ESMs that are shown, pinned" }
                pre.copy #references tabindex="0" aria-label="References with digests, one a line" {
                    code { @for esm in esms { (esm.name) ":" (esm.tag) "@" (esm.digest.to_string()) "\n" } }
                }
                p.note { "A click selects a whole block." }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::quoted;

    #[test]
    fn words_come_back_from_a_shell_as_they_were() {
        for word in ["plain", "a b", "", "it's", "$HOME", "name~x rows>=5", "\"", "`id`", "-", "a\nb", "日本"] {
            let output = std::process::Command::new("sh").args(["-c", &format!("printf %s {}", quoted(word))]).output();
            assert!(output.is_ok_and(|output| output.stdout == word.as_bytes()), "{word:?}");
        }
    }
}
