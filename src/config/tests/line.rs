use std::boxed::Box;
use std::string::String;
use std::vec::Vec;

use super::super::line::*;
use super::super::{Config, OnExit, Root, Wait};
use crate::text::duration::Millis;
use crate::text::put::shown;
use proptest::prelude::*;

const NAMES: &str = "root rootfstype rootflags rootwait rootdelay init loglevel panic console hostname ip tinyo.config tinyo.log \
                     tinyo.on-exit tinyo.exit tinyo. ro --";

fn read(line: &str) -> (BootLine<'static>, Vec<String>) {
    let mut warnings = Vec::new();
    let text = std::format!("{line}\n").into_bytes().leak();
    let line = parse(text, &mut |message| {
        warnings.push(shown(message).strip_prefix("kernel command line: ").unwrap().into());
    });
    (line, warnings)
}

fn accept(text: &str) -> BootLine<'static> {
    let (line, warnings) = read(text);
    assert_eq!(warnings, [] as [&str; 0], "{text}");
    line
}

#[test]
fn every_word() {
    let line = accept(
        "BOOT_IMAGE=/x root=LABEL=r rootfstype=ext4 rootflags=noatime,data=journal ro rootwait rootdelay=3 init=/sbin/init quiet \
         loglevel=7 panic=-1 console=tty0 console=ttyS0,115200 hostname=box ip=10.0.2.15::10.0.2.2:255.255.255.0::eth0:off \
         tinyo.config=/x.toml tinyo.log=debug tinyo.rescue tinyo.on-exit=halt tinyo.exit=vsock:5000 foo.bar=1",
    );
    assert_eq!(
        (line.root, line.rootfstype, line.rootflags),
        (Some(c"LABEL=r"), Some(c"ext4"), Some(c"noatime,data=journal"))
    );
    assert_eq!((line.read_only, line.rootwait, line.rootdelay), (Some(true), Some(Wait::Forever), Millis(3000)));
    assert_eq!((line.init, line.quiet, line.loglevel, line.panic), (Some(c"/sbin/init"), true, Some(7), Some(-1)));
    assert_eq!((line.console, line.hostname), (Some(c"ttyS0,115200"), Some(c"box")));
    assert_eq!(line.ip, Some(c"10.0.2.15::10.0.2.2:255.255.255.0::eth0:off"));
    assert_eq!((line.config, line.log, line.rescue), (Some(c"/x.toml"), Some(Verbosity::Debug), true));
    assert_eq!((line.on_exit, line.exit), (Some(OnExit::Halt), Some(ExitTo::Vsock(5000))));
    assert!(line.command.is_empty());
}

#[test]
fn nothing_is_a_line_too() {
    let line = accept("");
    assert!(
        line.root.is_none() && line.read_only.is_none() && line.init.is_none() && line.panic.is_none() && !line.quiet
    );
    assert!(
        line.exit.is_none() && line.on_exit.is_none() && line.log.is_none() && !line.rescue && line.command.is_empty()
    );
}

#[test]
fn values() {
    assert_eq!(accept("ro rw").read_only, Some(false));
    assert_eq!(accept("rootwait=15").rootwait, Some(Wait::For(Millis(15_000))));
    assert_eq!(accept("init=tinyo").init, Some(c"tinyo"));
    assert_eq!(accept("panic=10").panic, Some(10));
    for (text, value) in [("quiet", Verbosity::Quiet), ("info", Verbosity::Info), ("debug", Verbosity::Debug)] {
        assert_eq!(accept(&std::format!("tinyo.log={text}")).log, Some(value));
    }
    for (text, value) in [("poweroff", OnExit::Poweroff), ("reboot", OnExit::Reboot), ("halt", OnExit::Halt)] {
        assert_eq!(accept(&std::format!("tinyo.on-exit={text}")).on_exit, Some(value));
    }
    let exits = [
        ("console", ExitTo::Console),
        ("debug", ExitTo::Debug(0xf4)),
        ("debug:0x501", ExitTo::Debug(0x501)),
        ("debug:1281", ExitTo::Debug(1281)),
        ("vsock:4294967295", ExitTo::Vsock(u32::MAX)),
    ];
    for (text, value) in exits {
        assert_eq!(accept(&std::format!("tinyo.exit={text}")).exit, Some(value));
    }
}

#[test]
fn warnings() {
    let wrong = |word: &str, value: &str, example: &str| {
        std::format!("{word} cannot be \"{value}\" and is passed over; write {word}={example}")
    };
    let table = [
        ("root=", wrong("root", "", "/dev/vda")),
        ("rootfstype=", wrong("rootfstype", "", "ext4")),
        ("rootwait=5s", wrong("rootwait", "5s", "10")),
        ("rootdelay=x", wrong("rootdelay", "x", "10")),
        ("init=sh", wrong("init", "sh", "/sbin/init")),
        ("loglevel=256", wrong("loglevel", "256", "4")),
        ("panic=never", wrong("panic", "never", "10")),
        ("hostname=-", wrong("hostname", "-", "NAME")),
        ("ip=10.0.0.2/24", wrong("ip", "10.0.0.2/24", "10.0.0.2::10.0.0.1:255.255.255.0::eth0:off")),
        ("ip=:::::eth0:dhcp", wrong("ip", "dhcp", "10.0.0.2::10.0.0.1:255.255.255.0::eth0:off")),
        ("ip=1.2.3.4:::255.0.255.0", wrong("ip", "255.0.255.0", "10.0.0.2::10.0.0.1:255.255.255.0::eth0:off")),
        ("ip=10.0.0.3 ip=10.0.0.4", "ip is there twice; the last that is right counts".into()),
        ("tinyo.config=x", wrong("tinyo.config", "x", "/etc/tinyo.toml")),
        ("tinyo.log=loud", wrong("tinyo.log", "loud", "quiet|info|debug")),
        ("tinyo.on-exit=none", wrong("tinyo.on-exit", "none", "poweroff|reboot|halt")),
        ("tinyo.exit=vsock", wrong("tinyo.exit", "vsock", "console|debug:PORT|vsock:PORT")),
        ("tinyo.exit=debug:65536", wrong("tinyo.exit", "debug:65536", "console|debug:PORT|vsock:PORT")),
        ("tinyo.exit=console:1", wrong("tinyo.exit", "console:1", "console|debug:PORT|vsock:PORT")),
        ("tinyo.on_exit=halt", "unknown word tinyo.on_exit; did you mean tinyo.on-exit".into()),
        ("tinyo.recsue", "unknown word tinyo.recsue; did you mean tinyo.rescue".into()),
        ("tinyo.loglevel=3", "unknown word tinyo.loglevel; did you mean tinyo.log".into()),
        ("tinyo.zzzzzzzz", "unknown word tinyo.zzzzzzzz; see the documentation".into()),
        ("tinyo.log", "tinyo.log cannot be \"\" and is passed over; write tinyo.log=quiet|info|debug".into()),
        ("tinyo.rescue=1", "tinyo.rescue takes no value; write tinyo.rescue alone".into()),
    ];
    for (line, expected) in table {
        assert_eq!(read(line).1, [expected], "{line}");
    }
    assert_eq!(accept("root rootwait_x tinyo tinyox.y=1 panic.x=3").root, None);
}

#[test]
fn a_command_is_what_follows() {
    let line = accept("quiet -- /bin/sh -c \"echo a; exit 7\" -- K=\"v w\" tinyo.x=1 \"\"");
    assert_eq!(line.command, [c"/bin/sh", c"-c", c"echo a; exit 7", c"--", c"K=v w", c"tinyo.x=1", c""]);
    assert!(accept("quiet --").command.is_empty());
    assert!(accept("--= --x").command.is_empty());
    assert_eq!(accept(&std::format!("-- {}", "x ".repeat(64))).command.len(), 64);
    let (line, warnings) = read(&std::format!("-- {}", "x ".repeat(65)));
    assert!(line.command.is_empty());
    assert_eq!(warnings, ["too many words after --, the command is not run; write at most 64"]);
}

#[test]
fn a_line_that_is_cut_says_so() {
    let mut said = 0;
    parse(&mut *Box::leak(Box::new(*b"quiet ro")), &mut |message| {
        said += usize::from(shown(message).contains("too long"))
    });
    assert_eq!(said, 1);
}

#[test]
fn the_line_wins() {
    let mut config = Box::new(Config::new());
    config.hostname = Some(c"file");
    let own = Root { fstype: Some(c"ext4"), options: Some(c"noatime"), init: Some(c"/old"), ..Root::new(c"/dev/a") };
    let _ = config.roots.push(own);
    let _ = config.roots.push(Root::new(c"/dev/b"));
    assert_eq!(apply(&accept(""), &mut config), Replaced::default());
    assert_eq!(config.roots, [own, Root::new(c"/dev/b")]);

    let replaced = apply(&accept("hostname=line init=/new rootwait ro rootfstype=xfs rootflags=x"), &mut config);
    assert_eq!(replaced, Replaced { roots: false, hostname: true, init: true });
    assert_eq!(config.hostname, Some(c"line"));
    config.ip = Some(c"10.0.0.2::::file");
    apply(&accept(""), &mut config);
    assert_eq!(config.ip, Some(c"10.0.0.2::::file"));
    apply(&accept("ip=10.0.0.4"), &mut config);
    assert_eq!(config.ip, Some(c"10.0.0.4"));
    for (root, source) in config.roots.iter().zip([c"/dev/a", c"/dev/b"]) {
        let expected = Root {
            image: None,
            fsck: false,
            source,
            fstype: Some(c"xfs"),
            options: Some(c"x"),
            read_only: true,
            wait: Wait::Forever,
            init: Some(c"/new"),
            overlay: None,
        };
        assert_eq!(*root, expected);
    }

    // As other initramfs programs take it.
    apply(&accept("rootfstype=auto"), &mut config);
    assert!(config.roots.iter().all(|root| root.fstype.is_none()));

    // What the file said of its own device goes with that, and only that.
    for root in &mut config.roots {
        (root.image, root.overlay, root.fsck) = (Some(c"/image"), Some(c"tmpfs"), true);
    }
    config.roots[1].overlay = None;
    let kept = |source| Root { init: Some(c"/new"), fsck: true, overlay: Some(c"tmpfs"), ..Root::new(source) };
    let replaced = apply(&accept("root=/dev/c rw"), &mut config);
    assert_eq!(replaced, Replaced { roots: true, hostname: false, init: false });
    assert_eq!(config.roots, [kept(c"/dev/c")]);
    apply(&accept("root=/dev/d rootwait=2"), &mut config);
    assert_eq!(config.roots, [Root { read_only: true, wait: Wait::For(Millis(2000)), ..kept(c"/dev/d") }]);
    apply(&accept("root=/dev/e init=/line"), &mut config);
    assert_eq!(config.roots, [Root { read_only: true, init: Some(c"/line"), ..kept(c"/dev/e") }]);

    config.roots.clear();
    assert_eq!(apply(&accept("root=/dev/f"), &mut config), Replaced::default());
    assert_eq!(config.roots, [Root { read_only: true, ..Root::new(c"/dev/f") }]);
}

proptest! {
    #[test]
    fn any_bytes(mut line in prop::collection::vec(any::<u8>(), 0..64)) {
        parse(&mut line, &mut |message| drop(shown(message)));
    }

    #[test]
    fn any_words(words in prop::collection::vec((prop::sample::select(NAMES.split(' ').collect::<Vec<_>>()), "(=[a-z0-9:/\"-]{0,6})?"), 0..8)) {
        let line: Vec<_> = words.iter().map(|(name, value)| std::format!("{name}{value}")).collect();
        let _ = read(&line.join(" "));
    }
}
