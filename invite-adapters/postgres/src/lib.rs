//! All stores of `invite-core` on PostgreSQL, on the host's own pool.
