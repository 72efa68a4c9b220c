//! Facts that cards tell in extensions: what a map is worth on other domains, what it was made from, and which texts its
//! source holds.

use std::ops::RangeInclusive;

use bincode::{Decode, Encode};
use serde::Serialize;

use super::{Card, Extension, LIMIT, Weights};
use crate::anchors::check_label;
use crate::limits::{MAX_ANCHOR_DOMAINS, MAX_DIMENSION};
use crate::object::{KIND_LOW_RANK, LowRankMap};
use crate::sketch::Sketch;
use crate::{Codec, Digest, FormatError, wire};

const FIDELITY: u16 = 1;
const DERIVATION: u16 = 2;
const SKETCH: u16 = 3;
/// What R2 can be; a map that is worse than the lower end is written as being there.
const R2: RangeInclusive<f64> = -1e6..=1.0;

/// How well an ESM imitates the tuned model on domains that the fit did not see (extension 1).
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize)]
pub struct Fidelity {
    /// The anchor texts that it was fitted on, all domains together.
    pub anchor_rows: u64,
    /// For each domain, the source's own first: R2 on its rows of a map fitted on the others.
    pub domains: Vec<DomainFidelity>,
}

/// How well the other domains predict one.
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize)]
pub struct DomainFidelity {
    /// Which; the source itself has no label.
    pub label: Option<String>,
    /// Its rows.
    pub rows: u64,
    /// R2: 1 minus the squared error over the variance of its tuned embeddings, all dimensions together.
    pub r2: f64,
}

/// What an ESM's map was computed from, where that was another map (extension 2).
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize)]
pub struct Derivation {
    /// The object of that map.
    pub weights: Digest,
    /// How: `distill` (projected on the base model's covariance) or `recompress`.
    pub how: String,
}

impl Fidelity {
    /// The mean R2 over the anchor domains, each left out in turn: what to expect on a target of another domain.
    pub fn across(&self) -> Option<f64> {
        let anchors = || self.domains.iter().filter(|domain| domain.label.is_some());
        let number = anchors().count();
        (number > 0).then(|| anchors().map(|domain| domain.r2).sum::<f64>() / number as f64)
    }

    /// R2 as the format takes it: at least -10^6.
    pub fn clamped(r2: f64) -> f64 {
        r2.clamp(*R2.start(), *R2.end())
    }

    fn check(&self) -> Result<(), FormatError> {
        if self.domains.len() > MAX_ANCHOR_DOMAINS + 1 {
            return Err(FormatError::invalid("card", format!("fidelity on {} domains", self.domains.len())));
        }
        self.domains.iter().filter_map(|domain| domain.label.as_deref()).try_for_each(check_label)?;
        match self.domains.iter().find(|domain| !R2.contains(&domain.r2)) {
            Some(odd) => Err(FormatError::invalid("card", format!("R2 across domains is {:e}", odd.r2))),
            None => Ok(()),
        }
    }
}

impl Derivation {
    fn check(&self) -> Result<(), FormatError> {
        if self.how.chars().any(char::is_control) {
            return Err(FormatError::invalid("card", format!("{:?} holds a control character", self.how)));
        }
        Ok(())
    }
}

impl Weights {
    /// The rank of the factors, which follows from kind, codec, dimension and length; `None` for a dense map, and where
    /// the length is that of no rank.
    pub fn rank(&self) -> Option<u32> {
        let codec = Codec::from_code(self.codec).filter(|_| self.kind == KIND_LOW_RANK)?;
        if self.dimension == 0 || self.dimension > MAX_DIMENSION {
            return None;
        }
        let bias = u64::from(self.dimension) * if codec == Codec::F32 { 4 } else { 2 };
        let factors = self.bytes.checked_sub(crate::object::HEADER_BYTES as u64 + bias)?;
        let rank = u32::try_from(factors / codec.factor_bytes(self.dimension, 1)).ok()?;
        // A card whose length is that of no rank disagrees with its object, whatever that is (R25).
        let whole = codec.factor_bytes(self.dimension, rank) == factors;
        (whole && rank <= LowRankMap::max_rank(self.dimension)).then_some(rank)
    }

    /// Codec and rank in a few characters: `int8`, or `int4 r64`.
    pub fn shape(&self) -> String {
        match self.rank() {
            Some(rank) => format!("{} r{rank}", self.codec_name()),
            None => self.codec_name(),
        }
    }
}

impl Card {
    /// How well the ESM imitates the tuned model on other domains, where its card says so.
    pub fn fidelity(&self) -> Option<Fidelity> {
        decode(self.extension(FIDELITY)?).ok()
    }

    /// Says it.
    ///
    /// # Errors
    /// [`FormatError::Invalid`] where a rule is broken.
    pub fn set_fidelity(&mut self, fidelity: &Fidelity) -> Result<(), FormatError> {
        fidelity.check()?;
        self.set_extension(FIDELITY, wire::encode::<LIMIT, _>("card", fidelity)?);
        Ok(())
    }

    /// Says nothing of it any more: the map is another one now.
    pub fn clear_fidelity(&mut self) {
        self.extensions.retain(|extension| extension.id != FIDELITY);
    }

    /// What the map was computed from, where that was another map.
    pub fn derivation(&self) -> Option<Derivation> {
        decode(self.extension(DERIVATION)?).ok()
    }

    /// Says it.
    ///
    /// # Errors
    /// [`FormatError::Invalid`] where a rule is broken.
    pub fn set_derivation(&mut self, derivation: &Derivation) -> Result<(), FormatError> {
        derivation.check()?;
        self.set_extension(DERIVATION, wire::encode::<LIMIT, _>("card", derivation)?);
        Ok(())
    }

    /// A sketch of the source's texts (extension 3), where the card has one.
    pub fn sketch(&self) -> Option<Sketch> {
        Sketch::from_canonical(self.extension(SKETCH)?).ok()
    }

    /// Gives it one.
    pub fn set_sketch(&mut self, sketch: &Sketch) {
        self.set_extension(SKETCH, sketch.to_canonical());
    }

    /// Takes it away.
    pub fn clear_sketch(&mut self) {
        self.extensions.retain(|extension| extension.id != SKETCH);
    }

    /// An extension that this program knows must be what it is said to be.
    pub(super) fn check_facts(&self) -> Result<(), FormatError> {
        if let Some(bytes) = self.extension(FIDELITY) {
            decode::<Fidelity>(bytes)?.check()?;
        }
        if let Some(bytes) = self.extension(DERIVATION) {
            decode::<Derivation>(bytes)?.check()?;
        }
        if let Some(bytes) = self.extension(SKETCH) {
            Sketch::from_canonical(bytes)?;
        }
        Ok(())
    }

    fn extension(&self, id: u16) -> Option<&[u8]> {
        self.extensions.iter().find(|extension| extension.id == id).map(|extension| extension.bytes.as_slice())
    }

    fn set_extension(&mut self, id: u16, bytes: Vec<u8>) {
        self.extensions.retain(|extension| extension.id != id);
        let at = self.extensions.partition_point(|extension| extension.id < id);
        self.extensions.insert(at, Extension { id, bytes });
    }
}

fn decode<T: Decode<()>>(bytes: &[u8]) -> Result<T, FormatError> {
    wire::decode::<{ wire::IN_MEMORY * LIMIT }, _>("card extension", bytes)
}
