//! `fsck = true`: the checker that the image holds, by its exit codes.

use std::{fs, process::Command};

use anyhow::{Context, Result, ensure};
use tinyo_qemu::{
    cpio::Archive,
    expect::End,
    image::{self, tool},
    kit::Arch,
    suite::{Boot, ON_VIRTIO, Run, converse, guest, script},
};

/// A disk with a file system of that type, whose root has an init or none.
fn disk(boot: &mut Boot, index: usize, mkfs: &str, whole: bool) -> Result<std::path::PathBuf> {
    let mut files: Archive = if whole { image::busybox_root(&boot.kit)? } else { Archive::new() };
    if whole {
        files.file("/etc/inittab", 0o644, "::sysinit:/etc/rc\n");
        let rc = "say root $(sed -n 's, / ext[234] .*,,p' /proc/mounts | tail -n 1)\npoweroff -f\n";
        files.file("/etc/rc", 0o755, script(rc));
    }
    let path = boot.dir.path().join(format!("disk{index}.img"));
    let staged = tempfile::tempdir()?;
    files.unpack(staged.path())?;
    fs::File::create(&path)?.set_len(32 << 20)?;
    tool(mkfs, ["-q".as_ref(), "-d".as_ref(), staged.path().as_os_str(), path.as_os_str()], "")?;
    if index == 0 {
        boot.image(path.clone())?;
    } else {
        let drive = format!("file={},if=none,id=d{index},format=raw", path.display());
        boot.hardware(&["-drive", &drive, "-device", &format!("virtio-blk-pci,drive=d{index}")]);
    }
    Ok(path)
}

/// The roots on the first `count` disks, in order.
fn roots(count: usize) -> String {
    let root = |disk| format!("[[root]]\nsource = \"/dev/vd{disk}\"\nfsck = true\n");
    ON_VIRTIO.to_owned() + &["a", "b", "c", "d"][..count].iter().map(root).collect::<String>()
}

/// Four disks, of which the last has an init, and a checker that ends as this shell script does.
fn with_checker(text: &'static str) -> Run {
    guest(Arch::X86_64, |boot| {
        for index in 0..4 {
            disk(boot, index, "mkfs.ext4", index == 3)?;
        }
        boot.script("/sbin/fsck.ext4", text).config(&roots(4)).run()
    })
}

/// Of the checker's own end: what it leaves behind ends sooner, and is PID 1's to wait for as well.
#[test]
fn each_exit_code_has_its_consequence() {
    let run = with_checker(
        "echo looking at $*; echo and about $2 >&2
         (true &)
         case $2 in /dev/vda) sleep 1; exit 4 ;; /dev/vdb) exit 8 ;; /dev/vdc) kill -SEGV $$ ;; esac; exit 1",
    );
    let Some(guest) = run.outcome() else { return };
    guest.says_in_order(&[
        "fsck: looking at -a /dev/vda",
        "fsck: and about /dev/vda",
        "tinyo: fsck: /dev/vda: errors are left, exit status 4; run it by hand",
        "tinyo: fsck: /dev/vdb: exit status 8; going on without its check",
        "tinyo: root: /dev/vdb is there",
        "tinyo: root: init /sbin/init: no such file",
        "tinyo: fsck: /dev/vdc: exit status 139; going on without its check",
        "tinyo: root: /dev/vdc is there",
        "tinyo: fsck: /dev/vdd: errors are corrected",
        "case: root /dev/vdd",
    ]);
    guest.never_says("tinyo: root: /dev/vda is there").ends(End::PowerOff);
}

#[test]
fn one_that_wants_a_reboot_gets_it() {
    let run = with_checker("exit 3");
    let Some(guest) = run.outcome() else { return };
    guest.says("tinyo: fsck: /dev/vda: corrected, exit status 3: reboot").never_says("is there").ends(End::Reboot);
}

#[test]
fn without_a_checker_that_runs_the_boot_goes_on() {
    let run = guest(Arch::X86_64, |boot| {
        for (index, mkfs) in ["mkfs.ext2", "mkfs.ext3", "mkfs.ext4"].into_iter().enumerate() {
            disk(boot, index, mkfs, index == 2)?;
        }
        boot.archive.file("/sbin/fsck.ext2", 0o755, "#!/nowhere\n");
        // /sbin is no link to it here.
        boot.archive.file("/usr/bin/fsck.ext4", 0o755, script("echo looking at $2; exit 0"));
        boot.config(&roots(3)).run()
    });
    let Some(guest) = run.outcome() else { return };
    guest.says_in_order(&[
        "tinyo: fsck: run /s?bin/fsck.ext2 -a /dev/vda: no such file or directory; is it in the image, and its interpreter",
        "tinyo: root: /dev/vda is there",
        "tinyo: fsck: no fsck.ext3 in /sbin, /usr/sbin, /bin or /usr/bin; /dev/vdb is not checked",
        "tinyo: root: /dev/vdb is there",
        "fsck: looking at /dev/vdc",
        "case: root /dev/vdc",
    ]);
    guest.ends(End::PowerOff);
}

/// PID 1 waits for it, and for everything else.
#[test]
fn a_check_that_takes_long_says_so_and_can_be_ended() {
    let run = guest(Arch::X86_64, |boot| {
        disk(boot, 0, "mkfs.ext4", true)?;
        boot.script("/sbin/fsck.ext4", "echo begun; sleep 1000").config(&roots(1)).append("quiet");
        converse(boot.start()?, |guest| {
            guest.expect("tinyo: fsck: checking /dev/vda, 5 s so far")?;
            guest.expect("tinyo: fsck: checking /dev/vda, 10 s so far")?;
            guest.press("ctrl-alt-delete")
        })
    });
    let Some(guest) = run.outcome() else { return };
    guest.never_says("is there").ends(End::Reboot);
}

/// One deadline: what does not come for the check does not come for the mount either.
#[test]
fn a_disk_that_never_comes_is_waited_for_once() {
    let run = guest(Arch::X86_64, |boot| {
        disk(boot, 0, "mkfs.ext4", true)?;
        add_e2fsck(&mut boot.archive)?;
        let root = "[[root]]\nsource = \"LABEL=none\"\nwait = \"6s\"\nfsck = true\n";
        boot.config(&format!("{ON_VIRTIO}{root}[[root]]\nsource = \"/dev/vda\"\n")).run()
    });
    let Some(guest) = run.outcome() else { return };
    guest.says_in_order(&[
        "tinyo: mount root LABEL=none .*: it did not come; block devices: vda",
        "case: root /dev/vda",
    ]);
    assert_eq!(guest.transcript.matches("tinyo: waiting for LABEL=none, 5 s of 6 s").count(), 1, "{}", guest.shown());
    guest.ends(End::PowerOff);
}

/// e2fsck of this host, with its libraries.
fn add_e2fsck(archive: &mut Archive) -> Result<()> {
    let program = "/usr/sbin/e2fsck";
    let said = Command::new("ldd").arg(program).output().context("ldd")?;
    ensure!(said.status.success(), "ldd {program}");
    archive.file("/sbin/fsck.ext4", 0o755, fs::read(program)?);
    for word in String::from_utf8(said.stdout)?.split_whitespace().filter(|word| word.starts_with('/')) {
        archive.file(word, 0o755, fs::read(word).context(word.to_owned())?);
    }
    Ok(())
}

#[test]
fn the_real_one_repairs_what_it_can() {
    let run = guest(Arch::X86_64, |boot| {
        let broken = disk(boot, 0, "mkfs.ext4", true)?;
        let dirty = disk(boot, 1, "mkfs.ext4", true)?;
        // Without its root directory nothing is repaired without questions.
        for (image, request) in [(&broken, "clri <2>"), (&broken, "ssv state 0"), (&dirty, "ssv state 0")] {
            tool("debugfs", ["-w".as_ref(), "-R".as_ref(), request.as_ref(), image.as_os_str()], "")?;
        }
        add_e2fsck(&mut boot.archive)?;
        boot.config(&roots(2)).run()
    });
    let Some(guest) = run.outcome() else { return };
    guest.says_in_order(&[
        "fsck: .*UNEXPECTED INCONSISTENCY; RUN fsck MANUALLY",
        "tinyo: fsck: /dev/vda: errors are left, exit status 4",
        "fsck: /dev/vdb was not cleanly unmounted, check forced",
        "case: root /dev/vdb",
    ]);
    guest.never_says("tinyo: root: /dev/vda is there").ends(End::PowerOff);
}
