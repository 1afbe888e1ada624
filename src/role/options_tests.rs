//! How words become a config, and what is said of those that do not.

use super::*;
use crate::text::put::shown;
use std::ffi::CString;
use std::format;
use std::string::String;
use std::vec::Vec;

/// What `parse` makes of words that are separated by spaces, of which `CALLED=outside` is in the environment.
fn parsed(text: &str) -> (Config<'static>, Result<Asked, String>) {
    let leak = |word: &str| -> &'static CStr { std::boxed::Box::leak(CString::new(word).unwrap().into_boxed_c_str()) };
    let words: Vec<&CStr> = text.split(' ').filter(|word| !word.is_empty()).map(leak).collect();
    let mut config = Config::new();
    let variable = |name: &[u8]| Some(c"CALLED=outside").filter(|_| name == b"CALLED");
    let said = core::cell::RefCell::new(String::new());
    let complain = |what: &Message, hint| *said.borrow_mut() += &format!("{}{}", shown(what), shown(&hint));
    let words = Words { word: &|at| words.get(at).copied(), variable: &variable, complain: &complain, exec: false };
    let asked = parse(words, 0, &mut config);
    (config, asked.ok_or(said.into_inner()))
}

#[track_caller]
fn fails(text: &str, expected: &str) {
    assert_eq!(parsed(text).1.unwrap_err(), expected, "{text}");
}

/// All words of the config, list after list, the command first.
fn all(text: &str) -> Vec<&'static str> {
    let (config, asked) = parsed(text);
    assert_eq!(asked, Ok(Asked::Run(Launch::default())), "{text}");
    config.words.iter().map(|word| word.to_str().unwrap()).collect()
}

#[test]
fn the_tables_are_of_one_length_and_in_order() {
    assert_eq!(LONG.split_terminator(' ').count(), FIELDS.len());
    assert_eq!((SHORT.len(), shown(&WANTED.line(FIELDS.len())).as_str()), (FIELDS.len(), ""));
    let mut sorted: Vec<_> = LONG.split_terminator(' ').collect();
    sorted.sort_unstable();
    assert!(LONG.split_terminator(' ').eq(sorted), "{LONG}");
    assert_eq!(DOCKERS.lines().count(), (0..).take_while(|line| !INSTEAD.line(*line).is_empty()).count());
    for name in DOCKERS.split_whitespace() {
        let ours =
            names::position(LONG, name.as_bytes()).is_some() || SHORT.iter().any(|short| name.as_bytes() == [*short]);
        assert!(!ours, "{name} is here now");
    }
}

#[test]
fn help_fits_a_screen_and_has_every_option() {
    let help = shown(&USAGE);
    assert!(help.lines().count() <= 24 && help.lines().all(|line| line.len() <= 80), "{help}");
    for name in LONG.split_terminator(' ').filter(|name| *name != "help") {
        let is_it = |word: &str| word.trim_end_matches([',', ':', ';']).split('=').next() == Some(&format!("--{name}"));
        assert!(help.split_whitespace().any(is_it), "--{name} is not in the help");
    }
}

#[test]
fn short_options_cluster() {
    for words in ["-iv /a:/b", "-iv/a:/b", "-iv=/a:/b", "-i -v /a:/b", "--rm --volume=/a:/b", "-i --volume /a:/b"] {
        assert_eq!(all(&format!("{words} / true -i")), ["true", "-i", "/a:/b"], "{words}");
    }
    assert_eq!(all("-ie A=1 -ieB=-v -e=C=3 / x"), ["x", "A=1", "B=-v", "C=3"]);
    assert_eq!(all("-i=true / x"), ["x"]);
    fails("-i=false / x", "--interactive: false is no value for it: standard input is passed on in any case");
    fails("-iv", "a value is missing after -iv; try tinyo run --help");
    fails("-iq / x", "unknown option -iq; try tinyo run --help");
}

#[test]
fn options_end_at_the_root() {
    for words in ["/ x -v", "-- / x -v", "/ -- x -v", "-- / -- x -v"] {
        let (config, _) = parsed(words);
        assert_eq!(all(words), ["x", "-v"]);
        assert_eq!(config.services[0].container.unwrap().root, c"/");
    }
    fails("--rm", "no ROOTFS: run ROOTFS COMMAND is needed; try tinyo run --help");
    fails("--rm /r", "no COMMAND after /r; try tinyo run --help");
    assert_eq!(parsed("--help").1, Ok(Asked::Help));
    assert_eq!(parsed("-i --help -x").1, Ok(Asked::Help));
}

#[test]
fn variables_are_passed_on_by_name() {
    assert_eq!(all("-e CALLED -e NOT -e A= / x"), ["x", "CALLED=outside", "A="]);
}

#[test]
fn numbers_are_the_configs() {
    let (config, _) = parsed("-m64m / x");
    assert_eq!(config.services[0].limits.memory, 64 << 20);
    let (config, _) = parsed("--cpus 1.5 --pids-limit=7 --oom-score-adj -5 --umask 27 --memory 4096 / x");
    let service = &config.services[0];
    assert_eq!((service.limits.cpus, service.limits.pids, service.limits.memory), (150_000, 7, 4096));
    assert_eq!((service.oom_score, service.umask), (Some(-5), 0o027));
    for (words, expected) in [
        ("--cpus 0", "--cpus: 0 is no number of CPUs from 0.01 on, to five places"),
        ("-m 4095", "--memory: 4095 is no size of 4k or more, with b, k, m or g"),
        ("-m -1", "--memory: -1 is no size of 4k or more, with b, k, m or g"),
        ("--pids-limit 0", "--pids-limit: 0 is no number of processes up to 4194304"),
        ("--pids-limit 5k", "--pids-limit: 5k is no number of processes up to 4194304"),
        ("--oom-score-adj 1001", "--oom-score-adj: 1001 is no number from -1000 to 1000"),
        ("--umask 1000", "--umask: 1000 is no octal number up to 0777"),
        ("--umask 8", "--umask: 8 is no octal number up to 0777"),
        ("--read-only=yes", "--read-only: yes is no true or false"),
        ("--rm=false", "--rm: false is no value for it: nothing of a container is kept"),
    ] {
        fails(&format!("{words} / x"), expected);
    }
}

#[test]
fn what_only_docker_has_is_answered() {
    for (words, expected) in [
        ("-d", "-d is docker's: it stays in the foreground; write & behind the command, or a [service]"),
        ("-id", "-id is docker's: it stays in the foreground; write & behind the command, or a [service]"),
        ("--name=web", "--name=web is docker's: a container has no name; --pid-file PATH says who it is"),
        ("-p 80:80", "-p is docker's: no port is forwarded; write --network host"),
        ("--isolation", "--isolation is docker's: ROOTFS is a directory or an image file; tinyo knows no registry"),
        ("--volumes /a:/b", "unknown option --volumes; did you mean --volume"),
        ("--memroy=5m", "unknown option --memroy=5m; did you mean --memory"),
        ("--bogus=1", "unknown option --bogus=1; try tinyo run --help"),
        ("--", "no ROOTFS: run ROOTFS COMMAND is needed; try tinyo run --help"),
        ("--=", "unknown option --=; try tinyo run --help"),
        ("-=", "unknown option -=; try tinyo run --help"),
        ("---", "unknown option ---; try tinyo run --help"),
    ] {
        fails(words, expected);
    }
}
