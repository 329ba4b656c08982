//! `/metrics`, `/healthz` and `/readyz`.

use std::future::Future;
use std::io;
use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::{CONTENT_TYPE, HeaderName};
use axum::routing::get;
use tokio::net::TcpListener;

use super::health::Health;
use super::metrics::Metrics;

/// Answers on `listener` until `shutdown` ends.
///
/// `/healthz` and `/readyz` answer 200, or 503 with the reason.
///
/// # Errors
/// A listener that breaks.
pub async fn serve(
    listener: TcpListener,
    metrics: Arc<Metrics>,
    health: Arc<Health>,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    let app = Router::new().route("/metrics", get(render)).with_state(metrics).merge(
        Router::new()
            .route("/healthz", get(async |State(health): State<Arc<Health>>| answer(health.live())))
            .route("/readyz", get(async |State(health): State<Arc<Health>>| answer(health.ready())))
            .with_state(health),
    );
    axum::serve(listener, app).with_graceful_shutdown(shutdown).await
}

type Answer = (StatusCode, [(HeaderName, &'static str); 1], String);

fn answer(state: Result<(), String>) -> Answer {
    let (code, text) = match state {
        Ok(()) => (StatusCode::OK, "ok\n".to_owned()),
        Err(reason) => (StatusCode::SERVICE_UNAVAILABLE, format!("{reason}\n")),
    };
    (code, [(CONTENT_TYPE, "text/plain; charset=utf-8")], text)
}

async fn render(State(metrics): State<Arc<Metrics>>) -> Answer {
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
    use crate::model::time::{SECOND, Timestamp};

    async fn ask(address: std::net::SocketAddr, path: &str) -> String {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).await.unwrap();
        text
    }

    #[tokio::test]
    async fn health_follows_the_pipeline_and_the_server_stops_when_told() {
        let now = Arc::new(AtomicI64::new(0));
        let clock = Arc::clone(&now);
        let health = Arc::new(Health::new(Span::minutes(1), move || Timestamp(clock.load(Ordering::Relaxed))));
        let metrics = Arc::new(Metrics::new().unwrap());
        metrics.duplicates(3);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel::<()>();
        let server = tokio::spawn(serve(listener, metrics, Arc::clone(&health), async {
            let _ = stopped.await;
        }));

        let text = ask(address, "/healthz").await;
        assert!(text.starts_with("HTTP/1.1 503") && text.contains("has not begun"), "{text}");
        health.tick();
        assert!(ask(address, "/healthz").await.starts_with("HTTP/1.1 200"));
        assert!(ask(address, "/readyz").await.contains("context is still being loaded"));
        health.set_context_loaded(true);
        assert!(ask(address, "/readyz").await.contains("no partition"));
        health.set_partitions(2);
        assert!(ask(address, "/readyz").await.starts_with("HTTP/1.1 200"));
        now.store(90 * SECOND, Ordering::Relaxed);
        assert!(ask(address, "/healthz").await.contains("stalled: the pipeline last moved 90 s ago"));
        health.tick();
        health.fail("the store is full");
        let text = ask(address, "/readyz").await;
        assert!(text.starts_with("HTTP/1.1 503") && text.contains("failed: the store is full"), "{text}");
        let text = ask(address, "/metrics").await;
        assert!(
            text.contains("text/plain; version=0.0.4") && text.contains("chartsentry_duplicates_total 3\n"),
            "{text}"
        );

        stop.send(()).unwrap();
        server.await.unwrap().unwrap();
    }
}
