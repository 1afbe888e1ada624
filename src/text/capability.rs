//! Names of capabilities(7).

use super::bytes::alike;
use super::names;

/// Capabilities 0 to 40 in order.
pub const NAMES: &str = "CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID KILL SETGID SETUID SETPCAP LINUX_IMMUTABLE \
                     NET_BIND_SERVICE NET_BROADCAST NET_ADMIN NET_RAW IPC_LOCK IPC_OWNER SYS_MODULE SYS_RAWIO SYS_CHROOT \
                     SYS_PTRACE SYS_PACCT SYS_ADMIN SYS_BOOT SYS_NICE SYS_RESOURCE SYS_TIME SYS_TTY_CONFIG MKNOD LEASE \
                     AUDIT_WRITE AUDIT_CONTROL SETFCAP MAC_OVERRIDE MAC_ADMIN SYSLOG WAKE_ALARM BLOCK_SUSPEND AUDIT_READ \
                     PERFMON BPF CHECKPOINT_RESTORE";

/// Every capability that has a name here.
pub const ALL: u64 = (1 << 41) - 1;

/// A name, with or without `CAP_`, or `ALL`, of either case, to its bits.
pub fn parse(text: &[u8]) -> Option<u64> {
    let name = match text.split_at_checked(4) {
        Some((cap, name)) if alike(cap, b"CAP_") => name,
        _ => text,
    };
    if alike(name, b"ALL") {
        return Some(ALL);
    }
    1u64.checked_shl(u32::try_from(names::position_alike(NAMES, name)?).ok()?)
}

/// The name of capability `number`, without `CAP_`.
pub fn name(number: u8) -> Option<&'static str> {
    names::name(NAMES, usize::from(number))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// All of them, there and back.
    #[test]
    fn names_and_bits() {
        for number in 0..=40u8 {
            let name = super::name(number).unwrap();
            for text in [name.into(), std::format!("CAP_{name}"), name.to_lowercase()] {
                assert_eq!(parse(text.as_bytes()), Some(1 << number), "{text}");
            }
        }
        assert_eq!(
            (super::name(12), super::name(21), super::name(40), super::name(41)),
            (Some("NET_ADMIN"), Some("SYS_ADMIN"), Some("CHECKPOINT_RESTORE"), None)
        );
        assert_eq!((parse(b"ALL"), parse(b"all"), ALL.count_ones()), (Some(ALL), Some(ALL), 41));
        for text in ["", "CAP_", "SYS", "NET_ADMIN NET_RAW", "0"] {
            assert_eq!(parse(text.as_bytes()), None, "{text}");
        }
    }
}
