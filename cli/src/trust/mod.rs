//! Trust: who vouches for an ESM, and whether the user believes them.
//!
//! Signatures are OpenSSH's (SSHSIG, `PROTOCOL.sshsig`), by ed25519 keys, so that people use the key that they have and
//! check a signature by hand with `ssh-keygen -Y verify`; trusted keys are named in a file as its `allowed_signers` are.
//!
//! It promises: a signature counts only for the very reference and card that it was made for, in the namespace `esmhub`; a
//! line of trusted keys that cannot be read is an error, and one that is not used is said; a signature that does not verify
//! is never shown as one of somebody's. It never writes a key, and keeps a secret no longer than it takes to sign.
//!
//! [`AllowedSigners`] and [`Seal`] are public because they read what strangers have written, so that they can be fuzzed.

mod allowed_signers;
mod keyring;
mod options;
mod passphrase;
mod restriction;
mod seal;
mod signing_key;
mod verdict;

pub use allowed_signers::{AllowedSigners, BadLine};
pub(crate) use keyring::{Keyring, KeyringSummary};
pub(crate) use options::{Guard, RequireOptions, SignOptions, TrustOptions};
pub use seal::Seal;
pub(crate) use signing_key::SigningKey;
pub(crate) use verdict::{Standing, Verdict, judge};

/// The namespace of every signature here, so that one that was made for something else is no signature of an ESM.
const NAMESPACE: &str = "esmhub";
