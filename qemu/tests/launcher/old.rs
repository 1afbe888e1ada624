//! Older kernels: without a newer call the fallback for it does as well, so all that is asserted of a container holds.

use std::{
    env,
    process::{Command, Stdio},
};

use nix::libc::{SYS_clone3, SYS_close_range, SYS_mount_setattr, SYS_move_mount, SYS_open_tree, SYS_openat2, c_long};
use tinyo_qemu::refuse::{LOOP_CONFIGURE, without};

use crate::house::House;

/// What a container is, in tests of this very program.
const ALL: [&str; 7] = ["devices::", "escape::", "host::", "isolation::", "rights::", "roots::", "volumes::"];

/// Says to these tests that they are run as here.
pub const MARK: &str = "TINYO_TEST_OLD";

/// Runs `tests` again, where none of `calls` is there.
#[track_caller]
fn holds(tests: &[&str], calls: &[c_long]) {
    let Some(house) = House::build() else { return };
    let mut proof = house.tinyo(&["run", "/", "/bin/true"]);
    without(&mut proof, calls);
    crate::house::ended(proof).says("");
    let mut again = Command::new(env::current_exe().unwrap());
    again
        .args(tests)
        .args(["--test-threads", "1"])
        .env("RUST_BACKTRACE", "0")
        .env(MARK, "1")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    without(&mut again, calls);
    let said = again.output().unwrap();
    let (out, err) = (String::from_utf8_lossy(&said.stdout), String::from_utf8_lossy(&said.stderr));
    assert!(said.status.success(), "without {calls:?}: {out}{err}");
    assert!(!out.contains(" 0 passed"), "{out}");
}

/// Linux 4.19.
#[test]
fn all_of_it_without_any_newer_call() {
    let calls =
        [SYS_clone3, SYS_close_range, SYS_mount_setattr, SYS_move_mount, SYS_open_tree, SYS_openat2, LOOP_CONFIGURE];
    holds(&ALL, &calls);
}

/// Linux 5.11.
#[test]
fn mounts_without_mount_setattr() {
    holds(&["isolation::", "roots::a", "volumes::read_only"], &[SYS_mount_setattr]);
}

#[test]
fn mounts_without_open_tree() {
    holds(&["isolation::", "host::", "volumes::a"], &[SYS_open_tree, SYS_move_mount]);
}

#[test]
fn names_without_openat2() {
    holds(&["errors::a_working", "exec_pty::the_command", "volumes::"], &[SYS_openat2]);
}

#[test]
fn processes_without_clone3() {
    holds(&["isolation::it", "rights::"], &[SYS_clone3]);
}

/// Beyond the limit of open files, too.
#[test]
fn files_without_close_range() {
    holds(&["isolation::nothing", "host::limits", "errors::a_working"], &[SYS_close_range]);
}
