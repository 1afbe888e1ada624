//! An image that changes while a container starts from it: names that the launcher looks up are swapped, in a tight loop,
//! for links out of it, and for directories that it did not mean.
//!
//! `TINYO_ATTACK=all`: 10,000 launches.

use std::{
    fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    process::Stdio,
};

use super::{Neighbour, SECRET, Siege, named, rounds};
use crate::house::same;

/// Whatever names they have by now: every procfs is masked, every sysfs read-only, every /dev has no disk, no mount is the
/// host's; and a volume is where it was asked for, or nowhere.
const LOOK: &str = r#"
while read -r id parent device root point options rest; do
    case $rest in
        *' proc '*) case $point in
            */sys|*/bus|*/fs|*/irq|*/sysrq-trigger) case $options in ro,*) ;; *) echo "writable $point";; esac;;
            *) # From within: its name may be another's at any time.
               cd $point 2>/dev/null && [ "$(stat -f -c %t .)" = 9fa0 ] || continue
               for file in sys/kernel/core_pattern sys/vm/drop_caches sysrq-trigger; do
                   ( : >>$file ) 2>/dev/null && echo "$file of $point opens"
               done
               for file in kcore interrupts timer_list keys; do
                   read -r line 2>/dev/null <$file && echo "$file of $point shows"
               done;;
            esac;;
        *' sysfs '*) case $options in ro,*) ;; *) echo "writable $point";; esac;;
        *' ext4 '*|*' devtmpfs '*) case $options in *nodev*) ;; *) echo "devices open in $point";; esac;;
    esac
done </proc/self/mountinfo
cat /flip/secret /flip/*/secret /proc/secret /sys/secret /dev/secret /link/secret 2>/dev/null
for name in /dev /dev.other; do [ -b $name/vda ] || [ -b $name/loop0 ] && echo "disks in $name"; done
[ -e /proc/self/mountinfo ] || echo blind
echo looked
"#;

/// Swaps `name` of the image with something that `other` becomes, while it is launched from.
fn race(siege: &Siege, name: &str, other: impl Fn(&Path), count: usize, options: &[&str]) -> (usize, usize) {
    let root = siege.house.root();
    let (at, beside) = (root.join(name), root.join(format!("{name}.other")));
    fs::create_dir_all(&at).unwrap();
    other(&beside);
    let canary = crate::house::tree(&siege.canary);
    let (mut whole, mut refused) = (0, 0);
    {
        let [one, two] = [&at, &beside].map(|path| path.to_str().unwrap());
        let racer = siege.attacker(&["exchange", one, two]).stderr(Stdio::null()).spawn();
        let _racer = Neighbour(racer.unwrap());
        for round in 0..count {
            let said = siege.house.run_once(options, &["/bin/sh", "-c", LOOK]);
            assert!(!said.out.contains(SECRET), "{name}, round {round}: it sees the host: {said:?}");
            match said.code {
                0 => {
                    let odd: Vec<_> = said.out.lines().filter(|line| !matches!(*line, "looked" | "blind")).collect();
                    assert!(odd.is_empty(), "{name} {options:?}, round {round}: {odd:?}");
                    whole += 1;
                }
                _ => {
                    named(&said);
                    refused += 1;
                }
            }
        }
    }
    same("the canary", &canary, &crate::house::tree(&siege.canary));
    (whole, refused)
}

fn link_out(siege: &Siege) -> impl Fn(&Path) + use<> {
    let canary = siege.canary.clone();
    move |path: &Path| symlink(&canary, path).unwrap()
}

fn directory(path: &Path) {
    fs::create_dir(path).unwrap();
}

/// A directory that looks the part: what is masked or made read-only in it is not the kernel's.
fn decoy(path: &Path) {
    for directory in ["sys/kernel", "sys/vm", "bus", "fs", "irq", "firmware", "self"] {
        fs::create_dir_all(path.join(directory)).unwrap();
    }
    for file in ["kcore", "keys", "interrupts", "timer_list", "sysrq-trigger", "sys/kernel/core_pattern"] {
        fs::write(path.join(file), "").unwrap();
    }
}

/// CVE-2019-19921, CVE-2023-27561: a mask that lands on something else masks nothing.
#[test]
fn the_containers_own_mounts_are_masked_whatever_becomes_of_their_names() {
    let Some(siege) = Siege::build() else { return };
    let count = rounds(25, 1_100);
    siege.house.clean_but_tree(|| {
        for name in ["proc", "sys", "dev"] {
            let out = link_out(&siege);
            let others: [&dyn Fn(&Path); 3] = [&out, &directory, &decoy];
            for other in others {
                let (whole, refused) = race(&siege, name, other, count, &[]);
                assert_eq!(whole + refused, count);
                let beside = siege.house.root().join(format!("{name}.other"));
                for path in [beside.clone(), siege.house.root().join(name)] {
                    let _ = fs::remove_file(&path).or_else(|_| fs::remove_dir_all(&path));
                }
                siege.directory(name);
            }
        }
    });
}

/// CVE-2021-30465.
#[test]
fn volumes_and_tmpfs_land_inside_whatever_becomes_of_their_names() {
    let Some(siege) = Siege::build() else { return };
    let data = siege.house.directory("data");
    fs::write(data.join("mine"), "").unwrap();
    let volume = |target: &str| format!("--volume={}:{target}", data.display());
    let (one, two, three) = (volume("/flip"), volume("/flip/new"), volume("/flip/new/er"));
    let all: [&[&str]; 5] =
        [&[&one], &["--read-only", &two], &[&three], &["--tmpfs=/flip/x"], &["--read-only", "--tmpfs=/flip"]];
    siege.house.clean_but_tree(|| {
        for options in all {
            race(&siege, "flip", link_out(&siege), rounds(25, 400), options);
            for name in ["flip", "flip.other"] {
                let path: PathBuf = siege.house.root().join(name);
                let _ = fs::remove_file(&path).or_else(|_| fs::remove_dir_all(&path));
            }
        }
    });
}

/// The root itself, swapped with another that has no program: it is one of the two, whole.
#[test]
fn the_root_is_the_one_that_was_opened() {
    let Some(siege) = Siege::build() else { return };
    let (root, other) = (siege.house.root(), siege.house.directory("root.other"));
    for name in ["dev", "proc", "sys"] {
        fs::create_dir(other.join(name)).unwrap();
    }
    fs::write(other.join("secret"), SECRET).unwrap();
    siege.house.clean_but_tree(|| {
        let [one, two] = [&root, &other].map(|path| path.to_str().unwrap());
        let _racer = Neighbour(siege.attacker(&["exchange", one, two]).stderr(Stdio::null()).spawn().unwrap());
        for _ in 0..rounds(40, 1_000) {
            let said = siege.house.run_once(&[], &["/bin/sh", "-c", "ls /secret 2>/dev/null; echo inside"]);
            match said.code {
                0 => assert_eq!(said.out, "inside\n"),
                _ => named(&said),
            }
        }
    });
}
