//! The anchor set that ships with esmhub: ten domains of short English texts, written for it.

use esmhub_store_format::AnchorSet;
use esmhub_store_format::anchors::AnchorDomain;

/// Label and texts, one to a line. The order is part of the set's digest.
const DOMAINS: [(&str, &str); 10] = [
    ("assistant", include_str!("../../anchors/assistant.txt")),
    ("encyclopedia", include_str!("../../anchors/encyclopedia.txt")),
    ("forum", include_str!("../../anchors/forum.txt")),
    ("instructions", include_str!("../../anchors/instructions.txt")),
    ("linguistics", include_str!("../../anchors/linguistics.txt")),
    ("news", include_str!("../../anchors/news.txt")),
    ("pairs", include_str!("../../anchors/pairs.txt")),
    ("questions", include_str!("../../anchors/questions.txt")),
    ("reviews", include_str!("../../anchors/reviews.txt")),
    ("social", include_str!("../../anchors/social.txt")),
];

/// The set.
pub(crate) fn built_in() -> AnchorSet {
    let domain = |(label, lines): (&str, &str)| AnchorDomain {
        label: label.to_owned(),
        texts: lines.lines().filter(|line| !line.trim().is_empty()).map(str::to_owned).collect(),
    };
    AnchorSet {
        license: Some("MIT OR Apache-2.0".to_owned()),
        origin: Some("written for esmhub; ships with it".to_owned()),
        domains: DOMAINS.into_iter().map(domain).collect(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::collections::HashSet;

    use super::built_in;

    #[test]
    fn built_in_set_is_one_that_a_registry_takes() {
        let set = built_in();
        assert!(set.domains.len() >= 8 && (1500..=3000).contains(&set.len()), "{} texts", set.len());
        set.to_canonical().unwrap();
        let different: HashSet<&str> = set.texts().collect();
        assert_eq!(different.len(), set.len(), "a text stands there twice");
        assert!(set.texts().all(|text| !text.chars().any(char::is_control) && text.len() < 400));
    }
}
