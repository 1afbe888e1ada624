//! Images that hold something else where a launcher expects a file.

use std::{
    fs,
    io::Write,
    os::unix::{fs::PermissionsExt, net::UnixListener},
    time::{Duration, Instant},
};

use super::{Siege, named};
use crate::house::House;

/// Far less than a launcher that reads all of it would take; far more than one that does not.
const SOON: Duration = Duration::from_secs(15);

#[track_caller]
fn within<T>(what: &str, work: impl FnOnce() -> T) -> T {
    let start = Instant::now();
    let result = work();
    assert!(start.elapsed() < SOON, "{what}: it took {:?}", start.elapsed());
    result
}

fn sparse(house: &House, name: &str, size: u64, text: &str) {
    let mut file = fs::File::create(house.file(name, 0o644, "")).unwrap();
    file.write_all(text.as_bytes()).unwrap();
    file.set_len(size).unwrap();
}

/// A table of users without an end costs a bounded time, and makes nobody somebody else.
#[test]
fn huge_tables_of_users_do_not_hold_up_a_launch() {
    let Some(siege) = Siege::build() else { return };
    let house = &siege.house;
    let id = |user: &str| house.run_changing(&[user], &["/bin/grep", "-E", "^(Uid|Gid|Groups)", "/proc/self/status"]);
    let lines: String = (0..100_000)
        .map(|number| format!("user{number}:x:{}:{}::/home:/bin/sh\n", number + 10_000, number + 10_000))
        .collect();
    let texts: [(&str, Vec<u8>); 5] = [
        ("NULs", vec![0; 1 << 20]),
        ("no newline", vec![b'x'; 1 << 20]),
        ("colons", vec![b':'; 1 << 20]),
        ("newlines", vec![b'\n'; 1 << 20]),
        ("lines", lines.into_bytes()),
    ];
    for (what, text) in &texts {
        for name in ["etc/passwd", "etc/group"] {
            house.file(name, 0o644, text);
            let said = within(what, || id("--user=1000:1000"));
            assert!(said.code == 0 && said.out.contains("Uid:\t1000\t"), "{what} in {name}: {said:?}");
            named(&within(what, || id("--user=nobody")));
            fs::remove_file(house.root().join(name)).unwrap();
        }
    }
    house.file("etc/passwd", 0o644, &texts[4].1);
    let said = within("the last of all", || id("--user=user99999"));
    assert!(said.out.contains("Uid:\t109999\t"), "{said:?}");
    // A terabyte of holes.
    for (name, text) in [("etc/passwd", "app:x:1000:1000::/:/bin/sh\n"), ("etc/group", "app:x:1000:app\n")] {
        sparse(house, name, 1 << 40, text);
        for user in ["nobody", "77:app", "0:0"] {
            let said = within("holes", || id(&format!("--user={user}")));
            // Whom it has found by then, it need not look for.
            if said.code != 0 {
                let hint = if user == "nobody" && name == "etc/group" {
                    "no such file or directory; is it in the passwd or group file there?"
                } else {
                    "file too large; at most 16 MiB of users, and of groups"
                };
                said.fails(125, &format!("run: become user {user}: {hint}"));
            }
        }
        fs::remove_file(house.root().join(name)).unwrap();
    }
}

/// A fifo, a device, a directory, a socket, a link in a circle, a file of holes: refused, with the reason, at once.
#[test]
fn what_is_no_program_is_not_executed() {
    let Some(siege) = Siege::build() else { return };
    let (house, root) = (&siege.house, siege.house.root());
    nix::unistd::mkfifo(&root.join("fifo"), nix::sys::stat::Mode::S_IRWXU).unwrap();
    let _socket = UnixListener::bind(root.join("socket")).unwrap();
    fs::set_permissions(root.join("socket"), fs::Permissions::from_mode(0o755)).unwrap();
    let made = std::process::Command::new("mknod").arg(root.join("disk")).args(["b", "7", "0", "-m", "755"]).status();
    assert!(made.unwrap().success());
    siege.link("circle", "circle");
    sparse(house, "holes", 1 << 40, "");
    house.file("empty", 0o755, "");
    house.file("by-fifo", 0o755, "#!/fifo\n");
    house.file("by-disk", 0o755, "#!/disk\n");
    house.file("by-itself", 0o755, "#!/by-itself\n");
    house.file("by-nothing", 0o755, "#!\n");
    house.file("by-a-long-name", 0o755, format!("#!/{}\n", "x".repeat(5000)));
    house.file("cut-elf", 0o755, &fs::read(&house.busybox).unwrap()[..100]);
    fs::set_permissions(root.join("holes"), fs::Permissions::from_mode(0o755)).unwrap();
    let names = "/fifo /socket /disk /circle /holes /empty /etc /dev/null /dev/pts /proc/kcore /proc/self/mem /dev/shm /by-fifo \
                 /by-disk /by-itself /by-nothing /by-a-long-name /cut-elf /proc/self/fd/0 /dev/stdin /proc/self/root /sys";
    for name in names.split_whitespace() {
        for options in [&[][..], &["--init=false"], &["--privileged"]] {
            let said = within(name, || siege.holds(|| house.run_once(options, &[name])));
            assert!(matches!(said.code, 126 | 127), "{name} {options:?}: {said:?}");
            named(&said);
        }
    }
}

/// Files of the image that the launcher opens by itself: it does not wait for a writer, nor read what is read once.
#[test]
fn tables_of_users_that_are_no_files_are_none() {
    let Some(siege) = Siege::build() else { return };
    let root = siege.house.root();
    for name in ["etc/passwd", "etc/group"] {
        for target in [
            "/proc/kmsg",
            "/dev/tty",
            "/dev/zero",
            "/dev/random",
            "/proc/self/mem",
            "/etc",
            "/sys/kernel/notes",
            "/proc/self/fd/3",
        ] {
            siege.link(name, target);
            let said = within(target, || siege.shell(&["--user=1000"], "grep Uid /proc/self/status"));
            assert!(said.code == 0 && said.out.starts_with("Uid:\t1000\t"), "{name} -> {target}: {said:?}");
        }
        fs::remove_file(root.join(name)).unwrap();
        nix::unistd::mkfifo(&root.join(name), nix::sys::stat::Mode::S_IRWXU).unwrap();
        let said = within("a fifo", || siege.shell(&["--user=1000"], "echo in"));
        said.says("in\n");
        fs::remove_file(root.join(name)).unwrap();
        fs::write(siege.canary.join("passwd"), "spy:x:7:7::/:/bin/sh\n").unwrap();
        siege.link(name, siege.canary.join("passwd"));
        named(&siege.shell(&["--user=spy"], "true"));
        fs::remove_file(root.join(name)).unwrap();
    }
}

/// A container holds a lock on its root, or a lease, or watches it: nobody else waits for it.
#[test]
fn a_lock_on_the_image_holds_nobody_up() {
    let Some(siege) = Siege::build() else { return };
    siege.house.clean(|| {
        let file = fs::File::open(siege.house.root()).unwrap();
        let lock = nix::fcntl::Flock::lock(file, nix::fcntl::FlockArg::LockExclusiveNonblock).unwrap();
        within("a lock", || siege.house.run_once(&[], &["/bin/echo", "in"])).says("in\n");
        assert_eq!(within("a lock", || siege.house.run_once(&["--tmpfs=/not/there"], &["/not/here"])).code, 127);
        drop(lock);
        // What it could not lock, it did not take away.
        fs::remove_dir_all(siege.house.root().join("not")).unwrap();
    });
}
