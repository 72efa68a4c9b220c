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

/// Extension 3: a sketch of the source's texts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Sketch {
    pub(crate) texts: u64,
    pub(crate) last: u32,
    pub(crate) values: Vec<u32>,
}

/// The longest sketch, in bytes (section 10).
pub(crate) const SKETCH: usize = 4096;

/// What the extensions that section 5 defines say.
pub(crate) type Facts = (Option<Fidelity>, Option<Derivation>, Option<Sketch>);

/// What the known ones among these extensions say; R27: one that breaks a rule is refused.
pub(crate) fn decode(extensions: &[(u16, Vec<u8>)]) -> Decoded<Facts> {
    Ok((one(extensions, 1, fidelity)?, one(extensions, 2, derivation)?, one(extensions, 3, sketch)?))
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

/// R29.
fn sketch(reader: &mut Reader<'_>) -> Decoded<Sketch> {
    let (texts, last, k) = (reader.u64()?, reader.u32()?, reader.u32()?);
    ensure((1..=texts).contains(&u64::from(k)), Refusal::Invalid("R29: k"))?;
    ensure((u64::from(k) == texts) == (last == u32::MAX), Refusal::Invalid("R29: last"))?;
    let count = usize::try_from(k).map_err(|_| Refusal::Invalid("section 10: sketch"))?;
    ensure(count <= SKETCH, Refusal::Invalid("section 10: sketch"))?;
    let lengths = (count.div_ceil(4), (3 * count).div_ceil(2));
    ensure(16 + lengths.0 + lengths.1 <= SKETCH, Refusal::Invalid("section 10: sketch"))?;
    let (buckets, places) = (bits(reader.take(lengths.0)?), bits(reader.take(lengths.1)?));
    let spare = buckets[2 * count..].iter().chain(&places[12 * count..]);
    ensure(spare.clone().all(|bit| *bit == 0), Refusal::Invalid("R29: bits left over"))?;

    let mut places = places.chunks(12).map(|bits| (0..).zip(bits).map(|(at, bit)| bit << at).sum::<u32>());
    let (mut bucket, mut values) = (0, Vec::new());
    for bit in &buckets[..2 * count] {
        match bit {
            0 => bucket += 1,
            _ => values.push(4096 * bucket + places.next().unwrap_or_default()),
        }
    }
    // As many zeros as buckets, and the last of them at the end.
    let ended = bucket == k && buckets[2 * count - 1] == 0;
    ensure(ended, Refusal::Invalid("R29: the string of buckets"))?;
    Ok(Sketch { texts, last, values })
}

/// The bits of a string, as R29 counts them.
fn bits(bytes: &[u8]) -> Vec<u32> {
    bytes.iter().flat_map(|byte| (0..8).map(move |bit| u32::from(byte >> bit) & 1)).collect()
}

/// The hash of a text, where R28 says that it has one.
pub(crate) fn hash(text: &str) -> Option<u64> {
    let spaced: String = text.chars().map(|c| if c.is_alphanumeric() || c == '\u{307}' { c } else { ' ' }).collect();
    let lower: String = spaced.chars().flat_map(char::to_lowercase).collect();
    let folded = lower.replace('ς', "σ").replace('\u{307}', "");
    let form = folded.split(' ').filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ");
    let hash = super::reader::digest(form.as_bytes());
    (!form.is_empty()).then(|| u64::from_le_bytes(hash[..8].try_into().unwrap()))
}

impl Sketch {
    /// Whether a hash is listed; `None` where such hashes are not sampled.
    pub(crate) fn lists(&self, hash: u64) -> Option<bool> {
        let (k, h) = (self.values.len() as u128, u128::from(hash));
        let value = 4096 * k * h / ((u128::from(self.last) + 1) << 32);
        (h >> 32 <= u128::from(self.last)).then(|| self.values.iter().any(|listed| u128::from(*listed) == value))
    }
}

/// R27: an R2 is at most 1, and a map that is worse than -10^6 is not worse for anybody.
fn share(reader: &mut Reader<'_>) -> Decoded<f64> {
    let r2 = reader.finite()?;
    ensure((-1e6..=1.0).contains(&r2), Refusal::Invalid("R27: R2"))?;
    Ok(r2)
}
