use super::*;

fn read(text: &str) -> Crosswalk {
    Crosswalk::read(text.as_bytes()).unwrap()
}

/// The line and the sentence of what is wrong; neither may hold an id of the file.
fn refused(text: &str) -> (u64, String) {
    let error = Crosswalk::read(text.as_bytes()).unwrap_err();
    assert!(!error.to_string().contains("zz"), "{error}");
    (error.line, error.fault.sentence.into_owned())
}

#[test]
fn an_alias_means_its_id_and_anything_else_itself() {
    let crosswalk = read("kind,id,alias,source\nuser,u1,nquill,directory\npatient,p1,mrn-7,\n");
    assert_eq!((crosswalk.user("nquill"), crosswalk.user("u1"), crosswalk.user("u2")), ("u1", "u1", "u2"));
    assert_eq!((crosswalk.patient("mrn-7"), crosswalk.patient("p2")), ("p1", "p2"));
}

#[test]
fn users_and_patients_are_kept_apart() {
    let crosswalk = read("kind,id,alias\nuser,u1,7\npatient,p1,7\n");
    assert_eq!((crosswalk.user("7"), crosswalk.patient("7")), ("u1", "p1"));
}

#[test]
fn a_chain_of_aliases_ends_at_its_id_in_any_order() {
    for text in
        ["kind,id,alias\nuser,u1,b\nuser,b,c\nuser,c,d\n", "kind,id,alias\nuser,c,d\nuser,b,c\nuser,u1,b\nuser,u1,b\n"]
    {
        let crosswalk = read(text);
        for alias in ["b", "c", "d", "u1"] {
            assert_eq!(crosswalk.user(alias), "u1", "{alias}");
        }
    }
}

#[test]
fn user_ids_ignore_case_and_patient_ids_do_not() {
    let crosswalk = read("kind,id,alias\nUser,u1,NQuill\nPATIENT,p1,a7\n");
    assert_eq!((crosswalk.user("nqUILL"), crosswalk.user("U1")), ("u1", "u1"));
    assert_eq!((crosswalk.patient("a7"), crosswalk.patient("A7")), ("p1", "A7"));
}

#[test]
fn an_alias_that_is_its_own_id_or_stands_twice_is_no_contradiction() {
    let crosswalk = read("kind,id,alias\nuser,u1,U1\nuser,u1,x\nuser,U1,X\n");
    assert_eq!(crosswalk.user("x"), "u1");
}

#[test]
fn a_circle_names_the_line_that_closes_it() {
    let (line, sentence) = refused("kind,id,alias\nuser,zz0,zz1\nuser,zz2,zz1a\nuser,zz3,zz2\nuser,zz1a,zz3\n");
    assert_eq!(line, 5);
    assert_eq!(sentence, "aliases go in a circle, which this line closes; take one of its lines out");
}

#[test]
fn one_alias_for_two_ids_names_both_lines() {
    let (line, sentence) = refused("kind,id,alias\nuser,zz1,zz\n\nuser,zz2,ZZ\n");
    assert_eq!(line, 4);
    assert_eq!(sentence, "an alias means two ids: line 2 gives it another; keep one of the two lines");
}

#[test]
fn a_wide_row_lists_the_ids_of_one_user() {
    let crosswalk = read("\u{feff}User_ID,employee_id,NPI,login,name\nu1,77,,nquill|quill,Ada\nu2,,,,\n");
    for alias in ["77", "NQUILL", "quill", "u1"] {
        assert_eq!(crosswalk.user(alias), "u1", "{alias}");
    }
    assert_eq!((crosswalk.user(""), crosswalk.user("Ada"), crosswalk.user("U2")), ("", "Ada", "u2"));
}

#[test]
fn aliases_are_counted_and_ids_are_not() {
    let crosswalk = read("user_id,login\nu1,nquill|quill|U1\nu2,\n");
    assert_eq!(crosswalk.aliases(), [2, 0]);
    assert_eq!(read("kind,id,alias\npatient,p1,7\npatient,7,8\n").aliases(), [0, 2]);
}

#[test]
fn a_wide_file_may_have_a_column_named_kind() {
    assert_eq!(read("user_id,login,kind\nu1,nquill,nurse\n").user("nquill"), "u1");
}

#[test]
fn a_wide_row_lists_the_ids_of_one_patient() {
    let crosswalk = read("patient_id,mrn,enterprise_id,fhir_id\np1,7,e7,Patient/1\n");
    for alias in ["7", "e7", "Patient/1"] {
        assert_eq!(crosswalk.patient(alias), "p1", "{alias}");
    }
}

#[test]
fn a_wide_alias_that_is_the_id_of_another_row_does_not_merge_two_people() {
    let (line, sentence) = refused("user_id,employee_id\nzz1,zz2\nzz2,zz3\n");
    assert_eq!(line, 3);
    assert!(sentence.starts_with("an alias in line 2 is the id of line 3: make one row"), "{sentence}");
}

#[test]
fn json_lines_are_read_in_both_forms() {
    let crosswalk = read(concat!(
        "{\"kind\":\"user\",\"id\":\"u1\",\"alias\":42}\n\n",
        "{\"user_id\":\"u2\",\"login\":[\"a\",\"b\"],\"npi\":null,\"address\":{\"city\":\"x\"}}\n",
    ));
    assert_eq!((crosswalk.user("42"), crosswalk.user("A"), crosswalk.user("b")), ("u1", "u2", "u2"));
}

#[test]
fn what_cannot_be_read_is_named_by_line_and_column() {
    for (text, line, start) in [
        ("", 1, "the crosswalk is empty"),
        ("user_id,family_name\nu1,zz\n", 1, "no crosswalk"),
        ("kind,id,alias\nuser,u1,a\nnurse,u1,zz\n", 3, "kind cannot be read"),
        ("kind,id,alias\nuser,,zz\n", 2, "id is missing"),
        ("kind,id,alias\nuser,zz, \n", 2, "alias is missing"),
        ("user_id,login\n,zz\n", 2, "user_id is missing"),
        ("kind,id,alias\nuser,zz\n", 2, "the row has 2 cells and the header 3"),
        ("kind,id,alias\nuser,zz,\"a\"b\n", 2, "a quoted cell"),
        ("{\"kind\":\"user\",\"id\":\"u1\",\"alias\":\"a\"}\n{\"zz\":1}\n", 2, "no crosswalk"),
        ("{\"kind\":\"zz\"", 1, "not valid JSON"),
    ] {
        let (found, sentence) = refused(text);
        assert!(found == line && sentence.starts_with(start), "line {found}: {sentence}");
    }
    let error = Crosswalk::read(b"kind,id,alias\nuser,u1,\xff\n").unwrap_err();
    assert_eq!(error.to_string(), "line 2: the record is not UTF-8");
}
