use std::{fs, io::Write};

use super::*;
use crate::specimen::{AARCH64, X86_64, elf};

/// A machine's worth of files to make images from.
struct Desk(tempfile::TempDir);

impl Desk {
    fn new() -> Desk {
        let desk = Desk(tempfile::tempdir().unwrap());
        desk.write("tinyo", elf(X86_64, None, &[], None));
        for name in ["virtio_blk", "virtio", "xfs", "crc"] {
            desk.write(&format!("lib/modules/6.1/k/{name}.ko"), elf(X86_64, None, &[], None));
        }
        desk.write(
            "lib/modules/6.1/modules.dep",
            "k/virtio_blk.ko: k/virtio.ko\nk/virtio.ko:\nk/xfs.ko: k/crc.ko\nk/crc.ko:\n",
        );
        desk.write("lib/modules/6.1/modules.alias", "alias fs-xfs xfs\nalias virtio:d2* virtio_blk\n");
        desk.write("lib/modules/6.1/modules.builtin", "kernel/fs/ext4/ext4.ko\n");
        desk
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, bytes: impl AsRef<[u8]>) {
        fs::create_dir_all(self.path(name).parent().unwrap()).unwrap();
        fs::write(self.path(name), bytes).unwrap();
    }

    fn order(&self, config: &str) -> Order {
        self.write("c.toml", config);
        let modules = Some(self.path("lib/modules/6.1"));
        Order {
            tinyo: self.path("tinyo"),
            config: Some(self.path("c.toml")),
            modules,
            auto: Some(Auto::default()),
            ..Order::default()
        }
    }

    fn make(&self, order: &Order) -> (Archive, Findings) {
        let mut findings = Findings::default();
        let archive = image(order, &Kernel::default(), &mut findings).unwrap();
        (archive, findings)
    }
}

fn names(archive: &Archive) -> Vec<String> {
    let files = archive.entries().filter(|(_, entry)| !entry.is(crate::cpio::DIR));
    files.map(|(path, _)| String::from_utf8(path.to_vec()).unwrap()).collect()
}

#[test]
fn the_least_is_tinyo_its_config_and_a_console() {
    let desk = Desk::new();
    let (archive, findings) = desk.make(&Order { modules: None, ..desk.order("on-failure = 'reboot'") });
    assert_eq!(names(&archive), ["dev/console", "etc/tinyo.toml", "init"]);
    assert_eq!(archive.get("init").unwrap().mode, 0o100_755);
    assert!(findings.errors.is_empty() && findings.warnings.is_empty() && findings.notes.is_empty(), "{findings:?}");
}

#[test]
fn modules_of_the_config_come_with_what_they_need_and_unknown_ones_are_named() {
    let desk = Desk::new();
    let (archive, findings) = desk.make(&desk.order("on-failure = 'none'\nmodules = ['virtio-blk', 'ext4']"));
    assert!(archive.get("lib/modules/6.1/k/virtio.ko").is_some() && archive.get("lib/modules/6.1/k/xfs.ko").is_none());
    assert!(findings.errors.is_empty(), "{findings:?}");
    let (_, findings) = desk.make(&desk.order("modules = ['virtioblk', 'nothing']"));
    assert!(findings.errors[0].starts_with("modules: virtioblk is not in /"), "{findings:?}");
    assert!(
        findings.errors[0].ends_with("; did you mean virtio_blk") && findings.errors[1].contains("nothing is not in")
    );
    let (_, findings) = desk.make(&Order { modules: None, ..desk.order("modules = ['virtio_blk']") });
    assert_eq!(
        findings.errors,
        ["modules: virtio_blk and no --modules, nor any in the image; write --modules lib/modules/VERSION"]
    );
}

#[test]
fn file_systems_come_along_and_one_that_nobody_loads_is_a_warning() {
    let desk = Desk::new();
    let with = |kind: &str, modules: &str| {
        let config = format!("modules = [{modules}]\n[root]\nsource = '/dev/vda'\ntype = '{kind}'\n");
        let (archive, findings) = desk.make(&desk.order(&config));
        (archive.get("lib/modules/6.1/k/crc.ko").is_some(), findings.warnings)
    };
    assert_eq!(with("ext4", "'virtio'"), (false, vec![]));
    assert_eq!(with("tmpfs", "'virtio'"), (false, vec![]));
    assert_eq!(with("xfs", "'xfs'"), (true, vec![]));
    let (there, warnings) = with("xfs", "'virtio'");
    assert!(there && warnings[0].starts_with("[root]: xfs is a module of this kernel"), "{warnings:?}");
    let (_, warnings) = with("exr4", "'virtio'");
    assert!(warnings[0].starts_with("[root]: exr4 is no module of this kernel"), "{warnings:?}");
}

#[test]
fn a_root_file_system_is_the_ground_and_what_is_asked_for_lies_on_it() {
    let desk = Desk::new();
    for name in ["root/init", "root/etc/tinyo.toml", "root/usr/lib/x", "root/etc/motd", "mine"] {
        desk.write(name, name);
    }
    std::os::unix::fs::symlink("usr/lib", desk.path("root/lib")).unwrap();
    let source = desk.path("mine");
    let add = |target: &str| Addition::parse(format!("{}:{target}:640", source.display()).into()).unwrap();
    let mut order = desk.order("modules = ['virtio']\non-failure = 'none'");
    order.ground = Ground::Directory(desk.path("root"), Owner::ROOT);
    order.additions = vec![add("/etc/motd"), add("/lib/mine")];
    let (archive, findings) = desk.make(&order);
    assert!(findings.errors.is_empty() && findings.notes.len() == 2, "{findings:?}");
    assert!(findings.notes[0].starts_with("/init of ") && findings.notes[0].ends_with(" gives way to tinyo"));
    assert_eq!(archive.get("init").unwrap().data.read().unwrap(), elf(X86_64, None, &[], None));
    assert_eq!(archive.get("etc/motd").unwrap().data.read().unwrap(), b"mine");
    assert!(archive.get("usr/lib/mine").is_some() && archive.get("usr/lib/modules/6.1/k/virtio.ko").is_some());
    order.additions = vec![add("/init")];
    let (_, findings) = desk.make(&order);
    let expected = format!("/init: there by `tinyo`, and again by `--add {}`; leave one of them out", source.display());
    assert_eq!(findings.errors, [expected]);
}

#[test]
fn modules_that_a_root_file_system_brings_are_looked_at() {
    let desk = Desk::new();
    let folder = "root/lib/modules/6.1";
    desk.write(&format!("{folder}/modules.dep"), "k/a.ko: k/b.ko\nk/b.ko:\n");
    desk.write(&format!("{folder}/modules.builtin"), "kernel/fs/ext4/ext4.ko\n");
    desk.write(&format!("{folder}/k/a.ko"), elf(X86_64, None, &[], None));
    let with = |modules: &str| {
        let config = desk.order(&format!("modules = [{modules}]\non-failure = 'none'"));
        desk.make(&Order { modules: None, ground: Ground::Directory(desk.path("root"), Owner::ROOT), ..config })
            .1
            .errors
    };
    let lacks = "/lib/modules/6.1/k/b.ko is not in the image, and its modules.dep names it; add it, or run depmod anew";
    assert_eq!(with("'a', 'ext4'"), [format!("modules: b: {lacks}")]);
    desk.write(&format!("{folder}/k/b.ko"), elf(AARCH64, None, &[], None));
    assert_eq!(with("'a'"), ["/lib/modules/6.1/k/b.ko: for aarch64; tinyo is for x86_64"]);
    desk.write(&format!("{folder}/k/b.ko"), elf(X86_64, None, &[], None));
    assert_eq!(with("'a'"), [] as [&str; 0]);
    assert_eq!(with("'aa'"), ["modules: aa is not in /lib/modules/6.1, nor in the kernel itself; did you mean a"]);
    let order = Order { modules: None, strip_signatures: true, ..desk.order("on-failure = 'none'") };
    assert!(desk.make(&order).1.errors[0].starts_with("--strip-signatures: without --modules DIR"));
}

#[test]
fn an_image_in_the_image_wants_loop_and_its_file_system() {
    let desk = Desk::new();
    let mut ext2 = vec![0u8; 1 << 16];
    ext2[1024 + 56..1024 + 58].copy_from_slice(&[0x53, 0xef]);
    desk.write("web.img", ext2);
    let service = "on-failure = 'none'\n[service.web]\nexec = ['x']\n[service.web.container]\nroot = '/web.img'\noverlay = 'tmpfs'\n";
    let mut order = desk.order(service);
    order.additions = vec![Addition::parse(format!("{}:/web.img", desk.path("web.img").display()).into()).unwrap()];
    let warnings = desk.make(&order).1.warnings;
    for (warning, expected) in
        warnings.iter().zip(["web: root: loop is no module", "web: root: ext2 is", "web: overlay: overlay is"])
    {
        assert!(warning.starts_with(expected), "{warnings:#?}");
    }
    assert_eq!(warnings.len(), 3);
}

#[test]
fn firmware_is_where_it_is_said_to_be_or_not_asked_for() {
    let desk = Desk::new();
    let error = |word: &str| {
        let order = Order { firmware: Some(word.into()), ..desk.order("on-failure = 'none'") };
        image(&order, &Kernel::default(), &mut Findings::default()).err().map(|error| error.to_string())
    };
    assert_eq!(error("none"), None);
    assert_eq!(
        error("/not/there").unwrap(),
        "--firmware /not/there: no directory; write that of the firmware, or none"
    );
}

#[test]
fn a_person_finds_tinyo_in_the_path_of_an_appliance() {
    let desk = Desk::new();
    let service = "[service.a]\nexec = ['/init']\n";
    assert!(desk.make(&desk.order(service)).0.get("bin/tinyo").is_some());
    let root = format!("[root]\nsource = '/dev/vda'\n{service}");
    assert!(desk.make(&desk.order(&root)).0.get("bin/tinyo").is_none());
}

#[test]
fn signatures_are_kept_where_the_kernel_wants_them() {
    let desk = Desk::new();
    let order = Order { strip_signatures: true, ..desk.order("on-failure = 'none'") };
    let with = |config: &str| {
        let mut findings = Findings::default();
        image(&order, &Kernel::parse(config), &mut findings).unwrap();
        findings
    };
    let forced = with("CONFIG_MODULE_SIG_FORCE=y\n").errors;
    assert!(
        forced[0]
            .starts_with("--strip-signatures: the kernel loads no module without one (CONFIG_MODULE_SIG_FORCE in ")
    );
    let plain = with("CONFIG_MODULE_SIG=y\n");
    assert!(plain.errors.is_empty() && plain.notes.len() == 1 && plain.notes[0].contains("tainted (E)"), "{plain:?}");
    assert!(with("CONFIG_LOCK_DOWN_IN_EFI_SECURE_BOOT=y\n").notes[1].contains("Secure Boot"));
    assert!(desk.make(&order).1.notes[1].contains("config is not known"));
}

#[test]
fn what_goes_in_is_in_the_same_place_whatever_the_order_of_the_disk() {
    let desk = Desk::new();
    let order = |root: &str, names: &[&str]| {
        names.iter().for_each(|name| desk.write(&format!("{root}/{name}"), name));
        Order { ground: Ground::Directory(desk.path(root), Owner::ROOT), ..desk.order("modules = ['virtio', 'xfs']\n") }
    };
    let bytes = |order: &Order| {
        let mut bytes = Vec::new();
        desk.make(order).0.write_to(&mut bytes).unwrap();
        bytes.flush().unwrap();
        bytes
    };
    let (one, other) = (order("one", &["a", "b/c", "d"]), order("other", &["d", "b/c", "a"]));
    assert_eq!(bytes(&one), bytes(&other));
}

#[test]
fn modules_that_the_ground_has_stay_in_the_tables_beside_those_of_the_config() {
    let desk = Desk::new();
    for name in ["k/crc.ko", "modules.dep", "k/own.ko"] {
        let from = fs::read(desk.path(&format!("lib/modules/6.1/{name}"))).unwrap_or_else(|_| b"mine".to_vec());
        desk.write(&format!("root/lib/modules/6.1/{name}"), from);
    }
    let ground = Ground::Directory(desk.path("root"), Owner::ROOT);
    let (archive, findings) = desk.make(&Order { ground, ..desk.order("on-failure = 'none'\nmodules = ['virtio']") });
    let dep = archive.get("lib/modules/6.1/modules.dep").unwrap().data.read().unwrap();
    assert_eq!(String::from_utf8(dep).unwrap(), "k/crc.ko:\nk/virtio.ko:\n");
    let own = "/lib/modules/6.1/k/own.ko of --from: not in the modules.dep of --modules, and so never found; run depmod there";
    assert_eq!(findings.warnings, [own]);
}

#[test]
fn a_ground_that_is_held_brings_its_own_config_and_what_is_built_of_it_is_checked() {
    let desk = Desk::new();
    let with = |ground: &Archive| {
        let ground = Ground::Held(ground.clone());
        let beside = vec!["xfs".to_owned()];
        desk.make(&Order { config: None, ground, beside, auto: None, ..desk.order("") })
    };
    let mut ground = Archive::new();
    ground.file("/init", 0o755, "another").character("/dev/console", 0o600, 5, 1);
    let (archive, findings) = with(&ground);
    let no_config = ["dev/console", "init", "lib/modules/6.1/k/crc.ko", "lib/modules/6.1/k/xfs.ko"];
    assert_eq!(names(&archive)[..4], no_config);
    assert!(findings.errors.is_empty() && archive.get("init").unwrap().data.len() > 100, "{findings:?}");
    ground.file("/etc/tinyo.toml", 0o644, "modules = ['virtio', 'auto']\n[service.a]\nexec = ['/none']\n");
    let (archive, findings) = with(&ground);
    assert!(archive.get("lib/modules/6.1/k/virtio.ko").is_some());
    assert_eq!(findings.errors, ["a: exec: /none is not in the image; add it with --add FILE:PATH"]);
    ground.file("/etc/tinyo.toml", 0o644, "hostnam = 'x'\n");
    assert_eq!(with(&ground).1.errors, ["/etc/tinyo.toml:1:1: unknown key hostnam; did you mean hostname"]);
}
