//! Secrets: the configuration names where they are kept, never what they are.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use zeroize::Zeroizing;

/// A secret's text. Neither `Debug` nor `Display` shows it, and its memory is overwritten when it is dropped. What a
/// library makes of it is that library's.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Wraps a text that must not be shown.
    #[must_use]
    pub fn new(text: String) -> Self {
        Self(Zeroizing::new(text))
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
    /// `command:/path/to/program argument`: what the program prints, without the line end at its end.
    Command {
        program: PathBuf,
        /// Never shown: a token may stand there.
        arguments: Vec<String>,
    },
}

/// Runs a program with arguments.
pub type RunProgram<'a> = dyn Fn(&Path, &[String]) -> Result<String, String> + 'a;

/// How a secret is fetched.
pub struct Keeper<'a> {
    /// Looks an environment variable up.
    pub env: &'a dyn Fn(&str) -> Option<String>,
    /// Reads a file.
    pub read: &'a dyn Fn(&Path) -> io::Result<String>,
    /// Runs a program and gives what it printed, or says what went wrong in words that follow its name
    /// ("ended with exit code 3") and hold nothing that it printed.
    pub run: &'a RunProgram<'a>,
}

impl SecretRef {
    /// The forms, in words.
    pub const FORMS: &'static str = "\"${NAME}\" (an environment variable), \"file:/path\" or \
                                     \"command:/path/to/program argument\" (what it prints)";

    /// Whether a text is meant as a reference, well-formed or not.
    #[must_use]
    pub fn is_meant(text: &str) -> bool {
        text.starts_with("${") || text.starts_with("file:") || text.starts_with("command:")
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
            Self::Command { program, arguments } => (keeper.run)(program, arguments)
                .map_err(|what| format!("that the command {} {what}", program.display()))?,
        };
        let text = Zeroizing::new(text);
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
        if let Some(line) = text.strip_prefix("command:") {
            return command(line).ok_or_else(|| Self::FORMS.to_owned());
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

/// A program by its whole path, so that no other one of that name is run, and its arguments.
fn command(line: &str) -> Option<SecretRef> {
    let mut words = words(line)?.into_iter();
    let program = PathBuf::from(words.next()?);
    program.is_absolute().then(|| SecretRef::Command { program, arguments: words.collect() })
}

/// Words between blanks. Blanks inside of quotes, single or double, do not part words; there is no other rule. `None`
/// when a quote is not closed.
fn words(line: &str) -> Option<Vec<String>> {
    let (mut found, mut word, mut quote) = (Vec::new(), None::<String>, None);
    for c in line.chars() {
        match quote {
            Some(open) if c == open => quote = None,
            None if c == '"' || c == '\'' => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            None if c.is_whitespace() => found.extend(word.take()),
            _ => word.get_or_insert_default().push(c),
        }
    }
    found.extend(word);
    quote.is_none().then_some(found)
}

impl fmt::Display for SecretRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Env(name) => write!(f, "${{{name}}}"),
            Self::File(path) => write!(f, "file:{}", path.display()),
            Self::Command { program, .. } => write!(f, "command:{}", program.display()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn never(_: &Path, _: &[String]) -> Result<String, String> {
        Err("must not run".to_owned())
    }

    #[test]
    fn only_the_three_forms_are_references() {
        let files = ["file:/etc/key", "file:${CREDENTIALS_DIRECTORY}/store.key"];
        for text in ["${KAFKA_PASSWORD}", "command:/usr/bin/vault"].into_iter().chain(files) {
            assert_eq!(text.parse::<SecretRef>().unwrap().to_string(), text);
        }
        let commands = ["command:", "command:vault", "command:/a 'b"];
        let files = ["file:", "file:${A-B}/key", "file:/x/${OPEN"];
        let others = ["hunter2", "${}", "${1X}", "${A-B}", "${OPEN", "$NAME"];
        for text in others.into_iter().chain(commands).chain(files) {
            assert!(text.parse::<SecretRef>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_secret_is_never_shown_and_loses_its_line_end() {
        let keeper = Keeper { env: &|_| None, read: &|_| Ok("hunter2\r\n".to_owned()), run: &never };
        let secret = SecretRef::File("k".into()).resolve(&keeper).unwrap();
        assert_eq!(secret.expose(), "hunter2");
        assert!(!format!("{secret} {secret:?}").contains("hunter2"));
    }

    #[test]
    fn a_path_may_name_variables() {
        let env = |name: &str| (name == "CREDENTIALS_DIRECTORY").then(|| "/run/credentials/x".to_owned());
        let keeper = Keeper { env: &env, read: &|path| Ok(path.display().to_string()), run: &never };
        let resolve = |text: &str| text.parse::<SecretRef>().unwrap().resolve(&keeper);
        let secret = resolve("file:${CREDENTIALS_DIRECTORY}/store.key").unwrap();
        assert_eq!(secret.expose(), "/run/credentials/x/store.key");
        assert_eq!(resolve("file:/a/${UNSET}").unwrap_err(), "the environment variable UNSET unset");
    }

    #[test]
    fn what_is_missing_is_named() {
        let keeper = Keeper { env: &|_| None, read: &|_| Ok("\n".to_owned()), run: &never };
        assert!(SecretRef::Env("PW".into()).resolve(&keeper).unwrap_err().contains("PW"));
        assert_eq!(SecretRef::File("k".into()).resolve(&keeper).unwrap_err(), "file:k empty");
    }

    #[test]
    fn a_command_is_split_at_blanks_outside_of_quotes() {
        let reference: SecretRef = "command:/bin/get  --of 'the store' \"it's\" ''".parse().unwrap();
        let arguments = ["--of", "the store", "it's", ""].map(str::to_owned).to_vec();
        assert_eq!(reference, SecretRef::Command { program: "/bin/get".into(), arguments });
    }

    #[test]
    fn what_a_command_prints_is_the_secret_and_its_arguments_are_not_shown() {
        let run = |program: &Path, arguments: &[String]| match arguments {
            [] => Err("ended with exit code 3".to_owned()),
            _ => Ok(format!("{}-secret\n", program.display())),
        };
        let keeper = Keeper { env: &|_| None, read: &|_| Ok(String::new()), run: &run };
        let reference: SecretRef = "command:/bin/get --token hunter2".parse().unwrap();
        assert_eq!(reference.resolve(&keeper).unwrap().expose(), "/bin/get-secret");
        assert!(!reference.to_string().contains("hunter2"));
        let failed = "command:/bin/get".parse::<SecretRef>().unwrap().resolve(&keeper).unwrap_err();
        assert_eq!(failed, "that the command /bin/get ended with exit code 3");
    }
}
