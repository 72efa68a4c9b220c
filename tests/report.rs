//! `rank --report` and `--plot`: what is seen is what was computed, and what strangers wrote stays text.

use roxmltree::Document;
use serde_json::Value;

use crate::support::{EsmFolder, Hub, csv, damage, line, marked, page_agrees, plain, pool, target, tiny_base, words};

/// A pool of five, of which `identity` changes nothing; and a target with enough rows for intervals.
fn ranked() -> Hub {
    let hub = pool();
    let mut identity = EsmFolder::new("identity", 8, 1);
    identity.weight = (0..64).map(|at| if at % 9 == 0 { 1.0 } else { 0.0 }).collect();
    identity.bias = vec![0.0; 8];
    let source = hub.esm(&identity);
    hub.ok(["publish", &source, "--codec", "f32"]);
    hub.write("t.npz", target(300, 8, 3, 1));
    hub
}

fn read(hub: &Hub, name: &str) -> String {
    std::fs::read_to_string(hub.path(name)).unwrap()
}

#[test]
fn every_number_of_page_and_chart_is_that_of_the_document() {
    let hub = ranked();
    let before = hub.json(["rank", "t.npz", "--intervals", "4"]);
    let ranking = hub.json(line("rank t.npz --intervals 4 --report r.html --plot r.svg"));
    // Neither changes what is printed, but for what the first run remembered.
    for field in ["results", "baseline", "labels_alone", "ranked", "above", "compared", "better", "skipped", "damaged"]
    {
        assert_eq!(before[field], ranking[field], "{field}");
    }
    assert_eq!(ranking["compared"], 4);
    page_agrees(&read(&hub, "r.svg"), &ranking, 6);
    let page = read(&hub, "r.html");
    page_agrees(&page, &ranking, 6);
    let page = marked(&page);
    let page = Document::parse(&page).unwrap();
    for (field, value) in [
        ("ranked", &ranking["ranked"]),
        ("above", &ranking["above"]),
        ("compared", &ranking["compared"]),
        ("better", &ranking["better"]),
        ("baseline", &ranking["baseline"]["score"]),
        ("labels-alone", &ranking["labels_alone"]["score"]),
    ] {
        let node = page.descendants().find(|node| node.attribute("data-field") == Some(field));
        let found: f64 = node.unwrap().attribute("data-value").unwrap().parse().unwrap();
        assert_eq!(Some(found), value.as_f64(), "{field}");
    }
    // What it takes to repeat it.
    let text = plain(page.root());
    for esm in ranking["results"].as_array().unwrap() {
        let [name, tag, digest] = ["name", "tag", "digest"].map(|field| esm[field].as_str().unwrap());
        assert!(text.contains(&format!("{name}:{tag}@{digest}")));
    }
    let command = "esmhub --registry pool rank t.npz --intervals 4 --report r.html --plot r.svg --json";
    for part in
        [command, ranking["target"]["digest"].as_str().unwrap(), "acme/encoder", "random, seed 42", "exact", "double"]
    {
        assert!(text.contains(part), "{part:?} is not said: {text}");
    }
}

/// Bars are as long as gains are large, in the page and in the chart, and no transfer stands where they begin.
#[test]
fn lengths_are_those_of_the_gains() {
    let hub = ranked();
    let ranking = hub.json(line("rank t.npz --report r.html --plot r.svg"));
    for file in ["r.html", "r.svg"] {
        let markup = marked(&read(&hub, file));
        let document = Document::parse(&markup).unwrap();
        let bodies = document.descendants().filter(|node| node.attribute("class") == Some("body"));
        // The page's legend has one, too.
        let ends = bodies.filter(|node| node.ancestors().any(|above| above.attribute("data-gain").is_some()));
        let ends: Vec<[f64; 2]> = ends
            .map(|node| ["x1", "x2"].map(|end| node.attribute(end).unwrap().trim_end_matches('%').parse().unwrap()))
            .collect();
        let gains: Vec<f64> =
            ranking["results"].as_array().unwrap().iter().map(|esm| esm["gain"].as_f64().unwrap()).collect();
        let unit = (ends[0][1] - ends[0][0]) / gains[0];
        assert!(unit > 0.0 && ends.len() == gains.len(), "{file}: {ends:?}");
        for ([from, to], gain) in ends.iter().zip(&gains) {
            assert_eq!(*from, ends[0][0]);
            assert!((to - from - unit * gain).abs() < 0.03, "{file}: {from} to {to} for {gain}");
        }
        // No transfer stands behind those that gain.
        let rows = document.descendants().filter_map(|node| {
            let class = node.attribute("class")?;
            (node.attribute("data-score").is_some()).then(|| class.contains("esm"))
        });
        let above = gains.iter().filter(|gain| **gain > 0.0).count();
        assert_eq!(rows.take_while(|esm| *esm).count(), above, "{file}");
    }
}

#[test]
fn same_ranking_gives_the_same_bytes() {
    let hub = ranked();
    let page = |threads: &str, no_cache: &str| {
        let mut command = hub.command();
        command.args(["rank", "t.npz", "--report", "r.html", "--plot", "r.svg"]);
        let output = Hub::finish(command.env("ESMHUB_THREADS", threads).env("ESMHUB_NO_CACHE", no_cache));
        assert_eq!(output.code, 0, "{output:#?}");
        assert!(output.stderr.contains("r.html") && output.stderr.contains("r.svg"), "{output:#?}");
        (read(&hub, "r.html"), read(&hub, "r.svg"))
    };
    let first = page("1", "1");
    for (threads, no_cache) in [("1", "0"), ("2", "0"), ("5", "1")] {
        assert!(page(threads, no_cache) == first, "{threads} threads");
    }
}

/// What a registry and a file name hold is shown, and never becomes markup; nothing in the page reaches out of it.
#[test]
#[cfg(unix)]
fn texts_of_strangers_stay_texts() {
    const BASE: &str = "acme/<script src=https://evil.example/x.js></script>&\"'";
    const TARGET: &str = "<img src=x onerror=alert(1)>&amp;\"'\u{202e}\u{7}.npz";
    let hub = Hub::new();
    for (name, seed) in [("one", 1), ("two", 2)] {
        let esm = hub.esm(&EsmFolder::new(name, 8, seed).set("base_model_name", BASE));
        hub.ok(["publish", &esm, "--codec", "f32"]);
    }
    hub.write(TARGET, target(120, 8, 3, 1));
    damage(&hub.object_of("two"));
    let ranking = hub.json_with(3, ["rank", TARGET, "--report", "r.html", "--plot", "r.svg"]);
    for file in ["r.html", "r.svg"] {
        let whole = read(&hub, file);
        page_agrees(&whole, &ranking, 1);
        let markup = marked(&whole);
        let document = Document::parse(&markup).unwrap();
        for node in document.descendants().filter(|node| node.is_element()) {
            let element = node.tag_name().name();
            assert!(
                !["script", "img", "image", "iframe", "object", "embed", "use", "a", "foreignObject"]
                    .contains(&element)
            );
            for attribute in node.attributes() {
                let name = attribute.name();
                assert!(!["src", "href", "style"].contains(&name) && !name.starts_with("on"), "{element} {name}");
            }
        }
        let text: String = document.descendants().filter_map(|node| node.text()).collect();
        assert!(text.contains("<img src=x onerror=alert(1)>&amp;\"'\\u{202e}\\u{7}.npz"), "{text}");
        assert!(text.contains(BASE), "{text}");
        for outside in ["<script", "<img", "<link", "url(", "@import", "<base"] {
            assert!(!whole.contains(outside), "{outside} in {file}");
        }
    }
    let page = read(&hub, "r.html");
    let reason = ranking["skipped"][0]["reason"].as_str().unwrap();
    assert!(page.contains("default-src 'none'") && page.contains("two:v1") && page.contains(reason), "{reason}");
}

/// Whoever copies the line to repeat a locked ranking must not write another lock over the first.
#[test]
fn repeating_a_locked_ranking_follows_its_lock() {
    let hub = ranked();
    let first = hub.json(line("rank t.npz --rows 120 --seed 3 --top 4 --lock l.json --report r.html"));
    let text = plain(Document::parse(&marked(&read(&hub, "r.html"))).unwrap().root());
    let command = "esmhub --registry pool rank t.npz --top 4 --locked l.json --report r.html --json";
    assert!(text.contains(command), "{command:?} is not on the page: {text}");
    let again = hub.json(line(command.strip_prefix("esmhub --registry pool ").unwrap().replace(" --json", "")));
    assert_eq!(again["results"], first["results"]);
    assert!(plain(Document::parse(&marked(&read(&hub, "r.html"))).unwrap().root()).contains(command));
}

#[test]
fn esms_that_act_alike_lie_at_one_place() {
    let hub = ranked();
    // The same weights under another name, turned and scaled: a score cannot tell, and neither does the map.
    let mut twin = EsmFolder::new("twin", 8, 1);
    twin.weight = (0..64).map(|at| if at % 8 == 7 - at / 8 { 2.0 } else { 0.0 }).collect();
    twin.bias = vec![3.0; 8];
    let source = hub.esm(&twin);
    hub.ok(["publish", &source, "--codec", "f32"]);
    let ranking = hub.json(line("rank t.npz --report r.html"));
    let markup = marked(&read(&hub, "r.html"));
    let document = Document::parse(&markup).unwrap();
    let at = |class: &str, rank: Option<&Value>| -> [f64; 2] {
        let wanted = rank.map(Value::to_string);
        let mut nodes = document.descendants().filter(|node| node.attribute("class") == Some(class));
        let node = nodes.find(|node| node.attribute("data-rank") == wanted.as_deref()).unwrap();
        ["data-x", "data-y"].map(|axis| node.attribute(axis).unwrap().parse().unwrap())
    };
    let apart = |[ax, ay]: [f64; 2], [bx, by]: [f64; 2]| (ax - bx).hypot(ay - by);
    let place = |name: &str| {
        let results = ranking["results"].as_array().unwrap();
        at("place", Some(&results.iter().find(|esm| esm["name"] == name).unwrap()["rank"]))
    };
    let origin = at("origin", None);
    assert!(apart(place("identity"), origin) < 1e-6, "{:?} and {origin:?}", place("identity"));
    assert!(apart(place("twin"), origin) < 1e-6, "{:?} and {origin:?}", place("twin"));
    assert!(apart(place("mr"), origin) > 0.02, "{:?} and {origin:?}", place("mr"));
    // Once in each of the two pictures.
    let marks = document.descendants().filter(|node| node.attribute("class") == Some("place")).count();
    assert_eq!(marks, 2 * 7);
}

#[test]
fn object_that_was_damaged_since_is_missing_on_the_map_and_said_to_be() {
    let hub = ranked();
    hub.ok(["rank", "t.npz", "--intervals", "0"]);
    damage(&hub.object_of("mr"));
    let ranking = hub.json_with(3, line("rank t.npz --intervals 0 --report r.html"));
    assert_eq!((&ranking["cached"], &ranking["ranked"]), (&6.into(), &6.into()));
    assert!(ranking["damaged"][0].as_str().unwrap().contains("mr:v1 is not on the map"), "{ranking}");
    let page = read(&hub, "r.html");
    page_agrees(&page, &ranking, 6);
    assert!(page.contains("mr:v1 is not on the map") && page.contains("The map has 5 of 6 ESMs"), "{page}");
}

#[test]
fn what_is_not_shown_is_counted() {
    let hub = ranked();
    let ranking = hub.json(line("rank t.npz --top 2 --report r.html --plot r.svg"));
    for file in ["r.html", "r.svg"] {
        let markup = read(&hub, file);
        page_agrees(&markup, &ranking, 2);
        let more = markup.split("data-more=\"").skip(1).map(|rest| rest.split('"').next().unwrap());
        assert_eq!(more.map(|number| number.parse::<u64>().unwrap()).sum::<u64>(), 4, "{file}");
    }
    assert!(read(&hub, "r.html").contains("4 more were ranked"));
}

#[test]
fn source_that_holds_the_target_is_warned_of_in_its_row() {
    let hub = Hub::new();
    let texts: Vec<(String, &str)> =
        words(120, 3).into_iter().enumerate().map(|(at, (text, label))| (format!("{text} {at}"), label)).collect();
    hub.write("t.csv", csv(&texts));
    for (name, seed) in [("leaks", 1), ("clean", 2)] {
        let esm = hub.esm(&EsmFolder::new(name, 32, seed).set("base_model_name", "tiny"));
        let source = if name == "leaks" { "t.csv" } else { "other.csv" };
        hub.write("other.csv", csv(&[("something else".to_owned(), "mill"), ("and more".to_owned(), "river")]));
        hub.ok(line(format!("publish {esm} --source-texts {source} --text text")));
    }
    let rank = format!("rank t.csv --text text --label label --base {} --max-length 24", tiny_base("bert-mean"));
    let ranking = hub.json(line(format!("{rank} --report r.html --plot r.svg")));
    let rows = page_agrees(&read(&hub, "r.html"), &ranking, 2);
    for row in rows {
        assert_eq!(row.text.contains("holds texts of the target"), row.get("name") == Some("leaks"), "{row:?}");
        assert_eq!(row.text.contains("100 %"), row.get("name") == Some("leaks"), "{row:?}");
    }
    let chart = page_agrees(&read(&hub, "r.svg"), &ranking, 2);
    assert!(chart.iter().all(|row| row.text.contains('⚠') == (row.get("name") == Some("leaks"))), "{chart:?}");
    hub.ok(line(format!("{rank} --max-overlap 5% --report r.html")));
    let page = read(&hub, "r.html");
    assert!(page.contains("Left out by --max-overlap") && page.contains("leaks:v1"), "{page}");
}
