//! Using only what is signed: whatever is missing, moved, tampered with or by somebody else is not used.

use std::fs;

use esmhub_registry::Registry;
use esmhub_store_format::log::{Action, Signed, Target};
use serde_json::{Value, json};

use crate::support::keys::{append, has_ssh_keygen, new_key, ssh_keygen, ssh_sign};
use crate::support::{EsmFolder, Hub, at, line, names, target};

/// `mr` and `trec` signed by ada, who is trusted, and `cola` by nobody; besides, `t.npz`, a target.
fn signed_pool() -> Hub {
    let hub = Hub::with(&["mr", "trec", "cola"]);
    hub.write("trusted", format!("ada@engine {}\n", new_key(&hub, "ada")));
    hub.ok(line("publish esms/mr esms/trec --codec f32 --sign ada"));
    hub.write("t.npz", target(60, 8, 3, 1));
    hub
}

const RANK: &str = "rank t.npz --require-signature --trusted-keys trusted";

fn pull(reference: &str) -> Vec<String> {
    line(format!("pull {reference} --output out --require-signature --trusted-keys trusted"))
}

/// What a reference stands for now, and its statement.
fn target_of(hub: &Hub, reference: &str) -> (Target, String) {
    let catalog = Registry::open(hub.path("pool"), None).unwrap().catalog().unwrap();
    let esm = catalog.resolve(&reference.parse().unwrap()).unwrap();
    let target = Target { name: esm.name().clone(), tag: esm.tag().clone(), digest: esm.digest() };
    (target, esm.statement())
}

/// Puts a signature onto what a reference stands for, as anybody can who may write to the registry.
fn plant(hub: &Hub, reference: &str, signature: Vec<u8>) {
    let (Target { name, tag, digest }, _) = target_of(hub, reference);
    append(hub, &[Action::Signed(Signed { name, tag, digest, signature })]);
}

/// The one signature that the log holds of a reference.
fn held(hub: &Hub, reference: &str) -> Vec<u8> {
    let catalog = Registry::open(hub.path("pool"), None).unwrap().catalog().unwrap();
    catalog.resolve(&reference.parse().unwrap()).unwrap().attestations()[0].signature.clone()
}

/// That an ESM is refused where a signature is required, and why.
fn assert_refused(hub: &Hub, reference: &str, said: &[&str]) {
    let all = ["expected a signature by a key of trusted", "hint: "].iter().chain(said);
    hub.refused_saying(16, pull(reference), &all.copied().collect::<Vec<_>>());
    let export = format!("export {reference} out.esm --require-signature --trusted-keys trusted");
    hub.refused_saying(16, line(export), said);
}

#[test]
fn what_is_signed_by_a_trusted_key_is_used_and_nothing_else() {
    if !has_ssh_keygen("what_is_signed_by_a_trusted_key_is_used_and_nothing_else") {
        return;
    }
    let hub = signed_pool();
    new_key(&hub, "mallory");
    hub.ok(line("publish esms/cola --codec f32 --sign mallory"));
    EsmFolder::new("bare", 8, 9).write(&hub.path("esms/bare"));
    hub.ok(line("publish esms/bare"));
    assert_refused(&hub, "cola", &["cola:v1", "SHA256:", "not trusted"]);
    assert_refused(&hub, "bare", &["bare:v1", "found none"]);
    let pulled = hub.json(pull("mr"));
    assert_eq!(at(&pulled, ["pulled/0/signed_by", "trusted_keys/origin"]), json!(["ada@engine", "option"]));
    assert!(hub.path("out/model.safetensors").is_file());

    let ranking = hub.json(line(RANK));
    let mut ranked = names(&ranking);
    ranked.sort();
    assert_eq!(ranked, ["mr", "trec"]);
    assert_eq!(at(&ranking, ["unsigned", "skipped", "trusted_keys/keys"]), json!([2, [], 1]));
    assert!(hub.ok(line(RANK)).contains("\n2 ESMs without a signature by a trusted key left out\n"));
    let all = hub.json(["rank", "t.npz"]);
    assert_eq!((names(&all).len(), at(&all, ["unsigned", "trusted_keys"])), (4, json!([0, null])));

    // Of several, those that are signed are pulled, and the code is that of what is not.
    let some = hub.json_with(16, line("pull mr cola --output several --require-signature --trusted-keys trusted"));
    assert_eq!(at(&some, ["pulled/0/name", "failed/0/name"]), json!(["mr", "cola"]));
    assert!(hub.path("several/mr").is_dir() && !hub.path("several/cola").exists());
    hub.ok(line("export mr mr.esm --require-signature --trusted-keys trusted"));
}

#[test]
fn a_signature_of_another_name_tag_or_card_is_none() {
    if !has_ssh_keygen("a_signature_of_another_name_tag_or_card_is_none") {
        return;
    }
    let hub = signed_pool();
    EsmFolder::new("mr", 8, 50).write(&hub.path("other"));
    // The same card under another tag and another name, and another card under the same name.
    hub.ok(line("publish esms/mr --codec f32 --tag best"));
    hub.ok(line("publish esms/mr --codec f32 --name copy"));
    hub.ok(line("publish other --codec f32"));
    let signature = held(&hub, "mr:v1");
    for reference in ["mr:best", "copy:v1", "mr:v2", "cola:v1"] {
        plant(&hub, reference, signature.clone());
        let shown = hub.json(line(format!("show {reference} --trusted-keys trusted")));
        let expected = json!([false, false, null, "it is not of this reference and content"]);
        assert_eq!(at(&shown["signatures"][0], ["valid", "trusted", "principal", "problem"]), expected, "{reference}");
        assert_refused(&hub, reference, &["does not verify"]);
    }
    let ranking = hub.json_with(3, line(format!("{RANK} --all-tags")));
    assert_eq!((names(&ranking).len(), ranking["unsigned"].clone()), (2, json!(0)));
    let skipped = ranking["skipped"].as_array().unwrap();
    let skipped: Vec<&Value> = skipped.iter().map(|esm| &esm["name"]).collect();
    assert_eq!(skipped, ["cola", "copy", "mr", "mr"]);
    assert_eq!(hub.json(["verify"])["problems"], json!([]));
}

#[test]
fn what_is_no_signature_of_esmhub_is_never_believed() {
    if !has_ssh_keygen("what_is_no_signature_of_esmhub_is_never_believed") {
        return;
    }
    let hub = signed_pool();
    assert!(ssh_keygen(&hub, "-q -t rsa -b 2048 -f rsa", "\n\n"));
    let (_, statement) = target_of(&hub, "cola:v1");
    let good = ssh_sign(&hub, "ada", "esmhub", "", &statement);
    let mut tampered = good.clone();
    *tampered.last_mut().unwrap() ^= 1;
    for (signature, said) in [
        (tampered, "not of this reference"),
        (ssh_sign(&hub, "ada", "file", "", &statement), "another namespace"),
        (ssh_sign(&hub, "ada", "esmhub", "-O hashalg=sha256", &statement), "not sha512"),
        (ssh_sign(&hub, "rsa", "esmhub", "", &statement), "not by an ed25519 key"),
        (good[..good.len() - 1].to_vec(), "ends early"),
        ([&good[..], &[0]].concat(), "bytes follow"),
        (b"x".to_vec(), "no SSHSIG"),
        (vec![0xff; 1024], "no SSHSIG"),
    ] {
        plant(&hub, "cola:v1", signature);
        assert_refused(&hub, "cola", &["does not verify", said]);
    }
    let ranking = hub.json_with(3, line(RANK));
    let reason = ranking["skipped"][0]["reason"].as_str().unwrap();
    assert!(ranking["skipped"][0]["name"] == "cola" && reason.contains("another namespace"), "{ranking}");
    let shown = hub.ok(["show", "cola"]);
    assert!(shown.contains("signed by") && shown.contains("nobody known, does not verify: it is no SSHSIG"), "{shown}");
    // One that is good counts, whatever lies beside it.
    plant(&hub, "cola:v1", good);
    hub.ok(pull("cola"));
    assert_eq!(names(&hub.json(line(RANK))).len(), 3);
}

/// Else whoever may publish could take a name out of every ranking of signed ESMs.
#[test]
fn an_unsigned_newer_tag_does_not_hide_the_signed_one() {
    if !has_ssh_keygen("an_unsigned_newer_tag_does_not_hide_the_signed_one") {
        return;
    }
    let hub = signed_pool();
    EsmFolder::new("mr", 8, 51).write(&hub.path("other"));
    hub.ok(line("publish other --codec f32"));
    let ranking = hub.json(line(RANK));
    let results = ranking["results"].as_array().unwrap();
    let mr = results.iter().find(|esm| esm["name"] == "mr").unwrap();
    assert_eq!((mr["tag"].clone(), ranking["unsigned"].clone()), (json!("v1"), json!(2)));
    // A bare name means its newest tag, and that one is refused.
    assert_refused(&hub, "mr", &["mr:v2", "found none"]);
    hub.ok(pull("mr:v1"));
    // The filter is asked first.
    let filtered = hub.json(line(format!("{RANK} --filter name~trec")));
    assert_eq!((names(&filtered), filtered["unsigned"].clone()), (vec!["trec"], json!(0)));
    hub.refused_saying(
        16,
        line(format!("{RANK} --filter name=cola")),
        &["error: no ESM that is asked for has a signature by a key of ", "hint: "],
    );
}

#[test]
fn signatures_that_fit_nothing_do_nothing_and_are_reported() {
    if !has_ssh_keygen("signatures_that_fit_nothing_do_nothing_and_are_reported") {
        return;
    }
    let hub = signed_pool();
    let signature = held(&hub, "mr:v1");
    let (target, _) = target_of(&hub, "mr:v1");
    let (other, _) = target_of(&hub, "cola:v1");
    hub.ok(["remove", "trec:v1"]);
    let signed = |name: &str, tag: &str, digest, signature: &[u8]| {
        let (name, tag) = (name.parse().unwrap(), tag.parse().unwrap());
        Action::Signed(Signed { name, tag, digest, signature: signature.to_vec() })
    };
    append(&hub, &[signed("absent", "v1", target.digest, &signature)]);
    append(&hub, &[signed("mr", "v1", other.digest, &signature)]);
    append(&hub, &[signed("trec", "v1", target.digest, &signature)]);
    append(&hub, &[signed("MR", "V1", target.digest, &signature)]);
    let problems = hub.json_with(16, ["verify"])["problems"].clone();
    let problems = problems.as_array().unwrap();
    assert_eq!(problems.len(), 4, "{problems:?}");
    for (problem, said) in problems.iter().zip(["absent:v1", "does not stand", "trec:v1", "by the same signature"]) {
        assert_eq!(problem["what"], "record");
        assert!(problem["detail"].as_str().unwrap().contains(said), "{problem}");
    }
    assert_eq!(hub.json(["show", "mr:v1"])["signatures"].as_array().unwrap().len(), 1);
    assert_eq!(hub.json(line("log mr:v1"))["events"].as_array().unwrap().len(), 2);
}

#[test]
fn a_flood_of_signatures_is_bounded_and_the_first_ones_stay() {
    if !has_ssh_keygen("a_flood_of_signatures_is_bounded_and_the_first_ones_stay") {
        return;
    }
    let hub = signed_pool();
    let (Target { name, tag, digest }, _) = target_of(&hub, "mr:v1");
    let junk = |number: u8| {
        let (name, tag) = (name.clone(), tag.clone());
        Action::Signed(Signed { name, tag, digest, signature: vec![number; 1024] })
    };
    append(&hub, &(0..40).map(junk).collect::<Vec<_>>());
    let shown = hub.json(line("show mr --trusted-keys trusted"));
    let signatures = shown["signatures"].as_array().unwrap();
    assert_eq!((signatures.len(), &signatures[0]["principal"]), (32, &json!("ada@engine")));
    hub.ok(pull("mr"));
    assert_eq!(hub.json_with(16, ["verify"])["problems"].as_array().unwrap().len(), 9);
    // Who comes too late is told so, and not that it was signed.
    new_key(&hub, "grace");
    hub.refused_saying(1, line("publish esms/mr --codec f32 --sign grace"), &["a signature of mr:v1", "32 already"]);
    hub.ok(line("publish esms/mr --codec f32 --sign ada"));
}

#[test]
fn without_a_key_to_trust_nothing_is_begun() {
    if !has_ssh_keygen("without_a_key_to_trust_nothing_is_begun") {
        return;
    }
    let hub = signed_pool();
    // The target is not there, and is not looked for either.
    for command in ["rank absent.npz", "pull mr --output out", "export mr mr.esm"] {
        let arguments = line(format!("{command} --require-signature"));
        hub.refused_saying(2, &arguments, &["no key is trusted", "hint: ", "home/.config/esmhub/trusted-keys"]);
        hub.write("nobody", "# nobody yet\n");
        let with = [&arguments[..], &line("--trusted-keys nobody")].concat();
        hub.refused_saying(2, with, &["nobody names no key", "hint: "]);
    }
    let variables = [("ESMHUB_REQUIRE_SIGNATURE", "1"), ("ESMHUB_TRUSTED_KEYS", "trusted")];
    let pull = |reference: &str| Hub::finish(hub.command().args(["pull", reference, "-o", reference]).envs(variables));
    assert_eq!((pull("mr").code, pull("cola").code), (0, 16));
    assert!(fs::exists(hub.path("mr")).unwrap() && !fs::exists(hub.path("cola")).unwrap());
}

/// A bare name means the newest tag of all; whoever meets an unsigned one must learn of the one that they can use.
#[test]
fn the_newest_signed_tag_is_named_where_the_newest_is_not_signed() {
    if !has_ssh_keygen("the_newest_signed_tag_is_named_where_the_newest_is_not_signed") {
        return;
    }
    let hub = signed_pool();
    for (seed, more) in [(60, "--sign ada"), (61, "")] {
        EsmFolder::new("mr", 8, seed).write(&hub.path("other"));
        hub.ok(line(format!("publish other --codec f32 {more}")));
    }
    assert_refused(&hub, "mr", &["mr:v3: expected", "found none", "hint: mr:v2 is the newest tag that has one"]);
    hub.ok(["yank", "mr:v2"]);
    assert_refused(&hub, "mr", &["hint: mr:v1 is the newest tag that has one"]);
    assert_refused(&hub, "cola", &["hint: ask its publisher"]);
    // Of several each is named once, and what is the same for all is said once.
    hub.ok(line("publish esms/cola --codec f32 --name twin"));
    let arguments = line("pull cola twin trec --output some --require-signature --trusted-keys trusted");
    let output = hub.run(arguments);
    assert_eq!(output.code, 16, "{output:#?}");
    for (said, times) in [("cola:v1", 1), ("twin:v1", 1), ("trec:v1", 0), ("hint: ", 1), ("ask its publisher", 1)] {
        assert_eq!(output.stderr.matches(said).count(), times, "{said}: {output:#?}");
    }
}
