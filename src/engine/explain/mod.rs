//! The explanations.

use super::registry::Entry;

/// An explanation.
pub trait Explanation: Send + Sync {}

/// Every explanation, strongest basis first.
pub static REGISTRY: &[Entry<dyn Explanation>] = &[];
