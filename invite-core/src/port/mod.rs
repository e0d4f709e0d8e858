//! Floor 2: the ports, each with its contract, for those who write a store, an `Accounts` or a transport of their own.

pub mod transport;
