//! Certificates and keys of a TLS server, from PEM texts.

use std::sync::Arc;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};

/// Why certificates cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    #[error("{what} is no PEM file of what is expected there ({detail})")]
    Pem { what: &'static str, detail: String },
    #[error("{what} holds nothing: a PEM file with at least one certificate is expected")]
    Empty { what: &'static str },
    #[error("certificate and private_key cannot be used together: {detail}")]
    Identity { detail: String },
    #[error("client_ca cannot be used: {detail}")]
    Clients { detail: String },
    #[error("clients holds a name that is no DNS name")]
    Name,
}

/// A server that shows `certificate` (PEM; followed by those between it and its authority), whose key is
/// `private_key`. With `client_ca`, clients must show a certificate of one of those authorities.
///
/// # Errors
/// What cannot be used, by the name of its setting. No error holds what a file holds.
pub fn server_config(certificate: &str, private_key: &str, client_ca: Option<&str>) -> Result<ServerConfig, TlsError> {
    let chain = certificates("certificate", certificate)?;
    let key = PrivateKeyDer::from_pem_slice(private_key.as_bytes())
        .map_err(|error| TlsError::Pem { what: "private_key", detail: error.to_string() })?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let identity = |error: rustls::Error| TlsError::Identity { detail: error.to_string() };
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(identity)?;
    let builder = match client_ca {
        None => builder.with_no_client_auth(),
        Some(authorities) => {
            let refused = |detail: String| TlsError::Clients { detail };
            let mut roots = RootCertStore::empty();
            for root in certificates("client_ca", authorities)? {
                roots.add(root).map_err(|error| refused(error.to_string()))?;
            }
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build();
            builder.with_client_cert_verifier(verifier.map_err(|error| refused(error.to_string()))?)
        }
    };
    let mut config = builder.with_single_cert(chain, key).map_err(identity)?;
    // A client that never reads would close over unread tickets: its system then resets the connection, and what is
    // still on the way is lost.
    config.send_tls13_tickets = 0;
    Ok(config)
}

fn certificates(what: &'static str, text: &str) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(text.as_bytes()).collect();
    let found = found.map_err(|error| TlsError::Pem { what, detail: error.to_string() })?;
    if found.is_empty() { Err(TlsError::Empty { what }) } else { Ok(found) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_used_is_named_by_its_setting() {
        let said = |certificate: &str, key: &str| server_config(certificate, key, None).unwrap_err().to_string();
        assert!(said("", "").starts_with("certificate holds nothing"));
        let own = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
        let (certificate, key) = (own.cert.pem(), own.signing_key.serialize_pem());
        assert!(said(&certificate, "no key").starts_with("private_key is no PEM file"));
        let other = rcgen::KeyPair::generate().unwrap().serialize_pem();
        assert!(said(&certificate, &other).starts_with("certificate and private_key cannot be used together"));
        assert!(server_config(&certificate, &key, Some(&certificate)).is_ok());
    }
}
