//! Tokenizers made to harm: each of these ends the process or exhausts the memory where the tokenizers crate is given it.

use std::fs;

use esmhub_selection::encoder::{Encoder, EncoderError};
use serde_json::{Value, json};

use super::support::{assert_refused, copy_of, edit};

/// Refuses a tokenizer that is changed in this way, and says why.
#[track_caller]
fn refused(model: &str, change: impl FnOnce(&mut Value), said: &str) {
    let folder = copy_of(model);
    edit(&folder.path().join("tokenizer.json"), change);
    let error = Encoder::in_folder(folder.path()).map(|_| ()).unwrap_err();
    assert!(matches!(error, EncoderError::Tokenizer { .. }), "{error}");
    assert!(error.hint().is_some());
    let cause = std::error::Error::source(&error).unwrap().to_string();
    assert!(cause.contains(said), "{cause}");
}

fn replace(pattern: Value, content: &str) -> Value {
    json!({"type": "Replace", "pattern": pattern, "content": content})
}

fn normalizers(parts: Vec<Value>) -> impl FnOnce(&mut Value) {
    move |tokenizer| tokenizer["normalizer"] = json!({"type": "Sequence", "normalizers": parts})
}

#[test]
fn token_whose_tree_is_too_deep_for_the_stack_is_refused() {
    let long = "a".repeat(200_000);
    let unigram = |tokenizer: &mut Value| tokenizer["model"]["vocab"].as_array_mut().unwrap().push(json!([long, -1.0]));
    refused("xlm-roberta", unigram, "the length of a token is 200000, expected at most 512");
    let word_piece = |tokenizer: &mut Value| tokenizer["model"]["vocab"]["a".repeat(513)] = json!(99);
    refused("bert", word_piece, "the length of a token is 513");
    refused("bert", |tokenizer| tokenizer["added_tokens"][0]["content"] = json!("b".repeat(513)), "is 513");
}

#[test]
fn vocabulary_that_would_fill_the_memory_is_refused() {
    let many = |tokenizer: &mut Value| {
        let tokens: Vec<Value> = (0..40_000).map(|at| json!([format!("{at:0>500}"), -1.0])).collect();
        tokenizer["model"]["vocab"] = json!(tokens);
    };
    refused("xlm-roberta", many, "the length of all tokens is 20000000");
}

#[test]
fn deep_nesting_is_refused_before_it_is_parsed() {
    let folder = copy_of("bert");
    let path = folder.path().join("tokenizer.json");
    let whole = fs::read_to_string(&path).unwrap();
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    fs::write(&path, whole.replacen("\"version\"", &format!("\"other\":{deep},\"version\""), 1)).unwrap();
    assert_refused(folder.path(), &["not a tokenizer that can be read"]);
    let nested = (0..30).fold(json!({"type": "NFC"}), |inner, _| json!({"type": "Sequence", "normalizers": [inner]}));
    refused("bert", |tokenizer| tokenizer["normalizer"] = nested, "brackets are nested deeper than 24");
    refused("bert", normalizers(vec![json!({"type": "NFC"}); 65]), "the number of its parts is 65");
}

#[test]
fn normalizers_that_multiply_every_text_are_refused() {
    let tenfold = || replace(json!({"String": "a"}), "aaaaaaaaaa");
    refused("bert", normalizers((0..40).map(|_| tenfold()).collect()), "the growth of a text is");
    let empty = || replace(json!({"Regex": ""}), "0123456789");
    refused("bert", normalizers((0..3).map(|_| empty()).collect()), "the growth of a text is 1331");
    refused("bert", normalizers(vec![json!({"type": "Prepend", "prepend": "a".repeat(5_000)})]), "is 5001");
    let pieces = json!({"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always", "split": true});
    let sequence = json!({"type": "Sequence", "pretokenizers": vec![pieces; 6]});
    refused("bert", |tokenizer| tokenizer["pre_tokenizer"] = sequence, "the growth of a text is");
    // The crate takes this for a Replace, because it looks like one.
    let disguised = json!({"type": "BertNormalizer", "pattern": {"String": "a"}, "content": "a".repeat(100_000)});
    refused("bert", normalizers(vec![disguised]), "pattern is one of \"BertNormalizer\", expected one of Replace");
}

#[test]
fn character_maps_that_claim_more_than_they_have_are_refused() {
    let map = |base64: &str| normalizers(vec![json!({"type": "Precompiled", "precompiled_charsmap": base64})]);
    refused("xlm-roberta", map("/////w=="), "a tree of 4294967295 bytes, expected at most the 0 that are there");
    refused("xlm-roberta", map("#"), "not base64");
    // A tree that replaces the byte 1, by 2 bytes of 0x69 and 3 more for each `aWlp`.
    let of_one_byte = |more: usize| map(&format!("DAAAAAAAAAABDQAAAAAAAGlp{}", "aWlp".repeat(more)));
    refused("xlm-roberta", of_one_byte(1_000), "the growth of a text is");
    let large = format!("AABQAA{}", "A".repeat(8 << 20));
    refused(
        "xlm-roberta",
        map(&large),
        "the length of the tree of precompiled_charsmap is 5242880, expected at most 4194304",
    );
}

#[test]
fn tokenizers_made_of_sentencepiece_models_are_read_and_take_long_texts() {
    // ALBERT's, the longest chain there is, with a map that makes 10 bytes of one; the published ones make 11.
    let map = format!("AAQAAAAAAAABDQAAAAAA{}AABpaWlpaWlpaWlp", "A".repeat(1348));
    let folder = copy_of("albert");
    edit(&folder.path().join("tokenizer.json"), |tokenizer| {
        tokenizer["normalizer"] = json!({"type": "Sequence", "normalizers": [
            replace(json!({"String": "``"}), "\""),
            replace(json!({"String": "''"}), "\""),
            {"type": "NFKD"},
            {"type": "StripAccents"},
            {"type": "Lowercase"},
            {"type": "Precompiled", "precompiled_charsmap": map},
            replace(json!({"Regex": " {2,}"}), " "),
        ]});
        tokenizer["pre_tokenizer"] = json!({"type": "Sequence", "pretokenizers": [
            {"type": "WhitespaceSplit"},
            {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always", "split": true},
        ]});
    });
    let encoder = Encoder::in_folder(folder.path()).unwrap();
    encoder.embed(&["the river ".repeat(1_700)], 40, &|_, _| ()).unwrap();
}

#[test]
fn patterns_that_make_the_search_go_back_are_refused() {
    let split = |pattern: &str| json!({"type": "Split", "pattern": {"Regex": pattern}, "behavior": "Isolated", "invert": false});
    for pattern in ["(a+)+(?=b)", "(a)\\1", "(?>a+)b", "(?<!a)b", "a++", "a{2}+", "(*FAIL)"] {
        let split = split(pattern);
        refused("bert", |tokenizer| tokenizer["pre_tokenizer"] = split, "look-around and references");
    }
    refused("bert", |tokenizer| tokenizer["pre_tokenizer"] = split(&"a".repeat(513)), "the length of a pattern is 513");
    // What encoders have is read.
    let folder = copy_of("bert");
    edit(&folder.path().join("tokenizer.json"), |tokenizer| {
        tokenizer["normalizer"] = replace(json!({"Regex": " {2,}|\\+\\+"}), " ");
        tokenizer["pre_tokenizer"] = split("(?:\\s+)");
    });
    Encoder::in_folder(folder.path()).unwrap().embed(&["the  river"], 16, &|_, _| ()).unwrap();
}

#[test]
fn template_that_repeats_a_token_without_end_is_refused() {
    let ids = vec![2; 1_000];
    let tokens = vec!["[CLS]"; 1_000];
    let many_ids = |tokenizer: &mut Value| {
        tokenizer["post_processor"]["special_tokens"]["[CLS]"] = json!({"id": "[CLS]", "ids": ids, "tokens": tokens});
    };
    refused("bert", many_ids, "the number of special tokens is 1002, expected at most 256");
    let text = json!({"Sequence": {"id": "A", "type_id": 0}});
    refused("bert", |tokenizer| tokenizer["post_processor"]["single"] = json!(vec![text; 300]), "is 300");
    let disguised = |tokenizer: &mut Value| tokenizer["post_processor"]["type"] = json!("BertProcessing");
    refused("bert", disguised, "single is one of \"BertProcessing\"");
}

#[test]
fn models_that_the_crate_would_misread_are_refused() {
    refused("bert", |tokenizer| tokenizer["model"]["type"] = json!("Other"), "type is \"Other\"");
    refused("roberta", |tokenizer| tokenizer["model"]["continuing_subword_prefix"] = json!("é"), "none in a BPE model");
    let words = |tokenizer: &mut Value| tokenizer["model"]["max_input_chars_per_word"] = json!(1_000_000);
    refused("bert", words, "max_input_chars_per_word is 1000000, expected at most 256");
    let folder = copy_of("bert");
    let path = folder.path().join("tokenizer.json");
    let twice = fs::read_to_string(&path).unwrap().replacen("\"normalizer\"", "\"normalizer\":null,\"normalizer\"", 1);
    fs::write(&path, twice).unwrap();
    assert_refused(folder.path(), &["not a tokenizer that can be read"]);
}

#[test]
fn text_of_which_the_normalizer_could_make_too_much_is_refused() {
    let folder = copy_of("bert");
    let hundredfold = replace(json!({"String": "a"}), &"a".repeat(100));
    edit(&folder.path().join("tokenizer.json"), normalizers(vec![hundredfold]));
    let encoder = Encoder::in_folder(folder.path()).unwrap();
    encoder.embed(&["a".repeat(1_000)], 16, &|_, _| ()).unwrap();
    let error = encoder.embed(&["a".to_owned(), "a".repeat(200_000)], 16, &|_, _| ()).unwrap_err();
    assert!(matches!(error, EncoderError::Tokenize { text: 1, .. }), "{error}");
    let cause = std::error::Error::source(&error).unwrap().to_string();
    assert!(cause.contains("it has 200000 bytes, of which this tokenizer may make 100 times as many"), "{cause}");
}
