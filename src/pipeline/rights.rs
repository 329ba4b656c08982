//! Who but their owner may read or change the files that a daemon rests on.

use std::path::{Path, PathBuf};

use crate::config::Config;

/// Rights on a file that others than its owner should not have.
#[derive(Clone, Copy)]
struct Unwanted {
    bits: u32,
    verb: &'static str,
    remedy: &'static str,
}

/// The file holds what only its owner may see.
const SECRET: Unwanted = Unwanted { bits: 0o077, verb: "read or change", remedy: "chmod 600" };
/// The file decides what is done.
const TRUSTED: Unwanted = Unwanted { bits: 0o022, verb: "change", remedy: "chmod go-w" };

/// What stands beside a store, by the end of its name.
const BESIDE: [(&str, &str); 4] =
    [("the store", ""), ("the store's log", "-wal"), ("the spool", ".spool"), ("the spool's log", ".spool-wal")];

/// Files of a configuration that others may read or change, each in one sentence with what to do. `file` is the
/// configuration itself. Nothing is said of files that are not there, nor where the system knows no such rights.
#[must_use]
pub fn warnings(config: &Config, file: &Path) -> Vec<String> {
    let store = &config.store.path;
    let mut judged = vec![("the configuration".to_owned(), file.to_owned(), TRUSTED)];
    if let Some(folder) = store.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        judged.push(("the store's folder".to_owned(), folder.to_owned(), TRUSTED));
    }
    judged.extend(BESIDE.map(|(what, end)| (what.to_owned(), beside(store, end), SECRET)));
    let secrets = config.secret_files().into_iter();
    judged.extend(secrets.map(|(key, path)| (format!("the secret of {key}"), path.to_owned(), SECRET)));
    judged.iter().filter_map(|(what, path, unwanted)| sentence(what, path, *unwanted)).collect()
}

fn beside(path: &Path, end: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(end);
    PathBuf::from(name)
}

fn sentence(what: &str, path: &Path, unwanted: Unwanted) -> Option<String> {
    let mode = mode(path).filter(|mode| mode & unwanted.bits != 0)?;
    let Unwanted { verb, remedy, .. } = unwanted;
    let path = path.display();
    Some(format!("others than its owner may {verb} {what}, {path} (mode {mode:03o}): {remedy} {path}"))
}

/// The rights on a file. A folder in which only owners may replace files, as in `/tmp`, counts as closed to others.
#[cfg(unix)]
fn mode(path: &Path) -> Option<u32> {
    use std::os::unix::fs::PermissionsExt;
    const OWNERS_REPLACE: u32 = 0o1000;
    let mode = std::fs::metadata(path).ok()?.permissions().mode();
    (mode & OWNERS_REPLACE == 0).then_some(mode & 0o777)
}

#[cfg(not(unix))]
fn mode(_path: &Path) -> Option<u32> {
    None
}

#[cfg(test)]
mod tests {
    #[cfg(unix)]
    use super::*;

    #[cfg(unix)]
    fn write(folder: &Path, name: &str, mode: u32) {
        let path = folder.join(name);
        std::fs::write(&path, "x").unwrap();
        restrict(&path, mode);
    }

    #[cfg(unix)]
    fn restrict(path: &Path, mode: u32) {
        std::fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(mode)).unwrap();
    }

    /// What is said of a store in a folder, with the folder left out.
    #[cfg(unix)]
    fn said(folder: &Path) -> Vec<String> {
        let text = format!(
            "[store]\npath = \"{0}/store.db\"\nkey = \"file:{0}/store.key\"\n[kafka.properties]\n\
             \"sasl.password\" = \"file:{0}/password\"\n",
            folder.display()
        );
        let config = Config::parse("site.toml", &text).unwrap();
        let shown = format!("{}/", folder.display());
        warnings(&config, &folder.join("site.toml")).into_iter().map(|line| line.replace(&shown, "")).collect()
    }

    #[cfg(unix)]
    #[test]
    fn files_for_their_owner_alone_raise_no_word() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["store.db", "store.db-wal", "store.db.spool", "store.key", "password"] {
            write(folder.path(), name, 0o600);
        }
        write(folder.path(), "site.toml", 0o644);
        assert_eq!(said(folder.path()), Vec::<String>::new());
    }

    #[cfg(unix)]
    #[test]
    fn what_others_may_read_or_change_is_named_with_the_remedy() {
        let folder = tempfile::tempdir().unwrap();
        for (name, mode) in [
            ("store.db", 0o644),
            ("store.db.spool", 0o660),
            ("store.key", 0o640),
            ("password", 0o604),
            ("site.toml", 0o664),
        ] {
            write(folder.path(), name, mode);
        }
        let start = "others than its owner may";
        assert_eq!(
            said(folder.path()),
            [
                format!("{start} change the configuration, site.toml (mode 664): chmod go-w site.toml"),
                format!("{start} read or change the store, store.db (mode 644): chmod 600 store.db"),
                format!("{start} read or change the spool, store.db.spool (mode 660): chmod 600 store.db.spool"),
                format!("{start} read or change the secret of store.key, store.key (mode 640): chmod 600 store.key"),
                format!(
                    "{start} read or change the secret of kafka.properties.sasl.password, password (mode 604): \
                     chmod 600 password"
                ),
            ]
        );
    }

    #[cfg(unix)]
    #[test]
    fn a_folder_in_which_anybody_may_replace_the_store_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let open = folder.path().join("open");
        std::fs::create_dir(&open).unwrap();
        restrict(&open, 0o777);
        assert_eq!(said(&open).len(), 1);
        restrict(&open, 0o1777);
        assert_eq!(said(&open), Vec::<String>::new());
    }
}
