//! What signals ask of the daemon: SIGTERM and Ctrl-C to end, SIGHUP to read its configuration again.
//!
//! A thread of its own listens from before the daemon starts, so that no signal is missed, and so that a second Ctrl-C
//! ends a daemon that is busy ending.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use anyhow::{Context as _, Result};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use crate::pipeline::daemon::Asked;

/// What signals ask, and whether there is a daemon that can do it.
pub(super) struct Ear {
    asked: UnboundedReceiver<Asked>,
    has_daemon: Arc<AtomicBool>,
}

impl Ear {
    /// From now on the daemon is asked; before, whoever asks to stop ends the process, in which nothing was read yet.
    pub(super) fn into_asked(self) -> UnboundedReceiver<Asked> {
        self.has_daemon.store(true, Ordering::Release);
        self.asked
    }
}

/// Listens from now on.
///
/// # Errors
/// When the system lets nobody listen.
pub(super) fn listen() -> Result<Ear> {
    const SORRY: &str = "cannot listen to signals";
    let (sender, asked) = unbounded_channel();
    let has_daemon = Arc::new(AtomicBool::new(false));
    let mouth = Mouth { sender, has_daemon: Arc::clone(&has_daemon) };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context(SORRY)?;
    let signals = {
        let _inside = runtime.enter();
        Signals::new().context(SORRY)?
    };
    thread::Builder::new()
        .name("chartsentry-signals".to_owned())
        .spawn(move || runtime.block_on(signals.pass_on(&mouth)))
        .context(SORRY)?;
    Ok(Ear { asked, has_daemon })
}

/// The way to the daemon.
struct Mouth {
    sender: UnboundedSender<Asked>,
    has_daemon: Arc<AtomicBool>,
}

impl Mouth {
    fn tell(&self, word: Asked) {
        if matches!(word, Asked::Stop(_)) && !self.has_daemon.load(Ordering::Acquire) {
            end_at_once();
        }
        // A daemon that has ended is told nothing.
        let _ = self.sender.send(word);
    }
}

#[cfg(unix)]
struct Signals {
    hangup: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
    interrupt: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Signals {
    fn new() -> std::io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};

        Ok(Self {
            hangup: signal(SignalKind::hangup())?,
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    /// A supervisor may repeat SIGTERM without meaning more by it; who presses Ctrl-C twice does not want to wait.
    async fn pass_on(mut self, daemon: &Mouth) {
        let mut is_ending = false;
        loop {
            let word = tokio::select! {
                Some(()) = self.hangup.recv() => Asked::Reload,
                Some(()) = self.terminate.recv() => Asked::Stop("SIGTERM"),
                Some(()) = self.interrupt.recv() => {
                    if is_ending {
                        end_at_once();
                    }
                    Asked::Stop("interrupt")
                }
                else => return,
            };
            is_ending |= matches!(word, Asked::Stop(_));
            daemon.tell(word);
        }
    }
}

#[cfg(not(unix))]
struct Signals;

#[cfg(not(unix))]
impl Signals {
    fn new() -> std::io::Result<Self> {
        Ok(Self)
    }

    async fn pass_on(self, daemon: &Mouth) {
        let mut is_ending = false;
        while tokio::signal::ctrl_c().await.is_ok() {
            if std::mem::replace(&mut is_ending, true) {
                end_at_once();
            }
            daemon.tell(Asked::Stop("interrupt"));
        }
    }
}

#[expect(clippy::exit, reason = "the main thread waits for something that this is to end")]
fn end_at_once() -> ! {
    tracing::error!(
        "ended at once: what was read since the last commit is read again at the next start, and alerts wait in the store"
    );
    std::process::exit(1)
}
