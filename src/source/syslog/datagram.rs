//! Syslog over UDP (RFC 5426): a datagram is a message.

use std::time::Duration;

use bytes::Bytes;
use socket2::SockRef;
use tokio::net::UdpSocket;
use tokio::time::{interval, sleep};
use tokio_util::sync::CancellationToken;

use super::framing::Frame;
use super::{Gone, Inlet};

/// The longest datagram.
const LONGEST: usize = 65_535;
/// What the system is asked to keep while this task is busy; it may grant less.
const KERNEL_BUFFER: usize = 8 << 20;
/// What the system says when it grants that: Linux counts its own bookkeeping in, and says twice as much.
const FULLY_GRANTED: usize = if cfg!(target_os = "linux") { 2 * KERNEL_BUFFER } else { KERNEL_BUFFER };
/// What may still be taken at the end.
const LAST: usize = 10_000;
/// After an error of the socket.
const PAUSE: Duration = Duration::from_millis(100);
/// How often the system is asked what it has dropped.
const LOOK: Duration = Duration::from_secs(5);

pub(super) async fn serve(socket: UdpSocket, inlet: Inlet, stop: CancellationToken) {
    let system = SockRef::from(&socket);
    let granted = system.set_recv_buffer_size(KERNEL_BUFFER).and_then(|()| system.recv_buffer_size());
    if !granted.is_ok_and(|bytes| bytes >= FULLY_GRANTED) {
        let said = "the system keeps less than 8 MiB of datagrams while chartsentry is busy: raise net.core.rmem_max";
        tracing::info!(source = &*inlet.source, "{said}");
    }
    let mut drops = Drops::new(&socket);
    let mut look = interval(LOOK);
    let mut buffer = vec![0; LONGEST];
    loop {
        let length = tokio::select! {
            received = socket.recv_from(&mut buffer) => match received {
                Ok((length, _)) => length,
                Err(error) => {
                    inlet.trouble(&error);
                    sleep(PAUSE).await;
                    continue;
                }
            },
            _ = look.tick() => {
                inlet.journal.syslog_dropped(&inlet.source, drops.new_ones().await, (inlet.now)());
                continue;
            }
            () = stop.cancelled() => break,
        };
        if take(&inlet, &buffer[..length]).is_err() {
            return;
        }
    }
    // What the system holds already was accepted.
    for _ in 0..LAST {
        let Ok(length) = socket.try_recv(&mut buffer) else { break };
        if take(&inlet, &buffer[..length]).is_err() {
            return;
        }
    }
    inlet.journal.syslog_dropped(&inlet.source, drops.new_ones().await, (inlet.now)());
}

/// What the system has dropped of a socket's datagrams, as Linux tells in `/proc/net/udp`.
struct Drops {
    port: Option<u16>,
    known: u64,
}

impl Drops {
    fn new(socket: &UdpSocket) -> Self {
        Self { port: socket.local_addr().ok().map(|address| address.port()), known: 0 }
    }

    /// How many were dropped since the last look; 0 where the system does not tell.
    async fn new_ones(&mut self) -> u64 {
        let Some(port) = self.port else { return 0 };
        let told = tokio::task::spawn_blocking(move || {
            let tables =
                ["/proc/net/udp", "/proc/net/udp6"].map(|path| std::fs::read_to_string(path).unwrap_or_default());
            tables.iter().map(|table| told(table, port)).sum()
        });
        let all: u64 = told.await.unwrap_or(self.known);
        let new = all.saturating_sub(self.known);
        self.known = self.known.max(all);
        new
    }
}

/// The drops of the sockets on a port: the last column of a row whose second one is `address:port` in hexadecimal digits.
fn told(table: &str, port: u16) -> u64 {
    let rows = table.lines().skip(1).map(|row| row.split_ascii_whitespace());
    let mine = rows.filter_map(|mut row| {
        let (_, local) = row.nth(1)?.rsplit_once(':')?;
        (u16::from_str_radix(local, 16).ok()? == port).then(|| row.last()?.parse::<u64>().ok())?
    });
    mine.sum()
}

fn take(inlet: &Inlet, datagram: &[u8]) -> Result<(), Gone> {
    inlet.take_or_drop(Frame { body: Bytes::copy_from_slice(datagram), fault: None })
}

#[cfg(test)]
mod tests {
    #[test]
    fn drops_are_those_of_the_port() {
        let table = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops\n\
            \x20 10: 0100007F:0202 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 1 2 0 17\n\
            \x20 11: 0100007F:0203 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 1 2 0 99\n";
        assert_eq!((super::told(table, 514), super::told(table, 515), super::told(table, 1)), (17, 99, 0));
    }
}
