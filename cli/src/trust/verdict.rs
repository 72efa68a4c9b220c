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
    /// The log entry that holds it.
    entry: u64,
    /// As `ssh-keygen -Y verify` reads it.
    signature: Option<String>,
}

const OF_SOMETHING_ELSE: &str = "it is not of this reference and content";

impl Verdict {
    /// For people: whose it is, or why it is nobody's.
    pub(crate) fn describe(&self) -> String {
        let by = self.fingerprint.as_deref().unwrap_or("nobody known");
        match (&self.principal, self.problem) {
            (Some(principal), _) => format!("{principal} ({by})"),
            (None, None) => format!("{by}, not trusted"),
            (None, Some(problem)) => format!("{by}, does not verify: {problem}"),
        }
    }
}

/// Judges every signature of an ESM, in the order of the log. One that verifies is listed once for each key.
pub(crate) fn judge(esm: &Esm, keyring: &Keyring) -> Vec<Verdict> {
    let statement = esm.statement();
    let mut seen = HashSet::new();
    let mut verdicts = Vec::new();
    for attestation in esm.attestations() {
        let entry = attestation.entry;
        match Seal::read(&attestation.signature) {
            Ok(seal) => {
                let valid = seal.verifies(&statement);
                if valid && !seen.insert(seal.key()) {
                    continue;
                }
                let principal = if valid { keyring.principal(&seal.key()).map(str::to_owned) } else { None };
                let key = seal.public_key();
                verdicts.push(Verdict {
                    key: key.to_openssh().ok(),
                    fingerprint: Some(key.fingerprint(HashAlg::Sha256).to_string()),
                    trusted: principal.is_some(),
                    principal,
                    valid,
                    problem: (!valid).then_some(OF_SOMETHING_ELSE),
                    entry,
                    signature: seal.to_armored(),
                });
            }
            Err(problem) => verdicts.push(Verdict {
                key: None,
                fingerprint: None,
                principal: None,
                valid: false,
                trusted: false,
                problem: Some(problem),
                entry,
                signature: None,
            }),
        }
    }
    verdicts
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
        let verdicts = judge(esm, keyring);
        if let Some(principal) = verdicts.iter().find_map(|verdict| verdict.principal.clone()) {
            return Self::Trusted(principal);
        }
        let found: Vec<String> = verdicts.iter().map(Verdict::describe).collect();
        match (found.is_empty(), verdicts.iter().all(|verdict| verdict.valid)) {
            (true, _) => Self::Unsigned("none".to_owned()),
            (false, true) => Self::Unsigned(found.join("; ")),
            (false, false) => Self::Invalid(found.join("; ")),
        }
    }
}
