//! The files of `hostile/`, each named after what is wrong with it, and the built command on every one of them.
//!
//! A command on a hostile file ends with the code of the contract and a message, changes nothing, runs nothing that is in
//! the file, and asks for less than [`MAX_ADDRESSES`] of memory: beyond them the system refuses, and the command would die.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::{EsmFolder, Hub, Output, fixture, target, tiny_model};

/// KiB of addresses that a command may use, thread stacks and mapped files included: 2 GiB.
const MAX_ADDRESSES: u64 = 2 << 20;

/// What may be in a message: where the contract has no code of its own for what is wrong, any of these.
type Expected = (&'static str, i32, &'static str);

/// Targets and pairs.
const TARGETS: [Expected; 20] = [
    ("entry_is_a_drive.npz", 1, "not named as an array"),
    ("entry_is_absolute.npz", 1, "not named as an array"),
    ("entry_leads_out.npz", 1, "not named as an array"),
    ("entry_twice.npz", 1, "two entries of the zip have the same name"),
    ("footer_of_2_GB.parquet", 1, "footer is damaged: 2147483647 bytes"),
    ("four_million_rows.parquet", 1, "too much for a file of this size"),
    ("header_nested_deep.npz", 1, "malformed header"),
    ("header_nested_deep.safetensors", 1, "malformed header"),
    ("header_of_2_to_the_60_bytes.safetensors", 1, "header claims 1152921504606846976 bytes"),
    ("key_twice.jsonl", 1, "stands there more than once"),
    ("labels_call_os_system.npz", 1, "y: "),
    ("nested_deep.jsonl", 1, "line 1"),
    ("not_text.csv", 1, "save the file as UTF-8"),
    ("one_text_repeated.parquet", 1, "too much for a file of this size"),
    ("page_of_150_MB.parquet", 1, "a page of 1500000"),
    ("quote_never_closed.csv", 1, "hint: put quotes around fields"),
    ("shape_of_268_MB.npz", 1, "too much for a file of this size"),
    ("shape_of_2_to_the_60.npz", 1, "1073741824 rows, expected at most 10000000"),
    ("shape_of_2_to_the_60.safetensors", 1, "malformed header"),
    ("tensors_overlap.safetensors", 1, "malformed header"),
];

#[test]
fn targets_are_refused() {
    let hub = Hub::with(&["sound"]);
    hub.write("t.npz", target(40, 8, 2, 1));
    let more =
        [("truncated.npz", 1, "hint: "), ("truncated.parquet", 1, "Parquet"), ("zip_bomb.npz", 1, "x: 4194304 bytes")];
    for (path, code, said) in corpus("targets", &[&TARGETS[..], &more].concat()) {
        let path = path.to_str().unwrap();
        let is_table = [".csv", ".jsonl", ".parquet"].iter().any(|ending| path.ends_with(ending));
        let columns = ["--text", "text", "--label", "label", "--base", "acme/encoder"];
        let columns = if is_table { &columns[..] } else { &[] };
        refused(&hub, code, [&["rank", path], columns].concat(), said);
        if !is_table {
            // As pairs it meets the same reader, and may be refused for another reason.
            refused(&hub, code, ["publish", path, "--base", "acme/encoder", "--name", "a"].to_vec(), "");
        }
    }
}

/// Files that fuzzing has found, kept as they were.
#[test]
fn what_fuzzing_found_is_refused() {
    let hub = Hub::with(&["sound"]);
    let slow = [
        ("list_of_2_to_the_31_in_a_page_header.parquet", 1, "not a readable Parquet file"),
        ("list_of_2_to_the_31_in_the_footer.parquet", 1, "footer is damaged: a list of"),
        ("lists_of_booleans_in_a_text_of_the_footer.parquet", 1, "footer is damaged: a field of another type"),
        ("lists_of_booleans_in_page_headers.parquet", 1, "not a readable Parquet file"),
    ];
    for (path, code, said) in corpus("found", &slow) {
        let label = if path.ends_with("lists_of_booleans_in_page_headers.parquet") { "label" } else { "maybe" };
        let line = ["rank", path.to_str().unwrap(), "--text", "text", "--label", label, "--base", "acme/encoder"];
        refused(&hub, code, line.to_vec(), said);
    }
}

#[test]
fn line_of_a_hundred_megabytes_is_refused() {
    let hub = Hub::with(&["sound"]);
    let columns = ["--text", "text", "--label", "label", "--base", "acme/encoder"];
    for (name, header) in [("long.csv", "text,label\n"), ("long.tsv", "text\tlabel\n"), ("long.jsonl", "")] {
        hub.write(name, header.to_owned() + &"a".repeat(100_000_000));
        refused(&hub, 1, [&["rank", name], &columns[..]].concat(), "line");
        fs::remove_file(hub.path(name)).unwrap();
    }
}

#[test]
fn weights_of_an_esm_are_refused() {
    let expected = [
        ("header_nested_deep.safetensors", 1, "hint: fetch or save the file again"),
        ("header_of_2_to_the_60_bytes.safetensors", 1, "not a safetensors file"),
        ("shape_of_2_to_the_60.safetensors", 1, "not a safetensors file"),
        // The last one counts, as in every reader of this format.
        ("tensor_twice.safetensors", 0, ""),
        ("tensors_overlap.safetensors", 1, "not a safetensors file"),
    ];
    for (path, code, said) in corpus("weights", &expected) {
        let (hub, source) = esm_with("model.safetensors", &path);
        published_or_refused(&hub, &source, code, said);
    }
}

#[test]
fn pickles_are_refused_and_never_run() {
    let expected = [
        ("all_of_it_calls_os_system.bin", 1, "no ESM"),
        ("calls_builtins_eval.bin", 1, "no ESM"),
        ("class_name_with_escapes.bin", 1, "class's name"),
        ("memo_doubles_60_times.bin", 1, "more than 1000000 values"),
        ("nested_deep.bin", 1, "nested deeper than 64"),
        ("pickle_of_9_MB.bin", 1, "more than 8388608 bytes"),
        ("string_of_4_GB.bin", 1, "a string has 4294967295 bytes"),
        ("tensor_twice.bin", 1, "is there twice"),
        ("two_pickles.bin", 1, "2 entries data.pkl"),
        ("weight_calls_os_system.bin", 1, "no ESM"),
        ("weight_of_2_to_the_60.bin", 1, "larger than the file"),
        ("weight_of_unknown_type.bin", 1, "model.weight cannot be read: unsupported storage type BoolStorage"),
        ("weight_repeats_one_number.bin", 1, "not contiguous"),
        ("weight_that_leads_out.bin", 1, "pytorch_model.bin"),
        // What is not asked for is not read, and does no harm.
        ("other_tensor_of_unknown_type.bin", 0, ""),
        ("value_calls_os_system.bin", 0, ""),
    ];
    for (path, code, said) in corpus("pickles", &expected) {
        let (hub, source) = esm_with("pytorch_model.bin", &path);
        fs::remove_file(hub.path(&source).join("model.safetensors")).unwrap();
        published_or_refused(&hub, &source, code, said);
        assert!(!hub.path("hostile-code-was-run").exists());
    }
}

#[test]
fn configs_are_refused() {
    let named = "hint: give the ESM a name with --name";
    let expected = [
        ("key_twice.json", 0, ""),
        ("name_in_composed_form.json", 2, named),
        ("name_in_decomposed_form.json", 2, named),
        ("name_in_wide_letters.json", 2, named),
        ("name_is_a_device.json", 2, named),
        ("name_is_a_device_with_an_extension.json", 2, named),
        ("name_is_absolute.json", 2, named),
        ("name_leads_out.json", 2, named),
        ("name_of_1000_letters.json", 2, named),
        ("name_with_a_backslash.json", 2, named),
        ("name_with_a_zero.json", 2, named),
        ("name_with_an_override.json", 2, named),
        ("nested_deep.json", 1, "config.json is not JSON"),
        ("number_beyond_all.json", 1, "config.json"),
    ];
    for (path, code, said) in corpus("configs", &expected) {
        let (hub, source) = esm_with("config.json", &path);
        published_or_refused(&hub, &source, code, said);
        if code == 0 {
            // The last one counts, as in Python.
            hub.ok(["resolve", "b"]);
        }
    }
}

#[test]
fn names_that_differ_in_case_alone_are_one_name() {
    let hub = Hub::with(&["Acme/Reviews"]);
    let other = hub.esm(&EsmFolder::new("other", 8, 9));
    refused(&hub, 15, vec!["publish", &other, "--name", "acme/REVIEWS", "--tag", "V1"], "");
    hub.ok(["pull", "ACME/reviews:V1", "--output", "out"]);
}

#[test]
fn bundles_are_refused() {
    let expected = [
        ("record_of_2_to_the_60_bytes.esm", 1, "1152921504606846976"),
        ("record_of_300_MB_in_zstd.esm", 16, "hint: export or copy the file again"),
        ("record_of_a_later_version.esm", 12, "hint: "),
        ("record_with_a_window_of_128_MB.esm", 16, "hint: export or copy the file again"),
    ];
    let hub = Hub::with(&["sound"]);
    for (path, code, said) in corpus("bundles", &expected) {
        refused(&hub, code, vec!["publish", path.to_str().unwrap()], said);
    }
}

#[test]
fn objects_of_a_registry_are_named() {
    let expected = [
        "object_of_2_to_the_60_bytes",
        "object_of_300_MB_in_zstd",
        "object_of_a_later_version",
        "object_with_a_window_of_128_MB",
    ];
    for (path, ..) in corpus("objects", &expected.map(|name| (name, 16, ""))) {
        let hub = Hub::with(&["sound"]);
        plant(&path, &hub.object_of("sound"));
        let code = if path.ends_with("object_of_a_later_version") { 12 } else { 16 };
        refused(&hub, code, vec!["pull", "sound", "--output", "out"], "objects/");
        // What is newer is not damage.
        assert_eq!(limited(&hub, &["verify"]).code, if code == 12 { 0 } else { 16 });
    }
}

#[test]
fn entries_of_a_log_are_named() {
    let expected = [
        "entry_of_2_to_the_60_bytes",
        "entry_of_300_MB_in_zstd",
        "entry_of_a_later_version",
        "entry_with_a_window_of_128_MB",
    ];
    for (path, ..) in corpus("entries", &expected.map(|name| (name, 16, ""))) {
        let hub = Hub::with(&["sound"]);
        plant(&path, &hub.entry(1));
        // What the index remembers of the entry must not hide what has become of it.
        let _ = fs::remove_dir_all(hub.path("cache"));
        let code = if path.ends_with("entry_of_a_later_version") { 12 } else { 16 };
        refused(&hub, code, vec!["pull", "sound", "--output", "out"], "log/00000000000000000001");
        assert_eq!(limited(&hub, &["verify"]).code, code);
    }
}

#[test]
fn tokenizers_are_refused() {
    let refused_one = "hint: fetch the file again from where the model is published";
    let expected = [
        "character_map_of_4_GB.json",
        "key_twice.json",
        "nested_deep.json",
        "part_in_disguise.json",
        "pattern_that_goes_back.json",
        "prepends_5000_letters.json",
        "template_of_1000_tokens.json",
        "template_with_the_text_300_times.json",
        "text_grows_tenfold_40_times.json",
        "token_of_3000_letters.json",
        "truncated.json",
        "word_of_a_million_letters.json",
    ];
    for (path, code, said) in corpus("tokenizers", &expected.map(|name| (name, 1, refused_one))) {
        embedding_refused("tokenizer.json", &path, code, said);
    }
}

#[test]
fn files_of_a_language_model_are_refused() {
    let expected = [
        ("hidden_size_of_zero__config.json", 1, "hidden_size is 0, expected 1 to 8192"),
        ("modules_nested_deep__modules.json", 1, "modules.json"),
        ("pooling_leads_out__modules.json", 1, "a folder beside modules.json"),
        ("shard_is_absolute__model.safetensors.index.json", 1, "files beside it that end in .safetensors"),
        ("shard_leads_out__model.safetensors.index.json", 1, "files beside it that end in .safetensors"),
        ("vocabulary_of_2_to_the_60__config.json", 1, "vocab_size is 1152921504606846976"),
    ];
    for (path, code, said) in corpus("models", &expected) {
        let name = path.file_name().unwrap().to_str().unwrap().split_once("__").unwrap().1.to_owned();
        embedding_refused(&name, &path, code, said);
    }
}

/// A target of texts is refused because of one file of the model that would embed them.
fn embedding_refused(name: &str, path: &Path, code: i32, said: &str) {
    let hub = Hub::with(&["sound"]);
    for file in ["config.json", "tokenizer.json", "model.safetensors"] {
        hub.write(&format!("model/{file}"), fs::read(tiny_model("bert").join(file)).unwrap());
    }
    if name.ends_with("index.json") {
        fs::remove_file(hub.path("model/model.safetensors")).unwrap();
    }
    hub.write(&format!("model/{name}"), fs::read(path).unwrap());
    hub.write("t.csv", "text,label\nthe old mill,0\nthe river,1\n");
    let line = ["rank", "t.csv", "--text", "text", "--label", "label", "--base", "acme/encoder=model"];
    refused(&hub, code, line.to_vec(), said);
}

/// The paths of the files of a folder, with what is expected of each; none may be missing on either side.
fn corpus(folder: &str, expected: &[Expected]) -> Vec<(PathBuf, i32, &'static str)> {
    let folder = fixture("../hostile").join(folder);
    let mut there: Vec<String> =
        fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    there.sort();
    let mut named: Vec<&str> = expected.iter().map(|(name, ..)| *name).collect();
    named.sort_unstable();
    assert_eq!(there, named, "every file of {} is tested, and every test has its file", folder.display());
    expected.iter().map(|(name, code, said)| (folder.join(name).canonicalize().unwrap(), *code, *said)).collect()
}

/// A hub, and an ESM's folder in it of which one file is hostile.
fn esm_with(name: &str, path: &Path) -> (Hub, String) {
    let hub = Hub::new();
    let source = hub.esm(&EsmFolder::new("mr", 4, 1));
    fs::copy(path, hub.path(&source).join(name)).unwrap();
    (hub, source)
}

/// Publishes without a word on stderr where the code is 0; is refused otherwise.
#[track_caller]
fn published_or_refused(hub: &Hub, source: &str, code: i32, said: &str) {
    if code != 0 {
        return refused(hub, code, vec!["publish", source], said);
    }
    let output = limited(hub, &["publish", source]);
    assert_eq!((output.code, output.stderr.as_str()), (0, ""), "{output:#?}");
}

fn plant(file: &Path, at: &Path) {
    fs::remove_file(at).unwrap();
    fs::copy(file, at).unwrap();
}

/// The command, with a limit on its addresses where the system has one.
fn limited(hub: &Hub, arguments: &[&str]) -> Output {
    let command = hub.command();
    if !cfg!(target_os = "linux") {
        return hub.run(arguments);
    }
    let mut shell = Command::new("/bin/sh");
    shell
        .args(["-c", &format!("ulimit -v {MAX_ADDRESSES} && exec \"$@\""), "sh"])
        .arg(command.get_program())
        .args(arguments);
    shell.current_dir(command.get_current_dir().unwrap()).env_clear();
    shell.envs(command.get_envs().filter_map(|(key, value)| Some((key, value?))));
    Hub::finish(&mut shell)
}

/// The command is refused with this code, saying this, on one line and perhaps one of advice behind warnings; it has changed nothing.
#[track_caller]
fn refused(hub: &Hub, code: i32, arguments: Vec<&str>, said: &str) {
    let before = hub.tree();
    let output = limited(hub, &arguments);
    assert_eq!(output.code, code, "{arguments:?}: {output:#?}");
    assert_eq!(output.stdout, "", "{output:#?}");
    let mut lines = output.stderr.lines().filter(|line| !line.is_empty() && !line.starts_with("warning: "));
    assert!(lines.next().is_some_and(|line| line.starts_with("error: ")), "{output:#?}");
    assert!(lines.all(|line| line.starts_with("hint: ")), "{arguments:?}: {output:#?}");
    assert!(output.stderr.len() < 2_000, "{output:#?}");
    assert!(output.stderr.contains(said), "{arguments:?}: {said:?} is not said: {output:#?}");
    assert_eq!(before.changes(&hub.tree()), Vec::<String>::new(), "{output:#?}");
}
