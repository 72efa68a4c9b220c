//! What AWS's tools keep in `~/.aws`: keys, region and endpoint of a profile.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::io::ErrorKind;
use std::path::PathBuf;

use configparser::ini::{Ini, IniDefault};

use crate::failure::{Failure, OTHER, Outcome};

/// Adds what the environment does not say, from the profile that it names, or from `default`.
///
/// # Errors
/// Where the profile that is named is not there; where a file cannot be read; where a profile has no keys but a way to get some that
/// is not known here.
pub(super) fn complete(settings: &mut BTreeMap<String, String>) -> Outcome<()> {
    let named = ["AWS_PROFILE", "AWS_DEFAULT_PROFILE"].iter().find_map(|key| settings.get(*key).cloned());
    let name = named.as_deref().unwrap_or("default");
    let config = file(settings, "AWS_CONFIG_FILE", "config")?;
    let credentials = file(settings, "AWS_SHARED_CREDENTIALS_FILE", "credentials")?;
    let in_config = match name {
        "default" => name.to_owned(),
        other => format!("profile {other}"),
    };
    let (general, keys) = (config.get(&in_config).cloned(), credentials.get(name).cloned());
    if general.is_none() && keys.is_none() {
        return match named {
            None => Ok(()),
            Some(name) => Err(Failure::usage(format!("there is no AWS profile {name}"))
                .hint("`aws configure list-profiles` lists them; AWS_PROFILE names the one that is used")),
        };
    }
    let (general, keys) = (general.unwrap_or_default(), keys.unwrap_or_default());
    let value = |key: &str| keys.get(key).or_else(|| general.get(key)).cloned().flatten();
    if !["AWS_REGION", "AWS_DEFAULT_REGION"].iter().any(|key| settings.contains_key(*key)) {
        settings.extend(value("region").map(|region| ("AWS_REGION".to_owned(), region)));
    }
    if !["AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3"].iter().any(|key| settings.contains_key(*key)) {
        settings.extend(value("endpoint_url").map(|endpoint| ("AWS_ENDPOINT_URL".to_owned(), endpoint)));
    }
    if HAS_KEYS.iter().any(|key| settings.contains_key(*key)) {
        return Ok(());
    }
    match (value("aws_access_key_id"), value("aws_secret_access_key")) {
        (Some(id), Some(secret)) => {
            settings.insert("AWS_ACCESS_KEY_ID".to_owned(), id);
            settings.insert("AWS_SECRET_ACCESS_KEY".to_owned(), secret);
            settings.extend(value("aws_session_token").map(|token| ("AWS_SESSION_TOKEN".to_owned(), token)));
            Ok(())
        }
        _ => match ELSEWHERE.iter().find(|key| value(key).is_some()) {
            Some(key) => Err(Failure::new(
                OTHER,
                format!("the AWS profile {name} gets its keys by {key}, which is not known here"),
            )
            .hint(format!("eval \"$(aws configure export-credentials --profile {name} --format env)\" puts them into the environment"))),
            None => Ok(()),
        },
    }
}

/// Where the environment says who one is, no profile is asked.
const HAS_KEYS: [&str; 5] = [
    "AWS_ACCESS_KEY_ID",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "AWS_SKIP_SIGNATURE",
];
/// Ways of a profile to keys that need more than a file.
const ELSEWHERE: [&str; 5] = ["sso_session", "sso_start_url", "credential_process", "role_arn", "login_session"];

/// Values by section and key.
type Sections = HashMap<String, HashMap<String, Option<String>>>;

/// What the file says that a variable names, or the one in `~/.aws`; nothing where it is not there.
fn file(settings: &BTreeMap<String, String>, variable: &str, name: &str) -> Outcome<Sections> {
    let path = match settings.get(variable) {
        Some(path) => PathBuf::from(path),
        None => match etcetera::home_dir() {
            Ok(home) => home.join(".aws").join(name),
            Err(_) => return Ok(Sections::new()),
        },
    };
    let bytes = match fs::read(&path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Sections::new()),
        Err(error) => return Err(Failure::io(path.display(), error)),
    };
    let refused = |detail: String| Failure::new(OTHER, format!("{}: {detail}", path.display()));
    let text = String::from_utf8(bytes).map_err(|error| refused(error.to_string()))?;
    // As AWS's tools read them: a profile's name and a key are what they are, and a value goes on to the end of its line.
    let mut rules = IniDefault::default();
    rules.case_sensitive = true;
    rules.inline_comment_symbols = Some(Vec::new());
    rules.delimiters = vec!['='];
    Ini::new_from_defaults(rules).read(text).map_err(refused)
}
