//! `pytorch_model.bin`: the bytes as the whole archive, and as the pickle of an archive with two tensors beside it.

#![no_main]

use std::io::{Cursor, Write};
use std::sync::LazyLock;

use esmhub_fuzz::{Input, let_panics_be_caught};
use esmhub_selection::read_pickle;
use libfuzzer_sys::fuzz_target;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

static INPUT: LazyLock<Input> = LazyLock::new(|| Input::named(&["pytorch_model.bin"]));

fuzz_target!(init: let_panics_be_caught(), |bytes: &[u8]| {
    for archive in [bytes, &archive(bytes)] {
        for path in INPUT.fill(archive) {
            if let Ok(map) = read_pickle(path) {
                assert!(map.weight().iter().chain(map.bias()).all(|value| value.is_finite()));
            }
        }
    }
});

/// The checksums of a zip would otherwise stop nearly every change.
fn archive(pickle: &[u8]) -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
    for (name, content) in
        [("pytorch_model/data.pkl", pickle), ("pytorch_model/data/0", &[0; 64]), ("pytorch_model/data/1", &[0; 16])]
    {
        zip.start_file(name, options).expect("a name");
        zip.write_all(content).expect("memory");
    }
    zip.finish().expect("memory").into_inner()
}
