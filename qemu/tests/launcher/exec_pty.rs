//! `tinyo exec --tty`: a terminal of its own in a container that runs, and the caller's as it was.

use std::{
    fs,
    os::fd::AsRawFd,
    os::unix::fs::{PermissionsExt, symlink},
};

use nix::{libc, sys::signal::Signal};

use crate::{
    exec::{Running, STAY, run},
    house::{House, ended, soon},
    scene::Scene,
    terminal::Terminal,
};

const CTRL_C: &str = "\x03";

fn shell(container: &Running, options: &[&str], script: &str) -> Terminal {
    Terminal::start(container.command(&[&["-t"], options].concat(), &["/bin/sh", "-c", script]))
}

/// It leads a session that has it, in front; its name is of the container's own devpts, and of its user.
#[test]
fn the_command_has_a_terminal_of_the_containers() {
    let Some(house) = House::build() else { return };
    let script = "tty; set -- $(cat /proc/self/stat); [ $5 = $8 ] && [ $6 = $$ ] && echo in front; \
                  stat -c '%a %u:%g %t:%T' $(tty); for n in 0 1 2; do readlink /proc/self/fd/$n; done; \
                  [ $(stat -Lc %d:%i /proc/self/fd/0) = $(stat -c %d:%i $(tty)) ] && echo the same; \
                  : >$(tty) && echo opens; echo words >/dev/tty; exit 5";
    for (inside, options, number, owner) in [
        (&[][..], &[][..], 0, 0),
        (&[], &["-i", "-u", "7:8"], 0, 7),
        (&["--userns=auto"], &["-u", "7:8"], 0, 7),
        (&["--userns=auto", "--user=7"], &[], 0, 0),
        (&["--privileged", "--init=false"], &["--interactive"], 0, 0),
    ] {
        let container = run(&house, inside, STAY);
        let mut terminal = shell(&container, options, script);
        let seen = terminal.expect("words\r\n");
        let name = format!("/dev/pts/{number}\r\n");
        let names = name.repeat(3);
        let wanted = format!("{name}in front\r\n620 {owner}:5 88:{number}\r\n{names}the same\r\nopens\r\n");
        assert_eq!(seen, wanted, "{inside:?} {options:?}");
        assert_eq!(terminal.end(), 5);
        // Gone with it.
        ended(container.command(&[], &["ls", "/dev/pts"])).says("ptmx\n");
        container.end();
    }
    house.wait_for_nobody();
}

/// Each has its own, beside the container's.
#[test]
fn several_have_one_each() {
    let Some(house) = House::build() else { return };
    let container = run(&house, &[], STAY);
    let mut terminals = [0, 1, 2].map(|number| {
        let mut terminal = shell(&container, &[], "tty; read line; echo $line");
        terminal.expect(&format!("/dev/pts/{number}\r\n"));
        terminal
    });
    for terminal in &mut terminals {
        terminal.enter("words\r");
        terminal.expect("words\r\nwords\r\n");
    }
    for terminal in terminals {
        assert_eq!(terminal.end(), 0);
    }
}

#[test]
fn its_window_follows_the_callers() {
    let Some(house) = House::build() else { return };
    let container = run(&house, &[], STAY);
    let resize = |terminal: &Terminal, ws_row, ws_col| {
        let size = libc::winsize { ws_row, ws_col, ws_xpixel: 0, ws_ypixel: 0 };
        // SAFETY: one readable winsize.
        assert_eq!(unsafe { libc::ioctl(terminal.keyboard.as_raw_fd(), libc::TIOCSWINSZ, &size) }, 0);
    };
    let script = format!(
        "read line; exec $tinyo exec -it {} sh -c 'stty size; \
         until [ \"$(stty size)\" = \"50 132\" ]; do usleep 5000; done; stty size'",
        container.pid
    );
    let mut terminal = Terminal::start(house.host(&script));
    resize(&terminal, 33, 101);
    terminal.enter("\n");
    terminal.expect("33 101\r\n");
    resize(&terminal, 50, 132);
    terminal.expect("50 132\r\n");
    assert_eq!(terminal.end(), 0);
}

/// What is typed is for the command, and the caller's terminal is as it was, however that ends.
#[test]
fn keys_are_the_commands_and_the_callers_terminal_comes_back() {
    let Some(house) = House::build() else { return };
    let container = run(&house, &[], STAY);
    let ask = "$busybox stty -g";
    for (words, keys, status) in [
        ("/bin/sh -c 'trap \"echo INT\" INT; echo go; until read line; do :; done; exit 3'", "\x03\r", 3),
        ("/bin/sh -c 'echo go; exec cat'", CTRL_C, 128 + Signal::SIGINT as i32),
        ("/bin/sh -c 'echo go; exec cat'", "\x04", 0),
        ("/bin/sh -c 'echo go; kill -9 $$'", "", 137),
        ("/not/there", "", 127),
    ] {
        let script = format!("{ask}; $tinyo exec -t {} {words}; status=$?; {ask}; echo status $status", container.pid);
        let mut terminal = Terminal::start(house.host(&script));
        let modes = terminal.expect("\r\n");
        if status != 127 {
            terminal.expect("go\r\n");
        }
        terminal.enter(keys);
        let after = terminal.expect(&format!("status {status}\r\n"));
        assert!(after.ends_with(&format!("{modes}\r\n")), "{words}: {modes:?} {after:?}");
        assert_eq!(terminal.end(), 0);
    }
    container.end();
    house.wait_for_nobody();
}

/// No process of the container has the caller's terminal open, or as its own.
#[test]
fn the_callers_terminal_is_out_of_reach() {
    let Some(house) = House::build() else { return };
    let container = run(&house, &["--privileged"], STAY);
    let script = "for file in /proc/[0-9]*/fd/*; do [ -c $file ] && readlink $file; done | grep ^/ | grep -v null | sort -u; \
                  cat /proc/[0-9]*/stat | while read line; do set -- $line; echo tty $7; done | sort -u; echo end";
    let mut terminal = shell(&container, &[], script);
    // 34816: 136:0 as the kernel prints it. The reaper and what it keeps have none.
    assert_eq!(terminal.expect("end\r\n"), "/dev/pts/0\r\ntty 0\r\ntty 34816\r\n");
    assert_eq!(terminal.end(), 0);
}

/// Whatever lies in its place is looked at before it is opened: a fifo holds nobody up, and no link leads out.
#[test]
fn a_container_without_a_devpts_is_named() {
    let Some(house) = House::build() else { return };
    let pts = house.directory("pts");
    let ptmx = pts.join("ptmx");
    let volume = format!("{}:/dev/pts", pts.display());
    let container = run(&house, &["--privileged", "-v", &volume], STAY);
    let open = || {
        let mut terminal = Terminal::start(container.command(&["-t"], &["/bin/true"]));
        let said = terminal.expect("\r\n");
        assert_eq!(terminal.end(), 125);
        said.strip_prefix("tinyo: exec: open a terminal (standard input, output and error): ")
            .unwrap_or_else(|| panic!("{said}"))
            .to_owned()
    };
    const HINT: &str = "its /dev/pts must be a devpts; leave --tty out";
    assert_eq!(open(), format!("no such file or directory; {HINT}"));
    fs::write(&ptmx, "words").unwrap();
    assert_eq!(open(), format!("no such device; {HINT}"));
    fs::remove_file(&ptmx).unwrap();
    // The last is the right one, and has no devpts beside it.
    for (kind, numbers, why) in
        [("p", "", "device"), ("c", "1 7", "device"), ("c", "5 0", "device"), ("c", "5 2", "file or directory")]
    {
        let make = format!("exec $busybox mknod {} {kind} {numbers}", ptmx.display());
        ended(house.host(&make)).says("");
        fs::set_permissions(&ptmx, fs::Permissions::from_mode(0o666)).unwrap();
        assert_eq!(open(), format!("no such {why}; {HINT}"), "{kind} {numbers}");
        fs::remove_file(&ptmx).unwrap();
    }
    for target in ["/proc/self/fd/0", "/proc/1/fd/0", "/dev/null", "/bin/sh"] {
        symlink(target, &ptmx).unwrap();
        let said = open();
        assert!(said.starts_with("no such") || said.starts_with("a symbolic link"), "{target}: {said}");
        fs::remove_file(&ptmx).unwrap();
    }
    container.end();
}

#[test]
fn standard_input_must_be_a_terminal() {
    let Some(house) = House::build() else { return };
    let container = run(&house, &[], STAY);
    ended(container.command(&["-t"], &["/bin/true"]))
        .fails(125, "exec: --tty: not a terminal; standard input must be one, or leave --tty out");
    ended(container.command(&["-i"], &["/bin/echo", "words"])).says("words\n");
}

/// By its name, and beside one without a container.
#[test]
fn a_service_is_entered_with_a_terminal() {
    let config = "[service.web]\nexec = [\"/bin/sleep\", \"100000\"]\nuser = \"7:8\"\n[service.web.container]\n\
                  root = \"@root\"\n[service.plain]\nexec = [\"$busybox\", \"sleep\", \"100000\"]\n";
    let Some(scene) = Scene::start(config) else { return };
    scene.becomes("web", "ready");
    scene.becomes("plain", "ready");
    let enter = |words: &str| {
        let script = format!("exec nsenter -t {} -m -p $tinyo exec -it {words}", scene.pid);
        Terminal::start(scene.house.host(&script))
    };
    let mut terminal = enter("web sh -c 'tty; id -u; stat -c %u $(tty)'");
    terminal.expect("/dev/pts/0\r\n7\r\n7\r\n");
    soon("it has ended", || terminal.leader.as_mut().unwrap().try_wait().unwrap().is_some());
    assert_eq!(terminal.end(), 0);
    let mut terminal = enter(&format!("plain {} tty", scene.house.busybox.display()));
    terminal.expect("/dev/pts/");
    assert_eq!(terminal.end(), 0);
}
