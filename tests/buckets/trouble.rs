//! Stores that refuse, break off, answer nonsense, or do not keep what they promise.

use std::fs;

use super::{bucket, copy, entries, filled, scores};
use crate::support::bucket::{Kind, Trouble};
use crate::support::{EsmFolder, Hub, target};

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
fn bucket_in_another_region_is_named_with_its_region() {
    let hub = filled(bucket());
    hub.bucket().fates(|_, _| Some(Trouble::Elsewhere));
    hub.refused_saying(1, ["list"], &["status 301", "in the region eu-west-3: set AWS_REGION"]);
}

/// As a store with object lock, or a gateway that takes every condition for unmet.
#[test]
fn store_that_finds_everything_there_already_is_not_written_to() {
    let hub = Hub::in_bucket(Kind::Whole);
    fs::create_dir(hub.path("pool")).unwrap();
    hub.bucket().fates(|method, _| (method == "PUT").then_some(Trouble::Refused(412)));
    let said = hub.refused(1, ["init"]);
    assert!(said.contains("conditional create") && said.contains("hint: "), "{said}");
}
