//! CVE-2019-5736 and its like: nothing inside reaches the host's own binary.

use std::{
    fs,
    os::unix::fs::{MetadataExt, symlink},
    path::Path,
    process::Stdio,
};

use crate::house::{Ended, House, finish};

/// Everything about a file that an attack could change.
pub fn state(path: &Path) -> (Vec<u8>, [i64; 8]) {
    let status = fs::metadata(path).unwrap();
    let numbers = [
        i64::from(status.mode()),
        i64::from(status.uid()),
        i64::from(status.gid()),
        status.mtime(),
        status.mtime_nsec(),
        status.ctime(),
        status.ctime_nsec(),
        status.nlink().cast_signed(),
    ];
    (fs::read(path).unwrap(), numbers)
}

/// Tries to change every program that runs in the container but its own, by its /proc/PID/exe, and says what it tried.
pub const ATTACK: &str = r#"#!/bin/sh
tried=0
round=0
while [ $round -lt 40 ]; do
    for exe in /proc/[0-9]*/exe; do
        read -r magic 2>/dev/null <$exe || continue
        cmp -s $exe /bin/busybox && continue
        tried=$((tried+1))
        [ $tried -lt 300 ] || break 2
        chmod 4777 $exe 2>/dev/null && echo "chmod $exe"
        chown 1:1 $exe 2>/dev/null && echo "chown $exe"
        touch -d 2001-01-01 $exe 2>/dev/null && echo "touch $exe"
        echo owned 2>/dev/null >>$exe && echo "append $exe"
        exec 8<$exe
        ( echo owned >/proc/self/fd/8 ) 2>/dev/null && echo "write $exe"
        ln $exe /tmp/link 2>/dev/null && echo "link $exe"
        exec 8<&-
    done
    round=$((round+1))
    usleep 1000
done
echo "tried $tried"
"#;

pub fn attacker(house: &House) {
    house.file("attack", 0o755, ATTACK);
}

/// The attack is one: against a program of the image's own, that is as writable as everything in it, it succeeds.
#[test]
fn the_attack_works_where_nothing_is_in_its_way() {
    let Some(house) = House::build() else { return };
    attacker(&house);
    let victim = house.file("bin/busybox-victim", 0o755, [&fs::read(&house.busybox).unwrap()[..], b"x"].concat());
    let script = "/bin/busybox-victim sleep 5 & usleep 20000; /attack; kill $!";
    let said = house.run_changing(&[], &["/bin/sh", "-c", script]);
    for done in ["chmod", "chown", "touch"] {
        assert!(said.out.contains(&format!("{done} /proc/")), "{done}: {said:?}");
    }
    let status = fs::metadata(victim).unwrap();
    // chown(2) takes the setuid bit away again.
    assert_eq!((status.mode() & 0o7777, status.uid()), (0o777, 1));
}

/// An image whose command is a link to our own file, which waits inside for the attack.
#[test]
fn our_own_file_inside_gives_nobody_that_file() {
    let Some(house) = House::build() else { return };
    attacker(&house);
    symlink("/proc/self/exe", house.root().join("self")).unwrap();
    let before = state(&house.tinyo);
    for options in [&[][..], &["--init=false"], &["--cap-add=ALL"]] {
        let said = house.clean_but_tree(|| house.run_once(options, &["/self", "init", "-s", "--", "/attack"]));
        assert_eq!(state(&house.tinyo), before, "{options:?}: the host's file was changed: {said:?}");
        held(&said);
        assert!(said.out.contains("tried") && !said.out.contains("tried 0"), "{said:?}");
    }
}

/// Nothing succeeded; but on a kernel that gives no read-only clone what is tried on is a copy in memory, whose mode and owner
/// are nobody's concern.
#[track_caller]
pub fn held(said: &Ended) {
    let harmless = |line: &str| {
        std::env::var_os(crate::old::MARK).is_some()
            && ["chmod ", "chown ", "touch "].iter().any(|word| line.starts_with(word))
    };
    for line in said.out.lines() {
        assert!(line.starts_with("tried ") || harmless(line), "{said:?}");
    }
}

/// A script that makes the kernel run it is refused, whatever it says: as `init`, which runs the script, it would be a chain
/// without an end.
#[test]
fn a_script_run_by_our_own_file_is_refused() {
    let Some(house) = House::build() else { return };
    let before = state(&house.tinyo);
    symlink("/proc/self/exe", house.root().join("self")).unwrap();
    symlink("self", house.root().join("tini")).unwrap();
    let lines = ["", " init", " run", " exec", " check", " plan", " help", " version", " status", " bogus"];
    let lines = lines.map(|word| format!("/proc/self/exe{word}"));
    for line in lines.iter().map(String::as_str).chain(["/proc/1/../self/exe init", "/self init", "/tini", "/tini -s"])
    {
        house.file("evil", 0o755, format!("#!{line}\n"));
        for options in [&[][..], &["--init=false"]] {
            let said = house.clean(|| house.run_once(options, &["/evil", "/", "/bin/true"]));
            said.fails(126, REFUSED);
        }
    }
    // One that is the interpreter of another comes second, and is refused then.
    house.file("evil", 0o755, "#!/proc/self/exe init\n");
    house.file("outer", 0o755, "#!/evil -s\n");
    house.clean(|| house.run_once(&[], &["/outer"])).fails(126, REFUSED);
    assert_eq!(state(&house.tinyo), before);
}

pub const REFUSED: &str = "/evil: its #! line leads to tinyo's own file; name a program of the image";

/// Our own file with a word that only looks so: what was executed, as an argument, and a number that the clone has had.
#[test]
fn what_is_no_script_is_not_refused() {
    let Some(house) = House::build() else { return };
    let words: Vec<_> = (3..9).map(|number| format!("/dev/fd/{number}")).collect();
    let words: Vec<_> = ["/bin/echo"].into_iter().chain(words.iter().map(String::as_str)).collect();
    house.run(&[], &words).says(&format!("{}\n", words[1..].join(" ")));
    let tinyo = house.tinyo.display().to_string();
    crate::house::ended(house.tinyo(&["init", &tinyo, "init", &tinyo, "version"])).lines();
}

/// The reaper, PID 1 in the container, is our own file too: nobody inside may look at it.
#[test]
fn the_reaper_shows_nothing_of_itself() {
    let Some(house) = House::build() else { return };
    attacker(&house);
    let before = state(&house.tinyo);
    for options in [&[][..], &["--cap-add=ALL"], &["--user=7:7"]] {
        let said = house.shell(
            options,
            "for name in exe cwd root environ mem fd/0; do cat /proc/1/$name; ls /proc/1/$name/; \
                                         readlink /proc/1/$name; done; echo x >/proc/1/mem; chmod 777 /proc/1/exe",
        );
        if !options.contains(&"--cap-add=ALL") {
            assert_eq!(said.out, "", "{options:?}: {said:?}");
            assert!(said.err.contains("ermission denied"), "{said:?}");
        }
        assert_eq!(state(&house.tinyo), before, "{options:?}: {said:?}");
        let said = house.run(options, &["/attack"]);
        assert_eq!(state(&house.tinyo), before, "{options:?}: {said:?}");
        held(&said);
    }
}

/// Another container's first process, caught on its way: the attacker watches every process that comes up beside it.
#[test]
fn a_process_on_its_way_shows_nothing() {
    let Some(house) = House::build() else { return };
    attacker(&house);
    let before = state(&house.tinyo);
    house.clean_but_tree(|| {
        // With the host's network and the same image, but namespaces of their own.
        let mut command = house.command(&["--cap-add=ALL", "--network=host"], &["/attack"]);
        let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        for _ in 0..20 {
            house.run_once(&[], &["/bin/true"]).is(0, "", "");
        }
        held(&finish(child));
    });
    assert_eq!(state(&house.tinyo), before);
}
