//! The file of an identity crosswalk: plain, gzip or zstd.

use std::path::Path;

use thiserror::Error;

use super::input::head;
use crate::decode::crosswalk::{Crosswalk, CrosswalkError};

/// The longest crosswalk, unpacked, in bytes.
const LONGEST: usize = 1 << 30;

/// A crosswalk that cannot be used. No sentence holds an id.
#[derive(Debug, Error)]
pub enum IdentityError {
    /// The file cannot be read at all.
    #[error("the identity crosswalk {path} cannot be read: {error}; correct [identity] crosswalk or --crosswalk")]
    Unreadable { path: String, error: String },
    /// A record of it is wrong.
    #[error("the identity crosswalk {path}, {error}")]
    Wrong { path: String, error: CrosswalkError },
}

/// Reads an identity crosswalk.
///
/// # Errors
/// When the file cannot be read, is too long, or contradicts itself; then with the line.
pub fn crosswalk(path: &Path) -> Result<Crosswalk, IdentityError> {
    let name = path.display().to_string();
    let unreadable = |error: String| IdentityError::Unreadable { path: name.clone(), error };
    if path.is_dir() {
        return Err(unreadable("it is a directory".to_owned()));
    }
    let (bytes, is_whole) = head(path, LONGEST).map_err(|error| unreadable(error.to_string()))?;
    if !is_whole {
        return Err(unreadable(format!("it is longer than {} MiB", LONGEST >> 20)));
    }
    Crosswalk::read(&bytes).map_err(|error| IdentityError::Wrong { path: name, error })
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn file(content: &[u8]) -> tempfile::NamedTempFile {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(content).unwrap();
        file
    }

    #[test]
    fn a_crosswalk_may_be_packed() {
        let text = b"kind,id,alias\nuser,u1,nquill\n";
        let packed = zstd::encode_all(&text[..], 1).unwrap();
        for content in [&text[..], &packed] {
            assert_eq!(crosswalk(file(content).path()).unwrap().user("NQUILL"), "u1");
        }
    }

    #[test]
    fn errors_name_the_file_and_the_line_and_no_id() {
        let broken = file(b"kind,id,alias\nuser,zz1,zz\nuser,zz2,zz\n");
        let sentence = crosswalk(broken.path()).unwrap_err().to_string();
        assert!(sentence.contains(&broken.path().display().to_string()), "{sentence}");
        assert!(sentence.contains(", line 3: an alias means two ids") && !sentence.contains("zz"), "{sentence}");
        let sentence = crosswalk(Path::new("/no/such/identity.csv")).unwrap_err().to_string();
        assert!(sentence.contains("identity.csv cannot be read: No such file"), "{sentence}");
        assert!(sentence.ends_with("correct [identity] crosswalk or --crosswalk"), "{sentence}");
        let folder = tempfile::tempdir().unwrap();
        assert!(crosswalk(folder.path()).unwrap_err().to_string().contains("it is a directory"));
    }
}
