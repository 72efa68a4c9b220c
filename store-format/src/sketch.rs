//! Sketches: which share of a target's texts does a source hold? A card answers without the texts (R28, R29).
//!
//! A source that holds the target's own texts ranks first for a reason that is of no use. A [`Sketch`] is a sample of the
//! distinct texts of a source, taken by their hashes: those whose hash is small. Of a target the texts with hashes as small
//! are looked up, and the share of them that is found estimates the share of all. Because source and target are sampled by
//! the same rule, a small target inside a large source shows; an estimate of their Jaccard index, which MinHash makes, would
//! be near 0. That is a FracMinHash (Irber et al., "Lightweight compositional analysis of metagenomes with FracMinHash and
//! minimum metagenome covers", bioRxiv 2022.01.11.475838) whose fraction follows the size of the source, so that it fits
//! its bytes, as in bottom-k sketches (Cohen and Kaplan, PODC 2007).
//!
//! The sample is kept as an approximate set: of each hash only its place in a range of [`PLACES`] times as many values as
//! there are hashes, coded as Elias (JACM 1974) and Fano do, in 14 bits. A text that the source does not hold is found with a
//! chance of 1 in 4,096, for which [`Overlap::share`] corrects. With whole hashes, a quarter as many would fit.
//!
//! It sees texts that are the same but for case, punctuation and spacing ([`TextSet`]). It does not see paraphrases, parts of
//! texts, other joins of columns, or texts that one side has cut. Whoever has a text can look it up: a sketch tells, with the
//! chance above of being wrong, whether a text that it has sampled is in the source.

mod texts;

pub use texts::{TextSet, normalised};

use crate::limits::MAX_SKETCH_BYTES;
use crate::{FormatError, wire};

/// How many places there are for each hash that is listed: one in so many texts from elsewhere is found by mistake.
pub const PLACES: u32 = 1 << PLACE_BITS;

const PLACE_BITS: u32 = 12;
const HEADER_BYTES: usize = 16;
const WHAT: &str = "sketch";

/// A sample of a source's distinct texts, by their hashes.
///
/// ```
/// use esmhub_store_format::sketch::{Sketch, TextSet};
/// let source = TextSet::of(["It rains.", "The sun shines.", "Snow!", "It  RAINS"]);
/// let sketch = Sketch::of(&source, 4096).expect("there are texts");
/// let overlap = sketch.overlap(&TextSet::of(["it rains", "hail"]));
/// assert_eq!((sketch.texts(), overlap.compared, overlap.found), (3, 2, 1));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sketch {
    /// The source's distinct texts.
    texts: u64,
    /// The largest upper half of a hash that is listed.
    last: u32,
    /// k, how many are listed.
    count: u32,
    /// 2k bits: for each of k buckets, a one for every hash in it and then a zero.
    buckets: Vec<u8>,
    /// k times 12 bits: the places within the buckets.
    places: Vec<u8>,
}

/// What a sketch says of a target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Overlap {
    /// The target's distinct texts that could be looked up, because their hashes are as small as those of the sample.
    pub compared: u64,
    /// How many of these the sketch lists.
    pub found: u64,
}

impl Sketch {
    /// The sketch of these texts in at most `most` bytes, and never more than [`MAX_SKETCH_BYTES`].
    ///
    /// `None` where there are no texts, or not the bytes for one of them.
    pub fn of(texts: &TextSet, most: usize) -> Option<Self> {
        let hashes = texts.hashes();
        let room = capacity(most.min(MAX_SKETCH_BYTES));
        let last = match hashes.get(room) {
            // The first that does not fit, and all that share its upper half, stay out.
            Some(first_out) => upper(*first_out).checked_sub(1)?,
            None => u32::MAX,
        };
        let listed = hashes.get(..hashes.partition_point(|hash| upper(*hash) <= last))?;
        let count = u32::try_from(listed.len()).ok().filter(|count| *count > 0)?;
        let mut sketch = Self {
            texts: hashes.len() as u64,
            last,
            count,
            buckets: vec![0; bucket_bytes(listed.len())],
            places: Vec::with_capacity(place_bytes(listed.len())),
        };
        let values: Vec<u32> = listed.iter().map(|hash| sketch.value(*hash)).collect();
        for (number, value) in values.iter().enumerate() {
            let bit = number + (value >> PLACE_BITS) as usize;
            if let Some(byte) = sketch.buckets.get_mut(bit / 8) {
                *byte |= 1 << (bit % 8);
            }
        }
        for pair in values.chunks(2) {
            let both = pair.iter().rev().fold(0, |bits, value| (bits << PLACE_BITS) | (value % PLACES));
            sketch.places.extend(both.to_le_bytes().iter().take(place_bytes(pair.len())));
        }
        Some(sketch)
    }

    /// The number of the source's distinct texts.
    pub fn texts(&self) -> u64 {
        self.texts
    }

    /// The number of them that is listed.
    pub fn hashes(&self) -> u32 {
        self.count
    }

    /// Looks the target's texts up, as far as they were sampled.
    pub fn overlap(&self, target: &TextSet) -> Overlap {
        let hashes = target.hashes().iter().take_while(|hash| upper(**hash) <= self.last);
        let mut listed = self.values();
        listed.sort_unstable();
        let mut listed = listed.into_iter().peekable();
        let mut overlap = Overlap { compared: 0, found: 0 };
        for value in hashes.map(|hash| self.value(*hash)) {
            overlap.compared += 1;
            while listed.next_if(|found| *found < value).is_some() {}
            overlap.found += u64::from(listed.peek() == Some(&value));
        }
        overlap
    }

    /// The canonical bytes, as they stand in a card.
    pub fn to_canonical(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(canonical_bytes(self.count as usize));
        bytes.extend(self.texts.to_le_bytes());
        bytes.extend(self.last.to_le_bytes());
        bytes.extend(self.count.to_le_bytes());
        bytes.extend(&self.buckets);
        bytes.extend(&self.places);
        bytes
    }

    /// Reads canonical bytes.
    ///
    /// # Errors
    /// [`FormatError::Invalid`] where a rule is broken.
    pub fn from_canonical(bytes: &[u8]) -> Result<Self, FormatError> {
        let invalid = |detail: String| FormatError::invalid(WHAT, detail);
        if bytes.len() > MAX_SKETCH_BYTES {
            return Err(invalid(format!("{} bytes, at most {MAX_SKETCH_BYTES} are allowed", bytes.len())));
        }
        let ((texts, last, count), lists) = wire::decode_prefix::<HEADER_BYTES, (u64, u32, u32)>(WHAT, bytes)?;
        if count == 0 || u64::from(count) > texts {
            return Err(invalid(format!("{count} hashes of {texts} texts")));
        }
        if (last == u32::MAX) != (u64::from(count) == texts) {
            return Err(invalid(format!("{count} hashes up to {last:08x} of {texts} texts")));
        }
        let k = count as usize;
        if lists.len() != bucket_bytes(k) + place_bytes(k) {
            return Err(invalid(format!("{} bytes of lists for {count} hashes", lists.len())));
        }
        let (buckets, places) = lists.split_at_checked(bucket_bytes(k)).unwrap_or_default();
        let ones: u32 = buckets.iter().map(|byte| byte.count_ones()).sum();
        // Every bucket ends with a zero, the last one too, and so does the last byte.
        let ends = buckets.last().is_some_and(|byte| u32::from(*byte) >> ((2 * k - 1) % 8) == 0);
        if ones != count || !ends {
            return Err(invalid(format!(
                "{ones} ones in the buckets of {count} hashes, or none of the last bits is 0"
            )));
        }
        if k % 2 == 1 && places.last().is_some_and(|byte| *byte >= 1 << 4) {
            return Err(invalid("the half byte after the last place is not 0".to_owned()));
        }
        Ok(Self { texts, last, count, buckets: buckets.to_vec(), places: places.to_vec() })
    }

    /// Where a hash stands among the [`PLACES`] times k values that the listed hashes are spread over.
    fn value(&self, hash: u64) -> u32 {
        let scaled = (u128::from(hash) * (u128::from(PLACES) * u128::from(self.count))) >> u32::BITS;
        // With at most 4,096 bytes, PLACES times k has 24 bits: what is divided here has 56, and the quotient 24.
        (scaled as u64 / (u64::from(self.last) + 1)) as u32
    }

    /// What is listed: of each hash, its place among [`PLACES`] times [`Sketch::hashes`] values. Ascending, where the writer
    /// has kept to R28.
    pub fn values(&self) -> Vec<u32> {
        let pairs = self.places.chunks(3).flat_map(|bytes| {
            let both = bytes.iter().rev().fold(0, |bits, byte| (bits << 8) | u32::from(*byte));
            [both % PLACES, both >> PLACE_BITS]
        });
        // As many ones as there are hashes, which was checked, and before each as many zeros as its bucket's number. The half
        // byte at the end is the place of none.
        let ones = ones(&self.buckets).enumerate().map(|(number, bit)| bit.saturating_sub(number) as u32);
        ones.zip(pairs).map(|(bucket, place)| (bucket << PLACE_BITS) | place).collect()
    }
}

impl Overlap {
    /// The estimated share of the target's texts that the source holds, `None` where none could be compared.
    ///
    /// Its standard error is about `sqrt(share (1 - share) / compared)`, and none where the sketch lists every text of the
    /// source. Corrected for texts that are found by mistake.
    pub fn share(&self) -> Option<f64> {
        const MISTAKEN: f64 = 1.0 / PLACES as f64;
        let found = (self.compared > 0).then(|| self.found as f64 / self.compared as f64)?;
        Some(((found - MISTAKEN) / (1.0 - MISTAKEN)).max(0.0))
    }
}

/// Which bits of a string are ones, the lowest of each byte first.
fn ones(bytes: &[u8]) -> impl Iterator<Item = usize> {
    bytes.chunks(8).enumerate().flat_map(|(at, chunk)| {
        let word = chunk.iter().rev().fold(0, |word, byte| (word << 8) | u64::from(*byte));
        let some = |word: u64| (word != 0).then_some(word);
        let without_lowest = move |word: &u64| some(word & (word - 1));
        std::iter::successors(some(word), without_lowest).map(move |word| 64 * at + word.trailing_zeros() as usize)
    })
}

/// The upper half of a hash.
fn upper(hash: u64) -> u32 {
    (hash >> u32::BITS) as u32
}

fn bucket_bytes(count: usize) -> usize {
    count.div_ceil(4)
}

fn place_bytes(count: usize) -> usize {
    (3 * count).div_ceil(2)
}

fn canonical_bytes(count: usize) -> usize {
    HEADER_BYTES + bucket_bytes(count) + place_bytes(count)
}

/// How many hashes fit into so many bytes.
fn capacity(bytes: usize) -> usize {
    let most = bytes.saturating_sub(HEADER_BYTES) * 4 / 7;
    (0..=most).rev().find(|count| canonical_bytes(*count) <= bytes).unwrap_or(0)
}
