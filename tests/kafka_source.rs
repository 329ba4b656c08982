//! The Kafka source against librdkafka's own broker and against a real Apache Kafka.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use chartsentry::source::kafka::{
    CatchUp, Cluster, Connection, ContextReader, KafkaError, KafkaEvent, KafkaSource, Position, Reading, RecordTime,
    TopicPartition,
};
use crossbeam_channel::Receiver;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

use crate::support::{Broker, Message};

const PATIENCE: Duration = Duration::from_secs(30);

/// Runs a test against both brokers.
macro_rules! on_both_brokers {
    ($($test:ident),* $(,)?) => {
        mod embedded_broker {
            $(#[test] fn $test() { super::$test(&super::Broker::mock()); })*
        }
        mod real_broker {
            $(#[test] fn $test() { if let Some(broker) = super::Broker::real() { super::$test(&broker); } })*
        }
    };
}

on_both_brokers!(
    reads_every_byte_and_reads_on_from_given_positions,
    context_is_read_to_the_ends_seen_at_the_start,
    a_position_that_the_broker_does_not_hold_is_told_as_a_gap,
    a_paused_partition_waits_and_loses_nothing,
    a_slow_pipeline_gets_every_record_and_never_more_than_its_channel_holds,
    partitions_are_given_up_only_after_their_release,
    commits_reach_the_broker,
    a_missing_topic_is_named,
);

/// What was read, by partition: (offset, key, value).
type Read = BTreeMap<i32, Vec<(i64, Option<Vec<u8>>, Option<Vec<u8>>)>>;

fn small_batches() -> Reading {
    Reading { batch_records: 1000, linger: Duration::from_millis(20), ..Reading::default() }
}

fn text(part: &str) -> Option<Vec<u8>> {
    Some(part.as_bytes().to_vec())
}

/// Values of every sort: null, empty, not text, and the rest.
fn messages(count: usize, partitions: usize) -> Vec<Message> {
    let value = |number: usize| match number % 50 {
        0 => None,
        1 => Some(Vec::new()),
        2 => Some(vec![0xff, 0x00, (number % 256) as u8, b'\n']),
        _ => text(&format!("{{\"number\":{number}}}")),
    };
    let key = |number: usize| if number.is_multiple_of(7) { None } else { text(&format!("user-{}", number % 100)) };
    (0..count)
        .map(|number| Message { partition: (number % partitions) as i32, key: key(number), value: value(number) })
        .collect()
}

/// What a reader must hand over for these messages, first produced into empty partitions.
fn expected(messages: &[Message]) -> Read {
    let mut read = Read::new();
    for message in messages {
        let partition = read.entry(message.partition).or_default();
        partition.push((partition.len() as i64, message.key.clone(), message.value.clone()));
    }
    read
}

fn keep(read: &mut Read, event: &KafkaEvent) -> usize {
    let KafkaEvent::Batch(batch) = event else { return 0 };
    for record in batch.records() {
        let bytes = |part: Option<&[u8]>| part.map(<[u8]>::to_vec);
        let (key, value) = (bytes(batch.key(record)), bytes(batch.value(record)));
        read.entry(record.partition).or_default().push((record.offset, key, value));
    }
    batch.records().len()
}

fn next(events: &Receiver<KafkaEvent>) -> KafkaEvent {
    let event = events.recv_timeout(PATIENCE).expect("an event within half a minute");
    if let KafkaEvent::Error { fatal: true, message, .. } = &event {
        panic!("fatal: {message}");
    }
    event
}

/// Reads until so many partitions have told their end.
fn read_to_ends(events: &Receiver<KafkaEvent>, partitions: usize) -> Read {
    let mut read = Read::new();
    let mut ended = BTreeSet::new();
    while ended.len() < partitions {
        let event = next(events);
        keep(&mut read, &event);
        if let KafkaEvent::EndOfPartition { partition, .. } = event {
            ended.insert(partition);
        }
    }
    read
}

fn subscribe(broker: &Broker, topic: &str, start: BTreeMap<i32, i64>) -> KafkaSource {
    KafkaSource::subscribe(&broker.connection(topic), &[topic.to_owned()], &small_batches(), move |topic, partition| {
        start.get(&partition).map(|offset| Position::at(TopicPartition::new(topic, partition), *offset))
    })
    .unwrap()
}

fn reads_every_byte_and_reads_on_from_given_positions(broker: &Broker) {
    let topic = "reads-every-byte";
    broker.create_topic(topic, 3);
    let messages = messages(20_000, 3);
    broker.produce(topic, &messages);
    let wanted = expected(&messages);

    let mut first = Read::new();
    let mut positions = BTreeMap::new();
    let source = subscribe(broker, topic, BTreeMap::new());
    let KafkaEvent::Assigned(assigned) = next(source.events()) else { panic!("assigned first") };
    assert_eq!(assigned, (0..3).map(|partition| TopicPartition::new(topic, partition)).collect::<Vec<_>>());
    while first.values().map(Vec::len).sum::<usize>() < 7_000 {
        let event = next(source.events());
        assert!(keep(&mut first, &event) <= 1000);
        if let KafkaEvent::Batch(batch) = &event {
            positions.extend(batch.positions().iter().map(|at| (at.partition.partition, at.offset)));
            assert!(batch.records().iter().all(|record| matches!(record.time, RecordTime::Created(at) if at > 0)));
            assert!(batch.records().iter().all(|record| &**batch.topic(record) == topic));
        }
    }
    source.stop();

    let source = subscribe(broker, topic, positions);
    let rest = read_to_ends(source.events(), 3);
    source.stop();
    for (partition, records) in rest {
        first.entry(partition).or_default().extend(records);
    }
    assert!(first == wanted, "every record once, in order, with its bytes");
}

fn context_is_read_to_the_ends_seen_at_the_start(broker: &Broker) {
    let topics = ["context-facts".to_owned(), "context-empty".to_owned()];
    broker.create_compacted_topic(&topics[0], 2);
    broker.create_compacted_topic(&topics[1], 1);
    let mut messages = messages(500, 2);
    for message in &mut messages {
        message.key.get_or_insert_with(|| b"no-key".to_vec());
    }
    broker.produce(&topics[0], &messages);

    let reader = ContextReader::start(&broker.connection("context"), &topics, &small_batches(), |_, _| None).unwrap();
    let ends: Vec<_> = reader.ends().iter().map(|end| (end.partition.to_string(), end.offset)).collect();
    assert_eq!(
        ends,
        [("context-empty[0]", 0), ("context-facts[0]", 250), ("context-facts[1]", 250)]
            .map(|(name, end)| (name.to_owned(), end))
    );
    let mut catch_up = CatchUp::until(reader.ends());
    let mut read = Read::new();
    while !catch_up.is_done() {
        let event = next(reader.events());
        keep(&mut read, &event);
        catch_up.observe(&event);
    }
    assert!(read == expected(&messages));

    let late = Message { partition: 1, key: text("late"), value: None };
    broker.produce(&topics[0], std::slice::from_ref(&late));
    let mut read = Read::new();
    while keep(&mut read, &next(reader.events())) == 0 {}
    assert_eq!(read, Read::from([(1, vec![(250, late.key, None)])]));
    reader.stop();
}

fn a_position_that_the_broker_does_not_hold_is_told_as_a_gap(broker: &Broker) {
    let topic = "gap";
    broker.create_topic(topic, 2);
    let messages = messages(40, 2);
    broker.produce(topic, &messages);
    let source = subscribe(broker, topic, BTreeMap::from([(0, 500), (1, 5)]));
    let mut gap = None;
    let mut read = Read::new();
    while gap.is_none() || read.get(&0).map_or(0, Vec::len) < 20 {
        let event = next(source.events());
        keep(&mut read, &event);
        if let KafkaEvent::Gap { partition, from, to } = event {
            gap = Some((partition.to_string(), from, to));
        }
    }
    source.stop();
    assert_eq!(gap, Some(("gap[0]".to_owned(), 500, 0)));
    let wanted = expected(&messages);
    assert_eq!(read[&0], wanted[&0]);
    assert_eq!(read[&1], wanted[&1][5..], "the other partition is read once, from its position");
}

fn a_paused_partition_waits_and_loses_nothing(broker: &Broker) {
    let topic = "paused";
    broker.create_topic(topic, 2);
    let source = subscribe(broker, topic, BTreeMap::new());
    assert_eq!(read_to_ends(source.events(), 2), Read::new());
    let paused = vec![TopicPartition::new(topic, 1)];
    source.control().pause(paused.clone());
    let messages = messages(300, 2);
    broker.produce(topic, &messages);
    let mut read = read_to_ends(source.events(), 1);
    assert_eq!(read.keys().copied().collect::<Vec<_>>(), [0]);
    assert!(source.events().recv_timeout(Duration::from_millis(300)).is_err(), "nothing while paused");
    source.control().resume(paused);
    read.extend(read_to_ends(source.events(), 1));
    source.stop();
    assert!(read == expected(&messages));
}

fn a_slow_pipeline_gets_every_record_and_never_more_than_its_channel_holds(broker: &Broker) {
    let topic = "slow";
    broker.create_topic(topic, 1);
    let messages = messages(3_000, 1);
    broker.produce(topic, &messages);
    let reading = Reading { batch_records: 100, waiting_events: 2, ..small_batches() };
    let source = KafkaSource::subscribe(&broker.connection(topic), &[topic.to_owned()], &reading, |_, _| None).unwrap();
    while !source.events().is_full() {
        std::thread::sleep(Duration::from_millis(20));
    }
    std::thread::sleep(Duration::from_millis(500));
    assert_eq!(source.events().len(), 2);
    assert!(read_to_ends(source.events(), 1) == expected(&messages));
    source.stop();
}

fn partitions_are_given_up_only_after_their_release(broker: &Broker) {
    let topic = "revoked";
    broker.create_topic(topic, 2);
    let old = subscribe(broker, topic, BTreeMap::new());
    read_to_ends(old.events(), 2);
    let new = subscribe(broker, topic, BTreeMap::new());
    let release = loop {
        if let KafkaEvent::Revoked { partitions, release } = next(old.events()) {
            assert_eq!(partitions.len(), 2);
            break release;
        }
    };
    assert!(new.events().recv_timeout(Duration::from_millis(500)).is_err(), "the partitions are still held");
    drop(release);
    let mut shares = [Vec::new(), Vec::new()];
    while shares.iter().any(|share| share.len() != 1) {
        for (source, share) in [&old, &new].into_iter().zip(&mut shares) {
            match source.events().recv_timeout(Duration::from_millis(100)) {
                Ok(KafkaEvent::Assigned(partitions)) => *share = partitions,
                // The event's release is dropped with it.
                Ok(KafkaEvent::Revoked { .. }) => share.clear(),
                _ => {}
            }
        }
    }
    assert_ne!(shares[0], shares[1]);
    old.stop();
    new.stop();
}

fn commits_reach_the_broker(broker: &Broker) {
    let topic = "commits";
    broker.create_topic(topic, 1);
    broker.produce(topic, &messages(10, 1));
    let source = subscribe(broker, topic, BTreeMap::new());
    read_to_ends(source.events(), 1);
    source.control().commit(vec![Position::at(TopicPartition::new(topic, 0), 7)]);
    source.stop();

    let mut config = broker.connection(topic).client_config();
    let observer: BaseConsumer = config.set("group.id", topic).create().unwrap();
    let mut asked = TopicPartitionList::new();
    asked.add_partition(topic, 0);
    let committed = observer.committed_offsets(asked, PATIENCE).unwrap();
    assert_eq!(committed.find_partition(topic, 0).unwrap().offset(), Offset::Offset(7));
}

fn a_missing_topic_is_named(broker: &Broker) {
    broker.create_topic("present", 4);
    let cluster = Cluster::connect(&broker.connection("missing")).unwrap();
    assert!(cluster.topics().unwrap().iter().any(|topic| topic.name == "present" && topic.partitions == 4));
    let error = cluster.end_offsets(&["present".to_owned(), "absent".to_owned()]).unwrap_err();
    assert!(matches!(&error, KafkaError::NoTopic { topic, .. } if topic == "absent"), "{error}");
    assert!(error.to_string().contains(broker.brokers()), "{error}");
    assert!(cluster.topics().unwrap().iter().all(|topic| topic.name != "absent"), "asking creates no topic");
}

#[test]
fn a_property_that_librdkafka_refuses_is_named_without_its_value() {
    let mut connection = Connection::new("127.0.0.1:9092", "group");
    connection.properties.push(("ssl.no.such.thing".to_owned(), "hunter2".to_owned()));
    let error = KafkaSource::subscribe(&connection, &["topic".to_owned()], &Reading::default(), |_, _| None);
    let error = error.err().expect("an unknown property").to_string();
    assert!(error.contains("ssl.no.such.thing") && !error.contains("hunter2"), "{error}");
}

#[test]
fn a_broker_that_does_not_answer_is_told_and_nothing_hangs() {
    let connection = Connection::new("127.0.0.1:1", "group");
    let source = KafkaSource::subscribe(&connection, &["topic".to_owned()], &Reading::default(), |_, _| None).unwrap();
    let KafkaEvent::Error { fatal, message, .. } = next(source.events()) else { panic!("an error first") };
    assert!(!fatal && message.contains("127.0.0.1:1"), "{message}");
    source.stop();
}

/// The records that retention or an administrator removed.
#[test]
fn deleted_records_are_told_as_a_gap() {
    let Some(broker) = Broker::real() else { return };
    let topic = "deleted-records";
    broker.create_topic(topic, 1);
    broker.produce(topic, &messages(100, 1));
    delete_records(&broker, topic, 60);
    let source = subscribe(&broker, topic, BTreeMap::from([(0, 10)]));
    let gap = loop {
        if let KafkaEvent::Gap { from, to, .. } = next(source.events()) {
            break (from, to);
        }
    };
    assert_eq!(gap, (10, 60));
    let read = read_to_ends(source.events(), 1);
    assert_eq!(read[&0].iter().map(|record| record.0).collect::<Vec<_>>(), (60..100).collect::<Vec<_>>());
    source.stop();
}

fn delete_records(broker: &Broker, topic: &str, before: i64) {
    use rdkafka::admin::{AdminClient, AdminOptions};
    use rdkafka::client::DefaultClientContext;
    let admin: AdminClient<DefaultClientContext> = broker.connection("tests").client_config().create().unwrap();
    let mut list = TopicPartitionList::new();
    list.add_partition_offset(topic, 0, Offset::Offset(before)).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(admin.delete_records(&list, &AdminOptions::new())).unwrap();
}
