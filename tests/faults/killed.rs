//! `kill -9` of commands that write, at random moments and at every call: what was acknowledged is there, nothing half-made
//! is seen, and the next command just works, with the same cache. The long run:
//!
//! ```text
//! ESMHUB_TEST_ROUNDS=300 cargo test -p esmhub --test faults killed -- --nocapture
//! ```

use std::fs;
use std::process::{Child, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::support::{Hub, Random};
use crate::trace::can_trace;
use crate::world::{Held, esm, figure, number, skipped, under};

/// A command that runs until it ends or is killed; what it prints goes into a file.
struct Running {
    name: String,
    child: Child,
}

impl Running {
    fn start(hub: &Hub, name: String, arguments: &[&str]) -> Self {
        let out = fs::File::create(hub.path(format!("{name}.out"))).unwrap();
        let mut command = hub.command();
        command.args(arguments).arg("--json").stdout(out).stderr(Stdio::null());
        Self { name, child: command.spawn().unwrap() }
    }

    /// Kills it after this time, or lets it end; whether it was killed before its end, and whether it had acknowledged
    /// anything.
    fn end(mut self, hub: &Hub, after: Option<Duration>) -> (bool, bool) {
        if let Some(after) = after {
            sleep(after);
            // It may have ended.
            let _ = self.child.kill();
        }
        let status = self.child.wait().unwrap();
        let printed = fs::read_to_string(hub.path(format!("{}.out", self.name))).unwrap();
        let acknowledged = serde_json::from_str::<serde_json::Value>(&printed).is_ok();
        assert!(acknowledged || status.code() != Some(0), "it succeeded and said nothing");
        assert!(matches!(status.code(), None | Some(0)), "it failed by itself: {status}");
        (status.code().is_none(), acknowledged)
    }
}

/// What must be there: every reference whose publishing or yanking was acknowledged.
#[derive(Default)]
struct Acknowledged {
    published: Vec<String>,
    yanked: Vec<String>,
}

impl Acknowledged {
    fn check(&self, hub: &Hub) {
        let held = Held::in_folder(&hub.path("pool"));
        for reference in &self.published {
            assert!(held.0.contains_key(reference), "{reference} was acknowledged, and is lost");
        }
        for reference in &self.yanked {
            assert_eq!(held.0[reference].1, esmhub_registry::State::Yanked, "{reference}: its yank was acknowledged");
        }
        // The next command just works, and with its index it sees what is there.
        let listed = hub.json(["list", "--all"]);
        assert_eq!(listed["esms"].as_array().unwrap().len(), held.0.len());
    }
}

/// What many rounds have come to.
#[derive(Default)]
struct Tally {
    kills: usize,
    acknowledged: usize,
}

/// So many rounds are done on one registry: each checks all that the ones before it wrote.
const SERIES: usize = 25;

#[test]
fn what_was_acknowledged_before_a_kill_is_there_after_it() {
    let rounds = number("ESMHUB_TEST_ROUNDS", 24);
    let mut random = Random::new(11);
    let mut tally = Tally::default();
    for done in (0..rounds).step_by(SERIES) {
        series(SERIES.min(rounds - done), &mut random, &mut tally);
    }
    figure("kill -9, rounds", rounds);
    figure("kill -9, commands killed", tally.kills);
    figure("kill -9, ESMs published or yanked and acknowledged", tally.acknowledged);
    figure("kill -9, acknowledged and lost", 0);
    assert!(tally.kills > 0, "nobody was killed");
}

fn series(rounds: usize, random: &mut Random, tally: &mut Tally) {
    let hub = Hub::new();
    let mut known = Acknowledged::default();
    let begun = Instant::now();
    let first = esm(&hub, "first");
    hub.ok(["publish", &first]);
    let whole = begun.elapsed();
    known.published.push("first:v1".to_owned());
    for round in 0..rounds {
        let name = |at: usize| format!("n{round}-{at}");
        let folders: Vec<String> = (0..3).map(|at| esm(&hub, &name(at))).collect();
        // Two that publish, and often one that yanks what was published.
        let mut running = vec![
            (vec![format!("{}:v1", name(0)), format!("{}:v1", name(1))], false),
            (vec![format!("{}:v1", name(2))], false),
        ];
        let mut commands = vec![
            Running::start(&hub, format!("{round}-batch"), &["publish", &folders[0], &folders[1]]),
            Running::start(&hub, format!("{round}-one"), &["publish", &folders[2]]),
        ];
        if let Some(target) = known.published.get(random.below(2 * known.published.len())).cloned() {
            commands.push(Running::start(&hub, format!("{round}-yank"), &["yank", &target]));
            running.push((vec![target], true));
        }
        for (command, (references, yanks)) in commands.into_iter().zip(running) {
            let after = Duration::from_micros(random.below(3 * whole.as_micros() as usize) as u64);
            let (killed, acknowledged) = command.end(&hub, (random.below(4) > 0).then_some(after));
            tally.kills += usize::from(killed);
            if acknowledged {
                if yanks { known.yanked.extend(references) } else { known.published.extend(references) }
            }
        }
        known.check(&hub);
    }
    // All that was cut off goes through when it is done again.
    for round in 0..rounds {
        let folders: Vec<String> = (0..3).map(|at| format!("esms/n{round}-{at}")).collect();
        hub.ok(["publish"].into_iter().chain(folders.iter().map(String::as_str)));
    }
    assert_eq!(Held::in_folder(&hub.path("pool")).0.len(), 1 + 3 * rounds);
    tally.acknowledged += known.published.len() + known.yanked.len();
}

/// The calls by which a command changes a registry, one of each after the other.
const CALLS: [&str; 6] = ["mkdir", "openat", "write", "fsync", "linkat", "unlink"];

#[test]
fn killed_at_every_call_a_command_leaves_all_or_nothing() {
    if !can_trace() {
        return skipped("killed_at_every_call_a_command_leaves_all_or_nothing", "strace cannot trace here");
    }
    let hub = Hub::new();
    let first = esm(&hub, "first");
    hub.ok(["publish", &first]);
    let mut kills = 0;
    for call in CALLS {
        // Opening is mostly reading; each fifth is enough.
        let step = if call == "openat" { 5 } else { 1 };
        for at in (1..).step_by(step) {
            let names = [format!("{call}-{at}-a"), format!("{call}-{at}-b")];
            let folders = names.each_ref().map(|name| esm(&hub, name));
            let before = Held::in_folder(&hub.path("pool")).0.len();
            let mut command = hub.command();
            command.arg("publish").args(&folders);
            let trace = ["strace", "-f", "-o", "/dev/null", "-e"].map(str::to_owned);
            let inject = [format!("trace={call}"), "-e".to_owned(), format!("inject={call}:signal=KILL:when={at}")];
            let output = under(trace.iter().chain(&inject), &command).output().unwrap();
            let after = Held::in_folder(&hub.path("pool")).0.len();
            assert!([before, before + 2].contains(&after), "half a batch: {call} {at}");
            assert!(output.stdout.is_empty() || after == before + 2, "acknowledged and lost: {call} {at}");
            hub.ok(["publish"].into_iter().chain(folders.iter().map(String::as_str)));
            assert_eq!(Held::in_folder(&hub.path("pool")).0.len(), before + 2);
            assert_eq!(hub.json(["list"])["esms"].as_array().unwrap().len(), before + 2);
            if output.status.success() {
                break;
            }
            kills += 1;
        }
    }
    figure("killed at a call, commands", kills);
    assert!(kills > 20, "{kills}");
}
