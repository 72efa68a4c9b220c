//! What is read at most from a user's file. Each limit is checked before the memory is asked for.

/// Bytes of a table file: above this a table no longer fits the memory of the machines that esmhub is for.
pub(crate) const MAX_TABLE_BYTES: u64 = 4 << 30;

/// Rows of a table or an array. One row costs at least a string and a label, about 60 bytes.
pub(super) const MAX_ROWS: usize = 10_000_000;

/// Bytes of one text or label. An encoder reads the first few hundred tokens, so more is damage: an unclosed quote, say.
pub(super) const MAX_CELL_BYTES: usize = 1 << 20;

/// Bytes of one line of a table with all its columns, those that are not asked for included.
pub(super) const MAX_RECORD_BYTES: u64 = 16 << 20;

/// Bytes of all texts, labels and rows of a table together; of a small file [`expanded`] allows less.
pub(super) const MAX_TEXT_BYTES: u64 = 4 << 30;

/// What a row counts beside its text and label: the handles of both, and what an allocator adds.
pub(super) const ROW_BYTES: u64 = 64;

/// Bytes of one Parquet page when unpacked: most writers stop at 1 MiB, DuckDB at 100 MB.
pub(super) const MAX_PAGE_BYTES: u64 = 128 << 20;

/// Bytes of the dictionary of a Parquet column chunk; writers stop at about 1 MiB.
pub(super) const MAX_DICTIONARY_BYTES: usize = 16 << 20;

/// Bytes of all arrays of a file together, decoded; of a small file [`expanded`] allows less.
pub(super) const MAX_ARRAY_BYTES: u64 = 8 << 30;

/// How many bytes a file of `file` bytes may become in memory, at most `most`: 64 times its size, 256 MiB in any case.
///
/// A compressed file can repeat one long text, or zeros, for ever. What people keep in such files shrinks to a tenth.
pub(super) fn expanded(file: u64, most: u64) -> u64 {
    file.saturating_mul(64).max(256 << 20).min(most)
}

/// Dimensions of an embedding; the largest common encoders have 4,096 or 8,192.
pub(super) const MAX_DIMENSION: u64 = 8192;

/// Bytes of an array's own header (npy), the limit of numpy itself.
pub(super) const MAX_NPY_HEADER_BYTES: u64 = 10_000;

/// Bytes of a safetensors header: two arrays need about 200.
pub(super) const MAX_SAFETENSORS_HEADER_BYTES: u64 = 1 << 20;

/// Classes of a target: LogME fits one linear model per class.
pub(super) const MAX_CLASSES: usize = 10_000;
