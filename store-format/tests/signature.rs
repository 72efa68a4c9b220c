//! Signature records: what they may hold, and golden bytes that never change.
//!
//! The golden file is written as those of `golden.rs` are, with `--test signature`. The signature in it was made by
//! `ssh-keygen -Y sign -n esmhub` over the statement that stands below; its private key is not kept.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

mod support;

use esmhub_store_format::limits::MAX_SIGNATURE_BYTES;
use esmhub_store_format::log::{Action, Entry, Record, RegistryId, Signed, Writer};
use esmhub_store_format::{Digest, FormatError};
use support::read_or_write;

const STATEMENT: &str = "esmhub publish 1\nacme/reviews/de:v1\n\
    blake3:ea8f163db38682925e4491c5e58d4bb3506ef8c14eb78a86e908c5624a67200f\n";
const SIGNATURE: &[u8] = include_bytes!("golden/signature.sshsig");

fn signed(signature: Vec<u8>) -> Signed {
    let (name, tag) = ("acme/reviews/de".parse().unwrap(), "v1".parse().unwrap());
    Signed { name, tag, digest: Digest::of(b"hello"), signature }
}

fn entry() -> Entry {
    Entry {
        number: 44,
        previous: RegistryId([7; 16]).genesis(),
        transaction: *b"0011223344556677",
        time: 1_763_942_400_002,
        writer: Writer { user: "ada".into(), host: "engine".into(), program: "esmhub 0.2.0".into() },
        records: vec![Action::Signed(signed(SIGNATURE.to_vec())).to_record().unwrap()],
    }
}

#[test]
fn the_statement_binds_reference_and_card_in_these_very_bytes() {
    let Signed { name, tag, digest, .. } = signed(vec![1]);
    assert_eq!(Signed::statement(&name, &tag, &digest), STATEMENT);
}

#[test]
fn the_log_entry_with_a_signature_is_its_golden_bytes() {
    let (bytes, digest) = entry().to_frame().unwrap();
    let file = read_or_write("entry-signature.frame", &bytes);
    let (read, found) = Entry::from_frame(&file).unwrap();
    assert_eq!((&read, found), (&entry(), digest));
    assert_eq!((read.records[0].kind, read.records[0].flags), (7, 0));
    assert_eq!(Action::from_record(&read.records[0]).unwrap(), Action::Signed(signed(SIGNATURE.to_vec())));
    assert_eq!(digest.to_string(), "d20e04066cc5f89e4eb8299781c5e6f16b83ed0be3839936a34da70efdf0da5b");
}

#[test]
fn a_signature_has_a_length_within_its_limit() {
    for length in [1, 176, MAX_SIGNATURE_BYTES] {
        let action = Action::Signed(signed(vec![9; length]));
        let record = action.to_record().unwrap();
        assert_eq!(Action::from_record(&record).unwrap(), action);
        for payload in [&record.payload[..record.payload.len() - 1], &[&record.payload[..], &[0]].concat()] {
            let broken = Record { payload: payload.to_vec(), ..record };
            assert!(matches!(Action::from_record(&broken), Err(FormatError::Invalid { .. })), "{length}");
        }
    }
    let mut longest = Action::Signed(signed(vec![9; MAX_SIGNATURE_BYTES])).to_record().unwrap();
    let at = longest.payload.len() - MAX_SIGNATURE_BYTES - 8;
    longest.payload[at..at + 8].copy_from_slice(&(MAX_SIGNATURE_BYTES as u64 + 1).to_le_bytes());
    longest.payload.push(9);
    assert!(matches!(Action::from_record(&longest), Err(FormatError::Invalid { .. })));
    for length in [0, MAX_SIGNATURE_BYTES + 1] {
        let action = Action::Signed(signed(vec![9; length]));
        assert!(matches!(action.to_record(), Err(FormatError::Invalid { .. })), "{length}");
    }
}

#[test]
fn a_name_that_is_none_is_refused() {
    let mut record = Action::Signed(signed(vec![9])).to_record().unwrap();
    record.payload[8] = b'/';
    assert!(matches!(Action::from_record(&record), Err(FormatError::Invalid { .. })));
}
