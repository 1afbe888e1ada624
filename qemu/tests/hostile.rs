//! Disks that are not what they say, or not whole, and roots whose init is none: each is named, and the next one is tried.

use std::{fs, path::PathBuf, process::Command};

use anyhow::Result;
use tinyo_qemu::{
    cpio::Archive,
    expect::End,
    image::{self, tool},
    kit::Arch,
    suite::{Boot, ON_VIRTIO, Run, guest, script},
};

/// A file system whose init says which one it is.
fn files(boot: &Boot) -> Result<Archive> {
    let mut files = image::busybox_root(&boot.kit)?;
    files.file("/etc/rc", 0o755, script("say alive $(sed -n 's, / ext4,,p' /proc/mounts)\npoweroff -f"));
    Ok(files)
}

/// One more disk, /dev/vda at first, /dev/vdb then. `more` are words of its drive.
fn attach(boot: &mut Boot, name: &str, content: &[u8], more: &str) -> Result<PathBuf> {
    let path = boot.dir.path().join(name);
    fs::write(&path, content)?;
    let drive = format!("file={},if=none,id={name},format=raw,cache=unsafe{more}", path.display());
    let device = format!("virtio-blk-pci,drive={name}");
    boot.hardware(&["-drive", &drive, "-device", &device]).modules(&["virtio_pci", "virtio_blk"])?;
    Ok(path)
}

fn ext4(boot: &Boot, name: &str) -> Result<Vec<u8>> {
    let path = boot.dir.path().join(name);
    image::ext4(&files(boot)?, &path, 32, name)?;
    Ok(fs::read(path)?)
}

/// A megabyte that is the same each time.
fn noise(mut seed: u64) -> Vec<u8> {
    let next = move || {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        (seed >> 32) as u8
    };
    std::iter::repeat_with(next).take(1 << 20).collect()
}

/// Noise with `bytes` at `at`, which make it look like something.
fn noise_with(seed: u64, marks: &[(usize, &[u8])]) -> Vec<u8> {
    let mut disk = noise(seed);
    for (at, bytes) in marks {
        disk[*at..at + bytes.len()].copy_from_slice(bytes);
    }
    disk
}

/// The root is looked for by its label, so every disk is read for it; three of them are tried as the root, and the others
/// as mounts.
#[test]
fn random_and_cut_off_superblocks_are_named_and_the_next_root_is_tried() {
    let mut others = 0;
    let run = guest(Arch::X86_64, |boot| {
        let whole = ext4(boot, "whole")?;
        attach(boot, "random", &noise(1), "")?;
        attach(boot, "short", &whole[..64 << 10], "")?;
        // The magic, blocks of 1 KiB, and no feature: the rest of the superblock is anything.
        attach(boot, "superblock", &noise_with(2, &[(1048, &[0; 4]), (1080, b"\x53\xef"), (1116, &[0; 12])]), "")?;
        let good = ext4(boot, "good")?;
        attach(boot, "good", &good, "")?;
        let gpt: [(usize, &[u8]); 3] = [(450, b"\xee"), (510, b"\x55\xaa"), (512, b"EFI PART\0\0\x01\0\x5c\0\0\0")];
        for (seed, marks) in [
            (3, &[(0, &b"XFSB"[..])][..]),
            (4, &[(0, b"hsqs")]),
            (5, &[(65600, b"_BHRfS_M")]),
            (6, &[(1024, b"\x10\x20\xf5\xf2")]),
            (7, &[(0, b"LUKS\xba\xbe\0\x01")]),
            (8, &[(32769, b"CD001")]),
            (9, &[(82, b"FAT32   "), (11, b"\0\x02\x01\x01\0\x02")]),
            (10, &gpt),
            (11, &[(0, &[0; 512])]),
        ] {
            attach(boot, &format!("other{seed}"), &noise_with(seed, marks), "")?;
            others += 1;
        }
        // A half of a mirror of version 1.0 is a whole file system, but for its end, which that leaves alone.
        let mut half = whole.clone();
        let end = half.len() - (8 << 10);
        let blocks = u32::from_le_bytes(half[1028..1032].try_into()?) - (64 << 10 >> 10);
        half[1028..1032].copy_from_slice(&blocks.to_le_bytes());
        half[end..end + 8].copy_from_slice(b"\xfc\x4e\x2b\xa9\x01\0\0\0");
        half[end + 128..end + 136].copy_from_slice(&(end as u64 >> 9).to_le_bytes());
        attach(boot, "half", &half, "")?;
        others += 1;
        attach(boot, "empty", &[0; 1 << 20], "")?;
        attach(boot, "sector", &noise(12)[..512], "")?;
        let mut config = ON_VIRTIO.to_owned();
        for source in ["/dev/vda", "/dev/vdb", "/dev/vdc", "LABEL=good"] {
            config += &format!("[[root]]\nsource = \"{source}\"\nwait = \"20s\"\n");
        }
        for letter in ('e'..).take(others) {
            config += &format!("[[mount]]\nsource = \"/dev/vd{letter}\"\ntarget = \"/m\"\noptions = \"nofail\"\n");
        }
        config += "[[mount]]\nsource = \"LABEL=nobody\"\ntarget = \"/m\"\noptions = \"nofail\"\n[service.rc]\nexec = [\"/etc/rc\"]\n";
        boot.config(&config).patience(120).run()
    });
    let Some(guest) = run.outcome() else { return };
    let invalid = "invalid argument; is it that file system, and does it know these options\\?";
    guest.says_in_order(&[
        &format!("tinyo: mount root /dev/vda .*: {invalid}"),
        &format!("tinyo: mount root /dev/vdb .*: {invalid}"),
        &format!("tinyo: mount root /dev/vdc .*: {invalid}"),
        "tinyo: root: LABEL=good is there",
    ]);
    // No one of the others is mounted, and what only holds others is said to.
    guest.says("tinyo: mount /dev/vde on /m .*: ").says("tinyo: mount /dev/vdi on /m .*: a LUKS container");
    guest.says("tinyo: mount /dev/vdn on /m .*: a member of a RAID");
    guest.says("tinyo: mount LABEL=nobody on /m .*: no such file or directory");
    guest.says("case: alive /dev/vdd rw").ends(End::PowerOff);
    let failed = guest.transcript.matches("nofail): ").count();
    assert_eq!(failed, others + 1, "{}", guest.shown());
}

/// The disk is read-only and its journal has something to replay: it cannot be mounted but by an option that leaves the
/// journal alone. A disk that is read-only and whole is mounted so, though it was to be written to.
#[test]
fn a_journal_that_cannot_be_replayed_is_named_and_a_whole_disk_is_read_only() {
    let run = guest(Arch::X86_64, |boot| {
        let disk = ext4(boot, "disk")?;
        let dirty = attach(boot, "dirty", &disk, ",readonly=on")?;
        attach(boot, "clean", &disk, ",readonly=on")?;
        let requests = "journal_open\njournal_write -b 1000 /dev/zero\njournal_close\n";
        tool("debugfs", ["-w".as_ref(), "-f".as_ref(), "-".as_ref(), dirty.as_os_str()], requests)?;
        let rest = "[[root]]\nsource = \"/dev/vda\"\n[[root]]\nsource = \"/dev/vdb\"\n\
                    [[mount]]\nsource = \"/dev/vda\"\ntarget = \"/mnt\"\noptions = \"ro,noload\"\n\
                    [service.rc]\nexec = [\"/mnt/etc/rc\"]\n";
        boot.config(&format!("{ON_VIRTIO}{rest}")).run()
    });
    let Some(guest) = run.outcome() else { return };

    guest.says("tinyo: mount root /dev/vda .*: read-only file system; has it a journal to replay\\? noload");
    guest.says("tinyo: root: /dev/vdb: (permission denied|read-only file system); it is mounted read-only");
    guest.says("case: alive /dev/vdb ro").ends(End::PowerOff);
}

fn inits(roots: [&str; 4]) -> Run {
    guest(Arch::X86_64, |boot| {
        let mut files = files(boot)?;
        files.file("/only/text", 0o644, "text\n").link("/link/text", "../only/text");
        files.link("/link/nowhere", "/only/in-the-initramfs").link("/link/loop", "loop");
        // As a merged /usr has it: /sbin/init by two links of a directory and two of a file, absolute and relative ones.
        files.remove("/sbin");
        files.link("/sbin", "usr/sbin").link("/usr/sbin/init", "/lib/nanny/nanny").link("/lib", "usr/lib");
        files.link("/usr/lib/nanny/nanny", "../../../../../../etc/rc");
        boot.archive.file("/only/in-the-initramfs", 0o755, "#!/bin/sh\n");
        boot.disk(&files)?;
        let roots = roots.map(|init| format!("[[root]]\nsource = \"/dev/vda\"\n{init}\n"));
        boot.config(&format!("{ON_VIRTIO}{}", roots.concat())).run()
    })
}

/// A label is a stranger's text, and is shown on a terminal.
#[test]
fn a_label_says_nothing_to_the_terminal() {
    let run = guest(Arch::X86_64, |boot| {
        let mut disk = ext4(boot, "disk")?;
        let label: &[u8] = b"\x1b[2J\n<0>\xff\x07evil";
        disk[1024 + 120..][..label.len()].copy_from_slice(label);
        attach(boot, "named", &disk, "")?;
        boot.config(ON_VIRTIO).append("root=LABEL=absent rootwait=1").run()
    });
    let Some(guest) = run.outcome() else { return };
    guest.says(r"LABEL=absent .*: it did not come; .* vda \(ext4, LABEL=\\x1b\[2J\\x0a<0>\\xff\\x07evil, UUID=");
    guest.never_says("\x1b\\[2J|\x07|(?m)^<0>").ends(End::PowerOff);
}

/// The kernel refuses a record that is too long for its log: what is there is said as far as it fits, and not lost with it.
#[test]
fn a_crowd_of_disks_with_long_labels_is_said_as_far_as_it_fits() {
    let run = guest(Arch::X86_64, |boot| {
        let label = [b'x'; 255];
        let disk = noise_with(1, &[(65600, b"_BHRfS_M"), ((64 << 10) + 299, &label)]);
        for name in ["a", "b", "c", "d", "e"] {
            attach(boot, name, &disk, "")?;
        }
        boot.config(ON_VIRTIO).append("root=LABEL=absent rootwait=6").run()
    });
    let Some(guest) = run.outcome() else { return };
    guest.says_in_order(&[
        r"tinyo: waiting for LABEL=absent, 5 s of 6 s; block devices: vd. \(btrfs, LABEL=x{200}\.\.\., UUID=",
        r"tinyo: mount root LABEL=absent .*: it did not come; block devices: vd. \(btrfs, LABEL=x{200}\.\.\., UUID=.*\.\.\.\r?\n",
    ]);
    guest.ends(End::PowerOff);
}

#[test]
fn what_is_no_init_is_named_and_a_link_is_followed_in_its_own_root() {
    let run = inits(["init = \"/link/nowhere\"", "init = \"/link/loop\"", "init = \"/link/text\"", ""]);
    let Some(guest) = run.outcome() else { return };

    guest.says_in_order(&[
        "tinyo: root: init /link/nowhere: no such file or directory; is it the right root, and whole\\? ",
        "tinyo: root: init /link/loop: a symbolic link, or too many of them",
        "tinyo: root: init /link/text: permission denied; is it the right root, and its init executable\\?",
        "tinyo: root: handing over to /sbin/init",
        "case: alive /dev/vda rw",
    ]);
    guest.ends(End::PowerOff);
}

#[test]
fn a_directory_is_no_init_nor_is_what_lies_in_a_file() {
    let run = inits([
        "init = \"/etc\"",
        "init = \"/only/text/x\"",
        "init = \"/dev/console\"",
        "init = \"/link/../sbin/init\"",
    ]);
    let Some(guest) = run.outcome() else { return };

    guest.says_in_order(&[
        "tinyo: root: init /etc: is a directory",
        "tinyo: root: init /only/text/x: not a directory",
        "tinyo: root: init /dev/console: no such file or directory",
        "case: alive /dev/vda rw",
    ]);
    guest.ends(End::PowerOff);
}

/// An init of tinyo's own on a real disk, whose file has what only an initramfs may have, and a kernel that was told a root:
/// nothing is mounted over, moved or removed.
#[test]
fn a_root_named_on_a_real_root_is_refused_and_nothing_is_removed() {
    let run = guest(Arch::X86_64, |boot| {
        let mut files = files(boot)?;
        files.file("/etc/tinyo.toml", 0o644, "on-failure = \"poweroff\"\n[root]\nsource = \"/dev/vda\"\n");
        files.file("/canary", 0o644, "alive\n");
        boot.config(&format!("{ON_VIRTIO}[root]\nsource = \"/dev/vda\"\ninit = \"tinyo\"\n")).disk(&files)?;
        let mut outcome = boot.run()?;
        let image = boot.dir.path().join("disk.img");
        let found = Command::new("/usr/sbin/debugfs").args(["-R", "cat /canary"]).arg(&image).output()?;
        outcome.transcript += &format!("canary: {}", String::from_utf8_lossy(&found.stdout));
        Ok(outcome)
    });
    let Some(guest) = run.outcome() else { return };

    guest.says("tinyo: /etc/tinyo.toml: \\[root\\] and modules are for an initramfs, and this is the real root");
    guest.says("tinyo: boot failed: poweroff").says("canary: alive").ends(End::PowerOff);
}
