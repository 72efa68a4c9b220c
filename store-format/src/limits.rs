//! Every limit of the format, with its reason. A reader checks them before it allocates (R4).

/// The largest dimension D of an embedding. Encoders of 70 billion parameters have 8,192; a dense f32 map is 256 MiB there.
pub const MAX_DIMENSION: u32 = 8192;

/// The largest canonical object: a dense f32 map of [`MAX_DIMENSION`], its bias and its header.
pub const MAX_OBJECT_BYTES: u64 = 4 * (MAX_DIMENSION as u64 + 1) * MAX_DIMENSION as u64 + 64;

/// The largest card. A pool of 100,000 ESMs then stays below 800 MiB of metadata, whoever publishes.
pub const MAX_CARD_BYTES: u64 = 8 * 1024;

/// The largest log entry: about 1,800 of the largest cards. Larger batches become several transactions.
pub const MAX_ENTRY_BYTES: u64 = 16 * 1024 * 1024;

/// The most records of one log entry. The smallest publish takes well over 100 bytes, so this never binds before
/// [`MAX_ENTRY_BYTES`] for real batches; it bounds what empty records can claim.
pub const MAX_ENTRY_RECORDS: usize = 65_536;

/// The most entries that one record may declare lost: more than any damage takes, and few enough to walk over.
pub const MAX_LOST_ENTRIES: u64 = 65_536;

/// The largest segment of a name, and the largest tag, in bytes: file systems take 255, and a suffix must fit.
pub const MAX_SEGMENT_BYTES: usize = 96;

/// The most segments of a name.
pub const MAX_SEGMENTS: usize = 8;

/// The largest publish record: a card with its name and tag.
pub const MAX_RECORD_BYTES: u64 = MAX_CARD_BYTES + 2 * 1024;

/// The largest zstd window that a reader accepts, as a power of two: 8 MiB, what every zstd decoder must support.
pub const MAX_WINDOW_LOG: u32 = 23;

/// The largest anchor set: some 30,000 short texts. Every publish from texts embeds all of them twice.
pub const MAX_ANCHORS_BYTES: u64 = 4 * 1024 * 1024;

/// The most domains of an anchor set, so that what an ESM is worth on each of them fits into its card.
pub const MAX_ANCHOR_DOMAINS: usize = 48;

/// The longest label of a domain, in bytes.
pub const MAX_ANCHOR_LABEL_BYTES: usize = 64;

/// The largest sketch of a source's texts: half a card. It lists 2,331 texts.
pub const MAX_SKETCH_BYTES: usize = 4096;

/// The longest signature, in bytes. One by an ed25519 key takes 176.
pub const MAX_SIGNATURE_BYTES: usize = 1024;

/// The most signatures of one `name:tag`: whoever floods a log with them costs its readers so much and no more.
pub const MAX_SIGNATURES: usize = 32;

/// Bytes of an outcome's target, and of the id of its base model.
pub const MAX_OUTCOME_TEXT_BYTES: usize = 512;

/// Bytes of the name of a metric, and of the kind of a score.
pub const MAX_METRIC_BYTES: usize = 64;
