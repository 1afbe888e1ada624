//! The caller's terminal, which is standard input, output and error of the command: nothing is typed into it.

use std::{io::Read, os::fd::OwnedFd, process::Stdio};

use nix::{
    pty::openpty,
    sys::termios::{LocalFlags, SetArg, tcgetattr, tcsetattr},
};

use super::Siege;
use crate::house::finish;

/// What has been typed into the terminal, by whomever, once `command` has run on it.
pub fn typed(siege: &Siege, options: &[&str], calls: &str) -> (String, String) {
    let pty = openpty(None, None).unwrap();
    // What is typed is there at once, without a newline and without an echo.
    let mut modes = tcgetattr(&pty.slave).unwrap();
    modes.local_flags.remove(LocalFlags::ICANON | LocalFlags::ECHO);
    tcsetattr(&pty.slave, SetArg::TCSANOW, &modes).unwrap();
    let mut command = siege.house.command(options, &["/bin/attacker", "call", calls]);
    let slave = || Stdio::from(pty.slave.try_clone().unwrap());
    let child = command.stdin(slave()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let said = finish(child);
    drop(command);
    assert_eq!((said.code, said.err.as_str()), (0, ""), "{said:?}");
    (input(pty.slave), said.out)
}

fn input(slave: OwnedFd) -> String {
    nix::fcntl::fcntl(&slave, nix::fcntl::FcntlArg::F_SETFL(nix::fcntl::OFlag::O_NONBLOCK)).unwrap();
    let mut text = [0; 64];
    let n = std::fs::File::from(slave).read(&mut text).unwrap_or(0);
    String::from_utf8_lossy(&text[..n]).into_owned()
}

/// CVE-2017-5226: TIOCSTI, with the upper half of the number filled too (CVE-2019-7303), and TIOCLINUX's paste.
///
/// It is nobody's, and the command has not taken it (`calls.rs` has what happens if it does).
#[test]
fn nothing_is_typed_into_a_terminal() {
    let Some(siege) = Siege::build() else { return };
    let calls = "ioctl 0 0x5412 @x , ioctl 0 0x100005412 @x , ioctl 0 0x541C [3:0] , ioctl 0 0x541C @\u{2}";
    for options in [&[][..], &["--init=false"], &["--user=1000:1000"]] {
        let (input, said) = typed(&siege, options, calls);
        assert_eq!(input, "", "{options:?}: {said}");
        for line in said.lines() {
            let refused = ["EPERM", "EIO", "ENOTTY", "EINVAL", "ENOSYS"].iter().any(|errno| line.ends_with(errno));
            assert!(refused, "{options:?}: {line}");
        }
    }
}

/// It is not the container's to take: with the capability to (SYS_ADMIN) it is.
#[test]
fn a_terminal_that_is_somebodys_is_not_taken() {
    let Some(siege) = Siege::build() else { return };
    // A session of our own that has it: a container's, kept for the while.
    let script = "exec setsid -c sh -c '$tinyo run $root /bin/attacker call \"ioctl 0 0x540E 0 , ioctl 0 0x540E 1 , ioctl 0 0x5412 @x\"'";
    let pty = openpty(None, None).unwrap();
    let mut command = siege.house.host(script);
    let child = command
        .stdin(Stdio::from(pty.slave.try_clone().unwrap()))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let said = finish(child.unwrap());
    assert_eq!(said.out.lines().count(), 3, "{said:?}");
    assert!(said.out.lines().all(|line| line.ends_with("EPERM") || line.ends_with("EIO")), "{said:?}");
    drop(command);
    assert_eq!(input(pty.slave), "");
}
