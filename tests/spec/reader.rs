//! The conventions of section 1: how a value is spelled, and how a refusal is called (section 11).

/// Why bytes were refused. The text says which rule of SPEC.md, for whoever reads a failing test.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// The frame or file is not what its writer wrote.
    Damage(&'static str),
    /// The bytes are fine, and this reader is too old for them.
    Newer(&'static str),
    /// The bytes are what their writer wrote, and that breaks a rule.
    Invalid(&'static str),
    /// Canonical bytes, or a marker, exceed their limit.
    TooLarge(&'static str),
}

/// What every decoder here returns.
pub(crate) type Decoded<T> = Result<T, Refusal>;

/// 32 bytes of blake3.
pub(crate) type Digest = [u8; 32];

/// The blake3 of some bytes.
pub(crate) fn digest(bytes: &[u8]) -> Digest {
    *blake3::hash(bytes).as_bytes()
}

/// Refuses with `why` unless `holds`.
pub(crate) fn ensure(holds: bool, why: Refusal) -> Decoded<()> {
    if holds { Ok(()) } else { Err(why) }
}

const MISSING: Refusal = Refusal::Invalid("section 1: bytes missing");

/// Canonical bytes, read from front to back.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    /// Reads from the start of `bytes`.
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// The next `count` bytes.
    pub(crate) fn take(&mut self, count: usize) -> Decoded<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count).ok_or(MISSING)?;
        self.0 = rest;
        Ok(taken)
    }

    /// The next `N` bytes, without a length before them.
    pub(crate) fn array<const N: usize>(&mut self) -> Decoded<[u8; N]> {
        let (taken, rest) = self.0.split_first_chunk().ok_or(MISSING)?;
        self.0 = rest;
        Ok(*taken)
    }

    pub(crate) fn u8(&mut self) -> Decoded<u8> {
        self.array().map(u8::from_le_bytes)
    }

    pub(crate) fn u16(&mut self) -> Decoded<u16> {
        self.array().map(u16::from_le_bytes)
    }

    pub(crate) fn u32(&mut self) -> Decoded<u32> {
        self.array().map(u32::from_le_bytes)
    }

    pub(crate) fn u64(&mut self) -> Decoded<u64> {
        self.array().map(u64::from_le_bytes)
    }

    /// An `f64` of a card: R23 wants it finite.
    pub(crate) fn finite(&mut self) -> Decoded<f64> {
        let value = self.array().map(f64::from_le_bytes)?;
        ensure(value.is_finite(), Refusal::Invalid("R23: a number is not finite"))?;
        Ok(value)
    }

    /// A length that stands before bytes, at most `limit`.
    fn length(&mut self, limit: usize) -> Decoded<usize> {
        let length = self.u64()?;
        let fits = usize::try_from(length).ok().filter(|length| *length <= limit);
        fits.ok_or(Refusal::Invalid("section 10: a length over its limit"))
    }

    /// `bytes` of at most `limit`.
    pub(crate) fn bytes(&mut self, limit: usize) -> Decoded<&'a [u8]> {
        let length = self.length(limit)?;
        self.take(length)
    }

    /// `text` of at most `limit` bytes, whatever characters it holds.
    pub(crate) fn any_text(&mut self, limit: usize) -> Decoded<String> {
        let text = str::from_utf8(self.bytes(limit)?);
        text.map(str::to_owned).map_err(|_| Refusal::Invalid("section 1: a text is not UTF-8"))
    }

    /// `text` of at most `limit` bytes, without control characters (R23).
    pub(crate) fn text(&mut self, limit: usize) -> Decoded<String> {
        let text = self.any_text(limit)?;
        ensure(!text.chars().any(char::is_control), Refusal::Invalid("R23: a text holds a control character"))?;
        Ok(text)
    }

    /// `list of T` of at most `limit` items. No item is of zero bytes, so that memory follows what really arrived.
    pub(crate) fn list<T>(&mut self, limit: usize, mut item: impl FnMut(&mut Self) -> Decoded<T>) -> Decoded<Vec<T>> {
        let count = self.length(limit)?;
        let mut items = Vec::new();
        for _ in 0..count {
            items.push(item(self)?);
        }
        Ok(items)
    }

    /// `T?`.
    pub(crate) fn option<T>(&mut self, item: impl FnOnce(&mut Self) -> Decoded<T>) -> Decoded<Option<T>> {
        match self.u8()? {
            0 => Ok(None),
            1 => item(self).map(Some),
            _ => Err(Refusal::Invalid("section 1: presence is neither 0 nor 1")),
        }
    }

    /// `one of …`, given the meanings in their order.
    pub(crate) fn one_of<T: Copy>(&mut self, meanings: &[T]) -> Decoded<T> {
        let place = usize::try_from(self.u32()?).ok();
        let meaning = place.and_then(|place| meanings.get(place));
        meaning.copied().ok_or(Refusal::Invalid("section 1: none of those listed"))
    }

    /// R5: nothing may follow.
    pub(crate) fn finish(self) -> Decoded<()> {
        ensure(self.0.is_empty(), Refusal::Invalid("R5: bytes left over"))
    }
}
