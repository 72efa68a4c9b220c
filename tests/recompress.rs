//! Recompressing: smaller under new tags, and whatever was there before stays as it was.

use serde_json::{Value, json};

use crate::support::{EsmFolder, Hub, Tuning, at, f32_array, line, npz, r2};

const D: usize = 48;

/// Two fitted ESMs of rank 8 in int8, `a` and `b`, and a dense one in int8 from elsewhere, `far`.
fn hub() -> (Hub, Tuning) {
    let (hub, tuning) = (Hub::new(), Tuning::new(D, 6, 1));
    hub.write("one.npz", tuning.pairs(&tuning.domain(60, (0, D), 9)));
    for (name, seed) in [("a", 2), ("b", 3)] {
        hub.write(&format!("{name}.npz"), tuning.pairs(&tuning.domain(200, (0, D), seed)));
        hub.ok(line(format!(
            "publish {name}.npz --base acme/encoder --codec int8 --rank 8 --anchor-pairs one.npz --license MIT"
        )));
    }
    let mut dense = EsmFolder::new("far", D, 5);
    dense.weight = tuning.weight();
    dense.bias = tuning.bias();
    let source = hub.esm(&dense);
    hub.ok(["publish", &source]);
    (hub, tuning)
}

/// The outputs of a pulled map on texts of its own.
fn outputs(hub: &Hub, tuning: &Tuning, reference: &str) -> Vec<Vec<f64>> {
    let folder = format!("pulled/{}", reference.replace(':', "-"));
    hub.ok(["pull", reference, "--output", &folder]);
    let map = EsmFolder::map_in(&hub.path(folder));
    tuning.domain(200, (0, D), 77).iter().map(|x| map(x)).collect()
}

#[test]
fn new_tags_are_smaller_and_old_ones_are_what_they_were() {
    let (hub, tuning) = hub();
    let before = ["a:v1", "b:v1", "far:v1"].map(|reference| (reference, hub.json(["show", reference])));
    let bits = EsmFolder::bits_in;
    hub.ok(["pull", "a:v1", "--output", "old"]);
    let said = hub.json(line("recompress a b far"));
    assert_eq!(at(&said, ["published/0/tag", "published/1/tag", "published/2/tag"]), json!(["v2", "v2", "v2"]));
    assert_eq!(at(&said, ["skipped", "entries", "dry_run"]), json!([[], [4], false]));
    for (reference, old) in &before {
        let mut now = hub.json(["show", reference]);
        assert_eq!(now["other_tags"].take(), json!(["v2"]));
        let mut old = old.clone();
        old["other_tags"].take();
        assert_eq!(now, old);
    }
    hub.ok(["pull", "a:v1", "--output", "again"]);
    assert_eq!(bits(&hub.path("again")), bits(&hub.path("old")));

    let size = |reference: &str| hub.json(["show", reference])["card"]["weights"]["bytes"].as_u64().unwrap();
    let (mut sum_before, mut sum_after) = (0, 0);
    for name in ["a", "b", "far"] {
        let (old, new) = (size(&format!("{name}:v1")), size(name));
        assert!(new < old, "{name}: {new} of {old}");
        sum_before += old;
        sum_after += new;
    }
    assert_eq!(at(&said, ["bytes_before", "bytes_after"]), json!([sum_before, sum_after]));
    // D/12 for what has a rank, the smallest codec for what is dense.
    assert_eq!(at(&hub.json(["show", "a"]), ["rank", "card/weights/bytes"]), json!([4, 24 + 8 * (2 + D / 2) + 2 * D]));
    assert_eq!(hub.json(["show", "far"])["rank"], json!(null));
    let dense = hub.json(line("recompress far:v1 --codec int4 --dry-run"));
    assert_eq!(at(&dense, ["published/0/codec", "published/0/status"]), json!(["int4", "unchanged"]));
    let kept = r2(&outputs(&hub, &tuning, "far:v1"), &outputs(&hub, &tuning, "far:v2"));
    assert!(kept > 0.98, "{kept}");
    assert_eq!(hub.json(["verify"])["sound"], true);
}

#[test]
fn second_run_leaves_everything_as_it_is() {
    let (hub, _) = hub();
    hub.ok(["recompress", "*"]);
    let before = hub.pool();
    let output = hub.run(["recompress", "*"]);
    assert_eq!(output.code, 0, "{output:#?}");
    assert_eq!(output.stderr.matches("left as it is").count(), 3, "{output:#?}");
    let said = hub.json(["recompress", "*"]);
    assert_eq!(at(&said, ["published", "entries", "bytes_before"]), json!([[], [], 0]));
    assert_eq!(at(&said, ["skipped/0/esm", "skipped/2/esm"]), json!(["a:v2", "far:v2"]));
    // From the old tags, what is made is there already.
    let said = hub.json(line("recompress a:v1 far:v1"));
    assert_eq!(at(&said, ["published/0/status", "published/1/status"]), json!(["unchanged", "unchanged"]));
    assert_eq!(before.changes(&hub.pool()), Vec::<String>::new());
}

/// The first components are the best map of a smaller rank: a cut map has the matrix that a fit of that rank has.
#[test]
fn cut_map_is_the_first_components_of_the_old_one() {
    let (hub, _) = hub();
    hub.ok(line("publish a.npz --base acme/encoder --codec f32 --rank 8 --name exact"));
    hub.ok(line("publish a.npz --base acme/encoder --codec f32 --rank 3 --name fitted"));
    let said = hub.json(line("recompress exact --codec f32 --rank 3"));
    assert_eq!(at(&said, ["published/0/rank", "published/0/codec"]), json!([3, "f32"]));
    let weight = |reference: &str| {
        let folder = format!("pulled/{}", reference.replace(':', "-"));
        hub.ok(["pull", reference, "--output", &folder]);
        EsmFolder::bits_in(&hub.path(folder)).0.into_iter().map(f32::from_bits).collect::<Vec<f32>>()
    };
    let apart = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    let (whole, cut, fitted) = (weight("exact:v1"), weight("exact:v2"), weight("fitted"));
    assert!(apart(&cut, &fitted) < 1e-4, "{}", apart(&cut, &fitted));
    assert!(apart(&cut, &whole) > 1e-2, "{}", apart(&cut, &whole));
}

/// What is cut off moves every output by what it did to the mean; with embeddings at hand, the bias takes that up.
#[test]
fn cut_map_keeps_its_output_at_the_mean_where_embeddings_are_given() {
    let (hub, tuning) = hub();
    let texts = tuning.domain(150, (0, D), 31);
    let values: Vec<f32> = texts.iter().flatten().map(|&value| value as f32).collect();
    hub.write("x.npz", npz(&[("x", f32_array(&values, D))]));
    hub.ok(line("publish a.npz --base acme/encoder --codec f32 --rank 8 --name exact"));
    hub.ok(line("recompress exact:v1 --codec f32 --rank 3"));
    hub.ok(line("recompress exact:v1 --codec f32 --rank 3 --distill x.npz"));
    let mean: Vec<f64> = (0..D).map(|j| texts.iter().map(|row| row[j]).sum::<f64>() / texts.len() as f64).collect();
    let at_mean = |reference: &str| {
        let folder = format!("pulled/{}", reference.replace(':', "-"));
        hub.ok(["pull", reference, "--output", &folder]);
        EsmFolder::map_in(&hub.path(folder))(&mean)
    };
    let [whole, cut, kept] = ["exact:v1", "exact:v2", "exact:v3"].map(at_mean);
    let off = |a: &[f64]| a.iter().zip(&whole).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
    assert!(off(&kept) < 1e-4, "{}", off(&kept));
    assert!(off(&cut) > 0.01, "{}: there would be nothing to take up", off(&cut));
}

#[test]
fn provenance_is_recorded_and_figures_that_hold_no_more_are_not() {
    let (hub, _) = hub();
    let old = hub.json(["show", "a:v1"]);
    assert!(old["card"]["fit"]["held_out"].is_object() && old["across"].is_number(), "{old}");
    hub.ok(line("recompress a --rank 8 --codec int4"));
    let coded = hub.json(["show", "a"]);
    assert_eq!(
        at(&coded, ["derivation/how", "derivation/weights"]),
        json!(["recompress", old["card"]["weights"]["digest"]])
    );
    // Another codec loses little: what was measured stands, and so does what the codec costs.
    assert_eq!(coded["card"]["fit"], old["card"]["fit"]);
    assert_eq!(coded["fidelity"], old["fidelity"]);
    let error = |shown: &Value| shown["card"]["weights"]["codec_error"].as_f64().unwrap();
    assert!(error(&coded) > error(&old), "{} {}", error(&coded), error(&old));
    // Another rank is another map.
    hub.ok(line("recompress a:v1 --rank 2"));
    let cut = hub.json(["show", "a"]);
    assert_eq!(at(&cut, ["rank", "card/fit/held_out", "fidelity", "across"]), json!([2, null, null, null]));
    assert_eq!(at(&cut, ["derivation/weights", "tag"]), json!([old["card"]["weights"]["digest"], "v3"]));
    // All else is as it was: anchors, licence, source.
    for place in ["card/license", "card/source", "card/base", "card/fit/anchors", "card/fit/penalty"] {
        assert_eq!(at(&cut, [place]), at(&old, [place]), "{place}");
    }
    // A second step names the first.
    hub.ok(line("recompress a:v2 --rank 2"));
    assert_eq!(hub.json(["show", "a"])["derivation"]["weights"], coded["card"]["weights"]["digest"]);
}

#[test]
fn patterns_mean_the_newest_tag_of_every_name() {
    let (hub, _) = hub();
    hub.ok(line("publish a.npz --base acme/encoder --codec f32 --rank 8 --tag best"));
    hub.ok(line("yank b:v1"));
    let said = hub.json(line("recompress ? a:v1 --codec int8 --rank 6"));
    let sources: Vec<&Value> = said["published"].as_array().unwrap().iter().map(|esm| &esm["source"]).collect();
    assert_eq!(sources, ["a:best", "a:v1"], "{said}");
    hub.refused(13, line("recompress absent"));
    hub.refused(13, line("recompress z*"));
    hub.refused(2, line("recompress"));
    hub.refused_saying(2, line("recompress a --rank full"), &["--rank full"]);
    // One that is not there refuses all.
    hub.refused(13, line("recompress far absent"));
}

#[test]
fn dry_run_writes_nothing_and_says_the_same() {
    let (hub, _) = hub();
    let before = hub.tree();
    let said = hub.json(line("recompress a far --dry-run"));
    assert_eq!(before.changes(&hub.tree()), Vec::<String>::new());
    let done = hub.json(line("recompress a far"));
    for place in ["published/0/digest", "published/1/digest", "published/0/tag", "bytes_before", "bytes_after"] {
        assert_eq!(at(&said, [place]), at(&done, [place]), "{place}");
    }
    assert_eq!((&said["dry_run"], &done["dry_run"]), (&json!(true), &json!(false)));
}

#[test]
fn dense_maps_get_a_rank_only_where_embeddings_are_given() {
    let (hub, tuning) = hub();
    let x: Vec<f32> = tuning.domain(200, (0, D), 6).concat().iter().map(|&value| value as f32).collect();
    hub.write("x.npz", npz(&[("x", f32_array(&x, D))]));
    hub.write("narrow.npz", npz(&[("x", f32_array(&x, 8))]));
    let old = hub.json(["show", "far"]);
    hub.refused_saying(17, line("recompress far --distill narrow.npz"), &["far:v1", "48", "8"]);
    hub.ok(line("recompress far --distill x.npz --codec int8 --rank 6"));
    let shown = hub.json(["show", "far"]);
    assert_eq!(at(&shown, ["rank", "derivation/how"]), json!([6, "distill"]));
    assert_eq!(shown["derivation"]["weights"], old["card"]["weights"]["digest"]);
    // The tuning has rank 6 beside its scale.
    let kept = r2(&outputs(&hub, &tuning, "far:v1"), &outputs(&hub, &tuning, "far:v2"));
    assert!(kept > 0.98, "{kept}");
}

#[test]
fn damaged_esm_is_named_and_nothing_is_published() {
    let (hub, _) = hub();
    crate::support::damage(&hub.object_of("b"));
    let message = hub.refused(16, line("recompress a b far"));
    assert!(message.contains("b:v1"), "{message}");
}

/// A tag that is made of an old one takes the newest one's place in every ranking.
#[test]
fn old_tag_is_not_made_the_newest_without_a_word() {
    let (hub, _) = hub();
    hub.ok(line("publish a.npz --base acme/encoder --codec f32 --rank 8 --no-anchors"));
    let output = hub.run(line("recompress a:v1 --rank 2"));
    assert!(
        output.code == 0 && output.stderr.contains("not the newest") && output.stderr.contains("v2"),
        "{output:#?}"
    );
    assert_eq!(hub.run(line("recompress a --rank 1")).stderr, "");
}
