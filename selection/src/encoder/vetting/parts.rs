//! Normalizer, pre-tokenizer and post-processor: their parts, and what these make of a text.

use serde_json::Value;

use super::character_map;
use super::pattern::{Pattern, pattern};
use super::refusal::{Refusal, refuse, short, text, unknown, within};

/// Parts of normalizer, pre-tokenizer and post-processor, each.
const MAX_PARTS: usize = 64;
/// Special tokens that the template adds to a text.
const MAX_SPECIAL: usize = 256;
/// The settings that decide what is checked here, and the types that have them. The crate takes some parts for what their
/// settings look like, whatever type they name.
const OWNERS: [(&str, &[&str]); 10] = [
    ("normalizers", &["Sequence"]),
    ("pretokenizers", &["Sequence"]),
    ("processors", &["Sequence"]),
    ("single", &["TemplateProcessing"]),
    ("pattern", &["Replace", "Split"]),
    ("content", &["Replace"]),
    ("prepend", &["Prepend"]),
    ("precompiled_charsmap", &["Precompiled"]),
    ("replacement", &["Metaspace"]),
    ("add_prefix_space", &["ByteLevel", "Metaspace", "RobertaProcessing"]),
];

/// The product of what the parts of a sequence may make of a byte.
pub(super) fn growth(
    part: &'static str,
    value: &Value,
    sequence: &str,
    of: fn(&str, &Value) -> Result<u64, Refusal>,
) -> Result<u64, Refusal> {
    let mut growth = 1_u64;
    for (kind, part) in parts(part, value, sequence)? {
        growth = growth.saturating_mul(of(kind, part)?);
    }
    Ok(growth)
}

/// The parts that stand in a sequence, or in sequences within it, in their order, each with its type.
pub(super) fn parts<'a>(
    part: &'static str,
    value: &'a Value,
    sequence: &str,
) -> Result<Vec<(&'a str, &'a Value)>, Refusal> {
    let mut parts = Vec::new();
    let mut open = if value.is_null() { Vec::new() } else { vec![value] };
    while let Some(value) = open.pop() {
        let kind = value.get("type").and_then(Value::as_str);
        let kind = kind.ok_or_else(|| refuse(part, "the type of a part", "missing", "a text"))?;
        for (setting, owners) in OWNERS {
            if value.get(setting).is_some() && !owners.contains(&kind) {
                return Err(refuse(
                    part,
                    setting,
                    format!("one of {}", short(kind)),
                    format!("one of {}", owners.join(" or ")),
                ));
            }
        }
        match kind {
            "Sequence" => {
                let within = value.get(sequence).and_then(Value::as_array);
                let within = within.ok_or_else(|| refuse(part, "a sequence", "missing", "a list of parts"))?;
                open.extend(within.iter().rev());
            }
            kind => parts.push((kind, value)),
        }
        within(part, "the number of its parts", parts.len().saturating_add(open.len()) as u64, MAX_PARTS as u64)?;
    }
    Ok(parts)
}

pub(super) fn normalizer_growth(kind: &str, normalizer: &Value) -> Result<u64, Refusal> {
    const PART: &str = "normalizer";
    Ok(match kind {
        "Strip" | "StripAccents" | "Nmt" => 1,
        "Lowercase" | "ByteLevel" => 2,
        "NFC" | "NFD" => 4,
        // Spaces around a CJK character (3 bytes become 5), and what lower case and NFD make of others.
        "BertNormalizer" => 4,
        // U+FDFA becomes eleven times as long.
        "NFKC" | "NFKD" => 11,
        "Prepend" => 1 + text(PART, normalizer, "prepend")?.len() as u64,
        "Replace" => {
            let content = text(PART, normalizer, "content")?.len() as u64;
            match pattern(PART, normalizer)? {
                Pattern::Text(text) if !text.is_empty() => content.div_ceil(text.len() as u64).max(1),
                // What every tokenizer has that was made of a sentencepiece model.
                Pattern::Expression(" {2,}") => content.div_ceil(2).max(1),
                // An empty match inserts.
                Pattern::Text(_) | Pattern::Expression(_) => 1 + content,
            }
        }
        "Precompiled" => character_map::growth(text(PART, normalizer, "precompiled_charsmap")?)?,
        other => return Err(unknown(PART, other)),
    })
}

pub(super) fn pre_tokenizer_growth(kind: &str, pre_tokenizer: &Value) -> Result<u64, Refusal> {
    const PART: &str = "pre_tokenizer";
    Ok(match kind {
        "BertPreTokenizer" | "Whitespace" | "WhitespaceSplit" | "Punctuation" | "Digits" | "UnicodeScripts"
        | "CharDelimiterSplit" | "FixedLength" => 1,
        "Split" => pattern(PART, pre_tokenizer).map(|_| 1)?,
        // A byte becomes two, and a space stands before each piece, in the worst case before each byte.
        "ByteLevel" | "Metaspace" => 4,
        other => return Err(unknown(PART, other)),
    })
}

/// The special tokens that a text gets, which the crate puts together without a limit.
pub(super) fn vet_template(post_processor: &Value) -> Result<(), Refusal> {
    const PART: &str = "post_processor";
    let mut special = 0;
    for (kind, processor) in parts(PART, post_processor, "processors")? {
        match kind {
            "BertProcessing" | "RobertaProcessing" => special += 4,
            "ByteLevel" => {}
            "TemplateProcessing" => {
                let ids = |id: &str| {
                    let ids = processor.get("special_tokens")?.get(id)?.get("ids")?.as_array()?;
                    Some(ids.len())
                };
                let pieces = processor.get("single").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
                for piece in pieces {
                    let id = piece.get("SpecialToken").and_then(|token| token.get("id")?.as_str());
                    // The text itself counts as well: a template can name it many times.
                    special += id.and_then(ids).unwrap_or(0).max(1);
                }
            }
            other => return Err(unknown(PART, other)),
        }
        within(PART, "the number of special tokens", special as u64, MAX_SPECIAL as u64)?;
    }
    Ok(())
}
