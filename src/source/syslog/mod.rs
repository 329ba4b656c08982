//! Takes syslog messages in over UDP (RFC 5426), TCP (RFC 6587) and TLS with client certificates (RFC 5425).
//!
//! Each message goes into one channel for whoever writes it to disk. Syslog has no acknowledgement, so a sender over
//! TCP learns that the disk cannot keep up only by not being read; datagrams that come meanwhile are dropped and counted.
//! What waits for the disk is bounded in bytes.

mod datagram;
mod framing;
mod stream;
mod tls;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use crossbeam_channel::Sender;
use tokio::net::{TcpListener, UdpSocket};
use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub use tls::TlsIdentity;

use crate::model::reject::RejectCode;
use crate::model::time::Timestamp;
use crate::net::TlsError;
use crate::telemetry::Journal;
use framing::Frame;
use tls::{Door, Gate};

/// What may wait for the disk, in bytes: of connections, whose senders are made to wait, and of datagrams, which are
/// dropped.
const STREAM_BUDGET: usize = 48 << 20;
const DATAGRAM_BUDGET: usize = 16 << 20;
/// How long the connections are given at the end to hand over what they have received.
const FAREWELL: Duration = Duration::from_secs(3);
/// How long connections that are cut then may take to end.
const CUT: Duration = Duration::from_secs(1);

/// Where messages are taken in.
#[derive(Clone, Debug)]
pub struct Endpoint {
    /// Names it in metrics, logs and errors.
    pub name: String,
    /// `host:port` to listen on.
    pub address: String,
    pub transport: Transport,
}

/// How messages come.
#[derive(Clone, Debug)]
pub enum Transport {
    Udp,
    Tcp,
    Tls(TlsIdentity),
}

impl Endpoint {
    /// Its address in the form of the configuration.
    #[must_use]
    pub fn url(&self) -> String {
        let scheme = match self.transport {
            Transport::Udp => "udp",
            Transport::Tcp => "tcp",
            Transport::Tls(_) => "tls",
        };
        format!("{scheme}://{}", self.address)
    }
}

/// Why nothing can be taken in.
#[derive(Debug, thiserror::Error)]
pub enum SyslogError {
    #[error("source \"{name}\": cannot listen on {address}: {cause}; free that port or change the address")]
    Listen { name: String, address: String, cause: std::io::Error },
    #[error("source \"{name}\": {cause}")]
    Tls { name: String, cause: TlsError },
}

/// A message that was taken in. Whoever has put it on disk drops it, which makes room for others.
#[derive(Debug)]
pub struct Received {
    /// The endpoint's name.
    pub source: Arc<str>,
    pub received_at: Timestamp,
    pub body: Bytes,
    /// Why it is not whole.
    pub fault: Option<RejectCode>,
    _room: OwnedSemaphorePermit,
}

/// What the tasks of one endpoint share.
#[derive(Clone)]
struct Inlet {
    source: Arc<str>,
    now: fn() -> Timestamp,
    budget: Arc<Semaphore>,
    received: Sender<Received>,
    journal: Arc<Journal>,
}

/// Nobody takes messages any more.
struct Gone;

impl Inlet {
    /// Hands a message over once there is room for it.
    async fn take(&self, frame: Frame) -> Result<(), Gone> {
        let room = Arc::clone(&self.budget).acquire_many_owned(weight(&frame)).await.map_err(|_| Gone)?;
        self.hand_over(frame, room)
    }

    /// Hands a message over, or drops it where there is no room.
    fn take_or_drop(&self, frame: Frame) -> Result<(), Gone> {
        match Arc::clone(&self.budget).try_acquire_many_owned(weight(&frame)) {
            Ok(room) => self.hand_over(frame, room),
            Err(_) => {
                self.journal.syslog_dropped(&self.source, 1, (self.now)());
                Ok(())
            }
        }
    }

    fn hand_over(&self, frame: Frame, room: OwnedSemaphorePermit) -> Result<(), Gone> {
        let Frame { body, fault } = frame;
        let received_at = (self.now)();
        let message = Received { source: Arc::clone(&self.source), received_at, body, fault, _room: room };
        self.received.send(message).map_err(|_| Gone)
    }

    fn trouble(&self, what: &dyn std::fmt::Display) {
        self.journal.syslog_trouble(&self.source, what, (self.now)());
    }
}

/// What a message takes of the budget; an empty one takes something, too.
fn weight(frame: &Frame) -> u32 {
    u32::try_from(frame.body.len() + 64).unwrap_or(u32::MAX)
}

/// Everything that listens.
pub struct Listeners {
    addresses: Vec<SocketAddr>,
    /// Those with TLS, by the endpoint's name.
    doors: Vec<(String, Door)>,
    tasks: TaskTracker,
    stop: Stop,
}

/// Word that the end has come.
#[derive(Clone, Default)]
struct Stop {
    /// Take no more in, and hand over what has come.
    asked: CancellationToken,
    /// The time for that is over.
    over: CancellationToken,
}

impl Listeners {
    /// Listens on every endpoint. `now` is the clock by which messages are received; they go to `received`.
    ///
    /// # Errors
    /// The first endpoint that cannot be listened on, or whose certificates cannot be used.
    pub fn start(
        endpoints: &[Endpoint],
        runtime: &Handle,
        received: &Sender<Received>,
        journal: &Arc<Journal>,
        now: fn() -> Timestamp,
    ) -> Result<Self, SyslogError> {
        let mut listeners =
            Self { addresses: Vec::new(), doors: Vec::new(), tasks: TaskTracker::new(), stop: Stop::default() };
        let [streams, datagrams] = [STREAM_BUDGET, DATAGRAM_BUDGET].map(|bytes| Arc::new(Semaphore::new(bytes)));
        for endpoint in endpoints {
            let is_udp = matches!(endpoint.transport, Transport::Udp);
            let inlet = Inlet {
                source: endpoint.name.as_str().into(),
                now,
                budget: Arc::clone(if is_udp { &datagrams } else { &streams }),
                received: received.clone(),
                journal: Arc::clone(journal),
            };
            let address = runtime.block_on(listeners.listen(endpoint, inlet))?;
            journal.syslog_listening(&endpoint.name, &endpoint.url());
            listeners.addresses.push(address);
        }
        Ok(listeners)
    }

    async fn listen(&mut self, endpoint: &Endpoint, inlet: Inlet) -> Result<SocketAddr, SyslogError> {
        let refused = |cause| {
            let (name, address) = (endpoint.name.clone(), endpoint.address.clone());
            SyslogError::Listen { name, address, cause }
        };
        let door = match &endpoint.transport {
            Transport::Udp => {
                let socket = UdpSocket::bind(&endpoint.address).await.map_err(refused)?;
                let address = socket.local_addr().map_err(refused)?;
                self.tasks.spawn(datagram::serve(socket, inlet, self.stop.asked.clone()));
                return Ok(address);
            }
            Transport::Tcp => None,
            Transport::Tls(identity) => {
                let door = Door::new(gate(&endpoint.name, identity)?);
                self.doors.push((endpoint.name.clone(), door.clone()));
                Some(door)
            }
        };
        let listener = TcpListener::bind(&endpoint.address).await.map_err(refused)?;
        let address = listener.local_addr().map_err(refused)?;
        let connections = self.tasks.clone();
        self.tasks.spawn(stream::serve(listener, door, inlet, connections, self.stop.clone()));
        Ok(address)
    }

    /// Where it listens, in the order of the endpoints.
    #[must_use]
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// Lets senders in by these certificates from now on. Connections that stand go on.
    pub fn renew(&self, certificates: Certificates) {
        for (name, gate) in certificates.0 {
            if let Some((_, door)) = self.doors.iter().find(|(known, _)| *known == name) {
                door.put(gate);
            }
        }
    }

    /// Takes no more connections, hands over what has come, and ends.
    pub async fn stop(self) {
        self.stop.asked.cancel();
        self.tasks.close();
        if tokio::time::timeout(FAREWELL, self.tasks.wait()).await.is_err() {
            self.stop.over.cancel();
            // Tasks that do not even end then are ended with the runtime.
            let _ = tokio::time::timeout(CUT, self.tasks.wait()).await;
        }
    }
}

/// Certificates and keys that fit together, by the endpoint's name.
pub struct Certificates(Vec<(String, Gate)>);

impl Certificates {
    /// Those of every endpoint with TLS.
    ///
    /// # Errors
    /// The first endpoint whose certificates cannot be used.
    pub fn of(endpoints: &[Endpoint]) -> Result<Self, SyslogError> {
        let gates = endpoints.iter().filter_map(|endpoint| match &endpoint.transport {
            Transport::Udp | Transport::Tcp => None,
            Transport::Tls(identity) => Some(gate(&endpoint.name, identity).map(|gate| (endpoint.name.clone(), gate))),
        });
        Ok(Self(gates.collect::<Result<_, _>>()?))
    }
}

fn gate(name: &str, identity: &TlsIdentity) -> Result<Gate, SyslogError> {
    Gate::new(identity).map_err(|cause| SyslogError::Tls { name: name.to_owned(), cause })
}

/// Whether the certificates and keys of an endpoint fit together.
///
/// # Errors
/// What is wrong with them.
pub fn check_tls(identity: &TlsIdentity) -> Result<(), TlsError> {
    Gate::new(identity).map(drop)
}
