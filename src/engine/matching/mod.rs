//! Comparing names and addresses as different systems write them.

pub mod address;
pub mod surname;
