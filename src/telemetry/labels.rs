//! Closed sets of words that metrics and logs use.

/// Signs that a feed is not what it should be. Never an incident.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FeedTrouble {
    /// The audit feed was silent for longer than it ever is.
    AuditFeedGap,
    /// A person opened charts whom no workforce record names.
    UnknownActor,
    /// A chart was opened that no patient record names.
    UnknownPatient,
}

impl FeedTrouble {
    /// Every sign.
    pub const ALL: [Self; 3] = [Self::AuditFeedGap, Self::UnknownActor, Self::UnknownPatient];

    /// The name in metrics and logs.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::AuditFeedGap => "audit_feed_gap",
            Self::UnknownActor => "unknown_actor",
            Self::UnknownPatient => "unknown_patient",
        }
    }
}

/// What goes wrong at the door of metrics and health.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HttpTrouble {
    /// A request did not carry the token.
    BadToken,
    /// TLS could not be agreed upon.
    BadTls,
    /// A client took longer than a connection may last.
    SlowClient,
    /// All places for connections were taken.
    Crowd,
    /// The system could not hand a connection over.
    AcceptError,
}

impl HttpTrouble {
    /// Every trouble.
    pub const ALL: [Self; 5] = [Self::BadToken, Self::BadTls, Self::SlowClient, Self::Crowd, Self::AcceptError];

    /// The name in metrics and logs.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::BadToken => "bad_token",
            Self::BadTls => "bad_tls",
            Self::SlowClient => "slow_client",
            Self::Crowd => "crowd",
            Self::AcceptError => "accept_error",
        }
    }
}

/// What comes of a configuration that is read again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReloadOutcome {
    /// All of it holds.
    Applied,
    /// Nothing of it holds.
    Refused,
}

impl ReloadOutcome {
    /// Every outcome.
    pub const ALL: [Self; 2] = [Self::Applied, Self::Refused];

    /// The name in metrics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Applied => "applied",
            Self::Refused => "refused",
        }
    }
}

/// What became of a copy of a record that could not be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CopyOutcome {
    /// The quarantine topic has all of it.
    Whole,
    /// The topic has its beginning: it is larger than the topic allows.
    Cut,
    /// The topic has nothing of it.
    Failed,
}

impl CopyOutcome {
    /// Every outcome.
    pub const ALL: [Self; 3] = [Self::Whole, Self::Cut, Self::Failed];

    /// The name in metrics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Whole => "whole",
            Self::Cut => "cut",
            Self::Failed => "failed",
        }
    }
}
