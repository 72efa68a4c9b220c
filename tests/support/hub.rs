//! The built command in a world of its own.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;

use super::{EsmFolder, Tree};

/// A folder that goes away with the value: the working directory of every command. The registry is `pool` in it.
pub(crate) struct Hub {
    folder: TempDir,
}

/// What a command left behind.
#[derive(Debug)]
pub(crate) struct Output {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Hub {
    /// With an empty registry.
    pub(crate) fn new() -> Self {
        let hub = Self::without_registry();
        hub.ok(["init"]);
        hub
    }

    /// With a registry that holds an ESM of each of these names, of dimension 8, in one log entry.
    pub(crate) fn with(names: &[&str]) -> Self {
        let hub = Self::new();
        let folders = names.iter().zip(1..).map(|(name, seed)| hub.esm(&EsmFolder::new(name, 8, seed)));
        let folders: Vec<String> = folders.collect();
        hub.ok(["publish", "--codec", "f32"].into_iter().chain(folders.iter().map(String::as_str)));
        hub
    }

    /// With nothing.
    pub(crate) fn without_registry() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("home")).unwrap();
        Self { folder }
    }

    /// A path in the working directory.
    pub(crate) fn path(&self, name: impl AsRef<Path>) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A file in the working directory.
    pub(crate) fn write(&self, name: &str, bytes: impl AsRef<[u8]>) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }

    /// Writes an ESM's folder, and gives its path below the working directory.
    pub(crate) fn esm(&self, esm: &EsmFolder) -> String {
        let name = format!("esms/{}", esm.task());
        esm.write(&self.path(&name));
        name
    }

    /// The command, without arguments.
    pub(crate) fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_esmhub"));
        command
            .current_dir(self.folder.path())
            .env_clear()
            .env("HOME", self.path("home"))
            .env("ESMHUB_REGISTRY", "pool")
            .env("ESMHUB_CACHE", self.path("cache"))
            // Whoever tries the network in spite of the first meets a port where nobody answers.
            .env("HF_HUB_OFFLINE", "1")
            .env("HF_ENDPOINT", "http://127.0.0.1:9");
        command
    }

    /// Runs the command to its end, whatever that is, unless it is a bug.
    pub(crate) fn run<A: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = A>) -> Output {
        Self::finish(self.command().args(arguments))
    }

    /// Runs a command to its end; a bug, or death by a signal, is never what is tested for.
    pub(crate) fn finish(command: &mut Command) -> Output {
        let output = command.output().unwrap();
        let output = Output {
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        };
        assert!(output.code != 101 && output.code != -1, "{output:#?}");
        assert!(!output.stdout.contains('\x1b') && !output.stderr.contains('\x1b'), "colour in a pipe: {output:#?}");
        output
    }

    /// What the command prints on stdout; it must succeed.
    pub(crate) fn ok<A: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = A>) -> String {
        let output = self.run(arguments);
        assert_eq!(output.code, 0, "{output:#?}");
        output.stdout
    }

    /// The command's JSON document; it must succeed.
    pub(crate) fn json<A: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = A>) -> Value {
        self.json_with(0, arguments)
    }

    /// The command's JSON document, and the exit code must be this one.
    pub(crate) fn json_with<A: AsRef<OsStr>>(&self, code: i32, arguments: impl IntoIterator<Item = A>) -> Value {
        let arguments: Vec<_> = arguments.into_iter().map(|a| a.as_ref().to_owned()).collect();
        let output = self.run(arguments.iter().map(|a| a.as_os_str()).chain([OsStr::new("--json")]));
        assert_eq!(output.code, code, "{output:#?}");
        // `anchors` has commands of its own, each with its document.
        let verbs = if arguments[0] == "anchors" { 2 } else { 1 };
        let command: Vec<&str> = arguments[..verbs].iter().map(|argument| argument.to_str().unwrap()).collect();
        document(&output.stdout, &command.join("-"))
    }

    /// The message of a command that is refused with this code. Nothing may have changed but caches, and stdout is empty.
    pub(crate) fn refused<A: AsRef<OsStr>>(&self, code: i32, arguments: impl IntoIterator<Item = A>) -> String {
        let before = self.tree();
        let output = self.run(arguments);
        assert_eq!(output.code, code, "{output:#?}");
        assert_eq!(output.stdout, "", "{output:#?}");
        assert!(output.stderr.lines().any(|line| line.starts_with("error: ")), "{output:#?}");
        assert_eq!(before.changes(&self.tree()), Vec::<String>::new(), "{output:#?}");
        output.stderr
    }

    /// As [`Hub::refused`], and the message holds all of these.
    pub(crate) fn refused_saying<A: AsRef<OsStr>>(
        &self,
        code: i32,
        arguments: impl IntoIterator<Item = A>,
        said: &[&str],
    ) {
        let message = self.refused(code, arguments);
        for part in said {
            assert!(message.contains(part), "{part:?} is not said: {message}");
        }
    }

    /// Everything in the working directory but the cache.
    pub(crate) fn tree(&self) -> Tree {
        Tree::of(self.folder.path()).without("cache")
    }

    /// Everything in the registry.
    pub(crate) fn pool(&self) -> Tree {
        Tree::of(&self.path("pool"))
    }

    /// The file of a log entry.
    pub(crate) fn entry(&self, number: u64) -> PathBuf {
        self.path(format!("pool/log/{number:020}"))
    }

    /// The file of the weights of an ESM.
    pub(crate) fn object_of(&self, reference: &str) -> PathBuf {
        let shown = self.json(["show", reference]);
        let digest = shown["card"]["weights"]["digest"].as_str().unwrap();
        self.path(format!("pool/objects/{}/{}", &digest[..2], &digest[2..]))
    }
}

/// The one JSON document that stdout holds, with the schema of its command.
fn document(stdout: &str, command: &str) -> Value {
    let document: Value = serde_json::from_str(stdout).unwrap_or_else(|error| panic!("{error}: {stdout}"));
    assert_eq!(document["schema"], format!("esmhub.{command}/1"));
    assert!(stdout.ends_with('\n'), "{stdout}");
    for digest in digests(&document) {
        let whole = digest.len() == 64 && digest.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        assert!(whole, "{digest} is no whole digest: {stdout}");
    }
    document
}

/// Every digest that a document states.
pub(crate) fn digests(value: &Value) -> Vec<String> {
    const KEYS: [&str; 4] = ["digest", "weights", "tokenizer", "anchors"];
    match value {
        Value::Object(fields) => {
            let own = fields.iter().filter(|(key, _)| KEYS.contains(&key.as_str()));
            let own = own.filter_map(|(_, value)| value.as_str().map(str::to_owned));
            own.chain(fields.values().flat_map(digests)).collect()
        }
        Value::Array(items) => items.iter().flat_map(digests).collect(),
        _ => Vec::new(),
    }
}

/// What stands at these places of a document, each written as keys and positions with slashes. A place that is not there
/// is a failure: optional fields are present as `null`.
pub(crate) fn at<const N: usize>(document: &Value, places: [&str; N]) -> Value {
    let one = |place| {
        let found = document.pointer(&format!("/{place}"));
        found.unwrap_or_else(|| panic!("{place} is missing: {document}")).clone()
    };
    Value::Array(places.map(one).to_vec())
}

/// A command line without quotes, cut at its spaces.
pub(crate) fn line(text: impl AsRef<str>) -> Vec<String> {
    text.as_ref().split_whitespace().map(str::to_owned).collect()
}
