//! Distilling: a dense map from elsewhere, reduced to what it does where embeddings lie; only where it is asked for.

use esmhub_selection::encoder::Encoder;
use esmhub_store_format::{Codec, DenseMap, Object};
use serde_json::{Value, json};

use crate::support::{
    EsmFolder, Hub, Tuning, at, f32_array, figure, given, line, npz, r2, read_npz, tiny_base, tiny_model, words,
};

const D: usize = 32;
/// Embeddings lie in a quarter of the directions.
const LIE: (usize, usize) = (0, 8);

fn embeddings(x: &[Vec<f64>]) -> Vec<u8> {
    let values: Vec<f32> = x.concat().iter().map(|&value| value as f32).collect();
    npz(&[("x", f32_array(&values, x[0].len()))])
}

/// A dense ESM, `esms/mr`, whose weights are noise in every direction; and `x.npz`, where embeddings lie.
fn hub() -> (Hub, EsmFolder, Vec<Vec<f64>>) {
    let hub = Hub::new();
    let esm = EsmFolder::new("mr", D, 1);
    hub.esm(&esm);
    let tuning = Tuning::new(D, 1, 3);
    let x = tuning.domain(200, LIE, 4);
    hub.write("x.npz", embeddings(&x));
    // Others of the same domain: the same centre, other texts.
    let fresh = tuning.domain(400, LIE, 4).split_off(200);
    (hub, esm, fresh)
}

fn publish(hub: &Hub, rest: &str) -> Value {
    hub.json(line(format!("publish esms/mr {rest}")))["published"][0].clone()
}

/// How much of the dense map's outputs a published one explains on these embeddings.
fn agreement(hub: &Hub, esm: &EsmFolder, reference: &str, x: &[Vec<f64>]) -> f64 {
    let folder = reference.replace(':', "-");
    hub.ok(["pull", reference, "--output", &folder]);
    let dense = |x: &Vec<f64>| {
        let rows = esm.weight.chunks_exact(esm.dimension).zip(&esm.bias);
        rows.map(|(w, b)| f64::from(*b) + w.iter().zip(x).map(|(w, x)| f64::from(*w) * x).sum::<f64>()).collect()
    };
    let map = EsmFolder::map_in(&hub.path(folder));
    let y: Vec<Vec<f64>> = x.iter().map(dense).collect();
    let predicted: Vec<Vec<f64>> = x.iter().map(|x| map(x)).collect();
    r2(&y, &predicted)
}

#[test]
fn distilled_map_agrees_where_embeddings_lie() {
    let (hub, esm, fresh) = hub();
    // Embeddings lie in 8 directions: with as many, nothing that matters is lost.
    let distilled = publish(&hub, "--distill=x.npz --rank 8 --codec f32");
    assert_eq!(at(&distilled, ["rank", "codec", "fit/method"]), json!([8, "f32", "imported"]));
    let kept = agreement(&hub, &esm, "mr:v1", &fresh);
    assert!(kept > 0.98, "{kept}");
    // Fewer keep less, and the card says how much.
    publish(&hub, "--distill=x.npz --rank 2 --codec f32");
    let less = agreement(&hub, &esm, "mr:v2", &fresh);
    assert!(less < kept - 0.02, "{less}, {kept}");
    let stated: f64 = hub.json(["show", "mr:v2"])["card"]["extra"]["distilled_r2"].as_str().unwrap().parse().unwrap();
    assert!((stated - less).abs() < 0.05, "{stated} is stated, {less} found");
}

/// What a plain cut of the weights would keep: the directions of the weights, not those of texts.
#[test]
fn directions_are_those_of_the_embeddings_not_of_the_weights() {
    let (hub, mut esm, fresh) = hub();
    // By far the largest weights stand where no text varies.
    for i in 0..D {
        esm.weight[i * D + D - 1] += 20.0;
        esm.weight[i * D + D - 2] -= 20.0 * f32::from(u8::from(i % 2 == 0));
    }
    // The embeddings do not vary there at all.
    let still = |x: Vec<Vec<f64>>| {
        let set = |mut row: Vec<f64>| {
            row[D - 1] = 0.5;
            row[D - 2] = -0.5;
            row
        };
        x.into_iter().map(set).collect::<Vec<_>>()
    };
    let fresh = still(fresh);
    hub.esm(&esm);
    hub.write("x.npz", embeddings(&still(Tuning::new(D, 1, 3).domain(200, LIE, 4))));
    publish(&hub, "--distill=x.npz --rank 8 --codec f32");
    let kept = agreement(&hub, &esm, "mr", &fresh);
    assert!(kept > 0.98, "{kept}");
}

#[test]
fn where_it_comes_from_is_recorded() {
    let (hub, esm, _) = hub();
    let distilled = publish(&hub, "--distill=x.npz");
    let shown = hub.json(["show", "mr"]);
    let given = DenseMap::new(esm.weight.clone(), esm.bias.clone()).unwrap();
    let digest = Object::encode(&given, Codec::F32).unwrap().digest().to_string();
    assert_eq!(at(&shown, ["derivation/how", "derivation/weights"]), json!(["distill", digest]));
    assert!(hub.ok(["show", "mr"]).contains("by distill from the weights"));
    assert_eq!(at(&distilled, ["codec", "fit/anchors"]), json!(["int4", null]));
    // Its source is told as before.
    assert_eq!(at(&shown, ["card/source/dataset", "card/base/id"]), json!(["mr", "acme/encoder"]));
}

#[test]
fn nothing_is_distilled_unless_it_is_asked_for() {
    let (hub, ..) = hub();
    for options in ["", "--codec small", "--codec f32"] {
        let esm = publish(&hub, options);
        assert_eq!(esm["rank"], json!(null), "{options}");
        let shown = hub.json(["show", &format!("mr@{}", esm["digest"].as_str().unwrap())]);
        assert_eq!(at(&shown, ["derivation", "card/weights/kind"]), json!([null, 1]), "{options}");
        assert_eq!(shown["card"]["extra"].get("distilled_r2"), None);
    }
}

#[test]
fn embeddings_that_do_not_fit_are_refused() {
    let (hub, ..) = hub();
    hub.write("narrow.npz", embeddings(&[vec![1.0; 8], vec![2.0; 8]]));
    hub.write("one.npz", embeddings(&[(0..D).map(|at| at as f64).collect()]));
    hub.write("still.npz", embeddings(&vec![vec![1.0; D]; 5]));
    hub.write("y.npz", npz(&[("y", f32_array(&[1.0; D], D))]));
    let refused = |code, options: &str, said: &[&str]| {
        hub.refused_saying(code, line(format!("publish esms/mr {options}")), said);
    };
    refused(17, "--distill=narrow.npz", &["esms/mr", "32", "8"]);
    refused(1, "--distill=one.npz", &["all embeddings in x are equal"]);
    refused(1, "--distill=still.npz", &["all embeddings in x are equal"]);
    refused(1, "--distill=y.npz", &["y.npz", "x"]);
    refused(1, "--distill=absent.npz", &["absent.npz"]);
    refused(2, "--distill=x.npz --rank full", &["--rank full"]);
}

#[test]
fn pools_anchors_stand_in_for_a_file() {
    let hub = Hub::new();
    let esm = EsmFolder::new("mr", D, 1).set("base_model_name", "tiny");
    hub.esm(&esm);
    let base = tiny_base("bert-mean");
    hub.refused_saying(
        2,
        line("publish esms/mr --distill"),
        &["base embeddings", "hint: ", "--distill=FILE", "--base"],
    );
    let with_base = format!("publish esms/mr --distill --max-length 24 --base {base}");
    hub.refused_saying(2, line(&with_base), &["no anchors of tiny", "hint: ", "anchors set"]);
    let texts: Vec<String> = words(60, 7).into_iter().map(|(text, _)| text).collect();
    hub.write("one.txt", texts.join("\n"));
    hub.ok(line("anchors set one.txt --base tiny"));
    let before = hub.tree();
    hub.json(line(format!("{with_base} --dry-run")));
    assert_eq!(before.changes(&hub.tree()), Vec::<String>::new());
    let by_anchors = hub.json(line(&with_base))["published"][0].clone();
    assert!(by_anchors["rank"].as_u64().unwrap() >= 1, "{by_anchors}");
    assert_eq!(hub.json(["show", "mr"])["derivation"]["how"], "distill");
    // The embeddings of the same texts, given as a file, lead to the same map.
    let encoder = Encoder::in_folder(&tiny_model("bert-mean")).unwrap();
    let x = encoder.embed(&texts, 24, &|_, _| {}).unwrap();
    hub.write("x.npz", npz(&[("x", f32_array(x.values(), D))]));
    let by_file = hub.json(line(format!("publish esms/mr --distill=x.npz --base {base} --tag file")));
    assert_eq!(by_file["published"][0]["weights"], by_anchors["weights"]);
}

/// What distilling takes away from the peer's own maps is noise of their training: they predict what the really tuned
/// models make of texts of another domain better than before, in an eightieth of the bytes.
#[test]
fn real_maps_predict_tuned_models_better_than_before() {
    let Some(data) = given("ESMHUB_TEST_DATA", "real_maps_predict_tuned_models_better_than_before") else {
        return;
    };
    let hub = Hub::new();
    let (anchors, x) = (data.join("targets/trec.npz"), read_npz(&data.join("targets/cola.npz"), "x"));
    let mut sums = [0.0; 2];
    let tasks = ["ag_news", "mr", "subj", "clinc150"];
    for task in tasks {
        let source = data.join("esms").join(task).display().to_string();
        hub.ok(line(format!("publish {source} --codec f32 --name {task}-dense")));
        let small = hub.json(line(format!("publish {source} --distill={} --name {task}-small", anchors.display())));
        let bytes = small["published"][0]["size_bytes"].as_f64().unwrap();
        assert!(4.0 * 384.0 * 384.0 / bytes > 80.0, "{bytes}");
        let tuned = read_npz(&data.join(format!("anchors/{task}.npz")), "cola");
        let y: Vec<Vec<f64>> = tuned.rows().map(<[f64]>::to_vec).collect();
        for (sum, kind) in sums.iter_mut().zip(["dense", "small"]) {
            let name = format!("{task}-{kind}");
            hub.ok(["pull", &name]);
            let map = EsmFolder::map_in(&hub.path(name));
            *sum += r2(&y, &x.rows().take(y.len()).map(&map).collect::<Vec<Vec<f64>>>());
        }
    }
    let [dense, small] = sums.map(|sum| sum / tasks.len() as f64);
    figure("R2 of the peer's maps on texts of another domain, dense", dense);
    figure("R2 of the peer's maps on texts of another domain, distilled", small);
    assert!(small > dense + 0.05, "{dense} dense, {small} distilled");
}
