//! tokenizer.json of a model that is sound otherwise: read, and where it is accepted, given texts.

#![no_main]

use std::fs;
use std::sync::LazyLock;

use esmhub_fuzz::{let_panics_be_caught, model};
use esmhub_selection::encoder::Encoder;
use libfuzzer_sys::fuzz_target;
use tempfile::TempDir;

static MODEL: LazyLock<TempDir> = LazyLock::new(|| model("bert"));

const TEXTS: [&str; 4] =
    ["the old mill", "", "Äpfel, naïve ﷺ 東京 \u{1f469}\u{200d}\u{1f680}\n", "aaaaaaaaaaaaaaaa  bb"];

fuzz_target!(init: let_panics_be_caught(), |bytes: &[u8]| {
    fs::write(MODEL.path().join("tokenizer.json"), bytes).expect("a file on the RAM disk");
    if let Ok(encoder) = Encoder::in_folder(MODEL.path())
        && let Ok(embeddings) = encoder.embed(&TEXTS, 16, &|_, _| ())
    {
        assert_eq!((embeddings.rows(), embeddings.dimension()), (TEXTS.len(), encoder.dimension()));
        assert!(embeddings.first_non_finite().is_none());
    }
});
