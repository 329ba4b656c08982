//! How chartsentry proves to Kafka who it is: what can be done, what cannot, and what should not.

use std::collections::BTreeMap;

use super::secret::SecretRef;
use super::section::Section;
use super::shell::{KafkaSettings, Property};

/// What librdkafka can do here. It compares with regard to case.
const MECHANISMS: [&str; 4] = ["SCRAM-SHA-512", "SCRAM-SHA-256", "PLAIN", "OAUTHBEARER"];
/// The mechanism that shows a token.
const OAUTHBEARER: &str = "OAUTHBEARER";

/// `[kafka.oauth]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OauthSettings {
    /// Where the token is kept. Fetched anew before the one that is in use expires.
    pub token: SecretRef,
    /// Whom the token stands for; by default whom it names itself.
    pub principal: Option<String>,
}

pub(super) fn oauth(mut section: Section<'_>) -> Option<OauthSettings> {
    if section.table().is_some_and(|table| !table.contains_key("token")) {
        section.complain("token", "nothing", SecretRef::FORMS);
    }
    let token = section.secret("token");
    let principal = section.text("principal", "whom the token stands for");
    section.finish();
    token.map(|token| OauthSettings { token, principal })
}

/// Complains of properties that librdkafka, as it is built here, would refuse only later and in its own words.
/// `section` is `[kafka.properties]`.
pub(super) fn check_properties(section: &Section<'_>, properties: &BTreeMap<String, Property>) {
    let supported = MECHANISMS.join(", ");
    match mechanism(properties) {
        Some((key, Property::Plain(name))) if !MECHANISMS.contains(&name.as_str()) => {
            section.complain(key, format!("{name:?}"), format!("one of {supported}; Kerberos is not built in"));
        }
        None if is_sasl(properties) => section.complain(
            "security.protocol",
            "SASL without \"sasl.mechanism\", which to librdkafka means Kerberos",
            format!("\"sasl.mechanism\" as well, one of {supported}; Kerberos is not built in"),
        ),
        _ => {}
    }
    let key = "sasl.oauthbearer.method";
    if plain(properties, key).is_some_and(|method| !method.eq_ignore_ascii_case("default")) {
        let instead = "no such property: name where a token is kept in [kafka.oauth] token";
        section.complain(key, "a way to fetch tokens that is not built in", instead);
    }
    let key = "enable.sasl.oauthbearer.unsecure.jwt";
    if plain(properties, key).is_some_and(|value| value != "false") {
        let instead = "no such property: name where a signed token is kept in [kafka.oauth] token";
        section.complain(key, "tokens that nobody has signed", instead);
    }
}

/// A token and the mechanism that shows it need each other. `section` is `[kafka]`.
pub(super) fn check_token(section: &Section<'_>, settings: &KafkaSettings) {
    let is_shown = match mechanism(&settings.properties) {
        Some((_, Property::Plain(name))) => name == OAUTHBEARER,
        // What it is stands elsewhere.
        Some((_, Property::Secret(_))) => return,
        None => false,
    };
    let is_named = section.table().is_some_and(|table| table.contains_key("oauth"));
    if is_shown && !is_named {
        section.complain("oauth", "nothing", "[kafka.oauth] token, because sasl.mechanism is OAUTHBEARER");
    }
    if settings.oauth.is_some() && !is_shown {
        let expected = "\"sasl.mechanism\" = \"OAUTHBEARER\" in [kafka.properties]";
        section.complain("oauth", "a token that no mechanism shows to the broker", expected);
    }
}

/// What is allowed but deserves a second look, each in one sentence.
pub(super) fn warnings(settings: &KafkaSettings) -> Vec<String> {
    let is_plain = |(key, property): &(&String, &Property)| is_secret(key) && matches!(property, Property::Plain(_));
    let written = settings.properties.iter().filter(is_plain).map(|(key, _)| {
        format!("kafka.properties.{key} stands in the file: name a secret instead, as {}", SecretRef::FORMS)
    });
    let mut warnings: Vec<String> = written.collect();
    let is_open = protocol(&settings.properties).eq_ignore_ascii_case("SASL_PLAINTEXT");
    let shown = mechanism(&settings.properties).map(|(name, _)| plain(&settings.properties, name));
    if is_open && matches!(shown, Some(Some("PLAIN" | OAUTHBEARER))) {
        let open = "kafka.properties.security.protocol SASL_PLAINTEXT shows the password or token to everybody on the \
                    network: use SASL_SSL";
        warnings.push(open.to_owned());
    }
    warnings
}

/// Whether a property's value is one that nobody else should know.
fn is_secret(key: &str) -> bool {
    key.ends_with("password") || key.ends_with("secret") || key.ends_with("passphrase") || key == "ssl.key.pem"
}

/// A property that the file itself tells.
fn plain<'p>(properties: &'p BTreeMap<String, Property>, key: &str) -> Option<&'p str> {
    match properties.get(key) {
        Some(Property::Plain(text)) => Some(text),
        Some(Property::Secret(_)) | None => None,
    }
}

fn protocol(properties: &BTreeMap<String, Property>) -> &str {
    plain(properties, "security.protocol").unwrap_or_default()
}

fn is_sasl(properties: &BTreeMap<String, Property>) -> bool {
    protocol(properties).get(..5).is_some_and(|start| start.eq_ignore_ascii_case("SASL_"))
}

/// The mechanism and the name under which it is set, of two that mean the same.
fn mechanism(properties: &BTreeMap<String, Property>) -> Option<(&'static str, &Property)> {
    let names = ["sasl.mechanism", "sasl.mechanisms"];
    names.into_iter().find_map(|name| properties.get(name).map(|property| (name, property)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    fn complaints(properties: &str) -> String {
        let text = format!("[kafka.properties]\n{properties}");
        Config::parse("site.toml", &text).map_or_else(|invalid| invalid.to_string(), |_| String::new())
    }

    #[test]
    fn kerberos_is_refused_with_what_there_is() {
        let message = complaints("\"security.protocol\" = \"SASL_SSL\"\n\"sasl.mechanism\" = \"GSSAPI\"\n");
        assert_eq!(
            message,
            "site.toml:3: kafka.properties.sasl.mechanism: found \"GSSAPI\", expected one of SCRAM-SHA-512, \
             SCRAM-SHA-256, PLAIN, OAUTHBEARER; Kerberos is not built in"
        );
        assert!(
            complaints("\"sasl.mechanisms\" = \"GSSAPI\"\n").contains("site.toml:2: kafka.properties.sasl.mechanisms")
        );
    }

    #[test]
    fn sasl_without_a_mechanism_is_refused() {
        for protocol in ["SASL_SSL", "sasl_plaintext"] {
            let message = complaints(&format!("\"security.protocol\" = \"{protocol}\"\n"));
            assert!(message.contains("site.toml:2: kafka.properties.security.protocol"), "{message}");
            assert!(message.contains("expected \"sasl.mechanism\" as well"), "{message}");
        }
    }

    #[test]
    fn ways_to_tokens_that_are_not_built_in_are_refused() {
        let oidc = complaints("\"sasl.oauthbearer.method\" = \"oidc\"\n");
        assert!(oidc.contains("kafka.properties.sasl.oauthbearer.method") && oidc.contains("[kafka.oauth]"), "{oidc}");
        let unsigned = complaints("\"enable.sasl.oauthbearer.unsecure.jwt\" = true\n");
        assert!(unsigned.contains("found tokens that nobody has signed"), "{unsigned}");
    }

    #[test]
    fn a_token_and_the_mechanism_that_shows_it_need_each_other() {
        let mechanism = "\"sasl.mechanism\" = \"OAUTHBEARER\"\n";
        let token = "[kafka.oauth]\ntoken = \"file:/run/kafka.jwt\"\n";
        assert!(complaints(mechanism).contains("kafka.oauth: found nothing, expected [kafka.oauth] token"));
        assert!(complaints(token).contains("kafka.oauth: found a token that no mechanism shows"));
        assert_eq!(complaints(&format!("{mechanism}{token}")), "");
    }

    #[test]
    fn a_token_is_named_and_never_written() {
        let mechanism = "\"sasl.mechanism\" = \"OAUTHBEARER\"\n[kafka.oauth]\n";
        let missing = complaints(&format!("{mechanism}principal = \"desk\"\n"));
        assert!(missing.contains("kafka.oauth.token: found nothing"), "{missing}");
        let written = complaints(&format!("{mechanism}token = \"hunter2\"\n"));
        assert!(written.contains("kafka.oauth.token") && !written.contains("hunter2"), "{written}");
    }

    fn warned(properties: &str) -> Vec<String> {
        warnings(&Config::parse("site.toml", &format!("[kafka.properties]\n{properties}")).unwrap().kafka)
    }

    #[test]
    fn every_secret_that_is_written_plainly_is_warned_of_without_repeating_it() {
        for key in ["sasl.password", "ssl.key.password", "ssl.key.pem", "ssl.keystore.password"] {
            let warnings = warned(&format!("\"{key}\" = \"hunter2\"\n"));
            assert!(warnings[0].starts_with(&format!("kafka.properties.{key} stands in the file")), "{warnings:?}");
            assert!(!warnings[0].contains("hunter2"), "{warnings:?}");
        }
        assert_eq!(warned("\"sasl.password\" = \"${PW}\"\n\"ssl.ca.location\" = \"ca.pem\"\n"), Vec::<String>::new());
    }

    #[test]
    fn a_password_in_the_open_is_warned_of() {
        let open = "\"security.protocol\" = \"SASL_PLAINTEXT\"\n";
        assert_eq!(warned(&format!("{open}\"sasl.mechanism\" = \"PLAIN\"\n")).len(), 1);
        assert_eq!(warned(&format!("{open}\"sasl.mechanism\" = \"SCRAM-SHA-512\"\n")).len(), 0);
    }

    #[test]
    fn debug_output_holds_no_property_values() {
        let config = Config::parse("x", "[kafka.properties]\n\"sasl.password\" = \"hunter2\"\n").unwrap();
        let text = format!("{config:?}");
        assert!(text.contains("sasl.password") && !text.contains("hunter2"), "{text}");
    }
}
