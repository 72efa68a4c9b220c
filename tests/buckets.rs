//! Registries in an object store: the same as in a directory, whatever the store and the network do.

use std::fs;

use serde_json::{Value, json};

use crate::support::bucket::{Kind, Trouble};
use crate::support::{EsmFolder, Hub, Tree, at, damage, names, target};

/// An empty registry in a bucket.
fn bucket() -> Hub {
    let hub = Hub::in_bucket(Kind::Whole);
    hub.ok(["init"]);
    hub
}

/// Three ESMs and a target.
fn filled(hub: Hub) -> Hub {
    let sources = ["mr", "sst", "trec"].iter().zip(1..).map(|(name, seed)| hub.esm(&EsmFolder::new(name, 8, seed)));
    let sources: Vec<String> = sources.collect();
    hub.ok(["publish", "--codec", "f32"].into_iter().chain(sources.iter().map(String::as_str)));
    hub.write("t.npz", target(60, 8, 2, 1));
    hub
}

fn entries(hub: &Hub) -> usize {
    fs::read_dir(hub.path("pool/log")).map_or(0, Iterator::count)
}

fn scores(ranking: &Value) -> Vec<(String, String)> {
    let results = ranking["results"].as_array().unwrap().iter();
    results.map(|one| (one["digest"].to_string(), one["score"].to_string())).collect()
}

#[test]
fn bucket_holds_what_a_directory_would() {
    let on_disk = Hub::on_disk();
    on_disk.ok(["init"]);
    let (here, there) = (filled(on_disk), filled(bucket()));
    let objects = |hub: &Hub| Tree::of(&hub.path("pool/objects"));
    assert_eq!(objects(&here).changes(&objects(&there)), Vec::<String>::new());
    assert_eq!(entries(&here), entries(&there));
    let (one, other) = (here.json(["rank", "t.npz"]), there.json(["rank", "t.npz"]));
    assert_eq!(scores(&one), scores(&other));
    assert_eq!(names(&one).len(), 3);
    // What is in a bucket is a registry, wherever its files are carried.
    let copied = there.json(["rank", "t.npz", "--registry", there.path("pool").to_str().unwrap()]);
    assert_eq!(scores(&copied), scores(&other));
    there.ok(["yank", "mr:v1"]);
    there.ok(["remove", "sst:v1"]);
    assert_eq!(names(&there.json(["rank", "t.npz"])).len(), 1);
    there.ok(["gc", "--grace", "14d"]);
    let report = there.json(["verify"]);
    assert_eq!(at(&report, ["sound", "problems"]), json!([true, []]));
    assert_eq!(at(&report, ["trash/files"]), json!([1]));
    assert!(!Tree::of(&there.path("pool")).files().iter().any(|file| file.contains("probe")), "a probe is left");
}

#[test]
fn store_that_overwrites_is_read_and_never_written_to() {
    let on_disk = Hub::on_disk();
    on_disk.ok(["init"]);
    let source = filled(on_disk);
    let hub = Hub::in_bucket(Kind::Careless);
    fs::create_dir(hub.path("pool")).unwrap();
    let said = hub.refused(1, ["init"]);
    assert!(said.contains("conditional create") && said.contains("hint: "), "{said}");
    assert!(!hub.path("pool/esmhub.toml").exists());
    copy(&source.path("pool"), &hub.path("pool"));
    hub.write("t.npz", target(60, 8, 2, 1));
    assert_eq!(scores(&hub.json(["rank", "t.npz"])), scores(&source.json(["rank", "t.npz"])));
    hub.ok(["pull", "mr"]);
    assert_eq!(hub.json(["verify"])["sound"], true);
    let esm = hub.esm(&EsmFolder::new("new", 8, 9));
    for arguments in [&["publish", &esm][..], &["yank", "mr:v1"], &["remove", "mr:v1"]] {
        hub.refused_saying(
            1,
            arguments,
            &["does not know conditional create", "two writers could overwrite each other"],
        );
    }
}

fn copy(from: &std::path::Path, to: &std::path::Path) {
    for file in Tree::of(from).files() {
        fs::create_dir_all(to.join(file).parent().unwrap()).unwrap();
        fs::copy(from.join(file), to.join(file)).unwrap();
    }
}

/// What a request meets the first time, and what becomes of it.
fn once(method: &'static str, part: &'static str, trouble: Trouble) -> impl Fn(&str, &str) -> Option<Trouble> {
    let left = std::sync::atomic::AtomicUsize::new(1);
    move |asked, key| {
        let is_it = asked == method && key.contains(part);
        (is_it && left.swap(0, std::sync::atomic::Ordering::SeqCst) == 1).then_some(trouble)
    }
}

#[test]
fn answer_that_is_lost_is_no_lost_publish_and_no_second_one() {
    let troubles = [Trouble::Lost, Trouble::Dropped, Trouble::Refused(503), Trouble::Refused(500), Trouble::Cut];
    for trouble in troubles {
        for part in ["pool/log/", "pool/objects/", "pool/probe"] {
            let hub = bucket();
            let source = hub.esm(&EsmFolder::new("mr", 8, 1));
            hub.bucket().fates(once("PUT", part, trouble));
            let done = hub.run(["publish", &source]);
            assert_eq!(done.code, 0, "{trouble:?} at {part}: {done:#?}");
            hub.bucket().heals();
            assert_eq!(entries(&hub), 1, "{trouble:?} at {part}");
            assert_eq!(hub.json(["verify"])["sound"], true, "{trouble:?} at {part}");
            assert_eq!(hub.json(["list"])["esms"].as_array().unwrap().len(), 1);
        }
    }
}

#[test]
fn reading_goes_on_where_an_answer_breaks_off() {
    let hub = filled(bucket());
    let expected = scores(&hub.json(["rank", "t.npz", "--no-cache"]));
    for trouble in [Trouble::Cut, Trouble::Dropped, Trouble::Late(300), Trouble::Refused(503), Trouble::Refused(429)] {
        for part in ["pool/log/", "pool/objects/", "pool/esmhub.toml"] {
            hub.bucket().fates(once("GET", part, trouble));
            let ranked = hub.json(["rank", "t.npz", "--no-cache"]);
            assert_eq!(scores(&ranked), expected, "{trouble:?} at {part}");
        }
    }
}

#[test]
fn store_that_goes_on_refusing_ends_with_busy_and_changes_nothing() {
    let hub = filled(bucket());
    let source = hub.esm(&EsmFolder::new("new", 8, 9));
    hub.bucket().fates(|method, key| (method == "PUT" && key.contains("log/")).then_some(Trouble::Refused(503)));
    let done = hub.run(["publish", &source]);
    assert_eq!(done.code, 11, "{done:#?}");
    assert!(done.stderr.contains("s3://pool/log/") && done.stderr.contains("SlowDown, be patient"), "{done:#?}");
    hub.bucket().heals();
    assert_eq!(entries(&hub), 1);
    assert_eq!(hub.json(["verify"])["sound"], true);
    hub.ok(["publish", &source]);
}

#[test]
fn whoever_may_not_read_or_write_is_told_so() {
    let hub = filled(bucket());
    hub.bucket().fates(|_, _| Some(Trouble::Denied));
    hub.refused_saying(
        1,
        ["list"],
        &["s3://pool/esmhub.toml", "AccessDenied, not yours", "hint: look at the credentials"],
    );
    hub.bucket().fates(|method, _| (method == "PUT").then_some(Trouble::Denied));
    let source = hub.esm(&EsmFolder::new("new", 8, 9));
    hub.refused_saying(1, ["publish", &source], &["AccessDenied"]);
    hub.ok(["rank", "t.npz"]);
}

#[test]
fn of_sixteen_who_race_for_one_tag_one_wins() {
    let hub = bucket();
    let sources: Vec<String> = (0..16).map(|seed| hub.esm(&EsmFolder::new(&format!("esm{seed}"), 8, seed))).collect();
    let codes: Vec<i32> = std::thread::scope(|scope| {
        let one = |source: &str| {
            let mut command = hub.command();
            command
                .args(["publish", source, "--name", "wanted", "--tag", "v1"])
                .env("ESMHUB_CACHE", hub.path(format!("cache-{}", source.replace('/', "-"))));
            Hub::finish(&mut command).code
        };
        let racing: Vec<_> = sources.iter().map(|source| scope.spawn(move || one(source))).collect();
        racing.into_iter().map(|racer| racer.join().unwrap()).collect()
    });
    assert_eq!(codes.iter().filter(|code| **code == 0).count(), 1, "{codes:?}");
    assert!(codes.iter().all(|code| [0, 15].contains(code)), "{codes:?}");
    assert_eq!(entries(&hub), 1);
    assert_eq!(hub.json(["verify"])["sound"], true);
}

#[test]
fn nothing_is_lost_where_many_publish_at_once() {
    let hub = bucket();
    let sources: Vec<String> = (0..12).map(|seed| hub.esm(&EsmFolder::new(&format!("esm{seed}"), 8, seed))).collect();
    std::thread::scope(|scope| {
        for source in &sources {
            scope.spawn(|| hub.ok(["publish", source]));
        }
    });
    assert_eq!((entries(&hub), hub.json(["list"])["esms"].as_array().unwrap().len()), (12, 12));
    assert_eq!(hub.json(["verify"])["sound"], true);
}

#[test]
fn objects_come_over_the_network_once_and_are_checked_each_time() {
    let hub = filled(bucket());
    let objects = |hub: &Hub| hub.bucket().requests().iter().filter(|one| one.starts_with("GET pool/objects/")).count();
    objects(&hub);
    let first = hub.json(["rank", "t.npz"]);
    assert_eq!(objects(&hub), 3);
    hub.write("other.npz", target(60, 8, 2, 2));
    hub.ok(["rank", "other.npz"]);
    hub.ok(["pull", "mr"]);
    assert_eq!(objects(&hub), 0);
    // What is damaged in the cache is fetched again, and no answer changes.
    for file in Tree::of(&hub.path("cache/objects")).files() {
        damage(&hub.path("cache/objects").join(file));
    }
    hub.write("t2.npz", target(60, 8, 2, 1));
    assert_eq!(scores(&hub.json(["rank", "t2.npz"])), scores(&first));
    hub.ok(["pull", "mr", "sst", "trec", "--output", "all"]);
    assert_eq!(objects(&hub), 3);
    hub.ok(["pull", "mr", "--no-cache", "--output", "again"]);
    assert_eq!(objects(&hub), 1);
}

/// Requests by kind: listings, the marker, entries and packs, objects.
fn counted(requests: &[String]) -> [usize; 4] {
    let of = |part: &str| requests.iter().filter(|one| one.starts_with(&format!("GET pool/{part}"))).count();
    let listings = requests.iter().filter(|one| *one == "GET pool").count();
    [listings, of("esmhub.toml"), of("log/") + of("packs/"), of("objects/")]
}

#[test]
fn second_visit_takes_three_requests_and_first_one_takes_packs() {
    let hub = bucket();
    let esm = hub.esm(&EsmFolder::new("mr", 8, 1));
    // Entries of many publishes, some of them under one card.
    for at in 0..75 {
        hub.ok(["publish", &esm, "--name", &format!("n{at}"), "--no-cache"]);
    }
    let packs = || Tree::of(&hub.path("pool/packs")).files().len();
    assert_eq!((entries(&hub), packs()), (75, 9 + 1));
    hub.write("t.npz", target(60, 8, 2, 1));
    hub.bucket().requests();
    // Threads that want the same object at one moment would each fetch it.
    let first = hub.json(["rank", "t.npz", "--cache-dir", "new", "--threads", "1"]);
    let requests = hub.bucket().requests();
    // The log and the packs are listed; a pack of 64, one of 8, and three entries; all ESMs have one object.
    assert_eq!((counted(&requests), requests.len()), ([2, 1, 5, 1], 9), "{requests:?}");
    let second = hub.json(["rank", "t.npz", "--cache-dir", "new"]);
    let requests = hub.bucket().requests();
    assert_eq!((counted(&requests), requests.len()), ([1, 1, 1, 0], 3), "{requests:?}");
    hub.write("t2.npz", target(60, 8, 2, 9));
    hub.ok(["rank", "t2.npz", "--cache-dir", "new"]);
    assert_eq!(hub.bucket().requests().len(), 3);
    assert_eq!(scores(&first), scores(&second));

    // A pack is believed no more than the entries are: damaged, of another registry, or with other entries in it.
    let whole = hub.json(["log"]);
    let pack = hub.path("pool/packs/00000000000000000001-64");
    let bytes = fs::read(&pack).unwrap();
    let other = fs::read(hub.path("pool/packs/00000000000000000065-8")).unwrap();
    let kept = bytes.clone();
    let mut flipped = bytes.clone();
    flipped[bytes.len() / 2] ^= 1;
    for content in [flipped, other, bytes[..bytes.len() - 1].to_vec(), Vec::new(), [bytes.clone(), bytes].concat()] {
        fs::write(&pack, content).unwrap();
        assert_eq!(hub.json(["log", "--no-cache"]), whole);
        let report = hub.json_with(16, ["verify"]);
        assert_eq!(
            at(&report, ["problems/0/what", "problems/0/place"]),
            json!(["pack", "packs/00000000000000000001-64"])
        );
        hub.json_with(16, ["verify", "--repair", "--dry-run"]);
        hub.ok(["verify", "--repair"]);
        assert_eq!(fs::read(&pack).unwrap(), kept);
    }
    // Nor is one of another history, as of a pool that was set back to a backup and went on otherwise.
    let other = bucket();
    for at in 0..9 {
        other.ok(["publish", &other.esm(&EsmFolder::new("mr", 8, 1)), "--name", &format!("m{at}")]);
    }
    fs::copy(other.path("pool/packs/00000000000000000001-8"), hub.path("pool/packs/00000000000000000001-8")).unwrap();
    fs::remove_file(&pack).unwrap();
    assert_eq!(hub.json(["log", "--no-cache"]), whole);
    hub.json_with(16, ["verify"]);
    hub.ok(["verify", "--repair"]);
    // What is not there is made by who tidies up.
    fs::remove_dir_all(hub.path("pool/packs")).unwrap();
    hub.ok(["gc"]);
    assert_eq!(packs(), 10);
    assert_eq!(hub.json(["verify"])["sound"], true);
}

/// Entries 1 to 8 and their pack, then 7 and 8 gone as where a backup was put back, and others in their places.
#[test]
fn pack_of_a_history_that_was_set_back_is_nobodys_log() {
    let hub = bucket();
    let publish = |name: &str, more: &[&str]| {
        let esm = hub.esm(&EsmFolder::new("mr", 8, 1));
        hub.run([&["publish", &esm, "--name", name, "--no-cache"][..], more].concat())
    };
    for at in 0..8 {
        assert_eq!(publish(&format!("old{at}"), &[]).code, 0);
    }
    assert!(hub.path("pool/packs/00000000000000000001-8").is_file());
    for number in [7, 8] {
        fs::remove_file(hub.entry(number)).unwrap();
    }
    assert_eq!((publish("new7", &[]).code, publish("new8", &[]).code), (0, 0));
    let listed = || hub.json(["list", "--no-cache"]);
    let has = |name: &str| listed()["esms"].as_array().unwrap().iter().any(|esm| esm["name"] == name);
    assert!(has("new7") && has("new8") && !has("old6") && !has("old7"), "{}", listed());
    hub.json_with(16, ["verify", "--no-cache"]);
    assert_eq!(publish("new9", &["--cache-dir", "fresh"]).code, 0);
    assert!(has("new8") && has("new9"));
    hub.ok(["verify", "--repair"]);
    assert_eq!(hub.json(["verify", "--no-cache"])["sound"], true);
    assert!(has("new7") && has("new9"));
}

/// What readers may take from a pack, writers must know to be in the log.
#[test]
fn writer_sees_what_of_the_log_cannot_be_read_though_a_pack_has_it() {
    let hub = bucket();
    let esm = hub.esm(&EsmFolder::new("mr", 8, 1));
    for at in 0..9 {
        hub.ok(["publish", &esm, "--name", &format!("n{at}")]);
    }
    damage(&hub.entry(3));
    assert_eq!(hub.json(["list", "--cache-dir", "fresh"])["esms"].as_array().unwrap().len(), 9);
    hub.refused(16, ["publish", &esm, "--name", "more", "--no-cache"]);
    hub.json_with(16, ["verify", "--no-cache"]);
    hub.ok(["verify", "--repair"]);
    hub.ok(["publish", &esm, "--name", "more", "--no-cache"]);
}

#[test]
fn what_is_no_list_is_no_empty_registry_and_a_name_out_of_range_no_end() {
    let hub = filled(bucket());
    hub.bucket().fates(|method, key| (method == "GET" && key == "pool").then_some(Trouble::Page));
    for arguments in [&["list"][..], &["verify"], &["gc"], &["list", "--no-cache"]] {
        hub.refused_saying(1, arguments, &["is no list"]);
    }
    hub.bucket().heals();
    hub.write("pool/log/18446744073709551615", "");
    let listed = hub.run(["list", "--no-cache"]);
    assert!([3, 16].contains(&listed.code), "{listed:#?}");
    fs::remove_file(hub.path("pool/log/18446744073709551615")).unwrap();
    // A site with one page for all that it has not.
    let address = format!("{}/pool", hub.bucket().endpoint());
    hub.bucket().fates(|_, key| (key.contains("/log/") && !key.ends_with("01")).then_some(Trouble::Page));
    let read = hub.run(["list", "--registry", &address, "--no-cache"]);
    assert_eq!(read.code, 16, "{read:#?}");
}

#[test]
fn settings_that_cannot_be_right_are_named_and_secrets_are_not_repeated() {
    let hub = bucket();
    let with = |name: &str, value: &str| Hub::finish(hub.command().arg("list").env(name, value));
    for (name, value) in [
        ("AWS_ENDPOINT_URL", "127.0.0.1:9000"),
        ("AWS_ENDPOINT_URL", "localhost"),
        ("AWS_ENDPOINT_URL", "http://a b"),
        ("AWS_ENDPOINT_URL", "http://host:99999"),
        ("AWS_SECRET_ACCESS_KEY", "hunter2\n"),
        ("AWS_SESSION_TOKEN", "hunter2\r"),
        ("AWS_REGION", "hunter2\n"),
    ] {
        let refused = with(name, value);
        assert!(refused.code == 2 && refused.stderr.contains(name), "{refused:#?}");
        assert!(!refused.stderr.contains("hunter2"), "{refused:#?}");
    }
    for address in
        ["s3://b/x?X-Amz-Signature=hunter2", "az://c/p#hunter2", "s3://ada:hunter2@b:99999/x", "ftp://u:hunter2@h/x"]
    {
        let refused = hub.run(["list", "--registry", address]);
        assert!(refused.code == 2 && !refused.stderr.contains("hunter2"), "{refused:#?}");
    }
}

#[test]
fn registry_on_a_web_server_is_read_and_not_written() {
    let hub = filled(bucket());
    let expected = scores(&hub.json(["rank", "t.npz"]));
    let address = format!("{}/pool", hub.bucket().endpoint());
    hub.bucket().requests();
    let ranked = hub.json(["rank", "t.npz", "--registry", &address]);
    assert_eq!(scores(&ranked), expected);
    hub.ok(["pull", "mr", "--registry", &address, "--output", "read"]);
    let asked = hub.bucket().requests();
    assert!(asked.iter().all(|one| one.starts_with("GET pool/")), "{asked:?}");
    let source = hub.esm(&EsmFolder::new("new", 8, 9));
    hub.refused_saying(1, ["publish", &source, "--registry", &address], &["can only be read", "hint: publish where"]);
    hub.refused_saying(1, ["verify", "--registry", &address], &["gives no list", "hint: "]);
    hub.refused(10, ["list", "--registry", &format!("{address}/nowhere")]);
}

#[test]
fn what_is_no_address_is_refused_and_no_secret_repeated() {
    let hub = Hub::on_disk();
    for address in ["s3://", "s3://bucket/a?b=c", "s3://bucket/#x"] {
        hub.refused(2, ["list", "--registry", address]);
    }
    let said = hub.refused(2, ["list", "--registry", "s3://ada:hunter2@bucket/pool"]);
    assert!(said.contains("environment") && !said.contains("hunter2"), "{said}");
    hub.refused_saying(
        2,
        ["list", "--registry", "ftp://host/pool"],
        &["ftp://", "hint: a registry is a directory, or s3://"],
    );
    hub.refused_saying(2, ["init", "s3:/bucket/pool"], &["two slashes"]);
    hub.refused_saying(1, ["list", "--registry", "az://container/pool"], &["AZURE_STORAGE_ACCOUNT_NAME is not set"]);
    hub.refused_saying(2, ["init", "s3://bucket", "--shared"], &["--shared is for"]);
}

#[test]
fn keys_region_and_endpoint_come_from_a_profile_where_the_environment_is_silent() {
    let hub = filled(bucket());
    let endpoint = hub.bucket().endpoint();
    hub.write(
        "home/.aws/config",
        format!("[default]\nregion = nowhere\n\n[profile pool]\nregion = here\nendpoint_url = {endpoint}\n"),
    );
    hub.write("home/.aws/credentials", "[pool]\naws_access_key_id = ada\naws_secret_access_key = a\\b/c+d\n");
    hub.write("sso", "[profile sso]\nsso_session = acme\n");
    let run = |profile: &str, variables: &[(&str, &str)]| {
        let mut command = hub.command();
        for (key, _) in hub.bucket().environment() {
            command.env_remove(key);
        }
        command.args(["list", "--quiet"]).env("AWS_PROFILE", profile).envs(variables.iter().copied());
        Hub::finish(&mut command)
    };
    let listed = run("pool", &[]);
    assert_eq!((listed.code, listed.stdout.lines().count()), (0, 3), "{listed:#?}");
    let missing = run("absent", &[]);
    assert!(missing.code == 2 && missing.stderr.contains("no AWS profile absent"), "{missing:#?}");
    let sso = hub.path("sso");
    let elsewhere = run("sso", &[("AWS_CONFIG_FILE", sso.to_str().unwrap())]);
    assert!(elsewhere.code == 1 && elsewhere.stderr.contains("aws configure export-credentials"), "{elsewhere:#?}");
    // What the environment says comes first.
    let (key, secret) = (("AWS_ACCESS_KEY_ID", "eve"), ("AWS_SECRET_ACCESS_KEY", "other"));
    assert_eq!(
        run("sso", &[("AWS_CONFIG_FILE", sso.to_str().unwrap()), ("AWS_ENDPOINT_URL", &endpoint), key, secret]).code,
        0
    );
}

#[test]
fn bucket_of_another_machine_is_not_asked_without_encryption() {
    let hub = bucket();
    let mut command = hub.command();
    command.arg("list").env("AWS_ENDPOINT_URL", "http://192.0.2.1:9");
    let refused = Hub::finish(&mut command);
    assert_eq!(refused.code, 1, "{refused:#?}");
    assert!(refused.stderr.contains("not encrypted") && refused.stderr.contains("AWS_ALLOW_HTTP"), "{refused:#?}");
}
