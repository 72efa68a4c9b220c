//! `--filter`: terms over cards, all of which must hold.

use std::collections::HashSet;
use std::fmt;
use std::str::FromStr;

use esmhub_registry::{Esm, NewEsm};
use esmhub_store_format::Card;

use crate::dataset::nearest;

/// Terms such as `name~review` or `rows>=500`. Texts are compared in any case; what a card does not state fits no term.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Filter(Vec<Term>);

#[derive(Debug, Clone, PartialEq)]
struct Term {
    key: Key,
    operator: Operator,
    value: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Key {
    Name,
    Tag,
    Dataset,
    Language,
    License,
    Codec,
    Method,
    Rows,
    R2,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operator {
    Contains,
    Equal,
    NotEqual,
    AtLeast,
    AtMost,
    Above,
    Below,
}

/// Longer spellings first, so that `>=` is not read as `>`.
const OPERATORS: [(&str, Operator); 7] = [
    (">=", Operator::AtLeast),
    ("<=", Operator::AtMost),
    ("!=", Operator::NotEqual),
    ("~", Operator::Contains),
    ("=", Operator::Equal),
    (">", Operator::Above),
    ("<", Operator::Below),
];

const KEYS: [(&str, Key); 9] = [
    ("name", Key::Name),
    ("tag", Key::Tag),
    ("dataset", Key::Dataset),
    ("language", Key::Language),
    ("license", Key::License),
    ("codec", Key::Codec),
    ("method", Key::Method),
    ("rows", Key::Rows),
    ("r2", Key::R2),
];

/// As it was typed, but for spaces.
impl fmt::Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, Term { key, operator, value }) in self.0.iter().enumerate() {
            let key = KEYS.iter().find(|(_, known)| known == key).map_or("", |(name, _)| name);
            let operator = OPERATORS.iter().find(|(_, known)| known == operator).map_or("", |(sign, _)| sign);
            write!(f, "{}{key}{operator}{value}", if at == 0 { "" } else { " " })?;
        }
        Ok(())
    }
}

impl FromStr for Filter {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        text.split_whitespace().map(str::parse).collect::<Result<_, _>>().map(Self)
    }
}

impl FromStr for Term {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let at = text
            .find(['>', '<', '!', '~', '='])
            .ok_or_else(|| {
                format!("{text:?}: expected KEY, an operator and a value, as in 'name~review rows>=500'; all terms hold together, and one of several values is written name~mr|sst")
            })?;
        let (key, rest) = text.split_at_checked(at).unwrap_or_default();
        let found = OPERATORS.into_iter().find_map(|(sign, operator)| Some((operator, rest.strip_prefix(sign)?)));
        let (operator, value) = found.ok_or_else(|| format!("{text:?}: expected ~, =, !=, >=, <=, > or <"))?;
        let Some((_, key)) = KEYS.into_iter().find(|(name, _)| *name == key) else {
            let known: Vec<&str> = KEYS.iter().map(|(name, _)| *name).collect();
            let meant =
                nearest(key, known.iter().copied()).map_or(String::new(), |key| format!("; did you mean {key}?"));
            return Err(format!("{key:?} cannot be filtered by: expected one of {}{meant}", known.join(", ")));
        };
        if value.split('|').any(str::is_empty) {
            return Err(format!("{text:?}: a value is missing"));
        }
        let compares = matches!(operator, Operator::AtLeast | Operator::AtMost | Operator::Above | Operator::Below);
        if (compares || matches!(key, Key::Rows | Key::R2)) && value.parse::<f64>().is_err() {
            return Err(format!("{value:?} is not a number"));
        }
        if compares && !matches!(key, Key::Rows | Key::R2) {
            return Err(format!("{text:?}: only rows and r2 can be compared by size"));
        }
        Ok(Self { key, operator, value: value.to_lowercase() })
    }
}

impl Filter {
    /// The name that was meant, where one is asked for that is none of these.
    pub(crate) fn nearest<'a>(&self, names: impl Iterator<Item = &'a str> + Clone) -> Option<&'a str> {
        let of_names = self.0.iter().filter(|term| term.key == Key::Name && term.operator == Operator::Equal);
        let mut wanted = of_names.flat_map(|term| term.value.split('|'));
        wanted.find_map(|wanted| nearest(wanted, names.clone()).filter(|found| !found.eq_ignore_ascii_case(wanted)))
    }

    /// The names that are asked for beside others, and that none of these has.
    pub(crate) fn unknown_names<'a>(&self, names: impl Iterator<Item = &'a str>) -> Vec<&str> {
        let known: HashSet<String> = names.map(str::to_lowercase).collect();
        let several = self.0.iter().filter(|term| term.key == Key::Name && term.operator == Operator::Equal);
        let wanted = several.filter(|term| term.value.contains('|')).flat_map(|term| term.value.split('|'));
        wanted.filter(|name| !known.contains(*name)).collect()
    }

    /// Whether every term holds.
    pub(crate) fn matches(&self, esm: &Esm) -> bool {
        let named = |card: &Card| self.holds(esm.name().as_str(), Some(esm.tag().as_str()), card);
        self.0.is_empty() || esm.card().is_ok_and(|card| named(&card))
    }

    /// The same of one that is not published yet, and may have no tag.
    pub(crate) fn matches_new(&self, esm: &NewEsm) -> bool {
        self.holds(esm.name().as_str(), esm.tag().map(|tag| tag.as_str()), esm.card())
    }

    fn holds(&self, name: &str, tag: Option<&str>, card: &Card) -> bool {
        self.0.iter().all(|term| term.holds(name, tag, card))
    }
}

impl Term {
    fn holds(&self, name: &str, tag: Option<&str>, card: &Card) -> bool {
        let number = match self.key {
            Key::Rows => card.source.rows.map(|rows| rows as f64),
            Key::R2 => card.fit.held_out.map(|held_out| held_out.r2),
            _ => {
                return self.text(name, tag, card).is_some_and(|text| self.text_holds(&text.to_lowercase()));
            }
        };
        let Some((found, wanted)) = number.zip(self.value.parse::<f64>().ok()) else {
            return false;
        };
        match self.operator {
            Operator::Contains | Operator::Equal => found == wanted,
            Operator::NotEqual => found != wanted,
            Operator::AtLeast => found >= wanted,
            Operator::AtMost => found <= wanted,
            Operator::Above => found > wanted,
            Operator::Below => found < wanted,
        }
    }

    fn text(&self, name: &str, tag: Option<&str>, card: &Card) -> Option<String> {
        match self.key {
            Key::Name => Some(name.to_owned()),
            Key::Tag => tag.map(str::to_owned),
            Key::Dataset => card.source.dataset.clone(),
            Key::Language => card.source.language.clone(),
            Key::License => card.license.clone(),
            Key::Codec => Some(card.weights.codec_name()),
            Key::Method => Some(card.fit.method.to_string()),
            Key::Rows | Key::R2 => None,
        }
    }

    fn text_holds(&self, text: &str) -> bool {
        let mut values = self.value.split('|');
        match self.operator {
            Operator::Contains => values.any(|value| text.contains(value)),
            Operator::Equal => values.any(|value| text == value),
            Operator::NotEqual => values.all(|value| text != value),
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn at_least_is_not_read_as_above() {
        let filter: Filter = "rows>=500 name~Review r2>0.5".parse().unwrap();
        assert_eq!(
            filter.0.iter().map(|t| t.operator).collect::<Vec<_>>(),
            [Operator::AtLeast, Operator::Contains, Operator::Above]
        );
        assert_eq!(filter.0.get(1).map(|t| t.value.as_str()), Some("review"));
    }

    #[test]
    fn one_of_several_values_is_enough_and_none_of_them_is_what_differs() {
        let term = |text: &str| text.parse::<Term>().unwrap();
        for (text, value, holds) in [
            ("name~mr|sst", "sst2", true),
            ("name~mr|sst", "trec", false),
            ("name=mr|sst", "sst2", false),
            ("name!=mr|sst", "sst2", true),
            ("name!=mr|sst", "sst", false),
        ] {
            assert_eq!(term(text).text_holds(value), holds, "{text}: {value}");
        }
        assert_eq!("name~Mr|sst rows>=5".parse::<Filter>().unwrap().to_string(), "name~mr|sst rows>=5");
    }

    #[test]
    fn nonsense_is_refused_with_what_is_expected() {
        for (text, expected) in [
            ("name", "operator"),
            ("colour=red", "one of name"),
            ("rows>=many", "not a number"),
            ("name>3", "rows and r2"),
            ("name=", "missing"),
            ("name=a|", "missing"),
            ("rows=1|2", "not a number"),
        ] {
            let error = text.parse::<Filter>().unwrap_err();
            assert!(error.contains(expected), "{text}: {error}");
        }
    }
}
