//! The options of a line of `allowed_signers`, which restrict what its key is trusted for (ssh-keygen(1), ALLOWED SIGNERS).

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};

use super::NAMESPACE;

/// What restricts a key.
#[derive(Debug, Default)]
pub(super) struct Restriction {
    is_authority: bool,
    namespaces: Option<String>,
    after: Option<Timestamp>,
    before: Option<Timestamp>,
}

impl Restriction {
    /// Reads options: `name` or `name="value"`, joined by commas. Names may be spelt in any case.
    ///
    /// # Errors
    /// What cannot be read.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let mut restriction = Self::default();
        let mut rest = text;
        while !rest.is_empty() {
            let end = rest.find([',', '=']).unwrap_or(rest.len());
            let (name, behind) = rest.split_at_checked(end).unwrap_or_default();
            let (value, behind) = match behind.strip_prefix("=\"") {
                Some(quoted) => {
                    let (value, behind) =
                        quoted.split_once('"').ok_or_else(|| format!("the quotes of {name} are not closed"))?;
                    (Some(value), behind)
                }
                None => (None, behind),
            };
            restriction.set(name, value)?;
            rest = match behind.strip_prefix(',') {
                Some(more) if !more.is_empty() => more,
                None if behind.is_empty() => "",
                _ => return Err(format!("{behind:?} follows {name}, expected a comma and an option, or a space")),
            };
        }
        Ok(restriction)
    }

    fn set(&mut self, name: &str, value: Option<&str>) -> Result<(), String> {
        let twice = || Err(format!("{name} stands there twice"));
        match (name.to_ascii_lowercase().as_str(), value) {
            ("cert-authority", None) => self.is_authority = true,
            ("namespaces", Some(_)) if self.namespaces.is_some() => return twice(),
            ("namespaces", Some(value)) if !value.is_empty() => self.namespaces = Some(value.to_owned()),
            ("valid-after", Some(_)) if self.after.is_some() => return twice(),
            ("valid-after", Some(value)) => self.after = Some(time(value)?),
            ("valid-before", Some(_)) if self.before.is_some() => return twice(),
            ("valid-before", Some(value)) => self.before = Some(time(value)?),
            ("namespaces" | "valid-after" | "valid-before", _) => {
                return Err(format!("{name} needs a value: {name}=\"…\""));
            }
            _ => {
                let start: String = name.chars().take(40).collect();
                return Err(format!(
                    "{start:?} is neither a kind of key nor one of the options cert-authority, namespaces, valid-after and valid-before"
                ));
            }
        }
        if let (Some(after), Some(before)) = (self.after, self.before)
            && after >= before
        {
            return Err("valid-before is not after valid-after".to_owned());
        }
        Ok(())
    }

    /// Why the key is not used for signatures of ESMs now; `None` where it is.
    pub(super) fn refuses(&self, now: Timestamp) -> Option<&'static str> {
        if self.is_authority {
            return Some("it is a certificate authority, and certificates are not used here");
        }
        if self.namespaces.as_deref().is_some_and(|patterns| !matches_list(patterns, NAMESPACE)) {
            return Some("its namespaces do not include esmhub");
        }
        if self.after.is_some_and(|after| now < after) {
            return Some("it is not valid yet");
        }
        if self.before.is_some_and(|before| now > before) {
            return Some("it is valid no longer");
        }
        None
    }
}

/// `YYYYMMDD`, `YYYYMMDDHHMM` or `YYYYMMDDHHMMSS`, in local time, or in UTC with a `Z` behind it.
fn time(text: &str) -> Result<Timestamp, String> {
    let digits = text.strip_suffix(['Z', 'z']);
    let zone = if digits.is_some() { TimeZone::UTC } else { TimeZone::system() };
    let digits = digits.unwrap_or(text);
    let part = |from: usize, length: usize| match digits.get(from..from + length) {
        Some(part) => part.parse::<i16>().ok(),
        None => Some(0),
    };
    let well_formed = matches!(digits.len(), 8 | 12 | 14) && digits.bytes().all(|byte| byte.is_ascii_digit());
    let small = |from| part(from, 2).and_then(|part| i8::try_from(part).ok());
    let read = || {
        let (year, month, day) = (part(0, 4)?, small(4)?, small(6)?);
        let at = DateTime::new(year, month, day, small(8)?, small(10)?, small(12)?, 0).ok()?;
        at.to_zoned(zone).ok().map(|at: Zoned| at.timestamp())
    };
    well_formed.then(read).flatten().ok_or_else(|| {
        let start: String = text.chars().take(40).collect();
        format!("{start:?} is no time, expected YYYYMMDD, YYYYMMDDHHMM or YYYYMMDDHHMMSS, and Z for UTC")
    })
}

/// Whether a text matches a list of patterns joined by commas: at least one, and none of those behind a `!`.
fn matches_list(patterns: &str, text: &str) -> bool {
    let mut found = false;
    for pattern in patterns.split(',') {
        match pattern.strip_prefix('!') {
            Some(pattern) if matches(pattern.as_bytes(), text.as_bytes()) => return false,
            Some(_) => {}
            None => found |= matches(pattern.as_bytes(), text.as_bytes()),
        }
    }
    found
}

/// `*` stands for any characters, `?` for one.
fn matches(pattern: &[u8], text: &[u8]) -> bool {
    let (mut pattern, mut text) = (pattern, text);
    // Where the last star stood, and from where it has to stand for one more character.
    let mut retry: Option<(&[u8], &[u8])> = None;
    loop {
        match (pattern, text) {
            ([b'*', behind @ ..], _) => {
                retry = Some((behind, text));
                pattern = behind;
            }
            ([p, behind @ ..], [t, rest @ ..]) if p == t || *p == b'?' => (pattern, text) = (behind, rest),
            ([], []) => return true,
            _ => match retry {
                Some((behind, [_, rest @ ..])) => {
                    retry = Some((behind, rest));
                    (pattern, text) = (behind, rest);
                }
                _ => return false,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn at(text: &str) -> Timestamp {
        time(text).unwrap()
    }

    #[test]
    fn namespaces_restrict_as_openssh_says() {
        for (list, includes) in [
            ("esmhub", true),
            ("git,esmhub", true),
            ("*", true),
            ("esm*", true),
            ("e?mhub", true),
            ("*hub*", true),
            ("git", false),
            ("esmhub2", false),
            ("esm", false),
            ("?", false),
            ("*,!esmhub", false),
            ("!git,*", true),
            ("!git", false),
            ("e*b*h?b", false),
        ] {
            let restriction = Restriction::parse(&format!("namespaces=\"{list}\"")).unwrap();
            assert_eq!(restriction.refuses(Timestamp::UNIX_EPOCH).is_none(), includes, "{list}");
        }
    }

    #[test]
    fn a_key_counts_from_its_first_moment_to_its_last() {
        let restriction = Restriction::parse("valid-after=\"20260101Z\",Valid-Before=\"202601312359Z\"").unwrap();
        for (now, counts) in [
            ("20251231235959Z", false),
            ("20260101000000Z", true),
            ("20260131235900Z", true),
            ("20260131235901Z", false),
        ] {
            assert_eq!(restriction.refuses(at(now)).is_none(), counts, "{now}");
        }
        assert_eq!(at("20260101Z"), at("20260101000000Z"));
        assert_eq!(at("19700101Z"), Timestamp::UNIX_EPOCH);
    }

    #[test]
    fn no_option_is_passed_over() {
        for odd in [
            "no-touch-required",
            "namespaces",
            "namespaces=\"\"",
            "namespaces=\"esmhub",
            "namespaces=esmhub",
            "namespaces=\"a\",namespaces=\"b\"",
            "namespaces=\"a\"valid-after=\"20260101\"",
            "cert-authority=\"yes\"",
            "cert-authority,",
            ",cert-authority",
            "valid-after=\"tomorrow\"",
            "valid-after=\"20261301\"",
            "valid-after=\"2026\"",
            "valid-after=\"202601010\"",
            "valid-after=\"20260101T\"",
            "valid-after=\"2026010１\"",
            "valid-after=\"20260102Z\",valid-before=\"20260101Z\"",
        ] {
            assert!(Restriction::parse(odd).is_err(), "{odd}");
        }
        assert!(Restriction::parse("cert-authority").unwrap().refuses(Timestamp::UNIX_EPOCH).is_some());
    }
}
