//! A second reader of the format, written from SPEC.md alone: `std`, blake3, zstd and half, and no code of esmhub.
//!
//! It promises to decode every golden file and worked example to the values that esmhub decodes, to refuse what esmhub
//! refuses, and to call a refusal by the same name. It never writes, and knows nothing that SPEC.md does not say: where
//! the two readers differ, SPEC.md is unclear or one of them is wrong.

// The reader.
mod anchors;
mod bundle;
mod card;
mod codec;
mod entry;
mod facts;
mod frame;
mod marker;
mod name;
mod object;
mod reader;

// What it is held against esmhub with.
mod random;
mod sealed;
mod twins;
mod values;

// The tests.
mod anchor_edges;
mod directory;
mod golden;
mod limits;
mod log_edges;
mod low_rank_edges;
mod mutation;
mod object_edges;
mod sketch_edges;
mod worked_example;
