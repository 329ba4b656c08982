//! A bounded number of connections, and of those of one address.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

/// Places for connections at one listener.
#[derive(Clone)]
pub struct Places {
    taken: Arc<Mutex<BTreeMap<IpAddr, usize>>>,
    all: usize,
    of_one: usize,
}

impl Places {
    /// As many as `all`, of which one address takes `of_one` at most, so that nobody takes them all.
    #[must_use]
    pub fn new(all: usize, of_one: usize) -> Self {
        Self { taken: Arc::default(), all, of_one }
    }

    /// A place for a connection from `peer`; none when all are taken, or too many by that address.
    #[must_use]
    pub fn take(&self, peer: IpAddr) -> Option<Place> {
        let peer = neighbourhood(peer);
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let own = taken.get(&peer).copied().unwrap_or_default();
        if own >= self.of_one || taken.values().sum::<usize>() >= self.all {
            return None;
        }
        taken.insert(peer, own + 1);
        Some(Place { places: self.clone(), peer })
    }
}

/// What counts as one address: of IPv6 the network, because whoever is in one may take any address of it.
fn neighbourhood(peer: IpAddr) -> IpAddr {
    const NETWORK: u128 = !0 << 64;
    match peer.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6((u128::from(address) & NETWORK).into()),
        address @ IpAddr::V4(_) => address,
    }
}

/// A connection's place, until it is dropped.
pub struct Place {
    places: Places,
    peer: IpAddr,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.places.taken.lock().unwrap_or_else(PoisonError::into_inner);
        match taken.get_mut(&self.peer) {
            Some(own) if *own > 1 => *own -= 1,
            _ => drop(taken.remove(&self.peer)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_network_of_ipv6_is_one_address() {
        let [one, other, third] = ["2001:db8::1", "2001:db8::2", "2001:db8:1::1"].map(|text| text.parse().unwrap());
        let places = Places::new(3, 1);
        let _held = places.take(one).unwrap();
        assert!(places.take(other).is_none());
        assert!(places.take(third).is_some());
    }

    #[test]
    fn one_address_leaves_room_for_others_and_a_place_that_is_left_is_free_again() {
        let [one, other, third] = [1, 2, 3].map(|last| IpAddr::from([127, 0, 0, last]));
        let places = Places::new(3, 2);
        let held = [one, one].map(|peer| places.take(peer).unwrap());
        assert!(places.take(one).is_none(), "one address has its two places");
        let last = places.take(other).unwrap();
        assert!(places.take(third).is_none(), "all three are taken");
        drop(last);
        assert!(places.take(third).is_some());
        drop(held);
        assert!(places.take(one).is_some());
    }
}
