//! What a bad config does to a boot: every error is named, and nothing half-parsed runs.

use tinyo_qemu::{expect::End, kit::Arch, suite::guest};

#[test]
fn three_errors_on_three_lines_are_all_named() {
    let config = "\
on-failure = \"poweroff\"
hostnam = \"typo\"
modules = 3

[[mount]]
source = \"/dev/none\"
target = \"/data\"
tipe = \"tmpfs\"

[service.never]
exec = [\"/bin/sh\", \"-c\", \"echo half-parsed >/dev/kmsg\"]
";
    let run = guest(Arch::X86_64, |boot| {
        boot.refused(&[":2:1: unknown key hostnam", ":3:11: modules is a list", ":8:1: unknown key tipe"]);
        boot.config(config).append("quiet").run()
    });
    let Some(guest) = run.outcome() else { return };
    guest.says(r"tinyo.toml:2:1: .*hostnam.*hostname");
    guest.says(r"tinyo.toml:3:\d+: ");
    guest.says(r"tinyo.toml:8:1: .*tipe.*type");
    guest.never_says("(?m)^.*kmsg: half-parsed|\\] half-parsed").ends(End::PowerOff);
}

#[test]
fn a_bad_service_is_skipped_and_named_and_the_others_run() {
    let config = "\
[service.bad]
exec = \"/bin/not-a-list\"

[service.good]
exec = [\"/bin/sh\", \"-c\", \"echo '<3>case: good held' >/dev/kmsg\"]
type = \"oneshot\"
on-exit = \"poweroff\"
";
    let run = guest(Arch::X86_64, |boot| boot.refused(&["/etc/tinyo.toml:2:8: exec is a list"]).config(config).run());
    let Some(guest) = run.outcome() else { return };
    guest.says(r"tinyo.toml:2:\d+: ").says("tinyo: .*bad").held("good").ends(End::PowerOff);
}

#[test]
fn a_config_that_is_a_directory_or_empty_or_binary_ends_no_boot_in_a_panic() {
    let run = guest(Arch::X86_64, |boot| {
        boot.archive.dir("/etc/tinyo.toml", 0o755);
        boot.by_hand().append("panic=1").run()
    });
    let Some(guest) = run.outcome() else { return };
    guest.says("tinyo: .*/etc/tinyo.toml: not a regular file").ends(End::Reboot);

    let run = guest_with_config(b"hostname = \"a\x00b\"\xff\n");
    let Some(guest) = run.outcome() else { return };
    guest.says(r"tinyo.toml:1:\d+: ").ends(End::Reboot);
}

fn guest_with_config(bytes: &'static [u8]) -> tinyo_qemu::suite::Run {
    guest(Arch::X86_64, |boot| {
        boot.archive.file("/etc/tinyo.toml", 0o644, bytes);
        boot.refused(&["/etc/tinyo.toml:1:14: ", "/etc/tinyo.toml:1:17: "]).append("panic=1").run()
    })
}

#[test]
fn an_unknown_tinyo_word_is_a_warning_with_the_nearest() {
    let config = "[service.one]\nexec = [\"/bin/true\"]\ntype = \"oneshot\"\non-exit = \"poweroff\"\n";
    let run = guest(Arch::X86_64, |boot| boot.config(config).append("tinyo.onexit=reboot").run());
    let Some(guest) = run.outcome() else { return };
    guest.says("tinyo: .*tinyo.onexit.*tinyo.on-exit").ends(End::PowerOff);
}

#[test]
fn the_rescue_shell_waits_for_enter_and_helps() {
    let run = guest(Arch::X86_64, |boot| {
        boot.refused(&["/etc/tinyo.toml:1:12: hostname is a string"]).config("hostname = 3\n");
        boot.append("panic=60");
        tinyo_qemu::suite::converse(boot.start()?, |guest| {
            guest.expect(r"tinyo.toml:1:\d+: ")?;
            guest.expect("Enter")?;
            guest.send("")?;
            guest.expect(r"# ")?;
            guest.send("echo rescued-$((40 + 2))")?;
            guest.expect("rescued-42")?;
            guest.send("poweroff")
        })
    });
    let Some(guest) = run.outcome() else { return };
    guest.says("rescued-42").ends(End::PowerOff);
}
