//! Files of trusted keys: which one is read, what a line means, and that none is passed over.

use std::fs;

use esmhub_store_format::log::{Action, Signed};
use serde_json::{Value, json};

use crate::support::keys::{append, has_ssh_keygen, new_key, public_key, ssh_keygen, ssh_sign};
use crate::support::{Hub, at, line};

/// `mr`, signed by ada; and ada's public key.
fn signed() -> (Hub, String) {
    let hub = Hub::with(&["mr"]);
    let public = new_key(&hub, "ada");
    hub.ok(line("publish esms/mr --codec f32 --sign ada"));
    (hub, public)
}

fn shown(hub: &Hub, more: &str) -> Value {
    hub.json(line(format!("show mr {more}")))
}

#[test]
fn the_file_that_is_given_comes_before_the_users_and_that_before_the_registrys() {
    if !has_ssh_keygen("the_file_that_is_given_comes_before_the_users_and_that_before_the_registrys") {
        return;
    }
    let (hub, public) = signed();
    let places = ["signatures/0/principal", "trusted_keys/origin"];
    assert_eq!(at(&shown(&hub, ""), ["signatures/0/principal", "trusted_keys"]), json!([null, null]));
    hub.write("pool/trusted-keys", format!("registry {public}\n"));
    assert_eq!(at(&shown(&hub, ""), places), json!(["registry", "registry"]));
    assert_eq!(at(&hub.json(["verify"]), ["strays", "problems"]), json!([[], []]));
    let said = hub.run(line("pull mr --output out --require-signature"));
    assert!(said.code == 0 && said.stderr.contains("whoever may write to the registry can change"), "{said:?}");
    assert!(hub.ok(["show", "mr"]).contains("pool/trusted-keys, which whoever may write"));

    hub.write("home/.config/esmhub/trusted-keys", format!("user {public}\n"));
    assert_eq!(at(&shown(&hub, ""), places), json!(["user", "user"]));
    hub.write("given", format!("given {public}\n"));
    assert_eq!(at(&shown(&hub, "--trusted-keys given"), places), json!(["given", "option"]));
    assert_eq!(hub.run(line("pull mr --output out --require-signature")).stderr, "");
    // A file that is there counts, even if it names nobody.
    hub.write("home/.config/esmhub/trusted-keys", "");
    assert_eq!(at(&shown(&hub, ""), places), json!([null, "user"]));
    hub.refused_saying(1, line("show mr --trusted-keys absent"), &["absent: no such file"]);
}

#[cfg(unix)]
#[test]
fn a_link_is_followed_in_the_users_folder_and_refused_in_the_registry() {
    use std::os::unix::fs::symlink;
    if !has_ssh_keygen("a_link_is_followed_in_the_users_folder_and_refused_in_the_registry") {
        return;
    }
    let (hub, public) = signed();
    hub.write("elsewhere", format!("ada {public}\n"));
    symlink(hub.path("elsewhere"), hub.path("pool/trusted-keys")).unwrap();
    hub.refused_saying(16, line("pull mr --output out --require-signature"), &["trusted-keys", "link"]);
    // To show something is no reason to fail for it; nobody is trusted then, and that is said.
    let said = hub.run(["show", "mr"]);
    assert!(said.code == 0 && said.stderr.contains("no key is trusted: trusted-keys"), "{said:?}");
    assert!(said.stdout.contains("compared with no trusted keys"), "{said:?}");
    fs::create_dir_all(hub.path("home/.config/esmhub")).unwrap();
    // One that leads nowhere is not as if there were none: the registry's file would be taken instead.
    let user = hub.path("home/.config/esmhub/trusted-keys");
    symlink(hub.path("nowhere"), &user).unwrap();
    fs::remove_file(hub.path("pool/trusted-keys")).unwrap();
    hub.write("pool/trusted-keys", format!("registry {public}\n"));
    for arguments in ["show mr", "log", "pull mr --output out --require-signature"] {
        hub.refused_saying(1, line(arguments), &["esmhub/trusted-keys", "No such file"]);
    }
    fs::remove_file(&user).unwrap();
    symlink(hub.path("elsewhere"), &user).unwrap();
    assert_eq!(shown(&hub, "")["signatures"][0]["principal"], "ada");
    hub.ok(line("pull mr --output out --require-signature"));
}

#[test]
fn a_file_that_is_no_list_of_keys_is_an_error_and_not_an_empty_one() {
    if !has_ssh_keygen("a_file_that_is_no_list_of_keys_is_an_error_and_not_an_empty_one") {
        return;
    }
    let (hub, public) = signed();
    for (text, said) in [
        (format!("ada {public}\ngrace\n"), "line 2: a key is missing"),
        (format!("ada restrict {public}\n"), "line 1: \"restrict\""),
        (format!("\n\nada {public}x\n"), "line 3: "),
        (format!("ada{} {public}", "\u{1b}[31m"), "line 1: it holds a control character"),
        ("x".repeat(1_048_577), "1048576"),
    ] {
        hub.write("signers", &text);
        let trusted = "--require-signature --trusted-keys signers";
        hub.refused_saying(1, line(format!("pull mr --output out {trusted}")), &["signers", said]);
        hub.refused_saying(1, line("show mr --trusted-keys signers"), &["signers", said]);
        hub.write("pool/trusted-keys", &text);
        let refused = hub.run(line("pull mr --output out --require-signature"));
        assert!([1, 16].contains(&refused.code) && refused.stderr.contains(said), "{refused:?}");
        let said_beside = hub.run(["show", "mr"]);
        assert!(said_beside.code == 0 && said_beside.stderr.contains("no key is trusted"), "{said_beside:?}");
        fs::remove_file(hub.path("pool/trusted-keys")).unwrap();
    }
}

/// The same lines to both programs: what OpenSSH lets count, counts.
#[test]
fn a_line_means_what_it_means_to_openssh() {
    if !has_ssh_keygen("a_line_means_what_it_means_to_openssh") {
        return;
    }
    let (hub, public) = signed();
    let document = shown(&hub, "");
    hub.write("signature", document["signatures"][0]["signature"].as_str().unwrap());
    let statement = document["statement"].as_str().unwrap();
    let other = new_key(&hub, "other");
    for (text, counts) in [
        (format!("ada {public}"), true),
        (format!("ada {public} a comment"), true),
        (format!("# ada\n\n  ada\t{public}\n"), true),
        (format!("grace,ada,bob {public}"), true),
        (format!("ada {other}\nada {public}"), true),
        (format!("ada {other}"), false),
        (format!("#ada {public}"), false),
        (format!("ada namespaces=\"esmhub\" {public}"), true),
        (format!("ada namespaces=\"git,esm*\" {public}"), true),
        (format!("ada namespaces=\"git\" {public}"), false),
        (format!("ada namespaces=\"*,!esmhub\" {public}"), false),
        (format!("ada valid-after=\"20200101\" {public}"), true),
        (format!("ada valid-before=\"20200101Z\" {public}"), false),
        (format!("ada valid-after=\"29990101\" {public}"), false),
        (format!("ada valid-after=\"20200101\",valid-before=\"29990101\" {public}"), true),
        (format!("ada cert-authority {public}"), false),
        (format!("ada namespaces=\"git\" {public}\nada {public}"), true),
        (format!("ada {}", public.replacen("ssh-ed25519", "ssh-rsa", 1)), false),
    ] {
        hub.write("signers", format!("{text}\n"));
        let openssh = ssh_keygen(&hub, "-Y verify -f signers -I ada -n esmhub -s signature", statement);
        let ours = shown(&hub, "--trusted-keys signers")["signatures"][0]["trusted"] == true;
        assert_eq!((openssh, ours), (counts, counts), "{text}");
        let pulled = hub.run(line("pull mr --output out --dry-run --require-signature --trusted-keys signers"));
        assert_eq!(pulled.code == 0, counts, "{text}: {pulled:?}");
    }
}

/// The neutral element of the curve as a key, of which the signature of all zeros but for one bit verifies over anything.
#[test]
fn a_weak_key_is_refused_with_its_file_and_line_and_verifies_for_nobody() {
    let hub = Hub::with(&["mr"]);
    let weak = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAEAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    hub.write("signers", format!("# keys\nada {weak}\n"));
    for command in ["show mr", "pull mr --output out --require-signature"] {
        let said = ["signers, line 2: its key is weak", "anybody can sign", "hint: "];
        hub.refused_saying(1, line(format!("{command} --trusted-keys signers")), &said);
    }
    let registry = esmhub_registry::Registry::open(hub.path("pool"), None).unwrap();
    let catalog = registry.catalog().unwrap();
    let esm = catalog.esms().next().unwrap();
    let text = |bytes: &[u8]| [&(bytes.len() as u32).to_be_bytes()[..], bytes].concat();
    let typed = |bytes: &[u8]| text(&[text(b"ssh-ed25519"), text(bytes)].concat());
    let neutral = [&[1_u8][..], &[0; 31]].concat();
    let head = [&b"SSHSIG\0\0\0\x01"[..], &typed(&neutral), &text(b"esmhub"), &text(b""), &text(b"sha512")].concat();
    let signature = [head, typed(&[&neutral[..], &[0; 32]].concat())].concat();
    let (name, tag, digest) = (esm.name().clone(), esm.tag().clone(), esm.digest());
    append(&hub, &[Action::Signed(Signed { name, tag, digest, signature })]);
    let shown = hub.json(["show", "mr"]);
    assert_eq!(at(&shown["signatures"][0], ["key", "valid"]), json!([weak, false]));
}

#[test]
fn a_name_that_can_pass_for_another_is_no_principal() {
    if !has_ssh_keygen("a_name_that_can_pass_for_another_is_no_principal") {
        return;
    }
    let (hub, public) = signed();
    for (name, code) in
        [("ada\u{202e}x", "U+202E"), ("ada\u{2066}", "U+2066"), ("\u{feff}ada", "U+FEFF"), ("a\u{200b}da", "U+200B")]
    {
        hub.write("signers", format!("ada {public}\n{name} {public}\n"));
        hub.refused_saying(1, line("show mr --trusted-keys signers"), &["signers, line 2: ", "invisible", code]);
    }
}

#[test]
fn a_key_that_is_not_used_is_said_with_its_line() {
    if !has_ssh_keygen("a_key_that_is_not_used_is_said_with_its_line") {
        return;
    }
    let (hub, public) = signed();
    for (options, why) in [
        ("namespaces=\"git\"", "its namespaces do not include esmhub"),
        ("valid-before=\"20200101Z\"", "it is valid no longer"),
        ("cert-authority", "certificate authority"),
    ] {
        hub.write("signers", format!("# keys\nada {options} {public}\n"));
        let said = hub.run(line("show mr --trusted-keys signers"));
        assert!(said.code == 0 && said.stderr.contains("signers, line 2, a key of ada, is not used: "), "{said:?}");
        assert!(said.stderr.contains(why) && said.stdout.contains("not trusted"), "{said:?}");
    }
}

#[test]
fn log_and_list_say_what_is_signed_and_log_by_whom() {
    if !has_ssh_keygen("log_and_list_say_what_is_signed_and_log_by_whom") {
        return;
    }
    let hub = Hub::with(&["mr", "trec"]);
    // Without any signature there is no column for them.
    assert!(!hub.ok(["log"]).contains("SIGNED BY") && !hub.ok(["list"]).contains("SIGNATURES"));
    for name in ["ada", "grace"] {
        new_key(&hub, name);
        hub.ok(line(format!("publish esms/mr --codec f32 --sign {name}")));
    }
    hub.write("trusted", format!("ada@engine {}\n", public_key(&hub, "ada")));
    let fingerprints: Vec<Value> =
        shown(&hub, "")["signatures"].as_array().unwrap().iter().map(|one| one["fingerprint"].clone()).collect();
    let log = hub.json(line("log --trusted-keys trusted"));
    assert_eq!(at(&log, ["events/0/signature", "trusted_keys/keys"]), json!([null, 1]));
    for (event, expected) in
        [(2, json!([fingerprints[0], "ada@engine", true])), (3, json!([fingerprints[1], null, true]))]
    {
        let places = ["action", "signature/fingerprint", "signature/principal", "signature/valid"];
        let found = at(&log["events"][event], places);
        assert_eq!(found, json!(["sign", expected[0], expected[1], expected[2]]), "{log}");
    }
    let table = hub.ok(line("log mr --trusted-keys trusted"));
    let by = fingerprints.iter().map(|by| by.as_str().unwrap()).collect::<Vec<_>>();
    for said in ["SIGNED BY".to_owned(), format!("  ada@engine ({})\n", by[0]), format!("  {}, not trusted\n", by[1])] {
        assert!(table.contains(&said), "{said}: {table}");
    }
    // Nobody has been asked whom they trust: that is no verdict on the key.
    let table = hub.ok(line("log mr"));
    assert!(table.contains(&format!("{}, compared with no trusted keys\n", by[0])), "{table}");
    assert!(!table.contains("not trusted"), "{table}");
    let list = hub.ok(["list"]);
    let last = |name: &str| list.lines().find(|line| line.contains(name)).unwrap().split_whitespace().last().unwrap();
    assert_eq!([last("DIGEST"), last("mr:v1"), last("trec:v1")], ["SIGNATURES", "2", "-"], "{list}");
    // What is gone was signed all the same; and what was signed was the card, not the tag.
    hub.ok(["remove", "mr:v1"]);
    assert_eq!(hub.json(["log", "mr:v1"])["events"][1]["signature"]["fingerprint"], fingerprints[0]);
    let registry = esmhub_registry::Registry::open(hub.path("pool"), None).unwrap();
    let esm = registry.catalog().unwrap().esms().next().unwrap().clone();
    let signature = ssh_sign(&hub, "ada", "esmhub", "", "something else");
    let (name, tag, digest) = (esm.name().clone(), esm.tag().clone(), esm.digest());
    append(&hub, &[Action::Signed(Signed { name, tag, digest, signature })]);
    let table = hub.ok(line("log trec --trusted-keys trusted"));
    assert!(table.contains(&format!("{}, does not verify: ", by[0])) && !table.contains("ada@engine ("), "{table}");
    // A file of keys that cannot be read is no reason to hide a log in which nothing is signed, unless it was asked for.
    let plain = Hub::with(&["mr"]);
    plain.write("home/.config/esmhub/trusted-keys", "ada\n");
    plain.ok(["log"]);
    plain.refused_saying(1, line("log --trusted-keys home/.config/esmhub/trusted-keys"), &["trusted-keys, line 1: "]);
}
