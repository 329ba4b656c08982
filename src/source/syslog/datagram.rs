//! Syslog over UDP (RFC 5426): a datagram is a message.

use bytes::Bytes;
use socket2::SockRef;
use tokio::net::UdpSocket;
use tokio_util::sync::CancellationToken;

use super::framing::Frame;
use super::{Gone, Inlet};

/// The longest datagram.
const LONGEST: usize = 65_535;
/// What the system is asked to keep while this task is busy; it may grant less.
const KERNEL_BUFFER: usize = 8 << 20;

pub(super) async fn serve(socket: UdpSocket, inlet: Inlet, stop: CancellationToken) {
    if let Err(error) = SockRef::from(&socket).set_recv_buffer_size(KERNEL_BUFFER) {
        inlet.trouble(&format_args!("the system keeps fewer datagrams than asked: {error}"));
    }
    let mut buffer = vec![0; LONGEST];
    loop {
        let length = tokio::select! {
            received = socket.recv_from(&mut buffer) => match received {
                Ok((length, _)) => length,
                Err(error) => {
                    inlet.trouble(&error);
                    continue;
                }
            },
            () = stop.cancelled() => break,
        };
        if take(&inlet, &buffer[..length]).is_err() {
            return;
        }
    }
    // What the system holds already was accepted.
    while let Ok(length) = socket.try_recv(&mut buffer) {
        if take(&inlet, &buffer[..length]).is_err() {
            return;
        }
    }
}

fn take(inlet: &Inlet, datagram: &[u8]) -> Result<(), Gone> {
    inlet.take_or_drop(Frame { body: Bytes::copy_from_slice(datagram), fault: None })
}
