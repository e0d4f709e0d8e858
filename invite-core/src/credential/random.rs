//! Randomness: the operating system's generator, in one place.
//!
//! Everything that mints takes its generator as an argument, so that tests can hand in one with a seed.

use rand::TryRng;
use rand::rand_core::UnwrapErr;
use rand::rngs::{SysError, SysRng};

/// The operating system's generator, which has answered once.
///
/// It then answers always: on the supported systems a request can fail only where the generator is missing, forbidden
/// or not yet seeded. Should it fail all the same, it panics rather than go on with something predictable.
pub type SystemRandom = UnwrapErr<SysRng>;

/// The operating system gives no random numbers.
#[derive(Debug, thiserror::Error)]
#[error(
    "the operating system's random generator does not answer, and no secret is made without it: allow this process \
     the system call getrandom or the device /dev/urandom"
)]
pub struct RandomError(#[from] SysError);

/// Opens the operating system's generator.
pub fn system_random() -> Result<SystemRandom, RandomError> {
    SysRng.try_next_u64()?;
    Ok(UnwrapErr(SysRng))
}

#[cfg(test)]
mod tests {
    use rand::Rng;

    use super::*;

    #[test]
    fn the_operating_system_never_says_the_same_twice() {
        let mut random = system_random().unwrap();
        let mut draw = || {
            let mut bytes = [0; 16];
            random.fill_bytes(&mut bytes);
            bytes
        };
        assert_ne!(draw(), draw());
    }
}
