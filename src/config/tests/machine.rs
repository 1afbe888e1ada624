//! Errors of what is for the machine: at the top, under `[root]` and `[[mount]]`.

use std::format;

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
            "[root]\nsource = 'x'\ninit = 'init'".into(),
            "3:8 \"init\" is no absolute path; write init = \"/init\"".into(),
        ),
        ("[root]\nsource = 'x'\noverlay = 'tmpfs:1'".into(), format!("3:11 \"tmpfs:1\" {overlay}")),
        ("[root]\nsource = 'x'\noverlay = '/data'".into(), format!("3:11 \"/data\" {overlay}")),
        (
            "[[mount]]\nsource = 'x'\ntarget = 'x'".into(),
            "3:10 \"x\" is no absolute path; write target = \"/x\"".into(),
        ),
    ];
    for (text, expected) in table {
        assert_eq!(problems(&text), [expected], "{text}");
    }
}
