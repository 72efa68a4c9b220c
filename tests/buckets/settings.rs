//! How a store is reached: what the environment and profiles say, and what they must not.

use super::{bucket, filled};
use crate::support::Hub;

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
