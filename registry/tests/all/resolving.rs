//! References: what each form means, and what is said where it means nothing or several things.

use esmhub_registry::{ErrorKind, Pattern, RegistryError, State};

use crate::support::*;

#[test]
fn a_bare_name_is_its_newest_tag_in_log_order_that_is_not_yanked() {
    let pool = Pool::new();
    let registry = pool.open();
    let (first, second) = (pool.publish("a:v9", 1), pool.publish("a:v1", 2));
    let bare = |expected| {
        let catalog = registry.catalog().unwrap();
        assert_eq!(catalog.resolve(&reference("A")).unwrap().digest(), expected);
    };
    bare(second);
    registry.yank(&reference("a:v1"), &by(), false).unwrap();
    bare(first);
    registry.unyank(&reference("a:v1"), &by(), false).unwrap();
    bare(second);
    registry.remove(&reference("a:v1"), &by(), false).unwrap();
    bare(first);
    registry.yank(&reference("a:v9"), &by(), false).unwrap();
    let catalog = registry.catalog().unwrap();
    let error = catalog.resolve(&reference("a")).unwrap_err();
    assert_eq!((error.kind(), error.suggestions()), (ErrorKind::NotFound, &["a:v9".to_owned()][..]));
    assert!(catalog.resolve(&reference("a:v9")).unwrap().is_yanked());
}

#[test]
fn a_removed_reference_is_said_to_be_removed() {
    let pool = Pool::new();
    let registry = pool.open();
    let digest = pool.publish("a", 1);
    registry.remove(&reference("a:v1"), &by(), false).unwrap();
    let catalog = registry.catalog().unwrap();
    for text in ["a".to_owned(), "a:v1".into(), format!("@{digest}"), format!("a@{digest}")] {
        let error = catalog.resolve(&reference(&text)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound);
        assert!(error.to_string().contains("removed by log entry 2"), "{error}");
    }
    assert_eq!(catalog.esms().count(), 0);
    assert_eq!(catalog.history_of(&reference("a:v1")).unwrap().len(), 2);
    for again in [registry.yank(&reference("a:v1"), &by(), false), registry.remove(&reference("a:v1"), &by(), false)] {
        assert_eq!(again.unwrap_err().kind(), ErrorKind::NotFound);
    }
}

#[test]
fn digests_find_by_prefix_and_list_what_is_ambiguous() {
    let pool = Pool::new();
    let registry = pool.open();
    let digest = pool.publish("a", 1);
    pool.publish("b", 1);
    registry.yank(&reference("a:v1"), &by(), false).unwrap();
    let catalog = registry.catalog().unwrap();
    let prefix = &digest.to_string()[..8];
    assert_eq!(catalog.resolve(&reference(&format!("@{prefix}"))).unwrap().name(), &name("b"));
    assert_eq!(catalog.resolve(&reference(&format!("a@{prefix}"))).unwrap().state(), State::Yanked);
    let absent = catalog.resolve(&reference("@00000000")).unwrap_err();
    assert_eq!(absent.kind(), ErrorKind::NotFound);
    pool.publish("a", 2);
    let disagree = registry.catalog().unwrap();
    let error = disagree.resolve(&reference(&format!("a:v2@{prefix}"))).unwrap_err();
    assert!(matches!(error, RegistryError::Disagreement { .. }), "{error}");
}

#[test]
fn a_prefix_of_two_digests_lists_both() {
    let pool = Pool::new();
    // Eight equal hex digits take some 65,000 cards to happen; the seed of a pair that has them was searched for once.
    let (one, two) = colliding_cards();
    publish(&pool.open(), &[one, two]).unwrap();
    let catalog = pool.open().catalog().unwrap();
    let prefix = catalog.esms().next().unwrap().digest().to_string()[..8].to_owned();
    let error = catalog.resolve(&reference(&format!("@{prefix}"))).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Ambiguous);
    let names: Vec<_> = error.candidates().iter().map(|c| c.name.to_string()).collect();
    assert_eq!(names, ["one", "two"]);
    assert!(catalog.resolve(&reference(&format!("one@{prefix}"))).is_ok());
}

fn colliding_cards() -> (esmhub_registry::NewEsm, esmhub_registry::NewEsm) {
    let object = object(1);
    let numbered = |number: u64| {
        let mut card = card(&object);
        card.extra.insert("n".into(), number.to_string());
        card
    };
    let mut seen = std::collections::HashMap::new();
    for number in 0u64.. {
        let prefix = numbered(number).digest().unwrap().to_string()[..8].to_owned();
        if let Some(other) = seen.insert(prefix, number) {
            let esm = |text: &str, number| {
                esmhub_registry::NewEsm::new(name(text), None, numbered(number), object.clone()).unwrap()
            };
            return (esm("one", other), esm("two", number));
        }
    }
    unreachable!("there are 2^32 prefixes")
}

#[test]
fn a_mistyped_name_is_answered_with_those_it_may_mean() {
    let pool = Pool::new();
    pool.publish("cardiffnlp/tweet_emotion", 1);
    pool.publish("trec", 2);
    let catalog = pool.open().catalog().unwrap();
    for typed in ["cardiffnlp/tweet_emotoin", "tweet_emotion", "cardiff/tweet_emotions"] {
        let error = catalog.resolve(&reference(typed)).unwrap_err();
        assert_eq!(error.suggestions(), ["cardiffnlp/tweet_emotion"], "{typed}");
    }
    let tag = catalog.resolve(&reference("trec:v7")).unwrap_err();
    assert_eq!(tag.suggestions(), ["trec:v1"]);
    assert!(catalog.resolve(&reference("zzz")).unwrap_err().suggestions().is_empty());
}

#[test]
fn yanking_takes_an_exact_reference_only() {
    let pool = Pool::new();
    let registry = pool.open();
    let digest = pool.publish("a", 1);
    let bare = registry.yank(&reference("a"), &by(), false).unwrap_err();
    assert_eq!((bare.kind(), bare.suggestions()), (ErrorKind::Usage, &["a:v1".to_owned()][..]));
    let before = snapshot(&pool.root());
    let dry = registry.yank(&reference("a:v1"), &by(), true).unwrap();
    assert_eq!((dry.entry, snapshot(&pool.root()) == before), (None, true));
    let done = registry.yank(&reference(&format!("@{digest}")), &by(), false).unwrap();
    assert_eq!((done.entry, done.tag.as_str()), (Some(2), "v1"));
    assert_eq!(registry.yank(&reference("a:v1"), &by(), false).unwrap().entry, None, "it is yanked already");
    pool.publish("b", 1);
    let shared = registry.yank(&reference(&format!("@{digest}")), &by(), false).unwrap_err();
    assert_eq!((shared.kind(), shared.candidates().len()), (ErrorKind::Ambiguous, 2));
}

#[test]
fn history_tells_who_did_what_in_order() {
    let pool = Pool::new();
    let registry = pool.open();
    pool.publish("a", 1);
    pool.publish("b", 2);
    registry.yank(&reference("a:v1"), &by(), false).unwrap();
    let catalog = registry.catalog().unwrap();
    let verbs: Vec<_> = catalog.history().iter().map(|event| (event.entry, event.what.verb())).collect();
    assert_eq!(verbs, [(1, "publish"), (2, "publish"), (3, "yank")]);
    let of_a = catalog.history_of(&reference("A")).unwrap();
    assert_eq!(of_a.iter().map(|event| event.entry).collect::<Vec<_>>(), [1, 3]);
    assert_eq!(catalog.history_of(&reference("c")).unwrap_err().kind(), ErrorKind::NotFound);
    assert_eq!(catalog.matching(&Pattern::new("*")).count(), 2);
    assert_eq!(catalog.matching(&Pattern::new("B")).count(), 1);
}
