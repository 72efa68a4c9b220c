//! The model card of an ESM on the Hugging Face Hub: what its users find it by, and what they need to use it.

use esmhub_registry::Esm;
use esmhub_store_format::Card;
use serde_json::{Value, json};

use crate::hub::ESM_TAG;
use crate::printable::printable;

/// README.md of the repository. Everything from the card is quoted: in the front matter as JSON, in the text as
/// code.
pub(super) fn model_card(esm: &Esm, card: &Card, repository: &str) -> String {
    let source = &card.source;
    let mut matter = vec![format!("base_model: {}", yaml(&json!(card.base.id)))];
    // hfselect's own cards have both tags.
    matter.push(format!("tags: {}", yaml(&json!([ESM_TAG, format!("BaseLM:{}", card.base.id), "esmhub"]))));
    matter.extend(card.license.iter().map(|license| format!("license: {}", yaml(&json!(license.to_lowercase())))));
    matter.extend(source.dataset.iter().filter(|id| is_id(id)).map(|id| format!("datasets: {}", yaml(&json!([id])))));
    matter.extend(source.language.iter().map(|language| format!("language: {}", yaml(&json!(language)))));

    let task = source.dataset.clone().unwrap_or_else(|| esm.name().to_string());
    let mut facts = vec![("Source task", task.clone())];
    let columns = (!source.text_columns.is_empty()).then(|| source.text_columns.join(", "));
    facts.extend(
        [
            ("Subset", source.subset.clone()),
            ("Split", source.split.clone()),
            ("Revision", source.revision.clone()),
            ("Text columns", columns),
            ("Label column", source.label_column.clone()),
            ("Rows", source.rows.map(|rows| rows.to_string())),
            ("Base model", Some(card.base.id.clone())),
            ("Its revision", card.base.revision.clone()),
            ("Dimension", Some(card.weights.dimension.to_string())),
            ("Made by", card.fit.program.clone()),
            ("R2 on pairs that the fit did not see", card.fit.held_out.as_ref().map(|seen| format!("{:.4}", seen.r2))),
            ("Authors", (!card.authors.is_empty()).then(|| card.authors.join(", "))),
            ("In the registry", Some(format!("{}:{}@{}", esm.name(), esm.tag(), esm.digest()))),
            ("Relative error of its codec", Some(format!("{:.2e}", card.weights.codec_error))),
        ]
        .into_iter()
        .filter_map(|(label, value)| Some((label, value?))),
    );
    let rows: String = facts.iter().map(|(label, value)| format!("| {label} | {} |\n", code(value))).collect();

    format!(
        "---\n{matter}\n---\n\n# ESM of {task} for {base}\n\nAn Embedding Space Map (ESM, [arXiv 2410.15148](https://arxiv.org/abs/2410.15148)) \
         imitates what fine-tuning the base model on the source task does to its embeddings. It serves to choose an intermediate task: \
         ESMs are ranked by how well their embeddings of a target task's texts go with its labels.\n\n| | |\n|---|---|\n{rows}\n\
         With hfselect:\n\n```python\nfrom hfselect import ESM\nesm = ESM.from_pretrained({id})\n```\n\n\
         With esmhub:\n\n```sh\nesmhub publish hf://{repository}\nesmhub rank target.csv --text text --label label --base {shell}\n```\n",
        matter = matter.join("\n"),
        task = code(&task),
        base = code(&card.base.id),
        id = json!(repository),
        shell = plain(&card.base.id),
    )
}

/// `owner/name` as the hub has it; a file's stem is no data set there.
fn is_id(text: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    text.split('/').count() == 2 && text.split('/').all(|part| !part.is_empty() && part.chars().all(plain))
}

/// Text of a stranger in Markdown: on one line, between back quotes, in a table.
fn code(text: &str) -> String {
    let text = printable(text).replace('`', "'").replace('|', "/").replace(['\n', '\r'], " ");
    format!("`{}`", if text.trim().is_empty() { "-" } else { &text })
}

/// What a shell takes as one plain word.
fn plain(text: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "._-/".contains(c);
    if !text.is_empty() && text.chars().all(is_plain) { text.to_owned() } else { "MODEL".to_owned() }
}

/// JSON as YAML 1.1 takes it as well: what breaks a line there, or is not printable, goes as an escape. Both know those of four digits.
fn yaml(json: &Value) -> String {
    let is_plain =
        |c: char| !matches!(c, '\u{7f}'..='\u{9f}' | '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}');
    let escaped = |c: char| if is_plain(c) { c.to_string() } else { format!("\\u{:04x}", u32::from(c)) };
    json.to_string().chars().map(escaped).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// PyYAML 6.0.4 reads the escapes as what they stand for, and refuses or changes U+0085, U+007F and U+009F where they stand as they are.
    #[test]
    fn what_breaks_lines_in_yaml_alone_is_escaped() {
        let text = "a\u{85}b\u{2028}c\u{2029}d\u{feff}e\u{7f}f\u{9f}\u{e4}\u{65e5}\u{1f600}\"\\\n";
        let yaml = yaml(&json!([text]));
        assert_eq!(yaml, "[\"a\\u0085b\\u2028c\\u2029d\\ufeffe\\u007ff\\u009f\u{e4}\u{65e5}\u{1f600}\\\"\\\\\\n\"]");
        assert_eq!(serde_json::from_str::<Value>(&yaml).unwrap(), json!([text]));
    }
}
