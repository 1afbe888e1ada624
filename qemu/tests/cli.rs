//! `run-qemu` as its users call it: exit codes, options, and the demo's own checks.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    process::{Command, Output, Stdio},
};

use tinyo_qemu::{
    expect::End,
    kit::Arch,
    suite::{Slot, guest, script, skip},
};

/// None is a named skip, as for the tests that boot a guest themselves.
fn run_qemu(arch: Arch, arguments: &[&str]) -> Option<Output> {
    if skip(arch) {
        return None;
    }
    // Much less than the default: a hang is found sooner.
    let patience: &[&str] = if arguments.contains(&"--timeout") { &[] } else { &["--timeout", "60"] };
    let _slot = Slot::take();
    let run = Command::new(env!("CARGO_BIN_EXE_run-qemu"))
        .args(["--arch", &arch.to_string()])
        .args(patience)
        .args(arguments)
        .stdin(Stdio::null())
        .output();
    Some(run.unwrap())
}

#[track_caller]
fn exits(run: &Output, code: i32) -> String {
    let said = String::from_utf8_lossy(&run.stdout).into_owned();
    let errors = String::from_utf8_lossy(&run.stderr);
    assert_eq!(run.status.code(), Some(code), "{said}\n{errors}");
    said + &errors
}

#[test]
fn the_demos_own_checks_hold() {
    let Some(run) = run_qemu(Arch::X86_64, &["--test"]) else {
        return;
    };
    let said = exits(&run, 0);
    assert!(said.contains("demo: poweroff ends the machine cleanly"), "{said}");
}

#[test]
fn the_demos_own_checks_hold_on_aarch64() {
    let Some(run) = run_qemu(Arch::Aarch64, &["--test"]) else {
        return;
    };
    exits(&run, 0);
}

#[test]
fn a_commands_status_is_the_exit_code() {
    let Some(run) = run_qemu(Arch::X86_64, &["--append", "-- /bin/sh -c \"exit 7\""]) else {
        return;
    };
    exits(&run, 7);
}

#[test]
fn a_guest_that_goes_on_is_124() {
    let Some(run) = run_qemu(Arch::X86_64, &["--timeout", "4", "--append", "-- /bin/sleep 1000"]) else {
        return;
    };
    exits(&run, 124);
}

#[test]
fn a_clean_power_off_is_0_and_a_reboot_is_not() {
    let dir = tempfile::tempdir().unwrap();
    let config = dir.path().join("my.toml");
    for (end, code) in [("poweroff", 0), ("reboot", 122)] {
        let text = format!("[service.x]\nexec = [\"/bin/true\"]\ntype = \"oneshot\"\non-exit = \"{end}\"\n");
        fs::write(&config, text).unwrap();
        let Some(run) = run_qemu(Arch::X86_64, &["--config", config.to_str().unwrap()]) else {
            return;
        };
        exits(&run, code);
    }
}

#[test]
fn what_is_no_kernel_is_125_with_qemus_words() {
    let Some(run) = run_qemu(Arch::X86_64, &["--kernel", "/etc/passwd"]) else {
        return;
    };
    let said = exits(&run, 125);
    assert!(said.contains("run-qemu: the guest never spoke"), "{said}");
}

#[test]
fn a_file_that_is_not_there_is_125_and_named() {
    for option in ["--config", "--rootfs", "--disk"] {
        let Some(run) = run_qemu(Arch::X86_64, &[option, "/not/there"]) else {
            return;
        };
        let said = exits(&run, 125);
        assert!(said.contains("/not/there: "), "{said}");
    }
}

#[test]
fn a_rootfs_directory_is_the_initramfs() {
    if skip(Arch::X86_64) {
        return;
    }
    let kit = tinyo_qemu::kit::Kit::find(Arch::X86_64).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let rootfs = dir.path();
    fs::create_dir(rootfs.join("bin")).unwrap();
    fs::copy(kit.busybox, rootfs.join("bin/busybox")).unwrap();
    fs::set_permissions(rootfs.join("bin/busybox"), fs::Permissions::from_mode(0o755)).unwrap();
    let command = "-- /bin/busybox sh -c \"busybox ls /; exit 5\"";
    let arguments = ["--rootfs", rootfs.to_str().unwrap(), "--append", command];
    let Some(run) = run_qemu(Arch::X86_64, &arguments) else {
        return;
    };
    let said = exits(&run, 5);
    assert!(!said.contains("srv"), "the demo's files are there too\n{said}");
}

/// It is the image tool that looks, before there is a guest.
#[test]
fn an_image_with_errors_is_not_booted_unless_it_is_meant_to_be() {
    if skip(Arch::X86_64) {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let config = dir.path().join("c.toml");
    fs::write(&config, "[service.a]\nexec = [\"/none\"]\non-exit = \"poweroff\"\nrestart = \"never\"\n").unwrap();
    let arguments = ["--config", config.to_str().unwrap()];
    let Some(run) = run_qemu(Arch::X86_64, &arguments) else { return };
    let said = exits(&run, 2);
    assert!(
        said.contains("run-qemu: a: exec: /none is not in the image; add it") && !said.contains("tinyo: "),
        "{said}"
    );
    let Some(run) = run_qemu(Arch::X86_64, &[&arguments[..], &["--unchecked"]].concat()) else { return };
    let said = exits(&run, 0);
    assert!(said.contains("tinyo: a: run /none: no such file"), "{said}");
}

/// The driver itself, against an /init that is a shell script: what a broken machine looks like.
#[test]
fn a_panic_is_no_clean_end() {
    let run = guest(Arch::X86_64, |boot| {
        boot.archive.file("/init", 0o755, script("echo leaving; exit 1"));
        boot.by_hand().run()
    });
    let Some(guest) = run.outcome() else { return };
    assert!(matches!(&guest.end, End::Broken(line) if line.contains("Attempted to kill init")), "{guest}");
    assert_eq!(guest.exit_code(), 125);
}
