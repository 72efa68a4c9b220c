//! Scores by numpy, scipy and scikit-learn: `generate.py` has made them.

use esmhub_selection::{Embeddings, Labels, Score, Target};
use esmhub_store_format::{DenseMap, LowRankMap, Map};
use serde_json::Value;

fn floats(value: &Value) -> Vec<f32> {
    value.as_array().unwrap().iter().map(|number| number.as_f64().unwrap() as f32).collect()
}

fn map_of(case: &Value) -> Map {
    match case.get("scale") {
        Some(scale) => {
            let scale = scale.as_f64().unwrap() as f32;
            LowRankMap::new(scale, floats(&case["factors"]), floats(&case["bias"])).unwrap().into()
        }
        None => DenseMap::new(floats(&case["weight"]), floats(&case["bias"])).unwrap().into(),
    }
}

fn labels_of(case: &Value) -> Labels {
    let y = case["y"].as_array().unwrap().iter().map(|y| y.as_f64().unwrap());
    match case["classes"].as_u64() {
        Some(classes) => Labels::Classes {
            names: (0..classes).map(|class| class.to_string()).collect(),
            y: y.map(|class| class as u32).collect(),
        },
        None => Labels::Numbers(y.collect()),
    }
}

#[test]
fn scores_are_those_of_other_packages() {
    let cases: Value = serde_json::from_str(include_str!("golden.json")).unwrap();
    let (mut worst, mut compared) = (0.0f64, 0);
    for case in cases.as_array().unwrap() {
        let name = &case["name"];
        let dimension = case["dimension"].as_u64().unwrap() as usize;
        let x = Embeddings::new(dimension, floats(&case["x"])).unwrap();
        let target = Target::new(&x, &labels_of(case)).unwrap();
        let map = map_of(case);
        for score in [Score::Ridge, Score::HScore, Score::TransRate] {
            let Some(expected) = case["scores"].get(score.name()) else { continue };
            let base = &case["scores"][format!("{score}_base")];
            for (what, found, expected) in
                [("map", target.score(&map, score), expected), ("base", target.baseline(score), base)]
            {
                let (found, expected) = (found.unwrap(), expected.as_f64().unwrap());
                let off = (found - expected).abs() / expected.abs().max(1e-3);
                worst = worst.max(off);
                compared += 1;
                assert!(off < 1e-8, "{name}, {score} of the {what}: {found} against {expected}");
            }
        }
    }
    println!("FIGURE largest relative difference of ridge, hscore and transrate from scikit-learn's: {worst:.1e}");
    assert_eq!(compared, 2 * (13 * 3 + 4));
}
