//! Values that a lock holds as texts.

use std::fmt::Display;
use std::str::FromStr;

use esmhub_selection::encoder::Pooling;
use esmhub_store_format::{Digest, Reference};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::commands::rank::PrecisionChoice;
use crate::dataset::{Sampling, Task};
use crate::values::choice_name;

/// A value as a text. Numbers, too: a JSON number may come back with another last bit.
#[derive(Debug, Clone)]
pub(in crate::commands::rank) struct Text<T>(pub(in crate::commands::rank) T);

/// What is written as a text.
pub(in crate::commands::rank) trait Textual: Sized {
    fn to_text(&self) -> String;
    fn of_text(text: &str) -> Result<Self, String>;
}

fn parsed<T: FromStr<Err: Display>>(text: &str) -> Result<T, String> {
    text.parse().map_err(|error: T::Err| error.to_string())
}

impl Textual for f64 {
    /// The shortest text that means the same bits.
    fn to_text(&self) -> String {
        format!("{self:?}")
    }

    fn of_text(text: &str) -> Result<Self, String> {
        parsed::<Self>(text)
            .and_then(|number| number.is_finite().then_some(number).ok_or(format!("{text} is no score")))
    }
}

impl Textual for Digest {
    fn to_text(&self) -> String {
        self.to_string()
    }

    fn of_text(text: &str) -> Result<Self, String> {
        parsed(text)
    }
}

impl Textual for Reference {
    fn to_text(&self) -> String {
        self.to_string()
    }

    fn of_text(text: &str) -> Result<Self, String> {
        parsed(text)
    }
}

impl Textual for esmhub_selection::Score {
    fn to_text(&self) -> String {
        self.name().to_owned()
    }

    fn of_text(text: &str) -> Result<Self, String> {
        parsed(text)
    }
}

impl Textual for Pooling {
    fn to_text(&self) -> String {
        self.to_string()
    }

    fn of_text(text: &str) -> Result<Self, String> {
        parsed(text)
    }
}

/// As on the command line.
macro_rules! textual_choices {
    ($($choice:ty),*) => {$(
        impl Textual for $choice {
            fn to_text(&self) -> String {
                choice_name(self)
            }

            fn of_text(text: &str) -> Result<Self, String> {
                clap::ValueEnum::from_str(text, false).map_err(|_| format!("{text:?} is not known here"))
            }
        }
    )*};
}

textual_choices!(Sampling, Task, PrecisionChoice);

impl<T: Textual> Serialize for Text<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0.to_text())
    }
}

impl<'de, T: Textual> Deserialize<'de> for Text<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        T::of_text(&text).map(Self).map_err(serde::de::Error::custom)
    }
}
