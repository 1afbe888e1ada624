//! The root by every name that it can have, and what is said when it is not there.

use std::fs;

use anyhow::Result;
use tinyo_qemu::{
    bus::Bus,
    cpio::Archive,
    expect::End,
    image::{self, tool},
    kit::{Arch, Kit},
    suite::{Boot, ON_VIRTIO, Run, guest, guest_of, script},
};

const UUID: &str = "5d7e1a3c-0f2b-4c6d-8e9f-a0b1c2d3e4f5";
const PART: &str = "11111111-2222-3333-4444-5566778899aa";
const BEFORE: &str = "11111111-2222-3333-4444-5566778899ab";

/// A file system whose init says what it is mounted from, labelled `case`.
fn files(boot: &Boot) -> Result<Archive> {
    let mut files: Archive = image::busybox_root(&boot.kit)?;
    files.file("/etc/inittab", 0o644, "::sysinit:/etc/rc\n");
    let rc = "say root $(sed -n 's, / ext4.*,,p' /proc/mounts | tail -n 1)\n\
              say options $(sed -n 's,^.* / ext4 ,,p' /proc/mounts | tail -n 1)\npoweroff -f\n";
    files.file("/etc/rc", 0o755, script(rc));
    Ok(files)
}

fn root(boot: &mut Boot) -> Result<()> {
    let files = files(boot)?;
    boot.config(ON_VIRTIO).disk(&files)?;
    let image = boot.dir.path().join("disk.img");
    tool("tune2fs", ["-U".as_ref(), UUID.as_ref(), image.as_os_str()], "")
}

/// The same as the second partition of two, in a table as sfdisk(8) makes it.
fn partitioned(boot: &mut Boot, table: &str) -> Result<()> {
    root(boot)?;
    let image = boot.dir.path().join("disk.img");
    let system = fs::read(&image)?;
    let mut whole = vec![0; system.len() + (3 << 20)];
    whole[2 << 20..][..system.len()].copy_from_slice(&system);
    fs::write(&image, &whole)?;
    tool("sfdisk", ["-q".as_ref(), image.as_os_str()], table)
}

fn gpt(boot: &mut Boot) -> Result<()> {
    let first = format!("start=2048, size=2048, uuid={BEFORE}, name=\"before\"");
    partitioned(boot, &format!("label: gpt\n{first}\nstart=4096, size=65536, uuid={PART}, name=\"the root\"\n"))
}

/// A disk in sectors of 4 KiB, whose table is the one that sfdisk(8) makes in those of 512 bytes, each sector eight times as long.
/// Its first header is broken.
fn of_large_sectors(boot: &mut Boot) -> Result<()> {
    root(boot)?;
    let (system, staged) = (boot.dir.path().join("system.img"), tempfile::tempdir()?);
    files(boot)?.unpack(staged.path())?;
    fs::File::create(&system)?.set_len(32 << 20)?;
    let words = ["-q".as_ref(), "-b4096".as_ref(), "-d".as_ref(), staged.path().as_os_str(), system.as_os_str()];
    tool("mkfs.ext4", words, "")?;
    let system = fs::read(&system)?;
    let (small, large) = (boot.dir.path().join("small.img"), boot.dir.path().join("large.img"));
    fs::write(&small, vec![0; 6 << 20])?;
    let part = format!("start=2048, size=8192, uuid={PART}, name=\"the root\"");
    tool("sfdisk", ["-q".as_ref(), small.as_os_str()], &format!("label: gpt\n{part}\n"))?;
    let small = fs::read(&small)?;
    let mut disk = vec![0; 8 * small.len()];
    // The table's 16 KiB are one piece in either, at its sector and 33 before the end; its headers are a sector.
    let last = small.len() / 512 - 1;
    for (sector, sectors) in [(0, 1), (1, 1), (2, 32), (last - 32, 32), (last, 1)] {
        disk[4096 * sector..][..512 * sectors].copy_from_slice(&small[512 * sector..][..512 * sectors]);
    }
    disk[4096 + 60] ^= 1;
    disk[4096 * 2048..][..system.len()].copy_from_slice(&system);
    fs::write(&large, disk)?;
    let drive = format!("file={},if=none,id=large,format=raw", large.display());
    let sectors = "logical_block_size=4096,physical_block_size=4096";
    boot.hardware(&["-drive", &drive, "-device", &format!("virtio-blk-pci,drive=large,{sectors}")]);
    Ok(())
}

fn ms_dos(boot: &mut Boot) -> Result<()> {
    partitioned(boot, "label: dos\nlabel-id: 0xc0ffee42\nstart=2048, size=2048\nstart=4096, size=65536\n")
}

/// Boots with that on the kernel's command line; the root must be `device`.
#[track_caller]
fn is_root(words: &str, make: fn(&mut Boot) -> Result<()>, device: &str) {
    let run = guest(Arch::X86_64, |boot| {
        make(boot)?;
        boot.append(words).run()
    });
    let Some(guest) = run.outcome() else { return };
    guest.says(&format!("case: root {device}\r?\n")).ends(End::PowerOff);
}

#[test]
fn by_what_the_file_system_says_of_itself() {
    is_root(&format!("root=UUID={}", UUID.to_uppercase()), root, "/dev/vda");
    is_root("root=LABEL=case rw", root, "/dev/vda");
    is_root(&format!("root=UUID=\"{UUID}\""), gpt, "/dev/vda2");
    is_root("root=/dev/disk/by-label/ca\\x73e", gpt, "/dev/vda2");
}

#[test]
fn by_its_place_in_a_gpt() {
    is_root(&format!("root=PARTUUID={}", PART.to_uppercase()), gpt, "/dev/vda2");
    is_root(&format!("root=PARTUUID={BEFORE}/PARTNROFF=1"), gpt, "/dev/vda2");
    is_root("\"root=PARTLABEL=the root\"", gpt, "/dev/vda2");
    is_root(&format!("root=/dev/disk/by-partuuid/{PART}"), gpt, "/dev/vda2");
}

/// The kernel itself reads a backup only where `gpt` says so.
#[test]
fn by_its_place_in_the_backup_of_a_gpt_in_large_sectors() {
    is_root("gpt root=PARTUUID=11111111-2222-3333-4444-5566778899AA", of_large_sectors, "/dev/vdb1");
    is_root("gpt root=PARTLABEL=\"the root\"", of_large_sectors, "/dev/vdb1");
}

/// Behind a name that ends in a digit the kernel writes a `p`.
#[test]
fn by_its_place_in_a_gpt_on_nvme() {
    let run = guest_of(Kit::with_full_kernel(Arch::X86_64), |boot| {
        boot.bus(Bus::Nvme).modules(&["crc32c_generic", "ext4"])?;
        gpt(boot)?;
        boot.config("modules = [\"nvme\", \"crc32c_generic\", \"ext4\"]\non-failure = \"poweroff\"\n");
        boot.append(&format!("root=PARTUUID={BEFORE}/PARTNROFF=1")).run()
    });
    let Some(guest) = run.outcome() else { return };
    guest.says("case: root /dev/nvme0n1p2\r?\n").ends(End::PowerOff);
}

#[test]
fn by_its_place_in_an_ms_dos_table() {
    is_root("root=PARTUUID=C0FFEE42-02", ms_dos, "/dev/vda2");
}

#[test]
fn by_its_number() {
    is_root("root=254:2", gpt, "/dev/vda2");
    is_root("root=fe02 rootfstype=xfs,ext4", gpt, "/dev/vda2");
}

/// A wrong name is said with all that is there, which is what was meant as a rule.
#[test]
fn what_is_there_is_said_when_it_is_not_the_root() {
    let run = guest(Arch::X86_64, |boot| {
        gpt(boot)?;
        let second = boot.dir.path().join("second.img");
        let mut luks = vec![0; 1 << 20];
        luks[..8].copy_from_slice(b"LUKS\xba\xbe\0\x02");
        luks[168..172].copy_from_slice(b"abcd");
        fs::write(&second, luks)?;
        let drive = format!("file={},if=none,id=second,format=raw", second.display());
        boot.hardware(&["-drive", &drive, "-device", "virtio-blk-pci,drive=second"]);
        let roots = "[[root]]\nsource = \"UUID=5d7e1a3c\"\nwait = \"1s\"\n[[root]]\nsource = \"UUID=abcd\"\n\
                     [[root]]\nsource = \"/dev/vdb\"\ninit = \"/x\"\n[[root]]\nsource = \"LABEL=case\"\n";
        boot.config(&format!("{ON_VIRTIO}{roots}")).run()
    });
    let Some(guest) = run.outcome() else { return };
    let luks = "a LUKS container; a root is a file system; what lies in it is set up first, or not here";
    guest.says_in_order(&[
        "tinyo: mount root UUID=5d7e1a3c .*: it did not come; block devices: .*vda2 \\(ext4, LABEL=case, UUID=5d7e1a3c-",
        &format!("tinyo: mount root UUID=abcd .*: {luks}"),
        &format!("tinyo: mount root /dev/vdb .*: {luks}"),
        "case: root /dev/vda2",
    ]);
    guest.says("vdb \\(crypto_LUKS, UUID=abcd\\)").ends(End::PowerOff);
}

#[test]
fn of_two_the_first_is_taken_and_both_are_named() {
    let run = twins();
    let Some(guest) = run.outcome() else { return };
    guest.says("tinyo: LABEL=case: both vda and vdb have it; taking vda").says("case: root /dev/vda\r?\n");
    guest.held("mounted-by-uuid").ends(End::PowerOff);
}

/// Both are there, and one is the root with our own service in it, and a mount by its name.
fn twins() -> Run {
    guest(Arch::X86_64, |boot| {
        root(boot)?;
        let [first, second] = ["disk.img", "second.img"].map(|name| boot.dir.path().join(name));
        fs::copy(&first, &second)?;
        tool("tune2fs", ["-U".as_ref(), BEFORE.as_ref(), second.as_os_str()], "")?;
        let drive = format!("file={},if=none,id=second,format=raw", second.display());
        boot.hardware(&["-drive", &drive, "-device", "virtio-blk-pci,drive=second"]);
        let rest = format!(
            "[root]\nsource = \"LABEL=case\"\n[[mount]]\nsource = \"UUID={BEFORE}\"\ntarget = \"/mnt\"\n\
             [service.look]\nexec = [\"/bin/sh\", \"-c\", \"grep -q '^/dev/vdb /mnt ext4' /proc/mounts && \
             echo '<3>case: mounted-by-uuid held' >/dev/kmsg; exec /etc/rc\"]\n"
        );
        boot.config(&format!("{ON_VIRTIO}{rest}")).run()
    })
}

/// What else the kernel knows about a root, all at once; the later of `ro` and `rw` counts.
#[test]
fn by_a_link_of_udevs_with_every_other_word_about_it() {
    let run = guest(Arch::X86_64, |boot| {
        gpt(boot)?;
        let root = "root=/dev/disk/by-partlabel/the\\x20root rootfstype=xfs,ext4 rootflags=noatime,commit=7";
        boot.append(&format!("{root} ro rw rootwait=20 rootdelay=1 init=/etc/rc")).run()
    });
    let Some(guest) = run.outcome() else { return };
    guest.says("case: root /dev/vda2\r?\n").says("case: options rw,noatime,commit=7").ends(End::PowerOff);
    let waited = guest.stamp("tinyo: root: .* is there") - guest.stamp("Run /init");
    assert!(waited > 1.0, "rootdelay: {waited} s\n{}", guest.shown());
}

/// One disk mounted by each form of its name: a mount takes what `root=` takes.
#[test]
fn by_every_form_in_one_boot() {
    let upper = PART.to_uppercase();
    let forms = [
        "/dev/vda2".to_owned(),
        "254:2".into(),
        "fe02".into(),
        "0xFE02".into(),
        format!("UUID={UUID}"),
        format!("UUID={}", UUID.to_uppercase()),
        format!("UUID=\"{UUID}\""),
        "LABEL=case".into(),
        "LABEL=\"case\"".into(),
        format!("PARTUUID={PART}"),
        format!("PARTUUID=\"{upper}\""),
        format!("PARTUUID={upper}/PARTNROFF=0"),
        format!("PARTUUID={BEFORE}/PARTNROFF=1"),
        "PARTLABEL=the root".into(),
        "PARTLABEL=\"the root\"".into(),
        format!("/dev/disk/by-uuid/{UUID}"),
        format!("/dev/disk/by-uuid/{}", UUID.to_uppercase()),
        "/dev/disk/by-label/case".into(),
        format!("/dev/disk/by-partuuid/{PART}"),
        "/dev/disk/by-partlabel/the\\x20root".into(),
    ];
    let run = guest(Arch::X86_64, |boot| {
        gpt(boot)?;
        let mut config = format!("{ON_VIRTIO}[root]\nsource = \"PARTLABEL=the root\"\n");
        for (at, form) in forms.iter().enumerate() {
            config += &format!("[[mount]]\nsource = '{form}'\ntarget = \"/mnt/{at}\"\ntype = \"ext4\"\n");
        }
        config += "[service.look]\nexec = ['/bin/sh', '-c', \
                   'sed -n \"s,^/dev/vda2 /mnt/\\([0-9]*\\) .*,<3>case: form \\1 held,p\" /proc/mounts >/dev/kmsg; exec /etc/rc']\n";
        boot.config(&config).run()
    });
    let Some(guest) = run.outcome() else { return };
    for (at, form) in forms.iter().enumerate() {
        assert!(guest.find(&format!("case: form {at} held")).is_some(), "{form}\n{}", guest.shown());
    }
    guest.ends(End::PowerOff);
}
