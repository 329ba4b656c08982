//! Syslog over TCP and TLS: connections that bring many messages.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use socket2::{SockRef, TcpKeepalive};
use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::framing::{Framer, Outlook};
use super::tls::Gate;
use super::{Gone, Inlet};

/// Connections of one endpoint at a time.
const CONNECTIONS: usize = 512;
/// After an error of `accept`, such as too many open files.
const PAUSE: Duration = Duration::from_millis(200);
/// How long TLS may take to be agreed upon.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// A connection over which nothing comes is probed after this long, so that dead ones are noticed.
const KEEPALIVE: Duration = Duration::from_secs(300);
/// A message without a count that looks whole is whole after this long ...
const SILENCE: Duration = Duration::from_secs(1);
/// ... and one that does not after this long.
const LONG_SILENCE: Duration = Duration::from_secs(30);
/// At the end, a connection over which nothing has come for so long has said everything.
const LAST_WORDS: Duration = Duration::from_millis(200);

/// Accepts connections until `stop`. Each is a task of `connections`.
pub(super) async fn serve(
    listener: TcpListener,
    gate: Option<Gate>,
    inlet: Inlet,
    connections: TaskTracker,
    stop: CancellationToken,
) {
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = stop.cancelled() => return,
        };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                inlet.trouble(&format_args!("a connection could not be accepted: {error}"));
                sleep(PAUSE).await;
                continue;
            }
        };
        let Ok(place) = Arc::clone(&places).try_acquire_owned() else {
            inlet.trouble(&format_args!("{peer} was turned away: {CONNECTIONS} connections are open"));
            continue;
        };
        let (gate, inlet, stop) = (gate.clone(), inlet.clone(), stop.clone());
        connections.spawn(async move {
            let metrics = inlet.journal.metrics();
            metrics.syslog_connections(&inlet.source, 1);
            connection(stream, peer, gate, &inlet, &stop).await;
            metrics.syslog_connections(&inlet.source, -1);
            drop(place);
        });
    }
}

async fn connection(stream: TcpStream, peer: SocketAddr, gate: Option<Gate>, inlet: &Inlet, stop: &CancellationToken) {
    let keepalive = TcpKeepalive::new().with_time(KEEPALIVE);
    if let Err(error) = SockRef::from(&stream).set_tcp_keepalive(&keepalive) {
        inlet.trouble(&format_args!("{peer} cannot be probed for life: {error}"));
    }
    let end = match gate {
        None => receive(stream, inlet, stop).await,
        Some(gate) => match timeout(HANDSHAKE, gate.admit(stream)).await {
            Ok(Ok(stream)) => receive(stream, inlet, stop).await,
            Ok(Err(error)) => return inlet.trouble(&format_args!("{peer} was turned away: {error}")),
            Err(_) => return inlet.trouble(&format_args!("{peer} was turned away: no TLS within {HANDSHAKE:?}")),
        },
    };
    if let Err(error) = end {
        inlet.trouble(&format_args!("the connection from {peer} broke: {error}"));
    }
}

/// Hands over the messages of a connection until it ends, or until nothing comes any more after `stop`.
async fn receive(mut stream: impl AsyncRead + Unpin, inlet: &Inlet, stop: &CancellationToken) -> io::Result<()> {
    let mut framer = Framer::default();
    loop {
        let (outlook, end) = listen(&mut stream, &mut framer, stop).await;
        while let Some(frame) = framer.next(outlook) {
            if let Err(Gone) = inlet.take(frame).await {
                return Ok(());
            }
        }
        if outlook == Outlook::Closed {
            return end;
        }
    }
}

/// Waits for bytes, or for a reason to expect none.
async fn listen(
    stream: &mut (impl AsyncRead + Unpin),
    framer: &mut Framer,
    stop: &CancellationToken,
) -> (Outlook, io::Result<()>) {
    let silence = match (stop.is_cancelled(), framer.looks_whole()) {
        (true, _) => LAST_WORDS,
        (false, true) => SILENCE,
        (false, false) => LONG_SILENCE,
    };
    let waits = stop.is_cancelled() || !framer.is_empty();
    tokio::select! {
        biased;
        read = stream.read_buf(framer.room()) => match read {
            Ok(0) => (Outlook::Closed, Ok(())),
            Ok(_) => (Outlook::Open, Ok(())),
            Err(error) => (Outlook::Closed, Err(error)),
        },
        () = sleep(silence), if waits => {
            (if stop.is_cancelled() { Outlook::Closed } else { Outlook::Silent }, Ok(()))
        }
        // Looks again, with less patience.
        () = stop.cancelled(), if !stop.is_cancelled() => (Outlook::Open, Ok(())),
    }
}
