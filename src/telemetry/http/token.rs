//! The token that lets a caller see metrics.

use std::fmt;

use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use sha2::{Digest, Sha256};

const BEARER: &[u8] = b"Bearer ";

/// What `Authorization: Bearer ...` must carry. Only its digest is kept.
pub struct Token([u8; 32]);

/// The digest is not shown either.
impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(***)")
    }
}

/// As what a caller stands there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// The token is right, or none is asked for.
    Known,
    /// No token was shown.
    Unknown,
    /// Another token was shown.
    Refused,
}

impl Token {
    /// The token with this text.
    #[must_use]
    pub fn new(text: &str) -> Self {
        Self(Sha256::digest(text).into())
    }

    /// As what a request's caller stands there.
    pub(super) fn judge(&self, headers: &HeaderMap) -> Standing {
        let Some(shown) = headers.get(AUTHORIZATION) else { return Standing::Unknown };
        let (scheme, text) = shown.as_bytes().split_at_checked(BEARER.len()).unwrap_or_default();
        if scheme.eq_ignore_ascii_case(BEARER) && self.is(text) { Standing::Known } else { Standing::Refused }
    }

    /// Compares all of both digests: neither how long it takes nor where they differ tells anything of the token.
    fn is(&self, text: &[u8]) -> bool {
        let shown: [u8; 32] = Sha256::digest(text).into();
        self.0.iter().zip(shown).fold(0, |differences, (own, shown)| differences | (own ^ shown)) == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_whole_token_is_known() {
        let token = Token::new("0123456789abcdef");
        let judge = |value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(AUTHORIZATION, value.parse().unwrap());
            token.judge(&headers)
        };
        assert_eq!(judge("Bearer 0123456789abcdef"), Standing::Known);
        assert_eq!(judge("bearer 0123456789abcdef"), Standing::Known);
        for wrong in ["Bearer 0123456789abcde", "Bearer 0123456789abcdefg", "Bearer ", "Basic 0123456789abcdef", ""] {
            assert_eq!(judge(wrong), Standing::Refused, "{wrong}");
        }
        assert_eq!(token.judge(&HeaderMap::new()), Standing::Unknown);
    }

    #[test]
    fn a_token_is_never_shown() {
        assert_eq!(format!("{:?}", Token::new("0123456789abcdef")), "Token(***)");
    }
}
