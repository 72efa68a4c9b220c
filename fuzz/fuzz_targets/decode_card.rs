//! Cards and publish records.

#![no_main]

use esmhub_store_format::Card;
use esmhub_store_format::log::Published;
use esmhub_store_format::sketch::TextSet;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(card) = Card::from_canonical(bytes) {
        assert_eq!(card.to_canonical().expect("a decoded card is within the limits"), bytes, "a card has one spelling");
        let _ = card.weights.rank();
        let mut same = card.clone();
        if let Some(fidelity) = card.fidelity() {
            assert!(fidelity.across().is_none_or(|mean| !mean.is_nan()));
            same.set_fidelity(&fidelity).expect("what was read is written");
        }
        if let Some(derivation) = card.derivation() {
            same.set_derivation(&derivation).expect("what was read is written");
        }
        if let Some(sketch) = card.sketch() {
            let overlap = sketch.overlap(&TextSet::of(["rain", "snow", "hail", "sun"]));
            assert!(overlap.found <= overlap.compared && overlap.compared <= 4);
            assert_eq!(sketch.values().len(), sketch.hashes() as usize);
            same.set_sketch(&sketch);
        }
        assert_eq!(same, card, "an extension has one spelling");
    }
    if let Ok(published) = Published::from_canonical(bytes) {
        assert_eq!(published.to_canonical().expect("a decoded record is within the limits"), bytes);
    }
});
