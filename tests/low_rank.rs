//! Maps of low rank: the rank that is asked for, the bytes that are promised, and the same map wherever it is read.

use std::fs;

use esmhub_store_format::Object;
use esmhub_store_format::frame::{self, Content};
use serde_json::{Value, json};

use crate::support::{EsmFolder, Hub, Tuning, at, line, r2};

const D: usize = 48;

/// `task.npz`, made by a tuning of rank 3 without noise; and `one.npz`, its anchors.
fn hub() -> (Hub, Tuning) {
    let (hub, tuning) = (Hub::new(), Tuning::new(D, 3, 1));
    hub.write("task.npz", tuning.pairs(&tuning.domain(200, (0, D), 2)));
    hub.write("one.npz", tuning.pairs(&tuning.domain(60, (0, D), 3)));
    (hub, tuning)
}

fn publish(hub: &Hub, rest: &str) -> Value {
    hub.json(line(format!("publish task.npz --base acme/encoder {rest}")))["published"][0].clone()
}

/// What SPEC.md says a map takes: header, 2 r rows with their scales, bias.
fn bytes(codec: &str, rank: usize) -> usize {
    let scales = 2 * D.div_ceil(64);
    24 + match codec {
        "f32" => 8 * rank * D + 4 * D,
        "f16" => 4 * rank * D + 2 * D,
        "int8" => 2 * rank * (scales + D) + 2 * D,
        _ => 2 * rank * (scales + D / 2) + 2 * D,
    }
}

/// The canonical bytes of an ESM's weights, as they lie in the registry.
fn canonical(hub: &Hub, reference: &str) -> Vec<u8> {
    let path = hub.object_of(reference);
    let digest = hub.json(["show", reference])["card"]["weights"]["digest"].as_str().unwrap().parse().unwrap();
    frame::decode_as(Content::Object, &fs::read(path).unwrap(), &digest).unwrap()
}

/// `W` and `b` of a low-rank map whose factors are f32, from its bytes, by hand (SPEC.md, R17).
fn by_hand(canonical: &[u8]) -> (Vec<f64>, Vec<f64>) {
    let u32_at = |at: usize| u32::from_le_bytes(canonical[at..at + 4].try_into().unwrap());
    assert_eq!(u32_at(0), 2 | (1 << 16), "kind 2, codec 1");
    let (d, rank) = (u32_at(4) as usize, u32_at(12) as usize);
    let scale = f64::from(f32::from_bits(u32_at(8)));
    let values: Vec<f64> =
        canonical[24..].as_chunks().0.iter().map(|bytes| f64::from(f32::from_le_bytes(*bytes))).collect();
    let (factors, bias) = values.split_at(2 * rank * d);
    let (a, b) = factors.split_at(rank * d);
    let value = |i: usize, j: usize| {
        let identity = if i == j { scale } else { 0.0 };
        identity + (0..rank).map(|k| a[k * d + i] * b[k * d + j]).sum::<f64>()
    };
    ((0..d * d).map(|at| value(at / d, at % d)).collect(), bias.to_vec())
}

#[test]
fn rank_codec_and_size_are_what_documents_say() {
    let (hub, _) = hub();
    for codec in ["f32", "f16", "int8", "int4"] {
        for rank in [1, 5, 24] {
            let tag = format!("{codec}-{rank}");
            let esm = publish(&hub, &format!("--codec {codec} --rank {rank} --tag {tag}"));
            assert_eq!(at(&esm, ["codec", "rank", "size_bytes"]), json!([codec, rank, bytes(codec, rank)]));
            let shown = hub.json(["show", &format!("task:{tag}")]);
            assert_eq!(
                at(&shown, ["rank", "card/weights/kind", "card/weights/bytes"]),
                json!([rank, 2, bytes(codec, rank)])
            );
            assert_eq!(canonical(&hub, &format!("task:{tag}")).len(), bytes(codec, rank));
            assert!(hub.ok(["show", &format!("task:{tag}")]).contains(&format!("rank {rank}")));
        }
    }
    let listed = hub.json(["list"]);
    let rank = |esm: &Value| esm["tag"].as_str().unwrap().rsplit('-').next().unwrap().parse::<u64>().unwrap();
    assert!(listed["esms"].as_array().unwrap().iter().all(|esm| esm["rank"] == rank(esm)), "{listed}");
    assert!(hub.ok(["list"]).contains("int8 r5"));
}

#[test]
fn default_and_small_are_ranks_and_codecs_by_dimension() {
    let (hub, _) = hub();
    // Without a bound that cross-validation could stay below: noise of full rank.
    hub.write("task.npz", crate::support::pairs(400, D, 3));
    let standard = publish(&hub, "--fidelity 1");
    let small = publish(&hub, "--codec small");
    assert_eq!(at(&standard, ["codec", "rank", "size_bytes"]), json!(["int4", 8, bytes("int4", 8)]));
    assert_eq!(at(&small, ["codec", "rank", "size_bytes"]), json!(["int4", 4, bytes("int4", 4)]));
    let dense = publish(&hub, "--rank full");
    assert_eq!(at(&dense, ["codec", "rank", "size_bytes"]), json!(["int8", null, (24 + D * D + 8 * D)]));
    assert_eq!(hub.json(["show", "task"])["card"]["weights"]["kind"], 1);
}

/// No more directions than there are: three, whatever may be spent.
#[test]
fn auto_takes_no_more_ranks_than_the_tuning_has() {
    let (hub, tuning) = hub();
    let esm = publish(&hub, "--codec f32 --penalty 1e-8 --fidelity 0.999 --anchor-pairs one.npz");
    assert_eq!(esm["rank"], 3, "{esm}");
    // A smaller share is a smaller rank, and a share of nothing is none.
    let rank = |share: &str| publish(&hub, &format!("--fidelity {share} --anchor-pairs one.npz"))["rank"].clone();
    let (most, less, none) = (rank("0.999"), rank("0.9"), rank("0"));
    assert!(most.as_u64() >= less.as_u64() && less.as_u64() >= none.as_u64(), "{most} {less} {none}");
    assert_eq!(none, 0);
    // What was said to be kept is kept.
    hub.ok(["pull", "task:v1"]);
    let map = EsmFolder::map_in(&hub.path("task"));
    let x = tuning.domain(100, (0, D), 8);
    let y: Vec<Vec<f64>> = x.iter().map(|x| tuning.apply(x)).collect();
    let predicted: Vec<Vec<f64>> = x.iter().map(|x| map(x)).collect();
    assert!(r2(&y, &predicted) > 0.999, "{}", r2(&y, &predicted));
}

#[test]
fn rank_beyond_half_the_dimension_is_cut_to_it() {
    let (hub, _) = hub();
    for rank in ["24", "25", "48", "1000000"] {
        let esm = publish(&hub, &format!("--codec f32 --rank {rank}"));
        assert_eq!(at(&esm, ["rank", "size_bytes"]), json!([24, bytes("f32", 24)]), "{rank}");
    }
}

#[test]
fn values_that_make_no_sense_are_usage() {
    let (hub, _) = hub();
    let made_elsewhere = hub.esm(&EsmFolder::new("mr", D, 1));
    let cases = [
        ("--rank 0", "--rank"),
        ("--rank=-3", "--rank"),
        ("--rank half", "--rank"),
        ("--rank 99999999999999999999999", "--rank"),
        ("--fidelity 1.5", "--fidelity"),
        ("--fidelity NaN", "--fidelity"),
        ("--fidelity=-0.5", "--fidelity"),
        ("--fidelity 0.9 --rank 4", "--fidelity"),
        ("--fidelity 0.9 --rank full", "--fidelity"),
        ("--penalty 0", "--penalty"),
        ("--penalty=-1", "--penalty"),
        ("--penalty inf", "--penalty"),
        ("--penalty NaN", "--penalty"),
        ("--codec tiny", "--codec"),
        ("--distill=one.npz", "--distill"),
    ];
    for (options, said) in cases {
        hub.refused_saying(2, line(format!("publish task.npz --base acme/encoder {options}")), &[said]);
    }
    // A dense map from elsewhere has no rank to choose.
    hub.refused_saying(2, ["publish", &made_elsewhere, "--rank", "4"], &["esms/mr", "--distill"]);
}

#[test]
fn penalty_is_recorded_and_draws_towards_the_identity() {
    let (hub, _) = hub();
    let penalty = |rest: &str| publish(&hub, rest)["fit"]["penalty"].as_f64().unwrap();
    assert_eq!(penalty("--penalty 0.25"), 0.25);
    // `standard` is one number for all, and another with anchors than without.
    assert_eq!(penalty(""), penalty("--rank 2"));
    assert_ne!(penalty(""), penalty("--anchor-pairs one.npz"));
    // Without noise, the least penalty is the best.
    assert!(penalty("--penalty auto") < penalty(""));
    let changed = |penalty: &str| {
        publish(&hub, &format!("--codec f32 --rank 3 --penalty {penalty} --tag p{penalty}"));
        let (weight, _) = by_hand(&canonical(&hub, &format!("task:p{penalty}")));
        let trace: f64 = (0..D).map(|i| weight[i * (D + 1)]).sum::<f64>() / D as f64;
        let off = |(at, w): (usize, &f64)| (w - if at % (D + 1) == 0 { trace } else { 0.0 }).powi(2);
        weight.iter().enumerate().map(off).sum::<f64>().sqrt()
    };
    let (weak, strong) = (changed("0.001"), changed("100"));
    assert!(strong < 0.1 * weak, "{weak} {strong}");
}

#[test]
fn pulled_map_is_scale_and_factors_multiplied_out() {
    let (hub, _) = hub();
    publish(&hub, "--codec f32 --rank 3");
    hub.ok(["pull", "task"]);
    let (weight, bias) = EsmFolder::bits_in(&hub.path("task"));
    let values = |bits: Vec<u32>| bits.into_iter().map(|bits| f64::from(f32::from_bits(bits))).collect::<Vec<_>>();
    let (weight, bias) = (values(weight), values(bias));
    let (expected, expected_bias) = by_hand(&canonical(&hub, "task"));
    assert_eq!(bias, expected_bias);
    for (at, (w, e)) in weight.iter().zip(&expected).enumerate() {
        assert!((w - e).abs() <= 1e-6 * e.abs().max(0.1), "{at}: {w}, {e}");
    }
}

/// What is pulled is what the object decodes to, and another hfselect folder: published again, it is a dense map.
#[test]
fn pulled_folder_of_every_codec_is_the_peers_format() {
    let (hub, _) = hub();
    for codec in ["f16", "int8", "int4"] {
        publish(&hub, &format!("--codec {codec} --rank 6 --tag {codec}"));
        let reference = format!("task:{codec}");
        hub.ok(["pull", &reference, "--output", codec]);
        let object = Object::from_canonical(canonical(&hub, &reference)).unwrap();
        let dense = object.map().to_dense().unwrap();
        let bits = |values: &[f32]| values.iter().map(|value| value.to_bits()).collect::<Vec<u32>>();
        assert_eq!(EsmFolder::bits_in(&hub.path(codec)), (bits(dense.weight()), bits(dense.bias())), "{codec}");
        let config: Value = serde_json::from_slice(&fs::read(hub.path(codec).join("config.json")).unwrap()).unwrap();
        assert_eq!(at(&config, ["esm_embedding_dim", "esm_architecture"]), json!([D, "linear"]));
        let again = hub.json(["publish", codec, "--codec", "f32", "--name", &format!("again/{codec}")]);
        assert_eq!(at(&again, ["published/0/codec", "published/0/rank"]), json!(["f32", null]));
        hub.ok(["pull", &format!("again/{codec}"), "--output", &format!("{codec}2")]);
        assert_eq!(EsmFolder::bits_in(&hub.path(format!("{codec}2"))), EsmFolder::bits_in(&hub.path(codec)));
    }
}

/// Whatever the codec loses, it loses around the mean embedding, where nothing may be lost.
#[test]
fn small_codecs_keep_what_the_map_does_to_the_mean() {
    let (hub, tuning) = hub();
    let x = tuning.domain(200, (0, D), 2);
    let mean: Vec<f64> = (0..D).map(|at| x.iter().map(|x| x[at]).sum::<f64>() / x.len() as f64).collect();
    let of = |codec: &str| {
        publish(&hub, &format!("--codec {codec} --rank 6 --tag {codec}"));
        hub.ok(["pull", &format!("task:{codec}"), "--output", codec]);
        EsmFolder::map_in(&hub.path(codec))(&mean)
    };
    let exact = of("f32");
    for codec in ["f16", "int8", "int4"] {
        let worst = of(codec).iter().zip(&exact).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
        // The bias is f16.
        assert!(worst < 2e-3, "{codec}: {worst}");
    }
}

#[test]
fn low_rank_maps_rank_targets_as_their_dense_forms_do() {
    let (hub, _) = hub();
    hub.write("t.npz", crate::support::target(120, D, 3, 1));
    publish(&hub, "--codec int4 --rank 5");
    hub.ok(["pull", "task"]);
    hub.ok(["publish", "task", "--codec", "f32", "--name", "dense"]);
    let ranking = hub.json(["rank", "t.npz"]);
    let score = |at: usize| ranking["results"][at]["score"].as_f64().unwrap();
    assert_eq!(ranking["ranked"], 2);
    assert!((score(0) - score(1)).abs() < 1e-4, "{ranking}");
    assert!((score(0) - ranking["baseline"]["score"].as_f64().unwrap()).abs() > 1e-3, "{ranking}");
}

#[test]
fn exported_low_rank_esm_published_elsewhere_is_the_same() {
    let (hub, _) = hub();
    let there = Hub::new();
    let esm = publish(&hub, "--rank 4 --anchor-pairs one.npz");
    hub.ok(["export", "task", "task.esm"]);
    let file = hub.path("task.esm");
    let published = there.json(["publish".as_ref(), file.as_os_str()]);
    assert_eq!(published["published"][0]["digest"], esm["digest"]);
    assert_eq!(at(&there.json(["show", "task"]), ["rank", "across"]), json!([4, esm["across"]]));
    // The anchors are known by their digest alone.
    assert_eq!(there.json(["verify"])["sound"], true);
    let options = ["--rank 2", "--distill=task.npz"];
    for option in options {
        hub.refused_saying(2, line(format!("publish task.esm {option}")), &["task.esm", "recompress"]);
    }
}

#[test]
fn reduction_counts_what_is_stored_against_the_models() {
    let (hub, _) = hub();
    publish(&hub, "--codec int4 --rank 4");
    let stats = hub.json(["stats", "--model-bytes", "90900000"]);
    let per_object = bytes("int4", 4);
    assert_eq!(at(&stats, ["bases/0/bytes_per_object", "objects"]), json!([per_object, 1]));
    let reduction = stats["bases"][0]["reduction"].as_f64().unwrap();
    assert!((reduction - 90_900_000.0 / per_object as f64).abs() < 1e-6 * reduction, "{stats}");
    let pool = hub.pool();
    let on_disk = |folder: &str| {
        let files = pool.files().into_iter().filter(|file| file.starts_with(folder));
        files.map(|file| fs::metadata(hub.path("pool").join(file)).unwrap().len()).sum::<u64>()
    };
    let stored = on_disk("objects/") + on_disk("log/");
    let whole = stats["reduction"].as_f64().unwrap();
    assert!((whole - 90_900_000.0 / stored as f64).abs() < 1e-6 * whole, "{stats}: {stored}");
}

/// A flag that cannot do anything is refused, not ignored.
#[test]
fn flags_about_fits_are_refused_for_what_is_not_fitted() {
    let hub = Hub::with(&["made"]);
    hub.ok(["export", "made", "made.esm"]);
    for flags in ["--penalty auto", "--penalty 0.5", "--fidelity 0.9"] {
        for source in ["esms/made", "made.esm"] {
            hub.refused_saying(2, line(format!("publish {source} {flags}")), &[source, "fitted"]);
        }
    }
    hub.refused_saying(2, line("publish made.esm --codec small"), &["made.esm", "as they are"]);
}
