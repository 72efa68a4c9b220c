//! The built command in a world of its own.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;

use super::bucket::{Bucket, Kind};
use super::{EsmFolder, Tree};

/// A folder that goes away with the value: the working directory of every command. The registry is `pool` in it: as a directory, or as
/// a bucket of a store over that folder. Its files lie in the same places.
pub(crate) struct Hub {
    // Before the folder, in which it serves.
    bucket: Option<Bucket>,
    folder: TempDir,
}

/// Tests of what a directory has and a bucket has not, by why.
const OF_DIRECTORIES: [&str; 20] = [
    // Links and folders, and the rights on them.
    "hostile_links::links_in_a_registry_are_named_and_not_followed",
    "hostile_links::log_that_is_a_link_is_refused",
    "hostile_links::publish_does_not_write_through_a_link_in_a_registry",
    "trusted_keys::a_link_is_followed_in_the_users_folder_and_refused_in_the_registry",
    "collecting::a_log_whose_folder_is_gone_is_no_empty_pool_and_comes_back",
    "hints::a_registry_that_cannot_become_a_shared_one_says_so",
    "moving::the_readmes_commands_bring_a_registry_back_as_a_whole",
    // What is typed on a command line with a directory in it.
    "report::every_number_of_page_and_chart_is_that_of_the_document",
    "report::repeating_a_locked_ranking_follows_its_lock",
    // References are completed where that needs no network.
    "completions::bash_completes_references_with_colons",
    "completions::commands_options_and_their_values_are_offered_where_they_can_stand",
    "completions::nothing_is_written_and_nothing_is_said_whatever_the_registry_is",
    "completions::references_are_those_of_the_registry",
    "completions::what_a_stranger_wrote_does_not_reach_the_line",
    // Objects that are damaged after they were read: of a bucket, the user has kept them.
    "exit_codes::object_of_an_unknown_kind_is_newer",
    "locked::scores_are_computed_again_whatever_the_cache_holds",
    "pull::code_of_several_says_whether_anything_was_pulled",
    "report::object_that_was_damaged_since_is_missing_on_the_map_and_said_to_be",
    "worth::an_object_that_was_damaged_after_it_was_scored_costs_its_interval_alone",
    // The guide of those who have a directory.
    "guides::a_team_shares_a_pool_as_its_guide_says",
];

/// Whether this test is to run on a bucket, where nothing else is said.
fn on_buckets() -> bool {
    let is_wanted = std::env::var_os("ESMHUB_TEST_BACKEND").is_some_and(|backend| backend == "s3");
    // A test's thread has its name.
    is_wanted && !std::thread::current().name().is_some_and(|test| OF_DIRECTORIES.contains(&test))
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
        match on_buckets() {
            true => Self::in_bucket(Kind::Whole),
            false => Self::on_disk(),
        }
    }

    /// With nothing, and the registry is to be a directory: what is tested is about files.
    pub(crate) fn on_disk() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("home")).unwrap();
        Self { folder, bucket: None }
    }

    /// With nothing, and the registry is to be in a bucket.
    pub(crate) fn in_bucket(kind: Kind) -> Self {
        let hub = Self::on_disk();
        let bucket = Bucket::over(hub.folder.path(), kind);
        Self { bucket: Some(bucket), folder: hub.folder }
    }

    /// The store in which the registry is.
    pub(crate) fn bucket(&self) -> &Bucket {
        self.bucket.as_ref().expect("the registry of this test is in a bucket")
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
        if let Some(bucket) = &self.bucket {
            command.env("ESMHUB_REGISTRY", "s3://pool").envs(bucket.environment());
        }
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
