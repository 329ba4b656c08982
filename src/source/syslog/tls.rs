//! TLS with certificates on both sides (RFC 5425 sections 4.2 and 5).

use std::fmt;
use std::io;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use webpki::EndEntityCert;

/// Who an endpoint is, and whom it lets in. All texts are PEM.
#[derive(Clone)]
pub struct TlsIdentity {
    /// Its certificate, followed by those between it and the authority.
    pub certificate: String,
    pub private_key: String,
    /// The authorities that vouch for senders.
    pub client_ca: String,
    /// DNS names of which a sender's certificate must carry one (subjectAltName); empty = any that the authorities vouch
    /// for.
    pub clients: Vec<String>,
}

/// The key is not shown.
impl fmt::Debug for TlsIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsIdentity").field("clients", &self.clients).finish_non_exhaustive()
    }
}

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

/// Agrees on TLS with senders, and knows whom to let in.
#[derive(Clone)]
pub(super) struct Gate {
    acceptor: TlsAcceptor,
    clients: Arc<[ServerName<'static>]>,
}

impl Gate {
    pub(super) fn new(identity: &TlsIdentity) -> Result<Self, TlsError> {
        let chain = certificates("certificate", &identity.certificate)?;
        let key = PrivateKeyDer::from_pem_slice(identity.private_key.as_bytes())
            .map_err(|error| TlsError::Pem { what: "private_key", detail: error.to_string() })?;
        let mut roots = RootCertStore::empty();
        for root in certificates("client_ca", &identity.client_ca)? {
            roots.add(root).map_err(|error| TlsError::Clients { detail: error.to_string() })?;
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider))
            .build()
            .map_err(|error| TlsError::Clients { detail: error.to_string() })?;
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .and_then(|builder| builder.with_client_cert_verifier(verifier).with_single_cert(chain, key))
            .map_err(|error| TlsError::Identity { detail: error.to_string() })?;
        // A sender that never reads would close over unread tickets: its system then resets the connection, and what is
        // still on the way is lost.
        config.send_tls13_tickets = 0;
        let clients = identity.clients.iter().map(|name| ServerName::try_from(name.clone()));
        let clients = clients.collect::<Result<_, _>>().map_err(|_| TlsError::Name)?;
        Ok(Self { acceptor: TlsAcceptor::from(Arc::new(config)), clients })
    }

    /// A sender that has shown a certificate of the right kind.
    pub(super) async fn admit(&self, stream: TcpStream) -> io::Result<TlsStream<TcpStream>> {
        let stream = self.acceptor.accept(stream).await?;
        let certificate = stream.get_ref().1.peer_certificates().and_then(<[_]>::first);
        let is_named = |certificate: &CertificateDer<'_>| {
            EndEntityCert::try_from(certificate).is_ok_and(|certificate| {
                self.clients.iter().any(|name| certificate.verify_is_valid_for_subject_name(name).is_ok())
            })
        };
        if self.clients.is_empty() || certificate.is_some_and(is_named) {
            return Ok(stream);
        }
        Err(io::Error::new(io::ErrorKind::PermissionDenied, "its certificate carries none of the names in clients"))
    }
}

fn certificates(what: &'static str, text: &str) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(text.as_bytes()).collect();
    let found = found.map_err(|error| TlsError::Pem { what, detail: error.to_string() })?;
    if found.is_empty() { Err(TlsError::Empty { what }) } else { Ok(found) }
}
