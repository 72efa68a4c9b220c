//! Which ESMs of a pool are ranked, and that none is left out in silence.

use serde_json::json;

use crate::support::{EsmFolder, at, damage, names, pool, target};

#[test]
fn esms_of_other_base_models_are_only_counted() {
    let hub = pool();
    for (task, seed) in [("one", 11), ("two", 12)] {
        let source = hub.esm(&EsmFolder::new(task, 8, seed).set("base_model_name", "acme/other"));
        hub.ok(["publish", &source]);
    }
    let ranking = hub.json(["rank", "t.npz", "--base", "acme/encoder"]);
    assert_eq!(at(&ranking, ["other_base", "ranked", "skipped"]), json!([2, 5, []]));
    let others = hub.json(["rank", "t.npz", "--base", "acme/other"]);
    assert_eq!(at(&others, ["other_base", "ranked"]), json!([5, 2]));
    let table = hub.ok(["rank", "t.npz", "--base", "acme/encoder"]);
    assert!(table.contains("2 ESMs of other base models left out"), "{table}");
}

#[test]
fn several_base_models_must_be_told_apart() {
    let hub = pool();
    let source = hub.esm(&EsmFolder::new("one", 8, 11).set("base_model_name", "acme/other"));
    hub.ok(["publish", &source]);
    hub.refused_saying(2, ["rank", "t.npz"], &["acme/encoder, acme/other", "--base"]);
    // A filter may leave only one of them.
    assert_eq!(hub.json(["rank", "t.npz", "--filter", "name=one"])["base"]["id"], "acme/other");
}

#[test]
fn pool_without_the_base_model_is_incompatible() {
    let hub = pool();
    hub.refused_saying(17, ["rank", "t.npz", "--base", "acme/absent"], &["acme/absent", "acme/encoder (5)", "hint: "]);
}

#[test]
fn esm_of_another_dimension_is_listed_with_its_reason() {
    let hub = pool();
    let source = hub.esm(&EsmFolder::new("wide", 9, 1));
    hub.ok(["publish", &source]);
    let ranking = hub.json_with(3, ["rank", "t.npz"]);
    assert_eq!(ranking["ranked"], 5);
    let skipped = ranking["skipped"].as_array().unwrap();
    assert_eq!(skipped.len(), 1);
    assert_eq!(at(&ranking, ["skipped/0/name", "skipped/0/tag"]), json!(["wide", "v1"]));
    let reason = skipped[0]["reason"].as_str().unwrap();
    assert!(reason.contains('9') && reason.contains('8'), "{reason}");
    let output = hub.run(["rank", "t.npz"]);
    assert_eq!(output.code, 3);
    assert!(output.stderr.contains("wide:v1 skipped: "), "{output:#?}");
    // None that fits: nothing is done at all.
    hub.write("five.npz", target(40, 5, 2, 1));
    hub.refused_saying(17, ["rank", "five.npz"], &["dimension"]);
}

#[test]
fn damaged_esm_is_listed_with_its_reason() {
    let hub = pool();
    damage(&hub.object_of("trec"));
    let ranking = hub.json_with(3, ["rank", "t.npz"]);
    assert_eq!(names(&ranking).len(), 4);
    let skipped = &ranking["skipped"];
    assert_eq!(skipped.as_array().unwrap().len(), 1);
    assert_eq!(skipped[0]["name"], "trec");
    assert!(skipped[0]["reason"].as_str().unwrap().contains("objects/"), "{skipped}");
}

#[test]
fn filters_leave_out_what_does_not_fit() {
    let hub = pool();
    let few = hub.esm(&EsmFolder::new("few", 8, 21).set("num_examples", 50));
    hub.ok(["publish", &few, "--license", "MIT", "--codec", "int8"]);
    let ranked = |filter: &str| {
        let ranking = hub.json(["rank", "t.npz", "--filter", filter]);
        let mut names: Vec<String> = names(&ranking).into_iter().map(str::to_owned).collect();
        names.sort();
        names.join(" ")
    };
    assert_eq!(ranked("name~ACME/"), "acme/movies acme/reviews");
    assert_eq!(ranked("name~acme name~mov"), "acme/movies");
    assert_eq!(ranked("rows<1000"), "few");
    assert_eq!(ranked("rows>=50 license=mit"), "few");
    assert_eq!(ranked("codec=int8"), "few");
    assert_eq!(ranked("name!=few rows>=1000 name~r"), "acme/reviews mr trec");
    let refused = hub.refused(13, ["rank", "t.npz", "--filter", "name=absent"]);
    assert!(refused.contains("filter"), "{refused}");
    hub.refused_saying(2, ["rank", "t.npz", "--filter", "colour=red"], &["colour", "license"]);
}

#[test]
fn only_the_newest_tag_is_ranked_unless_all_are_asked_for() {
    let hub = pool();
    let second = hub.esm(&EsmFolder::new("trec", 8, 31));
    hub.ok(["publish", &second]);
    let tags = |options: &[&str]| {
        let ranking = hub.json(["rank", "t.npz"].iter().chain(options));
        let trecs = ranking["results"].as_array().unwrap().iter().filter(|esm| esm["name"] == "trec");
        let mut tags: Vec<String> = trecs.map(|esm| esm["tag"].as_str().unwrap().to_owned()).collect();
        tags.sort();
        tags
    };
    assert_eq!(tags(&[]), ["v2"]);
    assert_eq!(tags(&["--all-tags"]), ["v1", "v2"]);
    hub.ok(["yank", "trec:v2"]);
    assert_eq!(tags(&[]), ["v1"]);
    assert_eq!(tags(&["--all-tags"]), ["v1"]);
}
