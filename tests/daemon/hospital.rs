//! A synthetic hospital's log as Kafka messages.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use chartsentry::cli::generate::GenerateArgs;
use chartsentry::decode::{At, DecodeSink, Decoder};
use chartsentry::engine::settings::Policy;
use chartsentry::engine::{Arrival, Engine, Intake};
use chartsentry::lab::generate::generate;
use chartsentry::model::access::AccessEvent;
use chartsentry::model::context::ContextUpdate;
use chartsentry::model::incident::Incident;
use chartsentry::model::reject::{Place, Reject};
use chartsentry::model::time::{Timestamp, Zone};
use chartsentry::pipeline::clock;
use clap::Parser;
use serde_json::{Map, Value};

use crate::support::Message;

pub(crate) const PARTITIONS: i32 = 3;

pub(crate) struct Access {
    pub(crate) at: Timestamp,
    pub(crate) message: Message,
}

pub(crate) struct Fact {
    /// `MIN` = known from the start.
    pub(crate) recorded_at: Timestamp,
    pub(crate) message: Message,
}

/// Accesses and facts, each in the order of time.
pub(crate) struct Hospital {
    pub(crate) accesses: Vec<Access>,
    pub(crate) facts: Vec<Fact>,
}

#[derive(Parser)]
struct Line {
    #[command(flatten)]
    args: GenerateArgs,
}

impl Hospital {
    /// Generates with the flags of the command.
    pub(crate) fn generate(flags: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().to_str().unwrap();
        let words = ["generate", "--out", out, "--formats", "ndjson"].into_iter().chain(flags.split(' '));
        generate(&Line::try_parse_from(words).unwrap().args.options().unwrap()).unwrap();
        let mut facts = Vec::new();
        for (table, kind, id) in [
            ("workforce", "workforce", "user_id"),
            ("patients", "patient", "patient_id"),
            ("related_persons", "related_person", "related_person_id"),
            ("relationships", "relationship", "relationship_id"),
            ("shifts", "shift", "shift_id"),
        ] {
            facts.extend(read_table(&folder.path().join("context").join(format!("{table}.csv")), kind, id));
        }
        facts.sort_by_key(|fact| fact.recorded_at);
        let log = std::fs::read_to_string(folder.path().join("access.ndjson")).unwrap();
        let mut accesses: Vec<Access> = log.lines().map(access).collect();
        accesses.sort_by_key(|access| access.at);
        Self { accesses, facts }
    }

    pub(crate) fn newest(&self) -> Timestamp {
        self.accesses.last().unwrap().at
    }

    pub(crate) fn fact_messages(&self) -> Vec<Message> {
        self.facts.iter().map(|fact| fact.message.clone()).collect()
    }

    pub(crate) fn access_messages(&self) -> Vec<Message> {
        self.accesses.iter().map(|access| access.message.clone()).collect()
    }

    /// What the engine says when it gets everything at once, sorted, and lives until `until`.
    pub(crate) fn reference(&self, policy: &Policy, context_topic: &str, until: Timestamp) -> Vec<Incident> {
        let zone = Zone::named(&policy.timezone).unwrap();
        let mut decoder = Decoder::new(zone);
        let mut engine = Engine::new(policy, 1).unwrap();
        let place = Place::Kafka { topic: Arc::from(context_topic), partition: 0, offset: 0 };
        let at = At { place: &place, line: 0 };
        let intake = engine.intake();
        let mut taken = Taken { engine: &engine, intake, facts: Vec::new() };
        for Fact { message, .. } in &self.facts {
            let (key, value) = (message.key.as_deref(), message.value.as_deref());
            decoder.context_message(key, value, clock::now(), at, &mut taken);
        }
        for Access { message, .. } in &self.accesses {
            decoder.access_message(message.value.as_deref().unwrap(), at, &mut taken);
        }
        let Taken { intake, facts, .. } = taken;
        assert_eq!((facts.len(), intake.len()), (self.facts.len(), self.accesses.len()));
        engine.learn(facts);
        engine.push(intake);
        engine.finish(until);
        engine.incidents()
    }
}

struct Taken<'e> {
    engine: &'e Engine,
    intake: Intake,
    facts: Vec<ContextUpdate>,
}

impl DecodeSink for Taken<'_> {
    fn access(&mut self, event: &AccessEvent<'_>, _: u64) {
        self.intake.push(&self.engine.context().dictionary, event, Arrival::UNTOLD);
    }

    fn context(&mut self, update: ContextUpdate, _: u64) {
        self.facts.push(update);
    }

    fn reject(&mut self, reject: Reject) {
        panic!("{}", reject.sentence);
    }
}

fn instant(text: &str) -> Timestamp {
    Timestamp::from(text.parse::<jiff::Timestamp>().unwrap())
}

fn access(line: &str) -> Access {
    let fields: Map<String, Value> = serde_json::from_str(line).unwrap();
    let user = fields["user_id"].as_str().unwrap();
    let partition = user.bytes().map(i32::from).sum::<i32>() % PARTITIONS;
    let message = Message { partition, key: Some(user.into()), value: Some(line.into()) };
    Access { at: instant(fields["occurred_at"].as_str().unwrap()), message }
}

fn read_table(path: &Path, kind: &str, id: &str) -> Vec<Fact> {
    let rows = csv::Reader::from_path(path).unwrap().into_deserialize::<BTreeMap<String, String>>();
    let fact = |row: BTreeMap<String, String>| {
        let recorded_at = row.get("recorded_at").filter(|text| !text.is_empty());
        let recorded_at = recorded_at.map_or(Timestamp::MIN, |text| instant(text));
        let key = format!("{kind}/{}", row[id]);
        let filled = row.into_iter().filter(|(_, cell)| !cell.is_empty());
        let mut fields: Map<String, Value> = filled.map(|(name, cell)| (name, cell.into())).collect();
        fields.insert("type".to_owned(), kind.into());
        let value = serde_json::to_vec(&fields).unwrap();
        Fact { recorded_at, message: Message { partition: 0, key: Some(key.into()), value: Some(value) } }
    };
    rows.map(|row| fact(row.unwrap())).collect()
}
