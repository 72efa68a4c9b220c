//! What the signatures of an ESM are worth.

use std::collections::HashSet;

use esmhub_registry::Esm;
use serde::Serialize;
use ssh_key::HashAlg;

use super::{Keyring, Seal};

/// What one signature is worth.
#[derive(Debug, Serialize)]
pub(crate) struct Verdict {
    /// The key that it claims to be by, as OpenSSH writes it; `null` where it cannot be read.
    key: Option<String>,
    fingerprint: Option<String>,
    /// Whose key it is, if it verifies and the key is trusted.
    pub(crate) principal: Option<String>,
    /// Whether that key signed this very reference and card.
    valid: bool,
    /// Whether it verifies and the key is trusted.
    trusted: bool,
    /// Why it does not verify.
    problem: Option<&'static str>,
    /// Whether there were keys to compare it with.
    #[serde(skip)]
    compared: bool,
    /// The log entry that holds it.
    entry: u64,
    /// As `ssh-keygen -Y verify` reads it.
    signature: Option<String>,
}

const OF_SOMETHING_ELSE: &str = "it is not of this reference and content";

impl Verdict {
    /// That on a signature of a statement, which a log entry holds.
    pub(crate) fn of(signature: &[u8], entry: u64, statement: &str, keyring: &Keyring) -> Self {
        let compared = keyring.summary().is_some();
        let seal = match Seal::read(signature) {
            Ok(seal) => seal,
            Err(problem) => {
                let (key, fingerprint, principal, signature) = (None, None, None, None);
                let (valid, trusted, problem) = (false, false, Some(problem));
                return Self { key, fingerprint, principal, valid, trusted, problem, compared, entry, signature };
            }
        };
        let valid = seal.verifies(statement);
        let principal = if valid { keyring.principal(&seal.key()).map(str::to_owned) } else { None };
        let key = seal.public_key();
        Self {
            key: key.to_openssh().ok(),
            fingerprint: Some(key.fingerprint(HashAlg::Sha256).to_string()),
            trusted: principal.is_some(),
            principal,
            valid,
            compared,
            problem: (!valid).then_some(OF_SOMETHING_ELSE),
            entry,
            signature: seal.to_armored(),
        }
    }

    /// For people: whose it is, or why it is nobody's.
    pub(crate) fn describe(&self) -> String {
        let by = self.fingerprint.as_deref().unwrap_or("nobody known");
        match (&self.principal, self.problem) {
            (Some(principal), _) => format!("{principal} ({by})"),
            (None, None) if self.compared => format!("{by}, not trusted"),
            (None, None) => format!("{by}, compared with no trusted keys"),
            (None, Some(problem)) => format!("{by}, does not verify: {problem}"),
        }
    }
}

/// Judges every signature of an ESM, in the order of the log. One that verifies is listed once for each key.
pub(crate) fn judge(esm: &Esm, keyring: &Keyring) -> Vec<Verdict> {
    let statement = esm.statement();
    let mut seen = HashSet::new();
    let attestations = esm.attestations().iter();
    let verdicts = attestations.map(|held| Verdict::of(&held.signature, held.entry, &statement, keyring));
    verdicts.filter(|verdict| !verdict.valid || seen.insert(verdict.key.clone())).collect()
}

/// Whether somebody who is trusted vouches for an ESM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Standing {
    /// This principal does.
    Trusted(String),
    /// Nobody does; what was found instead.
    Unsigned(String),
    /// Nobody does, and there is a signature that does not verify; what was found.
    Invalid(String),
}

impl Standing {
    /// That of an ESM.
    pub(crate) fn of(esm: &Esm, keyring: &Keyring) -> Self {
        // Verifying is most of what a ranking that remembers its scores does: one good signature is enough, and what strangers
        // have signed besides need not be looked at.
        let statement = esm.statement();
        let principal = esm.attestations().iter().find_map(|held| {
            let seal = Seal::read(&held.signature).ok()?;
            keyring.principal(&seal.key()).filter(|_| seal.verifies(&statement))
        });
        if let Some(principal) = principal {
            return Self::Trusted(principal.to_owned());
        }
        let verdicts = judge(esm, keyring);
        let found: Vec<String> = verdicts.iter().map(Verdict::describe).collect();
        match (found.is_empty(), verdicts.iter().all(|verdict| verdict.valid)) {
            (true, _) => Self::Unsigned("none".to_owned()),
            (false, true) => Self::Unsigned(found.join("; ")),
            (false, false) => Self::Invalid(found.join("; ")),
        }
    }
}
