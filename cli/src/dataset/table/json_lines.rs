//! JSON lines, by `serde_json`: one object per line, of which the keys that are asked for are kept.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::str;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, de};

use super::super::labels::RawLabel;
use super::super::limits::MAX_RECORD_BYTES;
use super::problem::{Place, TableProblem};
use super::read::Columns;
use super::rows::Rows;

pub(super) fn read(file: File, columns: Columns<'_>, rows: &mut Rows) -> Result<(), TableProblem> {
    let mut reader = BufReader::new(file);
    let mut bytes = Vec::new();
    let mut blank = None;
    for line in 1.. {
        if rows.full() {
            break;
        }
        bytes.clear();
        let mut bounded = (&mut reader).take(MAX_RECORD_BYTES + 1);
        if bounded.read_until(b'\n', &mut bytes).map_err(TableProblem::Read)? == 0 {
            break;
        }
        if bytes.len() as u64 > MAX_RECORD_BYTES {
            return Err(TableProblem::LineTooLong { line });
        }
        let text = str::from_utf8(&bytes).map_err(|_| TableProblem::NotUtf8 { place: Place::Line(line) })?;
        let text = if line == 1 { text.trim_start_matches('\u{feff}') } else { text };
        if text.trim().is_empty() {
            blank = blank.or(Some(line));
            continue;
        }
        if let Some(line) = blank {
            return Err(TableProblem::BlankLine { line });
        }
        row(text, line, columns, rows)?;
    }
    Ok(())
}

fn row(text: &str, line: u64, columns: Columns<'_>, rows: &mut Rows) -> Result<(), TableProblem> {
    let keys: Vec<&str> = columns.texts.iter().map(String::as_str).chain(columns.label).collect();
    let mut json = serde_json::Deserializer::from_str(text);
    let object = Keys(&keys).deserialize(&mut json).and_then(|object| json.end().map(|()| object));
    let object = object.map_err(|error| not_json(&error, line))?;
    if let Some(key) = object.repeated {
        return Err(TableProblem::RepeatedKey { line, key });
    }

    let place = Place::Line(line);
    let labels = usize::from(columns.label.is_some());
    let texts = keys.len() - labels;
    for (index, (key, value)) in keys.iter().zip(object.values).enumerate() {
        let column = (*key).to_owned();
        let Some(value) = value else {
            return Err(TableProblem::MissingKey { line, key: column, exists: keys_of(text) });
        };
        if index < texts {
            match value {
                Value::Text(text) => rows.text(place, key, &text)?,
                Value::Null => return Err(TableProblem::MissingText { place, column }),
                other => {
                    return Err(TableProblem::NotAText { place, column, found: other.kind() });
                }
            }
        } else {
            let label = match value {
                Value::Null => RawLabel::Missing,
                Value::Bool(value) => RawLabel::Bool(value),
                Value::Integer(value) => RawLabel::Integer(value),
                Value::Float(value) => RawLabel::Float(value),
                Value::Text(value) => RawLabel::Text(value),
                Value::Nested(found) => return Err(TableProblem::NotALabel { place, column, found }),
            };
            rows.label(place, key, label)?;
        }
    }
    rows.end()
}

/// The crate counts lines from the start of what it was given, which is one line.
fn not_json(error: &serde_json::Error, line: u64) -> TableProblem {
    let reason = error.to_string();
    let place = format!(" at line {} column {}", error.line(), error.column());
    let reason = reason.strip_suffix(&place).unwrap_or(&reason).to_owned();
    TableProblem::NotJson { line, column: error.column(), reason }
}

fn keys_of(text: &str) -> Vec<String> {
    let keys: Result<BTreeMap<String, IgnoredAny>, _> = serde_json::from_str(text);
    keys.map(|keys| keys.into_keys().collect()).unwrap_or_default()
}

/// What a key holds.
enum Value {
    Null,
    Bool(bool),
    Integer(i128),
    Float(f64),
    Text(String),
    /// Nothing of it is kept.
    Nested(&'static str),
}

impl Value {
    fn kind(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "a boolean",
            Self::Integer(_) | Self::Float(_) => "a number",
            Self::Text(_) => "a text",
            Self::Nested(kind) => kind,
        }
    }
}

/// The values of the wanted keys in their order, and a wanted key that stands there twice.
struct Object {
    values: Vec<Option<Value>>,
    repeated: Option<String>,
}

/// Reads an object and keeps the values of these keys only.
struct Keys<'a>(&'a [&'a str]);

impl<'de> DeserializeSeed<'de> for Keys<'_> {
    type Value = Object;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Object, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Keys<'_> {
    type Value = Object;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Object, A::Error> {
        let mut object = Object { values: self.0.iter().map(|_| None).collect(), repeated: None };
        while let Some(key) = map.next_key::<String>()? {
            let slot = self.0.iter().position(|wanted| *wanted == key);
            match slot.and_then(|slot| object.values.get_mut(slot)) {
                Some(Some(_)) => {
                    map.next_value::<IgnoredAny>()?;
                    object.repeated = Some(key);
                }
                Some(slot) => *slot = Some(map.next_value()?),
                None => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(object)
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnyValue)
    }
}

struct AnyValue;

impl<'de> Visitor<'de> for AnyValue {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E: de::Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E: de::Error>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E: de::Error>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Integer(value.into()))
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Integer(value.into()))
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<Value, E> {
        Ok(Value::Float(value))
    }

    fn visit_str<E: de::Error>(self, value: &str) -> Result<Value, E> {
        Ok(Value::Text(value.to_owned()))
    }

    fn visit_string<E: de::Error>(self, value: String) -> Result<Value, E> {
        Ok(Value::Text(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<Value, A::Error> {
        while sequence.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Value::Nested("a list"))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Value::Nested("an object"))
    }
}
