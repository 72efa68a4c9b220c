//! Cards, section 5.

use super::facts::{self, Derivation, Fidelity, Sketch};
use super::object::dimension;
use super::reader::{Decoded, Digest, Reader, Refusal, digest, ensure};

/// The longest card, in bytes (section 10).
pub(crate) const LIMIT: usize = 8 << 10;

/// The first id of extensions that a reader must know (R24).
const CRITICAL: u16 = 0x8000;

/// How token embeddings become one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pooling {
    Mean,
    Cls,
    Pooler,
}

/// How the map was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Method {
    Imported,
    Ridge,
}

/// Rows, R2 and cosine on pairs that the fit did not see.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct HeldOut {
    pub(crate) rows: u64,
    pub(crate) r2: f64,
    pub(crate) cosine: f64,
}

/// The object that a card is about.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Weights {
    pub(crate) digest: Digest,
    pub(crate) bytes: u64,
    pub(crate) kind: u16,
    pub(crate) codec: u16,
    pub(crate) dimension: u32,
    pub(crate) codec_error: f64,
}

/// The base model.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Base {
    pub(crate) id: String,
    pub(crate) revision: Option<String>,
    pub(crate) weights: Option<Digest>,
    pub(crate) bytes: Option<u64>,
    pub(crate) tokenizer: Option<Digest>,
    pub(crate) pooling: Option<Pooling>,
    pub(crate) max_length: Option<u32>,
}

/// The source task's data.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Source {
    pub(crate) dataset: Option<String>,
    pub(crate) revision: Option<String>,
    pub(crate) subset: Option<String>,
    pub(crate) split: Option<String>,
    pub(crate) text_columns: Vec<String>,
    pub(crate) label_column: Option<String>,
    pub(crate) language: Option<String>,
    pub(crate) rows: Option<u64>,
    pub(crate) seed: Option<u64>,
}

/// How the map was fitted.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Fit {
    pub(crate) method: Method,
    pub(crate) program: Option<String>,
    pub(crate) rows: Option<u64>,
    pub(crate) penalty: Option<f64>,
    pub(crate) folds: Option<u32>,
    pub(crate) seed: Option<u64>,
    pub(crate) held_out: Option<HeldOut>,
    pub(crate) anchors: Option<Digest>,
}

/// What an ESM is, where it comes from and how it was made.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Card {
    /// The ESM's name: the blake3 of the card.
    pub(crate) digest: Digest,
    pub(crate) weights: Weights,
    pub(crate) base: Base,
    pub(crate) source: Source,
    pub(crate) fit: Fit,
    pub(crate) license: Option<String>,
    pub(crate) authors: Vec<String>,
    pub(crate) extra: Vec<(String, String)>,
    pub(crate) extensions: Vec<(u16, Vec<u8>)>,
    /// What extension 1 says.
    pub(crate) fidelity: Option<Fidelity>,
    /// What extension 2 says.
    pub(crate) derivation: Option<Derivation>,
    /// What extension 3 says.
    pub(crate) sketch: Option<Sketch>,
}

impl Card {
    /// Decodes the canonical bytes of a card.
    pub(crate) fn decode(canonical: &[u8]) -> Decoded<Self> {
        ensure(canonical.len() <= LIMIT, Refusal::TooLarge("section 10: card"))?;
        let mut reader = Reader::new(canonical);
        ensure(reader.u16()? == 1, Refusal::Newer("R24: card version"))?;
        let mut card = Self {
            digest: digest(canonical),
            weights: weights(&mut reader)?,
            base: base(&mut reader)?,
            source: source(&mut reader)?,
            fit: fit(&mut reader)?,
            license: reader.option(text)?,
            authors: reader.list(LIMIT, text)?,
            extra: reader.list(LIMIT, |reader| Ok((text(reader)?, text(reader)?)))?,
            extensions: reader.list(LIMIT, |reader| Ok((reader.u16()?, reader.bytes(LIMIT)?.to_vec())))?,
            fidelity: None,
            derivation: None,
            sketch: None,
        };
        reader.finish()?;
        let keys_ascend = card.extra.is_sorted_by(|(a, _), (b, _)| a.as_bytes() < b.as_bytes());
        ensure(keys_ascend, Refusal::Invalid("R26: keys out of order"))?;
        let ids_ascend = card.extensions.is_sorted_by(|(a, _), (b, _)| a < b);
        ensure(ids_ascend, Refusal::Invalid("R26: extensions out of order"))?;
        (card.fidelity, card.derivation, card.sketch) = facts::decode(&card.extensions)?;
        let known = card.extensions.iter().all(|(id, _)| *id < CRITICAL);
        ensure(known, Refusal::Newer("R24: an extension that must be known"))?;
        Ok(card)
    }
}

/// A text of a card: only the card as a whole has a limit.
fn text(reader: &mut Reader<'_>) -> Decoded<String> {
    reader.text(LIMIT)
}

fn weights(reader: &mut Reader<'_>) -> Decoded<Weights> {
    Ok(Weights {
        digest: reader.array()?,
        bytes: reader.u64()?,
        kind: reader.u16()?,
        codec: reader.u16()?,
        dimension: dimension(reader)?,
        codec_error: reader.finite()?,
    })
}

fn base(reader: &mut Reader<'_>) -> Decoded<Base> {
    let id = text(reader)?;
    ensure(!id.is_empty(), Refusal::Invalid("section 5: no base model"))?;
    Ok(Base {
        id,
        revision: reader.option(text)?,
        weights: reader.option(Reader::array)?,
        bytes: reader.option(Reader::u64)?,
        tokenizer: reader.option(Reader::array)?,
        pooling: reader.option(|reader| reader.one_of(&[Pooling::Mean, Pooling::Cls, Pooling::Pooler]))?,
        max_length: reader.option(Reader::u32)?,
    })
}

fn source(reader: &mut Reader<'_>) -> Decoded<Source> {
    Ok(Source {
        dataset: reader.option(text)?,
        revision: reader.option(text)?,
        subset: reader.option(text)?,
        split: reader.option(text)?,
        text_columns: reader.list(LIMIT, text)?,
        label_column: reader.option(text)?,
        language: reader.option(text)?,
        rows: reader.option(Reader::u64)?,
        seed: reader.option(Reader::u64)?,
    })
}

fn fit(reader: &mut Reader<'_>) -> Decoded<Fit> {
    Ok(Fit {
        method: reader.one_of(&[Method::Imported, Method::Ridge])?,
        program: reader.option(text)?,
        rows: reader.option(Reader::u64)?,
        penalty: reader.option(Reader::finite)?,
        folds: reader.option(Reader::u32)?,
        seed: reader.option(Reader::u64)?,
        held_out: reader
            .option(|reader| Ok(HeldOut { rows: reader.u64()?, r2: reader.finite()?, cosine: reader.finite()? }))?,
        anchors: reader.option(Reader::array)?,
    })
}
