use super::*;

/// A folder of modules that are ELF files, but no more than that.
fn kernel(files: &[&str], texts: &[(&str, &str)]) -> (tempfile::TempDir, PathBuf) {
    let host = tempfile::tempdir().unwrap();
    let folder = host.path().join("lib/modules/6.1.0");
    for file in files {
        let path = folder.join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, module(file)).unwrap();
    }
    for (name, text) in texts {
        fs::write(folder.join(name), text).unwrap();
    }
    (host, folder)
}

/// An ELF file of this machine's kind with a `.modinfo` in which it asks for firmware of its own name.
fn module(file: &str) -> Vec<u8> {
    of_kernel(file, "6.1.0")
}

fn of_kernel(file: &str, kernel: &str) -> Vec<u8> {
    let info =
        format!("license=GPL\0firmware={}.bin\0vermagic={kernel} SMP preempt mod_unload \0", folder::name_of(file));
    let names = b"\0.modinfo\0";
    let mut elf = vec![0u8; 64];
    elf[..7].copy_from_slice(b"\x7fELF\x02\x01\x01");
    elf[16] = 1; // relocatable
    elf[18..20].copy_from_slice(&machine().to_le_bytes());
    elf[20] = 1;
    let table = 64 + info.len() + names.len();
    elf[40..48].copy_from_slice(&(table as u64).to_le_bytes());
    elf[52..54].copy_from_slice(&64u16.to_le_bytes());
    elf[58..64].copy_from_slice(&[64, 0, 3, 0, 2, 0]); // size and number of the sections, and which has the names
    elf.extend(info.as_bytes());
    elf.extend(names);
    for (name, kind, at, length) in [(0u32, 0u32, 0, 0), (1, 1, 64, info.len()), (0, 3, 64 + info.len(), names.len())] {
        elf.extend(name.to_le_bytes());
        elf.extend(kind.to_le_bytes());
        elf.extend([0; 16]);
        elf.extend((at as u64).to_le_bytes());
        elf.extend((length as u64).to_le_bytes());
        elf.extend([0; 24]);
    }
    elf
}

fn machine() -> u16 {
    let own = fs::read("/proc/self/exe").unwrap();
    u16::from_le_bytes([own[18], own[19]])
}

fn text(archive: &Archive, path: &str) -> String {
    String::from_utf8(archive.get(path).unwrap_or_else(|| panic!("{path} is not there")).data.read().unwrap()).unwrap()
}

fn put_all(folder: &Path, names: &[&str], way: &Way) -> (Archive, Findings) {
    let (mut archive, mut findings, mut wanted) = (Archive::new(), Findings::default(), Wanted::new());
    let folder = Folder::open(folder).unwrap();
    names.iter().for_each(|name| folder.close(name, NAMED, &mut wanted));
    put(&mut archive, &folder, &wanted, way, None, &mut findings).unwrap();
    (archive, findings)
}

#[test]
fn modules_come_with_their_closure_only() {
    let texts = [
        ("modules.dep", "k/a.ko: k/b.ko\nk/b.ko:\nk/c.ko:\n"),
        ("modules.alias", "alias pci:* a\nalias pci:* c\n"),
        ("modules.softdep", "softdep a pre: none\nsoftdep c pre: a\n"),
        ("modules.builtin", "kernel/x.ko\n"),
    ];
    let (_host, modules) = kernel(&["k/a.ko", "k/b.ko", "k/c.ko"], &texts);
    let mut archive = Archive::new();
    add(&mut archive, &modules, &["a"]).unwrap();
    let at = "lib/modules/6.1.0";
    assert_eq!(text(&archive, &format!("{at}/modules.dep")), "k/a.ko: k/b.ko\nk/b.ko:\n");
    assert_eq!(text(&archive, &format!("{at}/modules.alias")), "alias pci:* a\n");
    assert_eq!(text(&archive, &format!("{at}/modules.softdep")), "softdep a pre: none\n");
    assert_eq!(text(&archive, &format!("{at}/modules.builtin")), "kernel/x.ko\n");
    assert!(archive.get(format!("{at}/k/b.ko")).is_some() && archive.get(format!("{at}/k/c.ko")).is_none());
    let error = add(&mut archive, &modules, &["nope"]).unwrap_err().to_string();
    assert!(error.starts_with("nope: not in"), "{error}");
    // A second time adds to what is there.
    add(&mut archive, &modules, &["c"]).unwrap();
    assert_eq!(text(&archive, &format!("{at}/modules.dep")), "k/a.ko: k/b.ko\nk/b.ko:\nk/c.ko:\n");
}

#[test]
fn packed_modules_are_unpacked_and_called_so() {
    use std::io::Write;
    let (_host, modules) = kernel(&[], &[]);
    fs::create_dir_all(modules.join("k")).unwrap();
    fs::write(modules.join("modules.dep"), "k/a.ko.zst: k/b.ko.gz k/c.ko.xz\nk/b.ko.gz:\nk/c.ko.xz:\n").unwrap();
    let plain = |name: &str| module(&format!("k/{name}.ko"));
    fs::write(modules.join("k/a.ko.zst"), zstd::encode_all(&plain("a")[..], 1).unwrap()).unwrap();
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(&plain("b")).unwrap();
    fs::write(modules.join("k/b.ko.gz"), gzip.finish().unwrap()).unwrap();
    let mut xz = lzma_rust2::XzWriter::new(Vec::new(), lzma_rust2::XzOptions::with_preset(0)).unwrap();
    xz.write_all(&plain("c")).unwrap();
    fs::write(modules.join("k/c.ko.xz"), xz.finish().unwrap()).unwrap();
    let (archive, _) = put_all(&modules, &["a"], &Way::default());
    for name in ["a", "b", "c"] {
        let entry = archive.get(format!("lib/modules/6.1.0/k/{name}.ko")).unwrap();
        assert_eq!(entry.data.read().unwrap(), plain(name), "{name}");
    }
    let dep = text(&archive, "lib/modules/6.1.0/modules.dep");
    assert_eq!(dep, "k/a.ko: k/b.ko k/c.ko\nk/b.ko:\nk/c.ko:\n");
}

#[test]
fn signatures_are_kept_and_said_or_cut_off() {
    let (_host, modules) = kernel(&["a.ko", "b.ko"], &[("modules.dep", "a.ko: b.ko\nb.ko:\n")]);
    let plain = module("a.ko");
    fs::write(modules.join("a.ko"), file::sign(&plain, 393)).unwrap();
    let (archive, findings) = put_all(&modules, &["a"], &Way::default());
    assert_eq!(archive.get("lib/modules/6.1.0/a.ko").unwrap().data.read().unwrap(), file::sign(&plain, 393));
    assert!(findings.notes[0].starts_with("1 modules are signed"), "{findings:?}");
    let (archive, findings) = put_all(&modules, &["a"], &Way { strip: true, ..Way::default() });
    assert_eq!(archive.get("lib/modules/6.1.0/a.ko").unwrap().data.read().unwrap(), plain);
    assert!(findings.notes.is_empty() && findings.errors.is_empty());
    // A signature that is none stops everything, by name.
    let mut wrong = file::sign(&plain, 393);
    let at = wrong.len() - 30;
    wrong[at] = 0xff;
    fs::write(modules.join("a.ko"), wrong).unwrap();
    let folder = Folder::open(&modules).unwrap();
    let wanted = Wanted::from([("a".to_owned(), String::new())]);
    let way = Way { strip: true, ..Way::default() };
    let error = put(&mut Archive::new(), &folder, &wanted, &way, None, &mut Findings::default()).unwrap_err();
    let error = format!("{error:#}");
    assert!(error.contains("/a.ko: its signature is not as the kernel makes it"), "{error}");
}

#[test]
fn firmware_comes_along_packed_or_by_pattern_and_what_is_missing_is_named() {
    let (host, modules) = kernel(&["a.ko", "b.ko", "c.ko"], &[("modules.dep", "a.ko: b.ko\nb.ko:\nc.ko:\n")]);
    let firmware = host.path().join("fw");
    fs::create_dir(&firmware).unwrap();
    fs::write(firmware.join("a.bin.zst"), zstd::encode_all(&b"for a"[..], 1).unwrap()).unwrap();
    fs::write(firmware.join("c.bin"), "for c").unwrap();
    let way = Way { firmware: Some(firmware.clone()), ..Way::default() };
    let (archive, findings) = put_all(&modules, &["a"], &way);
    assert_eq!(text(&archive, "lib/firmware/a.bin"), "for a");
    assert!(archive.get("lib/firmware/c.bin").is_none());
    assert!(findings.warnings[0].contains("b.bin (b);") && !findings.warnings[0].contains("a.bin"), "{findings:?}");
    // One that the config names, and that finds nothing; unless it is in the image, or nobody asks.
    let (_, findings) = put_all(&modules, &["b"], &way);
    assert!(findings.errors[0].starts_with("modules: b: none of its firmware is in /"), "{findings:?}");
    let (_, findings) = put_all(&modules, &["b"], &Way::default());
    assert!(findings.errors.is_empty() && findings.warnings.is_empty());
    let mut archive = Archive::new();
    archive.file("lib/firmware/b.bin", 0o644, "mine");
    let mut findings = Findings::default();
    let folder = Folder::open(&modules).unwrap();
    put(&mut archive, &folder, &Wanted::from([("b".into(), NAMED.into())]), &way, None, &mut findings).unwrap();
    assert!(findings.errors.is_empty() && text(&archive, "lib/firmware/b.bin") == "mine");
    let found = |name: &str| firmware_files(&firmware, name).into_iter().map(|(name, _)| name).collect::<Vec<_>>();
    assert_eq!(found("?.bin"), ["a.bin", "c.bin"]);
    assert_eq!(found("../fw/c.bin"), [] as [&str; 0]);
}

#[test]
fn a_module_for_another_processor_is_an_error_that_names_both() {
    let (_host, modules) = kernel(&["a.ko"], &[("modules.dep", "a.ko:\n")]);
    let folder = Folder::open(&modules).unwrap();
    let wanted = Wanted::from([("a".to_owned(), String::new())]);
    let mut findings = Findings::default();
    let other = Machine::of(b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x01\0\xf3\0");
    put(&mut Archive::new(), &folder, &wanted, &Way::default(), other, &mut findings).unwrap();
    assert!(
        findings.errors[0].contains("a.ko: for ") && findings.errors[0].ends_with("tinyo is for riscv"),
        "{findings:?}"
    );
}

#[test]
fn modules_of_a_kernel_that_is_called_otherwise_are_an_error_said_once() {
    let (_host, modules) = kernel(&["a.ko", "b.ko", "c.ko"], &[("modules.dep", "a.ko: b.ko\nb.ko:\nc.ko:\n")]);
    assert!(put_all(&modules, &["a", "c"], &Way::default()).1.errors.is_empty());
    for name in ["a.ko", "b.ko"] {
        fs::write(modules.join(name), of_kernel(name, "6.1.0-57-cloud-amd64")).unwrap();
    }
    let expected = "--modules: the modules in 6.1.0 are of kernel 6.1.0-57-cloud-amd64, which looks for them in \
                    lib/modules/6.1.0-57-cloud-amd64; give the folder that name, or take another one";
    assert_eq!(put_all(&modules, &["a", "c"], &Way::default()).1.errors, [expected]);
}

#[test]
fn what_is_no_module_is_refused_by_name() {
    let (_host, modules) = kernel(&[], &[]);
    fs::create_dir_all(&modules).unwrap();
    let error = |modules: &Path| format!("{:#}", add(&mut Archive::new(), modules, &["a"]).unwrap_err());
    assert!(
        error(&modules).contains("/6.1.0: no modules.dep there; depmod 6.1.0 writes it (of DIR/lib/modules/6.1.0: ")
    );
    fs::write(modules.join("modules.dep"), "a.ko:\n").unwrap();
    assert!(error(&modules).contains("a.ko: read the module: No such file"));
    fs::write(modules.join("a.ko"), "text").unwrap();
    assert!(error(&modules).contains("a.ko: no module"));
    fs::write(modules.join("a.ko"), &module("a")[..66]).unwrap();
    assert!(!matches!(add(&mut Archive::new(), &modules, &["a"]), Ok(())));
}
