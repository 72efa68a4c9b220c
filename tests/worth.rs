//! What a score is worth: intervals, ties, and a plain word where nothing helps.

use serde_json::Value;

use crate::support::{EsmFolder, Hub, Random, damage, f32_array, i64_array, npz};

const DIMENSION: usize = 8;

/// Two classes that the first of eight dimensions tells apart, more or less.
fn target(rows: usize) -> Vec<u8> {
    let mut random = Random::new(5);
    let x: Vec<f32> = (0..rows * DIMENSION).map(|_| random.normal()).collect();
    let y: Vec<i64> = x.chunks(DIMENSION).map(|row| i64::from(row[0] + 0.5 * random.normal() > 0.0)).collect();
    npz(&[("x", f32_array(&x, DIMENSION)), ("y", i64_array(&y))])
}

/// A map that stretches each dimension by a factor of its own.
fn stretching(name: &str, factor: impl Fn(usize) -> f32) -> EsmFolder {
    let mut esm = EsmFolder::new(name, DIMENSION, 1);
    let size = DIMENSION + 1;
    esm.weight = (0..DIMENSION * DIMENSION).map(|at| if at % size == 0 { factor(at / size) } else { 0.0 }).collect();
    esm.bias = vec![0.0; DIMENSION];
    esm
}

/// Two that bring out what tells the classes apart and differ by a hair, one that changes nothing, one that hides it.
fn pool() -> Hub {
    let hub = Hub::new();
    let [mut helps, mut helps_too] = [("helps", 0.01), ("helps-too", 0.0101)]
        .map(|(name, rest)| stretching(name, |at| if at == 0 { 1.0 } else { rest }));
    // A constant feature: the model has no intercept of its own.
    helps.bias[1] = 1.0;
    helps_too.bias[1] = 1.0;
    let hides = stretching("hides", |at| if at == 0 { 0.001 } else { 1.0 });
    for esm in [helps, helps_too, stretching("changes-nothing", |_| 1.0), hides] {
        let source = hub.esm(&esm);
        hub.ok(["publish", &source, "--codec", "f32"]);
    }
    hub.write("t.npz", target(300));
    hub
}

fn result<'a>(ranking: &'a Value, name: &str) -> &'a Value {
    ranking["results"].as_array().unwrap().iter().find(|esm| esm["name"] == name).unwrap()
}

#[test]
fn scores_that_cannot_be_told_apart_share_a_group() {
    let hub = pool();
    let ranking = hub.json(["rank", "t.npz"]);
    let group = |name: &str| result(&ranking, name)["tie_group"].as_u64().unwrap();
    assert_eq!((group("helps"), group("helps-too")), (1, 1));
    assert_eq!((group("changes-nothing"), group("hides")), (2, 3));
    assert_eq!((&ranking["compared"], &ranking["better"]), (&4.into(), &2.into()));
    for esm in ranking["results"].as_array().unwrap() {
        for (value, interval) in [("score", "interval"), ("gain", "gain_interval")] {
            let [low, high] = [&esm[interval][0], &esm[interval][1]].map(|end| end.as_f64().unwrap());
            let value = esm[value].as_f64().unwrap();
            assert!(low <= value && value <= high, "{esm}");
        }
    }
}

#[test]
fn one_esm_scores_and_several_score() {
    let hub = pool();
    let said = |filter: &str| hub.ok(["rank", "t.npz", "--filter", filter]);
    assert!(said("name=helps").contains("1 of 1 ESM scores above no transfer, 1 distinguishably"));
    assert!(said("name~helps").contains("2 of 2 ESMs score above no transfer"));
}

#[test]
fn a_pool_that_does_not_help_is_told_so() {
    let hub = pool();
    hub.ok(["yank", "helps:v1"]);
    hub.ok(["yank", "helps-too:v1"]);
    let table = hub.ok(["rank", "t.npz"]);
    let ranking = hub.json(["rank", "t.npz"]);
    assert_eq!(ranking["better"], 0);
    let verdict = if ranking["above"] == 0 { "no source scores above no transfer" } else { "none distinguishably" };
    assert!(table.contains(verdict), "{table}");
}

#[test]
fn labels_that_nothing_is_known_of_are_told_from_a_gain() {
    let hub = pool();
    let mut random = Random::new(6);
    let x: Vec<f32> = (0..300 * DIMENSION).map(|_| random.normal()).collect();
    let y: Vec<i64> = (0..300).map(|_| i64::from(random.below(4) == 0)).collect();
    hub.write("noise.npz", npz(&[("x", f32_array(&x, DIMENSION)), ("y", i64_array(&y))]));
    let says = |target: &str| {
        let ranking = hub.json(["rank", target]);
        let known = ranking["results"][0]["score"].as_f64() > ranking["labels_alone"]["score"].as_f64();
        assert_eq!(hub.ok(["rank", target]).contains("frequencies of the classes alone"), !known, "{target}");
        known
    };
    assert_eq!((says("t.npz"), says("noise.npz")), (true, false));
}

#[test]
fn too_few_rows_have_no_intervals_and_it_is_said() {
    let hub = pool();
    let table = hub.ok(["rank", "t.npz", "--rows", "60", "--intervals", "4"]);
    assert!(!table.contains('±') && table.contains("too few"), "{table}");
    let ranking = hub.json(["rank", "t.npz", "--rows", "60"]);
    assert_eq!((&ranking["compared"], &ranking["better"]), (&0.into(), &0.into()));
    assert!(ranking["results"].as_array().unwrap().iter().all(|esm| esm["tie_group"].is_null()));
}

/// Where rows are no more than dimensions, hfselect's formula orders nearly by chance, and resampling calls that certain.
#[test]
fn a_formula_that_is_wrong_for_so_few_rows_promises_nothing() {
    let hub = Hub::new();
    let wide = 120;
    for seed in [1, 2] {
        let source = hub.esm(&EsmFolder::new(&format!("esm{seed}"), wide, seed));
        hub.ok(["publish", &source, "--codec", "f32"]);
    }
    let mut random = Random::new(7);
    let x: Vec<f32> = (0..130 * wide).map(|_| random.normal()).collect();
    let y: Vec<i64> = x.chunks(wide).map(|row| i64::from(row[0] > 0.0)).collect();
    hub.write("t.npz", npz(&[("x", f32_array(&x, wide)), ("y", i64_array(&y))]));
    for (rows, score, warns) in
        [("120", "hfselect", true), ("121", "hfselect", false), ("120", "exact", false), ("120", "ridge", false)]
    {
        let ranking = hub.run(["rank", "t.npz", "--rows", rows, "--score", score, "--json"]);
        assert_eq!(ranking.stderr.contains("close to chance"), warns, "{rows} {score}: {ranking:#?}");
        let document: Value = serde_json::from_str(&ranking.stdout).unwrap();
        assert_eq!(document["results"][0]["interval"].is_null(), warns, "{rows} {score}");
        assert_eq!(document["compared"], if warns { 0 } else { 2 });
    }
}

#[test]
fn intervals_go_as_far_as_they_are_asked_for() {
    let hub = pool();
    let with = |options: &[&str]| {
        let ranking = hub.json(["rank", "t.npz"].iter().chain(options));
        let results = ranking["results"].as_array().unwrap().clone();
        let known = |field: &str| results.iter().filter(|esm| !esm[field].is_null()).count();
        assert!(["gain_interval", "tie_group"].iter().all(|field| known(field) == known("interval")));
        assert!(results.iter().take(known("interval")).all(|esm| !esm["interval"].is_null()));
        known("interval")
    };
    assert_eq!(with(&[]), 4);
    assert_eq!(with(&["--top", "2"]), 2);
    assert_eq!(with(&["--top", "0", "--intervals", "3"]), 3);
    assert_eq!(with(&["--intervals", "0"]), 0);
    assert!(!hub.ok(["rank", "t.npz", "--intervals", "0"]).contains('±'));
    assert!(hub.ok(["rank", "t.npz"]).contains('±'));
}

#[test]
fn an_object_that_was_damaged_after_it_was_scored_costs_its_interval_alone() {
    let hub = pool();
    let before = hub.json(["rank", "t.npz", "--intervals", "1"]);
    damage(&hub.object_of("changes-nothing"));
    let after = hub.json_with(3, ["rank", "t.npz"]);
    assert_eq!((&after["cached"], after["damaged"].as_array().unwrap().len()), (&4.into(), 1));
    for name in ["helps", "helps-too", "changes-nothing", "hides"] {
        assert_eq!(result(&before, name)["score"], result(&after, name)["score"]);
        assert_eq!(result(&after, name)["interval"].is_null(), name == "changes-nothing");
    }
}
