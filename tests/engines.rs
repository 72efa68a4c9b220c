//! Registries in stores that others have written: moto, which speaks S3's protocol, and Azurite, Microsoft's own emulator of Azure Blob
//! Storage; and Ceph, whose nodes are killed. Each is started here, on 127.0.0.1, where the environment says where it is installed:
//! `ESMHUB_TEST_MOTO` names a virtual environment of Python (`pip install 'moto[server,s3]'`), `ESMHUB_TEST_AZURITE` a folder in which
//! `npm install azurite` was run, `ESMHUB_TEST_CEPH` a folder for clusters, where Ceph's programs are (see `engines/ceph.sh`).

mod ceph;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;
use sha2::{Digest as _, Sha256};

use crate::support::{EsmFolder, Hub, at, figure, given, names, target};

/// A store of somebody else's; it ends with the value.
struct Engine {
    child: Option<Child>,
    address: String,
    environment: Vec<(&'static str, String)>,
}

impl Drop for Engine {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// What everybody knows of Azurite's one account.
const ACCOUNT: &str = "devstoreaccount1";
const KEY: &str = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==";

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// One request by hand; the status of the answer.
fn ask(address: &str, request: &str) -> Option<u16> {
    let mut stream = TcpStream::connect(address).ok()?;
    stream.write_all(request.as_bytes()).ok()?;
    let mut status = String::new();
    BufReader::new(&stream).take(200).read_line(&mut status).ok()?;
    status.split(' ').nth(1)?.parse().ok()
}

impl Engine {
    fn start(
        mut command: Command,
        port: u16,
        environment: Vec<(&'static str, String)>,
        makes: impl Fn(&str) -> String,
    ) -> Self {
        let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let engine = Self { child: Some(child), address: format!("127.0.0.1:{port}"), environment };
        for _ in 0..300 {
            if matches!(ask(&engine.address, &makes(&engine.address)), Some(200..=299)) {
                return engine;
            }
            std::thread::sleep(Duration::from_millis(200));
        }
        panic!("{command:?} does not serve");
    }

    /// moto's server, with a bucket `pool`.
    fn moto(program: &Path) -> Self {
        let port = free_port();
        let mut command = Command::new(program);
        command.args(["-p", &port.to_string()]);
        let environment = [
            ("ESMHUB_REGISTRY", "s3://pool/esms".to_owned()),
            ("AWS_ENDPOINT_URL", format!("http://127.0.0.1:{port}")),
            ("AWS_ACCESS_KEY_ID", "ada".to_owned()),
            ("AWS_SECRET_ACCESS_KEY", "secret".to_owned()),
        ];
        let bucket = |address: &str| {
            format!("PUT /pool HTTP/1.1\r\nHost: {address}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        };
        Self::start(command, port, environment.into(), bucket)
    }

    /// Azurite's blob service, with a container `pool`.
    fn azurite(program: &Path, folder: &Path) -> Self {
        let port = free_port();
        let mut command = Command::new(program);
        command.args(["--silent", "--skipApiVersionCheck", "--blobPort", &port.to_string(), "--location"]).arg(folder);
        let environment = [
            ("ESMHUB_REGISTRY", "az://pool/esms".to_owned()),
            ("AZURE_STORAGE_USE_EMULATOR", "true".to_owned()),
            ("AZURITE_BLOB_STORAGE_URL", format!("http://127.0.0.1:{port}")),
        ];
        Self::start(command, port, environment.into(), container)
    }

    fn run(&self, hub: &Hub, cache: &str, arguments: &[&str]) -> crate::support::Output {
        let environment = self.environment.iter().map(|(name, value)| (*name, value.as_str()));
        Hub::finish(hub.command().envs(environment).env("ESMHUB_CACHE", hub.path(cache)).args(arguments))
    }
}

/// A request for a container, signed as Azure's documentation has it (Shared Key).
fn container(address: &str) -> String {
    let date = jiff::Timestamp::now().strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
    let headers = format!("x-ms-date:{date}\nx-ms-version:2021-08-06\n");
    let what = format!("PUT\n\n\n\n\n\n\n\n\n\n\n\n{headers}/{ACCOUNT}/{ACCOUNT}/pool\nrestype:container");
    let signature = STANDARD.encode(hmac(&STANDARD.decode(KEY).unwrap(), what.as_bytes()));
    format!(
        "PUT /{ACCOUNT}/pool?restype=container HTTP/1.1\r\nHost: {address}\r\nx-ms-date: {date}\r\nx-ms-version: 2021-08-06\r\nAuthorization: \
         SharedKey {ACCOUNT}:{signature}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    )
}

/// HMAC-SHA256 (RFC 2104), of keys that are no longer than a block.
fn hmac(key: &[u8], message: &[u8]) -> [u8; 32] {
    let padded = |with: u8| -> Vec<u8> { (0..64).map(|at| key.get(at).copied().unwrap_or_default() ^ with).collect() };
    let inner = Sha256::new().chain_update(padded(0x36)).chain_update(message).finalize();
    Sha256::new().chain_update(padded(0x5c)).chain_update(inner).finalize().into()
}

/// All that a pool is for, and that of 16 who race for one tag one wins.
fn serves_as_a_registry(engine: &Engine, what: &str) {
    let hub = Hub::on_disk();
    let ok = |arguments: &[&str]| {
        let done = engine.run(&hub, "cache", arguments);
        assert_eq!(done.code, 0, "{done:#?}");
        done.stdout
    };
    let json = |arguments: &[&str]| -> serde_json::Value {
        serde_json::from_str(&ok(&[arguments, &["--json"]].concat())).unwrap()
    };
    assert_eq!(engine.run(&hub, "cache", &["list"]).code, 10);
    ok(&["init"]);
    let sources: Vec<String> = (0..16).map(|seed| hub.esm(&EsmFolder::new(&format!("esm{seed}"), 8, seed))).collect();
    let words: Vec<&str> =
        ["publish", "--codec", "f32"].into_iter().chain(sources.iter().map(String::as_str)).collect();
    ok(&words);
    hub.write("t.npz", target(60, 8, 2, 1));
    let ranking = json(&["rank", "t.npz"]);
    assert_eq!(names(&ranking).len(), 16);
    let here = Hub::on_disk();
    here.ok(["init"]);
    let copied: Vec<String> = (0..16).map(|seed| here.esm(&EsmFolder::new(&format!("esm{seed}"), 8, seed))).collect();
    here.ok(["publish", "--codec", "f32"].into_iter().chain(copied.iter().map(String::as_str)));
    here.write("t.npz", target(60, 8, 2, 1));
    assert_eq!(ranking["results"], here.json(["rank", "t.npz"])["results"], "as from a directory");
    ok(&["pull", "esm3"]);
    ok(&["yank", "esm1:v1"]);
    ok(&["remove", "esm2:v1"]);
    ok(&["gc"]);
    assert_eq!(at(&json(&["verify"]), ["sound", "trash/files"]), json!([true, 1]));

    let codes: Vec<i32> = std::thread::scope(|scope| {
        let one = |at: usize, source: &str| {
            engine.run(&hub, &format!("cache{at}"), &["publish", source, "--name", "wanted", "--tag", "v1"]).code
        };
        let racing: Vec<_> =
            sources.iter().enumerate().map(|(at, source)| scope.spawn(move || one(at, source))).collect();
        racing.into_iter().map(|racer| racer.join().unwrap()).collect()
    });
    let won = codes.iter().filter(|code| **code == 0).count();
    assert!(won == 1 && codes.iter().all(|code| [0, 15].contains(code)), "{codes:?}");
    assert_eq!(json(&["verify"])["sound"], true);
    figure(&format!("{what}, of 16 writers of one tag, winners"), won as f64);
}

#[test]
fn moto_serves_as_a_registry() {
    let Some(folder) = given("ESMHUB_TEST_MOTO", "moto_serves_as_a_registry") else { return };
    serves_as_a_registry(&Engine::moto(&folder.join("bin/moto_server")), "moto");
}

#[test]
fn azurite_serves_as_a_registry() {
    let Some(folder) = given("ESMHUB_TEST_AZURITE", "azurite_serves_as_a_registry") else { return };
    let store = tempfile::tempdir().unwrap();
    serves_as_a_registry(&Engine::azurite(&folder.join("node_modules/.bin/azurite-blob"), store.path()), "Azurite");
}
