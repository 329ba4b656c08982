//! Syslog over TCP and TLS: connections that bring many messages.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use socket2::{SockRef, TcpKeepalive};
use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::framing::{Framer, Outlook};
use super::tls::{Door, Gate};
use super::{Gone, Inlet, Stop};
use crate::net::Places;

/// Connections of one endpoint at a time.
const CONNECTIONS: usize = 512;
/// Connections of one address, so that nobody takes them all.
const OF_ONE: usize = 64;
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
    door: Option<Door>,
    inlet: Inlet,
    connections: TaskTracker,
    stop: Stop,
) {
    let places = Places::new(CONNECTIONS, OF_ONE);
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = stop.asked.cancelled() => return,
        };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                inlet.trouble(&format_args!("a connection could not be accepted: {error}"));
                sleep(PAUSE).await;
                continue;
            }
        };
        let Some(place) = places.take(peer.ip()) else {
            let most = format!("{CONNECTIONS} connections are open, or {OF_ONE} from there");
            inlet.trouble(&format_args!("{peer} was turned away: {most}"));
            continue;
        };
        let (gate, inlet, stop) = (door.as_ref().map(Door::gate), inlet.clone(), stop.clone());
        connections.spawn(async move {
            let metrics = inlet.journal.metrics();
            metrics.syslog_connections(&inlet.source, 1);
            tokio::select! {
                () = connection(stream, peer, gate, &inlet, &stop.asked) => {}
                () = stop.over.cancelled() => {
                    inlet.trouble(&format_args!("the connection from {peer} was cut: it went on after the end"));
                }
            }
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
        if framer.is_lost() {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "its octet counts do not fit its messages"));
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
    let waits = stop.is_cancelled() || !framer.is_idle();
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
