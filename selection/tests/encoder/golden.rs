//! Numbers: torch's embeddings, and that nothing but a text decides its own.

use std::env;
use std::fs::File;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use esmhub_selection::encoder::{Encoder, Pooling};

use super::support::{FOLDERS, copy_of, edit, expected, golden, json, texts};

fn quiet(_: usize, _: usize) {}

fn difference(ours: &[f32], theirs: &[f32]) -> f32 {
    assert_eq!(ours.len(), theirs.len());
    ours.iter().zip(theirs).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
}

#[test]
fn embeddings_are_those_of_torch() {
    let (texts, max_length) = texts();
    for folder in FOLDERS {
        let encoder = Encoder::in_folder(&golden(folder)).unwrap();
        let ours = encoder.embed(&texts, max_length, &quiet).unwrap();
        let theirs = expected(folder);
        assert_eq!((ours.rows(), ours.dimension()), (theirs.len(), 32), "{folder}");
        let expected_pooling = json(&golden(folder).join("expected.json"))["pooling"].as_str().unwrap().to_owned();
        assert_eq!(encoder.pooling().to_string(), expected_pooling, "{folder}");
        for (index, (ours, theirs)) in ours.iter().zip(&theirs).enumerate() {
            let difference = difference(ours, theirs);
            assert!(difference < 1e-5, "{folder}, text {index}: {difference}");
        }
    }
}

#[test]
fn a_text_does_not_depend_on_its_neighbours() {
    let (texts, max_length) = texts();
    for folder in FOLDERS {
        let encoder = Encoder::in_folder(&golden(folder)).unwrap();
        let together = encoder.embed(&texts, max_length, &quiet).unwrap();
        for (text, row) in texts.iter().zip(&together) {
            let alone = encoder.embed(std::slice::from_ref(text), max_length, &quiet).unwrap();
            assert!(difference(alone.values(), row) < 2e-6, "{folder}: {text}");
        }
    }
}

#[test]
fn threads_change_no_bit() {
    let (texts, max_length) = texts();
    // Enough for several chunks.
    let many: Vec<&String> = texts.iter().cycle().take(600).collect();
    for folder in ["bert-mean", "mpnet", "modernbert", "deberta-v3", "albert"] {
        // Loading computes as well.
        let on = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| Encoder::in_folder(&golden(folder)).unwrap().embed(&many, max_length, &quiet)).unwrap()
        };
        let one = on(1);
        for threads in [2, 3, 8] {
            assert_eq!(one, on(threads), "{folder}, {threads} threads");
        }
        let theirs = expected(folder);
        for (index, row) in one.iter().enumerate() {
            let theirs = &theirs[index % texts.len()];
            assert!(difference(row, theirs) < 1e-5, "{folder}: text {index} is not in its place");
        }
    }
}

#[test]
fn no_text_gives_no_row_and_progress_ends_at_the_total() {
    let encoder = Encoder::in_folder(&golden("distilbert")).unwrap();
    assert_eq!(encoder.embed::<&str>(&[], 16, &quiet).unwrap().rows(), 0);
    let (highest, calls) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let texts = vec!["the old mill"; 500];
    let report = |done: usize, total: usize| {
        assert!(done <= total && total == 500);
        highest.fetch_max(done, Ordering::SeqCst);
        calls.fetch_add(1, Ordering::SeqCst);
    };
    encoder.embed(&texts, 16, &report).unwrap();
    assert_eq!(highest.into_inner(), 500);
    assert!(calls.into_inner() > 1);
}

#[test]
fn shape_of_the_settings_changes_no_number() {
    // What transformers 4 and 5 write differently, names that are not there, and a key of tomorrow.
    let folder = copy_of("roberta");
    edit(&folder.path().join("config.json"), |config| {
        let config = config.as_object_mut().unwrap();
        config.remove("dtype");
        config.insert("torch_dtype".into(), "float32".into());
        config.insert("position_embedding_type".into(), "absolute".into());
        config.insert("model_type".into(), "camembert".into());
        config.insert("a_new_setting".into(), serde_json::json!({"of": ["any", "form"]}));
        config.remove("hidden_act");
        config.remove("pad_token_id");
    });
    let (texts, max_length) = texts();
    let ours = Encoder::in_folder(folder.path()).unwrap().embed(&texts, max_length, &quiet).unwrap();
    let theirs = Encoder::in_folder(&golden("roberta")).unwrap().embed(&texts, max_length, &quiet).unwrap();
    assert_eq!(ours, theirs);
}

/// The embeddings of a golden folder with a changed config.json are those without the change.
#[track_caller]
fn changes_nothing(model: &str, change: impl FnOnce(&mut serde_json::Map<String, serde_json::Value>)) {
    let folder = copy_of(model);
    edit(&folder.path().join("config.json"), |config| change(config.as_object_mut().unwrap()));
    let (texts, max_length) = texts();
    let ours = Encoder::in_folder(folder.path()).unwrap().embed(&texts, max_length, &quiet).unwrap();
    let theirs = Encoder::in_folder(&golden(model)).unwrap().embed(&texts, max_length, &quiet).unwrap();
    assert_eq!(ours, theirs);
}

#[test]
fn what_transformers_4_and_5_call_differently_is_the_same() {
    changes_nothing("modernbert", |config| {
        for key in ["layer_types", "rope_parameters", "dtype", "hidden_activation", "norm_eps", "norm_bias"] {
            config.remove(key).unwrap();
        }
        config.insert("global_attn_every_n_layers".into(), 3.into());
        config.insert("global_rope_theta".into(), 160_000.into());
        config.insert("local_rope_theta".into(), 10_000.0.into());
        config.insert("layer_norm_eps".into(), 0.05.into());
    });
    // Defaults.
    changes_nothing("modernbert", |config| {
        for key in ["layer_types", "rope_parameters", "attention_bias", "mlp_bias"] {
            config.remove(key).unwrap();
        }
    });
    changes_nothing("modernbert-4", |config| {
        for key in ["global_attn_every_n_layers", "global_rope_theta", "local_rope_theta", "torch_dtype"] {
            config.remove(key).unwrap();
        }
        let thetas = serde_json::json!({
            "full_attention": {"rope_theta": 900, "rope_type": "default"},
            "sliding_attention": {"rope_theta": 50.0, "type": "default", "factor": null},
        });
        config.insert("rope_parameters".into(), thetas);
        config.insert("layer_types".into(), serde_json::json!(["full_attention", "sliding_attention"]));
        config.insert("sliding_window".into(), 3.into());
        config.insert("dtype".into(), "float32".into());
    });
    changes_nothing("deberta-v3", |config| {
        config.insert("pos_att_type".into(), serde_json::json!(["c2p", "p2c"]));
        config.insert("max_relative_positions".into(), 40.into());
        config.insert("conv_kernel_size".into(), 0.into());
        config.insert("attention_head_size".into(), 16.into());
        config.remove("type_vocab_size").unwrap();
        config.remove("layer_norm_eps").unwrap();
    });
    changes_nothing("deberta-v2", |config| {
        config.insert("share_att_key".into(), false.into());
        config.insert("norm_rel_ebd".into(), "none".into());
        config.insert("position_buckets".into(), (-1).into());
    });
    // MPNet's padding is a constant of its code.
    changes_nothing("mpnet", |config| drop(config.insert("pad_token_id".into(), 7.into())));
    changes_nothing("albert", |config| drop(config.remove("hidden_act").unwrap()));
}

#[test]
fn null_theta_of_local_layers_is_the_global_one() {
    let (texts, max_length) = texts();
    let with = |theta: serde_json::Value| {
        let folder = copy_of("modernbert-4");
        edit(&folder.path().join("config.json"), |config| config["local_rope_theta"] = theta);
        Encoder::in_folder(folder.path()).unwrap().embed(&texts, max_length, &quiet).unwrap()
    };
    assert_eq!(with(serde_json::Value::Null), with(900.into()));
    assert_ne!(with(serde_json::Value::Null), with(50.into()));
}

#[test]
fn a_plain_modernbert_is_pooled_as_its_classifier_reads() {
    for (folder, key, pooling) in [("modernbert", "cls", Pooling::Cls), ("modernbert-4", "mean", Pooling::Mean)] {
        let changed = copy_of(folder);
        edit(&changed.path().join("config.json"), |config| config["classifier_pooling"] = key.into());
        assert_eq!(Encoder::in_folder(changed.path()).unwrap().pooling(), pooling);
    }
}

#[test]
fn pooling_of_either_form_is_obeyed() {
    let (texts, max_length) = texts();
    let forms = [
        (serde_json::json!({"embedding_dimension": 32, "pooling_mode": "cls", "include_prompt": true}), Pooling::Cls),
        (serde_json::json!({"pooling_mode": ["mean"]}), Pooling::Mean),
        (serde_json::json!({"word_embedding_dimension": 32, "pooling_mode_cls_token": true}), Pooling::Cls),
        (serde_json::json!({"word_embedding_dimension": 32, "pooling_mode_mean_tokens": true}), Pooling::Mean),
    ];
    let plain = Encoder::in_folder(&golden("bert-mean")).unwrap().embed(&texts, max_length, &quiet).unwrap();
    for (form, pooling) in forms {
        let folder = copy_of("bert-mean");
        edit(&folder.path().join("1_Pooling/config.json"), |config| *config = form);
        let encoder = Encoder::in_folder(folder.path()).unwrap();
        assert_eq!(encoder.pooling(), pooling);
        let ours = encoder.embed(&texts, max_length, &quiet).unwrap();
        assert_eq!(ours == plain, pooling == Pooling::Mean);
    }
}

#[test]
fn digests_are_of_the_bytes_in_the_order_of_names() {
    let digests = Encoder::in_folder(&golden("xlm-roberta")).unwrap().digests();
    let mut weights = blake3::Hasher::new();
    for shard in 1..=3 {
        let file = golden("xlm-roberta").join(format!("model-0000{shard}-of-00003.safetensors"));
        weights.update_reader(File::open(file).unwrap()).unwrap();
    }
    let tokenizer = blake3::hash(&std::fs::read(golden("xlm-roberta").join("tokenizer.json")).unwrap());
    assert_eq!(digests.weights.as_bytes(), weights.finalize().as_bytes());
    assert_eq!(digests.tokenizer.as_bytes(), tokenizer.as_bytes());
}

#[test]
fn minilm_gives_the_numbers_of_torch() {
    let (Some(model), Some(data)) = (env::var_os("ESMHUB_TEST_MODEL"), env::var_os("ESMHUB_TEST_DATA")) else {
        eprintln!("SKIPPED minilm_gives_the_numbers_of_torch: ESMHUB_TEST_MODEL and ESMHUB_TEST_DATA are not both set");
        return;
    };
    let golden = json(&golden("minilm.json"));
    let (count, max_length) = (golden["texts"].as_u64().unwrap() as usize, golden["max_length"].as_u64().unwrap());
    let texts = first_texts(&Path::new(&data).join("targets/trec.csv"), count);
    let encoder = Encoder::in_folder(Path::new(&model)).unwrap();
    let ours = encoder.embed(&texts, max_length as usize, &quiet).unwrap();
    let numbers = |key: &str| -> Vec<usize> {
        golden[key].as_array().unwrap().iter().map(|v| v.as_u64().unwrap() as usize).collect()
    };
    let mut worst: f64 = 0.0;
    for (row, values) in numbers("rows").into_iter().zip(golden["values"].as_array().unwrap()) {
        for (column, value) in numbers("columns").into_iter().zip(values.as_array().unwrap()) {
            let ours = f64::from(ours.values()[row * ours.dimension() + column]);
            worst = worst.max((ours - value.as_f64().unwrap()).abs());
        }
    }
    assert!(worst < 1e-5, "{worst}");
    eprintln!("MiniLM: max |difference| to torch {worst:.1e}");
}

/// The first column of a CSV file whose quoting is that of Python's csv module.
fn first_texts(path: &Path, count: usize) -> Vec<String> {
    let text = std::fs::read_to_string(path).unwrap();
    let rows = text.lines().skip(1).take(count).map(|line| match line.strip_prefix('"') {
        Some(quoted) => quoted.rsplit_once("\",").unwrap().0.replace("\"\"", "\""),
        None => line.rsplit_once(',').unwrap().0.to_owned(),
    });
    rows.collect()
}
