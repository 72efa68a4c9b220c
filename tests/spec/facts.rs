//! The extensions of cards that section 5 defines.

use super::anchors;
use super::card::LIMIT;
use super::reader::{Decoded, Digest, Reader, Refusal, ensure};

/// The most domains (R27): those of an anchor set, and the source itself.
const DOMAINS: usize = 49;

/// Extension 1: fidelity across domains.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Fidelity {
    pub(crate) anchor_rows: u64,
    pub(crate) domains: Vec<Domain>,
}

/// R2 on the rows of one domain.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Domain {
    pub(crate) label: Option<String>,
    pub(crate) rows: u64,
    pub(crate) r2: f64,
}

/// Extension 2: derivation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Derivation {
    pub(crate) object: Digest,
    pub(crate) how: String,
}

/// What the known ones among these extensions say; R27: one that breaks a rule is refused.
pub(crate) fn decode(extensions: &[(u16, Vec<u8>)]) -> Decoded<(Option<Fidelity>, Option<Derivation>)> {
    Ok((one(extensions, 1, fidelity)?, one(extensions, 2, derivation)?))
}

fn one<T>(
    extensions: &[(u16, Vec<u8>)],
    id: u16,
    decode: impl Fn(&mut Reader<'_>) -> Decoded<T>,
) -> Decoded<Option<T>> {
    let Some((_, bytes)) = extensions.iter().find(|(found, _)| *found == id) else { return Ok(None) };
    let mut reader = Reader::new(bytes);
    let value = decode(&mut reader)?;
    reader.finish().map_err(|_| Refusal::Invalid("R27: bytes left over"))?;
    Ok(Some(value))
}

fn fidelity(reader: &mut Reader<'_>) -> Decoded<Fidelity> {
    let domain = |reader: &mut Reader<'_>| {
        Ok(Domain { label: reader.option(anchors::label)?, rows: reader.u64()?, r2: share(reader)? })
    };
    Ok(Fidelity { anchor_rows: reader.u64()?, domains: reader.list(DOMAINS, domain)? })
}

fn derivation(reader: &mut Reader<'_>) -> Decoded<Derivation> {
    Ok(Derivation { object: reader.array()?, how: reader.text(LIMIT)? })
}

/// R27: an R2 is at most 1, and a map that is worse than -10^6 is not worse for anybody.
fn share(reader: &mut Reader<'_>) -> Decoded<f64> {
    let r2 = reader.finite()?;
    ensure((-1e6..=1.0).contains(&r2), Refusal::Invalid("R27: R2"))?;
    Ok(r2)
}
