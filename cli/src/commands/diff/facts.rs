//! Two cards as fields with the same names, in the order of a card.

use esmhub_store_format::Card;
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::Field;
use crate::source::SketchSummary;

/// Extensions that are told in words.
const KNOWN: [u16; 3] = [1, 2, 3];

/// The fields of both cards, as `show --json` names them below `card`; what cards tell in extensions stands behind.
pub(super) fn facts(left: &Card, right: &Card) -> Vec<Field> {
    let [mut left, right] = [left, right].map(|card| {
        let mut all = Vec::new();
        flatten("", described(card), &mut all);
        all
    });
    // What only the right one has stands behind what comes before it there.
    for (at, (name, _)) in right.iter().enumerate() {
        if !left.iter().any(|(known, _)| known == name) {
            let before = at.checked_sub(1).and_then(|at| right.get(at)).map(|(name, _)| name);
            let place = left.iter().position(|(known, _)| Some(known) == before).map_or(left.len(), |place| place + 1);
            left.insert(place, (name.clone(), Value::Null));
        }
    }
    let fields = left.into_iter().map(|(field, left)| {
        let right = right.iter().find(|(name, _)| *name == field).map_or(Value::Null, |(_, value)| value.clone());
        Field { differs: left != right, field, left, right }
    });
    fields.collect()
}

/// A card with names for numbers, and extensions as what they say.
fn described(card: &Card) -> Value {
    let mut value = to_value(card);
    let Some(fields) = value.as_object_mut() else { return value };
    if let Some(weights) = fields.get_mut("weights").and_then(Value::as_object_mut) {
        weights.insert("codec".into(), card.weights.codec_name().into());
        weights.insert("rank".into(), card.weights.rank().map_or(json!("dense"), Value::from));
        weights.remove("kind");
    }
    fields.remove("extensions");
    if let Some(fidelity) = card.fidelity() {
        let domains = fidelity.domains.iter().map(|domain| {
            // The source itself has no label, and no domain can be called so.
            let label = domain.label.clone().unwrap_or_else(|| "(source)".to_owned());
            (label, json!({ "rows": domain.rows, "r2": domain.r2 }))
        });
        let domains: Map<String, Value> = domains.collect();
        fields.insert(
            "fidelity".into(),
            json!({ "anchor_rows": fidelity.anchor_rows, "across": fidelity.across(), "domains": domains }),
        );
    }
    if let Some(derivation) = card.derivation() {
        fields.insert("derivation".into(), to_value(&derivation));
    }
    if let Some(sketch) = SketchSummary::of(card) {
        fields.insert("sketch".into(), to_value(&sketch));
        // Two sketches of as many texts need not be of the same ones.
        let bytes = card.extensions.iter().find(|extension| extension.id == 3).map(|extension| &extension.bytes);
        let digest = bytes.map(|bytes| esmhub_store_format::Digest::of(bytes).to_string());
        if let Some(sketch) = fields.get_mut("sketch").and_then(Value::as_object_mut) {
            sketch.insert("digest".into(), digest.into());
        }
    }
    for extension in card.extensions.iter().filter(|extension| !KNOWN.contains(&extension.id)) {
        let digest = esmhub_store_format::Digest::of(&extension.bytes).to_string();
        fields.insert(format!("extension {}", extension.id), digest.into());
    }
    value
}

fn to_value(value: &impl Serialize) -> Value {
    // Cards are made of what JSON has; a number that is none would be refused when the card is read.
    serde_json::to_value(value).unwrap_or_default()
}

/// Objects become fields with dots in their names; lists stay whole.
fn flatten(name: &str, value: Value, all: &mut Vec<(String, Value)>) {
    match value {
        Value::Object(fields) => {
            for (key, value) in fields {
                let name = if name.is_empty() { key } else { format!("{name}.{key}") };
                flatten(&name, value, all);
            }
        }
        value => all.push((name.to_owned(), value)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_only_one_side_has_is_not_lost() {
        let mut all = Vec::new();
        flatten("", json!({"a": {"b": 1, "c": [1, 2]}, "d": null}), &mut all);
        assert_eq!(
            all,
            [("a.b".to_owned(), json!(1)), ("a.c".to_owned(), json!([1, 2])), ("d".to_owned(), Value::Null)]
        );
    }
}
