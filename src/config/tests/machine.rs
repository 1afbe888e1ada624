//! Errors of what is for the machine: at the top, under `[root]` and `[[mount]]`.

use std::format;

use super::accept;
use super::errors::problems;

#[test]
fn values_of_the_machine() {
    let overlay = "is no overlay; write overlay = \"tmpfs:64M\", or a device, as /dev/NAME or LABEL=";
    let long = "h".repeat(65);
    let source = "is no device; write /dev/NAME, UUID=, LABEL=, PARTUUID=, PARTLABEL= or MAJOR:MINOR";
    let host = "is no host name; write at most 64 letters, digits, - and dots, a letter or digit first";
    let setting = "is no setting; write \"NAME=VALUE\", as \"kernel.panic=5\"";
    let module = "is no module; write a name of letters, digits, - and _, and options behind it";
    let table = [
        (format!("hostname = '{long}'"), format!("1:12 \"{long}\" {host}")),
        ("hostname = '-a'".into(), format!("1:12 \"-a\" {host}")),
        ("modules = ['a/b']".into(), format!("1:12 \"a/b\" {module}")),
        ("modules = [' a=1']".into(), format!("1:12 \" a=1\" {module}")),
        ("modules = ['auto a=1']".into(), format!("1:12 \"auto a=1\" {module}")),
        ("modules = [\"a b=\\n\"]".into(), format!("1:12 \"a b=\\x0a\" {module}")),
        ("sysctl = ['a']".into(), format!("1:11 \"a\" {setting}")),
        ("sysctl = ['=1']".into(), format!("1:11 \"=1\" {setting}")),
        ("sysctl = ['../a=1']".into(), format!("1:11 \"../a=1\" {setting}")),
        ("sysctl = ['/a=1']".into(), format!("1:11 \"/a=1\" {setting}")),
        ("sysctl = ['a b=1']".into(), format!("1:11 \"a b=1\" {setting}")),
        ("[root]\nsource = 'UUDI=5'".into(), format!("2:10 \"UUDI=5\" {source}")),
        ("[root]\nsource = 'LABEL='".into(), format!("2:10 \"LABEL=\" {source}")),
        ("[root]\nsource = 'PARTUUID=a/PARTNROFF=x'".into(), format!("2:10 \"PARTUUID=a/PARTNROFF=x\" {source}")),
        ("[root]\nsource = '/dev/disk/by-id/x'".into(), format!("2:10 \"/dev/disk/by-id/x\" {source}")),
        ("[[mount]]\nsource = 'gpt-auto'\ntarget = '/x'".into(), format!("2:10 \"gpt-auto\" {source}")),
        ("[root]\nimage = 'x'".into(), "2:9 \"x\" is no absolute path; write image = \"/x\"".into()),
        (
            "[root]\nsource = '/dev/x'\ninit = 'init'".into(),
            "3:8 \"init\" is no absolute path; write init = \"/init\"".into(),
        ),
        ("[root]\nsource = '/dev/x'\noverlay = 'tmpfs:1'".into(), format!("3:11 \"tmpfs:1\" {overlay}")),
        ("[root]\nsource = '/dev/x'\noverlay = '/data'".into(), format!("3:11 \"/data\" {overlay}")),
        (
            "[[mount]]\nsource = '/dev/x'\ntarget = 'x'".into(),
            "3:10 \"x\" is no absolute path; write target = \"/x\"".into(),
        ),
    ];
    for (text, expected) in table {
        assert_eq!(problems(&text), [expected], "{text}");
    }
}

/// Nothing would come of it, so it is an error that says so.
#[test]
fn what_would_do_nothing() {
    let source = |name: &str| format!("1:1 {name} is about a device, and this root has none; remove it");
    let without = |name: &str, example: &str| format!("1:1 \"{name}\" {}", example.replace('%', name));
    let (file, kind) = (
        "is no device; write /dev/NAME, or for a file of the initramfs image = \"%\"",
        "is no device; write /dev/NAME, or what it is, as type = \"tmpfs\"",
    );
    let system =
        |name: &str| format!("3:8 \"{name}\" is no file system; write type = \"ext4\", or several as \"ext4,xfs\"");
    let option = |name: &str| format!("1:1 {name} does nothing in options here; remove it");
    let overlay = "1:1 read-only does nothing beside an overlay, which takes what is written; remove it";
    let slash = "1:1 target = \"/\" is the root; write [root]";
    let root = |keys: &str| format!("[root]\n{keys}");
    let mount = |source: &str, rest: &str| format!("[[mount]]\nsource = '{source}'\n{rest}");
    let on_x = "target = '/x'\n";
    let table = [
        (
            root("image = '/i'\ntype = 'squashfs'\noptions = 'noatime'\nwait = 5\nfsck = true"),
            ["wait", "fsck", "type", "options"].map(source).to_vec(),
        ),
        (root("image = '/i'\nread-only = true\ninit = '/i'"), [].into()),
        (root("image = '/i'\noverlay = 'tmpfs'"), [].into()),
        (root("source = '/dev/x'\nimage = '/i'\ntype = 'ext4'\noptions = 'ro'\nwait = 5\nfsck = true"), [].into()),
        (root("source = 'gpt-auto'\ntype = 'ext4'\nwait = 5\nfsck = true"), [].into()),
        (root("source = 'tag'\ntype = '9p'\noptions = 'trans=virtio'\nwait = 5"), [source("wait")].into()),
        (root("source = 'tag'\ntype = '9p'\nfsck = true"), [source("fsck")].into()),
        (root("source = 'vda1'"), [without("vda1", kind)].into()),
        (root("source = 'tag'\ntype = 'auto'"), [without("tag", kind)].into()),
        (root("source = '/root.img'"), [without("/root.img", file)].into()),
        (root("source = '/dev/x'\noverlay = 'tmpfs'\nread-only = false"), [overlay.into()].into()),
        (root("source = '/dev/x'\ntype = 'ext4, xfs'"), [system("ext4, xfs")].into()),
        (root("source = '/dev/x'\ntype = 'ext4,'"), [system("ext4,")].into()),
        (root("source = '/dev/x'\ntype = 'swap'"), [system("swap")].into()),
        (root("source = '/dev/x'\noptions = 'noatime,nofail'"), [option("nofail")].into()),
        (mount("tmpfs", on_x), [without("tmpfs", kind)].into()),
        (mount("tmpfs", "target = '/x'\ntype = 'tmpfs'"), [].into()),
        (mount("/dev/x", "target = '/x'\noptions = 'noauto'"), [option("noauto")].into()),
        (mount("/a", "target = '/x'\noptions = 'bind'"), [].into()),
        (mount("a", "target = '/x'\noptions = 'ro,rbind'"), [].into()),
        (mount("/dev/x", "target = '/'"), [slash.into()].into()),
        (mount("none", "target = '/'\noptions = 'remount,noatime'"), [].into()),
    ];
    for (text, expected) in table {
        assert_eq!(problems(&text), expected, "{text}");
    }
}

/// fstab(5)'s word for what is not said.
#[test]
fn auto_is_no_type() {
    let config =
        accept("[root]\nsource = '/dev/x'\ntype = 'auto'\n[[mount]]\nsource = '/dev/y'\ntarget = '/y'\ntype = 'auto'");
    assert_eq!((config.roots[0].fstype, config.mounts[0].fstype), (None, None));
}

/// What only the init does that goes on is for nobody where none does. Where one root might, it is for that.
#[test]
fn all_that_is_left_to_another_init() {
    let rest = "[[mount]]\nsource = '/dev/y'\ntarget = '/y'\n[service.a]\nexec = ['a']\n";
    let with = |roots: &str| problems(&format!("{roots}{rest}"));
    let why = "does nothing, for each [root] hands over to its init; remove one of them";
    let told = [format!("1:1 [[mount]] {why}"), format!("7:1 in a a service {why}")];
    assert_eq!(with("[root]\nsource = '/dev/x'\ninit = '/sbin/init'\n"), told);
    let both = |inits: [&str; 2]| inits.map(|init| format!("[[root]]\nsource = '/dev/x'\n{init}\n")).concat();
    assert_eq!(with(&both(["init = 'tinyo'", "init = '/i'"])).len(), 2);
    assert!(with(&both(["init = 'tinyo'", ""])).is_empty());
    assert!(with("").is_empty());
}

/// A key that is like one of another table is not meant to be written here.
#[test]
fn what_is_alike_elsewhere_is_not_meant() {
    let keys = "source type options read-only wait init image fsck overlay";
    for name in ["device", "timeout", "rootdelay"] {
        let text = format!("[root]\nsource = '/dev/x'\n{name} = 'x'");
        assert_eq!(problems(&text), [format!("3:1 unknown key {name}; write one of {keys}")]);
    }
    let near = "3:1 unknown key fstype; did you mean type";
    assert_eq!(problems("[root]\nsource = '/dev/x'\nfstype = 'ext4'"), [near]);
}
