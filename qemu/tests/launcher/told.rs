//! Who hears that the command runs, and what of the caller's it keeps: `--pid-file`, `--ready-fd`, `--preserve-fds`.

use std::fs;

use crate::house::{Ended, House, ended, soon};

/// A script on the host, in the directory beside the image.
#[track_caller]
fn host(house: &House, script: &str) -> Ended {
    house.clean(|| {
        let mut command = house.host(script);
        command.current_dir(house.beside(""));
        ended(command)
    })
}

#[test]
fn a_pid_file_names_the_container_while_it_runs() {
    let Some(house) = House::build() else { return };
    // Relative to the caller's directory; the number is that of the host.
    let script = "exec $tinyo run --pid-file pid $root /bin/sh -c 'until [ -e /go ]; do usleep 2000; done'";
    let mut command = house.host(script);
    command.current_dir(house.beside(""));
    let mut child = command.spawn().unwrap();
    let file = house.beside("pid");
    soon("it is written", || file.exists());
    let pid = fs::read_to_string(&file).unwrap();
    assert!(pid.ends_with('\n'), "{pid:?}");
    let status = fs::read_to_string(format!("/proc/{}/status", pid.trim())).unwrap();
    assert!(status.contains(&format!("NSpid:\t{}\t1\n", pid.trim())), "{status}");
    house.file("go", 0o644, "");
    assert!(child.wait().unwrap().success());
    assert!(!file.exists(), "it would name a stranger");
    // One that somebody else has written meanwhile is theirs.
    fs::remove_file(house.root().join("go")).unwrap();
    fs::create_dir(house.root().join("out")).unwrap();
    host(&house, "$tinyo run -v .:/out --pid-file pid $root /bin/sh -c 'until [ -e /out/pid ]; do usleep 2000; done; echo 7 >/out/pid'; cat pid")
        .says("7\n");
}

/// As many mount points as there can be, made twice each: where the root is read-only the launcher makes them.
#[test]
fn a_launch_that_reports_much_is_heard() {
    let Some(house) = House::build() else { return };
    let data = house.directory("data").display().to_string();
    for name in ["dev", "proc", "sys", "run", "tmp"] {
        fs::remove_dir(house.root().join(name)).unwrap();
    }
    let volumes: Vec<_> = (0..64).map(|number| format!("-v{data}:/v{number}")).collect();
    let options: Vec<_> = volumes.iter().map(String::as_str).chain(["--read-only"]).collect();
    assert_eq!(house.run(&options, &["/not/there"]).code, 127);
    let file = house.beside("pid").display().to_string();
    let mut child =
        house.command(&[&options, &["--pid-file", &*file][..]].concat(), &["/bin/sleep", "1000"]).spawn().unwrap();
    soon("it is written", || fs::exists(&file).unwrap());
    let launcher = nix::unistd::Pid::from_raw(child.id().cast_signed());
    nix::sys::signal::kill(launcher, nix::sys::signal::Signal::SIGTERM).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(143));
}

#[test]
fn a_pid_file_that_cannot_be_written_is_named() {
    let Some(house) = House::build() else { return };
    let run = |path: &str| house.run(&["--pid-file", path], &["/bin/true"]);
    run("/not/there").fails(125, "run: --pid-file /not/there: open: no such file or directory");
    // Seen when all else is done: the command is ended, for nobody would know of it.
    let directory = house.directory("pid").display().to_string();
    run(&directory).fails(125, &format!("run: --pid-file {directory}: rename: is a directory"));
    assert_eq!(run("").err, "tinyo: run: --pid-file: \"\" is no path\n");
    // A launch that fails leaves none.
    host(&house, "$tinyo run --pid-file other $root /not/there 2>/dev/null; echo $?; ls")
        .says("127\nbusybox\npid\nroot\ntinyo\n");
}

#[test]
fn a_newline_says_that_the_command_runs() {
    let Some(house) = House::build() else { return };
    // Its end is there as well: neither we nor the container keep it.
    let script = "mkfifo ready; $tinyo run --ready-fd 7 $root /bin/sleep 1000 7>ready & $busybox cat ready | $busybox od -c; kill $!; wait $!; \
                  echo $?; rm ready";
    host(&house, script).says("0000000  \\n\n0000001\n143\n");
    // None when it does not.
    host(&house, "$tinyo run --ready-fd 7 $root /not/there 7>ready 2>/dev/null; echo $?; cat ready; rm ready")
        .says("127\n");
    let fails = |options: &str, line: &str| {
        host(&house, &format!("exec $tinyo run {options}")).fails(125, line);
    };
    fails("--ready-fd 9 $root /bin/true", "run: --ready-fd 9: it is not open");
    fails("--ready-fd 2 $root /bin/true", "run: --ready-fd: 2 is no number of a file; write 3 to 255");
    fails("--ready-fd 256 $root /bin/true", "run: --ready-fd: 256 is no number of a file; write 3 to 255");
    fails(
        "--ready-fd 4 --preserve-fds 2 $root /bin/true 3</dev/null 4</dev/null",
        "run: --ready-fd 4: that is the container's by --preserve-fds",
    );
}

#[test]
fn files_of_the_callers_stay_open_when_asked_for() {
    let Some(house) = House::build() else { return };
    let list = "$root /bin/sh -c 'for fd in 3 4 5 6 7 8; do [ -e /proc/self/fd/$fd ] && echo $fd; done; :'";
    for init in ["--init", "--init=false"] {
        let open = |options: &str| {
            let said = host(
                &house,
                &format!("exec $tinyo run {init} {options} {list} 3</dev/null 4</dev/null 5</ 7</dev/null"),
            );
            said.lines().join(" ")
        };
        assert_eq!(open(""), "");
        assert_eq!(open("--preserve-fds 0"), "");
        assert_eq!(open("--preserve-fds 2"), "3 4");
        assert_eq!(open("--preserve-fds 3"), "3 4 5");
    }
    // They are what they were, for readers and for writers.
    host(&house, "exec $tinyo run --preserve-fds 2 $root /bin/sh -c 'cat <&3; echo out >&4' 3<<end 4>&1\nin\nend\n")
        .says("in\nout\n");
    let fails = |options: &str, line: &str| {
        host(&house, &format!("exec $tinyo run {options}")).fails(125, line);
    };
    fails("--preserve-fds 3 $root /bin/true 3</ 5</", "run: --preserve-fds 3: descriptor 4 is not open");
    fails(
        "--preserve-fds -1 $root /bin/true",
        "run: --preserve-fds: -1 is no number of files, which are 3 and up; write 0 to 253",
    );
    // A directory among them is no way out for the launcher's own steps.
    let said = host(&house, "exec $tinyo run --preserve-fds 1 -w /proc/self/fd/3 $root /bin/true 3</etc");
    assert!(said.code == 125 && said.err.starts_with("tinyo: run: change directory to /proc/self/fd/3: "), "{said:?}");
}
