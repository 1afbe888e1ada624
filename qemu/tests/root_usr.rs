//! /usr of the root's fstab, where the init is.

use anyhow::Result;
use tinyo_qemu::{
    cpio::Archive,
    expect::End,
    image,
    kit::Arch,
    suite::{Boot, ON_VIRTIO, guest, script},
};

const RC: &str = "say root $(sed -n 's, / ext4.*,,p' /proc/mounts | tail -n 1)\n\
                  say usr $(sed -n 's, /usr ext4 \\([a-z,]*\\) .*, \\1,p' /proc/mounts)\npoweroff -f\n";

const CHECKER: &str = "echo looking at $2";

/// A root whose programs are all in /usr, which is empty, and what its fstab says.
fn merged(fstab: &str) -> Archive {
    let mut files = Archive::new();
    for dir in ["dev", "proc", "sys", "run", "tmp", "root", "usr"] {
        files.dir(dir, 0o755);
    }
    files.link("/bin", "usr/bin").link("/sbin", "usr/sbin").file(
        "/etc/passwd",
        0o644,
        "root:x:0:0:root:/root:/bin/sh\n",
    );
    files.file("/etc/inittab", 0o644, "::sysinit:/etc/rc\n").file("/etc/rc", 0o755, script(RC));
    // Links lead where they lead in the root.
    files.link("/etc/fstab", "/etc/static/fstab").file("/etc/static/fstab", 0o644, fstab);
    files
}

/// One that has its programs without it.
fn whole(boot: &Boot, fstab: &str) -> Result<Archive> {
    let mut files = image::busybox_root(&boot.kit)?;
    files.dir("/usr", 0o755).file("/etc/fstab", 0o644, fstab);
    files.file("/etc/inittab", 0o644, "::sysinit:/etc/rc\n").file("/etc/rc", 0o755, script(RC));
    Ok(files)
}

/// Boots from these disks, vda and so on.
fn disks(boot: &mut Boot, disks: &[(Archive, &str)]) -> Result<()> {
    for (index, (files, label)) in disks.iter().enumerate() {
        let image = boot.dir.path().join(format!("disk{index}.img"));
        image::ext4(files, &image, 32, label)?;
        if index == 0 {
            boot.image(image)?;
            continue;
        }
        let drive = format!("file={},if=none,id=d{index},format=raw", image.display());
        boot.hardware(&["-drive", &drive, "-device", &format!("virtio-blk-pci,drive=d{index}")]);
    }
    Ok(())
}

#[test]
fn the_init_is_found_in_a_usr_of_its_own_and_what_stands_in_its_way_is_named() {
    let run = guest(Arch::X86_64, |boot| {
        let programs = image::busybox_root(&boot.kit)?;
        let mut linked = merged("/dev/vdd /usr ext4\n");
        linked.remove("/usr");
        linked.link("/usr", "/mnt");
        let fstab = "# what is where\n/dev/vdc / auto rw 0 1\nLABEL=no /usr/local ext4\n  \n\
                     LABEL=usr\\040disk\t/usr/  ext4  noatime,x-initrd.mount 0 2\n/dev/vdx /usr ext4\n";
        let all = [
            (merged("LABEL=no /usr ext4 defaults 0 2\n"), "a"),
            (linked, "b"),
            (merged(fstab), "c"),
            (programs, "usr disk"),
        ];
        disks(boot, &all)?;
        let roots =
            ["/dev/vda", "/dev/vdb", "/dev/vdc"].map(|disk| format!("[[root]]\nsource = \"{disk}\"\nwait = \"1s\"\n"));
        // Both are checked, the root first.
        let roots = [&roots[0], &roots[1], &format!("{}fsck = true\n", roots[2])].map(String::clone);
        boot.script("/sbin/fsck.ext4", CHECKER);
        boot.config(&format!("{ON_VIRTIO}{}", roots.concat())).run()
    });
    let Some(guest) = run.outcome() else { return };
    guest.says_in_order(&[
        "tinyo: mount LABEL=no on /usr \\(ext4, defaults\\): it did not come; block devices:.* vdd \\(ext4, LABEL=usr disk",
        "tinyo: mount /dev/vdd on /usr \\(ext4, defaults\\): a symbolic link",
        "fsck: looking at /dev/vdc",
        "fsck: looking at /dev/vdd",
        "case: root /dev/vdc",
        "case: usr /dev/vdd rw,noatime",
    ]);
    guest.never_says("looking at /dev/vd[ab]").ends(End::PowerOff);
}

/// As the root: who checks them both then makes them writable.
#[test]
fn it_is_read_only_where_the_root_is() {
    let run = guest(Arch::X86_64, |boot| {
        // Nor is it checked when the sixth field says that it is not to be.
        let all = [(merged("/dev/vdb /usr auto rw 1 0"), "a"), (image::busybox_root(&boot.kit)?, "b")];
        disks(boot, &all)?;
        boot.script("/sbin/fsck.ext4", CHECKER);
        boot.config(&format!("{ON_VIRTIO}[root]\nsource = \"/dev/vda\"\nfsck = true\n")).append("ro").run()
    });
    let Some(guest) = run.outcome() else { return };
    guest.says("fsck: looking at /dev/vda").never_says("looking at /dev/vdb");
    guest.says("case: usr /dev/vdb ro,relatime").ends(End::PowerOff);
}

#[test]
fn one_that_may_fail_or_is_nobodys_to_mount_is_no_hindrance() {
    for (options, said) in [("noauto", false), ("bind", false), ("rbind", false), ("nofail", true)] {
        let run = guest(Arch::X86_64, |boot| {
            let all = [(whole(boot, &format!("LABEL=no /usr ext4 {options}\n"))?, "a")];
            disks(boot, &all)?;
            boot.config(ON_VIRTIO).append("root=/dev/vda rw").run()
        });
        let Some(guest) = run.outcome() else { return };
        let message = "tinyo: mount LABEL=no on /usr .*: it did not come";
        if said {
            // Nobody waits for what may be missing.
            guest.says(message).never_says("waiting for LABEL=no")
        } else {
            guest.never_says("/usr")
        };
        guest.says("case: root /dev/vda").ends(End::PowerOff);
    }
}
