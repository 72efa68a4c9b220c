//! Ceph: three nodes that hold every object three times, and two gateways that speak S3's protocol. Nodes and gateways are killed while
//! others publish.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::json;

use super::{Engine, serves_as_a_registry};
use crate::support::{EsmFolder, Hub, at, figure, given};

/// A cluster; it is gone with the value.
struct Cluster {
    folder: PathBuf,
    base: u16,
}

impl Cluster {
    /// In a folder of its own, on 100 ports from `base` on.
    fn start(below: PathBuf, base: u16) -> Self {
        let folder = below.join(format!("esmhub-ceph-{}-{base}", std::process::id()));
        let cluster = Self { folder, base };
        cluster.run(&["start"]);
        cluster
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/engines/ceph.sh");
        let mut command = Command::new("bash");
        // The manager is for statistics, and takes more memory than the rest.
        command.arg(script).arg(&self.folder).args(arguments).env("CEPH_MGR", "0").env("CEPH_BUCKET", "pool");
        command.env("CEPH_PORT_BASE", self.base.to_string());
        command
    }

    fn run(&self, arguments: &[&str]) {
        let done = self.command(arguments).output().unwrap();
        assert!(done.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&done.stderr));
    }

    /// One of the two gateways, as a store.
    fn gateway(&self, number: u16) -> Engine {
        let address = format!("127.0.0.1:{}", self.base + 1 + number);
        let environment = [
            ("ESMHUB_REGISTRY", "s3://pool/esms".to_owned()),
            ("AWS_ENDPOINT_URL", format!("http://{address}")),
            ("AWS_ACCESS_KEY_ID", "testaccess".to_owned()),
            ("AWS_SECRET_ACCESS_KEY", "testsecret".to_owned()),
        ];
        Engine { child: None, address, environment: environment.into() }
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        let _ = self.command(&["wipe"]).output();
    }
}

#[test]
fn ceph_serves_as_a_registry() {
    let Some(folder) = given("ESMHUB_TEST_CEPH", "ceph_serves_as_a_registry") else { return };
    let cluster = Cluster::start(folder, 17300);
    serves_as_a_registry(&cluster.gateway(0), "Ceph");
}

/// Six writers publish one ESM after the other through two gateways, while nodes and gateways are killed (SIGKILL) and come back. What
/// was acknowledged is there in the end, and is what it was. `ESMHUB_SOAK_SECONDS` says for how long.
#[test]
fn nothing_acknowledged_is_lost_while_nodes_are_killed() {
    let Some(folder) = given("ESMHUB_TEST_CEPH", "nothing_acknowledged_is_lost_while_nodes_are_killed") else { return };
    let seconds = std::env::var("ESMHUB_SOAK_SECONDS").ok().and_then(|text| text.parse().ok()).unwrap_or(30);
    let cluster = Cluster::start(folder, 17400);
    let gateways = [cluster.gateway(0), cluster.gateway(1)];
    let hub = Hub::on_disk();
    assert_eq!(gateways[0].run(&hub, "cache", &["init"]).code, 0);
    let (over, kills) = (AtomicBool::new(false), AtomicUsize::new(0));
    let began = Instant::now();
    // By name: the digest that was acknowledged, or nothing where the command failed.
    let published: BTreeMap<String, Option<String>> = std::thread::scope(|scope| {
        scope.spawn(|| {
            for at in 0.. {
                let (kind, number) = [("osd", "0"), ("rgw", "1"), ("osd", "1"), ("rgw", "0"), ("osd", "2")][at % 5];
                cluster.run(&[&format!("kill-{kind}"), number]);
                kills.fetch_add(1, Ordering::SeqCst);
                std::thread::sleep(Duration::from_millis(1500));
                cluster.run(&[&format!("start-{kind}"), number]);
                if over.load(Ordering::SeqCst) {
                    break;
                }
                std::thread::sleep(Duration::from_millis(500));
            }
        });
        let writer = |writer: u64| {
            let mut done = Vec::new();
            for step in 0.. {
                if began.elapsed() > Duration::from_secs(seconds) {
                    break;
                }
                let name = format!("w{writer}-{step}");
                let source = hub.esm(&EsmFolder::new(&name, 8, 1000 * writer + step));
                let words = ["publish", "--codec", "f32", "--json", &source];
                let output = gateways[(writer + step) as usize % 2].run(&hub, &format!("cache{writer}"), &words);
                assert!([0, 1, 11].contains(&output.code), "{output:#?}");
                let digest = (output.code == 0).then(|| {
                    let document: serde_json::Value = serde_json::from_str(&output.stdout).unwrap();
                    document["published"][0]["digest"].as_str().unwrap().to_owned()
                });
                done.push((name, digest));
            }
            done
        };
        let writers: Vec<_> = (0..6).map(|at| scope.spawn(move || writer(at))).collect();
        let done = writers.into_iter().flat_map(|writer| writer.join().unwrap()).collect();
        over.store(true, Ordering::SeqCst);
        done
    });
    for (number, gateway) in gateways.iter().enumerate() {
        let json = |words: &[&str]| -> serde_json::Value {
            let output = gateway.run(&hub, &format!("fresh{number}"), &[words, &["--json"]].concat());
            assert_eq!(output.code, 0, "{output:#?}");
            serde_json::from_str(&output.stdout).unwrap()
        };
        let listed = json(&["list"]);
        let there: BTreeMap<&str, &str> = listed["esms"]
            .as_array()
            .unwrap()
            .iter()
            .map(|esm| (esm["name"].as_str().unwrap(), esm["digest"].as_str().unwrap()))
            .collect();
        for (name, digest) in &published {
            // What was not acknowledged may have been written, or not; `verify` finds what would be half of it.
            if let Some(digest) = digest {
                assert_eq!(there.get(name.as_str()).copied(), Some(digest.as_str()), "{name} was acknowledged");
            }
        }
        assert_eq!(at(&json(&["verify"]), ["sound", "problems"]), json!([true, []]));
    }
    let acknowledged = published.values().flatten().count();
    let kills = kills.load(Ordering::SeqCst);
    assert!(acknowledged > 20 && kills >= 5, "{acknowledged} acknowledged, {kills} killed");
    figure("Ceph, publishes acknowledged while nodes were killed", acknowledged as f64);
    figure("Ceph, publishes refused meanwhile", (published.len() - acknowledged) as f64);
    figure("Ceph, kills of nodes and gateways", kills as f64);
    figure("Ceph, acknowledged and lost", 0.0);
}
