//! What the processors can hash.

use std::num::NonZeroUsize;
use std::thread;
use std::time::{Duration, Instant};

use argon2::{Algorithm, Argon2, Block, Params, Version};
use invite_benches::Answer;
use invite_core::credential::HashCost;

/// How long so many argon2id hashes of the default cost take on all processors, with nothing around them.
pub(crate) fn hash(number: usize) -> Answer<Duration> {
    let cost = HashCost::default();
    let params = Params::new(cost.memory_kib(), cost.iterations(), cost.lanes(), Some(32))?;
    let threads = thread::available_parallelism().map_or(1, NonZeroUsize::get);
    let began = Instant::now();
    thread::scope(|scope| {
        let hashing: Vec<_> = (0..threads)
            .map(|first| {
                let params = params.clone();
                scope.spawn(move || {
                    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
                    let mut memory = vec![Block::default(); argon2.params().block_count()];
                    for password in (first..number).step_by(threads) {
                        let mut out = [0; 32];
                        argon2.hash_password_into_with_memory(
                            &password.to_le_bytes(),
                            &[7; 16],
                            &mut out,
                            &mut memory,
                        )?;
                        std::hint::black_box(out);
                    }
                    Ok::<_, argon2::Error>(())
                })
            })
            .collect();
        hashing.into_iter().try_for_each(|thread| thread.join().expect("hashing does not panic"))
    })?;
    Ok(began.elapsed())
}
