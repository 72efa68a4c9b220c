//! What a report says, read back from its markup without the command's own code.

use roxmltree::{Document, Node};
use serde_json::Value;

/// An ESM as a page or a chart marks it: its `data-` attributes, and its text.
#[derive(Debug)]
pub(crate) struct Marked {
    attributes: Vec<(String, String)>,
    pub(crate) text: String,
}

impl Marked {
    /// An attribute, without `data-`.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    fn number(&self, name: &str) -> Option<f64> {
        self.get(name).map(|value| value.parse().unwrap())
    }
}

/// The body of a page, which is written so that a reader of XML can read it, or a whole SVG file.
pub(crate) fn marked(text: &str) -> String {
    match text.split_once("<main>") {
        Some((_, rest)) => format!("<main>{}</main>", rest.split_once("</main>").unwrap().0),
        None => text.to_owned(),
    }
}

/// All text below an element, without what only a pointer shows.
pub(crate) fn plain(node: Node) -> String {
    let shown =
        node.descendants().filter(|n| n.is_text() && n.parent().is_some_and(|p| p.tag_name().name() != "title"));
    shown.filter_map(|n| n.text()).collect()
}

/// Every ESM, in the order of the document.
fn esms(document: &Document) -> Vec<Marked> {
    let rows = document
        .descendants()
        .filter(|node| node.attribute("class").is_some_and(|class| class.split(' ').any(|class| class == "esm")));
    let one = |node: Node| Marked {
        attributes: node
            .attributes()
            .filter_map(|a| Some((a.name().strip_prefix("data-")?.to_owned(), a.value().to_owned())))
            .collect(),
        text: plain(node),
    };
    rows.map(one).collect()
}

/// Whether both are the same number, or none. The reader of JSON errs in the last bit now and then.
fn same(found: Option<f64>, expected: &Value) -> bool {
    match (found, expected.as_f64()) {
        (Some(found), Some(expected)) => (found - expected).abs() <= f64::EPSILON * expected.abs(),
        (found, expected) => found == expected,
    }
}

fn both(found: [Option<f64>; 2], interval: &Value) -> bool {
    found.into_iter().zip([&interval[0], &interval[1]]).all(|(found, expected)| same(found, expected))
}

/// Asserts that a page, or a chart, shows the first `count` ESMs of a ranking: every number is that of the document, and what people read is that number, rounded. Gives the ESMs back.
pub(crate) fn page_agrees(markup: &str, ranking: &Value, count: usize) -> Vec<Marked> {
    let markup = marked(markup);
    let document = Document::parse(&markup).unwrap_or_else(|error| panic!("{error}: {markup}"));
    let shown = esms(&document);
    let results = ranking["results"].as_array().unwrap();
    assert_eq!(shown.len(), count, "{markup}");
    for (marked, esm) in shown.iter().zip(results) {
        for text in ["name", "tag", "digest"] {
            assert_eq!(marked.get(text), esm[text].as_str(), "{marked:?}");
        }
        for number in ["rank", "score", "gain", "overlap", "tie-group"] {
            assert!(same(marked.number(number), &esm[number.replace('-', "_")]), "{number}: {marked:?}, {esm}");
        }
        let ends = |name: &str| [format!("{name}-low"), format!("{name}-high")].map(|end| marked.number(&end));
        assert!(both(ends("score"), &esm["interval"]), "{marked:?}, {esm}");
        assert!(both(ends("gain"), &esm["gain_interval"]), "{marked:?}, {esm}");
        let mut gain = format!("{:+.4}", esm["gain"].as_f64().unwrap()).replace('-', "\u{2212}");
        if let [Some(low), Some(high)] = ends("gain") {
            gain.push_str(&format!(" ±{:.4}", (high - low) / 2.0));
            gain.push_str(if low > 1e-9 { "*" } else { "" });
        }
        assert_eq!(marked.text.contains('*'), gain.contains('*'), "{marked:?}");
        assert!(marked.text.contains(&gain), "{gain:?} is not shown: {marked:?}");
    }
    let baseline = document.descendants().find(|node| node.attribute("class") == Some("baseline")).unwrap();
    assert!(same(baseline.attribute("data-score").map(|score| score.parse().unwrap()), &ranking["baseline"]["score"]));
    shown
}
