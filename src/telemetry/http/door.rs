//! Lets connections in, so few and for so short a time that no client keeps the others out.

use std::future::Future;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_util::task::TaskTracker;

use super::{Desk, Visit, router};
use crate::net::Places;
use crate::telemetry::HttpTrouble;

/// Connections at a time.
const CONNECTIONS: usize = 64;
/// Connections of one address at a time.
const OF_ONE: usize = 16;
/// How long a connection may last, TLS, request and answer together. Each takes one request.
const LIFE: Duration = Duration::from_secs(10);
/// What a request's head may hold, in bytes.
const HEAD: usize = 16 << 10;
/// After an error of `accept`, such as too many open files.
const PAUSE: Duration = Duration::from_millis(200);

/// Accepts connections until `shutdown` ends, and then waits for those that are open.
pub(super) async fn admit(
    listener: TcpListener,
    tls: Option<TlsAcceptor>,
    desk: Arc<Desk>,
    shutdown: impl Future<Output = ()>,
) {
    let places = Places::new(CONNECTIONS, OF_ONE);
    let connections = TaskTracker::new();
    let mut shutdown = pin!(shutdown);
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = &mut shutdown => break,
        };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                desk.trouble(HttpTrouble::AcceptError, &error);
                sleep(PAUSE).await;
                continue;
            }
        };
        let Some(place) = places.take(peer.ip()) else {
            let most = format!("{CONNECTIONS} connections are open, or {OF_ONE} from there");
            desk.trouble(HttpTrouble::Crowd, &format_args!("{peer} was turned away: {most}"));
            continue;
        };
        let (tls, desk) = (tls.clone(), Arc::clone(&desk));
        connections.spawn(async move {
            if timeout(LIFE, connection(stream, peer, tls, &desk)).await.is_err() {
                desk.trouble(HttpTrouble::SlowClient, &format_args!("{peer} was cut off after {LIFE:?}"));
            }
            drop(place);
        });
    }
    connections.close();
    connections.wait().await;
}

async fn connection(stream: TcpStream, peer: SocketAddr, tls: Option<TlsAcceptor>, desk: &Arc<Desk>) {
    let answers = router(Visit { desk: Arc::clone(desk), peer });
    match tls {
        None => converse(stream, answers).await,
        Some(acceptor) => match acceptor.accept(stream).await {
            Ok(stream) => converse(stream, answers).await,
            Err(error) => desk.trouble(HttpTrouble::BadTls, &format_args!("{peer} was turned away: {error}")),
        },
    }
}

/// Answers one request.
async fn converse(stream: impl AsyncRead + AsyncWrite + Unpin, answers: Router) {
    let mut protocol = http1::Builder::new();
    protocol.keep_alive(false).max_buf_size(HEAD);
    // A client that leaves before its answer, or says what is no HTTP, harms only itself.
    let _ = protocol.serve_connection(TokioIo::new(stream), TowerToHyperService::new(answers)).await;
}
