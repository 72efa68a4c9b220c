//! The marker, `esmhub.toml`: what makes a directory a registry. Written once, never changed.
//!
//! ```toml
//! # An esmhub registry. This file is written once; the checksum covers every byte before its line.
//! format = 1
//! id = "0f1e2d3c4b5a69788796a5b4c3d2e1f0"
//! grace_seconds = 1209600
//! shared = false
//! checksum = "<blake3 of all bytes before this line>"
//! ```
//!
//! The checksum is verified before anything else is believed, so that a flipped digit in `format` is damage and not a
//! newer format.

use esmhub_store_format::log::RegistryId;
use esmhub_store_format::{Digest, FormatError};
use serde::Deserialize;

const FORMAT: u32 = 1;
const WHAT: &str = "registry marker";
/// The largest marker that is read. Ours have 300 bytes; later formats may say more.
pub(crate) const MAX_MARKER_BYTES: u64 = 64 * 1024;
const COMMENT: &str =
    "# An esmhub registry. This file is written once; the checksum covers every byte before its line.\n";
const CHECKSUM: &str = "checksum = \"";
const CLOSE: &str = "\"\n";

/// What a registry was made with, for good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// How long, in seconds, what garbage collection takes out is kept before it is deleted.
    pub grace_seconds: u64,
    /// Whether the registry's group may write, whatever a writer's umask.
    pub shared: bool,
}

impl Default for Settings {
    /// 14 days, not shared.
    fn default() -> Self {
        Self { grace_seconds: 14 * 24 * 60 * 60, shared: false }
    }
}

/// The content of the marker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Marker {
    pub(crate) id: RegistryId,
    pub(crate) settings: Settings,
}

#[derive(Deserialize)]
struct Version {
    format: u32,
}

/// Unknown keys are left to later versions, which raise `format` where an old program must not ignore them.
#[derive(Deserialize)]
struct Fields {
    id: String,
    grace_seconds: u64,
    shared: bool,
}

impl Marker {
    pub(crate) fn to_bytes(self) -> Vec<u8> {
        let Settings { grace_seconds, shared } = self.settings;
        let id = self.id;
        let mut text =
            format!("{COMMENT}format = {FORMAT}\nid = \"{id}\"\ngrace_seconds = {grace_seconds}\nshared = {shared}\n");
        let checksum = Digest::of(text.as_bytes());
        text.push_str(&format!("{CHECKSUM}{checksum}{CLOSE}"));
        text.into_bytes()
    }

    /// Reads a marker.
    ///
    /// # Errors
    /// [`FormatError::Damaged`] where any byte is not as written, [`FormatError::Newer`] for a later format.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, FormatError> {
        let body = checked(bytes)?;
        let Version { format } = toml::from_str(body).map_err(|e| invalid(e.message()))?;
        if format > FORMAT {
            return Err(FormatError::Newer { what: WHAT, found: format, supported: FORMAT });
        }
        if format != FORMAT {
            return Err(invalid(&format!("format is {format}, expected {FORMAT}")));
        }
        let Fields { id, grace_seconds, shared } = toml::from_str(body).map_err(|e| invalid(e.message()))?;
        let settings = Settings { grace_seconds, shared };
        Ok(Self { id: parse_id(&id)?, settings })
    }
}

/// What stands before the line of the checksum, verified.
fn checked(bytes: &[u8]) -> Result<&str, FormatError> {
    let text = std::str::from_utf8(bytes).map_err(|_| damaged("it is not text"))?;
    let body_end = text
        .strip_suffix('\n')
        .and_then(|text| text.rfind('\n'))
        .ok_or_else(|| damaged("cut short: it does not end with a line that holds its checksum"))?;
    let (body, line) = text.split_at_checked(body_end + 1).ok_or_else(|| damaged("cut short"))?;
    let stated: Digest = line
        .strip_prefix(CHECKSUM)
        .and_then(|line| line.strip_suffix(CLOSE))
        .and_then(|hex| hex.parse().ok())
        .ok_or_else(|| damaged("its last line is not its checksum"))?;
    let found = Digest::of(body.as_bytes());
    if found != stated {
        return Err(damaged(&format!("its checksum is {stated}, its content is {found}")));
    }
    Ok(body)
}

fn parse_id(hex: &str) -> Result<RegistryId, FormatError> {
    let digits = hex.len() == 32 && hex.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    digits
        .then(|| u128::from_str_radix(hex, 16).ok())
        .flatten()
        .map(|id| RegistryId(id.to_be_bytes()))
        .ok_or_else(|| invalid("id is not 32 hexadecimal digits"))
}

fn damaged(detail: &str) -> FormatError {
    FormatError::Damaged { what: WHAT, detail: detail.into() }
}

fn invalid(detail: &str) -> FormatError {
    FormatError::Invalid { what: WHAT, detail: detail.into() }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]
    use super::*;

    fn marker() -> Marker {
        Marker { id: RegistryId([0x0f; 16]), settings: Settings { grace_seconds: 77, shared: true } }
    }

    #[test]
    fn what_is_written_is_read() {
        assert_eq!(Marker::parse(&marker().to_bytes()), Ok(marker()));
    }

    #[test]
    fn every_flipped_bit_and_every_truncation_is_damage() {
        let bytes = marker().to_bytes();
        for bit in 0..bytes.len() * 8 {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(matches!(Marker::parse(&flipped), Err(FormatError::Damaged { .. })), "bit {bit}");
        }
        for end in 0..bytes.len() {
            assert!(matches!(Marker::parse(&bytes[..end]), Err(FormatError::Damaged { .. })), "{end}");
        }
        let longer = [&bytes[..], b"\n"].concat();
        assert!(matches!(Marker::parse(&longer), Err(FormatError::Damaged { .. })));
    }

    #[test]
    fn a_newer_format_is_believed_only_with_its_checksum() {
        let newer = String::from_utf8(marker().to_bytes()).unwrap().replace("format = 1", "format = 2");
        assert!(matches!(Marker::parse(newer.as_bytes()), Err(FormatError::Damaged { .. })));
        let body = &newer[..newer.rfind(CHECKSUM).unwrap()];
        let sealed = format!("{body}{CHECKSUM}{}{CLOSE}", Digest::of(body.as_bytes()));
        assert!(matches!(Marker::parse(sealed.as_bytes()), Err(FormatError::Newer { found: 2, .. })));
    }
}
