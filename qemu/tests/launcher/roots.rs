//! What a root can be besides a directory: an image file, and either under an overlay.

use std::{
    fs,
    os::unix::fs::{MetadataExt, PermissionsExt, chown},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use crate::house::{Ended, House, ended, same, soon, tree};

/// Every kind of image that this host can make of the house's root, and mount.
fn images(house: &House) -> Vec<(&'static str, PathBuf)> {
    let known = fs::read_to_string("/proc/filesystems").unwrap();
    let mut images = Vec::new();
    for (fstype, script) in [
        ("squashfs", "mksquashfs $root $image -quiet"),
        ("erofs", "mkfs.erofs $image $root"),
        ("ext4", "truncate -s 16M $image && mkfs.ext4 -q -e panic -d $root $image"),
    ] {
        let image = house.beside(&format!("{fstype}.img"));
        let mut command = Command::new("sh");
        command.args(["-c", script]).env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
        command.env("root", house.root()).env("image", &image).stdout(Stdio::null());
        let here = known.lines().any(|line| line.trim() == fstype) && fs::exists("/dev/loop-control").unwrap();
        if here && command.stderr(Stdio::null()).status().is_ok_and(|status| status.success()) {
            images.push((fstype, image));
        } else {
            eprintln!("skipped: roots: no {fstype} on this host: its driver, its mkfs or the loop driver is missing");
        }
    }
    images
}

/// `tinyo run OPTIONS IMAGE sh -c SCRIPT`, which leaves no loop device behind either.
#[track_caller]
fn run(house: &House, options: &[&str], image: &Path, script: &str) -> Ended {
    let image = image.display().to_string();
    let words: Vec<_> = ["run"].iter().chain(options).copied().chain([&image, "/bin/sh", "-c", script]).collect();
    let said = house.clean(|| ended(house.tinyo(&words)));
    no_loops(house);
    said
}

/// When the last user of a mount ends, a worker of the kernel lets the device go, which may be after that end was seen.
#[track_caller]
fn no_loops(house: &House) {
    soon("the loop device is gone", || loops(house).is_empty());
}

/// The loop devices of this house.
fn loops(house: &House) -> String {
    let place = house.beside("").display().to_string();
    let mut found = String::new();
    for entry in fs::read_dir("/sys/block").unwrap().flatten() {
        let file = fs::read_to_string(entry.path().join("loop/backing_file")).unwrap_or_default();
        if file.contains(&place) {
            found += &file;
        }
    }
    found
}

const ROOT: &str = "grep ' / / ' /proc/self/mountinfo | cut -d' ' -f6-; ";

#[test]
fn an_image_is_a_root() {
    let Some(house) = House::build() else { return };
    house.file("etc/one", 0o644, "of the image\n");
    for (fstype, image) in images(&house) {
        let said = run(&house, &["--read-only"], &image, &format!("{ROOT} cat /etc/one; touch /x /tmp/x"));
        let mount = said.out.lines().next().unwrap_or_default();
        assert!(mount.starts_with(&format!("ro,nodev,relatime - {fstype} /dev/loop")), "{said:?}");
        assert!(said.out.ends_with("\nof the image\n"), "{said:?}");
        assert_eq!(said.err, "touch: /x: Read-only file system\n");
        // The old root is gone, and so is what the image was mounted on.
        run(
            &house,
            &["--read-only"],
            &image,
            "stat -c %i / /.. /../..; ls /..; grep -c . /proc/self/mountinfo >/dev/null",
        )
        .lines()[..3]
            .windows(2)
            .for_each(|pair| assert_eq!(pair[0], pair[1]));
        let said = run(
            &house,
            &["--read-only"],
            &image,
            "grep -E ' /(image|root|layers|directory|file) ' /proc/self/mountinfo",
        );
        assert_eq!((said.code, said.out.as_str()), (1, ""), "{said:?}");
    }
}

#[test]
fn an_image_that_can_be_written_is() {
    let Some(house) = House::build() else { return };
    for (fstype, image) in images(&house) {
        let before = fs::read(&image).unwrap();
        let said = run(&house, &[], &image, &format!("{ROOT} echo kept >/etc/new"));
        if fstype != "ext4" {
            let image = image.display();
            said.fails(
                125,
                &format!(
                    "run: take root {image} (nodev): an image that cannot be written to; make it read-only, or write to an overlay"
                ),
            );
            continue;
        }
        // It asks for a panic at the first error in it: that is not its to ask.
        assert!(said.out.starts_with("rw,nodev,relatime - ext4 /dev/loop"), "{said:?}");
        assert!(said.out.contains("errors=remount-ro"), "{said:?}");
        assert_ne!(fs::read(&image).unwrap(), before);
        run(&house, &["--read-only"], &image, "cat /etc/new").says("kept\n");
        // One after the other, at once.
        for number in 0..10 {
            run(&house, &[], &image, &format!("cat /etc/new; echo kept >/etc/{number}")).says("kept\n");
        }
        // Not two at a time.
        fs::create_dir(house.beside("fifo")).unwrap();
        let busy = format!(
            "mkfifo $root/../fifo/go; $tinyo run -v $root/../fifo:/mnt {0} /bin/sh -c 'echo >/mnt/go; read x </mnt/go' & \
             read x <$root/../fifo/go; $tinyo run {0} /bin/true; echo $?; $tinyo run --read-only {0} /bin/true; echo $?; \
             echo >$root/../fifo/go; wait",
            image.display()
        );
        let said = house.clean(|| ended(house.host(&busy)));
        assert_eq!(said.out, "125\n125\n", "{said:?}");
        let hint = ": device or resource busy; another container has it to write to\n";
        assert_eq!(said.err.matches(hint).count(), 2, "{said:?}");
        no_loops(&house);
    }
}

/// Nodes of an image open nothing, its setuid programs are what they are in any image.
#[test]
fn an_image_has_no_devices() {
    let Some(house) = House::build() else { return };
    assert!(Command::new("mknod").arg(house.root().join("null")).args(["c", "1", "3"]).status().unwrap().success());
    for (_, image) in images(&house) {
        for options in [&["--read-only"][..], &["--overlay=tmpfs"]] {
            run(&house, options, &image, "cat /null").is(1, "", "cat: can't open '/null': Permission denied\n");
            let privileged: Vec<_> = options.iter().copied().chain(["--privileged"]).collect();
            run(&house, &privileged, &image, "cat /null").says("");
        }
    }
}

#[test]
fn what_is_no_image_is_named() {
    let Some(house) = House::build() else { return };
    let hint = "the root must be a directory, or a file with squashfs, erofs or ext4";
    for (bytes, name) in [
        (&b"#!/bin/sh\n"[..], "text"),
        (b"", "text"),
        (b"LUKS\xba\xbe\0\x01", "a LUKS container"),
        (b"\x1f\x8b\x08\0", "gzip data"),
        (b"XFSB\0", "an xfs file system"),
        (b"\0\0\0\0", "no file system known here"),
    ] {
        let path = house.beside("no.img");
        fs::write(&path, bytes).unwrap();
        let shown = path.display();
        run(&house, &[], &path, "true").fails(125, &format!("run: take root {shown} (nodev): {name}; {hint}"));
        run(&house, &["--overlay=tmpfs"], &path, "true")
            .fails(125, &format!("run: take root {shown} as the lower layer: {name}; {hint}"));
    }
    let fifo = house.beside("fifo");
    assert!(Command::new("mkfifo").arg(&fifo).status().unwrap().success());
    run(&house, &[], &fifo, "true")
        .fails(125, &format!("run: take root {} (nodev): not a directory; {hint}", fifo.display()));
    // The beginning is right, and what follows is not.
    for (fstype, image) in images(&house) {
        let bytes = fs::read(&image).unwrap();
        fs::write(&image, &bytes[..2048]).unwrap();
        let said = run(&house, &["--read-only"], &image, "true");
        assert_eq!((said.code, said.err.lines().count()), (125, 1), "{fstype}: {said:?}");
        assert!(said.err.starts_with("tinyo: run: take root "), "{said:?}");
    }
}

#[test]
fn a_launch_that_fails_or_is_killed_leaves_no_loop_device() {
    let Some(house) = House::build() else { return };
    for (_, image) in images(&house) {
        let image = image.display().to_string();
        for words in [
            &["run", "--read-only", &image, "/not/there"][..],
            &["run", "--read-only", "-v", "/not/there:/mnt", &image, "/bin/true"],
            &["run", "--overlay=/not/there", &image, "/bin/true"],
        ] {
            let said = house.clean(|| ended(house.tinyo(words)));
            assert!(said.code >= 125, "{said:?}");
            no_loops(&house);
        }
        for delay in 0..12 {
            let mut child = house.tinyo(&["run", "--read-only", &image, "/bin/sleep", "100"]).spawn().unwrap();
            std::thread::sleep(std::time::Duration::from_micros(700 * delay));
            child.kill().unwrap();
            child.wait().unwrap();
            no_loops(&house);
        }
        house.wait_for_nobody();
    }
}

/// They share one tree, and none sees what another writes.
#[test]
fn an_overlay_leaves_the_root_as_it_is() {
    let Some(house) = House::build() else { return };
    house.file("etc/one", 0o644, "of the root\n");
    let mut roots = vec![house.root()];
    roots.extend(images(&house).into_iter().map(|(_, image)| image));
    for root in roots {
        for _ in 0..2 {
            let script = format!("{ROOT} ls -d /etc/new; rm /etc/one; echo changed >/etc/new; ls /etc; touch /x");
            let said = run(&house, &["--overlay", "tmpfs:1M"], &root, &script);
            assert!(said.out.starts_with("rw,nodev,relatime - overlay overlay "), "{said:?}");
            assert!(said.out.ends_with("\nnew\n"), "{said:?}");
            assert_eq!(said.err, "ls: /etc/new: No such file or directory\n", "{said:?}");
            // No path of the host's is told inside.
            assert!(!said.out.contains(&house.beside("").display().to_string()), "{said:?}");
        }
        let said = run(&house, &["--overlay=tmpfs:1M"], &root, "dd if=/dev/zero of=/big bs=64k count=32; ls -l /big");
        assert!(said.err.contains("No space left on device"), "{said:?}");
        // A mount point that the root lacks is made in the layer.
        run(&house, &["--overlay=tmpfs", "--tmpfs=/a/b"], &root, "ls -A /a").says("b\n");
        // The container's view of it can be read-only all the same.
        let said = run(&house, &["--overlay=tmpfs", "--read-only", "--tmpfs=/a/b"], &root, "ls -A /a; touch /x /tmp/x");
        said.is(1, "b\n", "touch: /x: Read-only file system\n");
        run(&house, &["--overlay=tmpfs"], &root, "stat -c %i / /.. /../..").lines().windows(2).for_each(|pair| {
            assert_eq!(pair[0], pair[1]);
        });
    }
}

#[test]
fn an_overlay_can_be_kept() {
    let Some(house) = House::build() else { return };
    // What overlayfs would read as its own separators.
    let layers = house.directory("lay,er:s\\ x=1");
    let odd = house.beside("ro,ot:1");
    fs::rename(house.root(), &odd).unwrap();
    fs::set_permissions(&odd, fs::Permissions::from_mode(0o750)).unwrap();
    chown(&odd, Some(7), Some(8)).unwrap();
    std::os::unix::fs::symlink(&odd, house.root()).unwrap();
    let before = tree(&odd);
    let option = format!("--overlay={}", layers.display());
    let run = |script: &str| house.clean_but_tree(|| house.run_once(&[&option], &["/bin/sh", "-c", script]));
    run("stat -c '%a %u:%g' /; echo kept >/etc/new; rm -r /tmp").says("750 7:8\n");
    run("cat /etc/new; ls -d /tmp").is(1, "kept\n", "ls: /tmp: No such file or directory\n");
    same("root", &before, &tree(&odd));
    assert_eq!(fs::read_to_string(layers.join("upper/etc/new")).unwrap(), "kept\n");
    let status = fs::metadata(layers.join("upper")).unwrap();
    assert_eq!((status.mode() & 0o7777, status.uid(), status.gid()), (0o750, 7, 8));
    // By a path of the caller's.
    let script = "cd $root/..; exec $tinyo run --overlay ./lay* $root /bin/cat /etc/new";
    house.clean_but_tree(|| ended(house.host(script))).says("kept\n");
    // The same layer for two at a time would be spoiled.
    let busy = "mkfifo $root/../go; $tinyo run --overlay \"$layers\" -v $root/../go:/go $root /bin/sh -c 'echo >/go; read x </go' & \
                read x <$root/../go; $tinyo run --overlay \"$layers\" $root /bin/true; echo $?; echo >$root/../go; wait";
    let mut command = house.host(busy);
    command.env("layers", &layers);
    let said = house.clean_but_tree(|| ended(command));
    assert_eq!(said.out, "125\n", "{said:?}");
    assert!(
        said.err.ends_with(" over it (nodev): device or resource busy; another container has it to write to\n"),
        "{said:?}"
    );
    // Nor for another root.
    let other = house.directory("other");
    let words = ["run", &option, other.to_str().unwrap(), "/bin/true"];
    let said = ended(house.tinyo(&words));
    assert!(said.code == 125 && said.err.ends_with(": stale file handle; it belongs to another root\n"), "{said:?}");
}

#[test]
fn a_directory_that_is_none_is_named() {
    let Some(house) = House::build() else { return };
    let hint = "what is written needs a directory";
    let file = house.beside("file");
    fs::write(&file, "").unwrap();
    for (path, reason) in [(house.beside("absent"), "no such file or directory"), (file, "not a directory")] {
        let option = format!("--overlay={}", path.display());
        house
            .run(&[&option], &["/bin/true"])
            .fails(125, &format!("run: lay overlay {} over it (nodev): {reason}; {hint}", path.display()));
    }
    // An upper layer that is a link is not followed.
    let layers = house.directory("layers");
    std::os::unix::fs::symlink("/etc", layers.join("upper")).unwrap();
    let before = tree(Path::new("/etc"));
    let option = format!("--overlay={}", layers.display());
    let said = house.run(&[&option], &["/bin/sh", "-c", "touch /x"]);
    assert_eq!((said.code, said.err.lines().count()), (125, 1), "{said:?}");
    same("/etc", &before, &tree(Path::new("/etc")));
}

/// The machine's own root under one, which hides nothing of what `-v` names.
#[test]
fn an_overlay_over_the_hosts_root() {
    let Some(house) = House::build() else { return };
    let data = house.directory("data");
    fs::write(data.join("file"), "text\n").unwrap();
    let up = format!("/../../..{}:/mnt", data.display());
    let said = ended(house.tinyo(&[
        "run",
        "--overlay=tmpfs",
        "-v",
        &up,
        "/",
        "/bin/sh",
        "-c",
        "cat /mnt/file; echo >/etc/of-a-test",
    ]));
    // Above the root there is nothing, least of all the container's.
    assert!(said.code == 125 && said.err.contains("no such file or directory"), "{said:?}");
    let option = format!("{}:/mnt", data.display());
    let said = ended(house.tinyo(&[
        "run",
        "--overlay=tmpfs",
        "-v",
        &option,
        "/",
        "/bin/sh",
        "-c",
        "cat /mnt/file; echo >/etc/of-a-test",
    ]));
    said.says("text\n");
    assert!(!Path::new("/etc/of-a-test").exists());
}

/// A file system that nobody can write to has all that a root needs, or it is said what is missing.
#[test]
fn a_root_on_a_read_only_file_system() {
    let Some(house) = House::build() else { return };
    let script = |more: &str, root: &str| {
        format!(
            "exec $busybox unshare -m sh -c 'mount --bind $root $root && mount -o remount,bind,ro $root && {more} \
             $tinyo run {root} /bin/sh -c \"touch /x; echo in\"'"
        )
    };
    let said = house.clean(|| ended(house.host(&script("", "$root"))));
    assert_eq!((said.out.as_str(), said.err.contains("Read-only file system")), ("in\n", true), "{said:?}");
    let said = house.clean(|| ended(house.host(&script("", "--overlay=tmpfs $root"))));
    said.says("in\n");
    fs::remove_dir(house.root().join("sys")).unwrap();
    let said = house.clean(|| ended(house.host(&script("", "$root"))));
    said.fails(
        125,
        "run: mount sysfs on /sys (nosuid,nodev,noexec, ro): read-only file system; what it lies in is read-only and lacks the mount point",
    );
}

#[test]
fn a_root_that_is_gone_is_named() {
    let Some(house) = House::build() else { return };
    let gone = "cp -a $root $root.gone; cd $root.gone; rm -r $root.gone; exec $tinyo run $more . /bin/true";
    let said = house.clean(|| ended(house.host(&gone.replace("$more", ""))));
    said.fails(
        125,
        "run: take root . (nodev): no such file or directory; the root must be a directory, or a file with squashfs, erofs or ext4",
    );
    let said = house.clean(|| ended(house.host(&gone.replace("$more", "--overlay=tmpfs"))));
    assert_eq!((said.code, said.err.lines().count()), (127, 1), "{said:?}");
}
