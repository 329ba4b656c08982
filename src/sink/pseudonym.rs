//! Pseudonyms: a keyed hash in place of an id, the same everywhere the same key is used.
//!
//! Patient numbers are short and can be tried one by one, so the pseudonym is only as secret as the
//! key; whoever has it can find the id again by hashing all known ones.

use std::borrow::Cow;

use data_encoding::BASE32_NOPAD;
use sha2::{Digest, Sha256};

/// Characters of base 32 after the leading `p`: 130 bits.
const LENGTH: usize = 26;

/// HMAC-SHA-256 (RFC 2104) over the parts, one after the other.
fn hmac_sha256(key: &[u8], parts: &[&[u8]]) -> [u8; 32] {
    const BLOCK: usize = 64;
    let mut padded = [0_u8; BLOCK];
    if key.len() > BLOCK {
        padded[..32].copy_from_slice(&Sha256::digest(key));
    } else {
        padded[..key.len()].copy_from_slice(key);
    }
    let mut inner = Sha256::new_with_prefix(padded.map(|byte| byte ^ 0x36));
    for part in parts {
        inner.update(part);
    }
    let outer = Sha256::new_with_prefix(padded.map(|byte| byte ^ 0x5c));
    outer.chain_update(inner.finalize()).finalize().into()
}

/// Whose id it is: a patient and a user with the same number get different pseudonyms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    Patient,
    User,
}

/// Turns ids into pseudonyms.
#[derive(Clone)]
pub struct Pseudonymizer {
    key: Vec<u8>,
}

impl std::fmt::Debug for Pseudonymizer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Pseudonymizer(..)")
    }
}

impl Pseudonymizer {
    /// Space and line ends around the key do not count, so that it may come from a file.
    ///
    /// # Errors
    /// When the key is empty.
    pub fn new(key: &str) -> Result<Self, String> {
        match key.trim() {
            "" => {
                Err("the pseudonym key is empty: put at least 32 random characters where pseudonym_key points".into())
            }
            key => Ok(Self { key: key.as_bytes().to_vec() }),
        }
    }

    /// `p` and 26 characters of base 32 in lower case.
    #[must_use]
    pub fn pseudonym(&self, role: Role, id: &str) -> String {
        let role: &[u8] = match role {
            Role::Patient => b"patient:",
            Role::User => b"user:",
        };
        let hash = hmac_sha256(&self.key, &[role, id.as_bytes()]);
        let text = BASE32_NOPAD.encode(&hash).to_ascii_lowercase();
        format!("p{}", &text[..LENGTH])
    }
}

/// What a sink may know of the people: `None` = the plain id.
#[derive(Clone, Debug, Default)]
pub struct Identifiers {
    pub patients: Option<Pseudonymizer>,
    pub users: Option<Pseudonymizer>,
}

impl Identifiers {
    /// The id as the sink may see it.
    #[must_use]
    pub fn show<'a>(&self, role: Role, id: &'a str) -> Cow<'a, str> {
        let pseudonymizer = match role {
            Role::Patient => &self.patients,
            Role::User => &self.users,
        };
        pseudonymizer.as_ref().map_or(Cow::Borrowed(id), |made| Cow::Owned(made.pseudonym(role, id)))
    }

    /// Whether every id is shown as it is.
    #[must_use]
    pub const fn are_plain(&self) -> bool {
        self.patients.is_none() && self.users.is_none()
    }
}

#[cfg(test)]
mod tests {
    use data_encoding::HEXLOWER;

    use super::*;

    /// RFC 4231, test cases 1 to 4, 6 and 7.
    #[test]
    fn the_keyed_hash_agrees_with_the_published_vectors() {
        let case_4: Vec<u8> = (1..=25).collect();
        let vectors: [(&[u8], &[u8], &str); 6] = [
            (&[0x0b; 20], b"Hi There", "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"),
            (
                b"Jefe",
                b"what do ya want for nothing?",
                "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
            ),
            (&[0xaa; 20], &[0xdd; 50], "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe"),
            (&case_4, &[0xcd; 50], "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b"),
            (
                &[0xaa; 131],
                b"Test Using Larger Than Block-Size Key - Hash Key First",
                "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
            ),
            (
                &[0xaa; 131],
                b"This is a test using a larger than block-size key and a larger than block-size data. \
                  The key needs to be hashed before being used by the HMAC algorithm.",
                "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2",
            ),
        ];
        for (key, text, expected) in vectors {
            assert_eq!(HEXLOWER.encode(&hmac_sha256(key, &[text])), expected);
            let (head, tail) = text.split_at(5);
            assert_eq!(HEXLOWER.encode(&hmac_sha256(key, &[head, tail])), expected);
        }
    }

    #[test]
    fn pseudonyms_are_stable_short_and_differ_by_key_and_role() {
        let made = Pseudonymizer::new("k1\n").unwrap();
        let patient = made.pseudonym(Role::Patient, "100");
        assert_eq!(patient.len(), 27);
        assert!(
            patient.starts_with('p') && patient.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
        );
        assert_eq!(patient, Pseudonymizer::new("k1").unwrap().pseudonym(Role::Patient, "100"));
        assert_ne!(patient, made.pseudonym(Role::User, "100"));
        assert_ne!(patient, made.pseudonym(Role::Patient, "101"));
        assert_ne!(patient, Pseudonymizer::new("k2").unwrap().pseudonym(Role::Patient, "100"));
        assert!(Pseudonymizer::new(" \n").is_err());
        assert!(!format!("{made:?}").contains("k1"));
    }
}
