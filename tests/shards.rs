//! Rankings in parts: whatever the number of parts, they make the ranking of one command.

use std::fs;

use serde_json::{Value, json};

use crate::support::{EsmFolder, Hub, at, line, pool, target};

/// Ranks in so many parts, and gives the files.
fn parts(hub: &Hub, of: u32, more: &str) -> Vec<String> {
    (1..=of)
        .map(|index| {
            let file = format!("part-{index}-of-{of}.json");
            hub.ok(line(format!("rank t.npz --shard {index}/{of} --part {file} {more}")));
            file
        })
        .collect()
}

fn merged(hub: &Hub, files: &[String]) -> Value {
    let text = hub.ok(["merge", "--json"].into_iter().chain(files.iter().map(String::as_str)));
    // What comes out is a ranking.
    let document: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(document["schema"], "esmhub.rank/1");
    document
}

/// Without what tells only how it was computed.
fn ranking(mut document: Value) -> Value {
    document.as_object_mut().unwrap().remove("cached");
    document
}

#[test]
fn parts_make_the_ranking_of_one_command_whatever_their_number() {
    let hub = pool();
    for seed in 20..50 {
        hub.ok(["publish", &hub.esm(&EsmFolder::new(&format!("n{seed}"), 8, seed))]);
    }
    hub.write("t.npz", target(160, 8, 3, 4));
    for more in
        ["", "--score ridge", "--score hscore", "--intervals 4", "--top 3", "--filter name~n2", "--top 0 --rows 120"]
    {
        let whole = ranking(hub.json(line(format!("rank t.npz {more}"))));
        for of in [1, 2, 5, 40] {
            let mut files = parts(&hub, of, more);
            files.reverse();
            assert_eq!(ranking(merged(&hub, &files)), whole, "{more}, {of} parts");
        }
    }
    let files = parts(&hub, 3, "");
    let table = hub.ok(["merge"].into_iter().chain(files.iter().map(String::as_str)));
    assert_eq!(table, hub.ok(["rank", "t.npz"]));
    // What came out can be recorded with it, as with any ranking.
    hub.write("ranking.json", merged(&hub, &files).to_string());
    let best = merged(&hub, &files)["results"][0]["name"].as_str().unwrap().to_owned();
    assert!(hub.json(["record", "ranking.json", &best, "--metric", "accuracy=0.8"])["score"].is_f64());
}

#[test]
fn what_was_skipped_in_one_part_is_skipped_in_the_whole() {
    let hub = pool();
    let object = fs::read_dir(hub.path("pool/objects")).unwrap().next().unwrap().unwrap().path();
    let object = fs::read_dir(object).unwrap().next().unwrap().unwrap().path();
    crate::support::damage(&object);
    let whole = hub.run(["rank", "t.npz", "--json"]);
    assert_eq!(whole.code, 3, "{whole:#?}");
    let codes: Vec<i32> =
        (1..=3).map(|index| hub.run(line(format!("rank t.npz --shard {index}/3 --part p{index}"))).code).collect();
    assert_eq!(codes.iter().filter(|code| **code == 3).count(), 1, "{codes:?}");
    let merged = hub.run(["merge", "p1", "p2", "p3", "--json"]);
    assert_eq!(merged.code, 3, "{merged:#?}");
    let of = |text: &str| ranking(serde_json::from_str(text).unwrap());
    assert_eq!(of(&merged.stdout), of(&whole.stdout));
}

#[test]
fn parts_of_different_rankings_are_not_joined() {
    let hub = pool();
    hub.write("t.npz", target(120, 8, 3, 4));
    let files = parts(&hub, 3, "");
    let [one, two, three] = &files[..] else { unreachable!() };
    hub.refused_saying(2, ["merge", one, three], &["these are missing: 2", "--shard I/N"]);
    hub.refused_saying(2, ["merge", one, two, two, three], &["part 2 of 3 is given twice"]);
    hub.ok(["rank", "t.npz", "--shard", "2/3", "--part", "other", "--score", "ridge"]);
    hub.refused_saying(15, ["merge", one, "other", three], &["not parts of one ranking: --score exact and ridge"]);
    hub.ok(["rank", "t.npz", "--shard", "2/4", "--part", "other"]);
    hub.refused_saying(15, ["merge", one, "other", three], &["number of parts 3 and 4"]);
    hub.write("u.npz", target(60, 8, 3, 9));
    hub.ok(["rank", "u.npz", "--shard", "2/3", "--part", "other"]);
    hub.refused_saying(15, ["merge", one, "other", three], &["not parts of one ranking: target", "hint: "]);
    hub.ok(["publish", &hub.esm(&EsmFolder::new("late", 8, 77))]);
    hub.ok(["rank", "t.npz", "--shard", "2/3", "--part", "other"]);
    hub.refused_saying(
        15,
        ["merge", one, "other", three],
        &["published to in between", one, three, "rank those parts again"],
    );
    // A typing error must not be the end of the target, nor of anything else.
    let before = fs::read(hub.path("t.npz")).unwrap();
    hub.refused_saying(1, line("rank t.npz --shard 1/3 --part t.npz"), &["is there already and is no part", "hint: "]);
    assert_eq!(fs::read(hub.path("t.npz")).unwrap(), before);
    hub.ok(line(format!("rank t.npz --shard 1/3 --part {one}")));
    hub.write("none", "{}");
    hub.refused_saying(2, ["merge", "none"], &["no part of a ranking"]);
    let text = fs::read_to_string(hub.path(one)).unwrap();
    hub.write("newer", text.replacen("\"version\":1", "\"version\":2", 1));
    hub.refused(12, ["merge", "newer"]);
    let part: Value = serde_json::from_str(&text).unwrap();
    let broken = |place: &str, value: Value| {
        let mut part = part.clone();
        *part.pointer_mut(place).unwrap() = value;
        hub.write("broken", part.to_string());
        hub.refused_saying(2, ["merge", "broken"], &["contradicts itself"]);
    };
    let other: Value = serde_json::from_str(&fs::read_to_string(hub.path(three)).unwrap()).unwrap();
    broken("/target/rows", json!(121));
    broken("/of", json!(u32::MAX));
    broken("/shard", json!(0));
    broken("/common/score", json!("hscore"));
    broken("/results/0", other["results"][0].clone());
    broken("/results/0/gain", json!("5"));
    let twice = part["results"].as_array().unwrap().iter().chain(part["results"].as_array().unwrap());
    broken("/results", twice.cloned().collect());
    hub.write("broken", &text[..text.len() / 2]);
    hub.refused(2, ["merge", "broken"]);
    for odd in ["0/3", "4/3", "x", "1/0"] {
        hub.refused_saying(2, ["rank", "t.npz", "--shard", odd, "--part", "x"], &["I/N"]);
    }
    hub.refused(2, ["rank", "t.npz", "--shard", "1/3"]);
    hub.refused(2, ["rank", "t.npz", "--shard", "1/3", "--part", "x", "--lock", "l.json"]);
    let told: Value = serde_json::from_str(&hub.ok(line("rank t.npz --shard 1/1 --part x --json"))).unwrap();
    assert_eq!(at(&told, ["schema", "shard", "of", "ranked"]), json!(["esmhub.rank-shard/1", 1, 1, 6]));
}
