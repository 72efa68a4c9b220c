//! Log entries and their records, section 6.

use super::card;
use super::name;
use super::reader::{Decoded, Digest, Reader, Refusal, digest, ensure};

/// The most bytes of user, host and program each (section 10).
pub(crate) const WRITER: usize = 255;

/// The most records of an entry (section 10).
pub(crate) const RECORDS: usize = 65_536;

/// The longest payload of a publish record, in bytes (section 10).
pub(crate) const PUBLISH: usize = card::LIMIT + (2 << 10);

/// The most entries that a record may declare lost (section 10).
pub(crate) const LOST: u32 = 65_536;

/// The longest signature, in bytes (section 10).
pub(crate) const SIGNATURE: usize = 1024;

/// The most signatures of a name:tag (section 10).
pub(crate) const SIGNATURES: usize = 32;

/// Bytes of an outcome's target and base model id, and of its metric and kind of score (section 10).
pub(crate) const OUTCOME_TEXT: usize = 512;
pub(crate) const METRIC: usize = 64;

/// The flag that stops readers which do not know the record's kind (R36).
const STOPS_READERS: u16 = 1;

/// The flag that stops writers which do not know the record's kind (R36).
const STOPS_WRITERS: u16 = 2;

/// Who wrote an entry, by their own account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Writer {
    pub(crate) user: String,
    pub(crate) host: String,
    pub(crate) program: String,
}

/// name:tag stands for this card.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Publish {
    pub(crate) name: String,
    pub(crate) tag: String,
    /// Canonical bytes, not decoded: R39.
    pub(crate) card: Vec<u8>,
}

/// What yank, unyank and remove are about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Target {
    pub(crate) name: String,
    pub(crate) tag: String,
    pub(crate) card: Digest,
}

/// ESMs of this base model are fitted on this anchor set from now on; on none where it is absent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Anchors {
    pub(crate) base: String,
    pub(crate) set: Option<Digest>,
}

/// The first and the last number of each run of entries that are lost.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Loss {
    pub(crate) runs: Vec<(u64, u64)>,
}

/// Somebody vouches for what name:tag stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Signature {
    pub(crate) target: Target,
    /// As it is written: whether it is one is not asked here.
    pub(crate) bytes: Vec<u8>,
}

/// What really came out on a target task. Numbers are the bits of `f64`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Outcome {
    pub(crate) target: String,
    pub(crate) data: Option<Digest>,
    pub(crate) base: String,
    pub(crate) esm: Option<Target>,
    pub(crate) metric: String,
    pub(crate) lower_is_better: bool,
    pub(crate) value: Option<u64>,
    pub(crate) score: Option<(String, u64)>,
}

/// One thing that an entry says, as it is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Record {
    pub(crate) kind: u16,
    pub(crate) flags: u16,
    pub(crate) payload: Vec<u8>,
}

/// What a record means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Action {
    Publish(Publish),
    Yank(Target),
    Unyank(Target),
    Remove(Target),
    Anchors(Anchors),
    Loss(Loss),
    Signature(Signature),
    Outcome(Outcome),
    Origin(Origin),
    /// Of a kind that this reader does not know and may skip (R36).
    Unknown {
        kind: u16,
        stops_writers: bool,
    },
}

/// Where records come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Origin {
    pub(crate) registry: [u8; 16],
    pub(crate) entry: u64,
    pub(crate) digest: Digest,
    pub(crate) first: u32,
    pub(crate) time: u64,
    pub(crate) writer: Writer,
}

/// One transaction.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Entry {
    pub(crate) number: u64,
    pub(crate) previous: Digest,
    pub(crate) transaction: [u8; 16],
    pub(crate) time: u64,
    pub(crate) writer: Writer,
    pub(crate) records: Vec<Record>,
}

impl Entry {
    /// Decodes the canonical bytes of an entry.
    pub(crate) fn decode(canonical: &[u8]) -> Decoded<Self> {
        let mut reader = Reader::new(canonical);
        ensure(reader.u16()? == 1, Refusal::Newer("section 6: entry version"))?;
        let number = reader.u64()?;
        ensure(number != 0, Refusal::Invalid("section 6: number 0"))?;
        let entry = Self {
            number,
            previous: reader.array()?,
            transaction: reader.array()?,
            time: reader.u64()?,
            writer: Writer { user: reader.text(WRITER)?, host: reader.text(WRITER)?, program: reader.text(WRITER)? },
            records: reader.list(RECORDS, record)?,
        };
        reader.finish()?;
        Ok(entry)
    }

    /// R33: whether the entry is number `number` and follows the canonical bytes `before`, which are the registry's 16
    /// id bytes for number 1.
    pub(crate) fn follows(&self, number: u64, before: &[u8]) -> Decoded<()> {
        ensure(self.number == number, Refusal::Damage("R33: number"))?;
        ensure(self.previous == digest(before), Refusal::Damage("R33: previous"))
    }
}

fn record(reader: &mut Reader<'_>) -> Decoded<Record> {
    Ok(Record { kind: reader.u16()?, flags: reader.u16()?, payload: reader.bytes(usize::MAX)?.to_vec() })
}

impl Record {
    /// What it means.
    pub(crate) fn action(&self) -> Decoded<Action> {
        match self.kind {
            1 => publish(&self.payload).map(Action::Publish),
            2 => target(&self.payload).map(Action::Yank),
            3 => target(&self.payload).map(Action::Unyank),
            4 => target(&self.payload).map(Action::Remove),
            5 => anchors(&self.payload).map(Action::Anchors),
            6 => loss(&self.payload).map(Action::Loss),
            7 => signature(&self.payload).map(Action::Signature),
            8 => outcome(&self.payload).map(Action::Outcome),
            9 => origin(&self.payload).map(Action::Origin),
            kind => {
                ensure(self.flags & STOPS_READERS == 0, Refusal::Newer("R36: a record that must be known"))?;
                Ok(Action::Unknown { kind, stops_writers: self.flags & STOPS_WRITERS != 0 })
            }
        }
    }
}

/// Decodes the payload of a publish record.
pub(crate) fn publish(payload: &[u8]) -> Decoded<Publish> {
    ensure(payload.len() <= PUBLISH, Refusal::TooLarge("section 10: publish record"))?;
    let mut reader = Reader::new(payload);
    let publish = Publish {
        name: name::name(&mut reader)?,
        tag: name::tag(&mut reader)?,
        card: reader.bytes(usize::MAX)?.to_vec(),
    };
    reader.finish()?;
    Ok(publish)
}

fn anchors(payload: &[u8]) -> Decoded<Anchors> {
    ensure(payload.len() <= PUBLISH, Refusal::TooLarge("R41: anchors record"))?;
    let mut reader = Reader::new(payload);
    let anchors = Anchors { base: reader.text(PUBLISH)?, set: reader.option(Reader::array)? };
    reader.finish()?;
    ensure(!anchors.base.is_empty(), Refusal::Invalid("R41: no base model"))?;
    Ok(anchors)
}

fn loss(payload: &[u8]) -> Decoded<Loss> {
    ensure(payload.len() <= PUBLISH, Refusal::TooLarge("R42: loss record"))?;
    let mut reader = Reader::new(payload);
    let runs = reader.list(usize::MAX, |reader| Ok((reader.u64()?, reader.u64()?)))?;
    reader.finish()?;
    let mut entries: u128 = 0;
    let mut behind: u128 = 0;
    for (first, last) in &runs {
        let (first, last) = (u128::from(*first), u128::from(*last));
        ensure(first > behind && last >= first, Refusal::Invalid("R42: runs in ascending order, not touching"))?;
        entries += last - first + 1;
        behind = last + 1;
    }
    ensure((1..=u128::from(LOST)).contains(&entries), Refusal::Invalid("R42: number of entries"))?;
    Ok(Loss { runs })
}

fn target(payload: &[u8]) -> Decoded<Target> {
    let mut reader = Reader::new(payload);
    let target = target_at(&mut reader)?;
    reader.finish()?;
    Ok(target)
}

fn target_at(reader: &mut Reader<'_>) -> Decoded<Target> {
    Ok(Target { name: name::name(reader)?, tag: name::tag(reader)?, card: reader.array()? })
}

fn signature(payload: &[u8]) -> Decoded<Signature> {
    let mut reader = Reader::new(payload);
    let signature = Signature { target: target_at(&mut reader)?, bytes: reader.bytes(SIGNATURE)?.to_vec() };
    reader.finish()?;
    ensure(!signature.bytes.is_empty(), Refusal::Invalid("R44: no signature"))?;
    Ok(signature)
}

fn origin(payload: &[u8]) -> Decoded<Origin> {
    let mut reader = Reader::new(payload);
    let origin = Origin {
        registry: reader.array()?,
        entry: reader.u64()?,
        digest: reader.array()?,
        first: reader.u32()?,
        time: reader.u64()?,
        writer: Writer { user: reader.text(WRITER)?, host: reader.text(WRITER)?, program: reader.text(WRITER)? },
    };
    reader.finish()?;
    ensure(origin.entry > 0, Refusal::Invalid("R48: entry 0"))?;
    Ok(origin)
}

fn outcome(payload: &[u8]) -> Decoded<Outcome> {
    let mut reader = Reader::new(payload);
    let number = |reader: &mut Reader<'_>| {
        let bits = reader.u64()?;
        ensure(f64::from_bits(bits).is_finite(), Refusal::Invalid("R46: a number that is not finite"))?;
        Ok(bits)
    };
    let name = |reader: &mut Reader<'_>| {
        let text = reader.text(METRIC)?;
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || [b'.', b'_', b'-'].contains(&byte);
        ensure(!text.is_empty() && text.bytes().all(plain), Refusal::Invalid("R46: a metric"))?;
        Ok(text)
    };
    let text = |reader: &mut Reader<'_>| {
        let text = reader.text(OUTCOME_TEXT)?;
        ensure(!text.is_empty(), Refusal::Invalid("R46: an empty text"))?;
        Ok(text)
    };
    let outcome = Outcome {
        target: text(&mut reader)?,
        data: reader.option(Reader::array)?,
        base: text(&mut reader)?,
        esm: reader.option(target_at)?,
        metric: name(&mut reader)?,
        lower_is_better: match reader.u8()? {
            0 => false,
            1 => true,
            _ => return Err(Refusal::Invalid("R46: whether lower is better")),
        },
        value: reader.option(number)?,
        score: reader.option(|reader| Ok((name(reader)?, number(reader)?)))?,
    };
    reader.finish()?;
    Ok(outcome)
}

impl Signature {
    /// What it signs (R44), where name and tag are spelt as they were published.
    pub(crate) fn statement(&self) -> String {
        let Target { name, tag, card } = &self.target;
        let card: String = card.iter().map(|byte| format!("{byte:02x}")).collect();
        format!("esmhub publish 1\n{name}:{tag}\nblake3:{card}\n")
    }
}

/// The key and the signature of bytes of the one form that R44 allows.
pub(crate) fn key_and_signature(bytes: &[u8]) -> Option<([u8; 32], [u8; 64])> {
    const HEAD: &[u8] = b"SSHSIG\0\0\0\x01\0\0\0\x33\0\0\0\x0bssh-ed25519\0\0\0\x20";
    const MIDDLE: &[u8] = b"\0\0\0\x06esmhub\0\0\0\0\0\0\0\x06sha512\0\0\0\x53\0\0\0\x0bssh-ed25519\0\0\0\x40";
    let (head, rest) = bytes.split_at_checked(33)?;
    let (key, rest) = rest.split_first_chunk()?;
    let (middle, rest) = rest.split_at_checked(47)?;
    let (signature, rest) = rest.split_first_chunk()?;
    (head == HEAD && middle == MIDDLE && rest.is_empty()).then_some((*key, *signature))
}
