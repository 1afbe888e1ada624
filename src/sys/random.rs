//! The kernel's random numbers: random(4).

use super::error::{Call, Result, done};
use super::fs;

/// 256 bits: the whole key of the kernel's generator.
pub type Seed = [u8; 32];

/// The most that is added at once: what other inits keep in a file.
pub const MOST: usize = 512;

/// getrandom(2), without waiting: None as long as the kernel's own are not random enough for a key.
pub fn seed() -> Option<Seed> {
    let mut seed = Seed::default();
    // SAFETY: room for the length given; up to 256 bytes come whole.
    let n = unsafe { libc::syscall(libc::SYS_getrandom, seed.as_mut_ptr(), seed.len(), libc::GRND_NONBLOCK) };
    (n == seed.len() as libc::c_long).then_some(seed)
}

/// RNDADDENTROPY: mixes `bytes` in, the first [`MOST`] of them, and counts them as random if they `count`. A write to
/// /dev/urandom never does.
pub fn add(bytes: &[u8], count: bool) -> Result<()> {
    const ADD_ENTROPY: u32 = 0x4008_5203;
    /// `struct rand_pool_info`.
    #[repr(C)]
    struct Pool {
        bits: i32,
        length: i32,
        bytes: [u8; MOST],
    }
    let mut pool = Pool { bits: 0, length: 0, bytes: [0; MOST] };
    for (place, byte) in pool.bytes.iter_mut().zip(bytes) {
        *place = *byte;
        pool.length += 1;
    }
    if count {
        pool.bits = pool.length * 8;
    }
    let device = fs::open(c"/dev/urandom", fs::READ)?;
    // SAFETY: the request reads a structure with the length that stands in it.
    done(Call::Ioctl, unsafe { libc::ioctl(device.raw(), ADD_ENTROPY as _, &raw const pool) })
}
