//! The one form that a signature has here: SSHSIG, version 1, by an ed25519 key, namespace `esmhub`, hash sha512, nothing in
//! its reserved field (R44). All but the key's 32 bytes and the signature's 64 is fixed, 176 bytes in all.

use ed25519_dalek::VerifyingKey;
use ssh_key::public::{Ed25519PublicKey, KeyData};
use ssh_key::{Algorithm, HashAlg, LineEnding, PublicKey, Signature, SshSig};

use super::NAMESPACE;

const MAGIC: &[u8] = b"SSHSIG";
const VERSION: u32 = 1;
const KIND: &[u8] = b"ssh-ed25519";
const HASH: &[u8] = b"sha512";

/// A signature and the key that it claims to be by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seal {
    key: [u8; 32],
    signature: [u8; 64],
}

impl Seal {
    /// Reads a signature's binary form. Nothing is verified, and nothing allocated.
    ///
    /// # Errors
    /// Which of its parts is another than esmhub writes.
    pub fn read(bytes: &[u8]) -> Result<Self, &'static str> {
        let rest = bytes.strip_prefix(MAGIC).ok_or("it is no SSHSIG")?;
        let (version, mut rest) = rest.split_first_chunk::<4>().ok_or("it ends early")?;
        if u32::from_be_bytes(*version) != VERSION {
            return Err("its version is not 1");
        }
        let key = field(&mut rest)?;
        if field(&mut rest)? != NAMESPACE.as_bytes() {
            return Err("it was made in another namespace than esmhub");
        }
        if !field(&mut rest)?.is_empty() {
            return Err("its reserved field is not empty");
        }
        if field(&mut rest)? != HASH {
            return Err("its hash is not sha512");
        }
        let signature = field(&mut rest)?;
        if !rest.is_empty() {
            return Err("bytes follow its end");
        }
        Ok(Self { key: ed25519(key)?, signature: ed25519(signature)? })
    }

    /// The binary form, which [`Seal::read`] reads.
    pub fn to_bytes(self) -> Vec<u8> {
        let mut bytes = [MAGIC, &VERSION.to_be_bytes()].concat();
        put(&mut bytes, &typed(&self.key));
        put(&mut bytes, NAMESPACE.as_bytes());
        put(&mut bytes, b"");
        put(&mut bytes, HASH);
        put(&mut bytes, &typed(&self.signature));
        bytes
    }

    /// The key that it claims to be by.
    pub fn key(&self) -> [u8; 32] {
        self.key
    }

    /// Whether that key signed this statement. The check is the strict one: `ssh-key` has the other, by which a key of small
    /// order has signed everything.
    pub fn verifies(&self, statement: &str) -> bool {
        let key = VerifyingKey::from_bytes(&self.key);
        let signed = SshSig::signed_data(NAMESPACE, HashAlg::Sha512, statement.as_bytes());
        let signature = ed25519_dalek::Signature::from_bytes(&self.signature);
        key.is_ok_and(|key| signed.is_ok_and(|signed| key.verify_strict(&signed, &signature).is_ok()))
    }

    /// The text that `ssh-keygen -Y verify` reads.
    pub(crate) fn to_armored(self) -> Option<String> {
        self.to_sshsig()?.to_pem(LineEnding::LF).ok()
    }

    /// The key, as it stands in a file of public keys.
    pub(crate) fn public_key(&self) -> PublicKey {
        public_key(self.key)
    }

    /// Signs a statement.
    ///
    /// # Errors
    /// Where the key cannot, or what it made does not verify.
    pub(super) fn make(key: &ssh_key::PrivateKey, statement: &str) -> Result<Self, ssh_key::Error> {
        let made = key.sign(NAMESPACE, HashAlg::Sha512, statement.as_bytes())?;
        let key = made.public_key().ed25519().ok_or(ssh_key::Error::AlgorithmUnknown)?.0;
        let signature = made.signature_bytes().try_into()?;
        let seal = Self { key, signature };
        // What goes into the log stays there.
        if seal.verifies(statement) { Ok(seal) } else { Err(ssh_key::Error::Crypto) }
    }

    fn to_sshsig(self) -> Option<SshSig> {
        let signature = Signature::new(Algorithm::Ed25519, self.signature).ok()?;
        SshSig::new(KeyData::Ed25519(Ed25519PublicKey(self.key)), NAMESPACE, HashAlg::Sha512, signature).ok()
    }
}

/// Why nobody can be trusted by an ed25519 key, where nobody can.
pub(super) fn fault_of(key: &[u8; 32]) -> Option<&'static str> {
    match VerifyingKey::from_bytes(key) {
        Ok(key) if key.is_weak() => Some("its key is weak (a point of small order): anybody can sign anything by it"),
        Ok(_) => None,
        Err(_) => Some("its key is none: no point of the curve has these bytes"),
    }
}

/// An ed25519 key as OpenSSH has it, without a comment.
pub(super) fn public_key(key: [u8; 32]) -> PublicKey {
    PublicKey::from(Ed25519PublicKey(key))
}

/// A `string` of RFC 4251, section 5: its length as a big-endian `u32`, and its bytes.
fn field<'a>(bytes: &mut &'a [u8]) -> Result<&'a [u8], &'static str> {
    let (length, rest) = bytes.split_first_chunk::<4>().ok_or("it ends early")?;
    let length = usize::try_from(u32::from_be_bytes(*length)).map_err(|_| "it ends early")?;
    let (field, rest) = rest.split_at_checked(length).ok_or("it ends early")?;
    *bytes = rest;
    Ok(field)
}

fn put(bytes: &mut Vec<u8>, field: &[u8]) {
    bytes.extend((field.len() as u32).to_be_bytes());
    bytes.extend(field);
}

/// What an ed25519 key and its signature have in common: the kind, and so many bytes.
fn ed25519<const N: usize>(mut bytes: &[u8]) -> Result<[u8; N], &'static str> {
    const OTHER: &str = "it is not by an ed25519 key";
    if field(&mut bytes).ok() != Some(KIND) {
        return Err(OTHER);
    }
    let value = field(&mut bytes).ok().and_then(|value| value.try_into().ok());
    value.filter(|_| bytes.is_empty()).ok_or(OTHER)
}

fn typed(value: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    put(&mut bytes, KIND);
    put(&mut bytes, value);
    bytes
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]
    use super::*;

    /// Made by `ssh-keygen -Y sign -n esmhub`; what it signs stands below.
    const MADE: &[u8] = include_bytes!("../../../store-format/tests/golden/signature.sshsig");
    const STATEMENT: &str = "esmhub publish 1\nacme/reviews/de:v1\n\
        blake3:ea8f163db38682925e4491c5e58d4bb3506ef8c14eb78a86e908c5624a67200f\n";

    #[test]
    fn what_ssh_keygen_made_is_read_and_written_alike() {
        let seal = Seal::read(MADE).unwrap();
        assert_eq!((seal.to_bytes(), MADE.len()), (MADE.to_vec(), 176));
        assert!(seal.verifies(STATEMENT));
        let text = seal.public_key().to_openssh().unwrap();
        assert_eq!(text, "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIDrholyBnxXJXTFlrO8gwm25DqsECTqq3/AheWOfro2f");
    }

    #[test]
    fn no_other_statement_verifies() {
        let seal = Seal::read(MADE).unwrap();
        let others = ["", "esmhub publish 1\n", &STATEMENT[1..], &STATEMENT[..STATEMENT.len() - 1]];
        let changed = [("v1", "v2"), ("acme", "Acme"), ("ea8f", "ea8e"), ("publish 1", "publish 2")];
        let changed = changed.map(|(from, to)| STATEMENT.replacen(from, to, 1));
        for other in others.into_iter().chain(changed.iter().map(String::as_str)) {
            assert!(other != STATEMENT && !seal.verifies(other), "{other:?}");
        }
    }

    /// Whoever plants such a key and signature has signed everything, by the check that RFC 8032 leaves open.
    #[test]
    fn no_key_of_small_order_has_signed_anything() {
        let neutral = [&[1_u8][..], &[0; 31]].concat();
        let base_point = [&[0x58_u8][..], &[0x66; 31]].concat();
        // S B = R, whatever is signed: 0 B is the neutral element, 1 B the base point.
        for (r, s) in [(&neutral, 0_u8), (&base_point, 1)] {
            let signature = [&r[..], &[s], &[0; 31]].concat();
            let seal = Seal { key: neutral[..].try_into().unwrap(), signature: signature[..].try_into().unwrap() };
            let lenient = seal.public_key().verify(NAMESPACE, STATEMENT.as_bytes(), &seal.to_sshsig().unwrap());
            assert!(lenient.is_ok() && !seal.verifies(STATEMENT), "R = {r:x?}");
        }
    }

    #[test]
    fn no_flipped_bit_and_no_cut_verifies() {
        for at in 0..MADE.len() {
            for bit in 0..8 {
                let mut flipped = MADE.to_vec();
                flipped[at] ^= 1 << bit;
                let verifies = Seal::read(&flipped).is_ok_and(|seal| seal.verifies(STATEMENT));
                assert!(!verifies, "byte {at}, bit {bit}");
            }
            assert!(Seal::read(&MADE[..at]).is_err(), "{at}");
        }
        assert_eq!(Seal::read(&[MADE, &[0]].concat()), Err("bytes follow its end"));
    }

    #[test]
    fn what_differs_is_named() {
        let with = |namespace: &str, reserved: &[u8], hash: &[u8], kind: &[u8]| {
            let mut bytes = [MAGIC, &1_u32.to_be_bytes()].concat();
            let mut key = Vec::new();
            put(&mut key, kind);
            put(&mut key, &[7; 32]);
            [&key, namespace.as_bytes(), reserved, hash].iter().for_each(|part| put(&mut bytes, part));
            put(&mut bytes, &typed(&[7; 64]));
            Seal::read(&bytes)
        };
        assert!(with("esmhub", b"", b"sha512", KIND).is_ok());
        for (read, said) in [
            (with("file", b"", b"sha512", KIND), "namespace"),
            (with("esmhub2", b"", b"sha512", KIND), "namespace"),
            (with("esmhub", b"x", b"sha512", KIND), "reserved"),
            (with("esmhub", b"", b"sha256", KIND), "sha512"),
            (with("esmhub", b"", b"sha512", b"ssh-rsa"), "ed25519"),
            (Seal::read(b""), "SSHSIG"),
            (Seal::read(b"SSHSIG\0\0\0\x02"), "version"),
            (Seal::read(b"SSHSIG\0\0\0\x01\xff\xff\xff\xff"), "ends early"),
        ] {
            assert!(read.is_err_and(|problem| problem.contains(said)), "{said}");
        }
    }
}
