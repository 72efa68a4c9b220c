//! A small C library (`shim.c`) that stands between a command and the system: locks that lock nothing, wrong clocks,
//! syncs that fail.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;

use crate::world::{skipped, works};

/// The library, built.
pub(crate) struct Shim {
    _folder: TempDir,
    library: PathBuf,
}

impl Shim {
    /// Builds it; where that is not possible, or nothing can be loaded before a program, the test is skipped.
    pub(crate) fn built(test: &str) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let library = folder.path().join("shim.so");
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/faults/shim.c");
        let arguments = ["-shared", "-fPIC", "-O1", "-o", library.to_str().unwrap(), source.to_str().unwrap(), "-ldl"];
        if !works("cc", &["--version"]) || !cfg!(target_os = "linux") {
            skipped(test, "no C compiler, or no system on which a library can be loaded before a command");
            return None;
        }
        let built = Command::new("cc").args(arguments).output().unwrap();
        assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
        Some(Self { _folder: folder, library })
    }

    /// The command, in which locks lock nothing.
    pub(crate) fn without_locks(&self, mut command: Command) -> Command {
        command.env("LD_PRELOAD", &self.library).env("ESMHUB_TEST_NO_LOCKS", "1");
        command
    }

    /// The command, whose clock is wrong by so many seconds.
    pub(crate) fn with_clock(&self, mut command: Command, seconds: i64) -> Command {
        command.env("LD_PRELOAD", &self.library).env("ESMHUB_TEST_CLOCK", seconds.to_string());
        command
    }

    /// The command, whose sync of this number fails, counted from 1 over all its threads; `mark` is then there.
    pub(crate) fn with_failing_sync(&self, mut command: Command, at: usize, mark: &Path) -> Command {
        command.env("LD_PRELOAD", &self.library).env("ESMHUB_TEST_FAILING_SYNC", at.to_string());
        command.env("ESMHUB_TEST_SYNC_FAILED", mark);
        command
    }

    /// Whether a file can be locked twice, as `flock` of util-linux says: where it can without this library too, or cannot
    /// with it, nothing would be tested. `None` where there is no such program.
    pub(crate) fn unlocks(&self, file: &Path) -> Option<bool> {
        let file = file.to_str().unwrap();
        let twice = || {
            let mut command = Command::new("flock");
            command.args(["-n", file, "flock", "-n", file, "true"]).stderr(Stdio::null());
            command
        };
        let locked = !twice().status().ok()?.success();
        Some(locked && self.without_locks(twice()).status().ok()?.success())
    }
}
