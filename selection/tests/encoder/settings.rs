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
fn settings_that_would_compute_something_else_are_refused() {
    let cases: [(&str, &str, Value, &str); 37] = [
        ("mpnet", "relative_attention_num_buckets", json!(64), "is 64, expected 32"),
        ("modernbert", "local_attention", json!(0), "local_attention is 0, expected 1 to"),
        ("modernbert", "local_attention", json!(-1), "not the JSON that was expected"),
        ("modernbert", "sliding_window", json!(5), "sliding_window is 5, expected 4, half of local_attention"),
        ("modernbert", "layer_types", json!(["full_attention"]), "layer_types is 1 of them, expected 3"),
        ("modernbert", "layer_types", json!(["full_attention", "chunked", "full_attention"]), "is \"chunked\""),
        ("modernbert", "global_attn_every_n_layers", json!(2), "is 2, expected what layer_types says"),
        ("modernbert-4", "global_attn_every_n_layers", json!(0), "is 0, expected 1 to"),
        ("modernbert", "rope_parameters", json!({"rope_theta": 1e4}), "a key of rope_parameters is \"rope_theta\""),
        ("modernbert", "rope_parameters", json!({"full_attention": 7}), "rope_parameters is \"7\""),
        ("modernbert", "rope_parameters", json!({"full_attention": {"rope_type": "yarn"}}), "\"rope_type\" \"\\\"yarn"),
        ("modernbert", "rope_parameters", json!({"sliding_attention": {"factor": 2.0}}), "\"factor\" \"2.0\""),
        ("modernbert", "rope_parameters", json!({"full_attention": {"rope_theta": 0.0}}), "global_rope_theta is 0"),
        ("modernbert-4", "local_rope_theta", json!(1e300), "local_rope_theta is 1"),
        ("modernbert", "rope_scaling", json!({"type": "linear"}), "rope_scaling is"),
        ("modernbert", "num_attention_heads", json!(32), "hidden_size / num_attention_heads is 1, expected an even"),
        ("modernbert", "head_dim", json!(8), "head_dim is 8, expected 16"),
        ("modernbert", "classifier_pooling", json!("max"), "classifier_pooling is \"max\", expected cls or mean"),
        ("modernbert", "max_position_embeddings", json!(1 << 17), "is 131072, expected 3 to 32768"),
        ("modernbert", "hidden_activation", json!("relu2"), "the activation is \"relu2\""),
        ("modernbert", "norm_eps", json!(1.0), "layer_norm_eps is 1"),
        ("deberta-v3", "relative_attention", json!(false), "relative_attention is false, expected true"),
        ("deberta-v3", "relative_attention", Value::Null, "relative_attention is missing"),
        ("deberta-v3", "conv_kernel_size", json!(3), "conv_kernel_size is 3, expected 0: the convolution"),
        ("deberta-v3", "pos_att_type", json!("p2c|c2p|p2p"), "a term of pos_att_type is \"p2p\""),
        ("deberta-v3", "pos_att_type", json!(["C2P"]), "a term of pos_att_type is \"C2P\""),
        ("deberta-v3", "norm_rel_ebd", json!("batch_norm"), "norm_rel_ebd is \"batch_norm\""),
        ("deberta-v3", "position_buckets", json!(2), "position_buckets is 2, expected 4 to 4096"),
        ("deberta-v3", "position_buckets", json!(i64::MAX), "expected 4 to 4096"),
        ("deberta-v3", "max_relative_positions", json!(5), "is 5, expected more than 5"),
        ("deberta-v3", "max_relative_positions", json!(i64::MAX), "expected 3 to 131072"),
        ("deberta-v3", "embedding_size", json!(16), "embedding_size is 16, expected 32, the hidden size"),
        ("deberta-v3", "attention_head_size", json!(8), "attention_head_size is 8, expected 16"),
        ("electra", "embedding_size", json!(0), "embedding_size is 0, expected 1 to 8192"),
        ("albert", "num_hidden_groups", json!(4), "num_hidden_groups is 4, expected 1 to 3"),
        ("albert", "num_hidden_groups", json!(0), "num_hidden_groups is 0"),
        ("albert", "inner_group_num", json!(17), "inner_group_num is 17, expected 1 to 16"),
    ];
    for (model, key, value, words) in cases {
        let folder = copy_of(model);
        fs::write(folder.path().join("model.safetensors"), b"never looked at").unwrap();
        edit(&folder.path().join("config.json"), |config| config[key] = value);
        assert_refused(folder.path(), &[words]);
    }
}

#[test]
fn families_that_are_not_supported_are_refused_with_those_that_are() {
    let known = "expected one of bert, distilbert, roberta, xlm-roberta, camembert, mpnet, modernbert, deberta-v2, electra, albert";
    for model_type in ["nomic_bert", "new", "gte", "deberta", "modernbert-decoder", "jina_embeddings_v3"] {
        let folder = copy_of("bert");
        edit(&folder.path().join("config.json"), |config| config["model_type"] = json!(model_type));
        assert_refused(folder.path(), &[&format!("model_type is \"{model_type}\""), known]);
    }
    // Remote code, which some configs name where a type should be.
    let folder = copy_of("bert");
    edit(&folder.path().join("config.json"), |config| {
        config.as_object_mut().unwrap().remove("model_type");
        config["architectures"] = json!(["NewModel"]);
    });
    assert_refused(folder.path(), &["architectures is \"NewModel\"", known]);
}

#[test]
fn setting_that_says_another_shape_meets_the_weights() {
    // What a setting asks for must be there: nothing is made up, and nothing is left out in silence.
    let cases: [(&str, &str, Value, &str); 9] = [
        ("modernbert", "attention_bias", json!(true), "lack the tensor layers.0.attn.Wqkv.bias"),
        ("modernbert", "mlp_bias", json!(true), "lack the tensor layers.0.mlp."),
        ("modernbert", "norm_bias", json!(true), "lack the tensor embeddings.norm.bias"),
        ("modernbert", "intermediate_size", json!(39), "mlp.Wi.weight has the shape [80, 32], expected [78, 32]"),
        ("deberta-v3", "share_att_key", json!(false), "lack the tensor deberta.encoder.layer.0.attention.self.pos_"),
        (
            "deberta-v3",
            "position_buckets",
            json!(16),
            "rel_embeddings.weight has the shape [16, 32], expected [32, 32]",
        ),
        ("deberta-v3", "position_biased_input", json!(true), "lack the tensor deberta.embeddings.position_embeddings"),
        ("electra", "embedding_size", json!(32), "has the shape [2, 20], expected [2, 32]"),
        (
            "albert",
            "inner_group_num",
            json!(3),
            "lack the tensor albert.encoder.albert_layer_groups.0.albert_layers.2.",
        ),
    ];
    for (model, key, value, words) in cases {
        let folder = copy_of(model);
        edit(&folder.path().join("config.json"), |config| {
            config[key] = value;
            config.as_object_mut().unwrap().remove("layer_types");
        });
        assert_refused(folder.path(), &[words]);
    }
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
fn index_of_pickles_cannot_lead_out_of_the_folder() {
    for name in ["../pytorch_model.bin", "/etc/passwd", "a/b.bin", "model.safetensors", ""] {
        let folder = copy_of("bert-shards");
        edit(&folder.path().join("pytorch_model.bin.index.json"), |index| index["weight_map"] = json!({"x": name}));
        assert_refused(folder.path(), &["pytorch_model.bin.index.json: a shard is", "end in .bin"]);
    }
    let folder = copy_of("bert-shards");
    fs::remove_file(folder.path().join("pytorch_model-00002-of-00002.bin")).unwrap();
    assert_refused(folder.path(), &["lacks pytorch_model-00002-of-00002.bin"]);
}

#[test]
fn maximum_length_must_fit_the_positions() {
    let folders = [
        ("bert", 40),
        ("distilbert", 40),
        ("roberta", 38),
        ("xlm-roberta", 38),
        ("mpnet", 38),
        ("modernbert", 40),
        ("deberta-v3", 40),
        ("deberta-v2", 40),
        ("electra", 40),
        ("albert", 40),
    ];
    for (folder, most) in folders {
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
