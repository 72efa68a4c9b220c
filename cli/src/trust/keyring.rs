//! The keys that the user trusts: which file names them, and what it says.

use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

use esmhub_registry::{MAX_TRUSTED_KEYS_BYTES, Registry};
use esmhub_store_format::Digest;
use etcetera::BaseStrategy;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::AllowedSigners;
use crate::context::Context;
use crate::failure::{Failure, OTHER, Outcome};

/// The file's name, in the user's folder of settings and in a registry.
const FILE: &str = "trusted-keys";

/// The keys that are trusted.
#[derive(Debug, Default)]
pub(crate) struct Keyring {
    signers: AllowedSigners,
    /// The file that names them, and why that one; `None` where there is none.
    source: Option<KeyringSummary>,
    /// Of that file's bytes.
    digest: Option<Digest>,
}

/// Where trusted keys come from, for documents.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct KeyringSummary {
    /// The file.
    file: String,
    /// Why that one.
    origin: Origin,
    /// How many keys it names.
    keys: usize,
}

/// Why a file is the one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Origin {
    /// The command line or the environment names it.
    Option,
    /// It lies in the user's folder of settings.
    User,
    /// It lies in the registry, where whoever may write to that can change it.
    Registry,
}

impl Keyring {
    /// Reads the first of these that is there: the file that is given, the user's own, the registry's.
    ///
    /// # Errors
    /// Where the file that is given is not there, and where the first that is there cannot be read to its last line.
    pub(super) fn load(context: &Context, registry: &Registry, given: Option<&Path>) -> Outcome<Self> {
        if let Some(file) = given {
            let bytes = read(file)?.ok_or_else(|| Failure::new(OTHER, format!("{}: no such file", file.display())))?;
            return Self::parse(context, &bytes, file, Origin::Option);
        }
        if let Some(file) = user_file()
            && let Some(bytes) = read(&file)?
        {
            return Self::parse(context, &bytes, &file, Origin::User);
        }
        match registry.trusted_keys()? {
            Some(bytes) => {
                Self::parse(context, &bytes, Path::new(&format!("{}/{FILE}", registry.location())), Origin::Registry)
            }
            None => Ok(Self::default()),
        }
    }

    /// As [`Keyring::load`]; but where it is the registry's file that cannot be read, which any of its members can see to,
    /// that is a warning, and no key is trusted.
    pub(super) fn load_to_show(context: &Context, registry: &Registry, given: Option<&Path>) -> Outcome<Self> {
        let loaded = Self::load(context, registry, given);
        if given.is_some() || user_file().is_some_and(|file| fs::symlink_metadata(file).is_ok()) {
            return loaded;
        }
        Ok(loaded.unwrap_or_else(|failure| {
            context.warn(format!("no key is trusted: {failure}"));
            Self::default()
        }))
    }

    fn parse(context: &Context, bytes: &[u8], file: &Path, origin: Origin) -> Outcome<Self> {
        let bad = |error| {
            Failure::new(OTHER, format!("{}, {error}", file.display())).hint(
                "a line is `PRINCIPAL ssh-ed25519 KEY`, as in OpenSSH's allowed_signers; a # in front makes it a comment",
            )
        };
        let signers = AllowedSigners::parse(bytes, Timestamp::now()).map_err(bad)?;
        for unused in signers.unused() {
            context.note(format!("{}, {unused}", file.display()));
        }
        let source = KeyringSummary { file: file.display().to_string(), origin, keys: signers.len() };
        Ok(Self { signers, source: Some(source), digest: Some(Digest::of(bytes)) })
    }

    /// Whose a key is; `None` where it is not trusted.
    pub(crate) fn principal(&self, key: &[u8; 32]) -> Option<&str> {
        self.signers.principal(key)
    }

    /// What tells these keys from others.
    pub(crate) fn digest(&self) -> Option<Digest> {
        self.digest
    }

    /// Where the keys come from.
    pub(crate) fn summary(&self) -> Option<&KeyringSummary> {
        self.source.as_ref()
    }

    /// The file that names the keys, for messages.
    pub(super) fn place(&self) -> &str {
        self.source.as_ref().map_or("no file", |source| &source.file)
    }

    /// That there are keys to trust, for a command that is asked to use nothing else.
    ///
    /// # Errors
    /// Where there is none.
    pub(super) fn require_any(&self, context: &Context) -> Outcome<()> {
        let Some(source) = &self.source else {
            let user = user_file().map_or_else(String::new, |file| format!(" into {}", file.display()));
            return Err(Failure::usage("--require-signature: no key is trusted, so that nothing could be used")
                .hint(format!("put `PRINCIPAL ssh-ed25519 KEY`{user}, or name a file with --trusted-keys")));
        };
        if self.signers.is_empty() {
            let message =
                format!("--require-signature: {} names no key that is used, so that nothing could be", source.file);
            return Err(
                Failure::usage(message).hint("a line is `PRINCIPAL ssh-ed25519 KEY`, as in OpenSSH's allowed_signers")
            );
        }
        if source.origin == Origin::Registry {
            let (file, hint) = (&source.file, "--trusted-keys, or a file of your own, is safer");
            context.warn(format!(
                "trusted keys are those of {file}, which whoever may write to the registry can change; {hint}"
            ));
        }
        Ok(())
    }
}

impl KeyringSummary {
    /// For people.
    pub(crate) fn describe(&self) -> String {
        match self.origin {
            Origin::Registry => format!("{}, which whoever may write to the registry can change", self.file),
            Origin::Option | Origin::User => self.file.clone(),
        }
    }
}

/// The user's own file, whether it is there or not.
fn user_file() -> Option<PathBuf> {
    let strategy = etcetera::choose_base_strategy().ok()?;
    Some(strategy.config_dir().join("esmhub").join(FILE))
}

/// A file of the user's, which may be a link; `None` where there is none.
fn read(path: &Path) -> Outcome<Option<Vec<u8>>> {
    let failed = |error| Failure::io(path.display(), error);
    let file = match File::open(path) {
        Ok(file) => file,
        // A link that leads nowhere was put there to be followed: to look elsewhere instead would trust others in silence.
        Err(error) if error.kind() == std::io::ErrorKind::NotFound && fs::symlink_metadata(path).is_err() => {
            return Ok(None);
        }
        Err(error) => return Err(failed(error)),
    };
    let mut bytes = Vec::new();
    file.take(MAX_TRUSTED_KEYS_BYTES + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > MAX_TRUSTED_KEYS_BYTES {
        let message =
            format!("{}: more than {MAX_TRUSTED_KEYS_BYTES} bytes, too many for a file of keys", path.display());
        return Err(Failure::new(OTHER, message));
    }
    Ok(Some(bytes))
}
