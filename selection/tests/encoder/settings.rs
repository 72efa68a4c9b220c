//! Settings and files that do not make a model that is supported: each is refused with what was expected.

use std::fs;

use esmhub_selection::encoder::{Encoder, EncoderError};
use serde_json::{Value, json};

use super::support::{assert_refused, copy_of, edit, golden};

#[test]
fn impossible_settings_are_refused_before_anything_is_read() {
    let cases: [(&str, Value, &[&str]); 15] = [
        ("hidden_size", json!(0), &["hidden_size is 0, expected 1 to 8192"]),
        ("hidden_size", json!(1_u64 << 60), &["hidden_size is 1152921504606846976"]),
        ("hidden_size", Value::Null, &["hidden_size is missing"]),
        ("num_hidden_layers", json!(129), &["num_hidden_layers is 129, expected 1 to 128"]),
        ("num_attention_heads", json!(5), &["heads is 5, expected a divisor of the hidden size 32"]),
        ("num_attention_heads", json!(0), &["num_attention_heads is 0"]),
        ("vocab_size", json!(3_000_000), &["vocab_size is 3000000, expected 1 to 2097152"]),
        ("vocab_size", json!(-1), &["not the JSON that was expected"]),
        ("max_position_embeddings", json!(0), &["max_position_embeddings is 0"]),
        ("type_vocab_size", json!(0), &["type_vocab_size is 0"]),
        ("layer_norm_eps", json!(0.0), &["layer_norm_eps is 0"]),
        ("hidden_act", json!("maxout"), &["the activation is \"maxout\"", "gelu_new"]),
        ("position_embedding_type", json!("relative_key"), &["position_embedding_type is \"relative_key\""]),
        ("is_decoder", json!(true), &["is_decoder is true"]),
        ("model_type", json!("t5"), &["model_type is \"t5\"", "bert, distilbert, roberta, xlm-roberta, camembert"]),
    ];
    for (key, value, words) in cases {
        let folder = copy_of("bert");
        fs::write(folder.path().join("model.safetensors"), b"never looked at").unwrap();
        edit(&folder.path().join("config.json"), |config| config[key] = value);
        assert_refused(folder.path(), words);
    }
    let folder = copy_of("roberta");
    edit(&folder.path().join("config.json"), |config| config["pad_token_id"] = json!(39));
    assert_refused(folder.path(), &["pad_token_id is 39, expected 0 to 38"]);
}

#[test]
fn missing_files_are_named() {
    for (file, word) in [
        ("config.json", "lacks config.json"),
        ("tokenizer.json", "lacks tokenizer.json"),
        ("model.safetensors", "lacks model.safetensors (or"),
        ("1_Pooling/config.json", "lacks 1_Pooling/config.json"),
    ] {
        let folder = copy_of("bert-mean");
        fs::remove_file(folder.path().join(file)).unwrap();
        assert_refused(folder.path(), &[word]);
    }
    let folder = copy_of("xlm-roberta");
    fs::remove_file(folder.path().join("model-00002-of-00003.safetensors")).unwrap();
    assert_refused(folder.path(), &["lacks model-00002-of-00003.safetensors"]);
}

#[test]
fn pooling_that_is_not_supported_is_refused() {
    for (change, word) in [
        (json!({"pooling_mode_max_tokens": true}), "the pooling mode is max, expected mean or cls"),
        (json!({"pooling_mode": "weightedmean"}), "the pooling mode is weightedmean"),
        (json!({"pooling_mode_lasttoken": true}), "the pooling mode is lasttoken"),
        (json!({"pooling_mode": ["cls", "mean"]}), "the pooling mode is cls and mean"),
        (json!({"pooling_mode": "mean", "word_embedding_dimension": 33}), "is 33, expected 32"),
    ] {
        let folder = copy_of("bert-mean");
        edit(&folder.path().join("1_Pooling/config.json"), |config| *config = change);
        assert_refused(folder.path(), &[word]);
    }
}

#[test]
fn modules_that_would_change_the_embedding_are_refused() {
    let module = |path: &str, kind: &str| json!({"idx": 0, "name": "0", "path": path, "type": kind});
    let transformer = module("", "sentence_transformers.models.Transformer");
    for (modules, word) in [
        (vec![transformer.clone(), module("2_Dense", "sentence_transformers.models.Dense")], "a module is Dense"),
        (vec![transformer.clone()], "without Pooling"),
        (vec![module("0_BERT", "sentence_transformers.models.Transformer")], "the transformer's path is 0_BERT"),
        (vec![module("../other", "sentence_transformers.models.Pooling")], "the pooling's path is ../other"),
        (vec![module("/etc", "sentence_transformers.models.Pooling")], "the pooling's path is /etc"),
        (vec![module("..", "sentence_transformers.models.Pooling")], "the pooling's path is .."),
    ] {
        let folder = copy_of("bert-mean");
        edit(&folder.path().join("modules.json"), |value| *value = Value::Array(modules));
        assert_refused(folder.path(), &[word]);
    }
}

#[test]
fn index_cannot_lead_out_of_the_folder() {
    for name in ["../model.safetensors", "/etc/passwd", "a/b.safetensors", "model.bin", ""] {
        let folder = copy_of("xlm-roberta");
        edit(&folder.path().join("model.safetensors.index.json"), |index| index["weight_map"] = json!({"x": name}));
        assert_refused(folder.path(), &["model.safetensors.index.json: a shard is"]);
    }
}

#[test]
fn maximum_length_must_fit_the_positions() {
    for (folder, most) in [("bert", 40), ("distilbert", 40), ("roberta", 38), ("xlm-roberta", 38)] {
        let encoder = Encoder::in_folder(&golden(folder)).unwrap();
        assert_eq!(encoder.longest(), most);
        let long = ["no ".repeat(100)];
        assert_eq!(encoder.embed(&long, most, &|_, _| ()).unwrap().rows(), 1);
        for found in [0, 2, most + 1, usize::MAX] {
            let error = encoder.embed(&long, found, &|_, _| ()).unwrap_err();
            assert!(matches!(error, EncoderError::MaxLength { .. }), "{folder}: {error}");
            assert!(error.hint().is_some());
        }
    }
}
