//! Octet counting: each message is preceded by its length, so that it may hold anything.
//!
//! TCP alone never says that the receiver's program got a message. When a connection turns out to have
//! been reset, the batch that was written last is sent again before the next one; the receiver drops
//! copies by their id. A connection that the receiver closed in good order is simply opened anew: the
//! system resets, and does not close, one that still held unread messages.

use std::io;
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::{Framing, PATIENCE};
use crate::sink::{Message, Outcome, Transport};

/// Sends counted messages to `host:port`.
#[derive(Debug)]
pub struct Tcp {
    address: String,
    framing: Framing,
    patience: Duration,
    stream: Option<TcpStream>,
    /// The last batch as it was written.
    unconfirmed: Vec<u8>,
}

/// What the receiver did with a connection since it was used last.
enum Peer {
    Listening,
    Closed,
    Reset,
}

impl Tcp {
    #[must_use]
    pub const fn new(address: String, framing: Framing) -> Self {
        Self { address, framing, patience: PATIENCE, stream: None, unconfirmed: Vec::new() }
    }

    fn frames(&self, batch: &[Message]) -> Vec<u8> {
        let mut bytes = Vec::new();
        for message in batch {
            let text = self.framing.render(message);
            bytes.extend_from_slice(format!("{} ", text.len()).as_bytes());
            bytes.extend_from_slice(&text);
        }
        bytes
    }

    async fn write(&mut self, frames: &[u8]) -> io::Result<()> {
        match self.stream.as_ref().map(peer) {
            Some(Peer::Listening) | None => {}
            Some(Peer::Closed) => {
                self.stream = None;
                self.unconfirmed.clear();
            }
            Some(Peer::Reset) => self.stream = None,
        }
        let (stream, mut bytes) = match self.stream.take() {
            Some(stream) => (stream, Vec::new()),
            // A new connection after a broken one: what was written last may have been lost.
            None => (TcpStream::connect(&self.address).await?, self.unconfirmed.clone()),
        };
        bytes.extend_from_slice(frames);
        // Out of `self` while writing: when this is given up half-way, the connection goes with it.
        let mut stream = stream;
        stream.write_all(&bytes).await?;
        stream.flush().await?;
        self.stream = Some(stream);
        Ok(())
    }
}

/// Receivers send nothing, so anything to read is news about the connection.
fn peer(stream: &TcpStream) -> Peer {
    let mut ignored = [0; 512];
    loop {
        match stream.try_read(&mut ignored) {
            Ok(0) => return Peer::Closed,
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Peer::Listening,
            Err(_) => return Peer::Reset,
        }
    }
}

impl Transport for Tcp {
    async fn send(&mut self, batch: &[Message]) -> Vec<Outcome> {
        let frames = self.frames(batch);
        let why = match timeout(self.patience, self.write(&frames)).await {
            Ok(Ok(())) => {
                self.unconfirmed = frames;
                return vec![Outcome::Delivered; batch.len()];
            }
            Ok(Err(error)) => error.to_string(),
            Err(_) => format!("nothing was taken for {} s", self.patience.as_secs()),
        };
        vec![Outcome::Retry(format!("cannot send to tcp://{}: {why}", self.address))]
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncReadExt;
    use tokio::net::TcpListener;

    use super::super::tests::message;
    use super::*;

    /// A receiver's view of the stream: digits, a space, that many bytes.
    fn parse(mut bytes: &[u8]) -> Vec<String> {
        let mut messages = Vec::new();
        while !bytes.is_empty() {
            let space = bytes.iter().position(|byte| *byte == b' ').unwrap();
            let length = std::str::from_utf8(&bytes[..space]).unwrap();
            assert!(!length.starts_with('0'), "no leading zeros");
            let length: usize = length.parse().unwrap();
            let (text, rest) = bytes[space + 1..].split_at(length);
            messages.push(std::str::from_utf8(text).unwrap().rsplit(" - ").next().unwrap().to_owned());
            bytes = rest;
        }
        messages
    }

    async fn start() -> (TcpListener, Tcp) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let tcp = Tcp::new(listener.local_addr().unwrap().to_string(), Framing::new("h", false));
        (listener, tcp)
    }

    /// Reads until so many bytes came.
    async fn take(stream: &mut TcpStream, length: usize) -> Vec<u8> {
        let mut bytes = vec![0; length];
        stream.read_exact(&mut bytes).await.unwrap();
        bytes
    }

    #[tokio::test]
    async fn messages_are_counted_whatever_they_hold() {
        let (listener, mut tcp) = start().await;
        let bodies = ["one", "two\nlines 12 <3>1", "dreißig €"];
        let batch = bodies.map(message);
        let frames = tcp.frames(&batch);
        assert_eq!(tcp.send(&batch[..2]).await, vec![Outcome::Delivered; 2]);
        assert_eq!(tcp.send(&batch[2..]).await, [Outcome::Delivered]);
        let (mut stream, _) = listener.accept().await.unwrap();
        assert_eq!(parse(&take(&mut stream, frames.len()).await), bodies);
    }

    #[tokio::test]
    async fn a_connection_closed_in_order_is_opened_anew_without_copies() {
        let (listener, mut tcp) = start().await;
        let first = tcp.frames(&[message("one")]);
        tcp.send(&[message("one")]).await;
        let (mut stream, _) = listener.accept().await.unwrap();
        take(&mut stream, first.len()).await;
        drop(stream);
        tcp.stream.as_ref().unwrap().readable().await.unwrap();

        assert_eq!(tcp.send(&[message("two")]).await, [Outcome::Delivered]);
        drop(tcp);
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut rest = Vec::new();
        stream.read_to_end(&mut rest).await.unwrap();
        assert_eq!(parse(&rest), ["two"]);
    }

    #[tokio::test]
    async fn what_a_reset_may_have_lost_is_sent_again_first() {
        let (listener, mut tcp) = start().await;
        tcp.send(&[message("one")]).await;
        let (stream, _) = listener.accept().await.unwrap();
        stream.readable().await.unwrap();
        drop(stream);
        tcp.stream.as_ref().unwrap().readable().await.unwrap();

        assert_eq!(tcp.send(&[message("two")]).await, [Outcome::Delivered]);
        drop(tcp);
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut rest = Vec::new();
        stream.read_to_end(&mut rest).await.unwrap();
        assert_eq!(parse(&rest), ["one", "two"]);
    }

    #[tokio::test]
    async fn a_receiver_that_is_away_or_stuck_is_tried_again() {
        let (listener, mut tcp) = start().await;
        tcp.patience = Duration::from_millis(50);
        let large = message(&"x".repeat(64 << 20));
        let outcomes = tcp.send(&[large]).await;
        assert!(matches!(&outcomes[..], [Outcome::Retry(why)] if why.contains("nothing was taken")), "{outcomes:?}");
        assert!(tcp.stream.is_none(), "half a message must not be continued");

        drop(listener);
        let outcomes = tcp.send(&[message("one"), message("two")]).await;
        assert!(matches!(&outcomes[..], [Outcome::Retry(why)] if why.contains("tcp://127.0.0.1")), "{outcomes:?}");
    }
}
