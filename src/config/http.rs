//! `[http]`: who may ask for metrics and health, and how.

use std::fmt;
use std::net::SocketAddr;

use super::secret::SecretRef;
use super::section::{Section, parsed};
use super::tls::{ServerCertificate, certificate};

/// `[http]`
#[derive(Clone, Debug, PartialEq)]
pub struct HttpSettings {
    pub listen: SocketAddr,
    /// With it, only TLS is spoken.
    pub tls: Option<ServerCertificate>,
    /// What a caller must show. Together with TLS always there where other machines reach the address.
    pub token: Option<SecretRef>,
}

/// The address, and what protects it.
impl fmt::Display for HttpSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.listen)?;
        f.write_str(if self.tls.is_some() { ", TLS" } else { "" })?;
        f.write_str(if self.token.is_some() { ", token" } else { "" })
    }
}

/// What a token must be.
pub(super) const TOKEN: &str =
    "at least 16 visible ASCII characters without blanks, such as 32 random bytes in hexadecimal";

/// Whether a text can be a token: nobody guesses it, and it can stand in a header.
pub(super) fn is_token(text: &str) -> bool {
    text.len() >= 16 && text.chars().all(|c| c.is_ascii_graphic())
}

pub(super) fn read(mut section: Section<'_>) -> HttpSettings {
    let expected = "an IP address and a port, such as \"127.0.0.1:9650\"";
    let listen = section.get("listen", expected, parsed).unwrap_or_else(|| SocketAddr::from(([127, 0, 0, 1], 9650)));
    let is_set = |key: &str| section.table().is_some_and(|table| table.contains_key(key));
    let has_tls = is_set("certificate") || is_set("private_key");
    let is_guarded = has_tls && is_set("token");
    if !is_guarded && !listen.ip().to_canonical().is_loopback() {
        section.complain(
            "listen",
            format!("{listen}, which other machines can reach"),
            "TLS (http.certificate and http.private_key) and http.token beside it, or a loopback address",
        );
    }
    let tls = certificate(&mut section, has_tls, "server");
    let token = section.secret("token");
    section.finish();
    HttpSettings { listen, tls, token }
}
