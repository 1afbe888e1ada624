//! What is looked at before the initramfs is given up: an init that could not be executed is named, and the next root tried.

use std::fs;

use anyhow::Result;
use tinyo_qemu::{
    cpio::Archive,
    expect::End,
    image::{self, tool},
    kit::{Arch, Kit},
    suite::{ON_VIRTIO, guest, script},
};

/// A program of this machine's with that loader; `machine` is its e_machine(3).
fn program(machine: u16, loader: &str) -> Vec<u8> {
    let mut file = vec![0; 64 + 56];
    file[..6].copy_from_slice(b"\x7fELF\x02\x01");
    for (at, width, value) in [(16, 2, 3), (18, 2, u64::from(machine)), (32, 8, 64), (54, 2, 56), (56, 2, 1)] {
        file[at..at + width].copy_from_slice(&value.to_le_bytes()[..width]);
    }
    for (at, width, value) in [(64, 4, 3), (72, 8, 120), (96, 8, loader.len() as u64 + 1)] {
        file[at..at + width].copy_from_slice(&value.to_le_bytes()[..width]);
    }
    file.extend_from_slice(loader.as_bytes());
    file.push(0);
    file
}

/// A disk with every kind of init; /good is one.
fn disk(kit: &Kit) -> Result<Archive> {
    let mut disk = image::busybox_root(kit)?;
    disk.file("/real", 0o755, script("check switched test -d /proc/1\npoweroff -f"));
    disk.link("/good", "/link");
    disk.link("/link", "/real");
    disk.file("/arm", 0o755, program(183, "/lib/ld.so"));
    disk.file("/loader", 0o755, program(62, "/lib/ld-linux-x86-64.so.2"));
    disk.file("/arm-loader", 0o755, program(62, "/arm"));
    // As a disk that became full leaves it: the kernel would execute it, and kill it at the first page that is not there.
    let busybox = fs::read(&kit.busybox)?;
    disk.file("/cut-short", 0o755, &busybox[..busybox.len() / 2]).file("/cut-off", 0o755, &busybox[..100]);
    disk.file("/script", 0o755, "#! /bin/no-shell -e\nexit\n");
    disk.file("/script-of-script", 0o755, "#!/script\nexit\n");
    disk.file("/text", 0o755, "exit\n");
    disk.file("/circle", 0o755, "#!/circle\n");
    disk.file("/not-executable", 0o644, "#!/bin/sh\n");
    disk.dir("/directory", 0o755);
    disk.link("/dangling", "/nowhere");
    Ok(disk)
}

/// Boots with these inits in turn, and then with one that is right: what is said of each.
#[track_caller]
fn tries(options: &str, cases: &[(&str, &str)]) {
    let root = |init: &str, options: &str| {
        format!("[[root]]\nsource = \"/dev/vda\"\ntype = \"ext4\"\noptions = \"{options}\"\ninit = \"{init}\"\n")
    };
    let run = guest(Arch::X86_64, |boot| {
        let roots: String = cases.iter().map(|(init, _)| root(init, options)).collect();
        let disk = disk(&boot.kit)?;
        boot.config(&format!("{ON_VIRTIO}{roots}{}", root("/good", "noatime"))).disk(&disk)?;
        let image = boot.dir.path().join("disk.img");
        tool("debugfs", ["-w".as_ref(), "-R".as_ref(), "mknod pipe p".as_ref(), image.as_os_str()], "")?;
        boot.append("quiet").run()
    });
    let Some(guest) = run.outcome() else { return };
    let said: Vec<String> = cases.iter().map(|(init, said)| format!("tinyo: root: init {init}{said}\r?\n")).collect();
    let said: Vec<&str> = said.iter().map(String::as_str).collect();
    guest.says_in_order(&said).held("switched").ends(End::PowerOff);
}

const RIGHT: &str = "is it the right root, and its init executable\\?";
const WHOLE: &str = "is it the right root, and whole\\? init= names another program";
const MACHINE: &str =
    "not an executable for this machine; is it whole, and of a root for this machine\\? a script needs a #! line";

#[test]
fn a_program_of_another_machine_or_without_its_loader() {
    tries(
        "noatime",
        &[
            ("/arm", &format!(": {MACHINE}")),
            ("/loader", &format!(", run by /lib/ld-linux-x86-64.so.2: no such file or directory; {WHOLE}")),
            ("/arm-loader", &format!(", run by /arm: {MACHINE}")),
        ],
    );
}

#[test]
fn a_program_that_is_not_all_there() {
    tries("noatime", &[("/cut-short", &format!(": {MACHINE}")), ("/cut-off", &format!(": {MACHINE}"))]);
}

#[test]
fn a_script_without_its_interpreter_or_its_line() {
    tries(
        "noatime",
        &[
            ("/script-of-script", &format!(", run by /bin/no-shell: no such file or directory; {WHOLE}")),
            ("/text", &format!(": {MACHINE}")),
            ("/circle", ": a symbolic link, or too many of them"),
        ],
    );
}

#[test]
fn what_is_no_program() {
    tries(
        "noatime",
        &[
            ("/directory", &format!(": is a directory; {RIGHT}")),
            ("/pipe", &format!(": not a file; {RIGHT}")),
            ("/not-executable", &format!(": permission denied; {RIGHT}")),
        ],
    );
}

#[test]
fn a_mount_without_programs_and_a_link_to_nothing() {
    let noexec = ": on a mount with noexec; leave noexec out of the options";
    tries("noexec", &[("/dangling", &format!(": no such file or directory; {WHOLE}")), ("/good", noexec)]);
}

/// What util-linux's switch_root(8) once emptied: tinyo as the init of a disk whose file has a root as if it were an initramfs.
#[test]
fn a_root_to_switch_to_is_refused_on_a_real_root() {
    let run = guest(Arch::X86_64, |boot| {
        let mut disk = disk(&boot.kit)?;
        disk.file("/sbin-tinyo", 0o755, fs::read(&boot.kit.tinyo)?);
        let own = format!("{ON_VIRTIO}[root]\nsource = \"/dev/vda\"\n");
        disk.file("/etc/tinyo.toml", 0o644, own.as_str());
        boot.config(&format!("{own}init = \"/sbin-tinyo\"\n")).disk(&disk)?;
        let outcome = boot.run()?;
        let image = boot.dir.path().join("disk.img");
        tool("debugfs", ["-R".as_ref(), "stat /etc/tinyo.toml".as_ref(), image.as_os_str()], "")?;
        tool("e2fsck", ["-fn".as_ref(), image.as_os_str()], "")?;
        Ok(outcome)
    });
    let Some(guest) = run.outcome() else { return };
    guest.says_in_order(&[
        "tinyo: root: handing over to /sbin-tinyo",
        "tinyo: /etc/tinyo.toml: \\[root\\] and modules are for an initramfs, and this is the real root",
        "tinyo: boot failed: poweroff",
    ]);
    guest.ends(End::PowerOff);
}
