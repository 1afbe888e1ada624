//! What went wrong once on the way to a release, each booted again: endings that restarted, hung or lost something, and
//! boots that gave up too early.

use tinyo_qemu::{
    expect::End,
    image,
    kit::Arch,
    suite::{converse, guest, script},
};

const MODULES: &str = "modules = [\"virtio_pci\", \"virtio_blk\", \"ext4\"]\n";

#[test]
fn what_ends_while_it_waits_for_its_followers_is_not_started_again() {
    let run = guest(Arch::X86_64, |boot| {
        // `base` may not be stopped before `dep`, which takes three seconds, and ends by itself meanwhile.
        boot.config(
            "[service.base]\nexec = [\"/bin/sleep\", \"3\"]\n\n\
             [service.dep]\nexec = [\"/bin/sh\", \"-c\", \"trap : TERM; while :; do sleep 1; done\"]\n\
             requires = [\"base\"]\nstop-timeout = \"4s\"\n\n\
             [service.end]\nexec = [\"/bin/sh\", \"-c\", \"sleep 1; poweroff\"]\ntype = \"oneshot\"\n",
        );
        boot.run()
    });
    let Some(guest) = run.outcome() else { return };
    let after = r"(?s)poweroff: stopping services.*tinyo: base: ready";
    guest.says("tinyo: dep: still there after 4000 ms; killing it").never_says(after).ends(End::PowerOff);
}

#[test]
fn a_process_that_the_kernel_holds_holds_nobody_else_up() {
    let run = guest(Arch::X86_64, |boot| {
        let disk = image::busybox_root(&boot.kit)?;
        let write = "until [ -e /frozen ]; do usleep 50000; done; echo x >/data/x; sync";
        boot.config(&format!(
            "{MODULES}[[mount]]\nsource = \"/dev/vda\"\ntarget = \"/data\"\n\n\
             [service.base]\nexec = [\"/bin/sleep\", \"1000\"]\n\n\
             [service.dep]\nexec = [\"/bin/sh\", \"-c\", \"{write}\"]\nrequires = [\"base\"]\nstop-timeout = \"1s\"\n\n\
             [service.end]\nexec = [\"/end\"]\ntype = \"oneshot\"\n"
        ));
        boot.script("/end", "fsfreeze --freeze /data; touch /frozen; sleep 1; poweroff").disk(&disk)?.run()
    });
    let Some(guest) = run.outcome() else { return };
    guest.says_in_order(&["tinyo: dep: still there", "tinyo: base: stopped"]).ends(End::PowerOff);
}

#[test]
fn the_last_words_of_a_service_are_in_the_log() {
    let run = guest(Arch::X86_64, |boot| {
        boot.config(
            "[service.talk]\nexec = [\"/bin/sh\", \"-c\", \"seq 1 2000; echo LASTWORD; exit 9\"]\n\
             type = \"oneshot\"\non-exit = \"poweroff\"\n",
        );
        boot.append("log_buf_len=1M").run()
    });
    let Some(guest) = run.outcome() else { return };
    guest.says("talk: LASTWORD").says("tinyo: exit status 9").ends(End::PowerOff);
}

#[test]
fn mounts_as_fstab_would_have_them() {
    let run = guest(Arch::X86_64, |boot| {
        let disk = image::busybox_root(&boot.kit)?;
        boot.config(&format!(
            "{MODULES}[[mount]]\nsource = \"/dev/vda\"\ntarget = \"/a/b/c\"\noptions = \"noatime\"\n\n\
             [[mount]]\nsource = \"/a/b/c\"\ntarget = \"/bound\"\noptions = \"bind,ro\"\n\n\
             [service.check]\nexec = [\"/check\"]\ntype = \"oneshot\"\non-exit = \"poweroff\"\n"
        ));
        let check = "check any-type grep -q '^/dev/vda /a/b/c ext4 rw,noatime' /proc/mounts\n\
                     check bind-is-read-only sh -c '! touch /bound/x 2>/dev/null'\n\
                     check the-other-is-not touch /a/b/c/x";
        boot.script("/check", check).disk(&disk)?.run()
    });
    let Some(guest) = run.outcome() else { return };
    guest.held("any-type").held("bind-is-read-only").held("the-other-is-not").never_says("tinyo: load module");
    guest.ends(End::PowerOff);
}

#[test]
fn the_second_root_is_tried_when_the_first_has_no_init() {
    let run = guest(Arch::X86_64, |boot| {
        let mut disk = image::busybox_root(&boot.kit)?;
        disk.file("/good/init", 0o755, script("say good-init held; poweroff -f"));
        // The same disk twice: what counts is which init it is asked for.
        boot.config(&format!(
            "{MODULES}[[root]]\nsource = \"/dev/vda\"\ninit = \"/not/there\"\n\n\
             [[root]]\nsource = \"/dev/vda\"\ninit = \"/good/init\"\n"
        ));
        boot.disk(&disk)?.run()
    });
    let Some(guest) = run.outcome() else { return };
    guest.says("tinyo: root: init /not/there: no such file or directory").held("good-init").ends(End::PowerOff);
}

#[test]
fn the_rescue_word_means_the_rescue_shell() {
    let run =
        guest(Arch::X86_64, |boot| boot.config("on-failure = \"poweroff\"\n").append("tinyo.rescue panic=1").run());
    let Some(guest) = run.outcome() else { return };
    guest.says("Press Enter").ends(End::Reboot);
}

#[test]
fn a_machine_without_a_service_says_so() {
    let run = guest(Arch::X86_64, |boot| {
        boot.config("[service.idle]\nexec = [\"/bin/true\"]\nautostart = false\n").append("quiet");
        converse(boot.start()?, |guest| {
            guest.expect("tinyo: no service to run")?;
            guest.press("ctrl-alt-delete")
        })
    });
    let Some(guest) = run.outcome() else { return };
    guest.says("tinyo: no service to run").ends(End::Reboot);
}
