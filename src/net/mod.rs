//! What everything that listens on the network shares: the certificate that it shows, and places for connections.

mod places;
mod tls;

pub use places::{Place, Places};
pub use tls::{TlsError, server_config};
