//! Log entries: the bytes as canonical bytes (so that the fuzzer need not guess a digest), and as a frame.

#![no_main]

use esmhub_store_format::log::{Action, Entry};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(entry) = Entry::from_canonical(bytes) {
        let again = entry.to_canonical().expect("a decoded entry is within the limits");
        assert_eq!(again, bytes, "an entry has one spelling");
        for (record, action) in entry.records.iter().zip(entry.actions()) {
            if let Ok(action @ (Action::Anchors(_) | Action::Signed(_))) = action {
                let again = action.to_record().expect("what was read is written");
                assert_eq!(again.payload, record.payload, "a record has one spelling");
            }
        }
    }
    let _ = Entry::from_frame(bytes);
});
