//! What the fault tests share: numbers from the environment, programs around the command, and what a registry must be
//! after any fault.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fmt::Display;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use esmhub_registry::{Catalog, Esm, Registry, Signature, State};
use esmhub_store_format::log::Writer;
use esmhub_store_format::{Digest, Object};

use crate::support::{EsmFolder, Hub};

/// The dimension of the ESMs here: small, so that a round is fast.
pub(crate) const DIMENSION: usize = 16;

/// A number from the environment, for a long run.
pub(crate) fn number(variable: &str, otherwise: usize) -> usize {
    match std::env::var(variable) {
        Ok(text) => text.parse().unwrap_or_else(|_| panic!("{variable} is {text:?}, which is no number")),
        Err(_) => otherwise,
    }
}

/// A figure, for `-- --nocapture`.
#[allow(clippy::print_stderr)]
pub(crate) fn figure(name: &str, value: impl Display) {
    eprintln!("FIGURE {name}: {value}");
}

/// Says, past the capture of a test's output, that a test does not run here.
pub(crate) fn skipped(test: &str, why: &str) {
    std::io::stderr().write_all(format!("SKIPPED {test}: {why}\n").as_bytes()).unwrap();
}

/// Whether a program can be run with these arguments here.
pub(crate) fn works(program: &str, arguments: &[&str]) -> bool {
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

/// The same command, run by another program: `strace -o file command …`.
pub(crate) fn under<A: AsRef<OsStr>>(wrapper: impl IntoIterator<Item = A>, command: &Command) -> Command {
    let wrapper: Vec<_> = wrapper.into_iter().map(|argument| argument.as_ref().to_owned()).collect();
    let mut wrapped = Command::new(&wrapper[0]);
    wrapped.args(&wrapper[1..]).arg(command.get_program()).args(command.get_args()).env_clear();
    wrapped.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
    wrapped.env("PATH", std::env::var_os("PATH").unwrap_or_default());
    wrapped.current_dir(command.get_current_dir().unwrap());
    wrapped
}

/// An ESM of the pool, whose weights the name decides; its folder below the working directory.
pub(crate) fn esm(hub: &Hub, name: &str) -> String {
    hub.esm(&EsmFolder::new(name, DIMENSION, seed(name)))
}

/// A number that a name decides.
pub(crate) fn seed(name: &str) -> u64 {
    Digest::of(name.as_bytes()).as_bytes().iter().take(8).fold(0, |all, &byte| all << 8 | u64::from(byte))
}

/// A writer of log entries who is not the command.
pub(crate) fn by() -> Signature {
    let writer = Writer { user: "ada".into(), host: "engine".into(), program: "esmhub tests".into() };
    Signature { writer, time: 1_700_000_000_000 }
}

/// What a registry says and holds: by `name:tag`, the card's digest, the state, and the digest of all that was decoded.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Held(pub(crate) BTreeMap<String, (Digest, State, Digest)>);

/// `name:tag` of an ESM.
pub(crate) fn reference(esm: &Esm) -> String {
    format!("{}:{}", esm.name(), esm.tag())
}

impl Held {
    /// All that a registry holds, which must be whole: every entry is read, every ESM that is listed can be fetched, and
    /// `verify` has nothing to say. Files that nothing refers to are no harm.
    pub(crate) fn by(registry: &Registry) -> Self {
        let catalog = registry.catalog().unwrap();
        assert_eq!(catalog.damaged(), [], "an entry that was half-made, or lost");
        let report = registry.verify(&|_| ()).unwrap();
        assert_eq!(report.problems, []);
        Self::listed(registry, &catalog)
    }

    /// The same, of the registry in a folder.
    pub(crate) fn in_folder(root: &Path) -> Self {
        Self::by(&Registry::open(root, None).unwrap())
    }

    fn listed(registry: &Registry, catalog: &Catalog) -> Self {
        let one = |esm: &Esm| {
            let fetched = registry.fetch(esm).unwrap_or_else(|error| panic!("{}: {error}", reference(esm)));
            (reference(esm), (esm.digest(), esm.state(), decoded(&fetched.object)))
        };
        Self(catalog.esms().map(one).collect())
    }

    /// The references, in order.
    pub(crate) fn references(&self) -> Vec<&str> {
        self.0.keys().map(String::as_str).collect()
    }
}

/// The digest of an object as it was decoded, weights and all.
pub(crate) fn decoded(object: &Object) -> Digest {
    Digest::of(format!("{object:?}").as_bytes())
}
