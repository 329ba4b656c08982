//! Secrets: the configuration names where they are kept, never what they are.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// A secret's text. Neither `Debug` nor `Display` shows it.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Wraps a text that must not be shown.
    #[must_use]
    pub const fn new(text: String) -> Self {
        Self(text)
    }

    /// The text itself, for the library that needs it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(***)")
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// Where a secret is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SecretRef {
    /// `${NAME}`: an environment variable.
    Env(String),
    /// `file:/path`: the whole file, without the line end at its end. `${NAME}` in the path stands for an environment
    /// variable, such as systemd's `${CREDENTIALS_DIRECTORY}`.
    File(PathBuf),
}

/// How a secret is fetched: an environment lookup and a file reader.
pub struct Keeper<'a> {
    pub env: &'a dyn Fn(&str) -> Option<String>,
    pub read: &'a dyn Fn(&Path) -> io::Result<String>,
}

impl SecretRef {
    /// The two forms, in words.
    pub const FORMS: &'static str = "\"${NAME}\" (an environment variable) or \"file:/path\"";

    /// Whether a text is meant as a reference, well-formed or not.
    #[must_use]
    pub fn is_meant(text: &str) -> bool {
        text.starts_with("${") || text.starts_with("file:")
    }

    /// Fetches the secret.
    ///
    /// # Errors
    /// What was found instead: an unset variable, an unreadable file, nothing in it.
    pub fn resolve(&self, keeper: &Keeper<'_>) -> Result<Secret, String> {
        let text = match self {
            Self::Env(name) => variable(name, keeper.env)?,
            Self::File(path) => {
                let path = expanded(path, keeper.env)?;
                (keeper.read)(&path).map_err(|error| format!("the file {} unreadable ({error})", path.display()))?
            }
        };
        let text = text.trim_end_matches(['\r', '\n']);
        if text.is_empty() {
            return Err(format!("{self} empty"));
        }
        Ok(Secret::new(text.to_owned()))
    }
}

impl FromStr for SecretRef {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Some(name) = text.strip_prefix("${").and_then(|rest| rest.strip_suffix('}')) {
            return if is_name(name) { Ok(Self::Env(name.to_owned())) } else { Err(Self::FORMS.to_owned()) };
        }
        match text.strip_prefix("file:") {
            Some(path) if !path.trim().is_empty() => {
                let path = PathBuf::from(path.trim());
                expanded(&path, &|_| Some(String::new())).map_err(|_| Self::FORMS.to_owned())?;
                Ok(Self::File(path))
            }
            _ => Err(Self::FORMS.to_owned()),
        }
    }
}

fn is_name(name: &str) -> bool {
    !name.starts_with(|first: char| first.is_ascii_digit())
        && !name.is_empty()
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

fn variable(name: &str, env: &dyn Fn(&str) -> Option<String>) -> Result<String, String> {
    env(name).ok_or_else(|| format!("the environment variable {name} unset"))
}

/// A path with the values of its variables.
fn expanded(path: &Path, env: &dyn Fn(&str) -> Option<String>) -> Result<PathBuf, String> {
    let Some(mut rest) = path.to_str() else { return Ok(path.to_owned()) };
    let mut whole = String::new();
    while let Some((before, after)) = rest.split_once("${") {
        let (name, behind) = after
            .split_once('}')
            .filter(|(name, _)| is_name(name))
            .ok_or_else(|| format!("a path with ${{ but no name and }} behind it ({})", path.display()))?;
        whole.push_str(before);
        whole.push_str(&variable(name, env)?);
        rest = behind;
    }
    whole.push_str(rest);
    Ok(PathBuf::from(whole))
}

impl fmt::Display for SecretRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Env(name) => write!(f, "${{{name}}}"),
            Self::File(path) => write!(f, "file:{}", path.display()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_two_forms_are_references() {
        for text in ["${KAFKA_PASSWORD}", "file:/etc/key", "file:${CREDENTIALS_DIRECTORY}/store.key"] {
            assert_eq!(text.parse::<SecretRef>().unwrap().to_string(), text);
        }
        for text in
            ["hunter2", "${}", "${1X}", "${A-B}", "${OPEN", "file:", "file:${A-B}/key", "file:/x/${OPEN", "$NAME"]
        {
            assert!(text.parse::<SecretRef>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_secret_is_never_shown_and_loses_its_line_end() {
        let keeper = Keeper { env: &|_| None, read: &|_| Ok("hunter2\r\n".to_owned()) };
        let secret = SecretRef::File("k".into()).resolve(&keeper).unwrap();
        assert_eq!(secret.expose(), "hunter2");
        assert!(!format!("{secret} {secret:?}").contains("hunter2"));
    }

    #[test]
    fn a_path_may_name_variables() {
        let env = |name: &str| (name == "CREDENTIALS_DIRECTORY").then(|| "/run/credentials/x".to_owned());
        let keeper = Keeper { env: &env, read: &|path| Ok(path.display().to_string()) };
        let resolve = |text: &str| text.parse::<SecretRef>().unwrap().resolve(&keeper);
        let secret = resolve("file:${CREDENTIALS_DIRECTORY}/store.key").unwrap();
        assert_eq!(secret.expose(), "/run/credentials/x/store.key");
        assert_eq!(resolve("file:/a/${UNSET}").unwrap_err(), "the environment variable UNSET unset");
    }

    #[test]
    fn what_is_missing_is_named() {
        let keeper = Keeper { env: &|_| None, read: &|_| Ok("\n".to_owned()) };
        assert!(SecretRef::Env("PW".into()).resolve(&keeper).unwrap_err().contains("PW"));
        assert_eq!(SecretRef::File("k".into()).resolve(&keeper).unwrap_err(), "file:k empty");
    }
}
