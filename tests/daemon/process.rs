//! The binary as a child process, and what answers on its port.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use crate::support::Broker;

/// A port that nobody listens on.
pub(crate) fn free_address() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

/// A configuration for topics `NAME-audit` and `NAME-context` with everything else in `folder`.
pub(crate) fn config_text(broker: &Broker, name: &str, folder: &Path, lateness: &str, more: &str) -> String {
    let properties = broker.connection("unused").properties;
    let properties: String = properties.iter().map(|(key, value)| format!("\"{key}\" = \"{value}\"\n")).collect();
    format!(
        "[kafka]\nbrokers = \"{}\"\ngroup_id = \"{name}-{}\"\naccess_topics = [\"{name}-audit\"]\n\
         context_topics = [\"{name}-context\"]\n{more}\n[kafka.properties]\n{properties}\n\
         [store]\npath = \"{}\"\n[engine]\nallowed_lateness = \"{lateness}\"\n",
        broker.brokers(),
        folder.file_name().unwrap().to_str().unwrap().trim_start_matches('.'),
        folder.join("store.db").display(),
    )
}

fn with_port(text: &str, http: SocketAddr) -> String {
    format!("{text}\n[http]\nlisten = \"{http}\"\n")
}

/// A running `chartsentry run`.
pub(crate) struct Process {
    child: Child,
    http: SocketAddr,
    config: PathBuf,
    log: PathBuf,
}

/// What a daemon is started with beside its configuration.
#[derive(Default)]
pub(crate) struct More<'m> {
    /// Settings of `[http]`.
    pub(crate) http: &'m str,
    pub(crate) flags: &'m [&'m str],
    /// Environment variables.
    pub(crate) variables: &'m [(&'m str, &'m str)],
}

impl Process {
    /// Starts the daemon with a configuration, to which its port is added.
    pub(crate) fn start(folder: &Path, text: &str) -> Self {
        Self::start_with(folder, text, &More::default())
    }

    /// The same in a role; several may share a folder.
    pub(crate) fn start_as(folder: &Path, text: &str, role: &str) -> Self {
        Self::launch(folder, role, text, &More { flags: &["--role", role], ..More::default() })
    }

    /// The same with more. What it says stands in `stderr.log` and `stdout.log`.
    pub(crate) fn start_with(folder: &Path, text: &str, more: &More<'_>) -> Self {
        Self::launch(folder, "", text, more)
    }

    fn launch(folder: &Path, role: &str, text: &str, more: &More<'_>) -> Self {
        let http = free_address();
        let name =
            |file: &str| if role.is_empty() { file.to_owned() } else { format!("{role}-{}-{file}", http.port()) };
        let config = folder.join(name("config.toml"));
        std::fs::write(&config, with_port(text, http) + more.http).unwrap();
        let log = folder.join(name("stderr.log"));
        let open = |path: &Path| std::fs::OpenOptions::new().create(true).append(true).open(path).unwrap();
        let child = Command::new(env!("CARGO_BIN_EXE_chartsentry"))
            .args(["run", "--config", config.to_str().unwrap()])
            .args(more.flags)
            .envs(more.variables.iter().copied())
            .stdin(Stdio::null())
            .stdout(open(&folder.join(name("stdout.log"))))
            .stderr(open(&log))
            .spawn()
            .unwrap();
        Self { child, http, config, log }
    }

    /// Writes another configuration, and asks the daemon to read it.
    pub(crate) fn reconfigure(&self, text: &str) {
        std::fs::write(&self.config, with_port(text, self.http)).unwrap();
        self.signal("-HUP");
    }

    fn signal(&self, signal: &str) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args([signal, &pid]).status().unwrap().success());
    }

    /// Where metrics and health answer.
    pub(crate) const fn http(&self) -> SocketAddr {
        self.http
    }

    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Status line and body; nothing while nobody answers.
    pub(crate) fn get(&self, path: &str) -> Option<String> {
        let mut stream = TcpStream::connect_timeout(&self.http, Duration::from_secs(2)).ok()?;
        stream.set_read_timeout(Some(Duration::from_secs(5))).ok()?;
        write!(stream, "GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").ok()?;
        let mut text = String::new();
        stream.read_to_string(&mut text).ok()?;
        Some(text)
    }

    /// The sum of a metric over its labels that hold `label`.
    pub(crate) fn metric(&self, name: &str, label: &str) -> Option<f64> {
        let text = self.get("/metrics")?;
        let lines = text.lines().filter(|line| {
            let series = line.strip_prefix(name).is_some_and(|rest| rest.starts_with(['{', ' ']));
            series && line.contains(label)
        });
        let values: Vec<f64> = lines.filter_map(|line| line.rsplit(' ').next()?.parse().ok()).collect();
        if values.is_empty() { None } else { Some(values.iter().sum()) }
    }

    /// Waits until something holds; fails with the log when it does not within two minutes.
    pub(crate) fn wait(&mut self, what: &str, mut is_done: impl FnMut(&Self) -> bool) {
        for _ in 0..1_200 {
            if is_done(self) {
                return;
            }
            if let Some(status) = self.child.try_wait().unwrap() {
                panic!("ended with {status} while waiting for {what}:\n{}", self.log());
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        panic!("waited two minutes for {what}:\n{}\n{:?}", self.log(), self.get("/metrics"));
    }

    pub(crate) fn wait_until_ready(&mut self) {
        self.wait("readiness", |process| process.get("/readyz").is_some_and(|text| text.starts_with("HTTP/1.1 200")));
    }

    /// As a power cut would end it.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Asks it to end and waits for ten seconds at most.
    pub(crate) fn terminate(mut self) -> ExitStatus {
        self.signal("-TERM");
        self.ended("SIGTERM")
    }

    /// As [`Self::terminate`], with SIGINT after it.
    pub(crate) fn terminate_and_interrupt(mut self) -> ExitStatus {
        self.signal("-TERM");
        std::thread::sleep(Duration::from_millis(300));
        self.signal("-INT");
        self.ended("SIGINT")
    }

    fn ended(&mut self, after: &str) -> ExitStatus {
        for _ in 0..100 {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        panic!("still there ten seconds after {after}:\n{}", self.log());
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // One that has ended cannot be killed.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
