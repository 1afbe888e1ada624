//! `tinyo check`, `tinyo plan` and the other words for people, as they are shipped.
//!
//! qemu/cases/NAME.plan is what `tinyo plan qemu/cases/NAME.toml` prints; UPDATE_GOLDEN=1 writes them anew.

#[allow(dead_code)]
#[path = "launcher/house.rs"]
mod house;

use std::{
    env,
    ffi::OsStr,
    fs,
    io::Read,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use house::{Ended, ended, finish, output};
use tempfile::TempDir;

/// The binary, and a directory for configs.
struct Words {
    tinyo: PathBuf,
    dir: TempDir,
}

impl Words {
    fn find() -> Option<Words> {
        Some(Words { tinyo: house::tinyo()?, dir: tempfile::tempdir().unwrap() })
    }

    fn command(&self, words: &[impl AsRef<OsStr>]) -> Command {
        let mut command = Command::new(&self.tinyo);
        command.args(words).env_clear().stdin(Stdio::null()).current_dir(self.dir.path());
        command
    }

    #[track_caller]
    fn run(&self, words: &[impl AsRef<OsStr>]) -> Ended {
        ended(self.command(words))
    }

    /// `tinyo check` of a file with this in it, called `x`.
    #[track_caller]
    fn check(&self, text: impl AsRef<[u8]>) -> Ended {
        fs::write(self.dir.path().join("x"), text).unwrap();
        self.run(&["check", "x"])
    }
}

fn cases() -> Vec<(&'static str, PathBuf)> {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut cases: Vec<_> = ["minimal", "container", "root", "everything"]
        .map(|name| (name, package.join(format!("cases/{name}.toml"))))
        .into();
    // The demo that people see.
    cases.push(("demo", package.join("../examples/demo.toml")));
    cases
}

#[test]
fn plans_are_as_they_were() {
    let Some(words) = Words::find() else { return };
    let update = env::var_os("UPDATE_GOLDEN").is_some_and(|value| value == "1");
    for (name, config) in cases() {
        let said = words.run(&[OsStr::new("plan"), config.as_os_str()]);
        assert_eq!((said.code, said.err.as_str()), (0, ""), "{name}: {said:?}");
        let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("cases/{name}.plan"));
        if update {
            fs::write(&golden, &said.out).unwrap();
        }
        let wanted = fs::read_to_string(&golden).unwrap_or_default();
        assert_eq!(said.out, wanted, "{name}: not as in {} (UPDATE_GOLDEN=1 writes it anew)", golden.display());
    }
}

/// The container of `tinyo run` by its options: nothing of them, all that are steps, and all walls down.
#[test]
fn containers_are_as_they_were() {
    let Some(words) = Words::find() else { return };
    let update = env::var_os("UPDATE_GOLDEN").is_some_and(|value| value == "1");
    let all = "-iv .:/work:ro --tmpfs /cache:size=1m -e A=b --env-file vars -u app:7 --group-add 8 -w /work --umask 027 \
               -h box --network none --read-only -m 64m --cpus 0.5 --pids-limit 9 --cgroup memory.high=1 --ulimit core=0 \
               --oom-score-adj 5 --cap-drop ALL --cap-add NET_ADMIN --sysctl kernel.sem=1 --preserve-fds 2 --rm";
    let mut printed = String::new();
    for options in ["", all, "--privileged --init=false --network host"] {
        let line = format!("plan run {options} /srv /bin/x -y");
        let said = words.run(&line.split_whitespace().collect::<Vec<_>>());
        assert_eq!((said.code, said.err.as_str()), (0, ""), "{options}: {said:?}");
        printed += &said.out;
    }
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("cases/run.plan");
    if update {
        fs::write(&golden, &printed).unwrap();
    }
    assert_eq!(printed, fs::read_to_string(&golden).unwrap_or_default(), "not as in {}", golden.display());
    words.run(&["plan", "run", "--bogus"]).fails(100, "run: unknown option --bogus; try tinyo run --help");
    assert!(words.run(&["plan", "run", "--help"]).lines()[0].starts_with("usage: tinyo run "));
}

#[test]
fn the_cases_are_good_configs() {
    let Some(words) = Words::find() else { return };
    for (_, config) in cases() {
        let text = fs::read_to_string(&config).unwrap();
        let services =
            text.lines().filter(|line| line.starts_with("[service.") && !line.contains(".container]")).count();
        let said = words.run(&[OsStr::new("check"), config.as_os_str()]);
        said.is(0, &format!("{}: ok, services: {services}\n", config.display()), "");
    }
}

#[test]
fn the_examples_are_good_configs() {
    let Some(words) = Words::find() else { return };
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples");
    for example in examples.read_dir().unwrap() {
        let example = example.unwrap().path();
        let said = words.run(&[OsStr::new("check"), example.as_os_str()]);
        assert_eq!((said.code, said.err.as_str()), (0, ""), "{}: {said:?}", example.display());
    }
}

#[test]
fn each_mistake_is_named_at_its_place() {
    let Some(words) = Words::find() else { return };
    let app = "[service.app]\nexec = [\"/app\"]\n";
    let long = "x".repeat(5000);
    for (text, wanted) in [
        ("hostnam = \"x\"\n".to_owned(), "1:1: unknown key hostnam; did you mean hostname"),
        ("[service.a]\nexce = [\"/a\"]\nexec = [\"/a\"]\n".into(), "2:1: unknown key exce; did you mean exec"),
        ("[sevice.a]\nexec = [\"/a\"]\n".into(), "1:1: unknown table [sevice.a]; "),
        ("hostname = 3\n".into(), "1:12: hostname is a string; write hostname = \"3\""),
        ("modules = \"a\"\n".into(), "1:11: modules is a list of strings; write modules = [\"a\"]"),
        (format!("{app}autostart = \"yes\"\n"), "3:13: autostart is true or false; write autostart = "),
        (format!("{app}restart = \"sometimes\"\n"), "3:11: restart cannot be \"sometimes\"; write one of always"),
        ("hostname = \"a\"\n\nhostname = \"b\"\n".into(), "3:1: hostname is there twice; write one line"),
        (format!("{app}{app}"), "3:1: [service.app] is there twice; write its keys in one table"),
        (format!("hostname = \"{long}\"\n"), "1:"),
        (format!("{app}workdir = \"/{long}\"\n"), "3:11: workdir is too long; write at most 4095 bytes"),
        (format!("[service.{}]\nexec = [\"/a\"]\n", "n".repeat(33)), "1:"),
        (format!("{app}ip = \"x\"\n"), "3:1: ip does not belong here; move it above the first [table]"),
        (
            format!("{app}memory = true\n"),
            "3:10: memory is a size of 4k or more, with b, k, m or g; write memory = \"64M\"",
        ),
        (format!("{app}root = \"/srv\"\n"), "3:1: root does not belong here; write it under [service.app.container]"),
        (format!("{app}hostname = \"x\"\n"), "3:1: hostname does not belong here"),
        (format!("{app}after = [\"ap\"]\n"), "3:"),
        ("[service.app]\ntype = \"oneshot\"\n".into(), "1:1: exec is missing here; write exec = "),
        ("a.b = 1\n".into(), "1:"),
        ("\"hostname\" = \"x\"\n".into(), "1:1: "),
        ("hostname = \"x\n".into(), "1:"),
        ("hostname = \"a\u{0}b\"\n".into(), "1:14: "),
        ("hostname = \"x\" junk\n".into(), "1:"),
        ("hostname\n".into(), "1:"),
        ("= 3\n".into(), "1:1: "),
        ("[service.app\nexec = [\"/a\"]\n".into(), "1:"),
    ] {
        let said = words.check(&text);
        let line = format!("tinyo: x:{wanted}");
        assert_eq!((said.code, said.out.as_str()), (100, ""), "{text:?}: {said:?}");
        assert!(said.err.starts_with(&line), "{text:?}: wanted {line:?}: {said:?}");
        for line in said.err.lines() {
            assert!(line.len() <= 1000 && !line.ends_with('.') && line.contains("; "), "{line}");
        }
    }
}

#[test]
fn three_mistakes_are_three_lines_in_one_run() {
    let Some(words) = Words::find() else { return };
    let text = "hostnam = \"x\"\nmodules = 3\n[service.a]\nexec = [\"/a\"]\nrestart = \"x\"\n";
    let said = words.check(text);
    assert_eq!((said.code, said.out.as_str()), (100, ""));
    let lines: Vec<_> = said.err.lines().collect();
    assert_eq!(lines.len(), 3, "{said:?}");
    for (line, place) in lines.iter().zip(["1:1", "2:11", "5:11"]) {
        assert!(line.starts_with(&format!("tinyo: x:{place}: ")), "{line}");
    }
    // `plan` says the same, and plans nothing.
    let planned = words.run(&["plan", "x"]);
    planned.is(100, "", &said.err);
}

#[test]
fn bytes_that_are_no_text_are_named() {
    let Some(words) = Words::find() else { return };
    for bytes in [
        &b"hostname = \"\xff\"\n"[..],
        b"\xff\xfe",
        b"\0",
        b"\0\0\0\0",
        b"hostname\0 = \"x\"\n",
        b"# comment \x01\n",
        b"\x7fELF\x02\x01\x01",
        b"hostname = \"\xc0\x80\"\n",
        b"hostname = \"\xed\xa0\x80\"\n",
    ] {
        let said = words.check(bytes);
        assert_eq!((said.code, said.out.as_str()), (100, ""), "{bytes:?}: {said:?}");
        assert!(said.err.starts_with("tinyo: x:1:"), "{bytes:?}: {said:?}");
        assert!(said.err.bytes().all(|byte| byte == b'\n' || byte >= b' '), "{bytes:?}: {said:?}");
    }
    // A byte order mark and the line ends of other systems are nothing to stumble over in silence.
    let said = words.check("\u{feff}hostname = \"x\"\n");
    assert!(said.code == 0 || said.code == 100 && said.err.starts_with("tinyo: x:1:1: "), "{said:?}");
    words.check("hostname = \"x\"\r\n[service.a]\r\nexec = [\"/a\"]\r\n").is(0, "x: ok, services: 1\n", "");
}

#[test]
fn what_is_no_config_is_named() {
    let Some(words) = Words::find() else { return };
    let dir = words.dir.path();
    words.check("").is(0, "x: ok, services: 0\n", "");
    words.check("# only a comment").is(0, "x: ok, services: 0\n", "");
    let check = |name: &str| words.run(&["check", name]);
    check("absent").fails(100, "absent: no such file or directory");
    fs::create_dir(dir.join("directory")).unwrap();
    check("directory").fails(100, "directory: not a regular file");
    for file in ["/dev/null", "/dev/zero", "/dev/tty"] {
        let said = check(file);
        assert_eq!((said.code, said.err.lines().count()), (100, 1), "{file}: {said:?}");
    }
    assert!(Command::new("mkfifo").arg(dir.join("fifo")).status().unwrap().success());
    check("fifo").fails(100, "fifo: not a regular file");
    symlink("absent", dir.join("dangling")).unwrap();
    check("dangling").fails(100, "dangling: no such file or directory");
    symlink("circle", dir.join("circle")).unwrap();
    check("circle").fails(100, "circle: a symbolic link, or too many of them");
    let said = check("");
    assert!(said.code == 100 && said.err.ends_with(": no such file or directory\n"), "{said:?}");
    assert!(!said.err.contains(": :"), "an empty word is not shown as nothing: {said:?}");
    words.check(vec![b'#'; 10 << 20]).fails(100, "x: too large; write at most 65536 bytes");
    words.check(vec![b'#'; 65537]).fails(100, "x: too large; write at most 65536 bytes");
    words.check([vec![b'#'; 65535], b"\n".to_vec()].concat()).is(0, "x: ok, services: 0\n", "");
    words.run(&["check"]).fails(100, "check: no file; write tinyo check FILE");
}

#[test]
fn running_over_a_limit_names_it() {
    let Some(words) = Words::find() else { return };
    let services = |count: usize| (0..count).map(|n| format!("[service.s{n}]\nexec = [\"/a\"]\n")).collect::<String>();
    words.check(services(64)).is(0, "x: ok, services: 64\n", "");
    let table = |name: &str, keys: &str, count: usize| format!("[[{name}]]\n{keys}\n").repeat(count);
    let list = |count: usize| format!("[service.a]\nexec = [{}]\n", vec!["\"/a\""; count].join(", "));
    words.check(list(256)).is(0, "x: ok, services: 1\n", "");
    for (what, text, limit) in [
        ("services", services(65), "64 services"),
        ("mounts", table("mount", "source = \"tmpfs\"\ntarget = \"/a\"", 33), "32 mounts"),
        ("roots", table("root", "source = \"/dev/a\"", 5), "4 roots"),
        ("words", list(257), "256 in a list"),
        (
            "all words",
            (0..9).map(|n| list(128).replace("service.a", &format!("service.a{n}"))).collect(),
            "1024 in a file",
        ),
    ] {
        let said = words.check(&text);
        assert_eq!((said.code, said.out.as_str()), (100, ""), "{what}: {said:?}");
        assert!(said.err.contains(limit), "{what}: {said:?}");
    }
    // More steps than a plan has.
    let volumes: Vec<_> = (0..120).map(|n| format!("\"/a:/v{n}\"")).collect();
    let text = format!(
        "[service.a]\nexec = [\"/a\"]\n[service.a.container]\nroot = \"/r\"\nvolumes = [{}]\n",
        volumes.join(",")
    );
    fs::write(words.dir.path().join("x"), &text).unwrap();
    let said = words.run(&["plan", "x"]);
    assert_eq!(said.code, 100, "{said:?}");
    assert_eq!(said.err, "tinyo: a: more than 128 steps; write fewer volumes\n");
    // What cannot be planned cannot be run: the checker must not say ok.
    assert_eq!(words.run(&["check", "x"]).code, 100, "check says ok to what plan refuses");
}

#[test]
fn a_mistake_without_end_is_not_said_without_end() {
    let Some(words) = Words::find() else { return };
    let said = words.check("a = 1\n".repeat(10_000));
    assert_eq!(said.code, 100);
    assert!(said.err.lines().count() < 1000, "{} lines", said.err.lines().count());
    let said = words.check("[".repeat(65_000));
    assert!(said.code == 100 && said.err.lines().all(|line| line.len() <= 1000));
    let said = words.check(format!("modules = {}", "[".repeat(60_000)));
    assert!(said.code == 100 && said.err.lines().all(|line| line.len() <= 1000));
    let said = words.check(format!("hostname = \"{}\"", "\\u0041".repeat(10_000)));
    assert!(said.code == 100 && said.err.lines().all(|line| line.len() <= 1000));
}

#[test]
fn help_and_version_are_there() {
    let Some(words) = Words::find() else { return };
    let help = words.run(&["help"]);
    for word in ["tinyo run", "tinyo init", "tinyo check", "tinyo plan", "tinyo help", "version"] {
        assert!(help.lines().join("\n").contains(word), "{word} is not in the help");
    }
    for word in ["--help", "-h"] {
        words.run(&[word]).says(&help.out);
    }
    words.run(&[""; 0]).says(&help.out);
    let version = words.run(&["version"]);
    assert!(version.lines()[0].starts_with("tinyo 0.") && version.out.lines().count() == 1, "{version:?}");
    for word in ["--version", "-V"] {
        words.run(&[word]).says(&version.out);
    }
    words.run(&["bogus"]).fails(100, "unknown word bogus; try tinyo help");
    words.run(&["chekc", "x"]).fails(100, "unknown word chekc; try tinyo help");
}

/// A full disk, a closed descriptor, a reader that left: no hang, and not 0.
#[test]
fn output_that_cannot_be_written_is_a_failure() {
    let Some(words) = Words::find() else { return };
    let config = cases().pop().unwrap().1;
    let config = config.to_str().unwrap();
    for line in [&["help"][..], &["version"], &["plan", config], &["check", config], &["run", "--help"]] {
        let mut command = words.command(line);
        command.stdout(fs::File::create("/dev/full").unwrap()).stderr(Stdio::piped());
        let said = finish(command.spawn().unwrap());
        assert_eq!(said.code, 111, "{line:?}: {said:?}");

        // SIGPIPE at its default, or ignored as some callers have it: a failure either way.
        for (script, codes) in [("exec \"$@\"", [111, 1013]), ("trap '' PIPE; exec \"$@\"", [111, 111])] {
            let (reader, writer) = std::io::pipe().unwrap();
            drop(reader);
            let mut command = Command::new("sh");
            command.args(["-c", script, "sh"]).arg(&words.tinyo).args(line).stdout(writer).stderr(Stdio::piped());
            let said = finish(command.spawn().unwrap());
            assert!(codes.contains(&said.code), "{line:?} {script}: {said:?}");
        }
    }
}

/// A reader that stops reading: tinyo waits for it and loses nothing.
#[test]
fn a_slow_reader_gets_everything() {
    let Some(words) = Words::find() else { return };
    let config = cases().into_iter().find(|(name, _)| *name == "everything").unwrap().1;
    let whole = words.run(&[OsStr::new("plan"), config.as_os_str()]).out;
    let mut command = words.command(&[OsStr::new("plan"), config.as_os_str()]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut reader = child.stdout.take().unwrap();
    // Bytes until all are there: a read may end within a character.
    let (mut said, mut piece) = (Vec::new(), [0; 7]);
    while let Ok(n @ 1..) = reader.read(&mut piece) {
        said.extend_from_slice(&piece[..n]);
    }
    let said = String::from_utf8(said).unwrap();
    assert_eq!((said, output(child).status.code()), (whole, Some(0)));
}

/// The usual place, when no file is named.
#[test]
fn plan_without_a_file_reads_the_usual_one() {
    let Some(words) = Words::find() else { return };
    if Path::new("/etc/tinyo.toml").exists() {
        return;
    }
    // Nothing there: what would run is a shell on the console.
    let said = words.run(&["plan"]);
    assert!(
        said.code == 0 && said.out.contains("\nservice console (console)\n") && said.out.ends_with("\n  run sh\n"),
        "{said:?}"
    );
}
