//! Who the ids stand for, where demographics were given. Names appear on papers and nowhere else.

use std::collections::BTreeMap;

/// What a paper says of a patient.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PatientName {
    pub name: String,
    /// Last known address, a line each.
    pub address: Vec<String>,
}

/// What a paper says of a member of the workforce.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StaffName {
    pub name: String,
    pub role: Option<String>,
    pub department: Option<String>,
}

/// Everybody that the demographics name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Names {
    pub patients: BTreeMap<String, PatientName>,
    pub staff: BTreeMap<String, StaffName>,
}

impl Names {
    /// A patient with name and number; the number alone where no name is known.
    #[must_use]
    pub fn patient(&self, id: &str) -> String {
        match self.patients.get(id).filter(|patient| !patient.name.is_empty()) {
            Some(patient) => format!("{} (MRN {id})", patient.name),
            None => format!("MRN {id} (name unknown so far: no demographics were given)"),
        }
    }

    /// A member of the workforce with name, role and id.
    #[must_use]
    pub fn person(&self, id: &str) -> String {
        let Some(staff) = self.staff.get(id).filter(|staff| !staff.name.is_empty()) else {
            return format!("user {id} (name unknown so far: no workforce data was given)");
        };
        let place = [staff.role.as_deref(), staff.department.as_deref()];
        let place: Vec<&str> = place.into_iter().flatten().collect();
        let place = if place.is_empty() { String::new() } else { format!(", {}", place.join(", ")) };
        format!("{} (user {id}){place}", staff.name)
    }
}
