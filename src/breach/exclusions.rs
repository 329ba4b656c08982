//! Which exclusions the words of the law leave open, regime by regime.
//!
//! Every exclusion needs a person who states its facts. What a program can say is only whether the words reach the
//! event at all: California's (A) and (B) speak of paper, e-mail and fax, (C) and (F) of a *disclosure*; a look into
//! an EHR is neither. Where it is unclear whether words reach (22 CCR 79901(g) counts "provision of access" as
//! disclosure), they are taken not to, unless a person states that there was a disclosure.

use serde::{Deserialize, Serialize};

use super::case::facts::Facts;
use super::named::name_of;

/// A body of law with a state of its own in each case.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Regime {
    /// HSC 1280.15 and 22 CCR 79901-79905.
    California,
    /// 45 CFR part 164, subpart D.
    Hipaa,
    /// Civil Code 1798.82.
    CivilCode,
    /// 42 CFR part 2.
    Part2,
}

impl Regime {
    /// Every regime with its name in files and on the command line.
    pub const ALL: [(Self, &'static str); 4] = [
        (Self::California, "california"),
        (Self::Hipaa, "hipaa"),
        (Self::CivilCode, "civil_code"),
        (Self::Part2, "part2"),
    ];

    /// The name used in files and on the command line.
    #[must_use]
    pub fn name(self) -> &'static str {
        name_of(&Self::ALL, &self)
    }

    /// As people call it.
    #[must_use]
    pub const fn title(self) -> &'static str {
        match self {
            Self::California => "California, licensed facilities (HSC 1280.15)",
            Self::Hipaa => "HIPAA breach notification (45 CFR 164.400-414)",
            Self::CivilCode => "California Civil Code 1798.82",
            Self::Part2 => "42 CFR part 2",
        }
    }
}

/// An exclusion of one regime.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Code {
    A,
    B,
    C,
    D,
    E,
    F,
    #[serde(rename = "i")]
    I,
    #[serde(rename = "ii")]
    II,
    #[serde(rename = "iii")]
    III,
    /// Demonstrated low probability of compromise (45 CFR 164.402(2)).
    #[serde(rename = "low_probability")]
    LowProbability,
    /// Not a violation of subpart E: permitted or required.
    #[serde(rename = "permitted")]
    Permitted,
    /// Nothing was acquired, or acquired in good faith by an employee (Civil Code 1798.82(g)).
    #[serde(rename = "not_acquired")]
    NotAcquired,
}

/// How far the words reach.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reach {
    /// What is on record fits; two people must still say so.
    Possible,
    /// The words fit no such event.
    Impossible,
    /// The words do not rule it out; it rests on facts that only a person can state.
    NeedsPerson,
}

impl Reach {
    /// In words.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Possible => "possible",
            Self::Impossible => "impossible by the words",
            Self::NeedsPerson => "needs a person",
        }
    }
}

/// An exclusion as it stands towards one case.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Exclusion {
    pub regime: Regime,
    pub code: Code,
    pub citation: &'static str,
    pub reach: Reach,
    /// The words that decide, and what a person must state.
    pub why: String,
}

impl Code {
    /// Every code with its regime, its name on the command line and its citation.
    pub const ALL: [(Self, Regime, &'static str, &'static str); 12] = [
        (Self::A, Regime::California, "A", "22 CCR 79901(b)(1)(A)"),
        (Self::B, Regime::California, "B", "22 CCR 79901(b)(1)(B)"),
        (Self::C, Regime::California, "C", "22 CCR 79901(b)(1)(C)"),
        (Self::D, Regime::California, "D", "22 CCR 79901(b)(1)(D)"),
        (Self::E, Regime::California, "E", "22 CCR 79901(b)(1)(E)"),
        (Self::F, Regime::California, "F", "22 CCR 79901(b)(1)(F)"),
        (Self::I, Regime::Hipaa, "i", "45 CFR 164.402(1)(i)"),
        (Self::II, Regime::Hipaa, "ii", "45 CFR 164.402(1)(ii)"),
        (Self::III, Regime::Hipaa, "iii", "45 CFR 164.402(1)(iii)"),
        (Self::LowProbability, Regime::Hipaa, "low_probability", "45 CFR 164.402(2)"),
        (Self::Permitted, Regime::Hipaa, "permitted", "45 CFR part 164, subpart E"),
        (Self::NotAcquired, Regime::CivilCode, "not_acquired", "Civil Code 1798.82(g)"),
    ];

    fn row(self) -> &'static (Self, Regime, &'static str, &'static str) {
        // Every code stands in the table; a test says so.
        Self::ALL.iter().find(|row| row.0 == self).unwrap_or(&Self::ALL[0])
    }

    /// The regime that knows the code.
    #[must_use]
    pub fn regime(self) -> Regime {
        self.row().1
    }

    /// The name used in files and on the command line.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.row().2
    }

    /// Where it stands.
    #[must_use]
    pub fn citation(self) -> &'static str {
        self.row().3
    }

    /// The code of a regime by its name, `(A)` as well as `A`, in any case.
    #[must_use]
    pub fn named(regime: Regime, name: &str) -> Option<Self> {
        let name = name.trim().trim_start_matches('(').trim_end_matches(')').replace('-', "_");
        let found = Self::ALL.iter().find(|(_, of, code, _)| *of == regime && code.eq_ignore_ascii_case(&name));
        found.map(|(code, ..)| *code)
    }
}

/// What exclusions need to know of a case.
#[derive(Clone, Copy, Debug)]
pub struct Ground<'c> {
    pub facts: &'c Facts,
    /// All of it is somebody's own chart.
    pub is_policy: bool,
    /// Every incident was explained by a record that came later.
    pub is_withdrawn: bool,
    /// The evidence names a personal tie or a chart that was opened for itself.
    pub is_personal: bool,
}

/// How one exclusion stands towards a case.
#[must_use]
pub fn weigh(code: Code, ground: &Ground<'_>) -> Exclusion {
    let (reach, why) = reach(code, ground);
    Exclusion { regime: code.regime(), code, citation: code.citation(), reach, why }
}

/// How every exclusion stands towards a case, in the order of the law.
#[must_use]
pub fn weigh_all(ground: &Ground<'_>) -> Vec<Exclusion> {
    Code::ALL.iter().map(|(code, ..)| weigh(*code, ground)).collect()
}

fn reach(code: Code, ground: &Ground<'_>) -> (Reach, String) {
    let kinds = ground.facts.event_kinds();
    let has = |kind: &str| kinds.contains(&kind);
    let kinds = kinds.join(", ");
    let medium = ground.facts.medium();
    let is_sent = matches!(medium, "paper" | "email" | "fax");
    match code {
        Code::A | Code::B if !is_sent => {
            (Reach::Impossible, format!("the words cover a paper record, e-mail or fax only; this was in: {medium}"))
        }
        Code::A => person("same facility or health care system on that day (79901(k)), inadvertent, not used further"),
        Code::B if !has("disclosure") => not_disclosed("record sent outside the facility or system", &kinds),
        Code::B => person("sent to another covered entity, misdirected while coordinating care"),
        Code::C if !has("disclosure") => not_disclosed("disclosure", &kinds),
        Code::C => person("good-faith belief, with its grounds, that the recipient could not have kept it"),
        Code::D | Code::Permitted if ground.is_policy => (
            Reach::Possible,
            "the person's own chart: individuals may have their own information (45 CFR 164.502(a)(1)(i)); reading it \
             through the work log-in is a matter of house rules"
                .to_owned(),
        ),
        Code::D | Code::Permitted if ground.is_withdrawn => (
            Reach::Possible,
            "a record that came later explains the access: check who wrote it and when; the basis in law is for a \
             person to name"
                .to_owned(),
        ),
        Code::D => person("which law permitted or required it (treatment, payment, operations ...), with its record"),
        Code::Permitted => person("which provision of subpart E permitted or required it, with its record"),
        Code::E if !has("loss") => {
            (Reach::Impossible, format!("the words cover lost or stolen encrypted data; this was: {kinds}"))
        }
        Code::E => {
            person("the method of encryption, and that the key was not breached (79901(h)); unknown = not encrypted")
        }
        Code::F if !has("disclosure") => not_disclosed("disclosure", &kinds),
        Code::F => person("the four factors, each in writing; low probability that the information was compromised"),
        Code::I if ground.is_personal => person(
            "unintentional, in good faith and within the scope of authority, not used further; the evidence of this \
             case names a personal tie or a chart opened for itself, which speaks against \"unintentional\"",
        ),
        Code::I => {
            person("unintentional, by workforce, in good faith and within the scope of authority, not used further")
        }
        Code::II if !has("disclosure") => not_disclosed("disclosure, from one authorized person to another", &kinds),
        Code::II => person("both persons authorized at the same entity, associate or arrangement; not used further"),
        Code::III if !has("disclosure") => not_disclosed("disclosure", &kinds),
        Code::III => person("good-faith belief that the recipient could not reasonably have retained it"),
        Code::LowProbability => {
            person("the four factors, each in writing (164.402(2)); for an intended look rarely low")
        }
        Code::NotAcquired => {
            person("a view with no acquisition, or good-faith acquisition by an employee for the entity's purposes")
        }
    }
}

fn person(states: &str) -> (Reach, String) {
    (Reach::NeedsPerson, format!("a person must state: {states}"))
}

fn not_disclosed(words: &str, kinds: &str) -> (Reach, String) {
    (Reach::Impossible, format!("the words speak of a {words}; this was: {kinds} (unclear in law, safe reading)"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::breach::case::facts::Fact;
    use crate::breach::case::testing::facts;

    fn reach_of(code: Code, stated: &[(Fact, &str)]) -> Reach {
        let facts = facts(stated);
        weigh(code, &Ground { facts: &facts, is_policy: false, is_withdrawn: false, is_personal: true }).reach
    }

    #[test]
    fn a_look_into_the_ehr_leaves_california_only_what_the_law_permits() {
        for code in [Code::A, Code::B, Code::C, Code::E, Code::F, Code::II, Code::III] {
            assert_eq!(reach_of(code, &[]), Reach::Impossible, "{code:?}");
        }
        for code in [Code::D, Code::I, Code::LowProbability, Code::Permitted, Code::NotAcquired] {
            assert_eq!(reach_of(code, &[]), Reach::NeedsPerson, "{code:?}");
        }
    }

    #[test]
    fn paper_and_disclosures_open_their_codes() {
        let fax = [(Fact::Medium, "fax"), (Fact::EventKind, "disclosure")];
        for code in [Code::A, Code::B, Code::C, Code::F, Code::II, Code::III] {
            assert_eq!(reach_of(code, &fax), Reach::NeedsPerson, "{code:?}");
        }
        assert_eq!(reach_of(Code::E, &fax), Reach::Impossible);
        assert_eq!(reach_of(Code::E, &[(Fact::EventKind, "loss")]), Reach::NeedsPerson);
        assert_eq!(reach_of(Code::B, &[(Fact::Medium, "paper")]), Reach::Impossible, "nothing left the house");
    }

    #[test]
    fn codes_are_found_by_regime_and_name() {
        assert_eq!(Code::named(Regime::California, "(d)"), Some(Code::D));
        assert_eq!(Code::named(Regime::Hipaa, "II"), Some(Code::II));
        assert_eq!(Code::named(Regime::Hipaa, "low-probability"), Some(Code::LowProbability));
        assert_eq!(Code::named(Regime::Hipaa, "A"), None);
        for (code, ..) in Code::ALL {
            assert_eq!(Code::named(code.regime(), code.name()), Some(code));
        }
    }

    #[test]
    fn ones_own_chart_makes_the_permission_possible_and_no_more() {
        let facts = Facts::default();
        let own = Ground { facts: &facts, is_policy: true, is_withdrawn: false, is_personal: false };
        let possible: Vec<Code> = weigh_all(&own)
            .into_iter()
            .filter(|found| found.reach == Reach::Possible)
            .map(|found| found.code)
            .collect();
        assert_eq!(possible, [Code::D, Code::Permitted]);
    }
}
