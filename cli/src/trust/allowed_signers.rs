//! Files of trusted keys, as OpenSSH's `allowed_signers` has them (ssh-keygen(1)): a line is `PRINCIPALS [OPTIONS] KIND KEY
//! [COMMENT]`, and empty lines and those that begin with `#` say nothing.

use std::collections::BTreeMap;

use jiff::Timestamp;
use ssh_key::PublicKey;

use super::restriction::Restriction;
use super::seal::fault_of;
use crate::printable::is_invisible;

const ED25519: &str = "ssh-ed25519";
/// Kinds of keys that OpenSSH has and that no signature of an ESM can be by.
const OTHERS: [&str; 15] = [
    "ssh-rsa",
    "ssh-dss",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521",
    "sk-ssh-ed25519@openssh.com",
    "sk-ecdsa-sha2-nistp256@openssh.com",
    "ssh-ed25519-cert-v01@openssh.com",
    "ssh-rsa-cert-v01@openssh.com",
    "ssh-dss-cert-v01@openssh.com",
    "ecdsa-sha2-nistp256-cert-v01@openssh.com",
    "ecdsa-sha2-nistp384-cert-v01@openssh.com",
    "ecdsa-sha2-nistp521-cert-v01@openssh.com",
    "sk-ssh-ed25519-cert-v01@openssh.com",
    "sk-ecdsa-sha2-nistp256-cert-v01@openssh.com",
];

/// The keys that a file names, and whose they are.
#[derive(Debug, Default)]
pub struct AllowedSigners {
    principals: BTreeMap<[u8; 32], String>,
    unused: Vec<String>,
}

/// A line that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {reason}")]
pub struct BadLine {
    /// Its number, from 1 on.
    pub line: usize,
    /// What was expected, and what was found.
    pub reason: String,
}

impl AllowedSigners {
    /// Reads a file's bytes; what restricts keys in time is compared with `now`.
    ///
    /// # Errors
    /// The first line that cannot be read.
    pub fn parse(bytes: &[u8], now: Timestamp) -> Result<Self, BadLine> {
        let mut signers = Self::default();
        for (number, line) in bytes.split(|byte| *byte == b'\n').enumerate() {
            let line = str::from_utf8(line).map_err(|_| "it is not UTF-8".to_owned());
            let taken = line.and_then(|line| signers.take(line.trim_matches([' ', '\t', '\r']), now, number + 1));
            taken.map_err(|reason| BadLine { line: number + 1, reason })?;
        }
        Ok(signers)
    }

    /// Whose a key is; `None` where it is not trusted.
    pub fn principal(&self, key: &[u8; 32]) -> Option<&str> {
        self.principals.get(key).map(String::as_str)
    }

    /// How many keys are trusted.
    pub fn len(&self) -> usize {
        self.principals.len()
    }

    /// Whether no key is trusted.
    pub fn is_empty(&self) -> bool {
        self.principals.is_empty()
    }

    /// The lines whose keys are not used, each with the reason.
    pub fn unused(&self) -> &[String] {
        &self.unused
    }

    fn take(&mut self, line: &str, now: Timestamp, number: usize) -> Result<(), String> {
        if line.is_empty() || line.starts_with('#') {
            return Ok(());
        }
        if line.chars().any(|c| c.is_control() && c != '\t') {
            return Err("it holds a control character".to_owned());
        }
        let (principals, rest) = principals(line)?;
        let (first, behind) = word(rest)?;
        let is_kind = |word: &str| word == ED25519 || OTHERS.contains(&word);
        let (options, kind, behind) = if is_kind(first) {
            ("", first, behind)
        } else {
            let (kind, behind) = word(behind)?;
            (first, kind, behind)
        };
        let restriction = Restriction::parse(options)?;
        if !is_kind(kind) {
            return Err(match kind {
                "" => "a key is missing: expected PRINCIPAL ssh-ed25519 KEY".to_owned(),
                _ => format!("{:?} is no kind of key that is known", start(kind)),
            });
        }
        let (key, _comment) = word(behind)?;
        if key.is_empty() {
            return Err(format!("the {kind} key is missing"));
        }
        let mut leave_out =
            |why: &str| self.unused.push(format!("line {number}, a key of {principals}, is not used: {why}"));
        if kind != ED25519 {
            leave_out(&format!("only ed25519 keys sign ESMs, and its kind is {kind}"));
            return Ok(());
        }
        let parsed = PublicKey::from_openssh(&format!("{kind} {key}"));
        let parsed = parsed.map_err(|error| format!("its ssh-ed25519 key cannot be read: {error}"))?;
        let key = parsed.key_data().ed25519().ok_or("its key is not ed25519")?.0;
        if let Some(fault) = fault_of(&key) {
            return Err(fault.to_owned());
        }
        if let Some(why) = restriction.refuses(now) {
            leave_out(why);
            return Ok(());
        }
        let whose = self.principals.entry(key).or_default();
        if !whose.is_empty() {
            whose.push(',');
        }
        whose.push_str(principals);
        Ok(())
    }
}

/// Whose the key is, in quotes or not, and what follows.
fn principals(line: &str) -> Result<(&str, &str), String> {
    let (principals, rest) = match line.strip_prefix('"') {
        Some(quoted) => quoted.split_once('"').ok_or("its quotes are not closed")?,
        None => line.split_at(line.find([' ', '\t']).unwrap_or(line.len())),
    };
    let named = !principals.is_empty() && principals.split(',').all(|principal| !principal.trim().is_empty());
    if !named || principals.contains('"') {
        return Err(format!("{:?} is no list of principals", start(principals)));
    }
    if let Some(hidden) = principals.chars().find(|c| is_invisible(*c)) {
        let code = u32::from(hidden);
        return Err(format!(
            "its principals hold the invisible character U+{code:04X}, by which one name can pass for another"
        ));
    }
    if !rest.is_empty() && !rest.starts_with([' ', '\t']) {
        return Err("a space is expected behind the principals".to_owned());
    }
    Ok((principals, rest))
}

/// The next word, which may hold spaces within quotes, and what follows it.
fn word(text: &str) -> Result<(&str, &str), String> {
    let text = text.trim_start_matches([' ', '\t']);
    let mut quoted = false;
    let ends = |c: char| {
        quoted ^= c == '"';
        !quoted && (c == ' ' || c == '\t')
    };
    let end = text.find(ends);
    if quoted && end.is_none() {
        return Err("its quotes are not closed".to_owned());
    }
    Ok(text.split_at(end.unwrap_or(text.len())))
}

fn start(text: &str) -> String {
    text.chars().take(40).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]
    use super::*;

    const KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIDrholyBnxXJXTFlrO8gwm25DqsECTqq3/AheWOfro2f";

    fn parse(text: &str) -> Result<AllowedSigners, BadLine> {
        AllowedSigners::parse(text.as_bytes(), Timestamp::UNIX_EPOCH)
    }

    fn only(text: &str) -> Option<String> {
        let signers = parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
        assert!(signers.len() <= 1, "{text}");
        signers.principals.into_values().next()
    }

    #[test]
    fn every_spelling_of_a_line_names_the_same_key() {
        for (line, whose) in [
            (format!("ada@engine {KEY}"), "ada@engine"),
            (format!("ada@engine {KEY} ada's laptop"), "ada@engine"),
            (format!("  ada,grace \t {KEY}\r\n"), "ada,grace"),
            (format!("\"Ada Lovelace\" {KEY}"), "Ada Lovelace"),
            (format!("*@engine namespaces=\"git,esmhub\" {KEY}"), "*@engine"),
            (format!("ada NAMESPACES=\"esmhub\",valid-before=\"20300101Z\" {KEY} x y"), "ada"),
            (format!("ada namespaces=\"a b,esmhub\" {KEY}"), "ada"),
            (format!("# words\n\nada {KEY}\n# more"), "ada"),
            (format!("ada {KEY}\ngrace {KEY} twice"), "ada,grace"),
        ] {
            assert_eq!(only(&line).as_deref(), Some(whose), "{line}");
        }
    }

    #[test]
    fn lines_that_are_not_used_are_said_with_their_reason() {
        for (line, why) in [
            (format!("ada cert-authority {KEY}"), "certificate authority"),
            (format!("ada namespaces=\"git\" {KEY}"), "namespaces"),
            (format!("ada valid-before=\"19691231Z\" {KEY}"), "no longer"),
            (format!("ada valid-after=\"19700102Z\" {KEY}"), "not valid yet"),
            ("ada ssh-rsa AAAAB3NzaC1yc2E=".to_owned(), "only ed25519"),
            ("ada namespaces=\"esmhub\" sk-ssh-ed25519@openssh.com AAAA".to_owned(), "only ed25519"),
        ] {
            let signers = parse(&format!("#\n{line}")).unwrap();
            assert!(signers.is_empty(), "{line}");
            let said = &signers.unused()[0];
            assert!(
                signers.unused().len() == 1 && said.starts_with("line 2, a key of ada,") && said.contains(why),
                "{said}"
            );
        }
    }

    /// The eight points of small order, and how else their bytes can be written: anything verifies by one of them.
    #[test]
    fn a_weak_key_is_refused_however_it_is_written() {
        let order_8 = [
            "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
            "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
        ];
        let from_hex = |hex: &str| -> [u8; 32] {
            std::array::from_fn(|at| u8::from_str_radix(&hex[2 * at..2 * at + 2], 16).unwrap())
        };
        let between = |first: u8, middle: u8, last: u8| {
            let mut bytes = [middle; 32];
            (bytes[0], bytes[31]) = (first, last);
            bytes
        };
        // y = 0, 1, -1, p and p + 1.
        let others = [between(0, 0, 0), between(1, 0, 0)].into_iter();
        let others = others.chain([0xec, 0xed, 0xee].map(|first| between(first, 0xff, 0x7f)));
        let weak = order_8.map(from_hex).into_iter().chain(others);
        for key in weak.flat_map(|key| [key, mirrored(key)]) {
            let line = super::super::seal::public_key(key).to_openssh().unwrap();
            let error = parse(&format!("grace {KEY}\nada {line}\n")).unwrap_err();
            assert!(error.line == 2 && error.reason.contains("weak"), "{key:x?}: {error}");
        }
        // y = 2 is on no point.
        let line = super::super::seal::public_key(between(2, 0, 0)).to_openssh().unwrap();
        assert!(parse(&format!("ada {line}")).unwrap_err().reason.contains("no point"));
    }

    /// The same key with the other sign of x.
    fn mirrored(mut key: [u8; 32]) -> [u8; 32] {
        key[31] ^= 0x80;
        key
    }

    #[test]
    fn names_in_other_scripts_are_names() {
        for name in ["Ада", "アダ", "عادل", "Ada\u{301}"] {
            assert_eq!(only(&format!("\"{name}\" {KEY}")).as_deref(), Some(name));
        }
    }

    #[test]
    fn a_line_that_cannot_be_read_is_an_error_with_its_number() {
        let (kind, base64) = KEY.split_once(' ').unwrap();
        let (short, long) = (&base64[..64], format!("{base64}AAAA"));
        for (line, said) in [
            (KEY.to_owned(), "neither a kind of key nor"),
            ("ada".to_owned(), "a key is missing"),
            (format!("ada {kind}"), "key is missing"),
            (format!("ada {kind} {short}"), "cannot be read"),
            (format!("ada {kind} {long}"), "cannot be read"),
            (format!("ada {kind} {}", base64.replacen('3', "!", 1)), "cannot be read"),
            (format!("ada {kind} {}", base64.replacen("NTE5", "NTE4", 1)), "cannot be read"),
            (format!("ada ssh-frob {base64}"), "ssh-frob"),
            (format!("ada frob {KEY}"), "frob"),
            (format!("ada namespaces=\"esmhub\" frob {base64}"), "frob"),
            (format!("\"ada {KEY}"), "quotes"),
            (format!("ada namespaces=\"esmhub {KEY}"), "quotes"),
            (format!("\"ada\"x {KEY}"), "space"),
            (format!("ada,, {KEY}"), "principals"),
            (format!("\"\" {KEY}"), "principals"),
            (format!("ada\u{1b}[2J {KEY}"), "control character"),
            (format!("ada\0 {KEY}"), "control character"),
            (format!("ada\u{202e}@evil {KEY}"), "invisible character U+202E"),
            (format!("\"ada\u{200b}\" {KEY}"), "invisible character U+200B"),
            (format!("\u{feff}ada {KEY}"), "invisible character U+FEFF"),
        ] {
            let error = parse(&format!("grace {KEY}\n\n{line}\n")).unwrap_err();
            assert!(error.line == 3 && error.reason.contains(said), "{line}: {error}");
        }
        let error = AllowedSigners::parse(b"ada\xff x", Timestamp::UNIX_EPOCH).unwrap_err();
        assert_eq!(error.to_string(), "line 1: it is not UTF-8");
    }
}
