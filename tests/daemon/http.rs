//! Metrics and health for other machines: over TLS, with a token, whatever other clients do.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::net::UnixDatagram;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use super::certificates::{Authority, Files};
use super::process::{More, Process, config_text};
use crate::support::Broker;

const TOKEN: &str = "0123456789abcdef0123456789abcdef";

/// A client that believes an authority.
struct Client(Arc<ClientConfig>);

impl Client {
    fn new(authority: &Authority) -> Self {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(authority.file()).unwrap()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
        Self(Arc::new(builder.with_root_certificates(roots).with_no_client_auth()))
    }

    /// Status line, head and body.
    fn get(&self, address: SocketAddr, path: &str, token: Option<&str>) -> std::io::Result<String> {
        let socket = TcpStream::connect_timeout(&address, Duration::from_secs(2))?;
        socket.set_read_timeout(Some(Duration::from_secs(5)))?;
        let name = ServerName::try_from("localhost").unwrap();
        let mut stream = StreamOwned::new(ClientConnection::new(Arc::clone(&self.0), name).unwrap(), socket);
        let token = token.map(|token| format!("authorization: Bearer {token}\r\n")).unwrap_or_default();
        write!(stream, "GET {path} HTTP/1.1\r\nhost: localhost\r\n{token}\r\n")?;
        let mut text = String::new();
        stream.read_to_string(&mut text)?;
        Ok(text)
    }
}

#[test]
fn metrics_come_over_tls_for_the_token_whatever_silent_clients_do() {
    let broker = Broker::mock();
    broker.create_topic("http-audit", 1);
    broker.create_compacted_topic("http-context", 1);
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::new(folder.path(), "ca");
    let Files { certificate, key } = authority.vouch("localhost");
    std::fs::write(folder.path().join("token"), format!("{TOKEN}\n")).unwrap();
    let guarded = format!(
        "certificate = \"{}\"\nprivate_key = \"file:{}\"\ntoken = \"file:${{SECRETS}}/token\"\n",
        certificate.display(),
        key.display()
    );
    let text = config_text(&broker, "http", folder.path(), "1s", "");
    let secrets = folder.path().to_str().unwrap();
    let mut process = Process::start_with(
        folder.path(),
        &text,
        &More { http: &guarded, variables: &[("SECRETS", secrets)], ..More::default() },
    );
    let client = Client::new(&authority);
    let address = process.http();
    let get = |path: &str, token: Option<&str>| client.get(address, path, token);
    process.wait("readiness", |_| get("/readyz", None).is_ok_and(|text| text.starts_with("HTTP/1.1 200")));

    assert!(get("/metrics", None).unwrap().starts_with("HTTP/1.1 401"));
    assert!(get("/metrics", Some("0123456789abcdef0123456789abcdee")).unwrap().starts_with("HTTP/1.1 401"));
    let text = get("/metrics", Some(TOKEN)).unwrap();
    assert!(text.starts_with("HTTP/1.1 200"), "{text}");
    assert!(text.contains("chartsentry_http_troubles_total{kind=\"bad_token\"} 2\n"), "{text}");
    assert!(process.get("/healthz").is_none_or(|text| !text.starts_with("HTTP/1.1")), "nothing without TLS");

    // Clients that never begin TLS, and more of them than one address may have.
    let silent: Vec<_> = (0..12).map(|_| TcpStream::connect(address).unwrap()).collect();
    assert!(get("/healthz", None).unwrap().starts_with("HTTP/1.1 200"), "twelve wait, one is served");
    let more: Vec<_> = (0..10).map(|_| TcpStream::connect(address).unwrap()).collect();
    process
        .wait("a free place", |_| get("/metrics", Some(TOKEN)).is_ok_and(|text| text.contains("\"slow_client\"} 1")));
    let text = get("/metrics", Some(TOKEN)).unwrap();
    assert!(!text.contains("{kind=\"crowd\"} 0\n"), "{text}");
    drop((silent, more));

    let log = process.log();
    assert!(log.contains("did not show the token") && !log.contains("0123456789abcdef"), "{log}");
    assert_eq!(process.terminate().code(), Some(0));
}

#[test]
fn a_supervisor_is_told_when_it_is_ready_alive_and_ending() {
    let broker = Broker::mock();
    broker.create_topic("notify-audit", 1);
    broker.create_compacted_topic("notify-context", 1);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("notify");
    let socket = UnixDatagram::bind(&path).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    let heard = || {
        let mut buffer = [0; 512];
        let length = socket.recv(&mut buffer).unwrap();
        String::from_utf8(buffer[..length].to_vec()).unwrap()
    };
    let variables = [("NOTIFY_SOCKET", path.to_str().unwrap()), ("WATCHDOG_USEC", "3000000")];
    let text = config_text(&broker, "notify", folder.path(), "1s", "");
    let process = Process::start_with(folder.path(), &text, &More { variables: &variables, ..More::default() });
    assert!((0..120).any(|_| heard().starts_with("READY=1\nWATCHDOG=1\n")));
    assert!(heard().starts_with("WATCHDOG=1\n"));
    assert_eq!(process.terminate().code(), Some(0));
    assert!((0..120).any(|_| heard() == "STOPPING=1\nSTATUS=stopping\n"));
}
