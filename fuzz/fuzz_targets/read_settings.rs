//! The settings of a language model: the same bytes as config.json, modules.json, the pooling's config.json, and the index
//! of the shards.

#![no_main]

use std::fs;
use std::sync::LazyLock;

use esmhub_fuzz::model;
use esmhub_selection::encoder::ModelFiles;
use libfuzzer_sys::fuzz_target;
use tempfile::TempDir;

static MODEL: LazyLock<TempDir> = LazyLock::new(|| {
    let folder = model("bert");
    fs::create_dir(folder.path().join("1_Pooling")).expect("a folder on the RAM disk");
    fs::rename(folder.path().join("model.safetensors"), folder.path().join("weights")).expect("the weights");
    folder
});

fuzz_target!(|bytes: &[u8]| {
    for name in ["config.json", "1_Pooling/config.json", "modules.json", "model.safetensors.index.json"] {
        let path = MODEL.path().join(name);
        let before = fs::read(&path).ok();
        fs::write(&path, bytes).expect("a file on the RAM disk");
        if let Ok(files) = ModelFiles::in_folder(MODEL.path()) {
            if let Ok((dimension, _)) = files.output() {
                assert!((1..=8192).contains(&dimension));
            }
        }
        match before {
            Some(before) => fs::write(&path, before).expect("a file on the RAM disk"),
            None => fs::remove_file(&path).expect("a file on the RAM disk"),
        }
    }
});
