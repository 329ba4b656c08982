//! `/metrics`, `/healthz` and `/readyz`, over HTTP or HTTPS.

mod door;
mod token;

use std::fmt::Display;
use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::header::{CONTENT_TYPE, HeaderName, WWW_AUTHENTICATE};
use axum::http::{HeaderMap, StatusCode};
use axum::routing::get;
use rustls::ServerConfig;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

pub use token::Token;

use super::health::Health;
use super::journal::Journal;
use super::labels::HttpTrouble;
use super::metrics::Metrics;
use crate::model::time::Timestamp;
use token::Standing;

/// What callers are told, and which of them.
pub struct Desk {
    pub journal: Arc<Journal>,
    pub health: Arc<Health>,
    /// What a caller must show to see metrics, and why something is not well; none = every caller sees all.
    pub token: Option<Token>,
    /// The clock by which log lines are held back.
    pub now: fn() -> Timestamp,
}

/// Answers on `listener` until `shutdown` ends; over TLS where `tls` says how.
///
/// `/metrics` needs the token. `/healthz` and `/readyz` answer 200, or 503 with the reason; a caller without the token
/// sees one word instead of the reason, so that an orchestrator needs none. A wrong token is answered with 401
/// everywhere.
pub async fn serve(listener: TcpListener, tls: Option<ServerConfig>, desk: Desk, shutdown: impl Future<Output = ()>) {
    let tls = tls.map(|mut config| {
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        TlsAcceptor::from(Arc::new(config))
    });
    door::admit(listener, tls, Arc::new(desk), shutdown).await;
}

impl Desk {
    fn trouble(&self, trouble: HttpTrouble, what: &dyn Display) {
        self.journal.http_trouble(trouble, what, (self.now)());
    }
}

/// One connection.
#[derive(Clone)]
struct Visit {
    desk: Arc<Desk>,
    peer: SocketAddr,
}

fn router(visit: Visit) -> Router {
    Router::new()
        .route("/metrics", get(metrics))
        .route("/healthz", get(live))
        .route("/readyz", get(ready))
        .with_state(visit)
}

async fn metrics(State(visit): State<Visit>, headers: HeaderMap) -> Answer {
    if visit.standing(&headers) == Standing::Known { render(visit.desk.journal.metrics()) } else { visit.refuse() }
}

async fn live(State(visit): State<Visit>, headers: HeaderMap) -> Answer {
    visit.tell(&headers, visit.desk.health.live())
}

async fn ready(State(visit): State<Visit>, headers: HeaderMap) -> Answer {
    visit.tell(&headers, visit.desk.health.ready())
}

type Answer = (StatusCode, [(HeaderName, &'static str); 1], String);

impl Visit {
    fn standing(&self, headers: &HeaderMap) -> Standing {
        self.desk.token.as_ref().map_or(Standing::Known, |token| token.judge(headers))
    }

    fn refuse(&self) -> Answer {
        let peer = self.peer;
        let what = format!("{peer} did not show the token that http.token names");
        self.desk.trouble(HttpTrouble::BadToken, &what);
        let said = "show the token: Authorization: Bearer ...\n".to_owned();
        (StatusCode::UNAUTHORIZED, [(WWW_AUTHENTICATE, "Bearer")], said)
    }

    fn tell(&self, headers: &HeaderMap, state: Result<(), String>) -> Answer {
        let standing = self.standing(headers);
        if standing == Standing::Refused {
            return self.refuse();
        }
        let (code, text) = match state {
            Ok(()) => (StatusCode::OK, "ok\n".to_owned()),
            Err(reason) => {
                let word = reason.split(':').next().unwrap_or_default();
                let shown = if standing == Standing::Known { reason.as_str() } else { word };
                (StatusCode::SERVICE_UNAVAILABLE, format!("{shown}\n"))
            }
        };
        (code, [(CONTENT_TYPE, "text/plain; charset=utf-8")], text)
    }
}

fn render(metrics: &Metrics) -> Answer {
    let (code, text) = match metrics.render() {
        Ok(text) => (StatusCode::OK, text),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, format!("cannot write the metrics: {error}\n")),
    };
    (code, [(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicI64, Ordering};

    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpStream;
    use tokio::sync::oneshot;

    use super::*;
    use crate::model::span::Span;
    use crate::model::time::SECOND;

    async fn ask(address: SocketAddr, path: &str, more: &str) -> String {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\n{more}\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).await.unwrap();
        text
    }

    fn desk(health: &Arc<Health>, token: Option<&str>) -> Desk {
        let journal = Arc::new(Journal::new(Arc::new(Metrics::new().unwrap())));
        Desk { journal, health: Arc::clone(health), token: token.map(Token::new), now: || Timestamp(0) }
    }

    #[tokio::test]
    async fn health_follows_the_pipeline_and_the_server_stops_when_told() {
        let now = Arc::new(AtomicI64::new(0));
        let clock = Arc::clone(&now);
        let health = Arc::new(Health::new(Span::minutes(1), move || Timestamp(clock.load(Ordering::Relaxed))));
        let desk = desk(&health, None);
        desk.journal.metrics().duplicates(3);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel::<()>();
        let server = tokio::spawn(serve(listener, None, desk, async {
            let _ = stopped.await;
        }));

        let text = ask(address, "/healthz", "").await;
        assert!(text.starts_with("HTTP/1.1 503") && text.contains("has not begun"), "{text}");
        health.tick();
        assert!(ask(address, "/healthz", "").await.starts_with("HTTP/1.1 200"));
        assert!(ask(address, "/readyz", "").await.contains("context is still being loaded"));
        health.set_context_loaded(true);
        assert!(ask(address, "/readyz", "").await.contains("no partition"));
        health.set_partitions(2);
        assert!(ask(address, "/readyz", "").await.starts_with("HTTP/1.1 200"));
        now.store(90 * SECOND, Ordering::Relaxed);
        assert!(ask(address, "/healthz", "").await.contains("stalled: the pipeline last moved 90 s ago"));
        health.tick();
        health.fail("the store is full");
        let text = ask(address, "/readyz", "").await;
        assert!(text.starts_with("HTTP/1.1 503") && text.contains("failed: the store is full"), "{text}");
        let text = ask(address, "/metrics", "").await;
        assert!(
            text.contains("text/plain; version=0.0.4") && text.contains("chartsentry_duplicates_total 3\n"),
            "{text}"
        );

        stop.send(()).unwrap();
        server.await.unwrap();
    }

    #[tokio::test]
    async fn without_the_token_there_are_no_metrics_and_one_word_of_health() {
        let health = Arc::new(Health::new(Span::minutes(1), || Timestamp(0)));
        health.fail("cannot write state/x.db");
        let desk = desk(&health, Some("0123456789abcdef"));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let server = tokio::spawn(serve(listener, None, desk, std::future::pending()));

        let text = ask(address, "/metrics", "").await;
        assert!(text.starts_with("HTTP/1.1 401") && text.contains("www-authenticate: Bearer"), "{text}");
        let text = ask(address, "/healthz", "").await;
        assert!(text.starts_with("HTTP/1.1 503") && text.ends_with("\r\n\r\nfailed\n"), "{text}");
        let wrong = "authorization: Bearer 0123456789abcdeX\r\n";
        for path in ["/metrics", "/healthz", "/readyz"] {
            assert!(ask(address, path, wrong).await.starts_with("HTTP/1.1 401"), "{path}");
        }
        let right = "authorization: Bearer 0123456789abcdef\r\n";
        assert!(ask(address, "/readyz", right).await.contains("failed: cannot write state/x.db"));
        let text = ask(address, "/metrics", right).await;
        assert!(text.contains("chartsentry_http_troubles_total{kind=\"bad_token\"} 4\n"), "{text}");
        server.abort();
    }
}
