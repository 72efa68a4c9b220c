//! Record kind 7: somebody vouches for what `name:tag` stands for (R44, R45).
//!
//! The signature is carried, and never judged here: whoever has keys to compare it with does that.

use crate::limits::{MAX_RECORD_BYTES, MAX_SIGNATURE_BYTES};
use crate::{Digest, FormatError, Name, Tag, wire};

const LIMIT: usize = MAX_RECORD_BYTES as usize;
const WHAT: &str = "signature record";

/// A signature of [`Signed::statement`], and the `name:tag` and card that it is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signed {
    /// The name.
    pub name: Name,
    /// The tag.
    pub tag: Tag,
    /// The card's digest.
    pub digest: Digest,
    /// The signature: the binary form of OpenSSH's SSHSIG, 1 to [`MAX_SIGNATURE_BYTES`] bytes. Whether they are one, and
    /// whose, is not checked here.
    pub signature: Vec<u8>,
}

impl Signed {
    /// What a signature of this ESM signs: it binds the reference to the card, which pins the weights. Name and tag are
    /// spelt as in the record that published them.
    pub fn statement(name: &Name, tag: &Tag, digest: &Digest) -> String {
        format!("esmhub publish 1\n{name}:{tag}\nblake3:{digest}\n")
    }

    pub(super) fn to_canonical(&self) -> Result<Vec<u8>, FormatError> {
        self.check()?;
        wire::encode::<LIMIT, _>(WHAT, &(self.name.as_str(), self.tag.as_str(), self.digest, &self.signature))
    }

    pub(super) fn from_canonical(bytes: &[u8]) -> Result<Self, FormatError> {
        let (name, tag, digest, signature) = wire::decode::<LIMIT, (String, String, Digest, Vec<u8>)>(WHAT, bytes)?;
        let (name, tag) = super::references::parse(WHAT, &name, &tag)?;
        let signed = Self { name, tag, digest, signature };
        signed.check()?;
        Ok(signed)
    }

    fn check(&self) -> Result<(), FormatError> {
        let found = self.signature.len();
        if found == 0 || found > MAX_SIGNATURE_BYTES {
            let detail = format!("a signature of {found} bytes, expected 1 to {MAX_SIGNATURE_BYTES}");
            return Err(FormatError::invalid(WHAT, detail));
        }
        Ok(())
    }
}
