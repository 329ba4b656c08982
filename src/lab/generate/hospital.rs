//! The departments of the synthetic hospital, the work in them and who does it.

/// What a department is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Setting {
    Emergency,
    Ward,
    Clinic,
    /// Works on orders of other departments.
    Service,
    Office,
}

/// What a role does in a chart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Job {
    Manager,
    Nurse,
    Physician,
    Assistant,
    Clerk,
    Technician,
    Registrar,
    Coder,
    Release,
    Quality,
    CaseManager,
    Analyst,
}

/// When a role works.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Roster {
    /// Monday to Friday by day.
    Office,
    /// Day, evening and night shifts, five of seven days.
    Eight,
    /// Day and night shifts, about four of seven days.
    Twelve,
}

/// A job title with its share of a department.
#[derive(Debug)]
pub(super) struct Role {
    pub(super) title: &'static str,
    pub(super) job: Job,
    pub(super) roster: Roster,
    share: u32,
}

const fn role(title: &'static str, job: Job, roster: Roster, share: u32) -> Role {
    Role { title, job, roster, share }
}

const NURSE_MANAGER: Role = role("Nurse Manager", Job::Manager, Roster::Office, 0);
const SUPERVISOR: Role = role("Supervisor", Job::Manager, Roster::Office, 0);

/// The first role of each list is the manager's.
static EMERGENCY: [Role; 6] = [
    NURSE_MANAGER,
    role("Registered Nurse", Job::Nurse, Roster::Twelve, 9),
    role("Emergency Physician", Job::Physician, Roster::Eight, 4),
    role("Physician Assistant", Job::Physician, Roster::Eight, 1),
    role("Nursing Assistant", Job::Assistant, Roster::Twelve, 2),
    role("Unit Clerk", Job::Clerk, Roster::Eight, 1),
];
static WARD: [Role; 6] = [
    NURSE_MANAGER,
    role("Registered Nurse", Job::Nurse, Roster::Twelve, 10),
    role("Attending Physician", Job::Physician, Roster::Eight, 2),
    role("Resident Physician", Job::Physician, Roster::Eight, 1),
    role("Nursing Assistant", Job::Assistant, Roster::Eight, 3),
    role("Unit Clerk", Job::Clerk, Roster::Eight, 1),
];
static CLINIC: [Role; 5] = [
    NURSE_MANAGER,
    role("Clinic Physician", Job::Physician, Roster::Office, 3),
    role("Nurse Practitioner", Job::Physician, Roster::Office, 1),
    role("Medical Assistant", Job::Assistant, Roster::Office, 3),
    role("Clinic Receptionist", Job::Clerk, Roster::Office, 2),
];
static LABORATORY: [Role; 2] = [SUPERVISOR, role("Laboratory Technologist", Job::Technician, Roster::Eight, 1)];
static IMAGING: [Role; 3] = [
    SUPERVISOR,
    role("Radiology Technologist", Job::Technician, Roster::Eight, 3),
    role("Radiologist", Job::Technician, Roster::Eight, 1),
];
static PHARMACY: [Role; 3] = [
    SUPERVISOR,
    role("Pharmacist", Job::Technician, Roster::Eight, 2),
    role("Pharmacy Technician", Job::Technician, Roster::Eight, 1),
];
static THERAPY: [Role; 2] = [SUPERVISOR, role("Physical Therapist", Job::Technician, Roster::Office, 1)];
static RECORDS: [Role; 3] = [
    SUPERVISOR,
    role("Medical Coder", Job::Coder, Roster::Office, 3),
    role("Release of Information Specialist", Job::Release, Roster::Office, 1),
];
static REGISTRATION: [Role; 3] = [
    SUPERVISOR,
    role("Registrar", Job::Registrar, Roster::Eight, 3),
    role("Admitting Clerk", Job::Registrar, Roster::Eight, 1),
];
static QUALITY: [Role; 3] = [
    SUPERVISOR,
    role("Quality Reviewer", Job::Quality, Roster::Office, 2),
    role("Utilization Review Nurse", Job::Quality, Roster::Office, 1),
];
static CASES: [Role; 3] = [
    SUPERVISOR,
    role("Case Manager", Job::CaseManager, Roster::Office, 2),
    role("Social Worker", Job::CaseManager, Roster::Office, 1),
];
static TECHNOLOGY: [Role; 2] = [SUPERVISOR, role("IT Systems Analyst", Job::Analyst, Roster::Office, 1)];

/// Name, setting, share of the workforce and roles.
type Template = (&'static str, Setting, u32, &'static [Role]);

/// In the order in which a small hospital opens them.
static TEMPLATES: [Template; 20] = [
    ("Emergency", Setting::Emergency, 15, &EMERGENCY),
    ("Medical 3 West", Setting::Ward, 11, &WARD),
    ("Registration", Setting::Office, 5, &REGISTRATION),
    ("Health Information Management", Setting::Office, 5, &RECORDS),
    ("Laboratory", Setting::Service, 5, &LABORATORY),
    ("Pharmacy", Setting::Service, 4, &PHARMACY),
    ("Surgical 4 East", Setting::Ward, 10, &WARD),
    ("Primary Care Clinic", Setting::Clinic, 8, &CLINIC),
    ("Intensive Care", Setting::Ward, 9, &WARD),
    ("Imaging", Setting::Service, 4, &IMAGING),
    ("Cardiology", Setting::Ward, 7, &WARD),
    ("Oncology", Setting::Ward, 6, &WARD),
    ("Maternity", Setting::Ward, 6, &WARD),
    ("Cardiology Clinic", Setting::Clinic, 4, &CLINIC),
    ("Oncology Clinic", Setting::Clinic, 4, &CLINIC),
    ("Pediatrics", Setting::Ward, 4, &WARD),
    ("Case Management", Setting::Office, 3, &CASES),
    ("Quality", Setting::Office, 2, &QUALITY),
    ("Physical Therapy", Setting::Service, 2, &THERAPY),
    ("Information Technology", Setting::Office, 2, &TECHNOLOGY),
];

/// A department with the number of people in it.
#[derive(Debug)]
pub(super) struct Department {
    pub(super) name: String,
    pub(super) setting: Setting,
    pub(super) roles: &'static [Role],
    pub(super) size: u32,
}

impl Department {
    /// The role of the `number`th of its people: first the manager, then by share.
    pub(super) fn role_of(&self, number: u32) -> u8 {
        if number == 0 && self.size > 1 {
            return 0;
        }
        let total: u32 = self.roles.iter().map(|role| role.share).sum();
        let mut place = (number.saturating_sub(1) * 7) % total.max(1);
        for (index, role) in self.roles.iter().enumerate().skip(1) {
            if place < role.share {
                return index as u8;
            }
            place -= role.share;
        }
        0
    }
}

/// The largest department before it is split into several.
const LARGEST: u32 = 60;

/// Shares `staff` people out over departments; every person has a place, no department is empty.
pub(super) fn departments(staff: u32) -> Vec<Department> {
    let total: u32 = TEMPLATES.iter().map(|template| template.2).sum();
    let mut sizes: Vec<u32> = TEMPLATES.iter().map(|template| staff * template.2 / total).collect();
    let mut left = staff - sizes.iter().sum::<u32>();
    while left > 0 {
        for size in sizes.iter_mut().take(left as usize) {
            *size += 1;
            left -= 1;
        }
    }
    let mut departments = Vec::new();
    for (template, size) in TEMPLATES.iter().zip(sizes) {
        let (name, setting, _, roles) = *template;
        let parts = if setting == Setting::Office { 1 } else { size.div_ceil(LARGEST) };
        for part in 0..parts {
            let name = if parts > 1 { format!("{name} {}", part + 1) } else { name.to_owned() };
            let size = size / parts + u32::from(part < size % parts);
            if size > 0 {
                departments.push(Department { name, setting, roles, size });
            }
        }
    }
    departments
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everybody_has_a_place() {
        for staff in [1, 7, 20, 150, 10_000] {
            let departments = departments(staff);
            assert_eq!(departments.iter().map(|d| d.size).sum::<u32>(), staff);
            assert!(departments.iter().all(|d| d.size > 0));
        }
        assert_eq!(departments(150).len(), TEMPLATES.len());
        assert!(departments(10_000).len() > 100);
    }

    #[test]
    fn a_department_has_one_manager_and_every_role() {
        let ward = Department { name: String::new(), setting: Setting::Ward, roles: &WARD, size: 40 };
        let roles: Vec<u8> = (0..40).map(|number| ward.role_of(number)).collect();
        assert_eq!(roles.iter().filter(|&&role| role == 0).count(), 1);
        assert!((1..WARD.len() as u8).all(|role| roles.contains(&role)));
    }
}
