//! Log entries: the bytes as the canonical bytes of a frame with the right digest, and as a frame.

#![no_main]

use esmhub_store_format::frame::{self, Content};
use esmhub_store_format::log::Entry;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(framed) = frame::encode(Content::Entry, bytes)
        && let Ok((entry, digest)) = Entry::from_frame(&framed)
    {
        let (again, same) = entry.to_frame().expect("a decoded entry is within the limits");
        assert_eq!(digest, same, "an entry has one spelling");
        assert_eq!(Entry::from_frame(&again).expect("what was written is read").0, entry);
        entry.actions().for_each(|action| drop(action));
    }
    let _ = Entry::from_frame(bytes);
});
