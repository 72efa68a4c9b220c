//! Calls of the system that fail, one at a time: a full disk at every step, and a disk that cannot write. The command
//! fails and says why, or succeeds and has done it; and a sync that failed is never taken for one that worked, for the
//! system may tell of a failure only once.

use crate::support::hub::Output;
use crate::support::{Hub, damage};
use crate::trace::can_trace;
use crate::world::{Held, esm, figure, skipped, under};

/// A call, the error that it ends with, and how the command puts it.
const FAULTS: [(&str, &str, &str); 8] = [
    ("mkdir", "ENOSPC", "No space left on device"),
    ("write", "ENOSPC", "No space left on device"),
    ("write", "EIO", "Input/output error"),
    ("linkat", "ENOSPC", "No space left on device"),
    ("linkat", "EIO", "Input/output error"),
    ("fsync", "ENOSPC", "No space left on device"),
    ("fsync", "EIO", "Input/output error"),
    ("unlink", "EIO", "Input/output error"),
];

#[test]
fn call_that_fails_is_never_taken_for_one_that_worked() {
    if !can_trace() {
        return skipped("call_that_fails_is_never_taken_for_one_that_worked", "strace cannot trace here");
    }
    let hub = Hub::new();
    let first = esm(&hub, "first");
    hub.ok(["publish", &first]);
    let (mut failed, mut survived) = (0, 0);
    for (call, error, said) in FAULTS {
        for at in 1.. {
            let name = format!("{call}-{error}-{at}");
            let folders = ["a", "b"].map(|part| esm(&hub, &format!("{name}-{part}")));
            let before = Held::in_folder(&hub.path("pool"));
            let (output, calls) = run_failing(&hub, call, error, at, &["publish", &folders[0], &folders[1]]);
            let injected = calls.is_injected();
            let held = Held::in_folder(&hub.path("pool"));
            assert!(held == before || held.0.len() == before.0.len() + 2, "{name}: half a batch");
            // Printing comes last: by then it is done or has failed, and the exit code still says that something went wrong.
            let printing = call == "write" && (held != before || calls.say_error() && output.stderr.is_empty());
            match output.code {
                0 => assert_eq!(held.0.len(), before.0.len() + 2, "{name}: acknowledged and lost"),
                1 => assert!(output.stderr.contains(said) || printing, "{name}: {output:#?}"),
                code => panic!("{name}: {code}: {output:#?}"),
            }
            if injected && call == "fsync" {
                assert_eq!(output.code, 1, "{name}: acknowledged, although a sync failed");
            }
            hub.ok(["publish"].into_iter().chain(folders.iter().map(String::as_str)));
            assert_eq!(Held::in_folder(&hub.path("pool")).0.len(), before.0.len() + 2);
            if !injected {
                break;
            }
            if output.code == 0 { survived += 1 } else { failed += 1 }
        }
    }
    figure("failing calls, publishes that failed and said why", failed);
    figure("failing calls, publishes that succeeded all the same", survived);
    figure("failing calls, acknowledged and lost", 0);
    // strace counts the calls of each thread by themselves, and a batch has many threads; `bulk` lets every sync fail by itself.
    assert!(failed > 14, "{failed}");
}

/// The calls of a collection and of a repair, and the errors that they end with.
const KEEPING: [(&str, &str, &str); 7] = [
    ("mkdir", "ENOSPC", "No space left on device"),
    ("write", "ENOSPC", "No space left on device"),
    ("linkat", "ENOSPC", "No space left on device"),
    ("rename", "ENOSPC", "No space left on device"),
    ("rename", "EIO", "Input/output error"),
    ("fsync", "EIO", "Input/output error"),
    ("unlink", "EIO", "Input/output error"),
];

/// What strace wrote of a command's calls.
struct Calls(String);

impl Calls {
    /// Whether one of them was made to fail.
    fn is_injected(&self) -> bool {
        self.0.contains("(INJECTED)")
    }

    /// Whether the command tried to print an error. strace counts the calls of each thread: where one thread's write of a file
    /// fails, that of the error may be the one of the same number of another.
    fn say_error(&self) -> bool {
        self.0.contains("write(2, \"error: ")
    }
}

/// Runs the command while the call of this number fails; what it said, and its calls.
fn run_failing(hub: &Hub, call: &str, error: &str, at: usize, arguments: &[&str]) -> (Output, Calls) {
    let mut command = hub.command();
    command.args(arguments).arg("--no-cache");
    let trace = hub.path("trace");
    let (watch, inject) = (format!("trace={call}"), format!("inject={call}:error={error}:when={at}"));
    let strace = ["strace", "-f", "-o", trace.to_str().unwrap(), "-e", &watch, "-e", &inject].map(str::to_owned);
    let output = Hub::finish(&mut under(&strace, &command));
    (output, Calls(std::fs::read_to_string(&trace).unwrap()))
}

/// The same for a collection or a repair, which says why; whether a call failed.
fn with_failing(hub: &Hub, (call, error, said): (&str, &str, &str), at: usize, arguments: &[&str]) -> bool {
    let (output, calls) = run_failing(hub, call, error, at, arguments);
    // A report that cannot be printed says nothing; all else says why.
    let said_why = output.code == 0 || output.stderr.contains(said) || call == "write";
    assert!(said_why && [0, 1].contains(&output.code), "{call} {error} {at}: {output:#?}");
    calls.is_injected()
}

#[test]
fn collection_or_repair_that_fails_anywhere_loses_nothing_and_can_be_repeated() {
    if !can_trace() {
        return skipped("collection_or_repair_that_fails_anywhere_loses_nothing", "strace cannot trace here");
    }
    let mut failed = 0;
    for fault in KEEPING {
        for at in 1.. {
            let hub = Hub::with(&["a", "b", "c"]);
            hub.ok(["remove", "c:v1"]);
            let before = Held::in_folder(&hub.path("pool"));
            let collected = with_failing(&hub, fault, at, &["gc"]);
            assert_eq!(Held::in_folder(&hub.path("pool")), before, "{fault:?} {at}");
            assert_eq!(hub.json(["verify"])["sound"], true, "{fault:?} {at}");
            assert_eq!(hub.json(["gc"])["kept"]["files"], 2, "{fault:?} {at}");
            assert_eq!(hub.json(["verify"])["trash"]["files"], 1, "{fault:?} {at}");

            let copied =
                std::process::Command::new("cp").arg("-r").arg(hub.path("pool")).arg(hub.path("copy")).status();
            assert!(copied.unwrap().success());
            damage(&hub.object_of("b"));
            damage(&hub.path("pool/log/00000000000000000002"));
            let repaired = with_failing(&hub, fault, at, &["verify", "--repair", "--from", "copy"]);
            assert_eq!(hub.json(["verify", "--repair", "--from", "copy"])["sound"], true, "{fault:?} {at}");
            assert_eq!(Held::in_folder(&hub.path("pool")), before, "{fault:?} {at}");
            if !collected && !repaired {
                break;
            }
            failed += usize::from(collected) + usize::from(repaired);
        }
    }
    figure("failing calls in gc and repair, lost", 0);
    figure("failing calls in gc and repair, tried", failed);
    assert!(failed > 20, "{failed}");
}
