//! Help: short where it is asked for in short, whole where it is not, and right about what was mistyped.

use std::collections::BTreeSet;

use crate::support::{EsmFolder, Hub, pool, target};

fn options(help: &str) -> BTreeSet<String> {
    let words =
        help.lines().filter(|line| line.trim_start().starts_with('-')).flat_map(|line| line.split_whitespace().take(2));
    words.filter(|word| word.starts_with("--")).map(|word| word.split(['=', '[']).next().unwrap().to_owned()).collect()
}

#[test]
fn help_of_rank_fits_a_screen_and_a_half() {
    let hub = Hub::without_registry();
    let (short, long) = (hub.ok(["rank", "-h"]), hub.ok(["rank", "--help"]));
    assert!(long.lines().count() <= 75, "{} lines:\n{long}", long.lines().count());
    assert!(short.lines().count() < 50, "{} lines:\n{short}", short.lines().count());
    assert!(long.lines().all(|line| line.chars().count() <= 100), "{long}");
    for heading in ["The target:", "Which ESMs:", "Scores:", "Repeating a ranking:"] {
        assert!(short.contains(heading) && long.contains(heading), "{heading}\n{short}\n{long}");
    }
    let described = |help: &str| help.split_whitespace().collect::<Vec<_>>().join(" ").contains("log evidence per row");
    assert!(described(&long) && !described(&short), "{short}{long}");
    assert!(long.contains("\nOptions:\n  -h, --help"), "not below the last heading: {long}");
    assert_eq!(hub.ok(["help", "rank"]), long);
    assert_eq!(hub.ok(["--registry", "x", "rank", "--help"]), long);
}

/// What is left out of one help stands in another.
#[test]
fn no_option_is_in_no_help() {
    let hub = Hub::without_registry();
    let global = options(&hub.ok(["--help"]));
    for option in ["--registry", "--json", "--quiet", "--cache-dir", "--threads", "--device", "--offline"] {
        assert!(global.contains(option), "{option}: {global:?}");
    }
    hub.ok(["man", "pages"]);
    for command in ["rank", "publish", "pull", "show", "anchors-set", "verify"] {
        let page = std::fs::read_to_string(hub.path(format!("pages/esmhub-{command}.1"))).unwrap().replace("\\-", "-");
        let words = page.split(|c: char| !(c.is_ascii_alphanumeric() || c == '-'));
        let known: BTreeSet<String> =
            options(&hub.ok(command.split('-').chain(["--help"]))).union(&global).cloned().collect();
        let own = options(&hub.ok(command.split('-').chain(["-h"])));
        assert!(own.is_subset(&known), "{command}: {:?}", own.difference(&known));
        let lines = page.lines().filter(|line| line.starts_with("\\fB") && line.contains("--")).count();
        assert!(lines > 5 && words.count() > 100, "{command}");
        for line in page.lines().filter(|line| line.starts_with("\\fB--")) {
            let option = line.trim_start_matches("\\fB").split('\\').next().unwrap();
            assert!(known.contains(option), "{command}: {option} has no help: {known:?}");
        }
    }
}

#[test]
fn what_was_mistyped_is_answered_with_what_was_meant() {
    let hub = pool();
    hub.write("t.csv", "text,label\na b,x\nc d,y\n");
    for (code, line, meant) in [
        (2, &["lst"][..], "'list'"),
        (2, &["anchors", "sett"], "'set'"),
        (2, &["rank", "t.npz", "--row", "5"], "'--rows'"),
        (2, &["rank", "t.npz", "--precision", "singel"], "'single'"),
        (2, &["rank", "t.npz", "--filter", "nam~x"], "name"),
        (2, &["rank", "t.npz", "--filter", "name~mr OR name~trec"], "one of several values is written name~mr|sst"),
        (13, &["rank", "t.npz", "--filter", "name=trek"], "did you mean trec?"),
        (2, &["publish", "--base", "acme/encoder"], "--from-hub --base MODEL"),
        (13, &["show", "trek"], "did you mean trec?"),
        (13, &["show", "trec:v9"], "did you mean trec:v1?"),
        (13, &["pull", "reviws*"], "did you mean acme/reviews?"),
        (13, &["export", "tre?k", "x.esm"], "did you mean trec?"),
        (17, &["rank", "t.npz", "--base", "acme/encodr"], "did you mean --base acme/encoder"),
        (17, &["rank", "t.npz", "--base", "encoder"], "did you mean --base acme/encoder"),
        (2, &["rank", "t.csv", "--text", "texd", "--label", "label"], "did you mean \"text\"?"),
    ] {
        hub.refused_saying(code, line, &[meant]);
    }
    let output = hub.run(["list", "reviws*"]);
    assert_eq!((output.code, output.stdout.as_str()), (0, "no ESM's name matches \"reviws*\"\n"));
    assert!(output.stderr.contains("did you mean acme/reviews?"), "{output:?}");
    hub.ok(["anchors", "set", "--built-in", "--base", "acme/encoder"]);
    hub.refused_saying(13, ["anchors", "show", "--base", "encoder"], &["did you mean --base acme/encoder?"]);
}

/// A script reads whole names, however long they are and whatever the terminal would be.
#[test]
fn names_in_pipes_are_never_shortened() {
    let hub = Hub::new();
    let name = "acme/".to_owned() + &"long-".repeat(16) + "name";
    let source = hub.esm(&EsmFolder::new(&name, 8, 1));
    hub.ok(["publish", &source]);
    hub.write("t.npz", target(60, 8, 3, 1));
    for line in [&["list"][..], &["rank", "t.npz"], &["log"], &["pull", &name]] {
        let output = Hub::finish(hub.command().args(line).env("COLUMNS", "40"));
        assert!(output.stdout.contains(&name) && !output.stdout.contains("a…"), "{line:?}: {output:?}");
    }
}
