//! The file in which a registry names keys to trust. Whoever may write to the directory may change it.

use crate::{Registry, RegistryError, schema};

/// The largest file of trusted keys that is read, in bytes: some 8,000 keys.
pub const MAX_TRUSTED_KEYS_BYTES: u64 = 1024 * 1024;

impl Registry {
    /// What the file `trusted-keys` in the registry's directory holds; `None` where there is none. It is text of OpenSSH's
    /// `allowed_signers`, which is not looked into here.
    ///
    /// # Errors
    /// [`RegistryError::Unsound`] where it has more than [`MAX_TRUSTED_KEYS_BYTES`] or is not a plain file, a link
    /// included; [`RegistryError::Io`].
    pub fn trusted_keys(&self) -> Result<Option<Vec<u8>>, RegistryError> {
        self.storage.read(schema::TRUSTED_KEYS, MAX_TRUSTED_KEYS_BYTES)
    }
}
