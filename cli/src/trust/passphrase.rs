//! The passphrase of a private key: from the environment, or from the terminal.

use std::env;
use std::io::IsTerminal;
use std::path::Path;

use zeroize::Zeroizing;

use crate::failure::{Failure, Outcome};

const VARIABLE: &str = "ESMHUB_SIGN_PASSPHRASE";

/// The passphrase of the key in a file. It is never echoed, and forgotten when the value is dropped.
///
/// # Errors
/// Where there is nobody to ask.
pub(super) fn of(file: &Path) -> Outcome<Zeroizing<String>> {
    if let Some(given) = env::var_os(VARIABLE) {
        let given = given.into_string().map_err(|_| Failure::usage(format!("{VARIABLE} is not UTF-8")))?;
        return Ok(Zeroizing::new(given));
    }
    if !std::io::stdin().is_terminal() {
        let message = format!("{}: the key has a passphrase, and there is no terminal to ask for it", file.display());
        return Err(Failure::usage(message).hint(format!("set {VARIABLE}, or sign with a key without a passphrase")));
    }
    let asked = rpassword::prompt_password(format!("Passphrase of {}: ", file.display()));
    asked.map(Zeroizing::new).map_err(|error| Failure::io("the terminal", error))
}
