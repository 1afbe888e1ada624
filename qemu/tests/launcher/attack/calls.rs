//! System calls that the filter refuses, and that nothing else does: enabled with it (`mod calls;` in `mod.rs`).

use super::{Siege, terminal::typed};

const REFUSED: [&str; 2] = ["EPERM", "ENOSYS"];

const CALLS: [&str; 16] = [
    "keyctl 0 -3 1 0 0", // KEYCTL_GET_KEYRING_ID of the session
    "add_key @user @name @x 1 -3",
    "request_key @user @name 0 0",
    "bpf 5 #128 128", // BPF_PROG_LOAD
    "bpf 0 #128 128", // BPF_MAP_CREATE
    "userfaultfd 1",  // UFFD_USER_MODE_ONLY: no capability is wanted for it
    "io_uring_setup 8 #120",
    "perf_event_open #128 0 -1 -1 0",
    "unshare 0x10000000", // CLONE_NEWUSER: the way to every other namespace
    "clone 0x10000011 0 0 0 0",
    "setns 0 0",
    "open_by_handle_at -100 [8:0:0:0] 0",
    "kcmp 0 0 0 0 0",
    "ioctl 0 0x5412 @x", // TIOCSTI
    "ioctl 0 0x100005412 @x",
    "ioctl 0 0x541C [3:0]", // TIOCLINUX
];

#[test]
fn the_filter_refuses_what_a_container_has_no_use_for() {
    let Some(siege) = Siege::build() else { return };
    for who in [&[][..], &["--user=1000:1000"], &["--network=host"], &["--init=false"], &["--cap-drop=ALL"]] {
        siege.refused(who, &CALLS, &REFUSED);
    }
}

/// A terminal that is nobody's becomes the container's, and then it may type into it (where dev.tty.legacy_tiocsti is 1).
#[test]
fn nothing_is_typed_into_a_terminal_that_was_nobodys() {
    let Some(siege) = Siege::build() else { return };
    for options in [&[][..], &["--init=false"], &["--user=1000:1000"]] {
        let (input, said) = typed(&siege, options, "ioctl 0 0x540E 0 , ioctl 0 0x5412 @x , ioctl 0 0x100005412 @x");
        assert_eq!(input, "", "{options:?}: {said}");
    }
}
