//! What is walked name by name, against what the kernel walks.

use super::*;
use proptest::prelude::*;
use std::ffi::CString;
use std::format;
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::string::{String, ToString};

/// Directories, files and links of every sort, and what lies outside. It goes with the test.
struct Tree(PathBuf);

impl Tree {
    fn grow() -> Tree {
        let top =
            std::env::temp_dir().join(format!("tinyo-inside-{}-{:?}", std::process::id(), std::thread::current().id()));
        let root = top.join("root");
        std::fs::create_dir_all(root.join("a/b/c")).unwrap();
        std::fs::create_dir_all(root.join("c")).unwrap();
        std::fs::write(root.join("a/f"), "").unwrap();
        std::fs::write(top.join("f"), "").unwrap();
        for (name, target) in [
            ("l", "a"),
            ("a/l", "/a/b"),
            ("a/b/l", "../../c"),
            ("c/l", "../../../../f"),
            ("c/m", "/../../c/l"),
            ("loop", "loop"),
            ("a/up", ".."),
            ("m", "a/l/l/"),
            ("n", "a/f/"),
            ("dangling", "/nowhere"),
        ] {
            symlink(target, root.join(name)).unwrap();
        }
        // 41 links, one behind the other.
        for number in 0..40 {
            symlink(format!("chain{}", number + 1), root.join(format!("chain{number}"))).unwrap();
        }
        symlink("a", root.join("chain40")).unwrap();
        Tree(top)
    }

    fn root(&self) -> Fd {
        let path = CString::new(self.0.join("root").display().to_string()).unwrap();
        fs::open(&path, fs::PLACE | fs::DIRECTORY).unwrap()
    }
}

impl Drop for Tree {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// What was found, or why nothing was.
fn found(opened: Result<Fd>) -> core::result::Result<(u64, bool), u16> {
    match opened {
        Ok(fd) => fs::file_status(&fd).map(|status| (status.inode(), status.is_directory())).map_err(|e| e.errno().0),
        Err(error) => Err(error.errno().0),
    }
}

fn both(root: &Fd, path: &str) -> [core::result::Result<(u64, bool), u16>; 2] {
    let path = CString::new(path).unwrap();
    [found(walk(root, &path, fs::PLACE)), found(open_in(root, &path, fs::PLACE))]
}

#[test]
fn nothing_leads_out() {
    let tree = Tree::grow();
    let root = tree.root();
    let own = found(walk(&root, c"/", fs::PLACE)).unwrap();
    for path in ["..", "/..", "a/../..", "/../../..", "c/../../../a/.."] {
        assert_eq!(both(&root, path), [Ok(own); 2], "{path}");
    }
    for path in ["/f", "../f", "c/l", "c/m", "l/up/../f"] {
        assert_eq!(both(&root, path), [Err(libc::ENOENT as u16); 2], "{path}");
    }
    for (path, errno) in [
        ("loop", libc::ELOOP),
        ("chain0", libc::ELOOP),
        ("n", libc::ENOTDIR),
        ("a/f/", libc::ENOTDIR),
        ("a/f/..", libc::ENOTDIR),
        ("dangling/x", libc::ENOENT),
    ] {
        assert_eq!(both(&root, path), [Err(errno as u16); 2], "{path}");
    }
    assert!(both(&root, "chain1").iter().all(|found| found.is_ok()));
    let file = walk(&root, c"a/f", fs::PLACE | fs::DIRECTORY).map(drop);
    assert_eq!(file, Err(Error::new(Call::Openat2, libc::ENOTDIR)));
    // A path that grows past any with its links.
    let long = CString::new("l/../".repeat(819)).unwrap();
    assert!(walk(&root, &long, fs::PLACE).is_err());
}

/// Magic links lead to files that are open, whatever they are called.
#[test]
fn magic_links_are_refused() {
    let root = fs::open(c"/", fs::PLACE | fs::DIRECTORY).unwrap();
    for path in ["/proc/self/cwd", "/proc/self/root/etc", "/proc/self/exe", "/proc/self/fd/0"] {
        assert_eq!(both(&root, path), [Err(libc::ELOOP as u16); 2], "{path}");
    }
    assert!(both(&root, "/proc/self/stat").iter().all(|found| found.is_ok()));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn as_the_kernel_does(path in "/?((a|b|c|f|l|m|n|up|loop|chain1|dangling|\\.|\\.\\.|)/){0,6}(a|b|c|f|l|m|n|up|\\.\\.|)") {
        std::thread_local!(static TREE: Tree = Tree::grow());
        TREE.with(|tree| -> core::result::Result<(), TestCaseError> {
            let [ours, kernels] = both(&tree.root(), &path);
            // openat2 knows no empty name.
            prop_assert!(ours == kernels || path.is_empty(), "{} {:?} {:?}", String::from(&path), ours, kernels);
            Ok(())
        })?;
    }
}
