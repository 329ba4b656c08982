//! How a daemon runs, apart from its configuration.

use crate::breach::handoff::RunKind;

/// How a daemon runs, apart from its configuration.
#[derive(Clone, Copy, Debug)]
pub struct Mode {
    pub run_kind: RunKind,
    /// Answer on `[http] listen`.
    pub serves_http: bool,
    /// Open cases of what is handed over.
    pub keeps_register: bool,
    /// Refuse accesses more than a day after the present.
    pub refuses_future: bool,
    /// Take from workers what they found, instead of accesses from the topics.
    pub hears_workers: bool,
}

impl Mode {
    /// A hospital's daemon.
    pub const LIVE: Self = Self {
        run_kind: RunKind::Live,
        serves_http: true,
        keeps_register: true,
        refuses_future: true,
        hears_workers: false,
    };
    /// The one daemon that keeps what a cluster's workers find.
    pub const REGISTER: Self = Self { hears_workers: true, ..Self::LIVE };
    /// A log of some other time, shown once.
    pub const DEMO: Self = Self {
        run_kind: RunKind::Demo,
        serves_http: false,
        keeps_register: false,
        refuses_future: false,
        hears_workers: false,
    };
}
