//! What lies outside or beside: the caller's files, the reaper, the launcher, other namespaces.

use std::fs;

use super::{SECRET, Siege};
use crate::house::ended;

/// Users that the reaper might show itself to.
const WHO: [&[&str]; 3] = [&[], &["--user=1000:1000"], &["--network=host"]];

/// Directories, a socket and a namespace of the caller's, not close-on-exec.
#[test]
fn no_file_of_the_callers_comes_in() {
    let Some(siege) = Siege::build() else { return };
    let (tinyo, root) = (siege.house.tinyo.display().to_string(), siege.house.root().display().to_string());
    let canary = format!("keep={}", siege.canary.display());
    let more = [&canary, "keep=/", "keep=socket", "keep=/proc/self/ns/net", "keep=/proc", "keep=/dev/null"];
    for options in [&[][..], &["--init=false"], &["--privileged"], &["--privileged", "--init=false"], &["--user=7:7"]] {
        let run = ["--", &tinyo, "run"].into_iter().chain(options.iter().copied());
        let words = ["caller"].into_iter().chain(more).chain(run).chain([root.as_str(), "/bin/attacker", "files"]);
        let said = siege.holds(|| ended(siege.attacker(&words.collect::<Vec<_>>())));
        said.says("[0, 1, 2]\n");
    }
}

/// As root inside, as nobody in particular, and with the host's network: PID 1 inside is tinyo's own process.
#[test]
fn the_reaper_cannot_be_taken_over() {
    let Some(siege) = Siege::build() else { return };
    let calls = [
        "ptrace 16 1 0 0",     // PTRACE_ATTACH
        "ptrace 0x4206 1 0 0", // PTRACE_SEIZE
        "process_vm_readv 1 [#8:8] 1 [0x400000:8] 1 0",
        "process_vm_writev 1 [#8:8] 1 [0x400000:8] 1 0",
        "open @/proc/1/mem 2",
        "open @/proc/1/mem 0",
        "open @/proc/1/exe 0",
        "open @/proc/1/exe 1",
        "open @/proc/1/root 0x10000",
        "open @/proc/1/cwd 0x10000",
        "open @/proc/1/environ 0",
        "open @/proc/1/auxv 0",
        "open @/proc/1/maps 0",
        "open @/proc/1/fd/0 0",
        "open @/proc/1/ns/mnt 0",
        "open @/proc/1/ns/net 0",
        "kcmp 1 1 0 0 0",
        "chdir @/proc/1/root/..",
        "process_madvise -1 [0:0] 1 20 0",
    ];
    for who in WHO {
        siege.refused(who, &calls, &["EPERM", "ENOSYS", "EACCES", "EBADF", "ENOENT"]);
        // By a pidfd, whose opening is nobody's secret.
        for fd in 0..8 {
            let said = siege.calls(who, &format!("pidfd_open 1 0 , pidfd_getfd % {fd} 0"));
            assert!(["EPERM", "ENOSYS"].iter().any(|errno| said[1].ends_with(errno)), "{who:?}: {said:?}");
        }
        let said = siege.calls(who, "pidfd_open 1 0 , setns %0 0x20000 , setns %0 0x40000000 , setns %0 0x7e020000");
        assert!(
            said[1..]
                .iter()
                .all(|line| line.ends_with("EPERM") || line.ends_with("ENOSYS") || line.ends_with("EINVAL")),
            "{said:?}"
        );
    }
    // Its words name paths of the host's.
    let said = siege.shell(&["--env=PASSWORD=x"], "tr '\\0' ' ' </proc/1/cmdline; cat /proc/1/environ");
    assert!(!said.out.contains("root") && !said.out.contains("run"), "{said:?}");
}

/// The command's own files, by which it would come back to the host: there are none.
#[test]
fn nothing_in_proc_leads_out() {
    let Some(siege) = Siege::build() else { return };
    let canary = siege.canary.display();
    for who in WHO {
        let script = format!(
            "for pid in /proc/[0-9]* /proc/self /proc/thread-self; do for way in root cwd fd/0 fd/1 fd/2 fd/3 fd/10 task/1/root; do \
             for path in {canary} ..{canary} ../../../../..{canary} secret ../canary/secret; do cat $pid/$way/$path/secret; \
             cat $pid/$way/$path; done; done; done"
        );
        siege.shell(who, &script);
    }
    assert!(fs::read_to_string(siege.canary.join("secret")).unwrap().contains(SECRET));
}

/// The launcher is outside, and has no number in here.
#[test]
fn the_launcher_has_no_number_inside() {
    let Some(siege) = Siege::build() else { return };
    for who in WHO {
        let script = "for pid in $(ls /proc | grep '^[0-9]'); do grep -E '^(NSpid|PPid)' /proc/$pid/status; done; \
                      n=3; while [ $n -lt 2000 ]; do kill -0 $n 2>/dev/null && [ ! -d /proc/$n ] && echo unseen $n; n=$((n+1)); done";
        let said = siege.shell(who, script);
        assert!(!said.out.contains("unseen"), "{said:?}");
        // One number each: this namespace is the innermost, and PID 1 is nobody's child.
        let depth =
            said.out.lines().filter(|line| line.starts_with("NSpid")).all(|line| line.split_whitespace().count() == 2);
        assert!(depth && said.out.contains("PPid:\t0"), "{said:?}");
    }
}

/// kill(-1), and every signal to the reaper: it ends by none of them, and nobody outside hears of it.
#[test]
fn the_reaper_does_not_die_by_signals_from_inside() {
    let Some(siege) = Siege::build() else { return };
    let script = "for signal in 1 2 3 4 6 7 8 9 10 11 12 13 14 15 17 18 19 20 21 22 23 24 25 27 28 30 31; do trap '' $signal 2>/dev/null; \
                  kill -$signal 1; done; kill -9 -1 2>/dev/null; echo alive";
    for who in [&[][..], &["--cap-add=ALL"]] {
        siege.shell(who, script).says("alive\n");
    }
}
