//! Outcomes: kept, taken back, and nothing without what they are about.

use esmhub_registry::{Happening, Registry};
use esmhub_store_format::Digest;
use esmhub_store_format::log::{Outcome, Target};

use super::support::{Pool, by, esm, publish};

fn target_of(registry: &Registry, reference: &str) -> Target {
    let catalog = registry.catalog().unwrap();
    let esm = catalog.resolve(&reference.parse().unwrap()).unwrap();
    Target { name: esm.name().clone(), tag: esm.tag().clone(), digest: esm.digest() }
}

fn outcome(esm: Option<Target>, metric: &str, value: Option<f64>) -> Outcome {
    Outcome {
        target: "tickets.csv".into(),
        data: Some(Digest::of(b"rows")),
        base: "acme/Encoder".into(),
        esm,
        metric: metric.into(),
        lower_is_better: false,
        value,
        score: Some(("exact".into(), -0.31)),
    }
}

fn values(registry: &Registry) -> Vec<(Option<String>, String, f64)> {
    let catalog = registry.catalog().unwrap();
    let of = |outcome: &Outcome| {
        (
            outcome.esm.as_ref().map(|esm| format!("{}:{}", esm.name, esm.tag)),
            outcome.metric.clone(),
            outcome.value.unwrap(),
        )
    };
    catalog.outcomes().map(|(_, outcome)| of(outcome)).collect()
}

#[test]
fn outcomes_add_up_until_they_are_taken_back_whoever_reads() {
    let pool = Pool::new();
    let registry = pool.open();
    publish(&registry, &[esm("a", 1), esm("b", 2)]).unwrap();
    let [a, b] = ["a", "b"].map(|name| Some(target_of(&registry, name)));
    let record = |outcomes: &[Outcome]| registry.record(outcomes, &by(), false).unwrap().entry;
    assert_eq!(record(&[outcome(a.clone(), "accuracy", Some(0.8)), outcome(None, "accuracy", Some(0.7))]), Some(2));
    assert_eq!(record(&[outcome(a.clone(), "accuracy", Some(0.9)), outcome(b.clone(), "f1", Some(0.5))]), Some(3));
    let name = |name: &str| Some(format!("{name}:v1"));
    let accuracy = || "accuracy".to_owned();
    let all = [
        (None, accuracy(), 0.7),
        (name("a"), accuracy(), 0.8),
        (name("a"), accuracy(), 0.9),
        (name("b"), "f1".into(), 0.5),
    ];
    assert_eq!(values(&registry), all);
    // The base model's case does not matter.
    let mut back = outcome(a.clone(), "accuracy", None);
    back.base = "ACME/encoder".into();
    assert_eq!(registry.record(&[back.clone()], &by(), true).unwrap().entry, None);
    assert_eq!(values(&registry), all);
    assert_eq!(record(&[back.clone()]), Some(4));
    let left = [all[0].clone(), all[3].clone()];
    for reader in [&registry, &pool.open(), &pool.open_indexed()] {
        assert_eq!(values(reader), left);
    }
    // Nothing is left to take back, and nothing is written for it.
    assert_eq!(record(&[back]), None);
    assert_eq!(registry.catalog().unwrap().entries(), 4);
    assert_eq!(record(&[outcome(a, "accuracy", Some(0.1))]), Some(5));
    assert_eq!(values(&registry).len(), 3);
    let catalog = registry.catalog().unwrap();
    let verbs: Vec<_> = catalog.history().iter().map(|event| event.what.verb()).collect();
    assert_eq!(verbs, ["publish", "publish", "record", "record", "record", "record", "withdraw", "record"]);
    assert!(matches!(catalog.history().last().unwrap().what, Happening::Outcome(_)));
}

#[test]
fn an_outcome_of_what_was_never_published_is_refused_and_one_of_what_was_removed_stays() {
    let pool = Pool::new();
    let registry = pool.open();
    publish(&registry, &[esm("a", 1)]).unwrap();
    let a = target_of(&registry, "a");
    let others = [
        Target { name: "c".parse().unwrap(), ..a.clone() },
        Target { tag: "v2".parse().unwrap(), ..a.clone() },
        Target { digest: Digest::of(b"other"), ..a.clone() },
    ];
    for other in others {
        let refused = registry.record(&[outcome(Some(other), "accuracy", Some(0.5))], &by(), false);
        assert!(refused.unwrap_err().to_string().contains("tickets.csv"));
    }
    for odd in [f64::NAN, f64::INFINITY] {
        assert!(registry.record(&[outcome(Some(a.clone()), "accuracy", Some(odd))], &by(), false).is_err());
    }
    assert!(registry.record(&[outcome(Some(a.clone()), "top 5", Some(0.5))], &by(), false).is_err());
    assert_eq!(registry.catalog().unwrap().entries(), 1);
    registry.record(&[outcome(Some(a.clone()), "accuracy", Some(0.5))], &by(), false).unwrap();
    registry.remove(&"a:v1".parse().unwrap(), &by(), false).unwrap();
    assert_eq!(values(&registry).len(), 1);
    // And may still be recorded: it came out.
    registry.record(&[outcome(Some(a), "f1", Some(0.5))], &by(), false).unwrap();
    assert_eq!(values(&pool.open()).len(), 2);
    assert!(registry.verify(&|_| ()).unwrap().problems.is_empty());
}
