//! Sync: a registry gets what it lacks of another one, once, and loses nothing of its own.

use std::collections::{BTreeMap, HashMap};
use std::fs;

use esmhub_registry::{Registry, RepairOptions, Signature, SyncOptions, Synced, Why};
use esmhub_store_format::log::{Action, Outcome, Published, Target, Writer};
use esmhub_store_format::{Digest, frame};

use super::support::{Pool, Random, anchors, by, copy_folder, esm, flip, publish, reference, snapshot};

fn other(user: &str, time: u64) -> Signature {
    let program = "esmhub 0.1.0".into();
    Signature { writer: Writer { user: user.into(), host: "engine".into(), program }, time }
}

fn at_time(step: u64) -> Signature {
    other("ada", 1_000 + step)
}

fn sync(from: &Registry, to: &Registry) -> Synced {
    to.sync(from, &other("syncer", 9), &SyncOptions::default()).unwrap()
}

fn outcome(registry: &Registry, of: &str, value: Option<f64>) -> Outcome {
    let catalog = registry.catalog().unwrap();
    let esm = catalog.resolve(&reference(of)).unwrap();
    Outcome {
        target: "t".into(),
        data: None,
        base: "acme/encoder".into(),
        esm: Some(Target { name: esm.name().clone(), tag: esm.tag().clone(), digest: esm.digest() }),
        metric: "accuracy".into(),
        lower_is_better: false,
        value,
        score: None,
    }
}

fn values(registry: &Registry) -> Vec<f64> {
    registry.catalog().unwrap().outcomes().map(|(_, outcome)| outcome.value.unwrap()).collect()
}

fn references(registry: &Registry) -> Vec<String> {
    registry.catalog().unwrap().esms().map(|esm| esm.reference().to_string()).collect()
}

const NAMES: [&str; 3] = ["a", "b/c", "d"];
const TAGS: [&str; 2] = ["v1", "v2"];

#[derive(Clone, Copy, PartialEq, Debug)]
enum Is {
    Live,
    Yanked,
    Removed,
}

#[derive(Clone, Copy, PartialEq, Debug)]
enum Did {
    Publish(u64),
    Yank,
    Unyank,
    Remove,
    Measure(u64),
}

/// A registry as a map, and what happened in it, each with a number that it keeps wherever it is copied to.
#[derive(Default)]
struct Model {
    refs: BTreeMap<String, (u64, Is)>,
    did: Vec<(u64, String, Did)>,
    values: Vec<u64>,
}

impl Model {
    fn apply(&mut self, event: u64, of: &str, did: Did) {
        match did {
            Did::Publish(content) => drop(self.refs.insert(of.to_owned(), (content, Is::Live))),
            Did::Yank => self.refs.get_mut(of).unwrap().1 = Is::Yanked,
            Did::Unyank => self.refs.get_mut(of).unwrap().1 = Is::Live,
            Did::Remove => self.refs.get_mut(of).unwrap().1 = Is::Removed,
            Did::Measure(value) => self.values.push(value),
        }
        self.did.push((event, of.to_owned(), did));
    }

    /// What a sync from the other one should do; the conflicts, and what was removed here.
    fn sync(&mut self, from: &Self) -> (usize, usize) {
        let (mut conflicts, mut removed) = (0, 0);
        let before = self.did.clone();
        for (event, of, did) in &from.did {
            let (content, is) = from.refs[of];
            let here = self.refs.get(of).copied();
            let is_same = here.is_some_and(|(held, is)| held == content && is != Is::Removed);
            let is_new = !self.did.iter().any(|(known, ..)| known == event);
            // The later of two stands, whoever of them came first: events are numbered as time goes on.
            let last = |did: &[(u64, String, Did)]| {
                let changes =
                    did.iter().filter(|(_, other, did)| other == of && matches!(did, Did::Yank | Did::Unyank));
                changes.map(|(event, ..)| *event).next_back()
            };
            let is_last = last(&from.did) == Some(*event) && last(&before).is_none_or(|here| here < *event);
            let wanted = match did {
                Did::Publish(_) if is == Is::Removed => false,
                Did::Publish(_) => match here {
                    None => true,
                    Some((_, Is::Removed)) => {
                        removed += 1;
                        false
                    }
                    Some((held, _)) => {
                        conflicts += usize::from(held != content);
                        false
                    }
                },
                Did::Yank => is_new && is_last && is_same && here.unwrap().1 == Is::Live,
                Did::Unyank => is_new && is_last && is_same && here.unwrap().1 == Is::Yanked,
                Did::Remove => false,
                Did::Measure(_) => is_new && here.is_some_and(|(held, _)| held == content),
            };
            if wanted {
                self.apply(*event, of, *did);
            }
        }
        (conflicts, removed)
    }
}

/// Three registries under random hands, synced from one another now and then, do what three maps do: nothing comes back as an echo.
#[test]
fn three_registries_are_what_three_maps_are() {
    for seed in 0..12 {
        let mut random = Random(seed);
        let pools = [Pool::fleeting(), Pool::fleeting(), Pool::fleeting()];
        let registries = pools.each_ref().map(|pool| pool.open_indexed());
        let mut models = [Model::default(), Model::default(), Model::default()];
        for step in 0..200 {
            let at = random.below(3);
            let registry = &registries[at];
            let of = format!("{}:{}", random.pick(&NAMES), random.pick(&TAGS));
            let is = models[at].refs.get(&of).map(|(_, is)| *is);
            let wanted = reference(&of);
            match (random.below(7), is) {
                (0 | 1, None) => {
                    let content = random.next() % 2;
                    publish(registry, &[esm(&of, content)]).unwrap();
                    models[at].apply(step, &of, Did::Publish(content));
                }
                (2, Some(Is::Live)) => {
                    registry.yank(&wanted, &at_time(step), false).unwrap();
                    models[at].apply(step, &of, Did::Yank);
                }
                (2, Some(Is::Yanked)) => {
                    registry.unyank(&wanted, &at_time(step), false).unwrap();
                    models[at].apply(step, &of, Did::Unyank);
                }
                (3, Some(Is::Live | Is::Yanked)) if random.below(4) == 0 => {
                    registry.remove(&wanted, &by(), false).unwrap();
                    models[at].apply(step, &of, Did::Remove);
                }
                (4, Some(Is::Live | Is::Yanked)) => {
                    registry.record(&[outcome(registry, &of, Some(step as f64))], &by(), false).unwrap();
                    models[at].apply(step, &of, Did::Measure(step));
                }
                (5, _) => {
                    let other = (at + 1 + random.below(2)) % 3;
                    let mut model = std::mem::take(&mut models[at]);
                    let (conflicts, removed) = model.sync(&models[other]);
                    models[at] = model;
                    let entries = registry.catalog().unwrap().entries();
                    let told = registry
                        .sync(&registries[other], &by(), &SyncOptions { dry_run: true, ..SyncOptions::default() })
                        .unwrap();
                    assert_eq!(registry.catalog().unwrap().entries(), entries, "a dry run wrote");
                    let done = sync(&registries[other], registry);
                    assert_eq!(
                        (done.conflicts.len(), done.left.len()),
                        (conflicts, removed),
                        "seed {seed}, step {step}"
                    );
                    assert_eq!(
                        (&told.published, told.outcomes, &told.yanked),
                        (&done.published, done.outcomes, &done.yanked)
                    );
                    assert_eq!((&told.conflicts, &told.left), (&done.conflicts, &done.left));
                }
                _ => {}
            }
            for (registry, model) in registries.iter().zip(&models) {
                let catalog = registry.catalog().unwrap();
                let state = |esm: &esmhub_registry::Esm| if esm.is_yanked() { Is::Yanked } else { Is::Live };
                let found: BTreeMap<String, (Digest, Is)> =
                    catalog.esms().map(|one| (one.reference().to_string(), (one.digest(), state(one)))).collect();
                let expected = model.refs.iter().filter(|(_, (_, is))| *is != Is::Removed);
                let expected: BTreeMap<String, (Digest, Is)> =
                    expected.map(|(of, (content, is))| (of.clone(), (esm(of, *content).card_digest(), *is))).collect();
                assert_eq!(found, expected, "seed {seed}, step {step}");
                let mut values: Vec<u64> = values(registry).into_iter().map(|value| value as u64).collect();
                values.sort_unstable();
                let mut expected = model.values.clone();
                expected.sort_unstable();
                assert_eq!(values, expected, "seed {seed}, step {step}");
            }
        }
        // Whoever goes round often enough comes to the same, but for what is in conflict.
        for _ in 0..3 {
            for (to, from) in [(0, 1), (1, 2), (2, 0), (0, 2), (2, 1), (1, 0)] {
                sync(&registries[from], &registries[to]);
            }
        }
        let [a, b, c] = registries.each_ref().map(|registry| {
            let catalog = registry.catalog().unwrap();
            catalog
                .esms()
                .map(|esm| ((esm.reference().to_string(), esm.digest()), esm.is_yanked()))
                .collect::<BTreeMap<_, _>>()
        });
        for (one, other) in [(&a, &b), (&b, &c), (&a, &c)] {
            for (esm, yanked) in one {
                assert!(other.get(esm).is_none_or(|there| there == yanked), "seed {seed}: {esm:?}");
            }
        }
        for registry in &registries {
            let report = registry.verify(&|_| {}).unwrap();
            assert!(report.problems.is_empty(), "{:?}", report.problems);
        }
    }
}

#[test]
fn who_published_first_and_when_is_kept_from_registry_to_registry() {
    let pools = [Pool::new(), Pool::new(), Pool::new()];
    let [a, b, c] = pools.each_ref().map(Pool::open);
    a.publish(&[esm("x", 1)], &other("ada", 11), &Default::default()).unwrap();
    b.publish(&[esm("y", 2)], &other("bob", 22), &Default::default()).unwrap();
    sync(&a, &b);
    sync(&b, &c);
    let catalog = c.catalog().unwrap();
    let of = |name: &str| {
        let esm = catalog.resolve(&reference(name)).unwrap();
        let origin = esm.origin().unwrap();
        (esm.writer().user.clone(), esm.time(), origin.registry, origin.entry)
    };
    assert_eq!(of("x"), ("ada".into(), 11, a.id(), 1));
    assert_eq!(of("y"), ("bob".into(), 22, b.id(), 1));
    let event = &catalog.history()[0];
    assert_eq!((event.writer.user.as_str(), event.time), ("bob", 22));
    assert_eq!(sync(&a, &c).published, [], "it is there already, by another way");
    assert_eq!(catalog.entries(), 1, "what comes at once is one entry");
}

#[test]
fn what_is_damaged_there_stays_out_and_comes_once_it_is_repaired() {
    let (from, to) = (Pool::new(), Pool::new());
    for (name, seed) in [("a", 1), ("b", 2), ("c", 3)] {
        from.publish(name, seed);
    }
    from.open().yank(&reference("b:v1"), &by(), false).unwrap();
    let object = from.object(&esm("b", 2).card().weights.digest);
    let whole = fs::read(&object).unwrap();
    flip(&object, whole.len() / 2);
    let done = sync(&from.open(), &to.open());
    assert_eq!(references(&to.open()), ["a:v1", "c:v1"]);
    assert!(
        matches!(&done.left[..], [left] if left.target.name.to_string() == "b" && matches!(left.why, Why::Damaged(_)))
    );
    fs::write(&object, whole).unwrap();
    let done = sync(&from.open(), &to.open());
    assert_eq!((done.published.len(), done.yanked.len(), done.left.len()), (1, 1, 0));
    let catalog = to.open().catalog().unwrap();
    assert!(catalog.resolve(&reference("b:v1")).unwrap().is_yanked(), "its yank came before, and comes with it");
    assert!(to.open().verify(&|_| {}).unwrap().problems.is_empty());
    assert_eq!(sync(&from.open(), &to.open()).entries, 0);
}

#[test]
fn outcomes_come_once_and_those_that_were_taken_back_do_not() {
    let (from, to) = (Pool::new(), Pool::new());
    let (a, b) = (from.open(), to.open());
    from.publish("x", 1);
    from.publish("y", 2);
    let record = |of: &str, value| a.record(&[outcome(&a, of, value)], &by(), false).unwrap();
    record("x", Some(0.5));
    record("y", Some(0.1));
    record("y", None);
    to.publish("x", 1);
    let done = sync(&a, &b);
    assert_eq!((done.outcomes, done.published.len()), (1, 1));
    assert_eq!(values(&b), [0.5]);
    record("x", Some(0.5));
    assert_eq!(sync(&a, &b).outcomes, 1, "measured again, and the same came out");
    assert_eq!(sync(&a, &b).entries, 0);
    assert_eq!(values(&b), [0.5, 0.5]);
    record("x", None);
    let done = sync(&a, &b);
    let kept: Vec<_> = done.outcomes_kept.iter().map(|outcome| outcome.value).collect();
    assert_eq!((kept, values(&b).len()), (vec![Some(0.5), Some(0.5)], 2), "nothing is taken away, and it is named");
}

#[test]
fn a_copy_of_a_registry_is_one_byte_by_byte_and_gets_only_what_it_lacks() {
    let (from, place) = (Pool::new(), tempfile::tempdir().unwrap());
    for (name, seed) in [("a", 1), ("b", 2)] {
        from.publish(name, seed);
    }
    fs::write(from.file("trusted-keys"), "ada ssh-ed25519 AAAA\n").unwrap();
    let bytes = |pool: &std::path::Path| -> HashMap<_, _> {
        let all = snapshot(pool).into_iter().filter(|(path, _)| path.is_file());
        all.map(|(path, (bytes, _))| (path.strip_prefix(pool).unwrap().to_owned(), bytes)).collect()
    };
    let root = place.path().join("copy");
    let copy = Registry::begin_copy(&root, &from.open(), None).unwrap();
    let done = sync(&from.open(), &copy);
    assert_eq!((done.is_copy, done.entries, done.objects), (true, 2, 2));
    assert_eq!(bytes(&from.root()), bytes(&root));
    let before = snapshot(&root);
    assert_eq!(sync(&from.open(), &copy).entries, 0);
    assert_eq!(snapshot(&root), before, "nothing is written where nothing is new");
    from.publish("c", 3);
    from.open().remove(&reference("a:v1"), &by(), false).unwrap();
    assert_eq!((sync(&from.open(), &copy).entries, references(&copy)), (2, vec!["b:v1".to_owned(), "c:v1".to_owned()]));
    // The other way there is nothing to do, until the copy has a history of its own.
    assert_eq!(sync(&copy, &from.open()).entries, 0);
    publish(&copy, &[esm("d", 4)]).unwrap();
    assert_eq!(sync(&copy, &from.open()).entries, 1);
    publish(&copy, &[esm("e", 5)]).unwrap();
    from.publish("f", 6);
    for (one, other) in [(&from.open(), &copy), (&copy, &from.open())] {
        let parted = one.sync(other, &by(), &SyncOptions::default()).unwrap_err();
        assert!(parted.to_string().contains("both were written to"), "{parted}");
    }
    assert!(copy.verify(&|_| {}).unwrap().problems.is_empty());
}

#[test]
fn a_copy_lacks_no_object_that_its_log_needs() {
    let (from, place) = (Pool::new(), tempfile::tempdir().unwrap());
    from.publish("a", 1);
    from.publish("b", 2);
    let object = from.object(&esm("a", 1).card().weights.digest);
    fs::remove_file(object).unwrap();
    let copy = Registry::begin_copy(place.path().join("copy"), &from.open(), None).unwrap();
    let refused = copy.sync(&from.open(), &by(), &SyncOptions::default()).unwrap_err();
    assert!(refused.to_string().contains("it is missing"), "{refused}");
    assert_eq!(copy.catalog().unwrap().entries(), 0);
    from.open().remove(&reference("a:v1"), &by(), false).unwrap();
    assert_eq!(sync(&from.open(), &copy).entries, 3);
}

/// Entries of the same numbers are others, and what came before does not come twice.
#[test]
fn a_log_that_was_set_back_gives_what_is_new_and_nothing_twice() {
    let (from, to) = (Pool::new(), Pool::new());
    from.publish("a", 1);
    let a = from.open();
    a.record(&[outcome(&a, "a", Some(0.5))], &by(), false).unwrap();
    let backup = tempfile::tempdir().unwrap();
    copy_folder(&from.root(), backup.path());
    a.record(&[outcome(&a, "a", Some(0.6))], &by(), false).unwrap();
    sync(&a, &to.open());
    fs::remove_dir_all(from.root()).unwrap();
    copy_folder(backup.path(), &from.root());
    let a = from.open();
    a.record(&[outcome(&a, "a", Some(0.7))], &by(), false).unwrap();
    from.publish("b", 2);
    let done = sync(&a, &to.open());
    assert_eq!((done.published.len(), done.outcomes, values(&to.open())), (1, 1, vec![0.5, 0.6, 0.7]));
}

/// Who may write to the other registry may write any card.
#[test]
fn a_card_that_is_not_of_its_object_does_not_come() {
    let (from, to) = (Pool::new(), Pool::new());
    from.publish("a", 1);
    let mut lying = esm("b", 1).card().clone();
    lying.weights.dimension += 1;
    let card = lying.to_canonical().unwrap();
    let publish = |name: &str, card: Vec<u8>| {
        let (name, tag) = (name.parse().unwrap(), "v1".parse().unwrap());
        Action::Publish(Published { name, tag, card }).to_record().unwrap()
    };
    // And one whose object is bytes that are none.
    let mut nothing = esm("c", 1).card().clone();
    nothing.weights.digest = Digest::of(b"nothing");
    let object = from.object(&nothing.weights.digest);
    fs::create_dir_all(object.parent().unwrap()).unwrap();
    fs::write(&object, frame::encode(frame::Content::Object, b"nothing").unwrap()).unwrap();
    from.append(vec![publish("b", card), publish("c", nothing.to_canonical().unwrap())]);
    let done = sync(&from.open(), &to.open());
    assert_eq!(references(&to.open()), ["a:v1"]);
    let why: Vec<&Why> = done.left.iter().map(|left| &left.why).collect();
    assert!(matches!(why[..], [Why::Card(_), Why::Damaged(_)]), "{why:?}");
    assert!(!to.object(&nothing.weights.digest).exists());
}

#[test]
fn what_several_sync_and_publish_at_once_is_there_once() {
    let (from, to) = (Pool::new(), Pool::new());
    let batch: Vec<_> = (0..40).map(|seed| esm(&format!("n{seed}"), seed)).collect();
    batch.chunks(5).for_each(|batch| drop(publish(&from.open(), batch).unwrap()));
    let a = from.open();
    a.record(&[outcome(&a, "n0", Some(0.5))], &by(), false).unwrap();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| sync(&from.open(), &to.open()));
        }
        scope
            .spawn(|| (0..10).for_each(|at| drop(publish(&to.open(), &[esm(&format!("own{at}"), 100 + at)]).unwrap())));
    });
    let mut found = references(&to.open());
    found.sort();
    found.dedup();
    assert_eq!((found.len(), values(&to.open())), (50, vec![0.5]));
    let report = to.open().verify(&|_| {}).unwrap();
    assert!(report.problems.is_empty(), "{:?}", report.problems);
}

/// A backup must not give up what the original has lost: it may be the last to have it.
#[test]
fn a_copy_keeps_what_was_declared_lost_in_the_original() {
    let (from, place) = (Pool::new(), tempfile::tempdir().unwrap());
    for (name, seed) in [("a", 1), ("b", 2), ("c", 3)] {
        from.publish(name, seed);
    }
    let copy = Registry::begin_copy(place.path().join("copy"), &from.open(), None).unwrap();
    sync(&from.open(), &copy);
    flip(&from.entry(2), 100);
    let options = RepairOptions { accept_loss: true, ..RepairOptions::default() };
    from.open().repair(&by(), &options).unwrap();
    assert_eq!(references(&from.open()), ["a:v1", "c:v1"]);
    let refused = copy.sync(&from.open(), &by(), &SyncOptions::default()).unwrap_err();
    assert!(refused.to_string().contains("declared lost there, and is whole in this copy"), "{refused}");
    assert_eq!(references(&copy), ["a:v1", "b:v1", "c:v1"]);
}

/// Of what was published and removed, the entry comes before the removal: for as long as that takes, its object is there.
#[test]
fn a_copy_is_sound_after_every_entry() {
    let (from, place) = (Pool::new(), tempfile::tempdir().unwrap());
    from.publish("a", 1);
    from.open().remove(&reference("a:v1"), &by(), false).unwrap();
    let root = place.path().join("copy");
    let copy = Registry::begin_copy(&root, &from.open(), None).unwrap();
    sync(&from.open(), &copy);
    fs::remove_file(root.join("log/00000000000000000002")).unwrap();
    let report = Registry::open(&root, None).unwrap().verify(&|_| {}).unwrap();
    assert!(report.problems.is_empty(), "{:?}", report.problems);
}

#[test]
fn damaged_anchors_are_named_and_come_once_they_are_repaired() {
    let (from, to) = (Pool::new(), Pool::new());
    let set = anchors(1);
    from.open().set_anchors("acme/encoder", Some(&set), &by(), false).unwrap();
    let digest = from.open().catalog().unwrap().known_anchors("acme/encoder").unwrap().digest();
    let object = from.object(&digest);
    let whole = fs::read(&object).unwrap();
    flip(&object, 70);
    let done = sync(&from.open(), &to.open());
    assert_eq!((done.anchors.len(), done.anchors_left.len(), done.other_anchors.len()), (0, 1, 0));
    fs::write(&object, whole).unwrap();
    assert_eq!(sync(&from.open(), &to.open()).anchors, ["acme/encoder"]);
}

#[test]
fn outcomes_that_are_better_the_other_way_round_are_named_and_stay_out() {
    let (from, to) = (Pool::new(), Pool::new());
    for pool in [&from, &to] {
        pool.publish("a", 1);
    }
    let (a, b) = (from.open(), to.open());
    a.record(&[outcome(&a, "a", Some(0.5))], &by(), false).unwrap();
    let lower = Outcome { lower_is_better: true, ..outcome(&b, "a", Some(0.7)) };
    b.record(&[lower], &by(), false).unwrap();
    let done = sync(&a, &b);
    assert_eq!((done.outcomes, done.contrary.len(), values(&b)), (0, 1, vec![0.7]));
}
