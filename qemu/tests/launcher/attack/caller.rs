//! Callers that hand down what nobody should: signals, descriptors, limits, a place that is gone, words without end.

use std::{fs, os::unix::fs::MetadataExt, process::Stdio};

use nix::libc;

use super::{Siege, named};
use crate::house::{Ended, ended, finish};

const LOOK: &str =
    "umask; pwd; grep -E '^(SigBlk|SigIgn|NoNewPrivs|CapEff)' /proc/self/status; ls /proc/self/fd; hostname";

impl Siege {
    /// `tinyo run OPTIONS ROOT COMMAND` by a caller who is as `words` say (qemu/attacker).
    #[track_caller]
    fn called(&self, words: &[&str], options: &[&str], command: &[&str]) -> Ended {
        let (tinyo, root) = (self.house.tinyo.display().to_string(), self.house.root().display().to_string());
        let run = ["--", &tinyo, "run"].into_iter().chain(options.iter().copied()).chain([root.as_str()]);
        let words: Vec<_> = ["caller"].iter().chain(words).copied().chain(run).chain(command.iter().copied()).collect();
        self.holds(|| ended(self.attacker(&words)))
    }
}

#[test]
fn signals_of_the_callers_do_not_come_in_or_hold_up() {
    let Some(siege) = Siege::build() else { return };
    for options in [&[][..], &["--init=false"], &["--privileged"]] {
        let usual = siege.called(&[], options, &["/bin/sh", "-c", LOOK]);
        assert!(usual.code == 0 && usual.out.contains("SigBlk:\t0000000000000000"), "{usual:?}");
        for words in [&["ignore"][..], &["block"], &["ignore", "block"]] {
            let said = siege.called(words, options, &["/bin/sh", "-c", LOOK]);
            assert_eq!((said.code, &said.out), (0, &usual.out), "{words:?} {options:?}");
            assert_eq!(siege.called(words, options, &["/bin/sh", "-c", "exit 7"]).code, 7);
            // PID 1 of a namespace ends by no signal of its own.
            let killed = if options.contains(&"--init=false") { 0 } else { 137 };
            assert_eq!(siege.called(words, options, &["/bin/sh", "-c", "kill -9 $$"]).code, killed);
            // Blocked or not, a child of the command that ends at once is seen to end.
            let said = siege.called(words, options, &["/bin/sh", "-c", "true & wait; (sleep 0.01 &); exit 3"]);
            assert_eq!(said.code, 3, "{words:?}: {said:?}");
        }
    }
}

/// Every combination: no file of tinyo's, a pipe or the root, lands on a number that the command writes to.
#[test]
fn closed_descriptors_are_nobodys() {
    let Some(siege) = Siege::build() else { return };
    // In a file, as there may be nobody to say it to.
    let data = siege.house.directory("data");
    let volume = format!("--volume={}:/mnt", data.display());
    for set in 0..8 {
        let closed: Vec<_> = (0..3).filter(|fd| set & (1 << fd) != 0).map(|fd| format!("close={fd}")).collect();
        let closed: Vec<_> = closed.iter().map(String::as_str).collect();
        for options in [&[volume.as_str()][..], &[&volume, "--init=false"], &[&volume, "--privileged"]] {
            let script = "ls -l /proc/$$/fd >/mnt/files; cat /proc/self/mountinfo >/mnt/mounts; echo said; echo said >&2; exit 4";
            let said = siege.called(&closed, options, &["/bin/sh", "-c", script]);
            assert_eq!(said.code, 4, "{closed:?} {options:?}: {said:?}");
            let files = fs::read_to_string(data.join("files")).unwrap();
            let mine: Vec<_> = files.lines().filter(|line| line.contains("->")).collect();
            // The shell's own file is that of its redirection.
            let harmless =
                |line: &&str| ["pipe:", "/dev/null", "/mnt/files", "/proc/"].iter().any(|kind| line.contains(kind));
            assert!(mine.iter().all(harmless), "{closed:?} {options:?}: {files}");
            let said = siege.called(&closed, options, &["/not/there"]);
            assert_eq!(said.code, 127, "{closed:?} {options:?}: {said:?}");
        }
    }
}

/// It works, or ends by a line of tinyo's; with too little, the kernel ends it before its first instruction.
#[test]
fn limits_of_the_callers_are_met_with_a_word() {
    let Some(siege) = Siege::build() else { return };
    let limit = |number: u32, value: u64| format!("limit={number}:{value}");
    let usual = siege.called(&[], &[], &["/bin/sh", "-c", LOOK]).out;
    let mut words: Vec<String> = (3..=20).map(|files| limit(libc::RLIMIT_NOFILE, files)).collect();
    words.extend([0, 1, 1 << 12, 1 << 16].map(|bytes| limit(libc::RLIMIT_FSIZE, bytes)));
    words.extend([0, 1, 2].map(|processes| limit(libc::RLIMIT_NPROC, processes)));
    words.extend([0, 1 << 12].map(|bytes| limit(libc::RLIMIT_MEMLOCK, bytes)));
    words.extend([0, 1].map(|bytes| limit(libc::RLIMIT_CORE, bytes)));
    words.extend([1 << 20, 1 << 22, 1 << 23, 1 << 25].map(|bytes| limit(libc::RLIMIT_AS, bytes)));
    words.extend([1 << 16, 1 << 18].map(|bytes| limit(libc::RLIMIT_STACK, bytes)));
    words.extend([0, 1 << 16].map(|bytes| limit(libc::RLIMIT_DATA, bytes)));
    let all = [&[][..], &["--init=false"], &["--read-only", "--tmpfs=/mnt"], &["--user=1000:1000"]];
    for (turn, word) in words.iter().enumerate() {
        for options in [all[0], all[1 + turn % 3]] {
            let script = format!("{LOOK}; exit 0");
            let said = siege.called(&[word], options, &["/bin/sh", "-c", &script]);
            let memory = word.starts_with(&format!("limit={}:", libc::RLIMIT_AS))
                || word.starts_with(&format!("limit={}:", libc::RLIMIT_DATA))
                || word.starts_with(&format!("limit={}:", libc::RLIMIT_STACK));
            match said.code {
                0 if options.is_empty() => assert_eq!(said.out, usual, "{word}"),
                0 => {}
                125..=127 if said.err.starts_with("tinyo: ") => named(&said),
                // By the loader of programs: of the attacker, of tinyo, or of the command.
                120 | 132..=139 | 1004..=1011 if memory => {}
                // The command began, and the shell in it met the limit.
                1..=2 | 126..=127 if said.err.contains("sh: ") => {}
                code => panic!("{word} {options:?}: status {code}: {said:?}"),
            }
            let _ = fs::remove_dir(siege.house.root().join("mnt"));
        }
    }
}

#[test]
fn a_place_that_is_gone_is_no_place_inside() {
    let Some(siege) = Siege::build() else { return };
    let gone = siege.house.beside("gone");
    let script = format!(
        "mkdir {0} && cd {0} && rmdir {0} && umask 0777 && exec $tinyo run $options $root /bin/sh -c 'pwd; umask; ls /'",
        gone.display()
    );
    for options in ["", "--init=false", "--privileged", "--read-only --tmpfs=/scratch"] {
        let mut command = siege.house.host(&script);
        let said = siege.holds(|| {
            command.env("options", options);
            ended(command)
        });
        assert!(said.code == 0 && said.out.starts_with("/\n0022\n"), "{options}: {said:?}");
    }
    // What is relative to it is not to be had, and said so.
    let relative = script.replace("$options $root", "-v ./x:/mnt $root");
    let said = siege.holds(|| ended(siege.house.host(&relative)));
    named(&said);
    // A mask of the caller's is not that of mount points either.
    let made = siege.house.root().join("scratch");
    assert_eq!(fs::metadata(made).unwrap().mode() & 0o777, 0o755);
}

/// Up to what the kernel takes (a quarter of the stack, 128 KiB a word), and over it.
#[test]
fn words_without_end_work_or_are_too_many() {
    let Some(siege) = Siege::build() else { return };
    let long = "x".repeat(100_000);
    for words in [1, 4, 10, 19, 20, 21, 40] {
        let mut command =
            siege.house.command(&["-e", "KEPT"], &["/bin/sh", "-c", "echo $#; echo ${#KEPT}; echo ${#1}", "sh"]);
        command.args(vec![&long; words]).env("KEPT", &long).stdout(Stdio::piped()).stderr(Stdio::piped());
        match siege.holds(|| command.spawn().map(finish)) {
            Ok(said) if said.code == 0 => assert_eq!(said.out, format!("{words}\n100000\n100000\n")),
            Ok(said) => {
                named(&said);
                assert!(said.err.contains("argument list too long") || said.err.contains("too large"), "{said:?}");
            }
            // The test's own spawn: it did not come to tinyo.
            Err(error) => assert_eq!(error.raw_os_error(), Some(libc::E2BIG)),
        }
    }
    let run = |count: usize| {
        let mut command = siege.house.command(&[], &["/bin/sh", "-c", "echo $#", "sh"]);
        command.args(vec!["x"; count]);
        siege.holds(|| ended(command))
    };
    run(250).says("250\n");
    named(&run(300));
    named(&run(100_000));
    // An environment that is not passed on costs nothing.
    let mut command = siege.house.command(&[], &["/bin/sh", "-c", "echo $A0"]);
    command.envs((0..10_000).map(|number| (format!("A{number}"), "x".repeat(100))));
    siege.holds(|| ended(command)).says("\n");
}
