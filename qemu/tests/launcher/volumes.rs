//! Volumes: what is bound, how, and that no name in an image leads out of it.

use std::{
    fs,
    os::unix::fs::{PermissionsExt, symlink},
    path::Path,
};

use crate::house::{House, ended, same, tree};

fn volume(source: &Path, rest: &str) -> String {
    format!("--volume={}:{rest}", source.display())
}

#[test]
fn a_directory_and_a_file_are_bound() {
    let Some(house) = House::build() else { return };
    let source = house.directory("data");
    fs::write(source.join("file"), "text\n").unwrap();
    fs::create_dir(house.root().join("mnt")).unwrap();
    house.file("etc/one", 0o644, "the image's\n");
    for mode in ["", ":rw"] {
        house.shell(&[&volume(&source, &format!("/mnt{mode}"))], "cat /mnt/file; echo new >/mnt/new").says("text\n");
        assert_eq!(fs::read_to_string(source.join("new")).unwrap(), "new\n");
        fs::remove_file(source.join("new")).unwrap();
        let file = volume(&source.join("file"), &format!("/etc/one{mode}"));
        house.shell(&[&file], "cat /etc/one; echo more >>/etc/one").says("text\n");
        assert_eq!(fs::read_to_string(source.join("file")).unwrap(), "text\nmore\n");
        fs::write(source.join("file"), "text\n").unwrap();
    }
}

#[test]
fn read_only_is_read_only_in_what_is_mounted_below_too() {
    let Some(house) = House::build() else { return };
    let source = house.directory("data");
    fs::create_dir(source.join("below")).unwrap();
    fs::write(source.join("file"), "text\n").unwrap();
    fs::create_dir(house.root().join("mnt")).unwrap();
    let script = "touch /mnt/x; touch /mnt/below/x; rm /mnt/file; ls /mnt/below";
    let inside = format!("$tinyo run -v {}:/mnt:ro $root /bin/sh -c '{script}'", source.display());
    // A mount of this shell's own, under the volume.
    let outside = format!("mount -t tmpfs none {}/below && touch {0}/below/here && {inside}", source.display());
    let said = house.clean(|| ended(house.host(&format!("exec $busybox unshare -m sh -c \"{outside}\""))));
    assert_eq!(said.out, "here\n", "{said:?}");
    assert_eq!(said.err.matches("Read-only file system").count(), 3, "{said:?}");
    // It is the container's view of it: nothing of the host's became read-only.
    fs::write(source.join("file"), "still mine").unwrap();
    let file = volume(&source.join("file"), "/etc/one:ro");
    house.file("etc/one", 0o644, "");
    let said = house.shell(&[&file], "cat /etc/one; echo >/etc/one");
    assert_eq!((said.out.as_str(), said.err.contains("Read-only file system")), ("still mine", true), "{said:?}");
}

#[test]
fn a_missing_mount_point_is_made_in_the_image() {
    let Some(house) = House::build() else { return };
    let source = house.directory("data");
    fs::write(source.join("file"), "text\n").unwrap();
    house.run_changing(&[&volume(&source, "/a/b/c")], &["/bin/cat", "/a/b/c/file"]).says("text\n");
    assert!(house.root().join("a/b/c").is_dir());
    assert_eq!(fs::read_dir(house.root().join("a/b/c")).unwrap().count(), 0);
    house.run_changing(&[&volume(&source.join("file"), "/d/e")], &["/bin/cat", "/d/e"]).says("text\n");
    assert_eq!(fs::read(house.root().join("d/e")).unwrap(), b"");
    assert_eq!(fs::metadata(house.root().join("a/b")).unwrap().permissions().mode() & 0o7777, 0o755);
    // On a tree that the container cannot write to, it is the launcher that makes them.
    house.run_changing(&["--read-only", &volume(&source, "/f/g")], &["/bin/cat", "/f/g/file"]).says("text\n");
    // `..` is no way to a mount point at all.
    let said = house.run(&[&volume(&source, "/../../../h")], &["/bin/true"]);
    said.fails(
        125,
        &format!("run: --volume: {}:/../../../h is no volume; write /SRC:/DST, or ./SRC:/DST:ro for read-only; there are no named volumes", source.display()),
    );
    assert!(!house.beside("h").exists() && !Path::new("/h").exists());
}

/// What a launch that fails later made of mount points, it takes away again.
#[test]
fn a_failed_launch_leaves_no_mount_point() {
    let Some(house) = House::build() else { return };
    let source = house.directory("data");
    fs::write(source.join("file"), "text\n").unwrap();
    let (directory, file) = (volume(&source, "/a/b/c"), volume(&source.join("file"), "/d/e"));
    for options in [&[directory.as_str()][..], &[&file], &["--tmpfs=/f/g"], &["--read-only", &directory]] {
        assert_eq!(house.run(options, &["/not/there"]).code, 127, "{options:?}");
        let more: Vec<_> = options.iter().copied().chain(["--workdir=/nowhere"]).collect();
        assert_eq!(house.run(&more, &["/bin/true"]).code, 125, "{options:?}");
    }
    let second = volume(&house.beside("absent"), "/x");
    house.run(&[&directory, &second], &["/bin/true"]).fails(
        125,
        &format!(
            "run: bind {} on /x (nodev): no such file or directory; a volume's source must exist",
            house.beside("absent").display()
        ),
    );
}

/// What it made below another mount is not the image's, which may have something of that name there.
#[test]
fn a_failed_launch_takes_nothing_that_the_image_had() {
    let Some(house) = House::build() else { return };
    let (outer, inner) = (house.directory("outer"), house.directory("inner"));
    for empty in ["a/b/c", "tmp/b/c"] {
        fs::create_dir_all(house.root().join(empty)).unwrap();
    }
    let (over, below) = (volume(&outer, "/a"), volume(&inner, "/a/b/c"));
    for options in [["--tmpfs=/a", &below], [&over, &below], ["--read-only", &volume(&inner, "/tmp/b/c")]] {
        for users in ["--userns=host", "--userns=auto"] {
            if users == "--userns=auto" && std::env::var_os(crate::old::MARK).is_some() {
                // An older kernel maps no ids of mounts.
                continue;
            }
            let said = house.run(&[&[users][..], &options].concat(), &["/not/there"]);
            assert_eq!(said.code, 127, "{users} {options:?}: {said:?}");
        }
    }
}

/// What lies over the image there is another's, and stays as it is.
#[test]
fn a_mount_point_in_a_read_only_volume_is_named() {
    let Some(house) = House::build() else { return };
    let (outer, inner) = (house.directory("outer"), house.directory("inner"));
    let said = house.run(&[&volume(&outer, "/tmp:ro"), &volume(&inner, "/tmp/b")], &["/bin/true"]);
    let hint = "read-only file system; what it lies in is read-only and lacks the mount point";
    said.fails(125, &format!("run: bind {} on /tmp/b (nodev): {hint}", inner.display()));
    assert_eq!(fs::read_dir(&outer).unwrap().count(), 0);
}

#[test]
fn source_and_target_are_of_one_kind() {
    let Some(house) = House::build() else { return };
    let source = house.directory("data");
    fs::write(source.join("file"), "").unwrap();
    house.file("etc/one", 0o644, "");
    for (from, to) in [(source.clone(), "/etc/one"), (source.join("file"), "/tmp")] {
        let said = house.run(&[&volume(&from, to)], &["/bin/true"]);
        assert!(
            said.code == 125 && said.err.starts_with(&format!("tinyo: run: bind {} on {to} (nodev): ", from.display())),
            "{said:?}"
        );
        assert!(said.err.ends_with("; source and target must both be directories, or both files\n"), "{said:?}");
    }
    let source = source.display();
    let (dot, relative) = (format!("cd {source}; exec $tinyo run -v .:/tmp $root /bin/ls /tmp"), "data:/tmp");
    house.clean(|| ended(house.host(&dot))).says("file\n");
    house
        .run(&["-v", relative], &["/bin/true"])
        .fails(125, "run: --volume: data:/tmp is no volume; write /SRC:/DST, or ./SRC:/DST:ro for read-only; there are no named volumes");
}

/// A place outside that no image may reach, with a look at it before and after.
struct Outside {
    house: House,
    path: std::path::PathBuf,
}

impl Outside {
    fn build() -> Option<Outside> {
        let house = House::build()?;
        let path = house.directory("outside");
        fs::write(path.join("secret"), "of the host\n").unwrap();
        fs::create_dir(path.join("empty")).unwrap();
        fs::create_dir(house.directory("data").join("x")).unwrap();
        Some(Outside { house, path })
    }

    /// A name of the image that leads here, absolutely or by way of `..`.
    fn link(&self, name: &str, target: &str) {
        let path = self.house.root().join(name);
        let _ = fs::remove_dir(&path).or_else(|_| fs::remove_file(&path));
        symlink(target, path).unwrap();
    }

    /// Runs it; nothing outside is changed, or seen.
    #[track_caller]
    fn holds(&self, options: &[&str], script: &str) -> crate::house::Ended {
        let before = (tree(&self.path), tree(Path::new("/etc")), names("/tmp/evil"), names("/dev"));
        let said = self.house.run_changing(options, &["/bin/sh", "-c", script]);
        same("outside", &before.0, &tree(&self.path));
        same("/etc", &before.1, &tree(Path::new("/etc")));
        assert_eq!((before.2, before.3), (names("/tmp/evil"), names("/dev")));
        assert!(!said.out.contains("of the host"), "{said:?}");
        said
    }
}

fn names(directory: &str) -> Vec<String> {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    let mut names: Vec<_> = entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

#[test]
fn a_volume_never_lands_outside() {
    let Some(outside) = Outside::build() else { return };
    let house = &outside.house;
    let data = house.beside("data");
    let host = outside.path.display().to_string();
    let up = format!("../../../../../../../..{host}");
    for target in [host.as_str(), &up, "/etc", "..", "/proc/self/cwd", "/proc/1/root/etc"] {
        outside.link("link", target);
        for name in ["/link", "/link/", "/link/new", "/link/../link/new/er", "/link/secret"] {
            for (source, options) in [(data.clone(), vec![]), (data.clone(), vec!["--read-only"])] {
                let option = volume(&source, name);
                let options: Vec<_> = options.into_iter().chain([option.as_str()]).collect();
                let said = outside.holds(&options, "cat /link/secret /link/new/secret 2>/dev/null; true");
                // It lands inside, where the link leads there, or it is refused: then with one line.
                assert!(said.code == 0 || said.code == 125, "{target} {name}: {said:?}");
                assert!(said.err.lines().count() <= 1, "{said:?}");
            }
        }
    }
}

#[test]
fn a_link_inside_is_followed_inside() {
    let Some(outside) = Outside::build() else { return };
    let data = outside.house.beside("data");
    outside.link("var", "etc");
    outside.holds(&[&volume(&data, "/var")], "ls /etc").says("x\n");
    outside.link("var", "/etc");
    outside.holds(&[&volume(&data, "/var")], "ls /etc").says("x\n");
    outside.holds(&["--tmpfs=/var"], "grep -c ' /etc .* tmpfs ' /proc/self/mountinfo").says("1\n");
}

/// The mount points of the container's own file systems are the image's to spoil, not to choose.
#[test]
fn links_in_the_place_of_dev_proc_and_sys_are_refused() {
    let Some(outside) = Outside::build() else { return };
    let host = outside.path.display().to_string();
    let steps = [
        ("dev", "mount tmpfs on /dev (null zero full random urandom tty, fd and standard links, pts, shm, mqueue)"),
        ("proc", "mount proc on /proc (nosuid,nodev,noexec)"),
        ("sys", "mount sysfs on /sys (nosuid,nodev,noexec, ro)"),
    ];
    for (name, step) in steps {
        for target in [host.as_str(), "/tmp", "etc", "/not/there", name] {
            outside.link(name, target);
            let said = outside.holds(&[], "true");
            let reason = said.err.strip_prefix(&format!("tinyo: run: {step}: ")).unwrap_or_default();
            let hint = "; the image has something else in its place\n";
            assert!(said.code == 125 && said.out.is_empty() && reason.ends_with(hint), "{name} -> {target}: {said:?}");
        }
        fs::remove_file(outside.house.root().join(name)).unwrap();
        fs::write(outside.house.root().join(name), "a file").unwrap();
        let said = outside.holds(&[], "true");
        assert!(said.code == 125 && said.err.contains("not a directory"), "{name} a file: {said:?}");
        fs::remove_file(outside.house.root().join(name)).unwrap();
        fs::create_dir(outside.house.root().join(name)).unwrap();
    }
}

#[test]
fn links_in_the_place_of_tmp_and_run_stay_inside() {
    let Some(outside) = Outside::build() else { return };
    let host = outside.path.display().to_string();
    for name in ["tmp", "run"] {
        for target in [host.as_str(), "/etc", "../../../../../../etc", "/proc/self/root"] {
            outside.link(name, target);
            let said = outside.holds(&["--read-only"], &format!("touch /{name}/x; cat /{name}/secret; ls /etc"));
            assert!(!said.out.contains("passwd"), "{name} -> {target}: {said:?}");
        }
        fs::remove_file(outside.house.root().join(name)).unwrap();
        fs::create_dir(outside.house.root().join(name)).unwrap();
    }
    outside.link("link", &host);
    outside.holds(&["--tmpfs=/link"], "touch /link/x");
    outside.holds(&["--tmpfs=/link/empty"], "touch /link/empty/x");
}

/// The container can change its image while another one starts from it.
#[test]
fn a_mount_point_that_changes_under_the_launch_leads_nowhere() {
    let Some(outside) = Outside::build() else { return };
    let (house, root) = (&outside.house, outside.house.root());
    let data = house.beside("data");
    fs::create_dir(root.join("flip")).unwrap();
    symlink(&outside.path, root.join("flop")).unwrap();
    // renameat2(RENAME_EXCHANGE) would be the sharper knife; two renames are what the standard library has.
    let stop = std::sync::atomic::AtomicBool::new(false);
    let before = tree(&outside.path);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                let (flip, flop, other) = (root.join("flip"), root.join("flop"), root.join("other"));
                let _ = fs::rename(&flip, &other).and_then(|()| fs::rename(&flop, &flip));
                let _ = fs::rename(&flip, &flop).and_then(|()| fs::rename(&other, &flip));
            }
        });
        for turn in 0..60 {
            let option = volume(&data, ["/flip", "/flip/new", "/flip/new/er"][turn % 3]);
            let said = house.run_once(&[&option], &["/bin/cat", "/flip/secret"]);
            if said.code == 0 || said.err.is_empty() || said.out.contains("of the host") {
                stop.store(true, std::sync::atomic::Ordering::Relaxed);
                panic!("{said:?}");
            }
        }
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
    });
    same("outside", &before, &tree(&outside.path));
}

/// What is asked for is there, or it is said that it cannot be: it is never mounted where nobody sees it.
#[test]
fn a_mount_that_would_be_hidden_is_refused() {
    let Some(house) = House::build() else { return };
    let source = house.directory("data");
    fs::write(source.join("mine"), "").unwrap();
    for target in ["/proc", "/sys", "/proc/x", "/sys/x", "/proc/../sys", "/dev", "/dev/shm"] {
        let option = volume(&source, target);
        let said = house.run_changing(&[&option], &["/bin/ls", target]);
        let seen = said.code == 0 && said.out.contains("mine");
        assert!(seen || said.code == 125 && said.err.lines().count() == 1, "{target}: {said:?}");
        let option = format!("--tmpfs={target}");
        let said = house.run_changing(&[&option], &["/bin/ls", "-A", target]);
        let seen = said.code == 0 && said.out.is_empty();
        assert!(seen || said.code == 125 && said.err.lines().count() == 1, "tmpfs {target}: {said:?}");
    }
    for target in ["/", "//", "/.", "/..", "/etc/.."] {
        let option = format!("--tmpfs={target}");
        let said = house.run(&[&option], &["/bin/ls", "/"]);
        assert!(said.code == 125 && said.out.is_empty() && said.err.lines().count() == 1, "tmpfs {target}: {said:?}");
        let said = house.run(&[&volume(&source, target)], &["/bin/ls", "/"]);
        assert!(said.code == 125 && said.out.is_empty() && said.err.lines().count() == 1, "{target}: {said:?}");
    }
}

/// /dev of the host, for whoever wants its disks.
#[test]
fn the_hosts_dev_can_be_a_volume() {
    let Some(house) = House::build() else { return };
    let said = house.run(&["-v", "/dev:/dev", "--cap-add=SYS_ADMIN"], &["/bin/ls", "/dev"]);
    assert_eq!(said.lines(), names("/dev"));
    // It is there to look at: no device in a volume opens, or an image with a node would be as good as one.
    house.shell(&["-v", "/dev/null:/dev/mine"], "stat -c %t:%T /dev/mine; echo x >/dev/mine").is(
        1,
        "1:3\n",
        "/bin/sh: can't create /dev/mine: Permission denied\n",
    );
}

/// Whatever can be a mount point can be a volume: what it is comes through.
#[test]
fn sockets_and_fifos_are_bound() {
    let Some(house) = House::build() else { return };
    let (fifo, socket) = (house.beside("fifo"), house.beside("socket"));
    let listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
    assert!(std::process::Command::new("mkfifo").arg(&fifo).status().unwrap().success());
    let (to_fifo, to_socket) = (volume(&fifo, "/made/fifo:ro"), volume(&socket, "/made/socket"));
    house
        .run_changing(&[&to_fifo, &to_socket], &["/bin/stat", "-c", "%F", "/made/fifo", "/made/socket"])
        .says("fifo\nsocket\n");
    // Of a file that stands for a mount point nothing was asked but to be one.
    assert_eq!(fs::read(house.root().join("made/socket")).unwrap(), b"");
    let script = "echo through >/made/fifo & read line </made/fifo; echo $line";
    house.run(&[&to_fifo], &["/bin/sh", "-c", script]).says("through\n");
    drop(listener);
}

#[test]
fn a_relative_source_is_the_callers() {
    let Some(house) = House::build() else { return };
    fs::write(house.directory("data").join("file"), "text\n").unwrap();
    fs::write(house.beside("..x"), "dots\n").unwrap();
    for (directory, source, target, said) in [
        ("data", ".", "/tmp", "text\n"),
        ("", "./data", "/tmp", "text\n"),
        ("root", "../data", "/tmp", "text\n"),
        ("data", "./file", "/tmp/file", "text\n"),
        ("", "..x", "/tmp/file", "dots\n"),
    ] {
        let script = format!("cd $root/../{directory}; exec $tinyo run -v {source}:{target} $root /bin/cat /tmp/file");
        let found = house.clean_but_tree(|| ended(house.host(&script)));
        found.says(said);
        let _ = fs::remove_file(house.root().join("tmp/file"));
    }
    // A directory that is gone can be none.
    let script = "mkdir $root.gone; cd $root.gone; rmdir $root.gone; exec $tinyo run -v .:/tmp $root /bin/ls /tmp";
    let said = house.clean(|| ended(house.host(script)));
    assert!(said.code == 0 && said.out.is_empty() || said.code == 125 && said.err.lines().count() == 1, "{said:?}");
}

#[test]
fn a_tmpfs_has_its_size_and_its_mode() {
    let Some(house) = House::build() else { return };
    let script = "stat -c %a /tmp; dd if=/dev/zero of=/tmp/x bs=64k count=32 2>/dev/null; stat -c %s /tmp/x";
    house.shell(&["--tmpfs=/tmp:size=1m,mode=711"], script).says("711\n1048576\n");
    let said = house.run(&["--tmpfs=/tmp:size=x"], &["/bin/true"]);
    assert!(said.code == 125 && said.err.starts_with("tinyo: run: mount tmpfs on /tmp (size=x): "), "{said:?}");
}
