//! References: what a user typed means one ESM, or the answer says why not.

use std::collections::{BTreeMap, HashMap};

use esmhub_store_format::bundle::{self, Bundled};
use esmhub_store_format::card::{BaseModel, Weights};
use esmhub_store_format::log::Published;
use esmhub_store_format::{Card, Codec, DenseMap, Digest, Object};

use serde_json::json;

use crate::support::{EsmFolder, Hub, at};

fn digest(hub: &Hub, reference: &str) -> String {
    hub.json(["resolve", reference])["digest"].as_str().unwrap().to_owned()
}

/// `mr` with the tags v1, v2 and best, in this order.
fn tagged() -> Hub {
    let hub = Hub::with(&["mr"]);
    for (seed, options) in [(2, &[][..]), (3, &["--tag", "best"][..])] {
        let source = hub.esm(&EsmFolder::new("mr", 8, seed));
        hub.ok(["publish", &source].iter().chain(options));
    }
    hub
}

#[test]
fn every_spelling_means_the_same() {
    let hub = tagged();
    let whole = digest(&hub, "mr:v2");
    let eight = &whole[..8];
    for reference in [
        format!("mr:v2@{whole}"),
        format!("mr@{eight}"),
        format!("mr:v2@blake3:{eight}"),
        format!("@{whole}"),
        format!("@{eight}"),
        format!("@blake3:{}", &whole[..20]),
        "MR:V2".to_owned(),
    ] {
        let resolved = hub.json(["resolve", &reference]);
        assert_eq!(at(&resolved, ["digest", "tag"]), json!([whole.as_str(), "v2"]), "{reference}");
    }
    assert_eq!(hub.ok(["resolve", "mr:v2"]), format!("mr:v2@{whole}\n"));
    assert_eq!(hub.ok(["resolve", "mr:v2", "-q"]), format!("{whole}\n"));
}

#[test]
fn bare_name_means_the_newest_in_the_log() {
    let hub = tagged();
    assert_eq!(hub.json(["resolve", "mr"])["tag"], "best");
    let source = hub.esm(&EsmFolder::new("mr", 8, 4));
    hub.ok(["publish", &source, "--tag", "a"]);
    assert_eq!(hub.json(["resolve", "mr"])["tag"], "a");
    // Published again, an old tag is no newer than it was.
    let source = hub.esm(&EsmFolder::new("mr", 8, 2));
    hub.ok(["publish", &source]);
    assert_eq!(hub.json(["resolve", "mr"])["tag"], "a");
}

#[test]
fn mistyped_name_is_answered_with_what_was_meant() {
    let hub = Hub::with(&["tweet_emotion", "acme/reviews", "trec"]);
    for (typed, meant) in [("tweet_emotoin", "tweet_emotion"), ("reviews", "acme/reviews"), ("treck:v1", "trec")] {
        hub.refused_saying(13, ["show", typed], &[typed, &format!("did you mean {meant}?")]);
    }
    hub.refused_saying(13, ["pull", "zzzzzzzz"], &["zzzzzzzz", "esmhub list"]);
}

#[test]
fn missing_tag_is_answered_with_those_that_exist() {
    let hub = tagged();
    hub.refused_saying(13, ["show", "mr:v7"], &["mr:v7", "did you mean mr:best, mr:v2, mr:v1?"]);
}

#[test]
fn unknown_digest_is_not_found() {
    let hub = tagged();
    for command in ["resolve", "show", "pull", "yank", "remove", "log"] {
        hub.refused_saying(13, [command, "@0123456789abcdef"], &["@0123456789abcdef"]);
    }
}

#[test]
fn tag_and_digest_that_disagree_are_refused() {
    let hub = tagged();
    let (one, two) = (digest(&hub, "mr:v1"), digest(&hub, "mr:v2"));
    for command in ["resolve", "show", "pull", "yank"] {
        hub.refused_saying(15, [command, &format!("mr:v1@{}", &two[..12])], &["mr:v1", &one]);
    }
}

#[test]
fn digest_of_another_name_is_not_found() {
    let hub = Hub::with(&["mr", "trec"]);
    let trec = digest(&hub, "trec");
    hub.refused(13, ["resolve", &format!("mr@{}", &trec[..12])]);
}

#[test]
fn references_that_are_none_are_usage() {
    let hub = tagged();
    for reference in
        ["", ":v1", "mr:", "mr@", "mr@1234567", "mr@xyzxyzxy", "../mr", "mr:v1:v2", "a b", "mr@sha256:0123456789"]
    {
        let message = hub.refused(2, ["show", reference]);
        assert!(message.contains("REF") || message.contains("reference"), "{reference}: {message}");
        hub.refused(2, ["pull", reference]);
    }
}

/// Two cards whose digests begin with the same eight digits, found by trying some hundred thousand (a birthday of 32 bits).
#[test]
fn ambiguous_prefix_lists_its_candidates() {
    let map = DenseMap::new(vec![1.0, 0.0, 0.0, 1.0], vec![0.0, 0.0]).unwrap();
    let object = Object::encode(&map, Codec::F32).unwrap();
    let card = |number: u32| Card {
        extra: BTreeMap::from([("number".to_owned(), format!("{number:08}"))]),
        ..Card::imported(Weights::of(&object, 0.0), BaseModel::named("acme/encoder"))
    };
    let mut seen: HashMap<String, u32> = HashMap::new();
    let (a, b, prefix) = (0..)
        .find_map(|number| {
            let prefix = card(number).digest().unwrap().to_string()[..8].to_owned();
            seen.insert(prefix.clone(), number).map(|other| (other, number, prefix))
        })
        .unwrap();
    let mut file = Vec::new();
    for (name, number) in [("first", a), ("second", b)] {
        let card = card(number).to_canonical().unwrap();
        let published = Published { name: name.parse().unwrap(), tag: "v1".parse().unwrap(), card };
        bundle::append(&Bundled { published, object: object.clone() }, &mut file).unwrap();
    }
    let hub = Hub::new();
    hub.write("twins.esm", &file);
    hub.ok(["publish", "twins.esm"]);
    let reference = format!("@{prefix}");
    for command in ["resolve", "show", "pull", "yank", "remove"] {
        let whole = |number| Digest::of(&card(number).to_canonical().unwrap()).to_string();
        let said = [reference.as_str(), "first:v1", "second:v1", &whole(a), &whole(b)];
        hub.refused_saying(14, [command, &reference], &said);
    }
    assert_eq!(hub.json(["resolve", &format!("first@{prefix}")])["name"], "first");
}

#[test]
fn digest_that_several_references_have_cannot_be_changed() {
    let hub = Hub::with(&["mr"]);
    let source = hub.esm(&EsmFolder::new("mr", 8, 1));
    hub.ok(["publish", &source, "--codec", "f32", "--tag", "best"]);
    let digest = format!("@{}", digest(&hub, "mr"));
    assert_eq!(
        hub.json(["resolve", &digest])["digest"].as_str(),
        digest.strip_prefix('@'),
        "one content is one answer"
    );
    for command in ["yank", "remove"] {
        hub.refused_saying(14, [command, &digest], &["mr:v1", "mr:best"]);
    }
    hub.refused_saying(2, ["yank", "mr"], &["mr:v1", "mr:best"]);
}
