//! Whether everything that a configuration names answers.

mod advice;
mod rights;

use std::fs::OpenOptions;
use std::net::{TcpListener, TcpStream, ToSocketAddrs, UdpSocket};
use std::path::Path;
use std::time::Duration;

pub use advice::advice;

use super::daemon::{connection, endpoint, http_tls, publishing, store_options};
use crate::config::{Config, Secrets, SourceSettings, Target};
use crate::model::token::TokenSource;
use crate::sink::kafka::KafkaSink;
use crate::source::kafka::{Cluster, Connection};
use crate::source::syslog::{Transport, check_tls};
use crate::store::{Store, StoreOptions};

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// Tries one thing: what answered, or why nothing did.
pub type Attempt = Box<dyn FnOnce() -> Result<String, String>>;

/// What to try, in order, each with its name.
#[must_use]
pub fn probes(config: &Config, secrets: &Secrets) -> Vec<(String, Attempt)> {
    let connection = connection(config, secrets);
    let mut probes: Vec<(String, Attempt)> = Vec::new();
    probes.extend(connection.token.clone().map(|source| ("token".to_owned(), token(source))));
    probes.push(("broker".to_owned(), broker(connection.clone())));
    let kafka = &config.kafka;
    let topics = [
        kafka.access_topics.as_slice(),
        &kafka.context_topics,
        &kafka.context_event_topics,
        kafka.handoff_topic.as_slice(),
        kafka.quarantine_topic.as_slice(),
    ];
    for name in topics.into_iter().flatten() {
        probes.push((format!("topic {name}"), topic(connection.clone(), name.clone())));
    }
    probes.extend(rights::probes(config, secrets));
    for source in &config.sources {
        probes.push((format!("source {}", source.name), listener(source.clone(), secrets.clone())));
    }
    for sink in &config.sinks {
        let attempt: Attempt = match &sink.target {
            Target::SyslogTcp(address) => tcp(address.clone()),
            Target::SyslogUdp(address) => udp(address.clone()),
            Target::File(path) => file(path),
            Target::Kafka(name) => {
                let (publishing, name) = (publishing(config, secrets), name.clone());
                Box::new(move || {
                    KafkaSink::new(&publishing, &name)?.check(PATIENCE)?;
                    Ok(format!("topic {name}"))
                })
            }
        };
        probes.push((format!("sink {}", sink.name), attempt));
    }
    probes.push(("store".to_owned(), store(store_options(config, secrets))));
    probes.push(("http".to_owned(), http(config, secrets)));
    probes
}

/// Waits for an answer; nothing else goes on meanwhile.
fn block_on<T>(question: impl Future<Output = T>) -> Result<T, String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.map(|runtime| runtime.block_on(question)).map_err(|error| format!("cannot ask: {error}"))
}

fn http(config: &Config, secrets: &Secrets) -> Attempt {
    let (listen, tls) = (config.http.listen, http_tls(config, secrets));
    Box::new(move || {
        tls.map_err(|error| format!("{error:#}"))?;
        match TcpListener::bind(listen) {
            Ok(_) => Ok(format!("{listen} is free")),
            Err(error) => Err(format!("cannot listen on {listen}: {error}")),
        }
    })
}

fn listener(source: SourceSettings, secrets: Secrets) -> Attempt {
    Box::new(move || {
        let endpoint = endpoint(&source, &secrets).map_err(|error| format!("{error:#}"))?;
        if let Transport::Tls(identity) = &endpoint.transport {
            check_tls(identity).map_err(|error| error.to_string())?;
        }
        let bound = match endpoint.transport {
            Transport::Udp => UdpSocket::bind(&source.address).map(drop),
            Transport::Tcp | Transport::Tls(_) => TcpListener::bind(&source.address).map(drop),
        };
        bound.map(|()| format!("{source} is free")).map_err(|error| format!("cannot listen on {source}: {error}"))
    })
}

fn token(source: TokenSource) -> Attempt {
    Box::new(move || source.fetch().map(|token| format!("fetched, valid until {}", token.expires_at())))
}

fn broker(connection: Connection) -> Attempt {
    Box::new(move || {
        let topics = Cluster::connect(&connection).and_then(|cluster| cluster.topics());
        topics.map(|topics| format!("answers, {} topics", topics.len())).map_err(|error| error.to_string())
    })
}

fn topic(connection: Connection, name: String) -> Attempt {
    Box::new(move || {
        let partitions = Cluster::connect(&connection).and_then(|cluster| cluster.partitions(&[name]));
        partitions.map(|partitions| format!("{} partitions", partitions.len())).map_err(|error| error.to_string())
    })
}

fn tcp(address: String) -> Attempt {
    Box::new(move || {
        let found = address.to_socket_addrs().map_err(|error| format!("cannot look {address} up: {error}"))?;
        let mut last = format!("cannot look {address} up: no address");
        for place in found {
            match TcpStream::connect_timeout(&place, PATIENCE) {
                Ok(_) => return Ok(format!("{place} takes connections")),
                Err(error) => last = format!("cannot connect to {place}: {error}"),
            }
        }
        Err(last)
    })
}

fn udp(address: String) -> Attempt {
    Box::new(move || {
        let mut found = address.to_socket_addrs().map_err(|error| format!("cannot look {address} up: {error}"))?;
        let place = found.next().ok_or_else(|| format!("cannot look {address} up: no address"))?;
        Ok(format!("{place} is known; whether it listens, UDP does not tell"))
    })
}

/// Leaves the disk as it is.
fn file(path: &Path) -> Attempt {
    let path = path.to_owned();
    Box::new(move || {
        let shown = path.display();
        if path.exists() {
            let opened = OpenOptions::new().append(true).open(&path);
            return opened.map(|_| format!("{shown} can be written")).map_err(|error| format!("{shown}: {error}"));
        }
        nearest_folder(&path).map(|folder| format!("{shown} will be created in {folder}"))
    })
}

fn store(options: StoreOptions) -> Attempt {
    Box::new(move || {
        let shown = options.path.display().to_string();
        if !options.path.exists() {
            return nearest_folder(&options.path).map(|folder| format!("{shown} will be created in {folder}"));
        }
        Store::open(&options).map(|_| format!("{shown} opens")).map_err(|error| error.to_string())
    })
}

/// The folder that exists already in which a file, or its missing folders, would be made.
fn nearest_folder(path: &Path) -> Result<String, String> {
    let absolute = std::path::absolute(path).map_err(|error| format!("{}: {error}", path.display()))?;
    let folder = absolute.ancestors().skip(1).find(|folder| folder.exists());
    let folder = folder.ok_or_else(|| format!("no folder above {} exists", path.display()))?;
    let is_read_only = folder.metadata().map_or(true, |meta| !meta.is_dir() || meta.permissions().readonly());
    if is_read_only {
        return Err(format!("{} is no folder that can be written", folder.display()));
    }
    Ok(folder.display().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_judged_without_being_made() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a/b/alerts.cef");
        let said = file(&path)().unwrap();
        assert!(said.ends_with(&format!("will be created in {}", dir.path().display())), "{said}");
        assert!(!dir.path().join("a").exists());
        assert!(file(&dir.path().join("x").join("..").join("y"))().is_ok());
        std::fs::write(dir.path().join("plain"), "x").unwrap();
        let error = file(&dir.path().join("plain").join("alerts.cef"))().unwrap_err();
        assert!(error.contains("is no folder"), "{error}");
    }

    #[test]
    fn a_receiver_that_is_away_is_named() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        assert!(tcp(address.clone())().unwrap().contains(&address));
        drop(listener);
        assert!(tcp(address.clone())().unwrap_err().contains(&address));
    }
}
