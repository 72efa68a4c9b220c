//! What every command works with: where the registry is, how to print, who the user is.

use std::collections::HashSet;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::{SystemTime, UNIX_EPOCH};

use esmhub_registry::{Catalog, Damage, Location, Notice, Registry, Signature};
use esmhub_store_format::log::Writer;
use etcetera::BaseStrategy;

use crate::arguments::{ColorChoice, DeviceChoice, Global, names_registry};
use crate::closed;
use crate::document::{self, Document, Form, printable, warning};
use crate::failure::{Failure, Outcome};
use crate::place::locate;
use crate::say;

/// The program as cards and log entries name it.
pub(crate) const PROGRAM: &str = concat!("esmhub ", env!("CARGO_PKG_VERSION"));

/// What every command works with.
pub(crate) struct Context {
    registry: Option<PathBuf>,
    cache: Option<PathBuf>,
    form: Form,
    verbose: bool,
    /// What is wrong with log entries, as far as it was warned of.
    warned: Mutex<Vec<String>>,
    /// Whether the network is out of bounds.
    pub(crate) offline: bool,
    /// Threads to compute with.
    pub(crate) threads: usize,
    /// What models compute on.
    pub(crate) device: DeviceChoice,
}

impl Context {
    /// Settles the global settings, and sets what is global in a process: colour and the thread pool.
    pub(crate) fn new(global: &Global) -> Outcome<Self> {
        let choice = match global.color {
            ColorChoice::Always => anstream::ColorChoice::Always,
            ColorChoice::Never => anstream::ColorChoice::Never,
            ColorChoice::Auto => anstream::ColorChoice::Auto,
        };
        choice.write_global();
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let threads = global.threads.map_or(cores, usize::from);
        // Only the first pool of a process can be set; here it is always the first.
        let _ = rayon::ThreadPoolBuilder::new().num_threads(threads).build_global();
        let platform = || etcetera::choose_base_strategy().ok().map(|strategy| strategy.cache_dir().join("esmhub"));
        let form = match (global.json, global.quiet) {
            (true, _) => Form::Json,
            (_, true) => Form::Lines,
            _ => Form::Table,
        };
        Ok(Self {
            registry: global.registry.clone(),
            cache: if global.no_cache { None } else { global.cache_dir.clone().or_else(platform) },
            form,
            verbose: global.verbose,
            warned: Mutex::default(),
            offline: global.offline,
            threads,
            device: global.device,
        })
    }

    /// The same, with another registry: `demo` makes its own.
    pub(crate) fn with_registry(&self, location: PathBuf) -> Self {
        Self {
            registry: Some(location),
            cache: self.cache.clone(),
            form: self.form,
            verbose: self.verbose,
            warned: Mutex::default(),
            offline: self.offline,
            threads: self.threads,
            device: self.device,
        }
    }

    /// Where the registry should be, as the user writes it: a directory, or an address.
    pub(crate) fn place(&self) -> Outcome<&Path> {
        self.registry.as_deref().ok_or_else(|| {
            Failure::usage("no registry is named")
                .hint("give --registry DIR, or set ESMHUB_REGISTRY; `esmhub init DIR` makes a new one")
        })
    }

    /// The same, with how it is reached.
    pub(crate) fn location(&self) -> Outcome<Location> {
        locate(self.place()?)
    }

    /// Where indexes, embeddings and scores are kept; `None` where nothing may be kept, or the platform has no such place.
    pub(crate) fn cache(&self) -> Option<&Path> {
        self.cache.as_deref()
    }

    /// The registry.
    pub(crate) fn open(&self) -> Outcome<Registry> {
        Ok(Registry::open(self.location()?, self.cache())?)
    }

    /// The registry and what is in it.
    pub(crate) fn open_catalog(&self) -> Outcome<(Registry, Catalog)> {
        let registry = self.open()?;
        let catalog = registry.catalog()?;
        self.notice(catalog.notice());
        // A repair can hold thousands of places in a row.
        let is_alike =
            |one: &Damage, next: &Damage| one.detail == next.detail && one.through.checked_add(1) == Some(next.entry);
        for alike in catalog.damaged().chunk_by(is_alike) {
            let (Some(first), Some(last)) = (alike.first(), alike.last()) else { continue };
            match alike.len() {
                1 => self.warn(first),
                _ => self.warn(format!("log entries {} to {}: {}", first.entry, last.through, first.detail)),
            }
            if let Ok(mut warned) = self.warned.lock() {
                warned.push(first.detail.clone());
            }
        }
        Ok((registry, catalog))
    }

    /// Who signs a log entry, and when.
    pub(crate) fn signature(&self) -> Signature {
        let clean = |text: String| text.chars().filter(|c| !c.is_control()).take(60).collect();
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Signature {
            writer: Writer {
                user: whoami::username().map(clean).unwrap_or_else(|_| "unknown".to_owned()),
                host: whoami::hostname().map(clean).unwrap_or_else(|_| "unknown".to_owned()),
                program: PROGRAM.to_owned(),
            },
            time: u64::try_from(since_epoch.as_millis()).unwrap_or(u64::MAX),
        }
    }

    /// Whether progress may be shown.
    pub(crate) fn shows_progress(&self) -> bool {
        self.form == Form::Table && std::io::stderr().is_terminal()
    }

    /// Something that the user should know, on stderr.
    pub(crate) fn warn(&self, message: impl std::fmt::Display) {
        say::line(format_args!("{} {}", warning(), printable(&message.to_string())));
    }

    /// Something that happened by the way, on stderr; not with `--quiet`.
    pub(crate) fn note(&self, message: impl std::fmt::Display) {
        if self.form != Form::Lines {
            say::line(printable(&message.to_string()));
        }
    }

    /// What the registry's index has to say.
    pub(crate) fn notice(&self, notice: Option<&Notice>) {
        match notice {
            Some(notice @ Notice::Parted(_)) => self.warn(notice),
            Some(notice) => self.detail(notice),
            None => {}
        }
    }

    /// Something that only `--verbose` asks for, on stderr.
    pub(crate) fn detail(&self, message: impl std::fmt::Display) {
        if self.verbose {
            say::line(printable(&message.to_string()));
        }
    }

    /// A failure without what this command has warned of already; and where the registry itself is not there, with the name of
    /// what led to it.
    pub(crate) fn explained(&self, failure: Failure) -> Failure {
        let failure = match self.warned.lock() {
            Ok(warned) => failure.beside(&warned),
            Err(_) => failure,
        };
        let own = self.registry.as_deref();
        if let Some((own, path)) = own.zip(failure.denied().map(Path::to_owned)) {
            // One that is not shared is for its owner to open.
            let shared = locate(own)
                .ok()
                .and_then(|own| Registry::open(own, None).ok())
                .filter(|registry| registry.settings().shared);
            let root = match shared.as_ref().map(Registry::location) {
                Some(Location::Directory(root)) if path.starts_with(root) => Some(root),
                _ => None,
            };
            return match root.map(|root| closed::advice(root, &path)) {
                Some(Some(advice)) => failure.hint(advice),
                Some(None) => {
                    failure.hint("ask the registry's owner for access: it is shared with the group of its directory")
                }
                None => failure,
            };
        }
        let is_own =
            |absent: &Path, own: &Path| absent == own || std::fs::canonicalize(own).is_ok_and(|own| absent == own);
        if !failure.absent().zip(own).is_some_and(|(absent, own)| is_own(absent, own)) {
            return failure;
        }
        let origin = if names_registry(std::env::args_os()) { "--registry" } else { "ESMHUB_REGISTRY" };
        failure.hint(format!(
            "check the path, which {origin} gives; if there has never been a registry, `esmhub init` makes one"
        ))
    }

    /// Prints the command's document; its exit code.
    pub(crate) fn emit<D: Document>(&self, document: &D) -> Outcome<u8> {
        document::print(document, self.form)?;
        if self.form != Form::Json {
            document.remarks().iter().for_each(|remark| self.warn(remark));
            let mut said = HashSet::new();
            for hint in document.hints().into_iter().filter(|hint| said.insert(hint.clone())) {
                say::hint(printable(&hint));
            }
        }
        Ok(document.exit_code())
    }
}
