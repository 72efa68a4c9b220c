//! Small targets, pairs and tables, decided by the seed alone.

use std::sync::Arc;

use parquet::data_type::{ByteArray, ByteArrayType};
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;
use serde_json::Value;

use super::{Hub, Random, f32_array, i64_array, npz};

/// A target as `.npz`: `x` in clusters, one for each class, and `y`.
pub(crate) fn target(rows: usize, dimension: usize, classes: usize, seed: u64) -> Vec<u8> {
    let mut random = Random::new(seed);
    let centres: Vec<f32> = (0..classes * dimension).map(|_| random.normal()).collect();
    let y: Vec<i64> = (0..rows).map(|_| random.below(classes) as i64).collect();
    let x: Vec<f32> = y
        .iter()
        .flat_map(|&class| &centres[class as usize * dimension..][..dimension])
        .map(|centre| centre + random.normal())
        .collect();
    npz(&[("x", f32_array(&x, dimension)), ("y", i64_array(&y))])
}

/// Pairs as `.npz`: `y` is a linear map of `x`, and a little noise.
pub(crate) fn pairs(rows: usize, dimension: usize, seed: u64) -> Vec<u8> {
    let mut random = Random::new(seed);
    let weight: Vec<f32> = (0..dimension * dimension).map(|_| 0.5 * random.normal()).collect();
    let x: Vec<f32> = (0..rows * dimension).map(|_| random.normal()).collect();
    let y: Vec<f32> = x
        .chunks_exact(dimension)
        .flat_map(|x| weight.chunks_exact(dimension).map(move |w| w.iter().zip(x).map(|(w, x)| w * x).sum::<f32>()))
        .map(|y| y + 0.1 * random.normal())
        .collect();
    npz(&[("x", f32_array(&x, dimension)), ("y", f32_array(&y, dimension))])
}

/// Texts of a few words each, and which of two subjects each is about.
pub(crate) fn words(rows: usize, seed: u64) -> Vec<(String, &'static str)> {
    const RIVER: [&str; 6] = ["river", "water", "cold", "wide", "bridge", "rain"];
    const MILL: [&str; 6] = ["mill", "clock", "old", "stone", "hill", "noon"];
    let mut random = Random::new(seed);
    let mut text = || {
        let (subject, words) = if random.below(2) == 0 { ("river", RIVER) } else { ("mill", MILL) };
        let length = 3 + random.below(6);
        let text: Vec<&str> = (0..length).map(|_| words[random.below(words.len())]).collect();
        (format!("the {}", text.join(" ")), subject)
    };
    (0..rows).map(|_| text()).collect()
}

/// A CSV file with the columns `text` and `label`.
pub(crate) fn csv(rows: &[(String, &str)]) -> String {
    let lines = rows.iter().map(|(text, label)| format!("{text},{label}\n"));
    ["text,label\n".to_owned()].into_iter().chain(lines).collect()
}

/// A Parquet file with the columns `text`, `label` and, for its weight, `image`: so many rows to a row group.
pub(crate) fn parquet(rows: &[(String, &str)], group: usize) -> Vec<u8> {
    parquet_with(rows, group, 0)
}

/// The same, where each row carries an image of so many bytes.
pub(crate) fn parquet_with(rows: &[(String, &str)], group: usize, image: usize) -> Vec<u8> {
    let schema = "message rows { required binary text (UTF8); required binary label (UTF8); required binary image; }";
    let schema = Arc::new(parse_message_type(schema).unwrap());
    let properties = WriterProperties::builder().set_dictionary_enabled(false).build();
    let mut file = Vec::new();
    let mut writer = SerializedFileWriter::new(&mut file, schema, Arc::new(properties)).unwrap();
    for rows in rows.chunks(group) {
        let mut group = writer.next_row_group().unwrap();
        let images = vec![vec![7; image]; rows.len()];
        let columns: [Vec<&[u8]>; 3] = [
            rows.iter().map(|row| row.0.as_bytes()).collect(),
            rows.iter().map(|row| row.1.as_bytes()).collect(),
            images.iter().map(Vec::as_slice).collect(),
        ];
        for column in columns {
            let values: Vec<ByteArray> = column.into_iter().map(ByteArray::from).collect();
            let mut writer = group.next_column().unwrap().unwrap();
            writer.typed::<ByteArrayType>().write_batch(&values, None, None).unwrap();
            writer.close().unwrap();
        }
        group.close().unwrap();
    }
    writer.close().unwrap();
    file
}

/// A pool of five ESMs and `t.npz`, a target of their dimension.
pub(crate) fn pool() -> Hub {
    let hub = Hub::with(&["acme/reviews", "mr", "trec", "cola", "acme/movies"]);
    hub.write("t.npz", target(60, 8, 3, 1));
    hub
}

/// The names of a ranking, best first.
pub(crate) fn names(ranking: &Value) -> Vec<&str> {
    ranking["results"].as_array().unwrap().iter().map(|esm| esm["name"].as_str().unwrap()).collect()
}
