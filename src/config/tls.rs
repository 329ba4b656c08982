//! The certificate by which something that listens shows who it is.

use std::path::PathBuf;

use super::secret::SecretRef;
use super::section::Section;

/// A certificate and its key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerCertificate {
    /// A file with the certificate, followed by those between it and its authority (PEM).
    pub certificate: PathBuf,
    pub private_key: SecretRef,
}

/// Reads `certificate` and `private_key`. Where they are needed, a missing one is a problem. `whose` is the word for
/// what listens.
pub(super) fn certificate(section: &mut Section<'_>, is_needed: bool, whose: &str) -> Option<ServerCertificate> {
    let certificate = file(section, "certificate", is_needed, &format!("the path of this {whose}'s certificate (PEM)"));
    if is_needed && section.node("private_key").is_none() {
        let expected = format!("{} with the key of the certificate (PEM)", SecretRef::FORMS);
        section.complain("private_key", "nothing", expected);
    }
    let private_key = section.secret("private_key");
    Some(ServerCertificate { certificate: certificate?, private_key: private_key? })
}

/// Reads the path of a file. Where it is needed, a missing one is a problem.
pub(super) fn file(section: &mut Section<'_>, key: &str, is_needed: bool, expected: &str) -> Option<PathBuf> {
    if is_needed && section.node(key).is_none() {
        section.complain(key, "nothing", expected);
    }
    section.text(key, expected).map(PathBuf::from)
}
