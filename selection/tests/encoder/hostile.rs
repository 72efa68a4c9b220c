//! Damaged and hostile bytes: weights and tokenizers that are refused by name, and none takes the program down.

use std::fs;
use std::path::Path;

use esmhub_selection::encoder::{Encoder, EncoderError};
use serde_json::json;

use super::support::{assert_refused, copy_of, edit, golden, refusal, texts};

#[test]
fn wrong_shape_is_named_with_what_was_expected() {
    let folder = copy_of("bert");
    edit(&folder.path().join("config.json"), |config| config["intermediate_size"] = json!(48));
    assert_refused(folder.path(), &["encoder.layer.0.intermediate.dense.weight", "[64, 32]", "[48, 32]"]);
    let folder = copy_of("bert-bin");
    edit(&folder.path().join("config.json"), |config| config["intermediate_size"] = json!(48));
    assert_refused(folder.path(), &["bert.encoder.layer.0.intermediate.dense.weight", "[64, 32]", "[48, 32]"]);
    let folder = copy_of("bert");
    edit(&folder.path().join("config.json"), |config| config["num_hidden_layers"] = json!(3));
    assert_refused(folder.path(), &["lack the tensor encoder.layer.2."]);
}

#[test]
fn bert_without_pooler_does_not_get_a_made_up_one() {
    let folder = copy_of("bert");
    rename_in_header(folder.path(), "pooler.dense.weight", "poorer.dense.weight");
    assert_refused(folder.path(), &["lack the pooler (pooler.dense.weight)"]);
    // Where the mean is asked for, nobody needs it.
    let folder = copy_of("bert-mean");
    rename_in_header(folder.path(), "pooler.dense.weight", "poorer.dense.weight");
    Encoder::in_folder(folder.path()).unwrap();
}

fn rename_in_header(folder: &Path, from: &str, to: &str) {
    let path = folder.join("model.safetensors");
    let mut bytes = fs::read(&path).unwrap();
    let at = bytes.windows(from.len()).position(|window| window == from.as_bytes()).unwrap();
    bytes[at..at + to.len()].copy_from_slice(to.as_bytes());
    fs::write(path, bytes).unwrap();
}

#[test]
fn truncated_safetensors_is_refused_at_every_length() {
    let folder = copy_of("bert");
    let path = folder.path().join("model.safetensors");
    let whole = fs::read(&path).unwrap();
    for length in (0..whole.len()).step_by(997).chain(0..16).chain([whole.len() - 1]) {
        fs::write(&path, &whole[..length]).unwrap();
        refusal(folder.path());
    }
}

#[test]
fn header_of_impossible_size_is_refused_before_memory_is_asked_for() {
    let folder = copy_of("bert");
    let path = folder.path().join("model.safetensors");
    let whole = fs::read(&path).unwrap();
    for length in [1_u64 << 60, u64::MAX, (16 << 20) + 1, whole.len() as u64] {
        let mut bytes = whole.clone();
        bytes[..8].copy_from_slice(&length.to_le_bytes());
        fs::write(&path, bytes).unwrap();
        assert_refused(folder.path(), &["a header of"]);
    }
}

#[test]
fn tensor_outside_the_file_is_refused() {
    for offsets in
        ["[0,9223372036854775807]", "[18446744073709551615,18446744073709551615]", "[64,0]", "[0,4]", "[-1,3]"]
    {
        let folder = copy_of("bert");
        let header = format!(r#"{{"pooler.dense.bias":{{"dtype":"F32","shape":[32],"data_offsets":{offsets}}}}}"#);
        let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
        bytes.extend_from_slice(header.as_bytes());
        bytes.extend_from_slice(&[0; 128]);
        fs::write(folder.path().join("model.safetensors"), bytes).unwrap();
        assert_refused(folder.path(), &["pooler.dense.bias does not fit"]);
    }
}

#[test]
fn weights_that_are_no_numbers_are_refused() {
    let folder = copy_of("bert");
    let path = folder.path().join("model.safetensors");
    let mut bytes = fs::read(&path).unwrap();
    let end = bytes.len();
    bytes[end - 4..].copy_from_slice(&f32::NAN.to_le_bytes());
    fs::write(&path, &bytes).unwrap();
    assert_refused(folder.path(), &["has a NaN or infinite value at position"]);
}

#[test]
fn damaged_pickles_are_refused_without_a_panic() {
    let folder = copy_of("bert-bin");
    let path = folder.path().join("pytorch_model.bin");
    let whole = fs::read(&path).unwrap();
    for length in [0, 1, 100, whole.len() / 2, whole.len() - 1] {
        fs::write(&path, &whole[..length]).unwrap();
        refusal(folder.path());
    }
    // Every byte of the pickle's beginning in turn. Some changes only touch a name that nobody needs.
    let start = whole.windows(8).position(|window| window == b"data.pkl").unwrap();
    let mut refused = 0;
    for at in (start + 8..start + 600).step_by(3) {
        let mut bytes = whole.clone();
        bytes[at] ^= 0x55;
        fs::write(&path, bytes).unwrap();
        refused += u32::from(Encoder::in_folder(folder.path()).is_err());
    }
    assert!(refused > 50, "{refused}");
}

#[test]
fn hostile_tokenizers_are_refused_without_a_panic() {
    let whole = fs::read(golden("bert/tokenizer.json")).unwrap();
    let folder = copy_of("bert");
    let path = folder.path().join("tokenizer.json");
    for bytes in [b"".as_slice(), b"{}", b"[]", b"null", &whole[..whole.len() / 2], &[b'['; 100_000]] {
        fs::write(&path, bytes).unwrap();
        assert_refused(folder.path(), &["not a tokenizer that can be read"]);
    }
    // Every part replaced by something of another kind: refused when read, or when a text comes, or harmless.
    let (texts, max_length) = texts();
    for key in ["model", "added_tokens", "normalizer", "pre_tokenizer", "post_processor", "truncation", "padding"] {
        for value in [json!(null), json!(7), json!({}), json!([{}]), json!({"type": "Sequence"})] {
            fs::write(&path, &whole).unwrap();
            edit(&path, |tokenizer| tokenizer[key] = value);
            if let Ok(encoder) = Encoder::in_folder(folder.path()) {
                let _ = encoder.embed(&texts, max_length, &|_, _| ());
            }
        }
    }
}

#[test]
fn template_with_a_special_token_that_is_not_there_is_refused_without_a_panic() {
    let folder = copy_of("bert");
    edit(&folder.path().join("tokenizer.json"), |tokenizer| {
        tokenizer["post_processor"]["special_tokens"] = json!({});
    });
    let encoder = Encoder::in_folder(folder.path()).unwrap();
    let error = encoder.embed(&["the river"], 16, &|_, _| ()).unwrap_err();
    assert!(matches!(error, EncoderError::Tokenize { text: 0, .. }), "{error}");
}

#[test]
fn token_without_embedding_is_refused() {
    let folder = copy_of("bert");
    edit(&folder.path().join("tokenizer.json"), |tokenizer| tokenizer["model"]["vocab"]["the"] = json!(100_000));
    let encoder = Encoder::in_folder(folder.path()).unwrap();
    let error = encoder.embed(&["cold", "the river"], 16, &|_, _| ()).unwrap_err();
    assert!(error.to_string().starts_with("text 1 has the token 100000, expected 0 to 99"), "{error}");
    assert!(error.hint().is_some());
}
