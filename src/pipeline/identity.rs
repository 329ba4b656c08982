//! Who is who: the crosswalk that a configuration or a command line names.

use std::path::Path;
use std::sync::Arc;

use crate::decode::crosswalk::Crosswalk;
use crate::source::file::{self, IdentityError};

/// Reads the crosswalk, where one is named, for all decoders of a run.
///
/// # Errors
/// When the file cannot be read or contradicts itself; the message names it and the line.
pub fn load(path: Option<&Path>) -> Result<Option<Arc<Crosswalk>>, IdentityError> {
    path.map(|path| file::crosswalk(path).map(Arc::new)).transpose()
}
