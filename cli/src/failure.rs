//! How a command fails: a message, its causes, a hint, and an exit code of the contract.

use std::error::Error;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use esmhub_registry::{Candidate, ErrorKind, RegistryError};
use esmhub_selection::encoder::{EncoderError, FetchError};
use esmhub_selection::fit::FitError;
use esmhub_selection::hub::{self, HubError};
use esmhub_selection::{PickleError, ScoreError};
use esmhub_store_format::FormatError;
use esmhub_store_format::exchange::{ConfigError, WeightsError};

use crate::closed::{instead_of_registry, is_denied};
use crate::dataset::{DatasetError, Fault};
use crate::document::printable;

/// Any failure that has no code of its own.
pub(crate) const OTHER: u8 = 1;
/// The command line asks for something that cannot be.
pub(crate) const USAGE: u8 = 2;
/// Done, but not all of it.
pub(crate) const PARTIAL: u8 = 3;
/// No such reference.
pub(crate) const NOT_FOUND: u8 = 13;
/// A format newer than this program.
pub(crate) const NEWER: u8 = 12;
/// What is there is not what was expected.
pub(crate) const CONFLICT: u8 = 15;
/// Damage.
pub(crate) const INTEGRITY: u8 = 16;
/// Base model, dimension or labels do not fit.
pub(crate) const INCOMPATIBLE: u8 = 17;
/// The most meanings of an ambiguous reference that are shown.
const MAX_CANDIDATES: usize = 20;

/// Why a command failed.
#[derive(Debug)]
pub(crate) struct Failure {
    code: u8,
    message: String,
    hint: Option<String>,
    /// Where a registry was expected and is none.
    absent: Option<PathBuf>,
    /// A file of a registry that there is no right to.
    denied: Option<PathBuf>,
}

/// What every fallible step of the command line returns.
pub(crate) type Outcome<T> = Result<T, Failure>;

impl Failure {
    /// A failure with a code of the contract.
    pub(crate) fn new(code: u8, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), hint: None, absent: None, denied: None }
    }

    /// A failure of the user's command line.
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self::new(USAGE, message)
    }

    /// A failure of an operation on a file. The name of a temporary file, which `tempfile` puts behind its errors, tells nobody anything.
    pub(crate) fn io(what: impl std::fmt::Display, error: std::io::Error) -> Self {
        let text = error.to_string();
        let said = text.split_once(" at path \"").filter(|_| error.get_ref().is_some());
        Self::new(OTHER, format!("{what}: {}", said.map_or(text.as_str(), |(said, _)| said)))
    }

    /// With advice.
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Where a registry was expected and is none.
    pub(crate) fn absent(&self) -> Option<&Path> {
        self.absent.as_deref()
    }

    /// A file of a registry that there is no right to.
    pub(crate) fn denied(&self) -> Option<&Path> {
        self.denied.as_deref()
    }

    /// With what it happened to in front, unless the message begins with it already.
    pub(crate) fn at(mut self, place: impl std::fmt::Display) -> Self {
        let place = place.to_string();
        if !self.message.starts_with(&place) {
            self.message = format!("{place}: {}", self.message);
        }
        self
    }

    /// The exit code.
    pub(crate) fn code(&self) -> u8 {
        self.code
    }

    /// The code that a command ends with when each of these failed: integrity first, then a format that is too new, then
    /// the given one.
    pub(crate) fn worst(codes: impl IntoIterator<Item = u8>, otherwise: u8) -> u8 {
        let found: Vec<u8> = codes.into_iter().collect();
        [INTEGRITY, NEWER].into_iter().find(|code| found.contains(code)).unwrap_or(otherwise)
    }

    /// The message with its causes, on one line.
    pub(crate) fn message(&self) -> &str {
        &self.message
    }

    /// The advice.
    pub(crate) fn advice(&self) -> Option<&str> {
        self.hint.as_deref()
    }

    /// Without what was said before it: the details of these warnings.
    pub(crate) fn beside(mut self, warned: &[String]) -> Self {
        let repeated = warned.iter().find_map(|detail| self.message.strip_suffix(detail)?.strip_suffix(": "));
        if let Some(place) = repeated.filter(|place| place.contains("log")) {
            self.message = format!("{place}: as the warning says");
        }
        self
    }

    /// What goes to stderr.
    pub(crate) fn render(&self) -> String {
        let mut text = format!("error: {}\n", printable(&self.message));
        if let Some(hint) = &self.hint {
            let _ = write!(text, "\nhint: {}\n", printable(hint));
        }
        text
    }

    fn from_error(code: u8, error: &dyn Error, hint: Option<String>) -> Self {
        let mut message = error.to_string();
        let mut cause = error.source();
        while let Some(source) = cause {
            let text = source.to_string();
            // Libraries outside repeat their cause in their own message; once is enough.
            if !message.contains(&text) {
                let _ = write!(message, ": {text}");
            }
            cause = source.source();
        }
        Self { code, message, hint, absent: None, denied: None }
    }
}

impl From<RegistryError> for Failure {
    fn from(error: RegistryError) -> Self {
        let code = match error.kind() {
            ErrorKind::Usage => USAGE,
            ErrorKind::NotARegistry => 10,
            ErrorKind::Busy => 11,
            ErrorKind::Newer => NEWER,
            ErrorKind::NotFound => NOT_FOUND,
            ErrorKind::Ambiguous => 14,
            ErrorKind::Conflict => CONFLICT,
            ErrorKind::Integrity => INTEGRITY,
            _ => OTHER,
        };
        let mut failure = Self::from_error(code, &error, error.hint());
        if let RegistryError::NotARegistry { location } = &error {
            let place = location.display();
            failure.message = format!("{place}: no registry there, {}", instead_of_registry(location));
            failure.absent = Some(location.clone());
        }
        if let RegistryError::Io { path, .. } = &error
            && is_denied(&error)
        {
            failure.denied = Some(path.clone());
        }
        // The message counts them; whoever has to choose must see them.
        for (at, Candidate { name, tag, digest }) in error.candidates().iter().take(MAX_CANDIDATES).enumerate() {
            let separator = if at == 0 { ": " } else { ", " };
            let _ = write!(failure.message, "{separator}{name}:{tag}@{digest}");
        }
        match error.candidates().len().saturating_sub(MAX_CANDIDATES) {
            0 => {}
            more => failure.message.push_str(&format!(" and {more} more")),
        }
        failure
    }
}

impl From<FormatError> for Failure {
    fn from(error: FormatError) -> Self {
        let code = match error {
            FormatError::Newer { .. } => NEWER,
            FormatError::Damaged { .. } | FormatError::DigestMismatch { .. } => INTEGRITY,
            _ => OTHER,
        };
        Self::from_error(code, &error, error.hint())
    }
}

impl From<DatasetError> for Failure {
    fn from(error: DatasetError) -> Self {
        let code = match error.fault() {
            Fault::Usage => USAGE,
            Fault::Input => OTHER,
            Fault::Incompatible => INCOMPATIBLE,
        };
        Self::from_error(code, &error, error.hint())
    }
}

impl From<ScoreError> for Failure {
    fn from(error: ScoreError) -> Self {
        let code = match error {
            ScoreError::Dimension { .. } | ScoreError::OneClass(_) | ScoreError::Rows { .. } => INCOMPATIBLE,
            ScoreError::NeedsClasses(_) | ScoreError::OneNumber => INCOMPATIBLE,
            _ => OTHER,
        };
        let failure = Self::from_error(code, &error, None);
        match error {
            ScoreError::NeedsClasses(_) => failure.hint(
                "exact, hfselect and ridge take numbers: --score ridge; or --task classification, if these numbers name classes",
            ),
            _ => failure,
        }
    }
}

impl From<FitError> for Failure {
    fn from(error: FitError) -> Self {
        let code = match error {
            FitError::Shapes { .. } | FitError::AnchorDimension { .. } | FitError::Dimension { .. } => INCOMPATIBLE,
            _ => OTHER,
        };
        Self::from_error(code, &error, None)
    }
}

impl From<EncoderError> for Failure {
    fn from(error: EncoderError) -> Self {
        Self::from_error(OTHER, &error, error.hint())
    }
}

impl From<HubError> for Failure {
    fn from(error: HubError) -> Self {
        Self::from_error(OTHER, &error, error.hint())
    }
}

impl From<hub::DatasetError> for Failure {
    fn from(error: hub::DatasetError) -> Self {
        let (code, hint) = match &error {
            hub::DatasetError::Subset { .. } => (USAGE, error.hint().map(|hint| format!("--subset: {hint}"))),
            hub::DatasetError::Split { .. } => (USAGE, error.hint().map(|hint| format!("--split: {hint}"))),
            _ => (OTHER, error.hint()),
        };
        Self::from_error(code, &error, hint)
    }
}

impl From<FetchError> for Failure {
    fn from(error: FetchError) -> Self {
        Self::from_error(OTHER, &error, error.hint())
    }
}

impl From<WeightsError> for Failure {
    fn from(error: WeightsError) -> Self {
        Self::from_error(OTHER, &error, error.hint())
    }
}

impl From<PickleError> for Failure {
    fn from(error: PickleError) -> Self {
        Self::from_error(OTHER, &error, error.hint())
    }
}

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Self {
        Self::from_error(OTHER, &error, None)
    }
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message)
    }
}

impl Error for Failure {}
