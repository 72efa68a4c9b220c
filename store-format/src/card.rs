//! Cards: what an ESM is, where it comes from, and what it can be trusted with (R20 to R27).
//!
//! A card records everything that makes a score reproducible or a mismatch detectable. It holds no time, no host, and
//! nothing else that differs between two runs; those stand in the log entry that publishes it. A card's digest pins its
//! metadata and, through [`Weights::digest`], the weights.

mod facts;
mod pooling;

use std::collections::BTreeMap;
use std::fmt;

use bincode::{Decode, Encode};
use serde::{Serialize, Serializer};

pub use facts::{Derivation, DomainFidelity, Fidelity};
pub use pooling::{Pooling, PoolingError};

use crate::limits::{MAX_CARD_BYTES, MAX_DIMENSION};
use crate::{Digest, FormatError, Object, wire};

const VERSION: u16 = 1;
const LIMIT: usize = MAX_CARD_BYTES as usize;

/// An ESM's metadata.
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize)]
pub struct Card {
    /// The weights that it describes.
    pub weights: Weights,
    /// The model whose embeddings it maps.
    pub base: BaseModel,
    /// The task that it stands for.
    pub source: Source,
    /// How it was made.
    pub fit: Fit,
    /// The licence's SPDX expression.
    pub license: Option<String>,
    /// Who made it.
    pub authors: Vec<String>,
    /// Whatever else the publisher wanted to say, by key.
    pub extra: BTreeMap<String, String>,
    /// What later versions add: by number, ascending. A reader ignores the ones that it does not know, except those from
    /// [`Extension::CRITICAL`] on.
    pub extensions: Vec<Extension>,
}

/// What a card says of the object that holds the weights.
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize)]
pub struct Weights {
    /// The object's digest.
    pub digest: Digest,
    /// The object's canonical length in bytes.
    pub bytes: u64,
    /// The object's kind.
    pub kind: u16,
    /// The object's codec, as a number ([`crate::Codec::from_code`]).
    pub codec: u16,
    /// D, the dimension of the embeddings.
    pub dimension: u32,
    /// What the codec cost: `|W' - W| / |W - I|` (Frobenius), 0 for `f32`.
    pub codec_error: f64,
}

/// The model whose embeddings an ESM maps.
#[derive(Debug, Clone, PartialEq, Eq, Default, Encode, Decode, Serialize)]
pub struct BaseModel {
    /// Its Hugging Face id, or the name that its users gave it.
    pub id: String,
    /// The commit that was used.
    pub revision: Option<String>,
    /// blake3 of its weights.
    pub weights: Option<Digest>,
    /// The size of its weights in bytes: what each fine-tuned model would take that an ESM stands for.
    pub bytes: Option<u64>,
    /// blake3 of its tokenizer.
    pub tokenizer: Option<Digest>,
    /// How token embeddings become one.
    pub pooling: Option<Pooling>,
    /// Tokens per text, special ones included.
    pub max_length: Option<u32>,
}

/// The task that an ESM stands for.
#[derive(Debug, Clone, PartialEq, Eq, Default, Encode, Decode, Serialize)]
pub struct Source {
    /// Its data set's Hugging Face id, or another name.
    pub dataset: Option<String>,
    /// Its data set's commit.
    pub revision: Option<String>,
    /// Its subset (configuration).
    pub subset: Option<String>,
    /// Its split.
    pub split: Option<String>,
    /// The columns that hold the texts, in the order in which they are joined.
    pub text_columns: Vec<String>,
    /// The column that holds the labels.
    pub label_column: Option<String>,
    /// The language of the texts.
    pub language: Option<String>,
    /// The rows that were used.
    pub rows: Option<u64>,
    /// The seed with which they were drawn.
    pub seed: Option<u64>,
}

/// How an ESM was made.
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize)]
pub struct Fit {
    /// By what method.
    pub method: Method,
    /// The program and its version, as it names itself.
    pub program: Option<String>,
    /// The pairs (base embedding, tuned embedding) that it was fitted on.
    pub rows: Option<u64>,
    /// The ridge penalty, in units of the mean eigenvalue of the centred Gram matrix.
    pub penalty: Option<f64>,
    /// The folds of the cross-validation that chose the penalty.
    pub folds: Option<u32>,
    /// The seed of the split.
    pub seed: Option<u64>,
    /// What it does on pairs that the fit did not see.
    pub held_out: Option<HeldOut>,
    /// The digest of the anchor texts that it was fitted on besides its own.
    pub anchors: Option<Digest>,
}

/// By what method an ESM was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Method {
    /// Made elsewhere.
    Imported,
    /// Ridge regression towards the identity.
    Ridge,
}

/// How well an ESM imitates the tuned model on pairs that the fit did not see.
#[derive(Debug, Clone, Copy, PartialEq, Encode, Decode, Serialize)]
pub struct HeldOut {
    /// The pairs that it was measured on.
    pub rows: u64,
    /// R2: 1 minus the squared error over the variance of the tuned embeddings, all dimensions together.
    pub r2: f64,
    /// The mean cosine between predicted and tuned embedding.
    pub cosine: f64,
}

/// A field that a later version of the format added.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize)]
pub struct Extension {
    /// Which one.
    pub id: u16,
    /// Its bytes; as text, two hex digits each.
    #[serde(serialize_with = "as_hex")]
    pub bytes: Vec<u8>,
}

fn as_hex<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&Hex(bytes))
}

struct Hex<'a>(&'a [u8]);

impl fmt::Display for Hex<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl Extension {
    /// From this number on, a reader that does not know an extension must not use the card.
    pub const CRITICAL: u16 = 0x8000;
}

impl Weights {
    /// What there is to say of an object, encoded from a map that it is this far from.
    pub fn of(object: &Object, codec_error: f64) -> Self {
        Self {
            digest: object.digest(),
            bytes: object.canonical().len() as u64,
            kind: object.map().kind(),
            codec: object.codec().code(),
            dimension: object.map().dimension(),
            codec_error,
        }
    }

    /// The codec's name; its number where this program does not know it.
    pub fn codec_name(&self) -> String {
        crate::Codec::from_code(self.codec).map_or_else(|| format!("codec {}", self.codec), |codec| codec.to_string())
    }
}

impl Card {
    /// The card of an ESM made elsewhere, of which nothing is known but its weights and its base model.
    ///
    /// ```
    /// use esmhub_store_format::card::{BaseModel, Weights};
    /// use esmhub_store_format::{Card, Codec, DenseMap, Object};
    ///
    /// let identity = DenseMap::new(vec![1.0, 0.0, 0.0, 1.0], vec![0.0, 0.0])?;
    /// let object = Object::encode(&identity, Codec::F32)?;
    /// let card = Card::imported(Weights::of(&object, 0.0), BaseModel::named("acme/encoder"));
    /// assert_eq!(card.weights.dimension, 2);
    /// # Ok::<(), esmhub_store_format::FormatError>(())
    /// ```
    pub fn imported(weights: Weights, base: BaseModel) -> Self {
        Self {
            weights,
            base,
            source: Source::default(),
            fit: Fit::imported(),
            license: None,
            authors: Vec::new(),
            extra: BTreeMap::new(),
            extensions: Vec::new(),
        }
    }
}

impl BaseModel {
    /// A base model of which no more than its id is known.
    pub fn named(id: impl Into<String>) -> Self {
        Self { id: id.into(), ..Self::default() }
    }
}

impl Fit {
    /// An ESM made elsewhere, of which nothing more is known.
    pub fn imported() -> Self {
        Self {
            method: Method::Imported,
            program: None,
            rows: None,
            penalty: None,
            folds: None,
            seed: None,
            held_out: None,
            anchors: None,
        }
    }
}

impl Card {
    /// The canonical bytes: a version number and the fields.
    ///
    /// # Errors
    /// [`FormatError::TooLarge`] over [`MAX_CARD_BYTES`], [`FormatError::Invalid`] where a rule is broken.
    pub fn to_canonical(&self) -> Result<Vec<u8>, FormatError> {
        self.check()?;
        wire::encode::<LIMIT, _>("card", &(VERSION, self))
    }

    /// Reads canonical bytes.
    ///
    /// # Errors
    /// [`FormatError::Newer`] for a later version or an unknown critical extension; else as [`Card::to_canonical`].
    pub fn from_canonical(bytes: &[u8]) -> Result<Self, FormatError> {
        let what = "card";
        if bytes.len() > LIMIT {
            return Err(FormatError::TooLarge { what, found: bytes.len() as u64, limit: MAX_CARD_BYTES });
        }
        let (version, fields) = wire::decode_prefix::<2, u16>(what, bytes)?;
        if version != VERSION {
            return Err(FormatError::Newer { what, found: u32::from(version), supported: u32::from(VERSION) });
        }
        let card: Self = wire::decode::<{ wire::IN_MEMORY * LIMIT }, _>(what, fields)?;
        card.check()?;
        // bincode accepts a map's keys in any order; only the ascending one is canonical.
        if wire::encode::<LIMIT, _>(what, &card)? != fields {
            return Err(FormatError::invalid(what, "its keys are not in ascending order, each once"));
        }
        if let Some(unknown) = card.extensions.iter().find(|e| e.id >= Extension::CRITICAL) {
            return Err(FormatError::Newer { what: "card extension", found: u32::from(unknown.id), supported: 0 });
        }
        Ok(card)
    }

    /// The digest of the canonical bytes: the name by which an ESM is known.
    ///
    /// # Errors
    /// As [`Card::to_canonical`].
    pub fn digest(&self) -> Result<Digest, FormatError> {
        Ok(Digest::of(&self.to_canonical()?))
    }

    fn check(&self) -> Result<(), FormatError> {
        let invalid = |detail: String| Err(FormatError::invalid("card", detail));
        if self.weights.dimension == 0 || self.weights.dimension > MAX_DIMENSION {
            return invalid(format!("dimension {}, expected 1 to {MAX_DIMENSION}", self.weights.dimension));
        }
        if self.base.id.is_empty() {
            return invalid("base model id is empty".into());
        }
        let held_out = self.fit.held_out.iter().flat_map(|h| [h.r2, h.cosine]);
        let numbers = held_out.chain(self.fit.penalty).chain([self.weights.codec_error]);
        if let Some(odd) = numbers.into_iter().find(|n| !n.is_finite()) {
            return invalid(format!("{odd} stands where a finite number is expected"));
        }
        if let Some(odd) = self.texts().find(|text| text.chars().any(char::is_control)) {
            return invalid(format!("{odd:?} holds a control character"));
        }
        if !self.extensions.is_sorted_by(|a, b| a.id < b.id) {
            return invalid("extensions are not in ascending order, each once".into());
        }
        self.check_facts()
    }

    /// Every text of the card: what a terminal may be asked to show.
    fn texts(&self) -> impl Iterator<Item = &str> {
        let Self { base, source, fit, license, authors, extra, .. } = self;
        let optional = [
            &base.revision,
            &source.dataset,
            &source.revision,
            &source.subset,
            &source.split,
            &source.label_column,
            &source.language,
            &fit.program,
            license,
        ];
        std::iter::once(&base.id)
            .chain(optional.into_iter().flatten())
            .chain(&source.text_columns)
            .chain(authors)
            .chain(extra.iter().flat_map(|(key, value)| [key, value]))
            .map(String::as_str)
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Imported => "imported",
            Self::Ridge => "ridge",
        })
    }
}
