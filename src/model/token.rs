//! Bearer tokens: what a client of Kafka shows instead of a password.

use std::fmt;
use std::sync::Arc;

use data_encoding::BASE64URL_NOPAD;
use serde_json::{Map, Value};

use super::time::{HOUR, SECOND, Timestamp};

/// How long a token holds that does not say so, in microseconds.
const UNSAID: i64 = HOUR;
/// Who a token without a subject stands for.
const NOBODY: &str = "chartsentry";

/// A token and what a client must know of it. Its text is a secret: `Debug` leaves it out.
#[derive(Clone, PartialEq, Eq)]
pub struct Token {
    text: String,
    principal: String,
    expires_at: Timestamp,
}

impl Token {
    /// Reads a token. Of a JWT (RFC 7519) the claims `exp` and `sub` count, without looking at its signature: that is
    /// for the broker to judge. Any other token holds for an hour. `principal` comes before `sub`.
    ///
    /// # Errors
    /// A sentence without the token, when it cannot be one or is no longer valid.
    pub fn read(text: &str, principal: Option<&str>, now: Timestamp) -> Result<Self, String> {
        let text = text.trim();
        // RFC 6750, section 2.1. librdkafka would repeat a token with other characters in its message.
        let fits = |c: char| c.is_ascii_alphanumeric() || "-._~+/=".contains(c);
        if text.is_empty() || !text.chars().all(fits) {
            return Err("it is no token: letters, digits and \"-._~+/=\" are expected, and nothing else".to_owned());
        }
        let claims = claims(text).unwrap_or_default();
        let expires_at = match claims.get("exp").and_then(Value::as_f64) {
            // A number out of range ends at the range's end.
            Some(seconds) => Timestamp((seconds * SECOND as f64) as i64),
            None => now.plus(UNSAID),
        };
        if expires_at <= now {
            return Err(format!("the token expired at {expires_at}: renew it"));
        }
        let subject = claims.get("sub").and_then(Value::as_str).filter(|subject| !subject.contains('\0'));
        let principal = principal.or(subject).unwrap_or(NOBODY).to_owned();
        Ok(Self { text: text.to_owned(), principal, expires_at })
    }

    /// The token itself, for the library that shows it to the broker.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.text
    }

    /// Who it stands for.
    #[must_use]
    pub fn principal(&self) -> &str {
        &self.principal
    }

    /// From when on it is worth nothing.
    #[must_use]
    pub const fn expires_at(&self) -> Timestamp {
        self.expires_at
    }
}

/// The claims of a JWT: the second of three parts. `None` for a token of another kind.
fn claims(text: &str) -> Option<Map<String, Value>> {
    let mut parts = text.split('.');
    let (Some(_), Some(claims), Some(_), None) = (parts.next(), parts.next(), parts.next(), parts.next()) else {
        return None;
    };
    serde_json::from_slice(&BASE64URL_NOPAD.decode(claims.as_bytes()).ok()?).ok()
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Token").field("expires_at", &self.expires_at).finish_non_exhaustive()
    }
}

/// Gives the token that holds now, each time anew.
#[derive(Clone)]
pub struct TokenSource(Arc<dyn Fn() -> Result<Token, String> + Send + Sync>);

impl TokenSource {
    /// `fetch` gives a token, or says without it why there is none.
    pub fn new(fetch: impl Fn() -> Result<Token, String> + Send + Sync + 'static) -> Self {
        Self(Arc::new(fetch))
    }

    /// Fetches a token; may take as long as what it is fetched from.
    ///
    /// # Errors
    /// Why there is none, in a sentence without the token.
    pub fn fetch(&self) -> Result<Token, String> {
        (self.0)()
    }
}

impl fmt::Debug for TokenSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenSource")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(1_000 * SECOND);

    fn jwt(claims: &str) -> String {
        format!("{}.{}.c2ln", BASE64URL_NOPAD.encode(b"{\"alg\":\"RS256\"}"), BASE64URL_NOPAD.encode(claims.as_bytes()))
    }

    fn read(text: &str) -> Result<Token, String> {
        Token::read(text, None, NOW)
    }

    #[test]
    fn a_jwt_says_whose_it_is_and_until_when() {
        let token = read(&jwt(r#"{"sub":"watcher","exp":1600}"#)).unwrap();
        assert_eq!((token.principal(), token.expires_at()), ("watcher", Timestamp(1_600 * SECOND)));
    }

    #[test]
    fn a_fraction_of_a_second_counts() {
        assert_eq!(read(&jwt(r#"{"exp":1600.5}"#)).unwrap().expires_at(), Timestamp(1_600_500_000));
    }

    #[test]
    fn a_principal_that_is_given_comes_before_that_of_the_token() {
        let token = Token::read(&jwt(r#"{"sub":"watcher","exp":1600}"#), Some("desk"), NOW).unwrap();
        assert_eq!(token.principal(), "desk");
    }

    #[test]
    fn an_unsigned_jwt_is_read_as_well() {
        let token = read(&jwt(r#"{"sub":"watcher","exp":1600}"#).replace("c2ln", "")).unwrap();
        assert_eq!(token.principal(), "watcher");
    }

    #[test]
    fn a_token_that_does_not_say_holds_for_an_hour() {
        for text in [jwt(r#"{"sub":"watcher"}"#), "an-opaque~token==".to_owned(), "a.b.c".to_owned()] {
            assert_eq!(read(&text).unwrap().expires_at(), NOW.plus(HOUR), "{text}");
        }
    }

    #[test]
    fn an_expired_token_is_refused_with_its_time() {
        let why = read(&jwt(r#"{"exp":1000}"#)).unwrap_err();
        assert_eq!(why, "the token expired at 1970-01-01T00:16:40.000000Z: renew it");
    }

    #[test]
    fn what_cannot_be_a_token_is_refused_without_repeating_it() {
        for text in ["", " \n", "hunter2 hunter2", "hunter2\u{1}", "hunter2\0", "hünter2"] {
            let why = read(text).unwrap_err();
            assert!(why.starts_with("it is no token") && !why.contains("nter2"), "{why}");
        }
    }

    #[test]
    fn a_line_end_behind_the_token_is_no_part_of_it() {
        assert_eq!(read("abc\r\n").unwrap().expose(), "abc");
    }

    #[test]
    fn debug_output_holds_neither_token_nor_principal() {
        let token = Token::read("hunter2", Some("desk"), NOW).unwrap();
        let shown = format!("{token:?}");
        let text = format!("{shown} {:?}", TokenSource::new(move || Ok(token.clone())));
        assert!(!text.contains("hunter2") && !text.contains("desk"), "{text}");
    }
}
