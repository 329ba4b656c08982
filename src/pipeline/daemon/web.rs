//! Metrics and health over HTTP, as the configuration says.

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use rustls::ServerConfig;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio_util::sync::CancellationToken;

use crate::config::{Config, Secrets};
use crate::net::server_config;
use crate::pipeline::clock;
use crate::telemetry::{Desk, Health, Journal, Token, serve};

/// How the server speaks TLS; none without a certificate.
///
/// # Errors
/// A certificate that cannot be read, or does not fit its key.
pub fn tls(config: &Config, secrets: &Secrets) -> Result<Option<ServerConfig>> {
    let Some(tls) = &config.http.tls else { return Ok(None) };
    let path = tls.certificate.display();
    let certificate =
        std::fs::read_to_string(&tls.certificate).with_context(|| format!("[http] certificate: cannot read {path}"))?;
    let key = secrets.http_key.as_ref().map_or("", |key| key.expose());
    server_config(&certificate, key, None).map(Some).context("[http]")
}

/// Answers until `stop`.
///
/// # Errors
/// An address that cannot be listened on, or certificates that cannot be used.
pub(super) fn listen(
    runtime: &Runtime,
    config: &Config,
    secrets: &Secrets,
    journal: &Arc<Journal>,
    health: &Arc<Health>,
    stop: &CancellationToken,
) -> Result<SocketAddr> {
    let address = config.http.listen;
    let tls = tls(config, secrets)?;
    let listener = runtime.block_on(TcpListener::bind(address)).with_context(|| {
        format!("cannot listen on {address} for metrics and health: free that port or change [http] listen")
    })?;
    let address = listener.local_addr().context("cannot tell the address of the metrics")?;
    let desk = Desk {
        journal: Arc::clone(journal),
        health: Arc::clone(health),
        token: secrets.http_token.as_ref().map(|token| Token::new(token.expose())),
        now: clock::now,
    };
    runtime.spawn(serve(listener, tls, desk, stop.clone().cancelled_owned()));
    Ok(address)
}
