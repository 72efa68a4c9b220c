//! Signing what is published: what is signed, by which keys, and that OpenSSH agrees.

use std::fs;

use esmhub_store_format::log::{Action, Published};
use serde_json::{Value, json};

use crate::support::keys::{append, has_ssh_keygen, new_key, public_key, ssh_keygen, ssh_sign, unarmored};
use crate::support::{EsmFolder, Hub, at, line};

fn statement(hub: &Hub, reference: &str) -> String {
    let resolved = hub.json(["resolve", reference]);
    let text = |key: &str| resolved[key].as_str().unwrap().to_owned();
    format!("esmhub publish 1\n{}:{}\nblake3:{}\n", text("name"), text("tag"), text("digest"))
}

fn signatures(hub: &Hub, reference: &str) -> Vec<Value> {
    hub.json(["show", reference])["signatures"].as_array().unwrap().clone()
}

fn signed(document: &Value) -> Vec<&Value> {
    document["published"].as_array().unwrap().iter().map(|esm| &esm["signed"]).collect()
}

#[test]
fn ssh_keygen_makes_and_verifies_the_very_signature_that_show_prints() {
    if !has_ssh_keygen("ssh_keygen_makes_and_verifies_the_very_signature_that_show_prints") {
        return;
    }
    let hub = Hub::new();
    let public = new_key(&hub, "ada");
    hub.write("signers", format!("ada@engine {public}\n"));
    let source = hub.esm(&EsmFolder::new("acme/mr", 8, 1).set("task_id", "mr"));
    hub.ok(["publish", &source, "--name", "acme/mr", "--sign", "ada"]);
    let shown = hub.json(["show", "acme/mr"]);
    let text = shown["statement"].as_str().unwrap();
    assert_eq!(text, statement(&hub, "acme/mr"));
    let expected = json!([public, true, false, null, null]);
    assert_eq!(at(&shown["signatures"][0], ["key", "valid", "trusted", "principal", "problem"]), expected);
    let armored = shown["signatures"][0]["signature"].as_str().unwrap();
    assert_eq!(unarmored(armored), ssh_sign(&hub, "ada", "esmhub", "", text));
    assert_eq!(armored, fs::read_to_string(hub.path("to-sign.sig")).unwrap());

    hub.write("signature", armored);
    let verify = "-Y verify -f signers -I ada@engine -n esmhub -s signature";
    assert!(ssh_keygen(&hub, verify, text));
    assert!(!ssh_keygen(&hub, verify, &text.replacen("v1", "v2", 1)));
    assert!(!ssh_keygen(&hub, &verify.replace("esmhub", "file"), text));

    let trusted = hub.json(["show", "acme/mr", "--trusted-keys", "signers"]);
    assert_eq!(at(&trusted["signatures"][0], ["valid", "trusted", "principal"]), json!([true, true, "ada@engine"]));
    let fingerprint = trusted["signatures"][0]["fingerprint"].as_str().unwrap();
    let listed = std::process::Command::new("ssh-keygen").current_dir(hub.path("")).args(["-lf", "ada.pub"]).output();
    assert!(String::from_utf8(listed.unwrap().stdout).unwrap().contains(&format!(" {fingerprint} ")));
    let table = hub.ok(["show", "acme/mr", "--trusted-keys", "signers"]);
    assert!(table.contains(&format!("ada@engine ({fingerprint})")) && table.contains("signers\n"), "{table}");
    assert!(hub.ok(["show", "acme/mr"]).contains(&format!("{fingerprint}, compared with no trusted keys")));
}

#[test]
fn batch_is_signed_within_its_one_entry_by_the_tags_that_it_gets() {
    if !has_ssh_keygen("batch_is_signed_within_its_one_entry_by_the_tags_that_it_gets") {
        return;
    }
    let hub = Hub::with(&["mr"]);
    new_key(&hub, "ada");
    EsmFolder::new("mr", 8, 7).write(&hub.path("second"));
    EsmFolder::new("mr", 8, 8).write(&hub.path("third"));
    EsmFolder::new("trec", 8, 9).write(&hub.path("other"));
    let published = hub.json(line("publish second other third second --sign ada"));
    assert_eq!(published["entries"], json!([2]));
    let tags: Vec<&Value> = published["published"].as_array().unwrap().iter().map(|esm| &esm["tag"]).collect();
    assert_eq!(tags, ["v2", "v1", "v3", "v2"]);
    assert_eq!(signed(&published), ["added", "added", "added", "unchanged"]);
    for reference in ["mr:v2", "mr:v3", "trec:v1"] {
        let signatures = signatures(&hub, reference);
        assert_eq!(signatures.len(), 1);
        assert_eq!(at(&signatures[0], ["valid", "entry"]), json!([true, 2]), "{reference}");
    }
    assert_eq!(signatures(&hub, "mr:v1"), Vec::<Value>::new());
    let log = hub.json(["log"]);
    let events = log["events"].as_array().unwrap().iter();
    let events: Vec<_> = events.map(|event| (event["entry"].clone(), event["action"].clone())).collect();
    let (publish, sign) = ((json!(2), json!("publish")), (json!(2), json!("sign")));
    assert_eq!(events[1..], [publish.clone(), sign.clone(), publish.clone(), sign.clone(), publish, sign]);
    let counts = hub.json(["list"]);
    let counts: Vec<&Value> = counts["esms"].as_array().unwrap().iter().map(|esm| &esm["signatures"]).collect();
    assert_eq!(counts, [0, 1, 1, 1]);
    assert_eq!(hub.json(["verify"])["problems"], json!([]));
}

#[test]
fn publishing_again_with_a_key_adds_the_signature_alone() {
    if !has_ssh_keygen("publishing_again_with_a_key_adds_the_signature_alone") {
        return;
    }
    let hub = Hub::with(&["mr"]);
    let keys = ["ada", "grace"].map(|name| new_key(&hub, name));
    let publish = |key: &str| line(format!("publish esms/mr --codec f32 --sign {key}"));
    for (entry, key) in [(2, "ada"), (3, "grace")] {
        let before = hub.pool();
        let published = hub.json(publish(key));
        assert_eq!(at(&published, ["published/0/status", "published/0/signed"]), json!(["unchanged", "added"]));
        assert_eq!(before.changes(&hub.pool()), [format!("new: log/{entry:020}")]);
        let again = hub.pool();
        let published = hub.json(publish(key));
        assert_eq!(at(&published, ["published/0/signed", "entries"]), json!(["unchanged", []]));
        assert_eq!(again.changes(&hub.pool()), Vec::<String>::new());
    }
    let signatures = signatures(&hub, "mr");
    assert_eq!(signatures.iter().map(|one| one["key"].as_str().unwrap()).collect::<Vec<_>>(), keys);
    assert!(hub.ok(publish("ada")).contains("already there, signed already"));
    new_key(&hub, "third");
    assert!(hub.ok(publish("third")).contains("already there, signed\n"));
    hub.ok(["yank", "mr:v1"]);
    new_key(&hub, "fourth");
    assert!(hub.ok(publish("fourth")).contains("already there, yanked, signed\n"));
    // Without a key nothing is said of signatures.
    assert_eq!(hub.json(line("publish esms/mr --codec f32"))["published"][0]["signed"], Value::Null);
}

/// Two programs may differ in how they spell a name; what was published first under a tag is what its signatures sign.
#[test]
fn what_is_signed_is_spelt_as_it_was_published() {
    if !has_ssh_keygen("what_is_signed_is_spelt_as_it_was_published") {
        return;
    }
    let hub = Hub::with(&["cola"]);
    new_key(&hub, "ada");
    let registry = esmhub_registry::Registry::open(hub.path("pool"), None).unwrap();
    let card = registry.catalog().unwrap().esms().next().unwrap().card().unwrap().to_canonical().unwrap();
    let (name, tag) = ("CoLA".parse().unwrap(), "Best".parse().unwrap());
    append(&hub, &[Action::Publish(Published { name, tag, card })]);
    hub.ok(line("publish esms/cola --codec f32 --name COLA --tag BEST --sign ada"));
    let shown = hub.json(["show", "cola:best"]);
    assert!(shown["statement"].as_str().unwrap().contains("\nCoLA:Best\n"), "{shown}");
    assert_eq!(shown["signatures"][0]["valid"], true);
    assert_eq!(signatures(&hub, "cola:v1"), Vec::<Value>::new());
}

#[test]
fn a_dry_run_checks_the_key_and_writes_nothing() {
    if !has_ssh_keygen("a_dry_run_checks_the_key_and_writes_nothing") {
        return;
    }
    let hub = Hub::with(&["mr"]);
    new_key(&hub, "ada");
    let before = hub.tree();
    let dry = hub.json(line("publish esms/mr --codec f32 --sign ada --dry-run"));
    assert_eq!((signed(&dry), &dry["entries"]), (vec![&json!("added")], &json!([])));
    assert_eq!(before.changes(&hub.tree()), Vec::<String>::new());
    hub.refused(2, line("publish esms/mr --sign ada.pub --dry-run"));
}

#[test]
fn what_is_no_ed25519_key_of_openssh_is_refused_with_what_to_do() {
    if !has_ssh_keygen("what_is_no_ed25519_key_of_openssh_is_refused_with_what_to_do") {
        return;
    }
    let hub = Hub::with(&["mr"]);
    new_key(&hub, "ada");
    let make = |arguments: &str| assert!(ssh_keygen(&hub, arguments, "\n\n"), "{arguments}");
    make("-q -t rsa -b 2048 -f rsa");
    make("-q -t rsa -b 2048 -m PEM -f pem");
    make("-q -t ecdsa -f ecdsa");
    fs::copy(hub.path("ada.pub"), hub.path("lone.pub")).unwrap();
    hub.write("text", "no key at all\n");
    hub.write("binary", [0xff; 3000]);
    hub.write("large", "x".repeat(70_000));
    let whole = fs::read_to_string(hub.path("ada")).unwrap();
    hub.write("cut", &whole[..whole.len() / 2]);
    hub.write("twisted", whole.replacen("AAAA", "BBBB", 1));
    for (code, key, said) in [
        (2, "rsa", &["rsa", "another kind", "ed25519", "hint: `ssh-keygen -t ed25519"][..]),
        (2, "ecdsa", &["ecdsa", "another kind", "ed25519", "hint: `ssh-keygen -t ed25519"]),
        (1, "pem", &["pem", "no private key of OpenSSH", "hint: `ssh-keygen -p"]),
        (2, "ada.pub", &["ada.pub", "the public key", "hint: ", "beside it: --sign ada\n"]),
        (2, "lone.pub", &["lone.pub", "the public key", "hint: ", "without .pub"]),
        (1, "text", &["text", "no private key of OpenSSH", "hint: `ssh-keygen -t"]),
        (1, "binary", &["binary", "no private key of OpenSSH"]),
        (1, "large", &["large", "no private key of OpenSSH"]),
        (1, "cut", &["cut", "cannot be read"]),
        (1, "twisted", &["twisted", "cannot be read"]),
        (1, "absent", &["absent", "No such file"]),
        (1, "esms", &["esms", "directory"]),
    ] {
        hub.refused_saying(code, ["publish", "esms/mr", "--sign", key], said);
    }
}

#[test]
fn a_key_with_a_passphrase_needs_the_right_one() {
    if !has_ssh_keygen("a_key_with_a_passphrase_needs_the_right_one") {
        return;
    }
    let hub = Hub::with(&["mr"]);
    assert!(ssh_keygen(&hub, "-q -t ed25519 -N open-sesame -f ada", ""));
    let arguments = line("publish esms/mr --codec f32 --sign ada");
    hub.refused_saying(2, &arguments, &["ada", "passphrase", "no terminal", "ESMHUB_SIGN_PASSPHRASE"]);
    let with = |passphrase: &str| Hub::finish(hub.command().args(&arguments).env("ESMHUB_SIGN_PASSPHRASE", passphrase));
    for wrong in ["", "open-sesam", "open-sesame "] {
        let refused = with(wrong);
        assert!(refused.code == 1 && refused.stderr.contains("passphrase is wrong"), "{refused:?}");
    }
    let signed = with("open-sesame");
    assert!(signed.code == 0 && signed.stdout.contains(", signed\n"), "{signed:?}");
    assert!(!signed.stdout.contains("sesame") && !signed.stderr.contains("sesame"), "{signed:?}");
    let signatures = signatures(&hub, "mr");
    assert_eq!(at(&signatures[0], ["key", "valid"]), json!([public_key(&hub, "ada"), true]));
}

#[cfg(unix)]
#[test]
fn a_key_that_others_can_read_is_warned_of() {
    use std::os::unix::fs::PermissionsExt;
    if !has_ssh_keygen("a_key_that_others_can_read_is_warned_of") {
        return;
    }
    let hub = Hub::with(&["mr"]);
    new_key(&hub, "ada");
    let publish = || hub.run(line("publish esms/mr --codec f32 --sign ada")).stderr;
    assert_eq!(publish(), "");
    fs::set_permissions(hub.path("ada"), fs::Permissions::from_mode(0o640)).unwrap();
    let said = publish();
    assert!(said.contains("warning: ") && said.contains("ada can be read by others (mode 640)"), "{said}");
    // A public key is there to be read by others.
    let said = hub.run(line("publish esms/mr --sign ada.pub"));
    assert!(said.code == 2 && !said.stderr.contains("warning"), "{said:?}");
}

#[test]
fn the_environment_names_the_key_for_recompress_too() {
    if !has_ssh_keygen("the_environment_names_the_key_for_recompress_too") {
        return;
    }
    let hub = Hub::with(&["mr"]);
    new_key(&hub, "ada");
    let done = Hub::finish(hub.command().args(["recompress", "mr", "--codec", "int8"]).env("ESMHUB_SIGN", "ada"));
    assert_eq!(done.code, 0, "{done:?}");
    assert_eq!(signatures(&hub, "mr:v2")[0]["valid"], true);
}

/// Whoever loses a number of the log decides again, and may get another tag than the one that was signed first.
#[test]
fn racing_publishers_sign_the_tags_that_they_get() {
    if !has_ssh_keygen("racing_publishers_sign_the_tags_that_they_get") {
        return;
    }
    let hub = Hub::new();
    new_key(&hub, "ada");
    let publishers: Vec<_> = (0..8)
        .map(|seed| {
            let folder = format!("from-{seed}");
            EsmFolder::new("mr", 8, seed).write(&hub.path(&folder));
            let mut command = hub.command();
            command.args(["publish", &folder, "--sign", "ada", "--no-cache", "-q"]);
            command.stdout(std::process::Stdio::null()).spawn().unwrap()
        })
        .collect();
    publishers.into_iter().for_each(|mut publisher| assert!(publisher.wait().unwrap().success()));
    for number in 1..=8 {
        let reference = format!("mr:v{number}");
        let signatures = signatures(&hub, &reference);
        assert!(signatures.len() == 1 && signatures[0]["valid"] == true, "{reference}: {signatures:?}");
    }
}
