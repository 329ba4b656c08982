//! Branches in several processes and a desk apart from them say what one engine says, wherever the branches live and
//! whoever is started again when.

use super::*;

use std::collections::BTreeSet;

use chartsentry::engine::{Branches, Finding, GroupDesk, Membership, Witness};

const BRANCHES: u32 = 3;

/// One process with branches, as a worker has them.
struct Home {
    branches: Branches,
    /// How far the facts have come.
    marks: BTreeMap<u32, i64>,
}

impl Home {
    fn new(facts: &[ContextUpdate]) -> Self {
        let mut home = Self { branches: Branches::new(&policy()).unwrap(), marks: BTreeMap::new() };
        home.learn(facts);
        home
    }

    fn learn(&mut self, facts: &[ContextUpdate]) {
        let from = self.marks.get(&0).copied().unwrap_or(0);
        self.branches.learn((from..).map(|offset| (0, offset)).zip(facts.iter().cloned()));
        self.marks.insert(0, from + facts.len() as i64);
    }
}

type Rows = BTreeMap<Vec<u8>, Vec<u8>>;

/// What stands in the topics of a cluster.
#[derive(Default)]
struct Topics {
    /// Rows of each branch, and how far the facts were that they rest on.
    state: BTreeMap<u32, (Rows, BTreeMap<u32, i64>)>,
    findings: BTreeMap<u32, Vec<Vec<u8>>>,
    groups: BTreeMap<(u32, u64), Option<Box<str>>>,
}

fn keep(rows: &mut Rows, changed: Vec<StateRow>) {
    for StateRow { key, value } in changed {
        match value {
            Some(value) => drop(rows.insert(key, value)),
            None => drop(rows.remove(&key)),
        }
    }
}

struct Cluster {
    homes: Vec<Home>,
    lives_in: BTreeMap<u32, usize>,
    topics: Topics,
    desk: GroupDesk,
    desk_rows: Rows,
    /// Findings of each branch that the desk need not take again.
    taken: BTreeMap<u32, i64>,
    incidents: BTreeMap<String, Incident>,
    handoffs: Vec<IncidentChange>,
}

impl Cluster {
    fn new(facts: &[ContextUpdate], homes: usize) -> Self {
        let mut cluster = Self {
            homes: (0..homes).map(|_| Home::new(facts)).collect(),
            lives_in: BTreeMap::new(),
            topics: Topics::default(),
            desk: GroupDesk::new(&policy()).unwrap(),
            desk_rows: BTreeMap::new(),
            taken: BTreeMap::new(),
            incidents: BTreeMap::new(),
            handoffs: Vec::new(),
        };
        (0..BRANCHES).for_each(|branch| cluster.open(branch, branch as usize % homes));
        cluster
    }

    fn open(&mut self, branch: u32, home: usize) {
        let (rows, marks) = self.topics.state.get(&branch).cloned().unwrap_or_default();
        let branches = &mut self.homes[home].branches;
        branches.open(branch, Saved::read(rows).unwrap(), &marks, false).unwrap();
        let groups = self.topics.groups.range((branch, 0)..(branch + 1, 0));
        branches.heed(branch, groups.map(|((_, key), group)| (*key, group.clone())));
        self.lives_in.insert(branch, home);
    }

    /// A branch goes on elsewhere; `is_lost` as after a crash, which this must not differ from.
    fn move_on(&mut self, branch: u32) {
        let home = self.lives_in[&branch];
        self.homes[home].branches.close(branch);
        self.open(branch, (home + 1) % self.homes.len());
    }

    fn restart_desk(&mut self) {
        self.desk = GroupDesk::new(&policy()).unwrap();
        self.desk.resume(self.desk_rows.clone()).unwrap();
        for branch in 0..BRANCHES {
            let from = self.taken.get(&branch).copied().unwrap_or(0);
            self.take(branch, from);
        }
    }

    fn take(&mut self, branch: u32, from: i64) {
        let findings = self.topics.findings.get(&branch).map_or(&[][..], Vec::as_slice);
        for (place, bytes) in (from..).zip(findings.iter().skip(from as usize)) {
            self.desk.take(branch, place, serde_json::from_slice(bytes).unwrap());
        }
    }

    /// Takes accesses in, each in the branch of its user, and lets every branch come to `watermark`, or a little
    /// further.
    fn feed(&mut self, events: &[Event], watermark: Timestamp) {
        for branch in 0..BRANCHES {
            let branches = &mut self.homes[self.lives_in[&branch]].branches;
            let mut intake = branches.intake();
            assert!(intake.select(branch) && !intake.select(BRANCHES));
            intake.select(branch);
            let own = events.iter().filter(|event| u32::from(event.user) % BRANCHES == branch);
            own.for_each(|event| push(&mut intake, event, &branches.context().dictionary));
            branches.push(intake);
            let until = watermark.max(branches.clock(branch));
            branches.advance(&BTreeMap::from([(branch, until)]));
            self.commit(branch);
        }
    }

    /// What a worker writes in one transaction.
    fn commit(&mut self, branch: u32) {
        let home = &mut self.homes[self.lives_in[&branch]];
        let brought = home.branches.brought(branch);
        let bytes = brought.findings.iter().map(|finding: &Finding| serde_json::to_vec(finding).unwrap());
        let findings = self.topics.findings.entry(branch).or_default();
        let from = findings.len() as i64;
        findings.extend(bytes);
        let (rows, marks) = self.topics.state.entry(branch).or_default();
        keep(rows, home.branches.save(branch));
        marks.clone_from(&home.marks);
        self.take(branch, from);
    }

    /// What the register does: the desk lives as far as every branch has come, and its word goes back.
    fn decide(&mut self) {
        let until =
            (0..BRANCHES).map(|branch| self.homes[self.lives_in[&branch]].branches.clock(branch)).min().unwrap();
        let decided = self.desk.live(until);
        let stands = |change: &&IncidentChange| {
            let mut now = decided.output.incidents.iter();
            now.any(|now| now.status != Status::Withdrawn && now.accesses == change.incident.accesses)
        };
        let is_seen = |unit: &Unit| {
            let is_of = |seen: &&Witness| (&seen.user_id, &seen.patient_id) == (&unit.user_id, &unit.patient_id);
            let times = unit.occurred_first..=unit.occurred_last;
            let of_unit = decided.behind.iter().filter(is_of).filter(|seen| times.contains(&seen.occurred_at));
            let ids: BTreeSet<&str> = of_unit.map(|seen| seen.event_id.as_str()).collect();
            ids.len() as u64 >= unit.access_count
        };
        let mut units = decided.output.handoffs.iter().filter(stands).flat_map(|change| &change.units);
        assert!(units.all(is_seen), "the accesses behind a handoff come with it");
        self.handoffs.extend(decided.output.handoffs);
        for incident in decided.output.incidents {
            self.incidents.insert(incident.incident_id.clone(), incident);
        }
        keep(&mut self.desk_rows, self.desk.save());
        for branch in 0..BRANCHES {
            let all = self.topics.findings.get(&branch).map_or(0, Vec::len) as i64;
            self.taken.insert(branch, self.desk.waits_from(branch).unwrap_or(all));
        }
        for Membership { branch, episode, group } in self.desk.memberships() {
            self.topics.groups.insert((branch, episode), group.clone());
            self.homes[self.lives_in[&branch]].branches.heed(branch, [(episode, group)]);
        }
        for branch in 0..BRANCHES {
            self.homes[self.lives_in[&branch]].branches.bury(branch, until);
        }
    }
}

fn facts_of(world: &World) -> Vec<ContextUpdate> {
    people().into_iter().chain(world.facts.iter().map(fact)).collect()
}

/// One engine that lives until the end, and what it handed over.
fn alone(world: &World) -> (BTreeMap<String, Incident>, Vec<IncidentChange>) {
    let mut engine = engine(world, 1);
    feed(&mut engine, &world.events);
    let handoffs = engine.advance(end()).handoffs;
    (engine.incidents().into_iter().map(|incident| (incident.incident_id.clone(), incident)).collect(), handoffs)
}

/// What happens between two batches: nothing, a branch moves, the desk is started again.
fn spread(world: &World, sizes: &[usize], happens: &[u8]) -> (BTreeMap<String, Incident>, Vec<IncidentChange>) {
    let mut cluster = Cluster::new(&facts_of(world), 2);
    let (mut rest, mut newest) = (world.events.as_slice(), Timestamp::MIN);
    for (size, happens) in sizes.iter().cycle().zip(happens.iter().cycle()) {
        if rest.is_empty() {
            break;
        }
        let (batch, tail) = rest.split_at((*size).min(rest.len()));
        newest = batch.iter().map(|event| Timestamp(START + event.at)).max().unwrap().max(newest);
        cluster.feed(batch, newest.minus(1));
        match happens {
            0..=2 => cluster.move_on(u32::from(*happens)),
            3 => cluster.restart_desk(),
            _ => {}
        }
        cluster.decide();
        rest = tail;
    }
    cluster.feed(&[], end());
    cluster.decide();
    // What groups made of pairs comes back once more.
    cluster.feed(&[], end());
    cluster.decide();
    (cluster.incidents, cluster.handoffs)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, ..ProptestConfig::default() })]

    #[test]
    fn branches_that_move_and_a_desk_apart_say_what_one_engine_says(
        world in world(),
        sizes in proptest::collection::vec(1..40_usize, 1..6),
        happens in proptest::collection::vec(0..6_u8, 1..6),
    ) {
        prop_assert_eq!(alone(&world), spread(&world, &sizes, &happens));
    }
}

#[test]
fn users_whose_accesses_come_in_several_branches_are_counted() {
    let mut branches = Home::new(&people()).branches;
    (0..2).for_each(|branch| branches.open(branch, None, &BTreeMap::new(), false).unwrap());
    for (branch, user) in [(0, 0), (0, 1), (1, 1), (1, 2), (0, 1)] {
        let mut intake = branches.intake();
        assert!(intake.select(branch));
        let event = Event { at: DAY, user, patient: 0, id: branch, exports: false };
        push(&mut intake, &event, &branches.context().dictionary);
        branches.push(intake);
    }
    assert_eq!(branches.strays(), 1);
}

fn order(id: u16, patient: u8, starts: i64, delay: i64) -> ContextUpdate {
    fact(&Fact { id, patient, user: 0, starts, hours: 48, delay, withdrawn_after: None })
}

/// Two homes: one has a branch, the other knows a fact more, which came after its time.
fn with_a_late_fact() -> (Cluster, Vec<ContextUpdate>) {
    let known = [people(), vec![order(1, 7, -90 * DAY, 0)]].concat();
    let mut cluster = Cluster::new(&known, 2);
    let event = Event { at: DAY, user: 0, patient: 0, id: 1, exports: true };
    cluster.feed(&[event], Timestamp(START + 2 * DAY));
    cluster.decide();
    assert_eq!(cluster.incidents.len(), 1, "the access is an incident");
    (cluster, vec![order(2, 0, DAY - HOUR, HOUR)])
}

#[test]
fn a_branch_acts_on_facts_that_its_new_home_knew_before_it_came() {
    let (mut cluster, late) = with_a_late_fact();
    cluster.homes[1].learn(&late);
    cluster.move_on(0);
    cluster.feed(&[], Timestamp(START + 2 * DAY + 1));
    cluster.decide();
    let statuses: Vec<Status> = cluster.incidents.values().map(|incident| incident.status).collect();
    assert_eq!(statuses, [Status::Withdrawn]);
}

#[test]
fn a_branch_does_not_act_twice_on_facts_that_it_brought_with_it() {
    let (mut cluster, late) = with_a_late_fact();
    cluster.homes[0].learn(&late);
    cluster.feed(&[], Timestamp(START + 2 * DAY + 1));
    cluster.homes[1].learn(&late);
    cluster.move_on(0);
    assert!(cluster.homes[1].branches.behind_facts().all(|branch| branch != 0));
}

#[test]
fn what_is_forgotten_is_no_fact_that_a_branch_has_yet_to_act_on() {
    let (mut cluster, late) = with_a_late_fact();
    let many: Vec<ContextUpdate> = (100..60_000).map(|id| order(id, 6, -60 * DAY, HOUR)).collect();
    (0..3).for_each(|_| cluster.homes[1].learn(&many));
    let marks = cluster.homes[1].marks.clone();
    cluster.homes[1].learn(&late);
    cluster.homes[1].branches.forget(Timestamp(START), &marks);
    cluster.move_on(0);
    cluster.feed(&[], Timestamp(START + 2 * DAY + 1));
    cluster.decide();
    assert!(cluster.incidents.values().all(|incident| incident.status == Status::Withdrawn));
}
