//! What is cached: scores and embeddings come from the cache only where they are what would be computed, and no failure of
//! the cache is one of the command.

use std::fs;
use std::path::PathBuf;
use std::process::Stdio;

use serde_json::{Value, json};

use crate::support::{
    EsmFolder, Hub, Tree, at, csv, damage, line, overwrite, pool, target, tiny_base, tiny_model, words,
};

/// A ranking of `t.npz`, and how many of its scores were cached.
fn rank(hub: &Hub, rest: &str) -> (Value, u64) {
    uncounted(hub.json(line(format!("rank t.npz {rest}"))))
}

/// A ranking as it would be without a cache, and how many of its scores were cached.
fn uncounted(mut ranking: Value) -> (Value, u64) {
    let cached = ranking["cached"].as_u64().unwrap();
    ranking["cached"] = json!(0);
    (ranking, cached)
}

/// All files below a folder of the cache, in the order of their names.
fn kept(hub: &Hub, folder: &str) -> Vec<PathBuf> {
    let root = hub.path("cache").join(folder);
    let tree = if root.exists() { Tree::of(&root) } else { return Vec::new() };
    tree.files().into_iter().map(|file| root.join(file)).collect()
}

/// The database of the remembered scores.
fn memory(hub: &Hub) -> PathBuf {
    let databases: Vec<PathBuf> = kept(hub, "").into_iter().filter(|file| file.ends_with("memory/db")).collect();
    assert_eq!(databases.len(), 1, "{databases:?}");
    databases[0].clone()
}

fn all_objects(hub: &Hub) -> Vec<PathBuf> {
    let root = hub.path("pool/objects");
    Tree::of(&root).files().into_iter().map(|file| root.join(file)).collect()
}

/// What is cached stands, whatever has become of the object since; to find that is the work of `verify`.
#[test]
fn second_ranking_scores_nothing_and_says_the_same() {
    let hub = pool();
    let computed = hub.ok(["rank", "t.npz", "--json"]);
    assert!(computed.contains("\"cached\":0,"), "{computed}");
    let objects = all_objects(&hub);
    damage(&objects[0]);
    objects[1..].iter().for_each(|object| fs::remove_file(object).unwrap());
    let recalled = hub.ok(["rank", "t.npz", "--json"]);
    assert_eq!(recalled.replace("\"cached\":5,", "\"cached\":0,"), computed);
    let said = hub.run(["rank", "t.npz", "-v"]);
    assert!(said.stderr.contains("5 scores from the cache"), "{said:#?}");
    assert!(!hub.run(["rank", "t.npz"]).stderr.contains("cache"));
    assert_eq!(hub.json_with(16, ["verify"])["sound"], false);
    hub.refused(16, ["rank", "t.npz", "--no-cache"]);
}

#[test]
fn one_new_esm_scores_one() {
    let hub = pool();
    rank(&hub, "");
    all_objects(&hub).iter().for_each(|object| fs::remove_file(object).unwrap());
    let source = hub.esm(&EsmFolder::new("new", 8, 77));
    hub.ok(["publish", &source]);
    let (ranking, cached) = rank(&hub, "");
    assert_eq!((cached, &ranking["ranked"], &ranking["skipped"]), (5, &json!(6), &json!([])));
    assert_eq!(rank(&hub, ""), (ranking, 6));
}

/// The same weights score the same, under whichever name.
#[test]
fn same_weights_share_a_score() {
    let hub = pool();
    let (before, _) = rank(&hub, "");
    hub.ok(["publish", "esms/trec", "--codec", "f32", "--name", "another", "--license", "MIT"]);
    let (ranking, cached) = rank(&hub, "");
    assert_eq!((cached, &ranking["ranked"]), (6, &json!(6)));
    let score = |ranking: &Value, name: &str| {
        let results = ranking["results"].as_array().unwrap();
        results.iter().find(|esm| esm["name"] == name).unwrap()["score"].clone()
    };
    assert_eq!(score(&ranking, "another"), score(&before, "trec"));
}

#[test]
fn another_target_or_formula_shares_nothing() {
    let hub = pool();
    hub.write("twin.npz", fs::read(hub.path("t.npz")).unwrap());
    let others = [
        "",
        "--score hfselect",
        "--rows 25",
        "--rows 25 --seed 43",
        "--rows 25 --sample first",
        "--task regression",
        "--score hfselect --rows 25",
        "--score ridge",
        "--score ridge --task regression",
    ];
    for other in others {
        let fresh = rank(&hub, &format!("{other} --no-cache"));
        assert_eq!(rank(&hub, other), fresh, "{other}");
        assert_eq!(rank(&hub, other), (fresh.0, 5), "{other}");
    }
    // What decides is what is in it, not what it is called; what is shown of it does not decide.
    let (_, cached) = uncounted(hub.json(line("rank twin.npz --top 2 --filter name~r")));
    assert_eq!(cached, 3);
    hub.write("t.npz", target(60, 8, 3, 2));
    assert_eq!(rank(&hub, "").1, 0);
}

#[test]
fn damaged_esm_is_not_cached() {
    let hub = pool();
    let object = hub.object_of("mr");
    let sound = fs::read(&object).unwrap();
    damage(&object);
    for cached in [0, 4] {
        let ranking = hub.json_with(3, ["rank", "t.npz"]);
        assert_eq!(at(&ranking, ["cached", "ranked", "skipped/0/name"]), json!([cached, 4, "mr"]));
    }
    overwrite(&object, &sound);
    assert_eq!(rank(&hub, "").1, 4);
    assert_eq!(rank(&hub, "").1, 5);
}

#[test]
fn damaged_memory_gives_no_wrong_score() {
    let hub = pool();
    let (sound, _) = rank(&hub, "");
    let file = memory(&hub);
    let intact = fs::read(&file).unwrap();
    let used = intact.iter().rposition(|&byte| byte != 0).unwrap() + 1;
    let flipped = (0..used).step_by(used / 24 + 1).map(|at| {
        let mut bytes = intact.clone();
        bytes[at] ^= 1 << (at % 8);
        bytes
    });
    for (number, bytes) in flipped.chain([Vec::new(), b"garbage".to_vec(), vec![0xff; 4000]]).enumerate() {
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(&file, bytes).unwrap();
        assert_eq!(rank(&hub, "").0, sound, "damage {number}");
    }
    rank(&hub, "");
    assert_eq!(rank(&hub, ""), (sound, 5));
}

#[test]
fn no_cache_neither_reads_nor_writes() {
    let hub = pool();
    if hub.path("cache").exists() {
        fs::remove_dir_all(hub.path("cache")).unwrap();
    }
    let (fresh, _) = rank(&hub, "--no-cache");
    assert!(!hub.path("cache").exists());
    rank(&hub, "");
    let before = Tree::of(&hub.path("cache"));
    assert_eq!(rank(&hub, "--no-cache"), (fresh.clone(), 0));
    let output = hub.command().env("ESMHUB_NO_CACHE", "1").args(["rank", "t.npz", "--json"]).output().unwrap();
    assert_eq!(uncounted(serde_json::from_slice(&output.stdout).unwrap()), (fresh, 0));
    assert_eq!(before.changes(&Tree::of(&hub.path("cache"))), Vec::<String>::new());
}

/// Without a place to write to, everything is computed, every time, and nobody is bothered with it.
#[test]
fn cache_that_cannot_be_written_costs_time_alone() {
    let hub = pool();
    let (fresh, _) = rank(&hub, "--no-cache");
    hub.write("file", "in the way");
    let mut places = vec![hub.path("file"), hub.path("file/below")];
    if cfg!(target_os = "linux") {
        places.push("/proc/esmhub".into());
    }
    for place in places {
        let place = place.to_str().unwrap().to_owned();
        for _ in 0..2 {
            assert_eq!(rank(&hub, &format!("--cache-dir {place}")), (fresh.clone(), 0), "{place}");
        }
        let quiet = hub.run(["rank", "t.npz", "--cache-dir", &place]);
        assert_eq!((quiet.code, quiet.stderr.as_str()), (0, ""));
        let said = hub.run(["rank", "t.npz", "--cache-dir", &place, "-v"]);
        assert!(said.stderr.contains("remember"), "{said:#?}");
    }
    assert_eq!(fs::read(hub.path("file")).unwrap(), b"in the way");
}

#[test]
fn rankings_at_the_same_time_all_succeed() {
    let hub = pool();
    let (fresh, _) = rank(&hub, "--no-cache");
    for _ in 0..3 {
        let running: Vec<_> = (0..4)
            .map(|_| {
                let mut command = hub.command();
                command.args(["rank", "t.npz", "--json"]).stdout(Stdio::piped()).spawn().unwrap()
            })
            .collect();
        for child in running {
            let output = child.wait_with_output().unwrap();
            assert_eq!(output.status.code(), Some(0));
            assert_eq!(uncounted(serde_json::from_slice(&output.stdout).unwrap()).0, fresh);
        }
    }
    assert_eq!(rank(&hub, ""), (fresh, 5));
}

/// A pool for the base model `tiny`, and `t.csv`.
fn text_pool() -> Hub {
    let hub = Hub::new();
    let sources = ["a", "b", "c"].iter().zip(1..);
    let sources: Vec<String> =
        sources.map(|(name, seed)| hub.esm(&EsmFolder::new(name, 32, seed).set("base_model_name", "tiny"))).collect();
    hub.ok(["publish", "--codec", "f32"].into_iter().chain(sources.iter().map(String::as_str)));
    hub.write("t.csv", csv(&words(60, 1)));
    hub
}

fn rank_texts(base: &str, rest: &str) -> Vec<String> {
    line(format!("rank t.csv --text text --label label --base {base} {rest}"))
}

#[test]
fn texts_are_embedded_once() {
    let hub = text_pool();
    let arguments = rank_texts(&tiny_base("bert-mean"), "--max-length 24");
    let verbose = || hub.run(arguments.iter().map(String::as_str).chain(["-v"])).stderr;
    assert!(!verbose().contains("from the cache"));
    assert_eq!(kept(&hub, "embeddings").len(), 1);
    let said = verbose();
    assert!(said.contains("60 embeddings by tiny from the cache"), "{said}");
    assert!(said.contains("3 scores from the cache"), "{said}");
    let (cached, scores) = uncounted(hub.json(&arguments));
    assert_eq!(scores, 3);
    let fresh = hub.json(arguments.iter().map(String::as_str).chain(["--no-cache"]));
    assert_eq!(uncounted(fresh), (cached, 0));
}

/// Each of these decides the embeddings.
#[test]
fn embeddings_are_of_these_texts_this_model_and_this_length() {
    let hub = text_pool();
    let ranked = |arguments: Vec<String>, files: usize| {
        let ranking = hub.json(&arguments);
        assert_eq!(kept(&hub, "embeddings").len(), files, "{arguments:?}");
        let fresh = hub.json(arguments.iter().map(String::as_str).chain(["--no-cache"]));
        assert_eq!(uncounted(ranking).0, uncounted(fresh).0, "{arguments:?}");
    };
    let mean = tiny_base("bert-mean");
    ranked(rank_texts(&mean, "--max-length 24"), 1);
    ranked(rank_texts(&mean, "--max-length 24 --score hfselect"), 1);
    ranked(rank_texts(&mean, "--max-length 6"), 2);
    ranked(rank_texts(&mean, "--max-length 24 --rows 50"), 3);
    ranked(rank_texts(&tiny_base("distilbert"), "--max-length 24"), 4);
    // The same characters, cut into texts in another place.
    let mut rows = words(60, 1);
    let first = rows[1].0.remove(0);
    rows[0].0.push(first);
    hub.write("t.csv", csv(&rows));
    ranked(rank_texts(&mean, "--max-length 24"), 5);
}

#[test]
fn damaged_embeddings_are_a_miss_and_change_nothing() {
    let hub = text_pool();
    let arguments = rank_texts(&tiny_base("bert-mean"), "--max-length 24");
    let (fresh, _) = uncounted(hub.json(&arguments));
    let files = kept(&hub, "embeddings");
    let sound = fs::read(&files[0]).unwrap();
    let damages = [
        sound.iter().map(|byte| byte ^ 0x40).collect(),
        sound[..sound.len() - 4].to_vec(),
        Vec::new(),
        [sound.as_slice(), &[0; 4]].concat(),
    ];
    for bytes in damages {
        overwrite(&files[0], &bytes);
        let said = hub.run(arguments.iter().map(String::as_str).chain(["-v"])).stderr;
        assert!(said.contains("kept embeddings were not used"), "{said}");
        assert_eq!(fs::read(&files[0]).unwrap(), sound, "they are kept anew");
        damage(&files[0]);
        assert_eq!(uncounted(hub.json(&arguments)), (fresh.clone(), 3));
    }
    assert_eq!(kept(&hub, "embeddings"), files);
    // Where nothing can be kept, the ranking is the same.
    fs::remove_dir_all(hub.path("cache/embeddings")).unwrap();
    fs::write(hub.path("cache/embeddings"), "in the way").unwrap();
    assert_eq!(uncounted(hub.json(&arguments)), (fresh, 3));
}

/// Once more with another codec: neither model has to embed anything.
#[test]
fn second_fit_embeds_nothing() {
    let hub = Hub::new();
    hub.write("task.csv", csv(&words(60, 5)));
    let models = format!("--base {} --tuned {}", tiny_base("bert-mean"), tiny_model("roberta").display());
    let publish = |rest: &str| line(format!("publish {models} --data task.csv --text text --max-length 24 {rest}"));
    hub.ok(publish("--no-anchors --rank 4"));
    assert_eq!(kept(&hub, "embeddings").len(), 2);
    let fresh = hub.json(publish("--no-anchors --rank 8 --dry-run --no-cache"));
    let output = hub.run(publish("--no-anchors --rank 8 --dry-run -v"));
    assert_eq!(output.stderr.matches("60 embeddings").count(), 2, "{output:#?}");
    assert_eq!(hub.json(publish("--no-anchors --rank 8 --dry-run")), fresh);
}
