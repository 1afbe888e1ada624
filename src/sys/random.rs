//! The kernel's random numbers: random(4).

use super::error::{Call, Result, done};
use super::fs;

/// 256 bits: the whole key of the kernel's generator.
pub type Seed = [u8; 32];

/// The most that is added at once: what other inits keep in a file.
pub const MOST: usize = 512;

/// getrandom(2). EAGAIN as long as the kernel's own are not random enough for a key, unless we `wait` for that, a second or so
/// from Linux 5.4 on and perhaps for ever before.
pub fn seed(wait: bool) -> Result<Seed> {
    let mut seed = Seed::default();
    let flags = if wait { 0 } else { libc::GRND_NONBLOCK };
    // SAFETY: room for the length given; up to 256 bytes come whole.
    done(Call::Read, unsafe { libc::syscall(libc::SYS_getrandom, seed.as_mut_ptr(), seed.len(), flags) }).map(|()| seed)
}

/// `struct rand_pool_info`.
#[repr(C)]
pub struct Pool {
    bits: u32,
    length: u32,
    pub bytes: [u8; MOST],
}

impl Default for Pool {
    fn default() -> Self {
        Pool { bits: 0, length: 0, bytes: [0; MOST] }
    }
}

impl Pool {
    /// RNDADDENTROPY: mixes the first `length` bytes in, and counts them as random if they `count`. A write to /dev/urandom
    /// never does.
    pub fn add(&mut self, length: usize, count: bool) -> Result<()> {
        const ADD_ENTROPY: u32 = 0x4008_5203;
        self.length = length.min(MOST) as u32;
        self.bits = if count { self.length * 8 } else { 0 };
        let device = fs::open(c"/dev/urandom", fs::READ)?;
        // SAFETY: the request reads a structure with the length that stands in it, which is no more than it has.
        done(Call::Ioctl, unsafe { libc::ioctl(device.raw(), ADD_ENTROPY as _, &raw const *self) })
    }
}
