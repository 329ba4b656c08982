//! Tells whatever supervises this process how it is, in systemd's notification protocol (sd_notify(3)).

use std::fmt::Write as _;
use std::future::Future;
use std::pin::pin;
use std::time::Duration;

use tokio::time::interval;

use super::health::Health;
use channel::Channel;

/// The longest time between two words to the supervisor.
const TURN: Duration = Duration::from_secs(5);
const SHORTEST_TURN: Duration = Duration::from_millis(10);
/// While it starts and lives, it asks for this much more time at each turn.
const MORE_TIME: Duration = Duration::from_secs(120);

/// A supervisor that wants to be told.
pub struct Supervisor {
    channel: Channel,
    turn: Duration,
}

/// What the supervisor knows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Told {
    is_ready: bool,
    status: String,
}

impl Supervisor {
    /// The supervisor that the environment names (`NOTIFY_SOCKET`, `WATCHDOG_USEC`); none where nobody supervises.
    ///
    /// # Errors
    /// A supervisor that cannot be reached, in a sentence.
    pub fn of(env: &dyn Fn(&str) -> Option<String>) -> Result<Option<Self>, String> {
        let Some(name) = env("NOTIFY_SOCKET").filter(|name| !name.is_empty()) else { return Ok(None) };
        let channel = Channel::open(&name).map_err(|error| {
            format!("cannot tell the supervisor at NOTIFY_SOCKET={name} how this process is: {error}")
        })?;
        let watchdog = env("WATCHDOG_USEC").and_then(|text| text.parse().ok()).map(Duration::from_micros);
        let turn = watchdog.map_or(TURN, |limit| (limit / 3).clamp(SHORTEST_TURN, TURN));
        Ok(Some(Self { channel, turn }))
    }

    /// Tells that the start has begun: a large store takes its time to open.
    pub fn starting(&self) {
        // A supervisor that cannot be reached is told of later.
        let _ = self.channel.send("EXTEND_TIMEOUT_USEC=3600000000\nSTATUS=opening the store\n");
    }

    /// Tells how the pipeline is, until `stop` ends. It is ready once its start is over. A pipeline that has stalled
    /// is not reported alive any more, so that a watchdog ends it.
    pub async fn report(&self, health: &Health, stop: impl Future<Output = ()>) {
        let mut stop = pin!(stop);
        let mut turns = interval(self.turn);
        let mut told = Told::default();
        let mut has_failed = false;
        loop {
            tokio::select! {
                _ = turns.tick() => {}
                () = &mut stop => return,
            }
            let (words, next) = words(&told, health);
            match self.channel.send(&words) {
                Ok(()) => told = next,
                // Said again at the next turn.
                Err(error) if !has_failed => {
                    has_failed = true;
                    tracing::warn!("the supervisor cannot be told how this process is: {error}");
                }
                Err(_) => {}
            }
        }
    }

    /// Tells that the end begins.
    pub fn stopping(&self) {
        // A supervisor that cannot be reached sees the process end.
        let _ = self.channel.send("STOPPING=1\nSTATUS=stopping\n");
    }
}

/// What to tell next, and what the supervisor then knows.
fn words(told: &Told, health: &Health) -> (String, Told) {
    let next = Told {
        is_ready: told.is_ready || health.has_started(),
        status: health.ready().err().unwrap_or_else(|| "ready".to_owned()).replace('\n', " "),
    };
    let mut words = String::new();
    if next.is_ready && !told.is_ready {
        words.push_str("READY=1\n");
    }
    if health.live().is_ok() {
        if next.is_ready {
            words.push_str("WATCHDOG=1\n");
        } else {
            let _ = writeln!(words, "EXTEND_TIMEOUT_USEC={}", MORE_TIME.as_micros());
        }
    }
    if next.status != told.status {
        let _ = writeln!(words, "STATUS={}", next.status);
    }
    (words, next)
}

#[cfg(unix)]
mod channel {
    use std::io;
    use std::os::unix::net::{SocketAddr, UnixDatagram};

    /// The way to the supervisor.
    pub(super) struct Channel {
        socket: UnixDatagram,
        supervisor: SocketAddr,
    }

    impl Channel {
        pub(super) fn open(name: &str) -> io::Result<Self> {
            let socket = UnixDatagram::unbound()?;
            // A supervisor that does not listen must not hold this process up.
            socket.set_nonblocking(true)?;
            Ok(Self { socket, supervisor: address(name)? })
        }

        pub(super) fn send(&self, words: &str) -> io::Result<()> {
            if words.is_empty() {
                return Ok(());
            }
            self.socket.send_to_addr(words.as_bytes(), &self.supervisor).map(drop)
        }
    }

    fn address(name: &str) -> io::Result<SocketAddr> {
        #[cfg(target_os = "linux")]
        if let Some(name) = name.strip_prefix('@') {
            return <SocketAddr as std::os::linux::net::SocketAddrExt>::from_abstract_name(name);
        }
        if name.starts_with('/') {
            return SocketAddr::from_pathname(name);
        }
        Err(io::Error::new(io::ErrorKind::Unsupported, "only an absolute path or @name is known"))
    }
}

#[cfg(not(unix))]
mod channel {
    use std::io;

    /// No supervisor speaks this protocol here.
    pub(super) struct Channel;

    impl Channel {
        pub(super) fn open(_: &str) -> io::Result<Self> {
            Err(io::Error::from(io::ErrorKind::Unsupported))
        }

        pub(super) fn send(&self, _: &str) -> io::Result<()> {
            Ok(())
        }
    }
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::net::UnixDatagram;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicI64, Ordering};

    use super::*;
    use crate::model::span::Span;
    use crate::model::time::{SECOND, Timestamp};

    fn heard(socket: &UnixDatagram) -> String {
        let mut buffer = [0; 512];
        let read = socket.set_read_timeout(Some(Duration::from_secs(10))).and_then(|()| socket.recv(&mut buffer));
        String::from_utf8_lossy(&buffer[..read.unwrap_or(0)]).into_owned()
    }

    #[test]
    fn the_words_follow_the_pipeline() {
        let now = Arc::new(AtomicI64::new(0));
        let clock = Arc::clone(&now);
        let health = Health::new(Span::minutes(1), move || Timestamp(clock.load(Ordering::Relaxed)));
        let mut told = Told::default();
        let mut next = || {
            let (words, now_told) = words(&told, &health);
            told = now_told;
            words
        };
        assert_eq!(next(), "STATUS=starting: the pipeline has not begun\n");
        health.tick();
        assert_eq!(next(), "EXTEND_TIMEOUT_USEC=120000000\nSTATUS=waiting: context is still being loaded\n");
        health.set_context_loaded(true);
        assert_eq!(next(), "READY=1\nWATCHDOG=1\nSTATUS=waiting: no partition of an audit topic is assigned\n");
        health.set_partitions(1);
        assert_eq!(next(), "WATCHDOG=1\nSTATUS=ready\n");
        assert_eq!(next(), "WATCHDOG=1\n");
        now.store(90 * SECOND, Ordering::Relaxed);
        assert_eq!(next(), "STATUS=stalled: the pipeline last moved 90 s ago\n");
        assert_eq!(next(), "");
    }

    #[tokio::test]
    async fn a_supervisor_hears_of_the_start_again_and_again_and_of_the_end() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notify");
        let listening = UnixDatagram::bind(&path).unwrap();
        let env = |name: &str| match name {
            "NOTIFY_SOCKET" => Some(path.display().to_string()),
            "WATCHDOG_USEC" => Some("300000".to_owned()),
            _ => None,
        };
        let supervisor = Supervisor::of(&env).unwrap().unwrap();
        let health = Health::new(Span::minutes(1), || Timestamp(0));
        health.tick();
        health.set_context_loaded(true);
        health.set_partitions(1);
        supervisor.report(&health, tokio::time::sleep(Duration::from_millis(250))).await;
        supervisor.stopping();
        assert_eq!(heard(&listening), "READY=1\nWATCHDOG=1\nSTATUS=ready\n");
        assert_eq!(heard(&listening), "WATCHDOG=1\n");
        let rest: Vec<String> =
            std::iter::repeat_with(|| heard(&listening)).take_while(|said| said == "WATCHDOG=1\n").collect();
        assert!(rest.len() < 5, "{rest:?}");
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn abstract_sockets_are_reached_too() {
        use std::os::linux::net::SocketAddrExt as _;
        use std::os::unix::net::SocketAddr;

        let name = format!("chartsentry-test-{}", std::process::id());
        let listening = UnixDatagram::bind_addr(&SocketAddr::from_abstract_name(&name).unwrap()).unwrap();
        let env = |key: &str| (key == "NOTIFY_SOCKET").then(|| format!("@{name}"));
        Supervisor::of(&env).unwrap().unwrap().stopping();
        assert_eq!(heard(&listening), "STOPPING=1\nSTATUS=stopping\n");
    }

    #[test]
    fn without_a_supervisor_there_is_none_and_an_unknown_address_is_said() {
        assert!(Supervisor::of(&|_| None).unwrap().is_none());
        let refused = Supervisor::of(&|name| (name == "NOTIFY_SOCKET").then(|| "vsock:2:1".to_owned()));
        assert!(refused.err().unwrap().contains("NOTIFY_SOCKET=vsock:2:1"));
    }
}
