//! Attestations: the signatures of an ESM that the log holds (R44, R45).
//!
//! They are carried as bytes. Whose they are, and whether they are any good, is for whoever has keys to compare them with.

use std::collections::HashMap;
use std::error::Error;

use esmhub_store_format::limits::MAX_SIGNATURES;
use esmhub_store_format::log::{Signed, Target};
use esmhub_store_format::{Digest, FormatError};

use crate::catalog::Catalog;
use crate::esm::Stamp;
use crate::{Happening, RegistryError};

/// A signature of an ESM, and the log entry that holds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attestation {
    /// The log entry.
    pub entry: u64,
    /// The signature, unverified: of [`Signed::statement`], if it is what it should be.
    pub signature: Vec<u8>,
}

/// Makes the signature of [`Signed::statement`] of a target, in the bytes that the log is to hold.
///
/// It must make the same bytes of the same target, as ed25519 does: a signature that the log holds is recognised by them.
pub type Sign<'a> = dyn Fn(&Target) -> Result<Vec<u8>, Box<dyn Error + Send + Sync>> + Sync + 'a;

impl Catalog {
    /// Attaches a signature to what it is about; or why it does nothing.
    pub(crate) fn attest(&mut self, signed: Signed, stamp: &Stamp) -> Result<Happening, String> {
        let Signed { name, tag, digest, signature } = &signed;
        let held = self.tagged_mut(name, tag).filter(|held| held.digest == *digest && !held.is_removed());
        let Some(held) = held else {
            return Err(format!("{name}:{tag}@{digest} is signed, but does not stand for that"));
        };
        if held.attestations.iter().any(|attestation| attestation.signature == *signature) {
            return Err(format!("{name}:{tag} is signed again by the same signature"));
        }
        if held.attestations.len() >= MAX_SIGNATURES {
            return Err(format!("{name}:{tag} is signed again, it has {MAX_SIGNATURES} signatures already"));
        }
        held.attestations.push(Attestation { entry: stamp.entry, signature: signature.clone() });
        Ok(Happening::Signed(signed))
    }
}

/// Signs what a batch publishes. Every signature is made once, however often a transaction has to decide again.
pub(crate) struct Signing<'a> {
    sign: Option<&'a Sign<'a>>,
    made: HashMap<(String, String, Digest), Vec<u8>>,
}

impl<'a> Signing<'a> {
    pub(crate) fn new(sign: Option<&'a Sign<'a>>) -> Self {
        Self { sign, made: HashMap::new() }
    }

    /// The signature of a target; `None` where nothing is to be signed.
    ///
    /// # Errors
    /// [`RegistryError::Unsigned`].
    pub(crate) fn of(&mut self, target: &Target) -> Result<Option<Vec<u8>>, RegistryError> {
        let Some(sign) = self.sign else { return Ok(None) };
        let key = (target.name.to_string(), target.tag.to_string(), target.digest);
        if let Some(made) = self.made.get(&key) {
            return Ok(Some(made.clone()));
        }
        let failed = |source| RegistryError::Unsigned { name: target.name.clone(), tag: target.tag.clone(), source };
        let signature = sign(target).map_err(failed)?;
        self.made.insert(key, signature.clone());
        Ok(Some(signature))
    }
}

/// That an ESM has as many signatures as it can have.
pub(crate) fn too_many(target: &Target) -> RegistryError {
    let what = "signature record";
    let detail = format!("there are {MAX_SIGNATURES} already, which is the most");
    let source = FormatError::Invalid { what, detail };
    RegistryError::Refused { what: format!("a signature of {}:{}", target.name, target.tag), source }
}
