//! Power loss: the file operations of a command are recorded, and every state that a disk may be in after any of them is
//! checked, as far as the syncs leave it open (see [`crate::replay`]).
//!
//! In each state: what was acknowledged is there; a transaction is seen whole or not at all, and nothing half-made is;
//! and the same command, given again, succeeds. The long run, with a larger sample where the states are too many to try
//! them all, and with a killed writer before every command:
//!
//! ```text
//! ESMHUB_TEST_ROUNDS=1000 cargo test -p esmhub --test faults power_loss -- --nocapture
//! ```

use std::fs;
use std::panic::catch_unwind;
use std::path::{Path, PathBuf};
use std::process::Command;

use esmhub_registry::{ErrorKind, Esm, NewEsm, PublishOptions, Registry, Settings, State};
use tempfile::TempDir;

use crate::disk::{Disk, read, write};
use crate::replay::History;
use crate::support::{Hub, line};
use crate::trace::{Operation, Recorded, can_trace, record, record_killed};
use crate::world::{Held, by, esm, figure, number, skipped};

/// A command whose writing is cut off.
pub(crate) struct Scenario {
    pub(crate) name: &'static str,
    /// Command lines that were acknowledged, and whose doing lasts, before.
    pub(crate) before: &'static [&'static str],
    pub(crate) command: &'static str,
}

const SCENARIOS: [Scenario; 11] = [
    Scenario { name: "init", before: &[], command: "init" },
    Scenario { name: "shared init", before: &[], command: "init --shared" },
    Scenario { name: "first publish", before: &["init"], command: "publish esms/a" },
    Scenario { name: "second publish", before: &["init", "publish esms/a"], command: "publish esms/b --tag first" },
    Scenario { name: "batch", before: &["init", "publish esms/a"], command: "publish esms/b esms/c esms/d esms/e" },
    Scenario { name: "another name", before: &["init", "publish esms/a"], command: "publish esms/a --name other" },
    Scenario { name: "shared publish", before: &["init --shared"], command: "publish esms/a esms/b" },
    Scenario { name: "yank", before: &["init", "publish esms/a esms/b"], command: "yank a:v1" },
    Scenario { name: "remove", before: &["init", "publish esms/a esms/b"], command: "remove b:v1" },
    Scenario { name: "gc", before: &["init", "publish esms/a esms/b", "remove b:v1"], command: "gc" },
    Scenario {
        name: "gc without grace",
        before: &["init --grace 0s", "publish esms/a esms/b", "remove b:v1"],
        command: "gc",
    },
];

#[test]
fn no_acknowledged_command_is_lost_with_the_power() {
    if !can_trace() {
        return skipped("no_acknowledged_command_is_lost_with_the_power", "strace cannot trace here");
    }
    let mut all = Count::default();
    for scenario in &SCENARIOS {
        let bench = Bench::new(scenario);
        let recorded = record(&bench.command(scenario.command), &bench.disk);
        let found = bench.check(scenario.name, &recorded);
        figure(&format!("power loss, {}: states", scenario.name), found.states);
        assert!(found.states > 5, "{}: {} states are too few", scenario.name, found.states);
        all = Count { moments: all.moments + found.moments, states: all.states + found.states };
    }
    figure("power loss, moments", all.moments);
    figure("power loss, states", all.states);
    figure("power loss, acknowledged and lost", 0);
}

/// What a colleague was killed over is there, but perhaps not for long: whoever relies on it must make it last first.
#[test]
fn what_a_killed_writer_left_is_made_to_last() {
    if !can_trace() {
        return skipped("what_a_killed_writer_left_is_made_to_last", "strace cannot trace here");
    }
    let mut states = 0;
    let short = |scenario: &&Scenario| rounds() > SHORT || ["first publish", "yank"].contains(&scenario.name);
    for scenario in SCENARIOS.iter().filter(|scenario| !scenario.before.is_empty()).filter(short) {
        for sync in 1.. {
            let bench = Bench::new(scenario);
            let (killed, mut recorded) = record_killed(&bench.command(scenario.command), &bench.disk, sync);
            if !killed {
                break;
            }
            recorded.retain(|one| one.operation != Operation::Acknowledge);
            let later = recorded.last().map_or(0, |last| last.end + 1);
            let again = record(&bench.command(scenario.again()), &bench.disk);
            let again = again.into_iter().map(|one| Recorded { start: one.start + later, end: one.end + later, ..one });
            recorded.extend(again);
            states += bench.check(scenario.name, &recorded).states;
        }
    }
    figure("power loss after a killed writer, states", states);
    assert!(states > 50);
}

impl Scenario {
    /// The command given again: removing twice is refused, and so says nothing of what the first did.
    fn again(&self) -> &'static str {
        if self.name == "remove" { "publish esms/a" } else { self.command }
    }
}

/// How many states are tried at a moment at which they are too many, and whether this is the long run.
fn rounds() -> usize {
    number("ESMHUB_TEST_ROUNDS", SHORT)
}

const SHORT: usize = 100;

#[derive(Default)]
struct Count {
    moments: usize,
    states: usize,
}

/// A registry in a folder that is a disk of its own, as far as is recorded.
pub(crate) struct Bench {
    hub: Hub,
    pub(crate) disk: PathBuf,
    pub(crate) pool: PathBuf,
    before: Disk,
    held: Option<Held>,
}

impl Bench {
    pub(crate) fn new(scenario: &Scenario) -> Self {
        let hub = Hub::without_registry();
        for name in ["a", "b", "c", "d", "e"] {
            esm(&hub, name);
        }
        fs::create_dir(hub.path("disk")).unwrap();
        let disk = hub.path("disk").canonicalize().unwrap();
        let pool = disk.join("pool");
        let mut bench = Self { hub, disk, pool, before: Disk::new(), held: None };
        for command in scenario.before {
            let output = Hub::finish(&mut bench.command(command));
            assert_eq!(output.code, 0, "{output:#?}");
        }
        bench.before = read(&bench.disk);
        bench.held = scenario.before.first().map(|_| Held::in_folder(&bench.pool));
        bench
    }

    pub(crate) fn command(&self, text: &str) -> Command {
        let mut command = self.hub.command();
        command.env("ESMHUB_REGISTRY", &self.pool).args(line(text)).arg("--no-cache");
        command
    }

    /// Checks every state that was possible while this was done.
    fn check(&self, name: &str, recorded: &[Recorded]) -> Count {
        let truth = Truth::of(&self.pool, self.held.clone());
        let mut states = 0;
        let moments = History::new(&self.disk, &self.before, recorded).each_state(rounds(), |disk, acknowledged| {
            states += 1;
            let checked = catch_unwind(|| truth.check(disk, acknowledged));
            assert!(checked.is_ok(), "{name}: acknowledged: {acknowledged}, left: {:#?}", names(disk));
        });
        Count { moments, states }
    }
}

fn names(disk: &Disk) -> Vec<(&Path, Option<usize>)> {
    disk.iter().map(|(path, content)| (path.as_path(), content.as_ref().map(Vec::len))).collect()
}

/// What was there before a command, and what is there after it.
struct Truth {
    /// `None` where there was no registry.
    before: Option<Held>,
    after: Held,
    batch: Vec<NewEsm>,
    settings: Settings,
}

impl Truth {
    fn of(pool: &Path, before: Option<Held>) -> Self {
        let registry = Registry::open(pool, None).unwrap();
        let after = Held::by(&registry);
        let catalog = registry.catalog().unwrap();
        let again = |esm: &Esm| {
            let fetched = registry.fetch(esm).unwrap();
            NewEsm::new(esm.name().clone(), Some(esm.tag().clone()), fetched.card, fetched.object).unwrap()
        };
        Self { before, after, batch: catalog.esms().map(again).collect(), settings: registry.settings() }
    }

    fn check(&self, disk: &Disk, acknowledged: bool) {
        // In memory where that can be: what is checked is what is there, and not whether it lasts.
        let folder = tempfile::tempdir_in("/dev/shm").or_else(|_| TempDir::new()).unwrap();
        write(folder.path(), disk);
        let pool = folder.path().join("pool");
        match Registry::open(&pool, None) {
            Ok(registry) => {
                let held = Held::by(&registry);
                let whole = held == self.after || (!acknowledged && Some(&held) == self.before.as_ref());
                assert!(whole, "{held:?} is there, acknowledged: {acknowledged}");
            }
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::NotARegistry, "{error}");
                assert!(!acknowledged && self.before.is_none(), "the registry is gone");
            }
        }
        self.do_again(&pool);
    }

    /// The same again, or what of it is not there yet.
    fn do_again(&self, pool: &Path) {
        let registry = Registry::init(pool, &self.settings, None).unwrap().registry;
        registry.publish(&self.batch, &by(), &PublishOptions::default()).unwrap();
        for reference in Held::by(&registry).references() {
            let parsed = reference.parse().unwrap();
            match self.after.0.get(reference) {
                None => drop(registry.remove(&parsed, &by(), false).unwrap()),
                Some((_, State::Yanked, _)) => drop(registry.yank(&parsed, &by(), false).unwrap()),
                Some(_) => {}
            }
        }
        assert_eq!(Held::by(&registry), self.after);
    }
}
