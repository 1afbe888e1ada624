//! Who a process is and what it may, by its /proc/PID/status (proc_pid_status(5)).

use super::keyed::{set_of, value_of};
use crate::text::bytes::cut;

/// Ids in digits, in the words of whoever opened the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Credentials<'s> {
    pub user: &'s [u8],
    pub group: &'s [u8],
    /// With a space behind each.
    pub groups: &'s [u8],
    pub permitted: u64,
    pub bounding: u64,
    pub no_new_privileges: bool,
    pub filtered: bool,
}

/// None: it is not such a file, or was cut.
pub fn credentials(status: &[u8]) -> Option<Credentials<'_>> {
    let set = |key: &[u8]| set_of(status, key);
    Some(Credentials {
        user: effective(value_of(status, b"Uid:\t")?)?,
        group: effective(value_of(status, b"Gid:\t")?)?,
        groups: value_of(status, b"Groups:\t")?,
        permitted: set(b"CapPrm:\t")?,
        bounding: set(b"CapBnd:\t")?,
        no_new_privileges: value_of(status, b"NoNewPrivs:\t")? != b"0",
        // A kernel without seccomp says nothing of it.
        filtered: value_of(status, b"Seccomp:\t") == Some(b"2"),
    })
}

/// The second of `real effective saved filesystem`.
fn effective(ids: &[u8]) -> Option<&[u8]> {
    Some(cut(cut(ids, b'\t').1?, b'\t').0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const STATUS: &str = "Name:\tUid:\\n0\nUmask:\t0022\nPid:\t7\nUid:\t1\t2\t3\t4\nGid:\t5\t6\t7\t8\nGroups:\t10 20 \n\
        NSpid:\t7\t1\nCapInh:\t0000000000000000\nCapPrm:\t00000000a00425fb\nCapEff:\t0000000000000001\n\
        CapBnd:\t000001ffffffffff\nCapAmb:\t0000000000000000\nNoNewPrivs:\t1\nSeccomp:\t2\n";

    #[test]
    fn reads_all_of_it() {
        let credentials = credentials(STATUS.as_bytes()).unwrap();
        let Credentials { user, group, groups, .. } = credentials;
        assert_eq!((user, group, groups), (&b"2"[..], &b"6"[..], &b"10 20 "[..]));
        assert_eq!((credentials.permitted, credentials.bounding), (0xa004_25fb, 0x1ff_ffff_ffff));
        assert!(credentials.no_new_privileges);
        let other = STATUS.replace("NoNewPrivs:\t1", "NoNewPrivs:\t0").replace("10 20 ", "");
        let other =
            super::credentials(other.as_bytes()).map(|other| (other.no_new_privileges, other.groups.is_empty()));
        assert_eq!(other, Some((false, true)));
    }

    /// Less than all of it is nothing: no right is guessed.
    #[test]
    fn a_cut_file_is_none() {
        for end in 0..STATUS.find("NoNewPrivs:\t").unwrap() {
            assert_eq!(credentials(&STATUS.as_bytes()[..end]), None, "{end}");
        }
        for line in STATUS.lines().filter(|line| line.contains("Cap") && !line.contains("Inh")) {
            let broken = STATUS.replace(line, &line.replace("0", "x"));
            assert!(credentials(broken.as_bytes()).is_none() || line.contains("Eff") || line.contains("Amb"), "{line}");
        }
    }
}
