//! Whether a topic may be written, found out without writing anything.

use std::time::Duration;

use rdkafka::config::{ClientConfig, FromClientConfigAndContext};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::producer::{FutureProducer, FutureRecord, Producer};

use super::kafka_context::{Context, Publishing, words};

/// A number of acknowledgements that no broker takes. It looks at the right to write first, and at this before it writes.
const NO_SUCH_ACKS: &str = "2";

/// Tries to write to a topic in a way that the broker refuses for another reason than a lack of rights. Each of two
/// questions may take `patience`.
///
/// # Errors
/// When this client may not write, the topic is missing, or no broker answers.
pub async fn may_write(publishing: &Publishing, topic: &str, patience: Duration) -> Result<(), String> {
    let mut config = ClientConfig::new();
    for (name, value) in publishing.properties.iter().filter(|(name, _)| !is_set_here(name)) {
        config.set(name, value);
    }
    config.set("acks", NO_SUCH_ACKS).set("message.timeout.ms", patience.as_millis().to_string());
    let context = Context::new(publishing.token.clone());
    let heard = context.clone();
    let complaint = |error: KafkaError| format!("cannot write to the topic {topic}: {}", heard.explain(&error));
    let producer: FutureProducer<Context> = FutureProducer::from_config_and_context(&config, context)
        .map_err(|error| format!("cannot write to the topic {topic}: {}", words(&error)))?;
    // The topic must not be made by asking for it.
    let metadata = producer.client().fetch_metadata(Some(topic), patience).map_err(complaint)?;
    if let Some(error) = metadata.topics().first().and_then(|found| found.error()) {
        return Err(complaint(KafkaError::Global(error.into())));
    }
    let record = FutureRecord::<[u8], [u8]>::to(topic).partition(0);
    let sent = producer.send_result(record).map_err(|(error, _)| complaint(error))?;
    match sent.await {
        Ok(Err((error, _))) if error.rdkafka_error_code() == Some(RDKafkaErrorCode::InvalidRequiredAcks) => Ok(()),
        Ok(Err((error, _))) => Err(complaint(error)),
        Ok(Ok(_)) => Err(format!("the broker took an empty record into the topic {topic}, which none should")),
        Err(_) => Err(complaint(KafkaError::Canceled)),
    }
}

/// Properties that would stand against what is asked here.
fn is_set_here(name: &str) -> bool {
    ["acks", "request.required.acks", "enable.idempotence", "transactional.id", "delivery.timeout.ms"].contains(&name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_broker_that_is_away_and_a_wrong_property_are_told() {
        let to = |name: &str, value: &str| Publishing {
            properties: [(name.to_owned(), value.to_owned())].into(),
            token: None,
        };
        let away = to("bootstrap.servers", "127.0.0.1:1");
        let short = Duration::from_millis(100);
        assert!(may_write(&away, "handoffs", short).await.unwrap_err().contains("handoffs"));
        let wrong = to("no.such.property", "1");
        assert!(may_write(&wrong, "handoffs", short).await.unwrap_err().contains("no.such.property"));
    }
}
