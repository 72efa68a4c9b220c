//! Real ESMs and real targets, against the definition. What is compared with the reference implementation stands in the
//! end-to-end tests.

use std::path::{Path, PathBuf};

use candle_core::npy::NpzTensors;
use candle_core::{DType, Device};
use esmhub_selection::fit::{FitOptions, Pairs, fit};
use esmhub_selection::{Embeddings, Formula, Labels, Precision, Target};
use esmhub_store_format::{DenseMap, Map};

use crate::definition::{by_definition, features};

fn data(test: &str) -> Option<PathBuf> {
    let folder = std::env::var_os("ESMHUB_TEST_DATA").map(PathBuf::from);
    if folder.is_none() {
        eprintln!("SKIPPED {test}: ESMHUB_TEST_DATA is not set");
    }
    folder
}

fn matrix(file: &Path, name: &str, rows: usize) -> Embeddings {
    let tensor = NpzTensors::new(file).unwrap().get(name).unwrap().unwrap().to_dtype(DType::F32).unwrap();
    let tensor = tensor.narrow(0, 0, rows).unwrap();
    let dimension = tensor.dim(1).unwrap();
    Embeddings::new(dimension, tensor.flatten_all().unwrap().to_vec1().unwrap()).unwrap()
}

fn target(folder: &Path, name: &str, rows: usize) -> (Embeddings, Labels) {
    let file = folder.join(format!("targets/{name}.npz"));
    let y = NpzTensors::new(&file).unwrap().get("y").unwrap().unwrap().to_dtype(DType::F64).unwrap();
    let y: Vec<f64> = y.narrow(0, 0, rows).unwrap().to_vec1().unwrap();
    let labels = if name == "wellformed" {
        Labels::Numbers(y)
    } else {
        let classes = y.iter().copied().fold(0.0, f64::max) as u32;
        Labels::Classes {
            names: (0..=classes).map(|c| c.to_string()).collect(),
            y: y.iter().map(|&c| c as u32).collect(),
        }
    };
    (matrix(&file, "x", rows), labels)
}

fn dense(folder: &Path, task: &str) -> Map {
    let file = folder.join(format!("esms/{task}/model.safetensors"));
    let tensors = candle_core::safetensors::load(file, &Device::Cpu).unwrap();
    let values = |name: &str| tensors[name].flatten_all().unwrap().to_vec1::<f32>().unwrap();
    DenseMap::new(values("model.weight"), values("model.bias")).unwrap().into()
}

fn low_rank(folder: &Path, task: &str) -> Map {
    let file = folder.join(format!("pairs/{task}.npz"));
    let [x, y] = ["x", "y"].map(|name| matrix(&file, name, 500));
    fit(&Pairs::new(&x, &y).unwrap(), &[], &FitOptions::default()).unwrap().map
}

#[test]
fn exact_is_the_definition_on_real_targets() {
    let Some(folder) = data("exact_is_the_definition_on_real_targets") else { return };
    let mut worst = [0.0f64; 2];
    for (name, task) in
        [("tweet_emotion", "trec"), ("trec", "sst2"), ("cr", "mr"), ("cola", "ag_news"), ("wellformed", "atis")]
    {
        for rows in [1000, 300] {
            let (x, labels) = target(&folder, name, rows);
            let target = Target::new(&x, &labels).unwrap();
            for map in [dense(&folder, task), low_rank(&folder, task)] {
                let expected = by_definition(&features(&x, &map), &labels);
                let found = target.score(&map, Formula::Exact).unwrap();
                worst[0] = worst[0].max((found - expected).abs());
                let single = Target::new(&x, &labels).unwrap().with_precision(Precision::Single);
                worst[1] = worst[1].max((single.score(&map, Formula::Exact).unwrap() - expected).abs());
            }
            assert_eq!(target.plainly_scored(), 0, "{name}, {rows} rows");
        }
    }
    let [double, single] = worst;
    println!(
        "FIGURE largest difference of `exact` from the definition on real targets: {double:.1e}; with --precision single: {single:.1e}"
    );
    assert!(worst[0] < 1e-9 && worst[1] < 1e-6, "{worst:?}");
}
