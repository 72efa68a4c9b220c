//! `esmhub diff`: two ESMs side by side, and how far their maps are apart.

mod facts;

use clap::Args;
use esmhub_registry::{Catalog, Esm, Registry};
use esmhub_selection::Distance;
use esmhub_store_format::{Card, Digest, Map, Reference};
use serde::Serialize;
use serde_json::Value;

use self::facts::facts;
use crate::context::Context;
use crate::document::{Document, columns, count, fields, printable, strong};
use crate::failure::Outcome;
use crate::values::parse_reference;

/// Show how two ESMs differ: their cards side by side, and how far their maps are apart
///
/// Maps are compared by what they change, W - I: how alike they act is the cosine between the two, and how far apart they are
/// is the length of the difference over the root mean square of both lengths, 0 for equal ones and at most 2.
#[derive(Debug, Args)]
pub(crate) struct Diff {
    /// `name`, `name:tag` or `@digest`
    #[arg(value_name = "REF", value_parser = parse_reference)]
    left: Reference,
    /// The one to compare it with
    #[arg(value_name = "REF", value_parser = parse_reference)]
    right: Reference,
    /// Show what both have in common, too
    #[arg(long)]
    all: bool,
}

#[derive(Serialize)]
struct DiffDocument {
    left: Side,
    right: Side,
    /// What is shown: what differs, or everything.
    fields: Vec<Field>,
    /// How many of all fields differ.
    differing: usize,
    /// `null` where the maps have different dimensions.
    maps: Option<MapDistance>,
}

#[derive(Serialize)]
struct Side {
    name: String,
    tag: String,
    digest: Digest,
    yanked: bool,
    /// Without the bytes of its sketch, which are thousands and tell a person nothing.
    card: Card,
}

/// One field of both cards.
#[derive(Serialize)]
struct Field {
    field: String,
    left: Value,
    right: Value,
    differs: bool,
}

/// How far the maps are apart.
#[derive(Serialize)]
struct MapDistance {
    matrix_distance: f64,
    bias_distance: f64,
    cosine: Option<f64>,
    left_change: f64,
    right_change: f64,
    /// Whether the weights are the same object.
    same_weights: bool,
}

impl Diff {
    pub(crate) fn run(self, context: &Context) -> Outcome<u8> {
        let (registry, catalog) = context.open_catalog()?;
        let (left, left_map) = Side::load(&registry, &catalog, &self.left)?;
        let (right, right_map) = Side::load(&registry, &catalog, &self.right)?;
        let all = facts(&left.card, &right.card);
        let differing = all.iter().filter(|field| field.differs).count();
        let same_weights = left.card.weights.digest == right.card.weights.digest;
        let maps = Distance::between(&left_map, &right_map).map(|distance| MapDistance {
            matrix_distance: distance.matrix,
            bias_distance: distance.bias,
            cosine: distance.cosine,
            left_change: distance.changes[0],
            right_change: distance.changes[1],
            same_weights,
        });
        let fields = all.into_iter().filter(|field| self.all || field.differs).collect();
        let mut document = DiffDocument { left, right, fields, differing, maps };
        document.left.card.clear_sketch();
        document.right.card.clear_sketch();
        context.emit(&document)
    }
}

impl Side {
    fn load(registry: &Registry, catalog: &Catalog, reference: &Reference) -> Outcome<(Self, Map)> {
        let esm: &Esm = catalog.resolve(reference)?;
        let fetched = registry.fetch(esm)?;
        let side = Self {
            name: esm.name().to_string(),
            tag: esm.tag().to_string(),
            digest: esm.digest(),
            yanked: esm.is_yanked(),
            card: fetched.card,
        };
        Ok((side, fetched.object.map().clone()))
    }

    fn reference(&self) -> String {
        format!("{}:{}", self.name, self.tag)
    }

    /// Whether both map embeddings of one model, as far as the cards tell.
    fn shares_base(&self, other: &Self) -> bool {
        let (one, other) = (&self.card.base, &other.card.base);
        match (one.weights, other.weights) {
            (Some(one), Some(other)) => one == other,
            _ => one.id.eq_ignore_ascii_case(&other.id),
        }
    }
}

impl Document for DiffDocument {
    const SCHEMA: &'static str = "esmhub.diff/1";

    fn table(&self) -> String {
        let (left, right) = (self.left.reference(), self.right.reference());
        let mut text = match (self.differing, self.fields.is_empty()) {
            (0, true) => format!("{}\n", strong("the cards are the same")),
            _ => {
                let rows = self.fields.iter().map(|field| {
                    let (left, right) = cells(&field.left, &field.right);
                    vec![field.field.clone(), left, right]
                });
                columns(&["FIELD", &left, &right], &[], rows)
            }
        };
        text.push('\n');
        text.push_str(&match &self.maps {
            None => {
                let [left, right] = [&self.left, &self.right].map(|side| side.card.weights.dimension);
                format!("the maps cannot be compared: one has dimension {left}, the other {right}\n")
            }
            Some(maps) if maps.same_weights => "the maps are the same object\n".to_owned(),
            Some(maps) => maps.to_fields(&left, &right),
        });
        if !self.left.shares_base(&self.right) {
            text.push_str("they belong to different base models, whose dimensions mean different things\n");
        }
        text
    }

    fn lines(&self) -> Vec<String> {
        self.fields.iter().map(|field| printable(&field.field)).collect()
    }
}

impl MapDistance {
    fn to_fields(&self, left: &str, right: &str) -> String {
        let cosine = match self.cosine {
            Some(cosine) => format!("{cosine:.4}, of what they change (1 alike, 0 unrelated, -1 opposite)"),
            None => "not defined: one of them is the identity".to_owned(),
        };
        let apart = |distance: f64| format!("{distance:.4} (0 equal, 1.41 unrelated, 2 opposite)");
        fields(&[
            ("cosine", Some(cosine)),
            ("matrices apart", Some(apart(self.matrix_distance))),
            ("biases apart", Some(apart(self.bias_distance))),
            ("change", Some(format!("{:.4} by {left}, {:.4} by {right}", self.left_change, self.right_change))),
        ])
    }
}

/// Both values for people: numbers to four digits behind the point, unless they differ behind those.
fn cells(left: &Value, right: &Value) -> (String, String) {
    let rounded = |value: &Value| match value.as_f64().filter(|_| value.is_f64()) {
        Some(number) => format!("{number:.4}"),
        None => cell(value),
    };
    match (rounded(left), rounded(right)) {
        (short, same) if short == same && left != right => (cell(left), cell(right)),
        short => short,
    }
}

/// A value for people: digests in short, as `list` has them.
fn cell(value: &Value) -> String {
    match value {
        Value::Null => "-".to_owned(),
        Value::String(text) if text.len() == 64 && text.bytes().all(|b| b.is_ascii_hexdigit()) => {
            text.chars().take(12).collect()
        }
        Value::String(text) => text.clone(),
        Value::Array(items) if items.is_empty() => "-".to_owned(),
        Value::Array(items) => items.iter().map(cell).collect::<Vec<_>>().join(", "),
        Value::Object(items) => count(items.len() as u64, "field"),
        other => other.to_string(),
    }
}
