//! Anchors whose embeddings are at hand: which files they are, what they are worth, and that pools of several are told.

use serde_json::{Value, json};

use crate::support::{EsmFolder, Hub, Tuning, at, line, pairs, r2, target};

const D: usize = 24;
/// The directions in which the texts of the source vary, and those of other domains.
const SOURCE: (usize, usize) = (0, 8);
const ELSEWHERE: (usize, usize) = (8, 24);

/// `task.npz`, whose texts show a third of the directions; and `one.npz` and `two.npz`, which show the others.
fn hub() -> (Hub, Tuning) {
    let (hub, tuning) = (Hub::new(), Tuning::new(D, 4, 1));
    hub.write("task.npz", tuning.pairs(&tuning.domain(200, SOURCE, 2)));
    hub.write("one.npz", tuning.pairs(&tuning.domain(80, ELSEWHERE, 3)));
    hub.write("two.npz", tuning.pairs(&tuning.domain(80, ELSEWHERE, 4)));
    (hub, tuning)
}

fn publish(hub: &Hub, rest: &str) -> Value {
    hub.json(line(format!("publish --base acme/encoder {rest}")))["published"][0].clone()
}

/// R2 of a pulled map on a domain that nobody has fitted anything on.
fn r2_elsewhere(hub: &Hub, tuning: &Tuning, reference: &str, folder: &str) -> f64 {
    hub.ok(["pull", reference, "--output", folder]);
    let map = EsmFolder::map_in(&hub.path(folder));
    let x = tuning.domain(300, ELSEWHERE, 9);
    let y: Vec<Vec<f64>> = x.iter().map(|x| tuning.apply(x)).collect();
    let predicted: Vec<Vec<f64>> = x.iter().map(|x| map(x)).collect();
    r2(&y, &predicted)
}

#[test]
fn anchors_show_the_map_what_its_source_does_not() {
    let (hub, tuning) = hub();
    publish(&hub, "task.npz --codec f32 --rank 4");
    let esm = publish(&hub, "task.npz --codec f32 --rank 4 --anchor-pairs one.npz --anchor-pairs two.npz");
    let alone = r2_elsewhere(&hub, &tuning, "task:v1", "alone");
    let anchored = r2_elsewhere(&hub, &tuning, "task:v2", "anchored");
    assert!(anchored > 0.95 && anchored > alone + 0.1, "{anchored} with anchors, {alone} without");
    // What the card promises of other domains is what is found there.
    let across = esm["across"].as_f64().unwrap();
    assert!((across - anchored).abs() < 0.1, "{across} is promised, {anchored} found");
    assert_eq!(at(&esm, ["fidelity/domains/1/label", "fidelity/domains/2/label"]), json!(["one", "two"]));
    assert_eq!(at(&esm, ["fidelity/anchor_rows", "fidelity/domains/1/rows"]), json!([160, 80]));
}

#[test]
fn order_of_files_does_not_matter_and_content_does() {
    let (hub, tuning) = hub();
    let first = publish(&hub, "task.npz --anchor-pairs one.npz --anchor-pairs two.npz");
    let turned = publish(&hub, "task.npz --anchor-pairs two.npz --anchor-pairs one.npz");
    assert_eq!((&turned["digest"], &turned["status"]), (&first["digest"], &json!("unchanged")));
    // Elsewhere on the disk they are the same anchors; under another name, or with another text, they are others.
    let one = std::fs::read(hub.path("one.npz")).unwrap();
    hub.write("else/one.npz", &one);
    let moved = publish(&hub, "task.npz --anchor-pairs else/one.npz --anchor-pairs two.npz");
    assert_eq!(moved["digest"], first["digest"]);
    hub.write("else/three.npz", &one);
    hub.write("else/two.npz", tuning.pairs(&tuning.domain(80, ELSEWHERE, 5)));
    let mut anchors = vec![first["fit"]["anchors"].clone()];
    for (files, status) in [
        ("one.npz", "added"),
        // Another name is no other map.
        ("else/three.npz --anchor-pairs two.npz", "added-reference"),
        ("one.npz --anchor-pairs else/two.npz", "added"),
    ] {
        let other = publish(&hub, &format!("task.npz --anchor-pairs {files}"));
        assert!(!anchors.contains(&other["fit"]["anchors"]), "{files}");
        assert_eq!(other["status"], status, "{files}");
        anchors.push(other["fit"]["anchors"].clone());
    }
    // They are named by the base embeddings alone: another source's model makes something else of the same texts.
    let tuned = Tuning::new(D, 4, 77);
    hub.write("other.npz", tuned.pairs(&tuned.domain(200, SOURCE, 2)));
    hub.write("others/one.npz", tuned.pairs(&tuned.domain(80, ELSEWHERE, 3)));
    hub.write("others/two.npz", tuned.pairs(&tuned.domain(80, ELSEWHERE, 4)));
    let other = publish(&hub, "other.npz --anchor-pairs others/one.npz --anchor-pairs others/two.npz");
    assert_eq!(other["fit"]["anchors"], first["fit"]["anchors"]);
}

#[test]
fn folder_stands_for_the_files_of_each_source() {
    let hub = Hub::new();
    for (source, seed) in [("a", 1), ("b", 2)] {
        let tuning = Tuning::new(D, 4, seed);
        hub.write(&format!("pairs/{source}.npz"), tuning.pairs(&tuning.domain(120, SOURCE, 2)));
        for (domain, seed) in [("one", 3), ("two", 4)] {
            let file = tuning.pairs(&tuning.domain(40, ELSEWHERE, seed));
            hub.write(&format!("anchors/{source}/{domain}.npz"), file);
        }
        hub.write(&format!("anchors/{source}/notes.txt"), "no arrays");
    }
    let published = hub.json(line("publish pairs/a.npz pairs/b.npz --anchor-pairs anchors --base acme/encoder"));
    let [a, b] = [0, 1].map(|at| published["published"][at].clone());
    assert_eq!(a["fit"]["anchors"], b["fit"]["anchors"]);
    assert_eq!(a["fidelity"]["anchor_rows"], 80);
    // The same, file by file.
    for (source, esm) in [("a", &a), ("b", &b)] {
        let files = ["one", "two"].map(|domain| format!("--anchor-pairs anchors/{source}/{domain}.npz")).join(" ");
        let single = publish(&hub, &format!("pairs/{source}.npz {files}"));
        assert_eq!((&single["digest"], &single["status"]), (&esm["digest"], &json!("unchanged")));
    }
}

#[test]
fn anchors_that_do_not_fit_are_refused() {
    let (hub, tuning) = hub();
    let one = std::fs::read(hub.path("one.npz")).unwrap();
    hub.write("else/one.npz", one);
    hub.write("narrow.npz", pairs(40, 8, 1));
    let few = tuning.domain(1, ELSEWHERE, 6);
    hub.write("few.npz", tuning.pairs(&few));
    hub.write("folder/other/one.npz", "");
    hub.write("bare/task/notes.txt", "no arrays");
    hub.write("x.npz", target(40, D, 2, 1));
    let refused = |code, rest: &str, said: &[&str]| {
        hub.refused_saying(code, line(format!("publish --base acme/encoder {rest}")), said);
    };
    refused(2, "task.npz --anchor-pairs one.npz --anchor-pairs else/one.npz", &["\"one\"", "rename"]);
    refused(17, "task.npz --anchor-pairs narrow.npz", &["narrow", "8", "24"]);
    refused(1, "task.npz --anchor-pairs few.npz", &["few", "at least 2"]);
    refused(1, "task.npz --anchor-pairs folder", &["folder/task"]);
    refused(2, "task.npz --anchor-pairs bare", &["bare/task", ".npz"]);
    refused(1, "task.npz --anchor-pairs absent.npz", &["absent.npz"]);
    refused(1, "task.npz --anchor-pairs x.npz", &["x.npz"]);
    refused(2, "task.npz one.npz --anchor-pairs two.npz", &["--anchor-pairs", "hint: "]);
    let made_elsewhere = hub.esm(&EsmFolder::new("mr", D, 1));
    refused(2, &format!("{made_elsewhere} --anchor-pairs one.npz"), &["esms/mr", "--anchor-pairs"]);
}

/// A pool of ESMs fitted on these anchors, each `None` for none; and `t.npz`.
fn mixed(anchors: &[Option<&str>]) -> Hub {
    let (hub, tuning) = hub();
    for (number, anchors) in anchors.iter().enumerate() {
        hub.write(&format!("s{number}.npz"), tuning.pairs(&tuning.domain(60, SOURCE, 20 + number as u64)));
        let anchors = anchors.map(|file| format!("--anchor-pairs {file}")).unwrap_or_default();
        publish(&hub, &format!("s{number}.npz {anchors}"));
    }
    hub.write("t.npz", target(60, D, 3, 1));
    hub
}

#[test]
fn pool_of_different_anchors_is_told_and_still_ranked() {
    let pools: [(&[Option<&str>], &[&str]); 4] = [
        (&[Some("one.npz"), Some("one.npz")], &[]),
        (&[None, None], &[]),
        (&[Some("one.npz"), None, None], &["2 on none", "1 on "]),
        (&[Some("one.npz"), Some("two.npz"), None], &["1 on none", "different anchors", "anchors stats"]),
    ];
    for (anchors, said) in pools {
        let hub = mixed(anchors);
        let output = hub.run(["rank", "t.npz", "--json"]);
        assert_eq!(output.code, 0, "{output:#?}");
        let warnings = output.stderr.lines().filter(|line| line.contains("anchors")).count();
        assert_eq!(warnings, usize::from(!said.is_empty()), "{anchors:?}: {output:#?}");
        for part in said {
            assert!(output.stderr.contains(part), "{part:?} is not said: {output:#?}");
        }
        let ranking: Value = serde_json::from_str(&output.stdout).unwrap();
        assert_eq!(at(&ranking, ["ranked", "skipped"]), json!([anchors.len(), []]));
        // A page is passed on, and says it as well.
        hub.ok(["rank", "t.npz", "--report", "r.html"]);
        let page = std::fs::read_to_string(hub.path("r.html")).unwrap();
        assert_eq!(page.contains("fitted on different anchors"), !said.is_empty(), "{anchors:?}: {page}");
        assert!(said.iter().all(|part| page.contains(part)), "{anchors:?}: {page}");
        // The document is what it would be without the warning: no field, no reason, no other code.
        let mut keys: Vec<&String> = ranking.as_object().unwrap().keys().collect();
        keys.retain(|key| key.contains("anchor") || key.contains("warn"));
        assert!(keys.is_empty(), "{keys:?}");
    }
}

#[test]
fn stats_say_who_was_fitted_on_what() {
    let hub = mixed(&[Some("one.npz"), Some("one.npz"), None]);
    let source = hub.esm(&EsmFolder::new("mr", D, 1));
    hub.ok(["publish", &source]);
    let stats = hub.json(["anchors", "stats"]);
    let groups = stats["bases"][0]["fitted_on"].as_array().unwrap();
    let counts: Vec<Value> = groups.iter().map(|group| at(group, ["esms", "imported", "current"])).collect();
    assert_eq!(counts, [json!([2, 1, false]), json!([2, 0, false])]);
    assert_eq!(at(&stats, ["bases/0/current", "bases/0/domains/0/label"]), json!([null, "one"]));
    let r2 = |name: &str| hub.json(["show", name])["fidelity"]["domains"][1]["r2"].as_f64().unwrap();
    let domain = &stats["bases"][0]["domains"][0];
    let (first, second) = (r2("s0"), r2("s1"));
    assert!((domain["mean_r2"].as_f64().unwrap() - (first + second) / 2.0).abs() < 1e-12, "{stats}");
    assert_eq!((&domain["lowest_r2"], &domain["esms"]), (&json!(first.min(second)), &json!(2)));
    let table = hub.ok(["anchors", "stats"]);
    assert!(table.contains("no current anchors") && table.contains("1 of them made elsewhere"), "{table}");
}

/// Who embeds the pool's own anchors elsewhere must not end up with other anchors than everybody else.
#[test]
fn pairs_of_the_pools_anchors_are_the_pools_anchors() {
    let (hub, tuning) = hub();
    for (label, texts) in [("one", 80), ("two", 80)] {
        let lines: Vec<String> = (0..texts).map(|number| format!("{label} {number}")).collect();
        hub.write(&format!("{label}.txt"), lines.join("\n"));
    }
    let set = hub.json(line("anchors set one.txt two.txt --base acme/encoder"));
    let pairs = "--anchor-pairs one.npz --anchor-pairs two.npz";
    let output = hub.run(line(format!("publish --base ACME/encoder task.npz {pairs} --of-pool --json")));
    assert!(output.code == 0 && output.stderr.is_empty(), "{output:#?}");
    let esm: Value = serde_json::from_str(&output.stdout).unwrap();
    assert_eq!(esm["published"][0]["fit"]["anchors"], set["digest"]);

    let publish = "publish --base acme/encoder task.npz --name other --of-pool";
    hub.refused_saying(17, line(format!("{publish} --anchor-pairs one.npz")), &["1 domain", "2"]);
    hub.write("short/two.npz", tuning.pairs(&tuning.domain(79, ELSEWHERE, 4)));
    let short = format!("{publish} --anchor-pairs one.npz --anchor-pairs short/two.npz");
    hub.refused_saying(17, line(short), &["two", "79", "80"]);
    hub.refused(2, line("publish --base acme/encoder task.npz --of-pool"));
}

#[test]
fn fit_without_anchors_says_so_unless_it_is_wanted() {
    let (hub, _) = hub();
    let said = |rest: &str| hub.run(line(format!("publish --base acme/encoder task.npz {rest}"))).stderr;
    assert!(said("").contains("without anchors"));
    assert_eq!(said("--no-anchors --name quiet"), "");
    assert_eq!(said("--anchor-pairs one.npz --name anchored"), "");
}

/// A batch says it once, and to whoever asked for it not at all.
#[test]
fn fits_beside_the_pools_anchors_are_warned_of_once_with_what_to_do() {
    let (hub, tuning) = hub();
    hub.write("one.txt", "a\nb");
    hub.ok(line("anchors set one.txt --base acme/encoder"));
    for seed in 0..3 {
        hub.write(&format!("s{seed}.npz"), tuning.pairs(&tuning.domain(60, SOURCE, 20 + seed)));
    }
    let said = |rest: &str| hub.run(line(format!("publish --base acme/encoder --dry-run {rest}"))).stderr;
    let batch = said("s0.npz s1.npz s2.npz");
    assert!(batch.contains("3 ESMs, s0.npz the first of them: fitted on no anchors"), "{batch}");
    assert_eq!((batch.matches("compare badly").count(), batch.matches("hint: ").count()), (1, 1), "{batch}");
    assert!(batch.contains("--anchor-pairs FILE --of-pool") && batch.contains("anchors show --json"), "{batch}");
    assert!(said("s0.npz").contains("warning: s0.npz: fitted on no anchors; the pool's anchors of acme/encoder are "));
    assert_eq!(said("s0.npz s1.npz --no-anchors"), "");
    assert!(said("s0.npz --anchor-pairs two.npz").contains("s0.npz: fitted on other anchors"));
}
