//! Links that somebody has planted: `pull` writes inside its output folder and nowhere else, and nothing that lies in a
//! registry is read through a link.

use std::fs;
use std::os::unix::fs::symlink;

use crate::support::{Hub, Tree};

/// A hub with two ESMs and a folder `outside`, in which nothing may ever change.
fn hub() -> (Hub, Tree) {
    let hub = Hub::with(&["mr", "acme/reviews"]);
    hub.write("outside/config.json", "theirs");
    hub.write("outside/model.safetensors", "theirs");
    let outside = Tree::of(&hub.path("outside"));
    (hub, outside)
}

#[track_caller]
fn untouched(hub: &Hub, outside: &Tree) {
    assert_eq!(outside.changes(&Tree::of(&hub.path("outside"))), Vec::<String>::new());
}

#[test]
fn output_folder_that_is_a_link_is_refused() {
    let (hub, outside) = hub();
    symlink("outside", hub.path("out")).unwrap();
    hub.refused_saying(1, ["pull", "mr", "--output", "out"], &["out"]);
    hub.refused_saying(1, ["pull", "mr", "--output", "out", "--dry-run"], &["out"]);
    untouched(&hub, &outside);
    fs::remove_file(hub.path("out")).unwrap();
    // It leads nowhere yet, and would be made by who follows it.
    symlink("outside/new", hub.path("out")).unwrap();
    hub.refused_saying(1, ["pull", "mr", "--output", "out"], &["out"]);
    untouched(&hub, &outside);
}

#[test]
fn files_in_the_output_folder_that_are_links_are_not_written_through() {
    for name in ["config.json", "model.safetensors"] {
        let (hub, outside) = hub();
        fs::create_dir(hub.path("out")).unwrap();
        symlink(format!("../outside/{name}"), hub.path("out").join(name)).unwrap();
        hub.refused_saying(1, ["pull", "mr", "--output", "out"], &["out"]);
        untouched(&hub, &outside);
    }
}

#[test]
fn what_is_there_already_is_not_believed_through_a_link() {
    let (hub, _) = hub();
    hub.ok(["pull", "mr", "--output", "right"]);
    fs::create_dir(hub.path("out")).unwrap();
    for name in ["config.json", "model.safetensors"] {
        symlink(hub.path("right").join(name), hub.path("out").join(name)).unwrap();
    }
    // The bytes are those of mr, but whoever owns the link can change them later.
    hub.refused_saying(1, ["pull", "mr", "--output", "out"], &["out"]);
}

#[test]
fn folders_on_the_way_that_are_links_are_not_followed() {
    let (hub, outside) = hub();
    // Several references go into one folder each: `all/acme/reviews`.
    fs::create_dir(hub.path("all")).unwrap();
    symlink("../outside", hub.path("all/acme")).unwrap();
    let output = hub.run(["pull", "mr", "acme/reviews", "--output", "all"]);
    assert_ne!(output.code, 0, "{output:#?}");
    untouched(&hub, &outside);
}

#[test]
fn links_in_a_registry_are_named_and_not_followed() {
    let (hub, outside) = hub();
    let object = hub.object_of("mr");
    fs::rename(&object, hub.path("outside/object")).unwrap();
    symlink(hub.path("outside/object"), &object).unwrap();
    hub.refused_saying(16, ["pull", "mr", "--output", "out"], &["symbolic link"]);
    assert_eq!(hub.run(["verify"]).code, 16);
    fs::remove_file(hub.path("outside/object")).unwrap();
    untouched(&hub, &outside);
}

#[test]
fn publish_does_not_write_through_a_link_in_a_registry() {
    let (hub, outside) = hub();
    let objects = hub.path("pool/objects");
    fs::rename(&objects, hub.path("objects")).unwrap();
    symlink(hub.path("outside"), &objects).unwrap();
    let source = hub.esm(&crate::support::EsmFolder::new("new", 8, 7));
    hub.refused_saying(16, ["publish", &source], &["symbolic link"]);
    untouched(&hub, &outside);
}

#[test]
fn log_that_is_a_link_is_refused() {
    let (hub, outside) = hub();
    fs::rename(hub.path("pool/log"), hub.path("log")).unwrap();
    symlink("../log", hub.path("pool/log")).unwrap();
    let source = hub.esm(&crate::support::EsmFolder::new("new", 8, 7));
    hub.refused_saying(16, ["publish", &source], &["symbolic link"]);
    untouched(&hub, &outside);
}
