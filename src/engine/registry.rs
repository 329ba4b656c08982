//! What every detector and explanation says about itself, and how one is built from its settings.

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// What evidence or an explanation rests on, and so how it goes together with that of others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Group {
    /// Stands by itself.
    Plain,
    /// A personal tie between the two people: family, household, contact. Several signs of one tie are not
    /// independent: the strongest counts in full, further ones in part. No weak explanation holds beside one.
    Tie,
    /// The same name: a personal tie, or chance. Like a tie, but a weak reason leaves a doubt beside it.
    Namesake,
    /// A tie of work or place: colleague, neighbour. Like a personal one, but the work of a shift explains
    /// beside it.
    Acquaintance,
    /// A mark of the chart that asks for more care. A role alone does not explain beside one.
    Mark,
    /// What the person did around the access. It stands as it was found when that is forgotten.
    Behaviour,
    /// That nothing explains the access; looked at last.
    Absence,
    /// That many accesses without a reason belong together: those of one person, or those to one chart.
    Crowd,
}

impl Group {
    /// Whether it tells that the two people know each other.
    #[must_use]
    pub const fn is_tie(self) -> bool {
        matches!(self, Self::Tie | Self::Namesake | Self::Acquaintance)
    }
}

/// Identity and page of a detector or an explanation.
#[derive(Debug)]
pub struct Meta {
    /// Name in configuration, contributions and metrics; equals the file's stem.
    pub id: &'static str,
    pub group: Group,
    /// Version that brought it.
    pub since: &'static str,
    /// The file's own text: its `//!` header is the page that `chartsentry explain` prints.
    pub source: &'static str,
}

impl Meta {
    /// The page: the file's `//!` header as Markdown.
    #[must_use]
    pub fn page(&self) -> String {
        let lines = self.source.lines().take_while(|line| line.starts_with("//!"));
        lines.map(|line| line.trim_start_matches("//!").strip_prefix(' ').unwrap_or("")).collect::<Vec<_>>().join("\n")
    }
}

/// One line of a registry.
pub struct Entry<T: ?Sized + 'static> {
    pub meta: &'static Meta,
    /// The shipped settings as JSON; every valid key is in it.
    pub defaults: fn() -> Value,
    /// Makes it from complete settings; the error names the key.
    pub read: fn(&Value) -> Result<Box<T>, String>,
}

/// The switch that every entry has besides its own settings.
pub const ENABLED: &str = "enabled";

/// Whether settings switch their entry on.
#[must_use]
pub fn is_enabled(settings: &Value) -> bool {
    settings.get(ENABLED).and_then(Value::as_bool) != Some(false)
}

/// The shipped settings of `S` as JSON: its own, and switched on.
#[must_use]
pub fn defaults_of<S: Default + Serialize>() -> Value {
    let mut settings = serde_json::to_value(S::default()).unwrap_or(Value::Null);
    if let Value::Object(keys) = &mut settings {
        keys.insert(ENABLED.to_owned(), Value::Bool(true));
    }
    settings
}

/// By how much a detector's weights are multiplied, besides its own settings: what is learned from decisions.
pub const SCALE: &str = "scale";

/// The shipped settings of a detector: with what every entry has, and its weights as they are.
#[must_use]
pub fn scaled_defaults_of<S: Default + Serialize>() -> Value {
    let mut settings = defaults_of::<S>();
    if let Value::Object(keys) = &mut settings {
        keys.insert(SCALE.to_owned(), Value::from(1.0));
    }
    settings
}

/// The scale that settings give; 1 for what has none.
///
/// # Errors
/// When it is out of range.
pub fn scale(settings: &Value) -> Result<f64, String> {
    let scale = settings.get(SCALE).and_then(Value::as_f64).unwrap_or(1.0);
    let is_fitting = (0.1..=10.0).contains(&scale);
    is_fitting.then_some(scale).ok_or_else(|| format!("{SCALE} {scale}: expected a number from 0.1 to 10"))
}

/// Reads complete settings.
///
/// # Errors
/// The sentence of the first value that does not fit.
pub fn read<S: DeserializeOwned>(settings: &Value) -> Result<S, String> {
    S::deserialize(settings).map_err(|error| error.to_string())
}
