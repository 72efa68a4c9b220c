//! What a pool in a bucket costs: requests and bytes, counted by the store. docs/cost.md has the model that these points check.

use std::fs;
use std::path::Path;

use esmhub_store_format::card::{BaseModel, Weights};
use esmhub_store_format::log::{Action, Entry, Published, RegistryId, Writer};
use esmhub_store_format::{Card, Codec, DenseMap, Digest, Object, frame};

use crate::support::bucket::Kind;
use crate::support::{EsmFolder, Hub, figure, names, target};

/// Puts ESMs into an empty registry, each in a log entry of its own, which is what costs most; their maps are so many different ones.
fn fill(root: &Path, id: &str, esms: u64, maps: u64) {
    let objects: Vec<Object> = (0..maps).map(object).collect();
    for object in &objects {
        let hex = Digest::of(object.canonical()).to_string();
        let folder = root.join("objects").join(&hex[..2]);
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join(&hex[2..]), frame::encode(frame::Content::Object, object.canonical()).unwrap()).unwrap();
    }
    fs::create_dir_all(root.join("log")).unwrap();
    let mut bytes = [0; 16];
    for (byte, hex) in bytes.iter_mut().zip(id.as_bytes().chunks(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(hex).unwrap(), 16).unwrap();
    }
    let mut previous = RegistryId(bytes).genesis();
    for number in 1..=esms {
        let object = &objects[(number % maps) as usize];
        let card = Card::imported(Weights::of(object, 0.0), BaseModel::named("acme/encoder")).to_canonical().unwrap();
        let (name, tag) = (format!("n{number}").parse().unwrap(), "v1".parse().unwrap());
        let records = vec![Action::Publish(Published { name, tag, card }).to_record().unwrap()];
        let writer = Writer { user: "ada".into(), host: "engine".into(), program: "esmhub".into() };
        let entry = Entry { number, previous, transaction: [7; 16], time: 5, writer, records };
        let (frame, digest) = entry.to_frame().unwrap();
        fs::write(root.join(format!("log/{number:020}")), frame).unwrap();
        previous = digest;
    }
}

fn object(seed: u64) -> Object {
    let bytes = blake3::hash(&seed.to_le_bytes());
    let value = |at: u64| f32::from(bytes.as_bytes()[(at * 7 % 32) as usize]) / 100.0 + at as f32 / 64.0;
    let values = |count: u64| (0..count).map(value).collect::<Vec<f32>>();
    Object::encode(&DenseMap::new(values(64), values(8)).unwrap(), Codec::F32).unwrap()
}

/// What the store was asked, by what for.
#[derive(Debug, Default)]
struct Asked {
    objects: usize,
    others: usize,
    writes: usize,
    bytes: u64,
}

fn asked(hub: &Hub) -> Asked {
    let mut asked = Asked { bytes: hub.bucket().bytes_sent(), ..Asked::default() };
    for request in hub.bucket().requests() {
        let is_write = !request.starts_with("GET") && !request.starts_with("HEAD");
        asked.writes += usize::from(is_write);
        asked.objects += usize::from(request.contains("pool/objects/"));
        asked.others += usize::from(!request.contains("pool/objects/"));
    }
    asked
}

fn pool_of(esms: u64, maps: u64) -> Hub {
    let hub = Hub::in_bucket(Kind::Whole);
    let id = hub.json(["init"])["id"].as_str().unwrap().to_owned();
    fill(&hub.path("pool"), &id, esms, maps);
    hub.write("t.npz", target(60, 8, 2, 1));
    // Packs the log.
    hub.ok(["gc"]);
    asked(&hub);
    hub
}

/// Ranks as somebody does who has this cache.
fn rank(hub: &Hub, cache: &str) -> serde_json::Value {
    hub.json(["rank", "t.npz", "--cache-dir", cache])
}

#[test]
fn ten_thousand_esms_are_ranked_with_few_requests_besides_their_objects() {
    let hub = pool_of(10_000, 20);
    let cold = rank(&hub, "new");
    assert_eq!(names(&cold).len(), 10_000);
    let first = asked(&hub);
    assert!(first.others <= 50 && first.writes == 0, "{first:?}");
    assert!(first.objects <= 40, "an object is read once: {first:?}");
    let warm = rank(&hub, "new");
    assert_eq!(warm["results"], cold["results"]);
    let second = asked(&hub);
    assert!(second.others <= 3 && second.objects == 0, "{second:?}");
    // And where there is one more.
    hub.ok(["publish", "--codec", "f32", &hub.esm(&EsmFolder::new("new", 8, 77))]);
    asked(&hub);
    assert_eq!(names(&rank(&hub, "new")).len(), 10_001);
    let third = asked(&hub);
    assert!(third.others <= 4 && third.objects <= 1, "{third:?}");
    figure("pool of 10,000, cold, requests besides objects", first.others as f64);
    figure("pool of 10,000, warm, requests", second.others as f64);
}

/// The points of docs/cost.md. `ESMHUB_COST_ESMS` says of how many ESMs, such as `1000,10000,100000`.
#[test]
fn pools_cost_what_the_model_says() {
    let sizes = std::env::var("ESMHUB_COST_ESMS").unwrap_or_else(|_| "300".to_owned());
    for esms in sizes.split(',').map(|size| size.trim().parse::<u64>().unwrap()) {
        let hub = pool_of(esms, esms);
        let log: u64 =
            fs::read_dir(hub.path("pool/log")).unwrap().map(|file| file.unwrap().metadata().unwrap().len()).sum();
        rank(&hub, "new");
        let cold = asked(&hub);
        rank(&hub, "new");
        let warm = asked(&hub);
        let other = ["--cache-dir", "other"];
        hub.ok(["publish", "--codec", "f32", &hub.esm(&EsmFolder::new("new", 8, 77))].into_iter().chain(other));
        let publish = asked(&hub);
        hub.ok(["publish", "--codec", "f32", &hub.esm(&EsmFolder::new("newer", 8, 78))].into_iter().chain(other));
        let again = asked(&hub);
        // The model.
        let pages = esms.div_ceil(1000) as usize;
        let packs: usize =
            [4096, 512, 64, 8].iter().fold((0, esms), |(packs, rest), size| (packs + rest / size, rest % size)).0
                as usize;
        let left = (esms % 8) as usize;
        let all_packs: usize = [4096, 512, 64, 8].iter().map(|size| (esms / size) as usize).sum();
        let expected = 1 + pages + all_packs.div_ceil(1000).max(1) + packs + left.max(1);
        assert!(cold.others.abs_diff(expected) <= 3, "{esms}: {cold:?}, the model says {expected}");
        assert_eq!(cold.objects, esms as usize, "{cold:?}");
        assert!(warm.others <= 3 && warm.objects == 0, "{warm:?}");
        let expected = 11 + (esms + 1).div_ceil(1000) as usize + 3;
        assert_eq!((again.others + again.objects, again.writes), (expected, 5), "{again:?}");
        for (what, value) in [
            ("log, bytes", log),
            ("cold rank, requests besides objects", cold.others as u64),
            ("cold rank, requests for objects", cold.objects as u64),
            ("cold rank, bytes", cold.bytes),
            ("warm rank, requests", warm.others as u64),
            ("warm rank, bytes", warm.bytes),
            ("first publish, requests", (publish.others + publish.objects) as u64),
            ("second publish, requests", (again.others + again.objects) as u64),
            ("second publish, of these writes", again.writes as u64),
        ] {
            figure(&format!("pool of {esms}, {what}"), value as f64);
        }
    }
}
