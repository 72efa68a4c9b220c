//! Power loss while a log entry that nobody has any more is given up: its place is held before anything says that it is
//! lost, so that the gap is damage or a loss in every state, and never the end of the log.

use std::fs;
use std::time::Duration;

use esmhub_registry::Registry;

use crate::disk::{read, write};
use crate::power_loss::{Bench, Scenario};
use crate::replay::History;
use crate::trace::{can_trace, record};
use crate::world::{by, figure, skipped};

#[test]
fn entry_that_is_given_up_when_the_power_fails_is_named_or_lost_and_hides_nothing() {
    if !can_trace() {
        return skipped("entry_that_is_given_up_when_the_power_fails", "strace cannot trace here");
    }
    let scenario = Scenario {
        name: "given up",
        before: &["init", "publish esms/a", "publish esms/b"],
        command: "verify --repair --accept-loss",
    };
    let bench = Bench::new(&scenario);
    fs::remove_file(bench.pool.join("log/00000000000000000001")).unwrap();
    let before = read(&bench.disk);
    let recorded = record(&bench.command(scenario.command), &bench.disk);
    let (mut states, mut given_up) = (0, 0);
    History::new(&bench.disk, &before, &recorded).each_state(100, |disk, acknowledged| {
        let folder = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
        write(folder.path(), disk);
        let pool = folder.path().join("pool");
        let registry = Registry::open(&pool, None).unwrap();
        let catalog = registry.catalog().unwrap();
        let lost: Vec<(u64, u64)> = catalog.lost().collect();
        assert!(lost == [(1, 1)] || !acknowledged, "{lost:?}");
        assert_ne!(lost.is_empty(), catalog.damaged().is_empty(), "the gap is taken for nothing");
        // Whoever had read the log to there would not look behind it.
        assert!(lost.is_empty() || pool.join("log/00000000000000000001").exists(), "nothing holds its place");
        assert!(catalog.resolve(&"b:v1".parse().unwrap()).is_ok());
        registry.accept_loss(&by(), Duration::ZERO).unwrap();
        registry.yank(&"b:v1".parse().unwrap(), &by(), false).unwrap();
        assert_eq!(registry.verify(&|_| ()).unwrap().problems, []);
        states += 1;
        given_up += usize::from(!lost.is_empty());
    });
    assert!(given_up > 0 && given_up < states, "{given_up} of {states}");
    figure("power loss while an entry is given up, states", states);
}
