//! Many processes on one directory, doing everything at once: no publish is lost, no error is not the user's, and of
//! several who race for one tag exactly one wins. The long run:
//!
//! ```text
//! ESMHUB_TEST_PROCESSES=32 ESMHUB_TEST_ROUNDS=40 cargo test -p esmhub --test faults soak -- --nocapture
//! ```

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Barrier, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use crate::support::hub::Output;
use crate::support::{EsmFolder, Hub, Random, target};
use crate::world::{DIMENSION, Held, esm, figure, number};

/// What a process does at its turn. Reading and writing alike: whoever adds a command that changes a registry adds it here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Work {
    Publish,
    PublishBatch,
    Pull,
    Rank,
    Yank,
    Remove,
    Collect,
    Verify,
    List,
}

const WORKS: [Work; 13] = [
    Work::Publish,
    Work::Publish,
    Work::Publish,
    Work::PublishBatch,
    Work::Pull,
    Work::Pull,
    Work::Rank,
    Work::Yank,
    Work::Remove,
    Work::Collect,
    Work::Collect,
    Work::Verify,
    Work::List,
];

/// What all processes know.
#[derive(Default)]
struct Known {
    /// Acknowledged, in the order in which it was learnt.
    published: Vec<String>,
    yanked: BTreeSet<String>,
    longest: Vec<(Duration, Work)>,
    commands: usize,
    /// Commands that failed by no fault of the user, and answers that were wrong.
    failures: usize,
}

struct Soak {
    hub: Hub,
    known: Mutex<Known>,
}

impl Soak {
    /// Runs a command, which must succeed.
    fn run(&self, who: usize, work: Work, arguments: &[&str]) -> Output {
        let mut command = self.hub.command();
        // Every other process is another user's, with a cache of their own.
        if who % 2 == 1 {
            command.env("ESMHUB_CACHE", self.hub.path(format!("cache-{who}")));
        }
        let begun = Instant::now();
        let output = Hub::finish(command.args(arguments));
        let mut known = self.known.lock().unwrap();
        known.longest.push((begun.elapsed(), work));
        known.longest.sort_by(|a, b| b.cmp(a));
        known.longest.truncate(1);
        known.commands += 1;
        output
    }

    fn ok(&self, who: usize, work: Work, arguments: &[&str]) -> Output {
        let output = self.run(who, work, arguments);
        assert_eq!(output.code, 0, "{work:?} {arguments:?}: {output:#?}");
        output
    }

    /// Does something. What fails is counted, and the others go on: whoever stopped would keep them waiting for a race.
    fn noted(&self, work: impl FnOnce()) {
        if catch_unwind(AssertUnwindSafe(work)).is_err() {
            self.known.lock().unwrap().failures += 1;
        }
    }

    fn any(&self, random: &mut Random) -> String {
        let known = self.known.lock().unwrap();
        known.published[random.below(known.published.len())].clone()
    }

    fn turn(&self, who: usize, turn: usize, random: &mut Random) {
        let work = WORKS[random.below(WORKS.len())];
        match work {
            Work::Publish | Work::PublishBatch => {
                let count = if work == Work::Publish { 1 } else { 5 };
                let names: Vec<String> = (0..count).map(|at| format!("n{who}-{turn}-{at}")).collect();
                let folders: Vec<String> = names.iter().map(|name| esm(&self.hub, name)).collect();
                let arguments: Vec<&str> = ["publish"].into_iter().chain(folders.iter().map(String::as_str)).collect();
                self.ok(who, work, &arguments);
                let mut known = self.known.lock().unwrap();
                known.published.extend(names.iter().map(|name| format!("{name}:v1")));
            }
            Work::Pull => {
                let reference = self.any(random);
                let folder = format!("pulled-{who}-{turn}");
                self.ok(who, work, &["pull", &reference, "--output", &folder]);
                let (weight, bias) = EsmFolder::bits_in(&self.hub.path(folder));
                assert_eq!((weight.len(), bias.len()), (DIMENSION * DIMENSION, DIMENSION), "a part of an object");
            }
            Work::Rank => {
                let output = self.ok(who, work, &["rank", "t.npz", "-q"]);
                assert!(!output.stdout.is_empty());
            }
            Work::Yank => {
                let reference = self.any(random);
                // The first one stays, so that there is always one to rank.
                if reference != "first:v1" {
                    self.ok(who, work, &["yank", &reference]);
                    self.known.lock().unwrap().yanked.insert(reference);
                }
            }
            Work::Remove => {
                // Nobody else has this one. Its content is published again under another name, at once or in the next turn,
                // while others collect garbage.
                let (name, again) = (format!("gone-{who}-{turn}"), format!("again-{who}-{turn}"));
                let folder = esm(&self.hub, &name);
                self.ok(who, work, &["publish", &folder]);
                self.ok(who, work, &["remove", &format!("{name}:v1")]);
                self.ok(who, work, &["publish", &folder, "--name", &again]);
                self.known.lock().unwrap().published.push(format!("{again}:v1"));
            }
            Work::Collect => drop(self.ok(who, work, &["gc"])),
            Work::Verify => drop(self.ok(who, work, &["verify"])),
            Work::List => {
                let before = self.known.lock().unwrap().published.clone();
                let output = self.ok(who, work, &["list", "--all", "-q"]);
                let listed: BTreeSet<&str> = output.stdout.lines().collect();
                let lost: Vec<_> = before.iter().filter(|reference| !listed.contains(reference.as_str())).collect();
                assert!(lost.is_empty(), "acknowledged, and not listed: {lost:?}");
            }
        }
    }

    /// All publish other content under one tag at the same moment.
    fn race(&self, who: usize, round: usize, winners: &Mutex<Vec<usize>>) {
        let name = format!("race-{who}-{round}");
        let folder = esm(&self.hub, &name);
        let output =
            self.run(who, Work::Publish, &["publish", &folder, "--name", "race", "--tag", &format!("t{round}")]);
        match output.code {
            0 => winners.lock().unwrap().push(round),
            15 => assert!(output.stdout.is_empty() && output.stderr.contains("race:t"), "{output:#?}"),
            _ => panic!("{output:#?}"),
        }
    }
}

#[test]
fn everything_at_once_loses_nothing() {
    let processes = number("ESMHUB_TEST_PROCESSES", 8);
    let rounds = number("ESMHUB_TEST_ROUNDS", 6);
    let soak = Soak { hub: Hub::new(), known: Mutex::default() };
    soak.hub.write("t.npz", target(60, DIMENSION, 3, 1));
    let first = esm(&soak.hub, "first");
    soak.hub.ok(["publish", &first]);
    soak.known.lock().unwrap().published.push("first:v1".into());
    let (start, winners) = (Barrier::new(processes), Mutex::new(Vec::new()));
    let begun = Instant::now();
    thread::scope(|scope| {
        for who in 0..processes {
            let (soak, start, winners) = (&soak, &start, &winners);
            scope.spawn(move || {
                let mut random = Random::new(who as u64);
                for round in 0..rounds {
                    soak.noted(|| soak.turn(who, round, &mut random));
                    if round % 3 == 0 {
                        start.wait();
                        soak.noted(|| soak.race(who, round, winners));
                    }
                }
            });
        }
    });
    let seconds = begun.elapsed().as_secs_f64();
    let known = soak.known.into_inner().unwrap();
    assert_eq!(known.failures, 0, "errors that are not the user's; each is shown above");
    let held = Held::in_folder(&soak.hub.path("pool"));
    for reference in &known.published {
        let (_, state, _) = held.0.get(reference).unwrap_or_else(|| panic!("{reference} is lost"));
        let yanked = known.yanked.contains(reference);
        assert_eq!(*state == esmhub_registry::State::Yanked, yanked, "{reference}");
    }
    let mut won = winners.into_inner().unwrap();
    won.sort_unstable();
    assert_eq!(won, (0..rounds).step_by(3).collect::<Vec<_>>(), "of those who race for a tag exactly one wins");
    assert_eq!(held.0.len(), known.published.len() + won.len());
    let verified = soak.hub.json(["verify"]);
    assert_eq!(verified["staged"], serde_json::json!([]), "{verified}");
    let (longest, work) = known.longest[0];
    figure("soak, processes", processes);
    figure("soak, commands", known.commands);
    figure("soak, commands per second", format!("{:.1}", known.commands as f64 / seconds));
    figure("soak, longest wait in seconds", format!("{:.2} ({work:?})", longest.as_secs_f64()));
    figure("soak, ESMs published", known.published.len() + won.len());
    figure("soak, acknowledged and lost", 0);
    figure("soak, errors that are not the user's", known.failures);
}
