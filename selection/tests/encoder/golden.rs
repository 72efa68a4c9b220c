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
    let encoder = Encoder::in_folder(&golden("bert-mean")).unwrap();
    let on = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| encoder.embed(&many, max_length, &quiet)).unwrap()
    };
    let one = on(1);
    for threads in [2, 3, 8] {
        assert_eq!(one, on(threads), "{threads} threads");
    }
    for (index, row) in one.iter().enumerate() {
        let theirs = &expected("bert-mean")[index % texts.len()];
        assert!(difference(row, theirs) < 1e-5, "text {index} is not in its place");
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
