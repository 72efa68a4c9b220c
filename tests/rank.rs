//! Ranking: what is compared, what is left out, and that nothing is left out in silence.

use serde_json::json;

use crate::support::{EsmFolder, Hub, at, f32_array, fixture, i64_array, labels_array, line, names, npz, pool, target};

#[test]
fn ranking_is_a_whole_document() {
    let hub = pool();
    let ranking = hub.json(["rank", "t.npz"]);
    assert_eq!(ranking["target"]["source"], "t.npz");
    assert_eq!(at(&ranking, ["target/rows", "target/classes"]), json!([60, 3]));
    assert_eq!(ranking["target"]["task"], "classification");
    assert_eq!(at(&ranking, ["base/id", "base/dimension"]), json!(["acme/encoder", 8]));
    assert_eq!(at(&ranking, ["score", "other_base", "skipped"]), json!(["exact", 0, []]));
    let baseline = ranking["baseline"]["score"].as_f64().unwrap();
    let results = ranking["results"].as_array().unwrap();
    assert_eq!(results.len(), 5);
    let mut before = f64::INFINITY;
    for (esm, rank) in results.iter().zip(1..) {
        assert_eq!(at(esm, ["rank", "tag"]), json!([rank, "v1"]));
        let score = esm["score"].as_f64().unwrap();
        assert!(score <= before, "{ranking}");
        assert!((esm["gain"].as_f64().unwrap() - (score - baseline)).abs() < 1e-12, "{ranking}");
        for optional in ["interval", "tie_group", "overlap"] {
            assert!(esm.as_object().unwrap().contains_key(optional), "{optional}");
        }
        before = score;
        let name = esm["name"].as_str().unwrap();
        assert_eq!(hub.json(["resolve", name])["digest"], esm["digest"]);
    }
}

/// LogME of the plain embeddings does not depend on what is in the pool, and the identity map scores the same.
#[test]
fn baseline_is_the_score_of_the_identity() {
    let hub = pool();
    let mut identity = EsmFolder::new("identity", 8, 1);
    identity.weight = (0..64).map(|at| if at % 9 == 0 { 1.0 } else { 0.0 }).collect();
    identity.bias = vec![0.0; 8];
    let before = hub.json(["rank", "t.npz"])["baseline"].clone();
    let source = hub.esm(&identity);
    hub.ok(["publish", &source, "--codec", "f32"]);
    for formula in ["exact", "hfselect"] {
        let ranking = hub.json(["rank", "t.npz", "--score", formula]);
        assert_eq!(ranking["score"], formula);
        let esm = ranking["results"].as_array().unwrap().iter().find(|esm| esm["name"] == "identity").unwrap();
        assert!(esm["gain"].as_f64().unwrap().abs() < 1e-9, "{ranking}");
        if formula == "exact" {
            assert_eq!(ranking["baseline"], before);
        }
    }
}

#[test]
fn two_runs_give_the_same_bytes_whatever_the_threads() {
    let hub = pool();
    let first = hub.ok(["rank", "t.npz", "--json", "--no-cache", "--threads", "1"]);
    for threads in ["1", "2", "5"] {
        assert_eq!(hub.ok(["rank", "t.npz", "--json", "--no-cache", "--threads", threads]), first);
    }
}

#[test]
fn rows_labelled_minus_one_are_left_out() {
    let hub = pool();
    let x: Vec<f32> = (0..40 * 8).map(|at| (at as f32 * 0.7).sin()).collect();
    let y: Vec<i64> = (0..40).map(|row| [0, -1, 1, 1, 0, -1, 0][row % 7]).collect();
    hub.write("some.npz", npz(&[("x", f32_array(&x, 8)), ("y", i64_array(&y))]));
    let labelled = |at: &usize| y[*at] != -1;
    let kept: Vec<usize> = (0..40).filter(labelled).collect();
    let kept_x: Vec<f32> = kept.iter().flat_map(|row| x[row * 8..][..8].to_vec()).collect();
    let kept_y: Vec<i64> = kept.iter().map(|row| y[*row]).collect();
    hub.write("kept.npz", npz(&[("x", f32_array(&kept_x, 8)), ("y", i64_array(&kept_y))]));
    let (some, kept) = (hub.json(["rank", "some.npz"]), hub.json(["rank", "kept.npz"]));
    assert_eq!((&some["target"]["unlabelled"], &kept["target"]["unlabelled"]), (&11.into(), &0.into()));
    assert_eq!(some["target"]["classes"], 2);
    assert_eq!(some["target"]["digest"], kept["target"]["digest"]);
    assert_eq!(some["results"], kept["results"]);
    // As numbers to predict, -1 is a number.
    let numbers = hub.json(["rank", "some.npz", "--task", "regression"]);
    assert_eq!(at(&numbers, ["target/rows", "target/classes"]), json!([40, null]));
}

#[test]
fn labels_as_texts_and_as_numbers_mean_the_same() {
    let hub = pool();
    let x: Vec<f32> = (0..30 * 8).map(|at| (at as f32 * 0.7).sin()).collect();
    let y: Vec<i64> = (0..30).map(|row| row % 3).collect();
    let texts: Vec<&str> = y.iter().map(|class| ["anger", "joy", "sadness"][*class as usize]).collect();
    hub.write("numbers.npz", npz(&[("x", f32_array(&x, 8)), ("y", i64_array(&y))]));
    hub.write("texts.npz", npz(&[("x", f32_array(&x, 8)), ("y", labels_array(&texts))]));
    assert_eq!(hub.json(["rank", "numbers.npz"])["results"], hub.json(["rank", "texts.npz"])["results"]);
}

/// Among texts -1 is one class more: advice for numbers would change the ranking in silence.
#[test]
fn a_text_column_with_marks_for_numbers_is_doubted_and_nobody_is_told_to_write_them() {
    let hub = pool();
    let x: Vec<f32> = (0..30 * 8).map(|at| (at as f32 * 0.7).sin()).collect();
    let labels: Vec<&str> = (0..30).map(|row| ["HUM", "ENTY", "-1"][row % 3]).collect();
    hub.write("marks.npz", npz(&[("x", f32_array(&x, 8)), ("y", labels_array(&labels))]));
    let output = hub.run(["rank", "marks.npz"]);
    assert!(output.code == 0 && output.stderr.contains("-1 is one of the classes, with 10 of the rows"), "{output:#?}");
    hub.write("gap.csv", "text,label\na,HUM\nb,ENTY\nc,\n");
    let message = hub.refused(17, line("rank gap.csv --text text --label label"));
    assert!(message.contains("row 3 has no label") && message.contains("leave the row out of the file"), "{message}");
    assert!(!message.contains("-1"), "{message}");
    hub.write("gap.csv", "text,label\na,1\nb,2\nc,\n");
    let numbers = line("rank gap.csv --text text --label label");
    hub.refused_saying(17, numbers, &["mark the row as unlabelled with -1"]);
}

#[test]
fn rows_are_limited_and_drawn_by_the_seed() {
    let hub = pool();
    let digest = |options: &[&str]| {
        let ranking = hub.json(["rank", "t.npz"].iter().chain(options));
        assert_eq!(ranking["target"]["rows"], if options.contains(&"25") { 25 } else { 60 });
        ranking["target"]["digest"].clone()
    };
    assert_eq!(digest(&["--rows", "25"]), digest(&["--rows", "25", "--seed", "42"]));
    assert_ne!(digest(&["--rows", "25"]), digest(&["--rows", "25", "--seed", "43"]));
    assert_ne!(digest(&["--rows", "25"]), digest(&["--rows", "25", "--sample", "first"]));
    assert_eq!(
        digest(&["--rows", "25", "--sample", "first", "--seed", "1"]),
        digest(&["--rows", "25", "--sample", "first"])
    );
    // Where there are no more, all are taken, in the order of the file.
    assert_eq!(digest(&["--rows", "60"]), digest(&["--sample", "first"]));
    hub.refused(2, ["rank", "t.npz", "--rows", "1"]);
}

#[test]
fn top_shows_the_first_and_counts_all() {
    let hub = pool();
    let all = hub.json(["rank", "t.npz"]);
    let two = hub.json(["rank", "t.npz", "--top", "2"]);
    assert_eq!((&two["ranked"], names(&two).len()), (&5.into(), 2));
    assert_eq!(names(&two), names(&all)[..2]);
    assert_eq!(names(&hub.json(["rank", "t.npz", "--top", "0"])), names(&all));
    assert_eq!(hub.ok(["rank", "t.npz", "--top", "2", "-q"]).lines().count(), 2);
    assert!(hub.ok(["rank", "t.npz", "--top", "2"]).contains("3 more"));
}

#[test]
fn pool_without_anything_to_rank_says_why() {
    let hub = Hub::new();
    hub.write("t.npz", target(60, 8, 3, 1));
    hub.refused_saying(13, ["rank", "t.npz"], &["no ESMs", "hint: `esmhub publish`"]);
    let source = hub.esm(&EsmFolder::new("mr", 8, 1));
    hub.ok(["publish", &source]);
    hub.refused_saying(
        13,
        ["rank", "t.npz", "--filter", "name~nothing"],
        &["no ESM passes --filter", "hint: loosen it"],
    );
    hub.ok(["yank", "mr:v1"]);
    hub.refused_saying(13, ["rank", "t.npz"], &["is yanked", "hint: ", "yank --undo"]);
}

#[test]
fn table_shows_where_no_transfer_stands() {
    let hub = pool();
    let ranking = hub.json(["rank", "t.npz"]);
    let above = ranking["results"].as_array().unwrap().iter().filter(|esm| esm["gain"].as_f64().unwrap() > 0.0).count();
    let table = hub.ok(["rank", "t.npz"]);
    let rows: Vec<&str> = table.lines().skip_while(|line| !line.contains("RANK")).skip(1).take(6).collect();
    assert!(rows[above].contains("(no transfer)"), "{table}");
    assert_eq!(table.matches("(no transfer)").count(), 1, "{table}");
}

/// The peer's own pickle as a target is no table and no arrays.
#[test]
fn weights_are_no_target() {
    let hub = pool();
    let file = fixture("pickled-twin/model.safetensors");
    let message = hub.refused(1, ["rank".as_ref(), file.as_os_str()]);
    assert!(message.contains("model.weight"), "{message}");
}
