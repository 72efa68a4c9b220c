//! Rows of numbers in a JSON file: little-endian, in base64.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Numbers that come back with the same bits; all finite.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Floats(pub(super) Vec<f64>);

impl Floats {
    /// Whether sums of them stay finite.
    pub(super) fn is_moderate(&self) -> bool {
        self.0.iter().all(|value| value.abs() < 1e150)
    }
}

impl Serialize for Floats {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let bytes: Vec<u8> = self.0.iter().flat_map(|value| value.to_le_bytes()).collect();
        serializer.serialize_str(&STANDARD.encode(bytes))
    }
}

impl<'de> Deserialize<'de> for Floats {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let refused = |what: &str| serde::de::Error::custom(what);
        let bytes = STANDARD.decode(String::deserialize(deserializer)?).map_err(|_| refused("no base64"))?;
        let (values, rest) = bytes.as_chunks::<8>();
        let values: Vec<f64> = values.iter().map(|value| f64::from_le_bytes(*value)).collect();
        match rest.is_empty() && values.iter().all(|value| value.is_finite()) {
            true => Ok(Self(values)),
            false => Err(refused("no row of finite numbers")),
        }
    }
}
