//! Every option, in every spelling.

use crate::house::{House, ended};

#[test]
fn every_option_is_taken_in_every_spelling() {
    let Some(house) = House::build() else { return };
    let volume = house.directory("volume").display().to_string();
    std::fs::write(house.beside("volume/x"), "in the volume\n").unwrap();
    std::fs::create_dir(house.root().join("mnt")).unwrap();
    let mounted = format!("{volume}:/mnt");
    let cases: [(&str, &str, &str, &str, &str); 11] = [
        ("volume", "v", &mounted, "cat /mnt/x", "in the volume\n"),
        ("tmpfs", "", "/mnt", "grep -c ' /mnt .* - tmpfs ' /proc/self/mountinfo", "1\n"),
        ("env", "e", "NAME=a b=c", "echo $NAME", "a b=c\n"),
        ("user", "u", "12:34", "id -u; id -g", "12\n34\n"),
        ("workdir", "w", "/etc", "pwd", "/etc\n"),
        ("hostname", "h", "box", "hostname", "box\n"),
        ("network", "", "none", "ls /sys/class/net", "lo\n"),
        ("cap-add", "", "SYS_TIME", "grep CapEff /proc/self/status", "CapEff:\t00000000a20425fb\n"),
        ("cap-drop", "", "ALL", "grep CapEff /proc/self/status", "CapEff:\t0000000000000000\n"),
        ("seccomp", "", "default", "grep Seccomp: /proc/self/status", "Seccomp:\t2\n"),
        ("seccomp", "", "none", "grep Seccomp: /proc/self/status", "Seccomp:\t0\n"),
    ];
    for (long, short, value, script, out) in cases {
        let (name, attached) = (format!("--{long}"), format!("--{long}={value}"));
        house.shell(&[&name, value], script).says(out);
        house.shell(&[&attached], script).says(out);
        if !short.is_empty() {
            let (name, attached) = (format!("-{short}"), format!("-{short}{value}"));
            house.shell(&[&name, value], script).says(out);
            house.shell(&[&attached], script).says(out);
        }
    }
    for (options, pid) in
        [(&["--init"][..], "2\n"), (&["--init=true"], "2\n"), (&["--init=false"], "1\n"), (&[], "2\n")]
    {
        house.shell(options, "echo $$").says(pid);
    }
}

#[test]
fn the_command_begins_where_options_end() {
    let Some(house) = House::build() else { return };
    let root = house.root().display().to_string();
    let runs: [&[&str]; 4] = [
        &["run", &root, "/bin/echo", "-v", "--help", "--"],
        &["run", "--", &root, "/bin/echo", "-v", "--help", "--"],
        &["run", &root, "--", "/bin/echo", "-v", "--help", "--"],
        &["run", "--", &root, "--", "/bin/echo", "-v", "--help", "--"],
    ];
    for words in runs {
        house.clean(|| ended(house.tinyo(words))).says("-v --help --\n");
    }
    let words = ["run", &root, "--", "--", "x"];
    house
        .clean(|| ended(house.tinyo(&words)))
        .fails(127, "run: run -- x: no such file or directory; is it in the image, and its interpreter or loader too?");
}

#[test]
fn the_environment_is_path_home_term_and_what_was_asked_for() {
    let Some(house) = House::build() else { return };
    const PATH: &str = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\n";
    let env = |options: &[&str], outer: &[(&str, &str)]| {
        let mut command = house.command(options, &["/bin/env"]);
        command.envs(outer.iter().copied());
        house.clean(|| ended(command))
    };
    env(&[], &[]).says(&format!("{PATH}HOME=/\n"));
    env(&[], &[("TERM", "vt100"), ("SECRET", "1"), ("LD_PRELOAD", "x"), ("HOME", "/root"), ("PATH", "/x")])
        .says(&format!("{PATH}HOME=/\nTERM=vt100\n"));
    env(&["-e", "A=1", "--env=B=", "-eC"], &[("C", "3"), ("CC", "4")]).says(&format!("{PATH}HOME=/\nA=1\nB=\nC=3\n"));
    // Not set outside: not set inside.
    env(&["-e", "ABSENT"], &[("ABSENTEE", "1")]).says(&format!("{PATH}HOME=/\n"));
    env(&["-e", "HOME=/h", "-e", "TERM=dumb", "-e", "PATH=/bin"], &[("TERM", "vt100")])
        .says("HOME=/h\nTERM=dumb\nPATH=/bin\n");
    // The last of one name counts, as docker has it.
    env(&["-e", "A=1", "-e", "A=2"], &[]).says(&format!("{PATH}HOME=/\nA=2\n"));
    env(&["-e", "A=\u{e9} \t\u{1}\"'$x"], &[]).says(&format!("{PATH}HOME=/\nA=\u{e9} \t\u{1}\"'$x\n"));
}

#[test]
fn the_command_is_found_by_the_path_it_gets() {
    let Some(house) = House::build() else { return };
    house.run(&[], &["echo", "found"]).says("found\n");
    let reason = "no such file or directory; is it in the image, and its interpreter or loader too?";
    house.run(&["-e", "PATH=/nowhere:/etc"], &["echo"]).fails(127, &format!("run: run echo: {reason}"));
    house.file("opt/tool", 0o755, "#!/bin/sh\necho tool $0\n");
    house.run(&["-e", "PATH=/nowhere:/opt"], &["tool"]).says("tool /opt/tool\n");
    // An empty part is the working directory, as in a shell.
    house.run(&["-e", "PATH=/nowhere:", "-w", "/opt"], &["tool"]).says("tool ./tool\n");
    // A file that may not be executed is passed over for one that may.
    house.file("first/tool", 0o644, "no");
    house.run(&["-e", "PATH=/first:/opt"], &["tool"]).says("tool /opt/tool\n");
    house.run(&["-e", "PATH=/first"], &["tool"]).fails(126, "run: run tool: permission denied; is it executable?");
    house.run(&["-w", "/opt"], &["./tool"]).says("tool ./tool\n");
}

#[test]
fn tmpfs_takes_its_options() {
    let Some(house) = House::build() else { return };
    std::fs::create_dir(house.root().join("mnt")).unwrap();
    let mounted = |options: &[&str]| {
        let said = house.shell(options, "grep ' /mnt ' /proc/self/mountinfo; stat -c %a /mnt");
        let lines = said.lines();
        let fields: Vec<_> = lines[0].split(' ').collect();
        (fields[5].to_owned(), fields.last().unwrap().to_string(), lines[1].to_owned())
    };
    assert_eq!(
        mounted(&["--tmpfs=/mnt:size=1m,mode=700"]),
        ("rw,nosuid,nodev,relatime".to_owned(), "rw,size=1024k,mode=700".to_owned(), "700".to_owned())
    );
    assert_eq!(mounted(&["--tmpfs=/mnt"]).2, "1777");
    assert_eq!(mounted(&["--tmpfs=/mnt:ro,noexec"]).0, "ro,nosuid,nodev,noexec,relatime");
    house
        .shell(&["--tmpfs=/mnt:size=64k"], "head -c 100000 /dev/zero >/mnt/x 2>/dev/null; stat -c %s /mnt/x")
        .says("65536\n");
    house
        .run(&["--tmpfs=/mnt:size=many"], &["/bin/true"])
        .fails(125, "run: mount tmpfs on /mnt (size=many): invalid argument");
    // Two at once, and one on a directory that the image lacks.
    let script = "touch /mnt/x /new/x && ls /mnt /new";
    house.run_changing(&["--tmpfs=/mnt", "--tmpfs=/new"], &["/bin/sh", "-c", script]).says("/mnt:\nx\n\n/new:\nx\n");
}

#[test]
fn read_only_has_tmp_and_run_to_write_to() {
    let Some(house) = House::build() else { return };
    let said = house.shell(&["--read-only"], "touch /x /etc/x /bin/x");
    assert_eq!(said.err.matches("Read-only file system").count(), 3, "{said:?}");
    house
        .shell(&["--read-only"], "touch /tmp/x /run/x /dev/shm/x && ls /tmp /run; stat -c %a /tmp")
        .says("/run:\nx\n\n/tmp:\nx\n1777\n");
    // Mounts that are asked for are what they are.
    let volume = house.directory("volume").display().to_string();
    std::fs::create_dir(house.root().join("mnt")).unwrap();
    house.shell(&["--read-only", "-v", &format!("{volume}:/mnt")], "touch /mnt/x").says("");
    assert!(house.beside("volume/x").exists());
    house.shell(&["--read-only", "--tmpfs", "/mnt"], "touch /mnt/y").says("");
}

/// An image without any of the directories that are mounted on.
#[test]
fn an_image_needs_no_mount_points() {
    let Some(house) = House::build() else { return };
    for name in ["dev", "proc", "sys", "tmp", "run", "etc"] {
        std::fs::remove_dir(house.root().join(name)).unwrap();
    }
    for options in [&["--read-only"][..], &[]] {
        house
            .run_changing(options, &["/bin/sh", "-c", "test -c /dev/null && test -d /proc/1 && test -d /sys/class"])
            .says("");
    }
    // A failed launch takes away what it made.
    for name in ["dev", "proc", "sys", "tmp", "run"] {
        let _ = std::fs::remove_dir(house.root().join(name));
    }
    house.run(&["--read-only"], &["/not/there"]);
    house.run(&[], &["/not/there"]);
    house.run(&["-w", "/not/there"], &["/bin/true"]);
    house.run(&["-u", "nobody"], &["/bin/true"]);
}

#[test]
fn many_options_are_all_taken_and_too_many_are_refused() {
    let Some(house) = House::build() else { return };
    let names: Vec<String> = (0..64).map(|n| format!("--env=N{n}={n}")).collect();
    let words: Vec<_> = names.iter().map(String::as_str).collect();
    assert_eq!(house.run(&words, &["/bin/env"]).lines().len(), 66);
    let more: Vec<_> = words.iter().copied().chain(["--env=ONE=1", "--env=TWO=2"]).collect();
    let said = house.run(&more, &["/bin/env"]);
    assert_eq!((said.code, said.out.as_str()), (125, ""), "{said:?}");
    assert!(said.err.starts_with("tinyo: run: ") && said.err.contains("64"), "it names the limit: {said:?}");
    // Words of a command, too.
    let many = vec!["x"; 200];
    let command: Vec<_> = ["/bin/echo"].into_iter().chain(many).collect();
    assert_eq!(house.run(&[], &command).lines()[0].len(), 399);
    let many = vec!["x"; 2000];
    let command: Vec<_> = ["/bin/echo"].into_iter().chain(many).collect();
    let said = house.run(&[], &command);
    assert_eq!((said.code, said.out.as_str()), (125, ""), "{said:?}");
    assert!(said.err.starts_with("tinyo: run: ") && said.err.lines().count() == 1, "{said:?}");
}

#[test]
fn help_is_help() {
    let Some(house) = House::build() else { return };
    let said = ended(house.tinyo(&["run", "--help"]));
    assert!(said.lines()[0].starts_with("usage: tinyo run [OPTIONS] ROOTFS [--] COMMAND"));
    for option in [
        "--volume",
        "--tmpfs",
        "--env",
        "--user",
        "--workdir",
        "--hostname",
        "--network",
        "--read-only",
        "--cap-add",
        "--cap-drop",
        "--seccomp",
        "--init",
        "--privileged",
    ] {
        assert!(said.out.contains(option), "{option} is not in the help");
    }
}
