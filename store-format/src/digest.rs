//! blake3 digests, and prefixes of them as people type them.

use std::fmt;
use std::str::FromStr;

use bincode::{Decode, Encode};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The blake3 digest (256 bits) of canonical bytes: the name of an object, a card or a log entry.
///
/// ```
/// use esmhub_store_format::Digest;
/// let digest = Digest::of(b"");
/// assert_eq!(digest.to_string(), "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262");
/// assert_eq!(digest.to_string().parse(), Ok(digest));
/// assert_eq!(digest.short(), "af1349b9f5f9");
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
pub struct Digest([u8; 32]);

impl Digest {
    /// The digest of these bytes.
    pub fn of(bytes: &[u8]) -> Self {
        Self(*blake3::hash(bytes).as_bytes())
    }

    /// A digest from its 32 bytes.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The 32 bytes.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The first 12 hex digits, for tables that people read.
    pub fn short(&self) -> String {
        let mut hex = self.to_string();
        hex.truncate(12);
        hex
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Digest({self})")
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

impl Serialize for Digest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// A digest's text was not 64 hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a digest has {DIGITS} hexadecimal digits, found {found:?}")]
pub struct DigestError {
    found: String,
}

const DIGITS: usize = 64;

impl FromStr for Digest {
    type Err = DigestError;

    fn from_str(text: &str) -> Result<Self, DigestError> {
        let refused = || DigestError { found: text.chars().take(2 * DIGITS).collect() };
        // `from_hex` also takes upper case, which would give one digest two spellings.
        if text.bytes().any(|b| b.is_ascii_uppercase()) {
            return Err(refused());
        }
        blake3::Hash::from_hex(text).map(|hash| Self(*hash.as_bytes())).map_err(|_| refused())
    }
}

/// The first 8 to 64 hex digits of a digest, lower case.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DigestPrefix(String);

impl DigestPrefix {
    /// The fewest digits that stand for a digest: 32 bits make a clash by accident unlikely in a pool of thousands.
    pub const MIN_DIGITS: usize = 8;

    /// Takes hex digits in either case; `None` where they are too few, too many, or not hex.
    pub fn new(hex: &str) -> Option<Self> {
        let fits = (Self::MIN_DIGITS..=DIGITS).contains(&hex.len()) && hex.bytes().all(|b| b.is_ascii_hexdigit());
        fits.then(|| Self(hex.to_ascii_lowercase()))
    }

    /// Whether the digest begins with these digits.
    pub fn matches(&self, digest: &Digest) -> bool {
        digest.to_string().starts_with(&self.0)
    }
}

impl fmt::Display for DigestPrefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
