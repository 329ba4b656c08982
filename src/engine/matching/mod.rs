//! Comparing names, addresses and phones as different systems write them.

pub mod address;
pub mod given;
pub mod phone;
pub mod surname;
