//! Lays a user's keys over the shipped settings of a detector or an explanation.
//!
//! The shipped settings say which keys exist and of which kind each value is, so that a new
//! detector needs nothing here.

use serde_json::{Map, Number, Value as Json};

use super::problem::nearest;
use super::raw::{Node, Table, Value};
use super::section::{Section, number};
use crate::engine::registry::Entry;
use crate::model::span::Span;

/// Reads `[<name>.<id>]` for every entry of a registry. The result is complete: all ids, all keys.
pub(super) fn registry<T: ?Sized>(
    root: &mut Section<'_>,
    name: &str,
    entries: &[Entry<T>],
) -> std::collections::BTreeMap<String, Json> {
    let mut section = root.child(name);
    let mut resolved = std::collections::BTreeMap::new();
    for entry in entries {
        let id = entry.meta.id;
        let mut settings = (entry.defaults)();
        if section.node(id).is_some() {
            let own = section.child(id);
            let complaints = lay_over(&mut settings, &own);
            if complaints == 0
                && let Err(sentence) = (entry.read)(&settings)
            {
                let page = format!("settings as `chartsentry explain {id}` lists them");
                section.complain(id, format!("settings that do not fit ({sentence})"), page);
            }
        }
        resolved.insert(id.to_owned(), settings);
    }
    section.finish();
    resolved
}

/// Returns how many values did not fit.
fn lay_over(settings: &mut Json, own: &Section<'_>) -> usize {
    let Json::Object(settings) = settings else { return 0 };
    let complain = |node: &Node, path: &str, found: String, expected: String| {
        own.problems().add(Some(node.line), path, found, expected);
    };
    own.table().map_or(0, |table| Overlay { complain: &complain }.table(settings, table, own.path()))
}

struct Overlay<'a> {
    complain: &'a dyn Fn(&Node, &str, String, String),
}

impl Overlay<'_> {
    fn table(&self, settings: &mut Map<String, Json>, table: &Table, path: &str) -> usize {
        let is_open = settings.is_empty();
        let mut complaints = 0;
        for (key, node) in table {
            let path = format!("{path}.{key}");
            match settings.get_mut(key) {
                Some(default) => complaints += self.value(default, node, &path),
                None if is_open => {
                    settings.insert(key.clone(), plain(&node.value));
                }
                None => {
                    let known = nearest(key, settings.keys().map(String::as_str)).unwrap_or_default();
                    let expected = format!("a known key; the nearest is \"{known}\"");
                    (self.complain)(node, &path, "an unknown key".to_owned(), expected);
                    complaints += 1;
                }
            }
        }
        complaints
    }

    /// Replaces one default. Values that mean the same become the same text, so that the hash of
    /// the policy does not depend on how they are written.
    fn value(&self, default: &mut Json, node: &Node, path: &str) -> usize {
        let (fitting, expected) = match default {
            Json::Object(settings) => match &node.value {
                Value::Table(table) => return self.table(settings, table, path),
                _ => (None, "a table"),
            },
            Json::Number(shipped) if shipped.is_f64() => (float(&node.value), "a number"),
            Json::Number(_) => (whole(&node.value), "a whole number"),
            Json::Bool(_) => (Some(plain(&node.value)).filter(Json::is_boolean), "true or false"),
            Json::String(shipped) if shipped.parse::<Span>().is_ok() => {
                (span(&node.value), "a length of time, such as \"30s\", \"5m\", \"72h\" or \"30d\"")
            }
            Json::String(_) => (Some(plain(&node.value)).filter(Json::is_string), "a text"),
            Json::Array(items) => (list(items.first(), &node.value), "a list of values like the shipped ones"),
            Json::Null => (Some(plain(&node.value)), "a value"),
        };
        if let Some(fitting) = fitting {
            *default = fitting;
            return 0;
        }
        (self.complain)(node, path, node.value.to_string(), expected.to_owned());
        1
    }
}

fn float(value: &Value) -> Option<Json> {
    number(value).and_then(Number::from_f64).map(Json::Number)
}

fn whole(value: &Value) -> Option<Json> {
    match value {
        Value::Integer(number) => Some(Json::from(*number)),
        _ => None,
    }
}

fn span(value: &Value) -> Option<Json> {
    super::section::parsed::<Span>(value).map(|span| Json::from(span.to_string()))
}

fn list(shipped: Option<&Json>, value: &Value) -> Option<Json> {
    let Value::List(items) = value else { return None };
    items
        .iter()
        .map(|item| match shipped {
            Some(Json::Number(number)) if number.is_f64() => float(&item.value),
            Some(Json::Number(_)) => whole(&item.value),
            Some(Json::String(_)) => Some(plain(&item.value)).filter(Json::is_string),
            _ => Some(plain(&item.value)),
        })
        .collect::<Option<Vec<_>>>()
        .map(Json::Array)
}

/// A value as it stands.
fn plain(value: &Value) -> Json {
    match value {
        Value::Text(text) => Json::from(text.as_str()),
        Value::Integer(number) => Json::from(*number),
        Value::Float(number) => Number::from_f64(*number).map_or(Json::Null, Json::Number),
        Value::Bool(truth) => Json::from(*truth),
        Value::List(items) => items.iter().map(|item| plain(&item.value)).collect(),
        Value::Table(table) => {
            Json::Object(table.iter().map(|(key, node)| (key.clone(), plain(&node.value))).collect())
        }
        Value::Other(_) => Json::Null,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde::{Deserialize, Serialize};

    use super::*;
    use crate::config::problem::Problems;
    use crate::config::raw;
    use crate::engine::registry::{self, Group, Meta, defaults_of};

    #[derive(Serialize, Deserialize)]
    struct Settings {
        weight: f64,
        least: u32,
        window: Span,
        kinds: Vec<String>,
        scale: Scale,
    }

    #[derive(Serialize, Deserialize)]
    struct Scale {
        slope: f64,
    }

    impl Default for Settings {
        fn default() -> Self {
            let kinds = vec!["print".to_owned()];
            Self { weight: 2.0, least: 3, window: Span::days(30), kinds, scale: Scale { slope: 1.0 } }
        }
    }

    static META: Meta = Meta { id: "same_surname", group: Group::Plain, since: "0.1.0", source: "" };
    static OTHER: Meta = Meta { id: "household", group: Group::Plain, since: "0.1.0", source: "" };

    fn read(settings: &Json) -> Result<Box<dyn Fn()>, String> {
        let settings: Settings = registry::read(settings)?;
        if settings.least == 0 {
            return Err("least must be above 0".to_owned());
        }
        Ok(Box::new(|| ()))
    }

    fn resolve(text: &str) -> Result<BTreeMap<String, Json>, String> {
        let entries = [&META, &OTHER].map(|meta| Entry { meta, defaults: defaults_of::<Settings>, read });
        let problems = Problems::new("f.toml");
        let table = raw::parse(text, &problems);
        let mut root = Section::root(&table, &problems);
        let resolved = super::registry::<dyn Fn()>(&mut root, "detectors", &entries);
        problems.finish(resolved).map_err(|invalid| invalid.to_string())
    }

    #[test]
    fn what_is_not_set_keeps_its_default() {
        let resolved =
            resolve("[detectors.same_surname]\nweight = 5\nwindow = \"1440h\"\nscale.slope = 3\nkinds = []\n").unwrap();
        assert_eq!(resolved["household"], defaults_of::<Settings>());
        let settings = &resolved["same_surname"];
        assert_eq!(settings["weight"].to_string(), "5.0");
        assert_eq!(settings["window"], "60d");
        assert_eq!(settings["scale"]["slope"].to_string(), "3.0");
        assert_eq!((&settings["least"], &settings["kinds"]), (&Json::from(3), &Json::from(Vec::<String>::new())));
    }

    #[test]
    fn every_misfit_is_reported_with_the_nearest_key() {
        let text = "[detectors.same_surname]\nwieght = 5\nleast = 2.5\nenabled = \"yes\"\nscale.slop = 1\n\
                    window = \"long\"\nkinds = [1]\n[detectors.houshold]\n";
        let message = resolve(text).unwrap_err();
        for part in [
            "f.toml:2: detectors.same_surname.wieght: found an unknown key, expected a known key; the nearest is \"weight\"",
            "f.toml:3: detectors.same_surname.least: found 2.5, expected a whole number",
            "f.toml:4: detectors.same_surname.enabled: found \"yes\", expected true or false",
            "detectors.same_surname.scale.slop: found an unknown key, expected a known key; the nearest is \"slope\"",
            "f.toml:6: detectors.same_surname.window: found \"long\", expected a length of time",
            "f.toml:7: detectors.same_surname.kinds: found a list",
            "f.toml:8: detectors.houshold: found an unknown key, expected a known key; the nearest is \"detectors.household\"",
        ] {
            assert!(message.contains(part), "{part}\nnot in\n{message}");
        }
    }

    #[test]
    fn a_detectors_own_check_is_heard() {
        let message = resolve("[detectors.same_surname]\nleast = 0\n").unwrap_err();
        assert!(message.contains("detectors.same_surname: found settings that do not fit (least must be above 0)"));
    }
}
