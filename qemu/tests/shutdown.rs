//! What stands in the way of an end, and what an init meets that tests forget: each is survived, and named.

use std::{env, path::Path, process::Command, thread};

use anyhow::{Context, Result, ensure};
use tinyo_qemu::{
    expect::End,
    guest::Outcome,
    image,
    kit::Arch,
    suite::{Boot, guest, skip},
};

/// Time passes at once where the guest only waits for it; what its disk does takes as long as ever.
const NO_WAITING: [&str; 2] = ["-icount", "shift=2,sleep=off"];

/// An ext4 disk that takes 4 KiB in a second, and so holds up for hours whoever waits for what was written to it.
fn slow_disk(boot: &mut Boot) -> Result<&mut Boot> {
    let path = boot.dir.path().join("slow.img");
    image::ext4(&image::busybox_root(&boot.kit)?, &path, 64, "slow")?;
    boot.modules(&["virtio_pci", "virtio_blk", "softdog"])?;
    let drive = format!("file={},if=none,id=slow,format=raw,cache=unsafe,throttling.bps-write=4096", path.display());
    Ok(boot.hardware(&["-drive", &drive, "-device", "virtio-blk-pci,drive=slow"]))
}

const IN_THE_WAY: &str = r#"
modules = ["virtio_pci", "virtio_blk", "softdog"]
watchdog = "5s"

[[mount]]
source = "/dev/vda"
target = "/data"
type = "ext4"

[service.deaf]
exec = ["/bin/sh", "-c", "trap '' TERM; cd /data; while :; do sleep 1000; done"]
stop-timeout = "1s"

[service.fifo]
exec = ["/bin/sleep", "1000"]
log = "/run/fifo"
after = ["make"]

[service.make]
exec = ["/bin/mkfifo", "/run/fifo"]
type = "oneshot"

[service.pending]
exec = ["/bin/false"]

[service.starting]
exec = ["/bin/sleep", "1000"]
type = "oneshot"

[service.waiting]
exec = ["/bin/sleep", "1000"]
after = ["starting"]

[service.end]
exec = ["/end"]
restart = "never"
"#;

#[test]
fn an_end_comes_through_all_that_is_in_its_way() {
    let run = guest(Arch::X86_64, |boot| {
        boot.config(IN_THE_WAY);
        let end = "dd if=/dev/zero of=/data/big bs=1M count=8 2>/dev/null; sleep 20; kill -USR2 1";
        slow_disk(boot)?.script("/end", end).hardware(&NO_WAITING).run()
    });
    let Some(guest) = run.outcome() else { return };
    guest.says("tinyo: deaf: still there after 1000 ms").says("tinyo: fifo: still there after 5000 ms");
    guest.never_says("tinyo: waiting: ready").never_says(r"(?s)stopping services.*pending: ready");
    guest.says("tinyo: poweroff: sync: timed out; going on without it");
    guest.says("tinyo: poweroff: unmount /data: timed out").ends(End::PowerOff);
}

/// With a disk on /data.
const DISK: [&str; 2] = ["virtio_pci", "virtio_blk"];

const DATA: &str = r#"
[[mount]]
source = "/dev/vda"
target = "/data"
type = "ext4"
"#;

const WRITERS: &str = r#"
[service.append]
exec = ["/bin/sh", "-c", "while :; do echo line >>/data/append; done"]

[service.blocks]
exec = ["/bin/sh", "-c", "while :; do dd if=/dev/zero of=/data/blocks bs=64k count=40; rm /data/blocks; done"]
log = "null"

[service.names]
exec = ["/bin/sh", "-c", "i=0; while :; do mkdir /data/$i; echo $i >/data/$i/x; rm -r /data/$((i-9)); i=$((i+1)); done"]
log = "null"

[service.deaf]
exec = ["/bin/sh", "-c", "trap '' TERM; cd /data; while :; do echo x >deaf; sync; done"]
stop-timeout = "200ms"

[service.stranger]
exec = ["/bin/sh", "-c", "echo $$ >/sys/fs/cgroup/cgroup.procs; trap '' TERM; while :; do echo x >>/data/stranger; done"]
"#;

/// What e2fsck thinks of a disk, whose superblock must say by itself that it was left clean.
fn examine(image: &Path) -> Result<()> {
    let stats = Command::new("/usr/sbin/dumpe2fs").arg("-h").arg(image).output().context("dumpe2fs: run it")?;
    let stats = String::from_utf8_lossy(&stats.stdout);
    ensure!(stats.contains("state:         clean") && !stats.contains("needs_recovery"), "not clean: {stats}");
    let check = Command::new("/usr/sbin/e2fsck").args(["-f", "-n"]).arg(image).output().context("e2fsck: run it")?;
    ensure!(check.status.success(), "{}", String::from_utf8_lossy(&check.stdout));
    Ok(())
}

/// Boots with a disk on /data, and looks at the disk when the machine has ended.
fn run_with_data(boot: &mut Boot, modules: &[&str], services: &str) -> Result<Outcome> {
    let disk = image::busybox_root(&boot.kit)?;
    boot.config(&format!("modules = {modules:?}\n{DATA}{services}")).disk(&disk)?;
    boot.modules(modules)?;
    let outcome = boot.run()?;
    examine(&boot.dir.path().join("disk.img")).with_context(|| outcome.shown().to_owned())?;
    Ok(outcome)
}

/// Boots and ends while all of them write, `rounds` times.
fn write_and_end(rounds: u32) -> u32 {
    let mut clean = 0;
    for round in 0..rounds {
        let run = guest(Arch::X86_64, |boot| {
            // Each end meets the writers elsewhere.
            let end =
                format!("[service.end]\nexec = [\"/bin/sh\", \"-c\", \"usleep {}; kill -USR2 1\"]\n", 37_000 * round);
            run_with_data(boot, &DISK, &format!("{WRITERS}{end}"))
        });
        let Some(guest) = run.outcome() else { return clean };
        guest.never_says("unmount /data").ends(End::PowerOff);
        clean += 1;
    }
    clean
}

#[test]
fn a_disk_is_clean_whatever_is_written_to_it() {
    let runs = env::var("TINYO_CLEAN_RUNS").ok().and_then(|runs| runs.parse().ok()).unwrap_or(6);
    let other = thread::spawn(move || write_and_end(runs / 2));
    let clean = write_and_end(runs - runs / 2) + other.join().unwrap();
    assert!(clean == runs || skip(Arch::X86_64), "{clean} of {runs}");
}

#[test]
fn the_clock_set_by_thirty_years_neither_storms_nor_stalls() {
    let run = guest(Arch::X86_64, |boot| {
        boot.config(
            "[service.steady]\nexec = [\"/bin/sleep\", \"1000\"]\n\n\
             [service.crasher]\nexec = [\"/bin/sh\", \"-c\", \"echo x >>/run/starts; exit 3\"]\n\n\
             [service.deaf]\nexec = [\"/bin/sh\", \"-c\", \"trap '' TERM; while :; do sleep 1; done\"]\nstop-timeout = \"2s\"\n\n\
             [service.clock]\nexec = [\"/bin/sh\", \"-c\", \"while :; do date -s 1996-01-02; usleep 70000; date -s 2056-01-02; usleep 70000; done\"]\n\
             log = \"null\"\n\n[service.check]\nexec = [\"/check\"]\ntype = \"oneshot\"\n",
        );
        let check = "soon 'pidof sleep'; old=$(pgrep -f 'sleep 1000')\n\
                     check no-stall soon '[ $(wc -l </run/starts) -ge 6 ]'\ncheck no-storm [ $(wc -l </run/starts) -le 8 ]\n\
                     check steady [ $(pgrep -f 'sleep 1000') = $old ]\nsay end; poweroff";
        boot.script("/check", check).run()
    });
    let Some(guest) = run.outcome() else { return };
    guest.held("no-stall").held("no-storm").held("steady").says("tinyo: deaf: still there after 2000 ms");
    let took = guest.stamp("reboot: Power down") - guest.stamp("case: end");
    assert!((1.9..6.0).contains(&took), "stop-timeout is 2 s, the end took {took:.2} s\n{}", guest.shown());
    guest.ends(End::PowerOff);
}

#[test]
fn a_full_run_is_named_and_survived() {
    let run = guest(Arch::X86_64, |boot| {
        boot.config(
            "[service.fill]\nexec = [\"/fill\"]\ntype = \"oneshot\"\n\n\
             [service.late]\nexec = [\"/bin/sleep\", \"1000\"]\nlog = \"/run/late\"\nafter = [\"fill\"]\n\n\
             [service.check]\nexec = [\"/check\"]\ntype = \"oneshot\"\nafter = [\"fill\"]\non-exit = \"poweroff\"\n",
        );
        let fill = "mount -o remount,nr_inodes=90,size=1m /run; i=0; while true >/run/f$i; do i=$((i+1)); done 2>/dev/null\n\
                    check full sh -c '! mkdir /run/x 2>/dev/null'";
        let check = "sleep 1; rm /run/f0; check back soon '[ -e /run/late ]'";
        boot.script("/fill", fill).script("/check", check).run()
    });
    let Some(guest) = run.outcome() else { return };
    guest.held("full").says("tinyo: late: .*/run/late: no space left on device").held("back").ends(End::PowerOff);
}

#[test]
fn without_a_descriptor_to_be_had_it_says_so_and_ends_with_a_clean_disk() {
    let run = guest(Arch::X86_64, |boot| {
        let more: String = (0..9).map(|n| format!("[service.s{n}]\nexec = [\"/bin/sleep\", \"1000\"]\n")).collect();
        let end = "[service.end]\nexec = [\"/bin/sh\", \"-c\", \"sleep 2; kill -USR2 1\"]\n";
        boot.archive.file("/start", 0o755, "#!/bin/sh\nulimit -n 20\nexec /init\n");
        run_with_data(boot.append("rdinit=/start"), &DISK, &format!("{end}{more}"))
    });
    let Some(guest) = run.outcome() else { return };
    guest.says("tinyo: s[0-9]: .*: too many open files").ends(End::PowerOff);
}

#[test]
fn without_a_process_to_be_had_it_tries_again_and_ends_with_a_clean_disk() {
    let run = guest(Arch::X86_64, |boot| {
        // Without a process of its own, all this: while there is no room, the shell forks none.
        let check = "limit() { echo $1 >/proc/sys/kernel/threads-max; }\nsoon 'pidof sleep'; pid=$(pidof sleep)\n\
                     limit 20; kill $pid; i=0; while [ $i -lt 100000 ]; do i=$((i+1)); done; limit 1000\n\
                     check back soon 'pidof sleep'\nlimit 20; kill -USR2 1";
        let steady = "[service.steady]\nexec = [\"/bin/sleep\", \"1000\"]\n\n[service.check]\nexec = [\"/check\"]\n";
        run_with_data(boot.script("/check", check), &DISK, steady)
    });
    let Some(guest) = run.outcome() else { return };
    guest.says("tinyo: steady: clone3?: resource temporarily unavailable").held("back").ends(End::PowerOff);
}

#[test]
fn without_proc_it_boots_and_ends_with_a_clean_disk() {
    let run = guest(Arch::X86_64, |boot| {
        boot.refused(&["/proc: a file in the image"]).archive.file("/proc", 0o644, "");
        run_with_data(boot, &DISK, "[service.end]\nexec = [\"/bin/sh\", \"-c\", \"echo x >/data/x; kill -USR2 1\"]\n")
    });
    let Some(guest) = run.outcome() else { return };
    guest.says("tinyo: mount proc on /proc .*: not a directory").ends(End::PowerOff);
}

#[test]
fn a_disk_that_is_busy_by_a_loop_device_and_swap_is_left_clean() {
    let run = guest(Arch::X86_64, |boot| {
        let hold = "cd /data; dd if=/dev/zero of=image bs=1M count=4; dd if=/dev/zero of=swap bs=1M count=4; mkswap swap\n\
                    check swap swapon swap; check loop losetup /dev/loop0 image; kill -USR2 1";
        let modules = ["virtio_pci", "virtio_blk", "loop"];
        let services = "[service.hold]\nexec = [\"/hold\"]\n";
        run_with_data(boot.script("/hold", hold), &modules, services)
    });
    let Some(guest) = run.outcome() else { return };
    guest.held("swap").held("loop").never_says("tinyo: .*unmount").ends(End::PowerOff);
}
