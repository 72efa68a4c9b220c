//! A disk with no room left, at every step of a command: the error is clear, nothing that was acknowledged is lost, all can
//! be read, and once there is room it just works. The disks are small ones in memory, mounted where nobody else sees them.
//! The long run, with more sizes of what is left for the user's cache:
//!
//! ```text
//! ESMHUB_TEST_ROUNDS=200 cargo test -p esmhub --test faults full_disk -- --nocapture
//! ```

use std::fs::{self, File};
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::support::hub::Output;
use crate::support::{Hub, target};
use crate::world::{DIMENSION, Held, esm, figure, number, skipped, works};

/// Set where mounting is possible and harmless.
const INSIDE: &str = "ESMHUB_TEST_MOUNTS_ARE_PRIVATE";
/// What a file in memory takes at least.
const PAGE: u64 = 4096;
/// Nobody waits for this long; only a command that hangs does.
const HANG: Duration = Duration::from_secs(120);

/// Whether mounts are private here. Where they are not, the test is run again where they are, in a process of its own.
#[allow(clippy::print_stderr)]
fn mounts_are_private(test: &str) -> bool {
    if std::env::var_os(INSIDE).is_some() {
        return true;
    }
    let folder = tempfile::tempdir().unwrap();
    if !works("unshare", &["-rm", "mount", "-t", "tmpfs", "tmpfs", folder.path().to_str().unwrap()]) {
        skipped(test, "unshare and mount cannot make a private disk here");
        return false;
    }
    let mut again = Command::new("unshare");
    again.arg("-rm").arg(std::env::current_exe().unwrap()).args(["--exact", &format!("full_disk::{test}")]);
    let output = again.arg("--nocapture").env(INSIDE, "1").output().unwrap();
    let [stdout, stderr] = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap());
    eprint!("{stderr}");
    assert!(output.status.success() && stdout.contains("1 passed"), "{stdout}{stderr}");
    false
}

/// A disk in memory, and what keeps others from using it.
struct SmallDisk {
    folder: PathBuf,
    ballast: PathBuf,
}

impl SmallDisk {
    fn mounted(hub: &Hub, name: &str, options: &str) -> Self {
        let folder = hub.path(name);
        fs::create_dir_all(&folder).unwrap();
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", options, "tmpfs"]).arg(&folder).status();
        assert!(mounted.unwrap().success());
        Self { ballast: folder.join("ballast"), folder }
    }

    /// Takes all room but so many pages.
    fn leave_pages(&self, pages: u64) {
        self.free();
        let mut file = File::create(&self.ballast).unwrap();
        while file.write_all(&[1; PAGE as usize]).is_ok() {}
        let length = file.metadata().unwrap().len() / PAGE * PAGE;
        file.set_len(length.saturating_sub(pages * PAGE)).unwrap();
    }

    /// Takes all names but so many.
    fn leave_names(&self, names: usize) {
        self.free();
        fs::create_dir(&self.ballast).unwrap();
        let made = (0..).take_while(|at| File::create(self.ballast.join(at.to_string())).is_ok()).count();
        (0..names.min(made)).for_each(|at| fs::remove_file(self.ballast.join(at.to_string())).unwrap());
    }

    fn free(&self) {
        if self.ballast.is_dir() {
            fs::remove_dir_all(&self.ballast).unwrap();
        } else if self.ballast.exists() {
            fs::remove_file(&self.ballast).unwrap();
        }
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // What is left of it goes with the process.
        let _ = Command::new("umount").arg("-l").arg(&self.folder).status();
    }
}

/// Publishes and yanks with ever more room left, until there is enough; how often there was not.
fn sweep(leave: impl Fn(&SmallDisk, usize)) -> usize {
    let hub = Hub::without_registry();
    let disk = SmallDisk::mounted(&hub, "shelf", "size=2m,nr_inodes=400");
    let pool = disk.folder.join("pool");
    let run = |arguments: &[&str]| {
        let mut command = hub.command();
        Hub::finish(command.env("ESMHUB_REGISTRY", &pool).args(arguments))
    };
    let ok = |arguments: &[&str]| assert_eq!(run(arguments).code, 0, "{arguments:?}");
    ok(&["init"]);
    let first = esm(&hub, "first");
    ok(&["publish", &first]);
    for room in 0.. {
        let names = [format!("n{room}-a"), format!("n{room}-b")];
        let [a, b] = names.each_ref().map(|name| esm(&hub, name));
        let before = Held::in_folder(&pool);
        let publish = ["publish", &a, &b];
        leave(&disk, room);
        let output = run(&publish);
        let held = Held::in_folder(&pool);
        if output.code == 0 {
            assert_eq!(held.0.len(), before.0.len() + 2);
            return room;
        }
        assert_eq!(output.code, 1, "{output:#?}");
        assert!(output.stdout.is_empty() && output.stderr.contains("No space left on device"), "{output:#?}");
        assert!(output.stderr.contains("shelf/pool/"), "it does not say where: {output:#?}");
        assert_eq!(held, before, "half a batch, or a loss, with {room} left");
        // All can be read, by the command too.
        for arguments in [&["list"][..], &["verify"], &["pull", "first", "--output", &format!("out-{room}")]] {
            ok(arguments);
        }
        if room == 0 {
            let output = run(&["yank", "first:v1"]);
            assert!(output.code == 1 && output.stderr.contains("No space left on device"), "{output:#?}");
            assert_eq!(Held::in_folder(&pool), before);
        }
        disk.free();
        ok(&publish);
        assert_eq!(Held::in_folder(&pool).0.len(), before.0.len() + 2);
    }
    0
}

#[test]
fn publish_without_room_says_so_and_harms_nothing() {
    if !mounts_are_private("publish_without_room_says_so_and_harms_nothing") {
        return;
    }
    let bytes = sweep(|disk, room| disk.leave_pages(room as u64));
    let names = sweep(|disk, room| disk.leave_names(room));
    figure("full disk, publishes without room for bytes", bytes);
    figure("full disk, publishes without room for names", names);
    figure("full disk, acknowledged and lost", 0);
    assert!(bytes >= 2 && names >= 3, "{bytes}, {names}");
}

/// Runs a command to its end; one that hangs is killed, and fails.
fn in_time(hub: &Hub, arguments: &[&str], longest: &mut Duration) -> Output {
    let [out, err] = ["out.txt", "err.txt"].map(|name| hub.path(name));
    let mut command = hub.command();
    command.args(arguments).stdout(File::create(&out).unwrap()).stderr(File::create(&err).unwrap());
    let begun = Instant::now();
    let mut child = command.stdin(Stdio::null()).spawn().unwrap();
    let status = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        if begun.elapsed() > HANG {
            child.kill().unwrap();
            panic!("{arguments:?} hangs");
        }
        sleep(Duration::from_millis(2));
    };
    *longest = begun.elapsed().max(*longest);
    let [stdout, stderr] = [out, err].map(|path| fs::read_to_string(path).unwrap());
    Output { code: status.code().unwrap_or(-1), stdout, stderr }
}

/// What is answered, without how much of it was remembered.
fn answer(text: &str) -> serde_json::Value {
    let mut document: serde_json::Value = serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"));
    document.as_object_mut().unwrap().remove("cached");
    document
}

#[test]
fn full_cache_changes_no_answer_and_holds_nobody_up() {
    if !mounts_are_private("full_cache_changes_no_answer_and_holds_nobody_up") {
        return;
    }
    let rounds = number("ESMHUB_TEST_ROUNDS", 12);
    let hub = Hub::with(&["a", "b", "c"]);
    let disk = SmallDisk::mounted(&hub, "cache", "size=4m");
    hub.write("t.npz", target(60, 8, 3, 1));
    let (mut longest, mut commands) = (Duration::ZERO, 0);
    // Index and memory take some 260 pages each.
    for round in 0..rounds {
        let pages = (round * 800 / rounds) as u64;
        for entry in fs::read_dir(&disk.folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() { fs::remove_dir_all(path).unwrap() } else { fs::remove_file(path).unwrap() }
        }
        disk.leave_pages(pages);
        let folder = esm_of_eight(&hub, &format!("n{round}"));
        // Twice: first what is kept has to be made, then what could be made is used. In the end there is room again.
        for turn in ["first", "again", "with room"] {
            if turn == "with room" {
                disk.free();
            }
            for question in
                [&["list", "--all"][..], &["rank", "t.npz"], &["publish", &folder], &["list"], &["rank", "t.npz"]]
            {
                let arguments: Vec<&str> = question.iter().copied().chain(["--json"]).collect();
                let output = in_time(&hub, &arguments, &mut longest);
                assert_eq!(output.code, 0, "{pages} pages, {turn}, {question:?}: {output:#?}");
                if question[0] != "publish" {
                    let expected = hub.ok(arguments.into_iter().chain(["--no-cache"]));
                    assert_eq!(answer(&output.stdout), answer(&expected), "{pages} pages, {turn}, {question:?}");
                }
                commands += 1;
            }
        }
    }
    assert_eq!(Held::in_folder(&hub.path("pool")).0.len(), 3 + rounds);
    figure("full cache, commands", commands);
    figure("full cache, wrong answers", 0);
    figure("full cache, longest wait in seconds", format!("{:.2}", longest.as_secs_f64()));
}

fn esm_of_eight(hub: &Hub, name: &str) -> String {
    assert_ne!(DIMENSION, 8);
    hub.esm(&crate::support::EsmFolder::new(name, 8, crate::world::seed(name)))
}
