//! Kafka's tokens: fetched where the configuration says, each time anew.

use super::{clock, keeper};
use crate::config::{Config, OauthSettings};
use crate::model::token::{Token, TokenSource};

/// Where Kafka's clients get their tokens; none without `[kafka.oauth]`.
#[must_use]
pub fn source(config: &Config) -> Option<TokenSource> {
    let settings = config.kafka.oauth.clone()?;
    Some(TokenSource::new(move || fetch(&settings)))
}

fn fetch(settings: &OauthSettings) -> Result<Token, String> {
    let about = |what: String| format!("no token from {}, which [kafka.oauth] names: {what}", settings.token);
    let secret = settings.token.resolve(&keeper::system()).map_err(|found| about(format!("found {found}")))?;
    Token::read(secret.expose(), settings.principal.as_deref(), clock::now()).map_err(about)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(path: &std::path::Path) -> Config {
        let text = format!(
            "[kafka.properties]\n\"sasl.mechanism\" = \"OAUTHBEARER\"\n[kafka.oauth]\ntoken = \"file:{}\"\n",
            path.display()
        );
        Config::parse("site.toml", &text).unwrap()
    }

    #[test]
    fn a_token_is_read_anew_each_time() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("token");
        let source = source(&named(&file)).unwrap();
        for text in ["first", "second"] {
            std::fs::write(&file, format!("{text}\n")).unwrap();
            assert_eq!(source.fetch().unwrap().expose(), text);
        }
    }

    #[test]
    fn a_missing_token_is_told_with_its_place() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("token");
        let why = source(&named(&file)).unwrap().fetch().unwrap_err();
        assert!(why.contains(&file.display().to_string()) && why.contains("unreadable"), "{why}");
    }

    #[test]
    fn what_is_no_token_is_not_repeated() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("token");
        std::fs::write(&file, "hunter2 hunter2").unwrap();
        let why = source(&named(&file)).unwrap().fetch().unwrap_err();
        assert!(why.contains("it is no token") && !why.contains("hunter2"), "{why}");
    }

    #[test]
    fn without_its_table_there_is_no_token() {
        assert!(source(&Config::shipped()).is_none());
    }
}
