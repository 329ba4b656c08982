//! TLS with certificates on both sides (RFC 5425 sections 4.2 and 5).

use std::fmt;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use rustls::pki_types::{CertificateDer, ServerName};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use webpki::EndEntityCert;

use crate::net::{TlsError, server_config};

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

/// Where the gate stands. Another one may be put there while senders come.
#[derive(Clone)]
pub(super) struct Door(Arc<Mutex<Gate>>);

impl Door {
    pub(super) fn new(gate: Gate) -> Self {
        Self(Arc::new(Mutex::new(gate)))
    }

    /// The gate that stands there now.
    pub(super) fn gate(&self) -> Gate {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn put(&self, gate: Gate) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = gate;
    }
}

/// Agrees on TLS with senders, and knows whom to let in.
#[derive(Clone)]
pub(super) struct Gate {
    acceptor: TlsAcceptor,
    clients: Arc<[ServerName<'static>]>,
}

impl Gate {
    pub(super) fn new(identity: &TlsIdentity) -> Result<Self, TlsError> {
        let config = server_config(&identity.certificate, &identity.private_key, Some(&identity.client_ca))?;
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
