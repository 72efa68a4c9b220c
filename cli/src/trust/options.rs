//! What commands take to sign, and to use only what is signed.

use std::path::PathBuf;

use clap::Args;
use esmhub_registry::{Catalog, Esm, Registry};

use super::{Keyring, SigningKey, Standing};
use crate::context::Context;
use crate::failure::{Failure, INTEGRITY, Outcome};

/// With which key to sign.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct SignOptions {
    /// Sign with the OpenSSH private key in this file, an ed25519 one: who trusts the key can tell that its owner published
    /// this. A passphrase is asked for on the terminal, or taken from ESMHUB_SIGN_PASSPHRASE
    #[arg(long, env = "ESMHUB_SIGN", hide_env_values = true, value_name = "KEY")]
    sign: Option<PathBuf>,
}

impl SignOptions {
    /// The key, ready to sign; `None` where nothing is to be signed.
    pub(crate) fn key(&self, context: &Context) -> Outcome<Option<SigningKey>> {
        self.sign.as_deref().map(|path| SigningKey::load(context, path)).transpose()
    }
}

/// Which keys to trust.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct TrustOptions {
    /// File of the keys to trust, as OpenSSH's allowed_signers [default: esmhub/trusted-keys in the user's folder of settings,
    /// else trusted-keys in the registry]
    #[arg(long, env = "ESMHUB_TRUSTED_KEYS", hide_env_values = true, value_name = "FILE")]
    trusted_keys: Option<PathBuf>,
}

impl TrustOptions {
    /// Whether a file is named, which then must be there.
    pub(crate) fn names_a_file(&self) -> bool {
        self.trusted_keys.is_some()
    }

    /// The keys, to show whose signatures there are.
    pub(crate) fn keyring(&self, context: &Context, registry: &Registry) -> Outcome<Keyring> {
        Keyring::load_to_show(context, registry, self.trusted_keys.as_deref())
    }
}

/// Whether to use only what is signed, and by whom.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct RequireOptions {
    #[command(flatten)]
    trust: TrustOptions,
    /// Use only ESMs that have a signature by a trusted key
    #[arg(long, env = "ESMHUB_REQUIRE_SIGNATURE", hide_env_values = true, value_parser = clap::builder::FalseyValueParser::new())]
    require_signature: bool,
}

impl RequireOptions {
    /// What lets through only what is signed; `None` where everything may be used.
    ///
    /// # Errors
    /// Where no key is trusted, so that nothing could be used.
    pub(crate) fn guard(&self, context: &Context, registry: &Registry) -> Outcome<Option<Guard>> {
        if !self.require_signature {
            return Ok(None);
        }
        let keyring = Keyring::load(context, registry, self.trust.trusted_keys.as_deref())?;
        keyring.require_any(context)?;
        Ok(Some(Guard(keyring)))
    }
}

/// Lets through only what somebody who is trusted vouches for.
pub(crate) struct Guard(Keyring);

impl Guard {
    /// The keys that are trusted.
    pub(crate) fn keyring(&self) -> &Keyring {
        &self.0
    }

    /// Who vouches for an ESM of a catalog.
    ///
    /// # Errors
    /// [`INTEGRITY`] where nobody does who is trusted; the message does not name the ESM.
    pub(crate) fn check(&self, catalog: &Catalog, esm: &Esm) -> Outcome<String> {
        match Standing::of(esm, &self.0) {
            Standing::Trusted(principal) => Ok(principal),
            Standing::Unsigned(found) | Standing::Invalid(found) => {
                let refusal = self.refusal(&found);
                Err(match self.newest_signed(catalog, esm) {
                    Some(other) => {
                        let other = other.reference();
                        refusal
                            .hint(format!("{other} is the newest tag that has one; `esmhub show` lists all signatures"))
                    }
                    None => refusal,
                })
            }
        }
    }

    /// The newest tag of the same name for which somebody vouches.
    fn newest_signed<'a>(&self, catalog: &'a Catalog, esm: &Esm) -> Option<&'a Esm> {
        let others: Vec<&Esm> = catalog.tags(esm.name()).filter(|other| !other.is_yanked()).collect();
        others.into_iter().rev().find(|other| matches!(Standing::of(other, &self.0), Standing::Trusted(_)))
    }

    fn refusal(&self, found: &str) -> Failure {
        let place = self.0.place();
        self.advised(format!("expected a signature by a key of {place}, found {found}"))
    }

    fn advised(&self, message: String) -> Failure {
        Failure::new(INTEGRITY, message).hint(
            "ask its publisher for `esmhub publish --sign`, or trust a key of theirs; `esmhub show` lists all signatures",
        )
    }

    /// That nothing is left of what was asked for.
    pub(crate) fn nothing_left(&self) -> Failure {
        let place = self.0.place();
        self.advised(format!("no ESM that is asked for has a signature by a key of {place}"))
    }
}
