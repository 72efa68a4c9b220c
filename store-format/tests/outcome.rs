//! Records of outcomes, against bytes that were written by hand from SPEC.md (R46).
#![allow(clippy::unwrap_used)]

use esmhub_store_format::log::{Action, Outcome, Target};
use esmhub_store_format::{Digest, FormatError};

fn text(text: &str) -> Vec<u8> {
    [&(text.len() as u64).to_le_bytes(), text.as_bytes()].concat()
}

fn outcome() -> Outcome {
    Outcome {
        target: "tickets.csv".into(),
        data: Some(Digest::from_bytes([9; 32])),
        base: "acme/encoder".into(),
        esm: Some(Target {
            name: "acme/reviews".parse().unwrap(),
            tag: "v2".parse().unwrap(),
            digest: Digest::from_bytes([7; 32]),
        }),
        metric: "rmse".into(),
        lower_is_better: true,
        value: Some(0.83),
        score: Some(("exact".into(), -0.31)),
    }
}

#[test]
fn bytes_are_those_of_the_specification() {
    let written = [
        text("tickets.csv"),
        [vec![1], vec![9; 32]].concat(),
        text("acme/encoder"),
        [vec![1], text("acme/reviews"), text("v2"), vec![7; 32]].concat(),
        text("rmse"),
        vec![1],
        [vec![1], 0.83_f64.to_le_bytes().to_vec()].concat(),
        [vec![1], text("exact"), (-0.31_f64).to_le_bytes().to_vec()].concat(),
    ];
    let record = Action::Outcome(outcome()).to_record().unwrap();
    assert_eq!((record.kind, record.flags), (8, 0));
    assert_eq!(record.payload, written.concat());
    assert_eq!(Action::from_record(&record).unwrap(), Action::Outcome(outcome()));
    let least = Outcome { data: None, esm: None, lower_is_better: false, value: None, score: None, ..outcome() };
    let record = Action::Outcome(least.clone()).to_record().unwrap();
    let written = [text("tickets.csv"), vec![0], text("acme/encoder"), vec![0], text("rmse"), vec![0, 0, 0]];
    assert_eq!(record.payload, written.concat());
    assert_eq!(Action::from_record(&record).unwrap(), Action::Outcome(least));
}

#[test]
fn what_breaks_a_rule_is_never_written() {
    let broken = [
        Outcome { target: String::new(), ..outcome() },
        Outcome { target: "t".repeat(513), ..outcome() },
        Outcome { target: "a\u{1b}[2J".into(), ..outcome() },
        Outcome { base: "a\nb".into(), ..outcome() },
        Outcome { metric: "top 5".into(), ..outcome() },
        Outcome { metric: String::new(), ..outcome() },
        Outcome { metric: "m".repeat(65), ..outcome() },
        Outcome { value: Some(f64::NAN), ..outcome() },
        Outcome { score: Some(("exact".into(), f64::INFINITY)), ..outcome() },
        Outcome { score: Some(("é".into(), 0.0)), ..outcome() },
    ];
    for outcome in broken {
        let refused = Action::Outcome(outcome.clone()).to_record();
        assert!(matches!(refused, Err(FormatError::Invalid { .. })), "{outcome:?}");
    }
    let longest = Outcome { target: "t".repeat(512), base: "b".repeat(512), metric: "m".repeat(64), ..outcome() };
    assert!(Action::Outcome(longest).to_record().is_ok());
}
