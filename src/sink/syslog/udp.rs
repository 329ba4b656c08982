//! One message per datagram. Nothing tells whether it arrived; only for networks where that is known.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use tokio::net::{UdpSocket, lookup_host};
use tokio::time::timeout;

use super::{Framing, PATIENCE};
use crate::sink::{Message, Outcome, Transport};

/// `EMSGSIZE`: the datagram is larger than the network takes.
#[cfg(unix)]
const TOO_LARGE: i32 = if cfg!(target_os = "linux") { 90 } else { 40 };
#[cfg(not(unix))]
const TOO_LARGE: i32 = 10_040;

/// Sends datagrams to `host:port`.
#[derive(Debug)]
pub struct Udp {
    address: String,
    framing: Framing,
    socket: Option<UdpSocket>,
}

impl Udp {
    #[must_use]
    pub const fn new(address: String, framing: Framing) -> Self {
        Self { address, framing, socket: None }
    }

    async fn socket(&mut self) -> io::Result<&UdpSocket> {
        if self.socket.is_none() {
            self.socket = Some(connect(&self.address).await?);
        }
        self.socket.as_ref().ok_or_else(|| io::ErrorKind::NotConnected.into())
    }

    async fn send_one(&mut self, message: &Message) -> io::Result<()> {
        let datagram = self.framing.render(message);
        self.socket().await?.send(&datagram).await.map(drop)
    }
}

async fn connect(address: &str) -> io::Result<UdpSocket> {
    let mut last = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    for target in lookup_host(address).await? {
        let local: SocketAddr = match target {
            SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
            SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
        };
        let socket = UdpSocket::bind(local).await?;
        match socket.connect(target).await {
            Ok(()) => return Ok(socket),
            Err(error) => last = error,
        }
    }
    Err(last)
}

impl Transport for Udp {
    async fn send(&mut self, batch: &[Message]) -> Vec<Outcome> {
        let mut outcomes = Vec::with_capacity(batch.len());
        for message in batch {
            let sent = timeout(PATIENCE, self.send_one(message)).await;
            outcomes.push(match sent {
                Ok(Ok(())) => Outcome::Delivered,
                Ok(Err(error)) if error.raw_os_error() == Some(TOO_LARGE) => Outcome::Refused(format!(
                    "the message is too large for a datagram to {}: lower max_message_bytes or use tcp",
                    self.address
                )),
                failed => {
                    // A name that moved is looked up again.
                    self.socket = None;
                    let why = failed.map_or_else(
                        |_| "no answer in time".to_owned(),
                        |sent| sent.err().map_or_else(String::new, |error| error.to_string()),
                    );
                    outcomes.push(Outcome::Retry(format!("cannot send to udp://{}: {why}", self.address)));
                    return outcomes;
                }
            });
        }
        outcomes
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::message;
    use super::*;

    #[tokio::test]
    async fn each_message_is_one_datagram() {
        let receiver = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let address = receiver.local_addr().unwrap().to_string();
        let mut udp = Udp::new(address, Framing::new("h", false));
        let outcomes = udp.send(&[message("one"), message("two")]).await;
        assert_eq!(outcomes, [Outcome::Delivered, Outcome::Delivered]);
        for expected in ["one", "two"] {
            let mut buffer = [0; 2048];
            let length = receiver.recv(&mut buffer).await.unwrap();
            assert_eq!(buffer[..length], Framing::new("h", false).render(&message(expected)));
        }
    }

    #[tokio::test]
    async fn a_datagram_that_no_network_takes_is_refused_and_the_next_one_sent() {
        let receiver = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let mut udp = Udp::new(receiver.local_addr().unwrap().to_string(), Framing::new("h", false));
        let outcomes = udp.send(&[message(&"x".repeat(70_000)), message("two")]).await;
        assert!(matches!(&outcomes[..], [Outcome::Refused(_), Outcome::Delivered]), "{outcomes:?}");
    }

    #[tokio::test]
    async fn an_unknown_host_is_tried_again_later() {
        let mut udp = Udp::new("no-such-host.invalid:514".to_owned(), Framing::new("h", false));
        let outcomes = udp.send(&[message("one"), message("two")]).await;
        assert!(matches!(&outcomes[..], [Outcome::Retry(why)] if why.contains("no-such-host")), "{outcomes:?}");
    }
}
