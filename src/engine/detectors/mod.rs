//! The detectors. Adding one: its file here, its case page in `tests/cases/`, a line below, and its
//! block in `config/`.

use super::registry::Entry;

/// A detector.
pub trait Detector: Send + Sync {}

/// Every detector, in the order in which contributions are listed.
pub static REGISTRY: &[Entry<dyn Detector>] = &[];
