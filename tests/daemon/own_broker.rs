//! A real broker that a test may end and start again.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::rc::Rc;
use std::time::Duration;

use crate::support::Broker;
use crate::support::broker::{RealBroker, script};

/// A real broker of one test's own, which may be ended and started again. It ends with the test process.
pub(crate) struct OwnBroker {
    real: Rc<RealBroker>,
    folder: PathBuf,
}

impl OwnBroker {
    /// As for [`RealBroker::start`].
    pub(crate) fn start() -> Option<Self> {
        let real = RealBroker::start()?;
        Some(Self { folder: real.said("DIR").into(), real: Rc::new(real) })
    }

    /// Three that are one cluster.
    pub(crate) fn cluster() -> Option<[Self; 3]> {
        let real = Rc::new(RealBroker::start_with(&["--brokers", "3"])?);
        let one = |number: u32| {
            let folder = Path::new(real.said("DIR")).join(number.to_string());
            Self { real: Rc::clone(&real), folder }
        };
        Some([1, 2, 3].map(one))
    }

    /// The same in the shape that every test takes.
    pub(crate) fn broker(&self) -> Broker {
        Broker::of(&self.real)
    }

    /// As a power cut would end it.
    pub(crate) fn kill(&self) {
        let pid = std::fs::read_to_string(self.folder.join("pid")).unwrap();
        assert!(Command::new("kill").args(["-KILL", pid.trim()]).status().unwrap().success());
        // Its ports are free once it is gone.
        while Path::new("/proc").join(pid.trim()).join("cmdline").metadata().is_ok_and(|_| is_alive(pid.trim())) {
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Makes it answer nothing, without closing a connection.
    pub(crate) fn pause(&self) {
        self.signal("-STOP");
    }

    /// Lets it answer again.
    pub(crate) fn resume(&self) {
        self.signal("-CONT");
    }

    fn signal(&self, signal: &str) {
        let pid = std::fs::read_to_string(self.folder.join("pid")).unwrap();
        assert!(Command::new("kill").args([signal, pid.trim()]).status().unwrap().success());
    }

    /// Asks it to end.
    pub(crate) fn stop(&self) {
        let status = Command::new(script()).args(["stop", self.folder.to_str().unwrap(), "--keep"]).status();
        assert!(status.unwrap().success());
    }

    /// Starts it on the same data and the same ports.
    pub(crate) fn start_again(&self) {
        let said = Command::new(script()).args(["start", "--dir", self.folder.to_str().unwrap()]).output().unwrap();
        assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
    }
}

/// Whether a process has not ended; one that nobody has waited for yet has.
fn is_alive(pid: &str) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with('Z'))
}
