//! ESMs from the Hugging Face Hub, as it answers and as it fails.

use serde_json::{Value, json};

use crate::support::loopback::{Fault, Loopback, Repository};
use crate::support::{EsmFolder, Hub, Output, at, csv, parquet, tiny_model, words};

const D: usize = 8;

/// Runs the command with this server as the hub.
fn online(hub: &Hub, server: &Loopback, arguments: &[&str]) -> Output {
    Hub::finish(hub.command().args(arguments).env("HF_ENDPOINT", server.endpoint()).env_remove("HF_HUB_OFFLINE"))
}

fn json_of(output: &Output) -> Value {
    serde_json::from_str(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:#?}"))
}

fn pulled_bits(hub: &Hub, reference: &str) -> (Vec<u32>, Vec<u32>) {
    let folder = format!("pulled/{}", reference.replace([':', '/'], "-"));
    hub.ok(["pull", reference, "--output", &folder]);
    EsmFolder::bits_in(&hub.path(folder))
}

#[test]
fn a_repository_is_published_as_its_folder_would_be_and_says_where_it_came_from() {
    let (hub, esm) = (Hub::new(), EsmFolder::new("reviews", D, 1));
    let server = Loopback::of_esms(std::slice::from_ref(&esm));
    let done = online(&hub, &server, &["publish", "--codec", "f32", "hf://owner/reviews", "--json"]);
    assert_eq!(done.code, 0, "{done:#?}");
    assert_eq!(at(&json_of(&done), ["published/0/name", "published/0/status"]), json!(["reviews", "added"]));
    assert_eq!(pulled_bits(&hub, "reviews"), esm.bits());
    let commit = Repository::of(&esm).commit;
    let shown = hub.json(["show", "reviews"]);
    assert_eq!(shown["card"]["extra"]["origin"], format!("hf://owner/reviews@{commit}"));
    assert!(!server.requests().iter().any(|path| path.contains("README")), "what no ESM needs was fetched");
    drop(server);
    // From the cache: by branch, and by commit.
    for source in ["hf://owner/reviews".to_owned(), format!("hf://owner/reviews@{commit}")] {
        let again = hub.json(["publish", "--codec", "f32", &source]);
        assert_eq!(again["published"][0]["status"], "unchanged", "{source}");
    }
    hub.refused_saying(1, ["publish", "hf://owner/other"], &["owner/other", "not in the cache"]);
    hub.refused_saying(2, ["publish", "hf://datasets/owner/other"], &["data set"]);
    hub.refused_saying(2, ["publish", "hf://reviews"], &["OWNER/REPO"]);
}

#[test]
fn what_the_hub_refuses_is_told_apart_and_a_token_opens_what_is_private() {
    let (hub, esm) = (Hub::new(), EsmFolder::new("secret", D, 1));
    let server = Loopback::of_esms(std::slice::from_ref(&esm));
    server.change("owner/secret", |repository| repository.private = true);
    for (source, status, hint) in
        [("hf://owner/secret", "401", "HF_TOKEN"), ("hf://owner/nothing", "404", "check the id")]
    {
        let refused = online(&hub, &server, &["publish", source]);
        assert_eq!(refused.code, 1, "{refused:#?}");
        assert!(refused.stderr.contains(status) && refused.stderr.contains(hint), "{refused:#?}");
    }
    let mut command = hub.command();
    command.args(["publish", "--codec", "f32", "hf://owner/secret@main"]).env("HF_TOKEN", "hf_secret");
    let done = Hub::finish(command.env("HF_ENDPOINT", server.endpoint()).env_remove("HF_HUB_OFFLINE"));
    assert_eq!(done.code, 0, "{done:#?}");
    assert!(!done.stderr.contains("hf_secret"));
    assert_eq!(pulled_bits(&hub, "secret"), esm.bits());
}

#[test]
fn what_passes_is_waited_for_and_what_comes_is_whole() {
    let listing = "/api/models/owner/reviews/revision";
    let weights = "model.safetensors";
    for (path, faults) in [
        (listing, vec![Fault::Status(429, "Retry-After: 1\r\n"), Fault::Status(503, "")]),
        (weights, vec![Fault::Status(429, "Retry-After: 1\r\n"); 2]),
        (weights, vec![Fault::Status(500, ""), Fault::Status(502, "")]),
        ("cdn", vec![Fault::Cut(100), Fault::Cut(50)]),
        ("cdn", vec![Fault::Cut(100), Fault::Whole]),
        ("cdn", vec![Fault::Cut(100), Fault::Elsewhere]),
        ("config.json", vec![Fault::Cut(0); 3]),
    ] {
        let (hub, esm) = (Hub::new(), EsmFolder::new("reviews", D, 1));
        let server = Loopback::of_esms(std::slice::from_ref(&esm));
        server.fails(path, &faults);
        let done = online(&hub, &server, &["publish", "--codec", "f32", "hf://owner/reviews"]);
        assert_eq!(done.code, 0, "{path} {faults:?}: {done:#?}");
        assert_eq!(pulled_bits(&hub, "reviews"), esm.bits(), "{path} {faults:?}");
    }
}

#[test]
fn who_is_asked_to_come_back_much_later_does_not_wait() {
    let (hub, esm) = (Hub::new(), EsmFolder::new("reviews", D, 1));
    let server = Loopback::of_esms(&[esm]);
    server.fails("/api/models", &vec![Fault::Status(429, "Retry-After: 100000\r\n"); 4]);
    let before = hub.pool();
    for arguments in
        [&["publish", "hf://owner/reviews"][..], &["publish", "--from-hub", "--base", "acme/encoder"], &["coverage"]]
    {
        let refused = online(&hub, &server, arguments);
        assert_eq!(refused.code, 1, "{refused:#?}");
        assert!(refused.stderr.contains("429") && refused.stderr.contains("try again later"), "{refused:#?}");
    }
    assert_eq!(before.changes(&hub.pool()), Vec::<String>::new());
}

/// 24 ESMs of one base model, one of another, one without weights, one that is none, one that says it is huge.
fn large() -> (Vec<EsmFolder>, Loopback) {
    let esms: Vec<EsmFolder> = (0..24).map(|seed| EsmFolder::new(&format!("task{seed:02}"), D, seed)).collect();
    let mut repositories: Vec<(String, Repository)> =
        esms.iter().map(|esm| (format!("owner/{}", esm.task()), Repository::of(esm))).collect();
    let other = EsmFolder::new("other", D, 90).set("base_model_name", "acme/other");
    repositories.push(("owner/other".into(), Repository::of(&other)));
    for (name, seed) in [("empty", 91), ("broken", 92), ("huge", 93)] {
        let mut repository = Repository::of(&EsmFolder::new(name, D, seed));
        match name {
            "empty" => drop(repository.files.remove("model.safetensors")),
            "broken" => drop(repository.files.insert("config.json".into(), b"[1, 2".to_vec())),
            _ => drop(repository.claimed.insert("model.safetensors".into(), 1 << 45)),
        }
        repositories.push((format!("owner/{name}"), repository));
    }
    (esms, Loopback::new(repositories, 10))
}

const FROM_HUB: [&str; 7] = ["publish", "--from-hub", "--base", "acme/encoder", "--codec", "auto", "--json"];

#[test]
fn all_esms_of_a_base_model_come_and_one_that_is_broken_costs_no_other() {
    let (hub, (esms, server)) = (Hub::new(), large());
    let done = online(&hub, &server, &FROM_HUB);
    assert_eq!(done.code, 3, "{done:#?}");
    let document = json_of(&done);
    assert_eq!(document["published"].as_array().unwrap().len(), esms.len());
    assert_eq!(document["known"], 0);
    let skipped = document["skipped"].as_array().unwrap();
    for (source, reason) in
        [("broken", "JSON"), ("empty", "neither model.safetensors"), ("huge", "35184372088832 bytes")]
    {
        let one = skipped.iter().find(|skipped| skipped["source"] == format!("hf://owner/{source}"));
        assert!(one.is_some_and(|one| one["reason"].as_str().unwrap().contains(reason)), "{source}: {skipped:?}");
    }
    assert_eq!(hub.json(["list"])["esms"].as_array().unwrap().len(), esms.len());
    assert_eq!(hub.json(["stats"])["log_entries"], 1);
    let requests = server.requests();
    assert_eq!(requests.iter().filter(|path| *path == "/api/models").count(), 3, "pages");
    assert!(!requests.iter().any(|path| path.contains("other")), "one of another base model was fetched");

    // Again: only what could not be used is asked for.
    let again = json_of(&online(&hub, &server, &FROM_HUB));
    assert_eq!((again["known"].as_u64(), again["published"].as_array().unwrap().len()), (Some(24), 0));
    assert!(!server.requests().iter().any(|path| path.contains("task")));
    // What there is nothing of has no table; and of those that the filter leaves, so many are here.
    let none = online(&hub, &server, &["publish", "--from-hub", "--base", "acme/encoder", "--filter", "name~task1"]);
    assert!(none.stdout.ends_with("; 10 already there\n") && !none.stdout.contains("DIGEST"), "{none:#?}");

    // Another text about the same weights is no new ESM; other weights are.
    server.change("owner/task03", |repository| repository.commit = "3".repeat(40));
    let changed = EsmFolder::new("task04", D, 77);
    server.change("owner/task04", |repository| {
        *repository = Repository { commit: "4".repeat(40), ..Repository::of(&changed) };
    });
    let after = json_of(&online(&hub, &server, &FROM_HUB));
    assert_eq!(after["known"], 23);
    assert_eq!(at(&after, ["published/0/name", "published/0/tag"]), json!(["task04", "v2"]));
    assert_eq!(after["published"].as_array().unwrap().len(), 1);
}

#[test]
fn filter_that_nothing_fits_is_no_publish_of_nothing() {
    let hub = Hub::new();
    let server = Loopback::of_esms(&[EsmFolder::new("reviews", D, 1), EsmFolder::new("mails", D, 2)]);
    let filtered =
        |filter| online(&hub, &server, &["publish", "--from-hub", "--base", "acme/encoder", "--filter", filter]);
    let nothing = filtered("name~nowhere");
    assert_eq!((nothing.code, nothing.stdout.as_str()), (13, ""), "{nothing:#?}");
    assert!(nothing.stderr.contains("2 ESMs of acme/encoder, and none fits --filter"), "{nothing:#?}");
    assert_eq!(filtered("name~mails").code, 0);
    // What fits is here already: that is something else.
    assert!(filtered("name~mails").stdout.contains("1 already there"));
}

/// The newest tag of a name is what everybody ranks: a stranger's repository of the same task must not become it.
#[test]
fn a_repository_takes_no_name_that_an_esm_from_elsewhere_has() {
    let hub = Hub::new();
    let esm = |task: &str, seed| Repository::of(&EsmFolder::new(task, D, seed));
    let own = hub.esm(&EsmFolder::new("mails", D, 1));
    hub.ok(["publish", "--codec", "f32", &own]);
    let repositories = [
        ("ada/esm-of-reviews", esm("reviews", 2)),
        ("bob/esm-of-reviews", esm("Reviews", 3)),
        ("ada/news", esm("news", 4)),
        ("eve/mails-1", esm("mails", 5)),
        ("eve/mails-2", esm("mails", 6)),
    ];
    let server = Loopback::new(repositories.map(|(id, repository)| (id.to_owned(), repository)), 1000);
    let published = |output: &Output| -> Vec<String> {
        let esms = json_of(output)["published"].take();
        let reference = |esm: &Value| format!("{}:{}", esm["name"].as_str().unwrap(), esm["tag"].as_str().unwrap());
        esms.as_array().unwrap().iter().map(reference).collect()
    };
    let done = online(&hub, &server, &FROM_HUB);
    let expected = ["ada/reviews:v1", "news:v1", "bob/Reviews:v1", "eve/mails:v1", "eve/mails-2:v1"];
    assert_eq!(published(&done), expected, "{done:#?}");
    assert!(done.stderr.contains("4 ESMs called after who made it"), "{done:#?}");

    // What is new of them keeps the name that it has, and what is new there takes none of theirs.
    server.change("bob/esm-of-reviews", |repository| *repository = esm("reviews", 7));
    server.put("zoe/news", esm("news", 8));
    let later = online(&hub, &server, &FROM_HUB);
    assert_eq!(published(&later), ["bob/Reviews:v2", "zoe/news:v1"], "{later:#?}");
    assert_eq!(hub.json(["show", "mails"])["other_tags"], json!([]));

    // One that is of another task by now, and one whose name a colleague has published under since, begin anew; and so does one
    // whose owner is called as no name may be.
    server.change("bob/esm-of-reviews", |repository| *repository = esm("songs", 9));
    let other = hub.esm(&EsmFolder::new("news", D, 10));
    hub.ok(["publish", "--codec", "f32", &other]);
    server.change("ada/news", |repository| {
        *repository = Repository { commit: "d".repeat(40), ..esm("news", 11) };
    });
    server.put("con/esm", esm("mails", 12));
    let last = published(&online(&hub, &server, &FROM_HUB));
    assert_eq!(&last[..2], ["ada/news:v1", "songs:v1"], "{last:?}");
    assert!(last[2].starts_with("hub/") && last.len() == 3, "{last:?}");
    hub.refused_saying(2, ["publish", &own, "--set", "origin=hf://ada/news@main"], &["origin"]);
}

/// What was yanked means nothing to who asks for a name alone: it takes that from nobody either.
#[test]
fn a_name_is_not_taken_by_what_was_yanked() {
    let hub = Hub::new();
    let esm = |seed| Repository::of(&EsmFolder::new("reviews", D, seed));
    let server = Loopback::new([("ada/reviews".to_owned(), esm(2))], 10);
    online(&hub, &server, &FROM_HUB);
    hub.ok(["publish", &hub.esm(&EsmFolder::new("reviews", D, 3)), "--codec", "f32"]);
    hub.ok(["yank", "reviews:v2"]);
    server.change("ada/reviews", |repository| *repository = Repository { commit: "d".repeat(40), ..esm(4) });
    let published = json_of(&online(&hub, &server, &FROM_HUB))["published"].take();
    assert_eq!(at(&published[0], ["name", "tag"]), json!(["reviews", "v3"]), "{published}");
    let done = online(&hub, &server, &["publish", "hf://ada/reviews"]);
    assert!(!done.stderr.contains("from now on"), "{done:#?}");
}

/// Anybody may tag a repository as an ESM of a base model.
#[test]
fn one_repository_that_cannot_be_read_stops_no_other() {
    let hub = Hub::new();
    let esms: Vec<EsmFolder> = (0..3).map(|seed| EsmFolder::new(&format!("task{seed}"), D, seed)).collect();
    let server = Loopback::of_esms(&esms);
    // A list of files longer than any, and a file whose connection breaks each time.
    server.fails("/api/models/owner/task1/revision", &[Fault::Body(" ".repeat(17 << 20))]);
    server.fails("/owner/task2/resolve", &vec![Fault::Cut(0); 6]);
    let done = online(&hub, &server, &FROM_HUB);
    assert_eq!(done.code, 3, "{done:#?}");
    let document = json_of(&done);
    assert_eq!(document["published"].as_array().unwrap().len(), 1, "{document}");
    let reason = |place: usize| document["skipped"][place]["reason"].as_str().unwrap();
    assert!(reason(0).contains("more than 16777216 bytes") && reason(1).contains("config.json"), "{document}");
    assert_eq!(server.requests().iter().filter(|path| path.contains("task1/revision")).count(), 1);
}

#[test]
fn whoever_publishes_one_repository_is_told_whose_name_it_takes() {
    let hub = Hub::new();
    let esm = |task: &str, seed| Repository::of(&EsmFolder::new(task, D, seed));
    let own = hub.esm(&EsmFolder::new("mails", D, 1));
    hub.ok(["publish", "--codec", "f32", &own]);
    let ids = [("ada/reviews", esm("reviews", 2)), ("bob/reviews", esm("Reviews", 3)), ("eve/mails", esm("mails", 4))];
    let server = Loopback::new(ids.map(|(id, repository)| (id.to_owned(), repository)), 10);
    let warns = |source: &str, more: &[&str]| {
        let done = online(&hub, &server, &[&["publish", source][..], more].concat());
        assert_eq!(done.code, 0, "{done:#?}");
        done.stderr.lines().find(|line| line.contains("from now on")).map(str::to_owned)
    };
    assert_eq!(warns("hf://ada/reviews", &[]), None);
    assert!(warns("hf://bob/reviews", &[]).is_some_and(|said| said.contains("was the ESM of hf://ada/reviews")));
    assert!(warns("hf://eve/mails", &[]).is_some_and(|said| said.contains("with --name eve/mails both would stay")));
    // The next commit of the same repository, and a name that was asked for, are meant.
    server.change("bob/reviews", |repository| *repository = esm("reviews", 5));
    assert_eq!(warns("hf://bob/reviews", &[]), None);
    assert_eq!(warns("hf://ada/reviews", &["--name", "mails"]), None);
    // Two of one task at once: a ranking would take one of them.
    let both = online(&hub, &server, &["publish", "hf://ada/reviews", "hf://bob/reviews", "--codec", "f32"]);
    assert!(
        both.stderr.contains("2 ESMs of these are of the task reviews") && both.stderr.contains("--all-tags"),
        "{both:#?}"
    );
    // What is there already takes no name, and a folder can take one of the hub's.
    assert_eq!(warns("hf://ada/reviews", &[]), None);
    let trained = hub.esm(&EsmFolder::new("reviews", D, 6));
    assert!(warns(&trained, &[]).is_some_and(|said| said.contains("was the ESM of hf://bob/reviews")));
}

/// The advice of a ranking whose ESMs match by name alone; and cards that have the digest already are left as they are.
#[test]
fn cards_without_a_digest_of_their_base_model_get_one_where_its_files_are_named() {
    let esms: Vec<EsmFolder> = (0..3).map(|seed| EsmFolder::new(&format!("task{seed}"), D, seed)).collect();
    let (hub, server) = (Hub::new(), Loopback::of_esms(&esms));
    let with = |base: &str| json_of(&online(&hub, &server, &["publish", "--from-hub", "--base", base, "--json"]));
    assert_eq!(with("acme/encoder")["published"].as_array().unwrap().len(), 3);
    let base = format!("acme/encoder={}", tiny_model("bert-mean").display());
    let published = with(&base);
    assert_eq!(at(&published, ["known", "published/0/tag", "published/2/tag"]), json!([0, "v2", "v2"]));
    assert!(hub.json(["show", "task1"])["card"]["base"]["weights"].is_string());
    // In the codec that it had, which nobody has taken back.
    let exact = Hub::new();
    for base in ["acme/encoder", &base] {
        let codec: &[&str] = if base.contains('=') { &[] } else { &["--codec", "f32"] };
        let arguments = [&["publish", "--from-hub", "--base", base, "--json"][..], codec].concat();
        assert_eq!(json_of(&online(&exact, &server, &arguments))["published"][0]["codec"], "f32", "{base}");
    }
    for base in ["acme/encoder", &base] {
        let again = with(base);
        assert_eq!((&again["known"], &again["published"]), (&json!(3), &json!([])), "{base}");
    }
    server.change("owner/task1", |repository| repository.commit = "3".repeat(40));
    assert_eq!(with("acme/encoder")["known"], 3);
}

#[test]
fn what_came_before_the_hub_was_gone_is_not_fetched_again() {
    let (hub, (_, server)) = (Hub::new(), large());
    server.fails("/owner/task20/resolve", &[Fault::Status(429, "Retry-After: 100000\r\n")]);
    let before = hub.pool();
    let refused = online(&hub, &server, &FROM_HUB);
    assert_eq!(refused.code, 1, "{refused:#?}");
    assert!(refused.stderr.contains("task20") && refused.stderr.contains("run the same again"), "{refused:#?}");
    assert_eq!(before.changes(&hub.pool()), Vec::<String>::new());
    let is_file = |path: &&String| path.contains("/cdn/") && path.ends_with("model.safetensors");
    let first: Vec<String> = server.requests().iter().filter(is_file).cloned().collect();
    let done = online(&hub, &server, &FROM_HUB);
    assert_eq!(json_of(&done)["published"].as_array().unwrap().len(), 24, "{done:#?}");
    let second: Vec<String> = server.requests().iter().filter(is_file).cloned().collect();
    assert!(!first.is_empty() && first.iter().all(|path| !second.contains(path)), "{first:?}\n{second:?}");
}

#[test]
fn terms_choose_among_the_esms_of_the_hub_and_nothing_found_is_said() {
    let (hub, (_, server)) = (Hub::new(), large());
    let filtered = ["publish", "--from-hub", "--base", "acme/encoder", "--filter", "name~task1", "--json"];
    let dry = json_of(&online(&hub, &server, &[&filtered[..], &["--dry-run"]].concat()));
    assert_eq!(dry["published"].as_array().unwrap().len(), 10);
    assert_eq!(hub.json(["list"])["esms"], json!([]));
    assert_eq!(json_of(&online(&hub, &server, &filtered))["published"].as_array().unwrap().len(), 10);
    assert_eq!(hub.json(["list"])["esms"].as_array().unwrap().len(), 10);
    let none = online(&hub, &server, &["publish", "--from-hub", "--base", "acme/nothing"]);
    assert!(none.code == 1 && none.stderr.contains("esmhub coverage"), "{none:#?}");
    hub.refused_saying(1, ["publish", "--from-hub", "--base", "acme/encoder"], &["offline"]);
    hub.refused(2, ["publish", "--from-hub"]);
    hub.refused(2, ["publish", "--from-hub", "--base", "acme/encoder", "esms/a"]);
    hub.refused(2, ["publish", "esms/a", "--filter", "name~x"]);
}

#[test]
fn coverage_counts_every_esm_under_the_base_models_that_it_names() {
    let (hub, (_, server)) = (Hub::without_registry(), large());
    server.change("owner/empty", |repository| repository.tags.truncate(1));
    let covered = online(&hub, &server, &["coverage", "--json"]);
    assert_eq!(covered.code, 0, "{covered:#?}");
    let document = json_of(&covered);
    assert_eq!(document["schema"], "esmhub.coverage/1");
    assert_eq!(document["bases"], json!([{"base": "acme/encoder", "esms": 26}, {"base": "acme/other", "esms": 1}]));
    assert_eq!(at(&document, ["esms", "without_base"]), json!([28, 1]));
    let table = online(&hub, &server, &["coverage"]).stdout;
    assert!(table.contains("28 ESMs of 2 base models; 1 of them without a base model"), "{table}");
    hub.refused_saying(1, ["coverage"], &["offline", "HF_HUB_OFFLINE"]);
}

/// The listing says where it goes on, and the token goes along.
#[test]
fn a_listing_that_leads_to_another_server_is_not_followed() {
    let hub = Hub::new();
    let (elsewhere, server) = (large().1, large().1);
    let link = format!("Link: <{}/api/models?cursor=1>; rel=\"next\"\r\n", elsewhere.endpoint());
    server.fails("/api/models", &[Fault::Page(link)]);
    let refused = online(&hub, &server, &["coverage"]);
    assert!(refused.code == 1 && refused.stderr.contains("goes on at"), "{refused:#?}");
    assert_eq!(elsewhere.requests(), Vec::<String>::new());
}

#[test]
fn a_listing_that_never_ends_is_left() {
    let (hub, server) = (Hub::new(), large().1);
    let link = |cursor| format!("Link: <{}/api/models?cursor={cursor}>; rel=\"next\"\r\n", server.endpoint());
    server.fails("/api/models", &[Fault::Page(link(1)), Fault::Page(link(2)), Fault::Page(link(3))]);
    let refused = online(&hub, &server, &["coverage"]);
    assert!(refused.code == 1 && refused.stderr.contains("nothing new"), "{refused:#?}");
    assert_eq!(server.requests().len(), 1);
}

/// `bert-base-uncased` is `google-bert/bert-base-uncased` by now; what was made before says the one, what was made after the other.
#[test]
fn a_base_model_is_found_by_its_old_name_and_by_its_new_one() {
    let esms = ["tiny-bert", "google/tiny-bert", "acme/tiny-bert"].map(|base| {
        let name = base.replace('/', "-");
        (name.clone(), EsmFolder::new(&name, D, 1).set("base_model_name", base))
    });
    for base in ["tiny-bert", "google/tiny-bert"] {
        let hub = Hub::new();
        let mut repositories = vec![("google/tiny-bert".to_owned(), Repository::default())];
        for (name, esm) in &esms {
            let mut repository = Repository::of(esm);
            repository.tags[1] = "base_model:google/tiny-bert".into();
            repositories.push((format!("owner/{name}"), repository));
        }
        let server = Loopback::new(repositories, 10);
        let done = online(&hub, &server, &["publish", "--from-hub", "--base", base, "--json"]);
        assert_eq!(done.code, 3, "{done:#?}");
        let listed = hub.json(["list"]);
        let bases: Vec<&Value> = listed["esms"].as_array().unwrap().iter().map(|esm| &esm["base"]).collect();
        assert_eq!(bases, ["google/tiny-bert"; 2], "{base}");
        assert_eq!(json_of(&done)["skipped"][0]["source"], "hf://owner/acme-tiny-bert");
    }
}

/// Whoever moves from hfselect finds every command as it stands in the guide.
#[cfg(unix)]
#[test]
fn the_guides_commands_move_a_pool_from_the_hub() {
    const BASE: &str = "google-bert/bert-base-multilingual-uncased";
    let guide = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/hfselect.md")).unwrap();
    let script = guide.split_once("```sh\n").unwrap().1.split_once("```").unwrap().0;
    // The tiny model knows 40 positions.
    let script = script.replace("--label label\n", "--label label --max-length 24\n");
    let script = script.replace("name=imdb|mr|acme/news", "name=one|mine");
    let hub = Hub::without_registry();
    hub.write("letters.csv", csv(&words(40, 1)));
    // As wide as the tiny model.
    let esm = |name: &str, seed| EsmFolder::new(name, 32, seed).set("base_model_name", BASE);
    esm("mine", 7).write(&hub.path("trained/imdb"));
    let mut repositories: Vec<(String, Repository)> = ["one", "two"]
        .iter()
        .zip(1..)
        .map(|(name, seed)| (format!("owner/{name}"), Repository::of(&esm(name, seed))))
        .collect();
    let mut own = Repository::of(&esm("of-mine", 9));
    own.tags.clear();
    repositories.push(("someone/esm-of-mine".into(), own));
    let mails = ("mails/train.parquet".to_owned(), parquet(&words(40, 1), 40));
    let card = ("README.md".to_owned(), b"---\nconfigs:\n- {config_name: mails, data_files: mails/*}\n---".to_vec());
    repositories.push(("datasets/acme/letters".into(), Repository::of_files([mails, card])));
    // The base model itself: a tiny one under its name.
    let model = std::fs::read_dir(tiny_model("bert")).unwrap().map(|entry| {
        let path = entry.unwrap().path();
        (path.file_name().unwrap().to_str().unwrap().to_owned(), std::fs::read(&path).unwrap())
    });
    repositories.push((BASE.into(), Repository::of_files(model)));
    let server = Loopback::new(repositories, 10);
    let program = std::path::Path::new(env!("CARGO_BIN_EXE_esmhub")).parent().unwrap();
    let mut command = std::process::Command::new("sh");
    command.current_dir(hub.path("")).env_clear().env("HOME", hub.path("home")).env("HF_ENDPOINT", server.endpoint());
    command.env("PATH", format!("{}:{}", program.display(), std::env::var("PATH").unwrap()));
    let done = Hub::finish(command.args(["-e", "-c", &script]));
    assert_eq!(done.code, 0, "{done:#?}");
    assert!(done.stdout.contains("2 ESMs of 1 base model"), "{done:#?}");
    assert!(done.stdout.contains("hf://datasets/acme/letters"), "{done:#?}");
    let listed = hub.json(["list"]);
    let names: Vec<&str> = listed["esms"].as_array().unwrap().iter().map(|esm| esm["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["mine", "of-mine", "one", "two"]);
}
