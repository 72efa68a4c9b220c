//! The key that signs what is published: an OpenSSH private key in a file.

use std::error::Error;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use esmhub_store_format::log::{Signed, Target};
use ssh_key::{Algorithm, PrivateKey};
use zeroize::Zeroizing;

use super::{Seal, passphrase};
use crate::context::Context;
use crate::failure::{Failure, OTHER, Outcome};

/// No file of a private key is longer.
const MAX_KEY_BYTES: u64 = 64 * 1024;
const MAKE_ONE: &str = "`ssh-keygen -t ed25519 -f FILE` makes one";

/// A private key that can sign. What it holds is overwritten when it is dropped.
pub(crate) struct SigningKey(PrivateKey);

impl SigningKey {
    /// Reads the key in a file, and asks for its passphrase where it has one.
    ///
    /// # Errors
    /// Where the file holds no ed25519 key of OpenSSH, and where the passphrase is wrong.
    pub(super) fn load(context: &Context, path: &Path) -> Outcome<Self> {
        let file = path.display();
        let (bytes, mode) = read(path)?;
        let text = str::from_utf8(&bytes).map_err(|_| none(path).hint(MAKE_ONE))?.trim();
        if ["ssh-", "ecdsa-", "sk-"].iter().any(|kind| text.starts_with(kind)) {
            return Err(Failure::usage(format!("{file} holds the public key, and the private one signs"))
                .hint(private_beside(path)));
        }
        if !text.starts_with("-----BEGIN OPENSSH PRIVATE KEY-----") {
            let hint = match text.contains("PRIVATE KEY-----") {
                true => "`ssh-keygen -p -f FILE` writes it as OpenSSH does".to_owned(),
                false => MAKE_ONE.to_owned(),
            };
            return Err(none(path).hint(hint));
        }
        if let Some(mode) = mode.filter(|mode| mode & 0o077 != 0) {
            context.warn(format!("{file} can be read by others (mode {mode:o}); `chmod 600` keeps it to you"));
        }
        let key = match PrivateKey::from_openssh(text) {
            Ok(key) if key.algorithm() == Algorithm::Ed25519 => key,
            Ok(key) => return Err(other_kind(path, Some(&key.algorithm()))),
            Err(ssh_key::Error::AlgorithmUnknown | ssh_key::Error::AlgorithmUnsupported { .. }) => {
                return Err(other_kind(path, None));
            }
            Err(error) => return Err(Failure::new(OTHER, format!("{file}: the private key cannot be read: {error}"))),
        };
        if !key.is_encrypted() {
            return Ok(Self(key));
        }
        let opened = key.decrypt(passphrase::of(path)?.as_bytes());
        opened
            .map(Self)
            .map_err(|_| Failure::new(OTHER, format!("{file}: the passphrase is wrong, or the key is damaged")))
    }

    /// Its signature of what a target stands for, in the bytes that the log holds.
    ///
    /// # Errors
    /// Where the key cannot sign.
    pub(crate) fn sign(&self, target: &Target) -> Result<Vec<u8>, Box<dyn Error + Send + Sync>> {
        let statement = Signed::statement(&target.name, &target.tag, &target.digest);
        // The error of the crate is none of the standard library's without its `std`.
        Ok(Seal::make(&self.0, &statement).map_err(|error| error.to_string())?.to_bytes())
    }
}

/// What a file holds, and the rights to it, where it is one that has any.
fn read(path: &Path) -> Outcome<(Zeroizing<Vec<u8>>, Option<u32>)> {
    let failed = |error| Failure::io(path.display(), error);
    let file = File::open(path).map_err(failed)?;
    let mode = mode_of(&file);
    // Room for all of it at once: a vector that grows leaves copies behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(MAX_KEY_BYTES as usize + 1));
    file.take(MAX_KEY_BYTES + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > MAX_KEY_BYTES { Err(none(path).hint(MAKE_ONE)) } else { Ok((bytes, mode)) }
}

/// Where the private half of a public key should be.
fn private_beside(public: &Path) -> String {
    let private = public.with_extension("");
    let is_named_so = public.extension().is_some_and(|extension| extension == "pub");
    match is_named_so && private.is_file() {
        true => format!("the private one lies beside it: --sign {}", private.display()),
        false => "the private one lies beside it, by custom under the same name without .pub".to_owned(),
    }
}

fn none(path: &Path) -> Failure {
    Failure::new(OTHER, format!("{} holds no private key of OpenSSH", path.display()))
}

fn other_kind(path: &Path, kind: Option<&Algorithm>) -> Failure {
    let kind = kind.map_or_else(String::new, |kind| format!(" ({kind})"));
    Failure::usage(format!("{} holds a key of another kind{kind}, and only ed25519 keys sign ESMs", path.display()))
        .hint(MAKE_ONE)
}

#[cfg(unix)]
fn mode_of(file: &File) -> Option<u32> {
    use std::os::unix::fs::PermissionsExt;
    file.metadata().ok().filter(|found| found.is_file()).map(|found| found.permissions().mode() & 0o777)
}

#[cfg(not(unix))]
fn mode_of(_: &File) -> Option<u32> {
    None
}
