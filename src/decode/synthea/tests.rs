use super::*;
use crate::model::context::{Holder, Patient, Relationship, WorkforceMember};
use crate::model::time::Zone;

const PATIENTS_2017: &str = "ID,BIRTHDATE,DEATHDATE,SSN,DRIVERS,PASSPORT,PREFIX,FIRST,LAST,SUFFIX,MAIDEN,MARITAL,RACE,\
    ETHNICITY,GENDER,BIRTHPLACE,ADDRESS";
const PATIENTS_2021: &str = "Id,BIRTHDATE,DEATHDATE,SSN,DRIVERS,PASSPORT,PREFIX,FIRST,LAST,SUFFIX,MAIDEN,MARITAL,RACE,\
    ETHNICITY,GENDER,BIRTHPLACE,ADDRESS,CITY,STATE,COUNTY,ZIP,LAT,LON,HEALTHCARE_EXPENSES,HEALTHCARE_COVERAGE";
const PATIENTS_2026: &str = "Id,BIRTHDATE,DEATHDATE,SSN,DRIVERS,PASSPORT,PREFIX,FIRST,MIDDLE,LAST,SUFFIX,MAIDEN,\
    MARITAL,RACE,ETHNICITY,GENDER,BIRTHPLACE,ADDRESS,CITY,STATE,COUNTY,FIPS,ZIP,LAT,LON,HEALTHCARE_EXPENSES,\
    HEALTHCARE_COVERAGE,INCOME";
const PROVIDERS_2019: &str = "Id,ORGANIZATION,NAME,GENDER,SPECIALITY,ADDRESS,CITY,STATE,ZIP,UTILIZATION";
const PROVIDERS_2026: &str =
    "Id,ORGANIZATION,NAME,GENDER,SPECIALITY,ADDRESS,CITY,STATE,ZIP,LAT,LON,ENCOUNTERS,PROCEDURES";
const ENCOUNTERS_2017: &str = "ID,DATE,PATIENT,CODE,DESCRIPTION,REASONCODE,REASONDESCRIPTION";
const ENCOUNTERS_2018: &str = "ID,START,STOP,PATIENT,CODE,DESCRIPTION,COST,REASONCODE,REASONDESCRIPTION";
const ENCOUNTERS_2019: &str = "Id,START,STOP,PATIENT,PROVIDER,PAYER,ENCOUNTERCLASS,CODE,DESCRIPTION,COST,\
    PAYER_COVERAGE,REASONCODE,REASONDESCRIPTION";
const ENCOUNTERS_2026: &str = "Id,START,STOP,PATIENT,ORGANIZATION,PROVIDER,PAYER,ENCOUNTERCLASS,CODE,DESCRIPTION,\
    BASE_ENCOUNTER_COST,TOTAL_CLAIM_COST,PAYER_COVERAGE,REASONCODE,REASONDESCRIPTION";
const ORGANIZATIONS: &str = "Id,NAME,ADDRESS,CITY,STATE,ZIP,LAT,LON,PHONE,REVENUE,UTILIZATION";

fn names(header: &str) -> Vec<String> {
    header.split(',').map(str::to_owned).collect()
}

/// Reads a row in which the named columns have values.
fn read(header: &str, fields: &[(&str, &str)]) -> Result<Vec<ContextUpdate>, Fault> {
    let header = names(header);
    let value = |column: &String| fields.iter().find(|(name, _)| name.eq_ignore_ascii_case(column));
    let cells: Vec<&str> = header.iter().map(|column| value(column).map_or("", |(_, value)| *value)).collect();
    let mut clock = LocalClock::new(Zone::named("America/Los_Angeles").unwrap());
    updates(recognise(&header).unwrap(), &Columns::bind(&header), &cells, &mut clock)
}

fn patient(header: &str, fields: &[(&str, &str)]) -> Patient {
    match read(header, &[&[("ID", "p1")][..], fields].concat()).unwrap().pop().unwrap().record {
        Some(ContextRecord::Patient(patient)) => patient,
        other => panic!("not a patient: {other:?}"),
    }
}

fn provider(header: &str, fields: &[(&str, &str)]) -> WorkforceMember {
    match read(header, &[&[("ID", "u1")][..], fields].concat()).unwrap().pop().unwrap().record {
        Some(ContextRecord::Workforce(member)) => member,
        other => panic!("not a workforce member: {other:?}"),
    }
}

fn encounter(header: &str, fields: &[(&str, &str)]) -> Result<Vec<Relationship>, Fault> {
    let relationship = |update: ContextUpdate| match update.record {
        Some(ContextRecord::Relationship(relationship)) => relationship,
        other => panic!("not a relationship: {other:?}"),
    };
    let updates = read(header, &[&[("ID", "e1"), ("PATIENT", "p1")][..], fields].concat())?;
    Ok(updates.into_iter().map(relationship).collect())
}

/// When an encounter of some generation began and ended.
fn period(header: &str, start: (&str, &str), stop: &str) -> Result<(String, Option<String>), Fault> {
    let found = encounter(header, &[("ORGANIZATION", "o1"), ("PROVIDER", "u1"), start, ("STOP", stop)])?;
    Ok((found[0].starts_at.to_string(), found[0].ends_at.map(|at| at.to_string())))
}

#[test]
fn every_generation_of_a_table_is_known_by_its_header() {
    for (header, table) in [
        (PATIENTS_2017, SyntheaTable::Patients),
        (PATIENTS_2021, SyntheaTable::Patients),
        (PATIENTS_2026, SyntheaTable::Patients),
        (PROVIDERS_2019, SyntheaTable::Providers),
        (PROVIDERS_2026, SyntheaTable::Providers),
        (ENCOUNTERS_2017, SyntheaTable::Encounters),
        (ENCOUNTERS_2018, SyntheaTable::Encounters),
        (ENCOUNTERS_2019, SyntheaTable::Encounters),
        (ENCOUNTERS_2026, SyntheaTable::Encounters),
        (ORGANIZATIONS, SyntheaTable::Organizations),
        ("START,STOP,PATIENT,ENCOUNTER,CODE,DESCRIPTION", SyntheaTable::Other),
        ("Id,START,STOP,PATIENT,ENCOUNTER,CODE,DESCRIPTION,REASONCODE,REASONDESCRIPTION", SyntheaTable::Other),
        ("Id,DATE,PATIENT,ENCOUNTER,BODYSITE_CODE,BODYSITE_DESCRIPTION", SyntheaTable::Other),
        ("Id,PATIENTID,PROVIDERID,PRIMARYPATIENTINSURANCEID", SyntheaTable::Other),
        ("PATIENT,MEMBERID,START_DATE,END_DATE,PAYER", SyntheaTable::Other),
        ("Id,NAME,OWNERSHIP,ADDRESS,CITY,STATE_HEADQUARTERED,ZIP,PHONE", SyntheaTable::Other),
    ] {
        assert_eq!(recognise(&names(header)), Some(table), "{header}");
        assert_eq!(recognise(&names(&header.to_lowercase())), Some(table), "{header}");
    }
}

#[test]
fn other_tables_and_logs_are_not_mistaken_for_synthea() {
    for header in [
        "patient_id,given_name,family_name,birth_date,city",
        "user_id,given_name,family_name,role,department",
        "relationship_id,kind,patient_id,user_id,starts_at",
        "event_id,occurred_at,user_id,patient_id,action",
        "id,date,patient,encounter,code,user",
        "patient_id,id,birthdate,first,last,address",
        "id,name,address,city,state,zip,phone",
        "",
    ] {
        assert_eq!(recognise(&names(header)), None, "{header}");
    }
}

#[test]
fn a_patient_of_every_generation_has_its_demographics() {
    let person = [
        ("FIRST", "Ada Luz12"),
        ("LAST", "Quill123"),
        ("MAIDEN", "Abe9"),
        ("BIRTHDATE", "1980-02-29"),
        ("DEATHDATE", "2020-01-02"),
        ("ADDRESS", "12 Oak St"),
    ];
    for header in [PATIENTS_2017, PATIENTS_2021, PATIENTS_2026] {
        let found = patient(header, &person);
        assert_eq!(found.patient_id, "p1");
        assert_eq!((found.given_name.as_deref(), found.family_name.as_deref()), (Some("Ada Luz"), Some("Quill")));
        assert_eq!(found.previous_family_names, ["Abe"]);
        assert_eq!(found.birth_date, Some(jiff::civil::date(1980, 2, 29)));
        assert_eq!(found.deceased_on, Some(jiff::civil::date(2020, 1, 2)));
        assert_eq!((found.street.as_deref(), found.postal_code), (Some("12 Oak St"), None));
    }
    let found = patient(PATIENTS_2026, &[("CITY", "Oakdale"), ("ZIP", "01234")]);
    assert_eq!((found.city.as_deref(), found.postal_code.as_deref()), (Some("Oakdale"), Some("01234")));
}

#[test]
fn a_maiden_name_that_was_kept_is_no_previous_name() {
    let found = patient(PATIENTS_2021, &[("LAST", "Quill123"), ("MAIDEN", "Quill77")]);
    assert!(found.previous_family_names.is_empty());
}

#[test]
fn a_postal_code_of_zeros_is_none() {
    assert_eq!(patient(PATIENTS_2021, &[("ZIP", "00000")]).postal_code, None);
}

#[test]
fn a_date_may_carry_a_time_and_one_that_is_none_is_named() {
    let found = patient(PATIENTS_2021, &[("DEATHDATE", "2020-01-02T03:04:05Z")]);
    assert_eq!(found.deceased_on, Some(jiff::civil::date(2020, 1, 2)));
    let fault = read(PATIENTS_2021, &[("ID", "p1"), ("BIRTHDATE", "02/29/1980")]).unwrap_err();
    assert_eq!(fault.reason, RejectCode::InvalidValue);
    assert!(fault.sentence.starts_with("BIRTHDATE") && !fault.sentence.contains("02/29"), "{}", fault.sentence);
}

#[test]
fn a_provider_is_a_workforce_member_of_its_organization() {
    for header in [PROVIDERS_2019, PROVIDERS_2026] {
        let found = provider(
            header,
            &[("NAME", "Ada1 Quill2"), ("ORGANIZATION", "o1"), ("SPECIALITY", "CARDIOLOGY"), ("ADDRESS", "1 Main St")],
        );
        assert_eq!((found.user_id.as_str(), found.department.as_deref()), ("u1", Some("o1")));
        assert_eq!(found.role.as_deref(), Some("CARDIOLOGY"));
        assert_eq!((found.given_name.as_deref(), found.family_name.as_deref()), (Some("Ada"), Some("Quill")));
        assert_eq!(found.street, None, "the organization's address is nobody's home");
    }
}

#[test]
fn digits_tell_the_given_name_from_the_family_name() {
    for (name, given, family) in [
        ("Ada Luz12 Quill3", Some("Ada Luz"), Some("Quill")),
        ("Ada12 de la Quill3", Some("Ada"), Some("de la Quill")),
        ("Ada Luz Quill", Some("Ada Luz"), Some("Quill")),
        ("Dr. Ada12 Quill3", Some("Ada"), Some("Quill")),
        ("Quill3", None, Some("Quill")),
        ("", None, None),
    ] {
        let found = provider(PROVIDERS_2026, &[("NAME", name)]);
        assert_eq!((found.given_name.as_deref(), found.family_name.as_deref()), (given, family), "{name}");
    }
}

#[test]
fn an_encounter_ties_its_provider_and_its_organization_to_the_patient() {
    let fields = [("ORGANIZATION", "o1"), ("PROVIDER", "u1"), ("START", "2020-06-01T07:00:00Z")];
    let found = encounter(ENCOUNTERS_2026, &fields).unwrap();
    let holders: Vec<_> = found.iter().map(|relationship| relationship.holder.clone()).collect();
    assert_eq!(holders, [Holder::User("u1".to_owned()), Holder::Department("o1".to_owned())]);
    for relationship in found {
        assert_eq!((relationship.patient_id.as_str(), relationship.encounter_id.as_deref()), ("p1", Some("e1")));
    }
}

#[test]
fn keys_name_the_table_and_the_row() {
    let fields = [("ID", "e1"), ("PATIENT", "p1"), ("ORGANIZATION", "o1"), ("PROVIDER", "u1"), ("START", "2020-06-01")];
    let keys =
        |header: &str| -> Vec<String> { read(header, &fields).unwrap().into_iter().map(|update| update.key).collect() };
    assert_eq!(keys(ENCOUNTERS_2026), ["synthea/encounters/e1/provider", "synthea/encounters/e1/organization"]);
    assert_eq!(keys(PATIENTS_2026), ["synthea/patients/e1"]);
    assert_eq!(keys(PROVIDERS_2026), ["synthea/providers/e1"]);
}

#[test]
fn in_2019_the_provider_is_an_organization() {
    let found = encounter(ENCOUNTERS_2019, &[("PROVIDER", "o1"), ("START", "2019-06-01T07:00:00Z")]).unwrap();
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].holder, Holder::Department("o1".to_owned()));
}

#[test]
fn an_encounter_that_names_nobody_is_not_applicable() {
    for (header, start) in [(ENCOUNTERS_2017, "DATE"), (ENCOUNTERS_2018, "START"), (ENCOUNTERS_2026, "START")] {
        let fault = encounter(header, &[(start, "2017-06-01")]).unwrap_err();
        assert_eq!(fault.reason, RejectCode::NotApplicable, "{header}");
    }
}

#[test]
fn a_missing_stop_leaves_the_encounter_open() {
    let found = period(ENCOUNTERS_2026, ("START", "2020-06-01T07:00:00Z"), "").unwrap();
    assert_eq!(found, ("2020-06-01T07:00:00.000000Z".to_owned(), None));
}

#[test]
fn times_are_read_to_the_second_and_to_the_minute() {
    let expected = ("2018-06-01T07:00:00.000000Z".to_owned(), Some("2018-06-01T08:30:00.000000Z".to_owned()));
    for (start, stop) in
        [("2018-06-01T07:00:00Z", "2018-06-01T08:30:00Z"), ("2018-06-01T07:00Z", "2018-06-01T08:30+00:00")]
    {
        assert_eq!(period(ENCOUNTERS_2026, ("START", start), stop).unwrap(), expected, "{start}");
    }
}

#[test]
fn a_day_ends_at_local_midnight() {
    let expected = ("2017-06-01T07:00:00.000000Z".to_owned(), Some("2017-06-02T07:00:00.000000Z".to_owned()));
    assert_eq!(period(ENCOUNTERS_2026, ("START", "2017-06-01"), "2017-06-01").unwrap(), expected);
    let without_stop = "Id,DATE,PATIENT,PROVIDER,CODE,DESCRIPTION,REASONCODE";
    assert_eq!(period(without_stop, ("DATE", "2017-06-01"), "").unwrap(), expected);
    assert_eq!(period(without_stop, ("DATE", "2017-06-01T00:00:00-07:00"), "").unwrap(), expected);
}

#[test]
fn what_an_encounter_lacks_or_turns_around_is_named() {
    let sentence = |start: &str, stop: &str| period(ENCOUNTERS_2026, ("START", start), stop).unwrap_err().sentence;
    assert!(sentence("", "").starts_with("START is missing"));
    assert!(sentence("soon", "").starts_with("START cannot be read"));
    assert!(sentence("2020-06-01T07:00:00Z", "soon").starts_with("STOP cannot be read"));
    assert_eq!(sentence("2020-06-01T07:00:00Z", "2020-05-01T07:00:00Z"), "STOP lies before START");
    assert_eq!(read(PATIENTS_2021, &[("LAST", "Quill")]).unwrap_err(), Fault::missing("Id"));
}

#[test]
fn organizations_and_clinical_tables_hold_no_fact() {
    for header in [ORGANIZATIONS, "START,STOP,PATIENT,ENCOUNTER,CODE,DESCRIPTION"] {
        assert_eq!(read(header, &[("ID", "x")]).unwrap_err().reason, RejectCode::NotApplicable, "{header}");
    }
}

#[test]
fn a_short_row_lacks_its_last_cells() {
    let header = names(ENCOUNTERS_2026);
    let mut clock = LocalClock::new(Zone::named("America/Los_Angeles").unwrap());
    let cells = ["e1", "2020-06-01T07:00:00Z", "", "p1", "o1"];
    let found = updates(SyntheaTable::Encounters, &Columns::bind(&header), &cells, &mut clock).unwrap();
    assert_eq!(found.len(), 1);
}
