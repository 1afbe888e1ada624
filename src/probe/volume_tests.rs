use super::*;
use crate::probe::disk::reader;
use proptest::prelude::*;
use std::process::Command;
use std::string::{String, ToString};
use std::vec::Vec;

fn look(disk: &[u8]) -> Option<Volume> {
    recognise(&mut reader(disk), disk.len() as u64)
}

fn run(words: &[&str]) -> Option<Vec<u8>> {
    let path = "/usr/sbin:/usr/bin:/sbin:/bin";
    Command::new(words[0]).args(&words[1..]).env("PATH", path).output().ok().map(|output| output.stdout)
}

/// Made by the real tools, and compared with what blkid(8) says of them.
#[test]
fn as_blkid_has_it() {
    let place = std::env::temp_dir().join(std::format!("tinyo-volume-{}", std::process::id()));
    std::fs::create_dir_all(place.join("tree")).unwrap();
    let image = place.join("image").display().to_string();
    let tree = place.join("tree").display().to_string();
    let mut seen = 0;
    for (command, megabytes, compared) in [
        ("mkfs.ext4 -q -L wurzel", 8, "LABEL UUID"),
        ("mkfs.ext3 -q -L drei", 8, "LABEL UUID"),
        ("mkfs.ext2 -q", 8, "UUID"),
        ("mkfs.xfs -q -L xlabel", 320, "LABEL UUID"),
        ("mkfs.btrfs -q -L b_label", 128, "LABEL UUID"),
        ("mkfs.f2fs -q -l eff", 64, "LABEL UUID"),
        ("mkfs.vfat -F 12 -n TWELVE", 4, "LABEL UUID"),
        ("mkfs.vfat -F 16 -n SIXTEEN", 32, "LABEL UUID"),
        ("mkfs.vfat -F 32 -n THIRTYTWO", 64, "LABEL UUID"),
        ("mkfs.exfat", 8, "LABEL UUID"),
        ("mkfs.exfat -c 512 -L elf-und-weg", 8, "LABEL UUID"),
        ("mkfs.exfat -c 4M -L \u{e4}\u{1f40e}", 64, "LABEL UUID"),
        ("mkfs.ntfs -q -F", 8, "LABEL UUID"),
        ("mkfs.ntfs -q -F -c 512 -L ein-Name-von-zwanzig-Zeichen-und-mehr", 8, "LABEL UUID"),
        ("mkfs.ntfs -q -F -s 4096 -c 65536 -L \u{e4}", 32, "LABEL UUID"),
        ("xorriso -as mkisofs -quiet -V Scheibe -r /etc/profile -o", 1, "LABEL UUID"),
        ("mkswap -L tausch", 8, "LABEL UUID"),
        ("cryptsetup -q luksFormat --type luks1 --pbkdf-force-iterations 1000 --key-file /proc/version", 8, "UUID"),
        (
            "cryptsetup -q luksFormat --type luks2 --label kiste --pbkdf pbkdf2 --pbkdf-force-iterations 1000 --key-file /proc/version",
            32,
            "LABEL UUID",
        ),
    ] {
        let _ = std::fs::remove_file(&image);
        std::fs::File::create(&image).unwrap().set_len(megabytes << 20).unwrap();
        let mut words: Vec<&str> = command.split(' ').collect();
        words.push(&image);
        let made = run(&words);
        let told = run(&["blkid", "-p", "-o", "export", &image]).unwrap_or_default();
        let told = String::from_utf8(told).unwrap();
        let is =
            |name: &str| told.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('=')).unwrap_or_default();
        if made.is_none() || is("TYPE").is_empty() {
            // One that is there may refuse: mkfs.xfs wants more each year.
            assert!(
                std::env::var_os("CI").is_none_or(|ci| ci != "true"),
                "{command}: scripts/setup.sh --tests brings it"
            );
            std::eprintln!("skipped: {command}: not here");
            continue;
        }
        seen += 1;
        let volume = look(&std::fs::read(&image).unwrap()).unwrap();
        assert_eq!(volume.type_name().to_str().unwrap(), is("TYPE"), "{command}");
        assert_eq!(String::from_utf8_lossy(volume.uuid()).to_lowercase(), is("UUID").to_lowercase(), "{command}");
        if compared.starts_with("LABEL") {
            // What is not ASCII blkid shows otherwise.
            let label = if command.is_ascii() { is("LABEL") } else { command.rsplit(' ').next().unwrap() };
            assert_eq!(String::from_utf8_lossy(volume.label()), label, "{command}");
        }
        assert_eq!(volume.role() == Role::FileSystem, !command.contains("luks") && !command.contains("swap"));
    }
    for (words, name) in
        [(["mksquashfs", &tree, &image, "-quiet"], "squashfs"), (["mkfs.erofs", &image, &tree, ""], "erofs")]
    {
        let _ = std::fs::remove_file(&image);
        let words: Vec<&str> = words.into_iter().filter(|word| !word.is_empty()).collect();
        if run(&words).is_some() {
            seen += 1;
            assert_eq!(look(&std::fs::read(&image).unwrap()).unwrap().type_name().to_str().unwrap(), name);
        }
    }
    std::fs::remove_dir_all(&place).unwrap();
    // What comes with e2fsprogs, util-linux and the tools of images is on every machine that tests this.
    assert!(seen >= 6, "{seen}");
}

/// Nobody makes one without root and a block device, so by hand: the label is in the second sector, as pvcreate has it, its sum
/// made as lvm2's calc_crc() does.
#[test]
fn a_physical_volume_has_its_identity() {
    // What is no larger than a floppy disk is nothing of the kind to blkid.
    let mut disk = std::vec![0; 4 << 20];
    disk[512..544].copy_from_slice(b"LABELONE\x01\0\0\0\0\0\0\0\0\0\0\0\x20\0\0\0LVM2 001");
    disk[544..576].copy_from_slice(b"VFYMRXs5cSWTOxlKbEpWcyp0YcsZOtqk");
    let sum = disk[532..1024].iter().fold(0xf597_a6cf_u32, |sum, byte| {
        (0..8).fold(sum ^ u32::from(*byte), |sum, _| sum >> 1 ^ if sum & 1 == 1 { 0xedb8_8320 } else { 0 })
    });
    disk[528..532].copy_from_slice(&sum.to_le_bytes());
    let path = std::env::temp_dir().join(std::format!("tinyo-lvm-{}", std::process::id()));
    std::fs::write(&path, &disk).unwrap();
    let told = run(&["blkid", "-p", "-o", "value", "-s", "UUID", &path.display().to_string()]).unwrap_or_default();
    std::fs::remove_file(&path).unwrap();
    let volume = look(&disk).unwrap();
    assert_eq!(volume.uuid(), b"VFYMRX-s5cS-WTOx-lKbE-pWcy-p0Yc-sZOtqk");
    assert_eq!(told.trim_ascii_end(), volume.uuid(), "{}", String::from_utf8_lossy(&told));
}

/// A half of a mirror looks like what is mirrored, but for its end.
#[test]
fn a_member_of_a_raid_is_no_file_system() {
    let mut disk = std::vec![0; 1 << 20];
    disk[1080..1082].copy_from_slice(b"\x53\xef");
    assert_eq!(look(&disk).unwrap().role(), Role::FileSystem);
    let (old, new) = ((1 << 20) - (64 << 10), (1 << 20) - (8 << 10));
    disk[old..old + 8].copy_from_slice(b"\xfc\x4e\x2b\xa9\0\0\0\0");
    assert_eq!(look(&disk).unwrap().type_name(), c"linux_raid_member");
    disk[old..old + 8].fill(0);
    disk[new..new + 8].copy_from_slice(b"\xfc\x4e\x2b\xa9\x01\0\0\0");
    // It must say that it lies there.
    assert_eq!(look(&disk).unwrap().role(), Role::FileSystem);
    disk[new + 128..new + 136].copy_from_slice(&(new as u64 >> 9).to_le_bytes());
    assert_eq!(look(&disk).unwrap().role(), Role::Container);
    // Where the file system has blocks (a file of its own may have these bytes), there is nothing behind it.
    for (blocks, role) in [(1024u32, Role::FileSystem), (1017, Role::FileSystem), (1016, Role::Container)] {
        disk[1028..1032].copy_from_slice(&blocks.to_le_bytes());
        assert_eq!(look(&disk).unwrap().role(), role, "{blocks}");
    }
    assert!(look(b"").is_none());
}

/// Bytes at their places on a disk of that size.
fn disk(size: usize, parts: &[(usize, &[u8])]) -> Vec<u8> {
    let mut disk = std::vec![0; size];
    for (at, bytes) in parts {
        disk[*at..*at + bytes.len()].copy_from_slice(bytes);
    }
    disk
}

/// md(4): where each version has its superblock, on disks whose size is no round number; its array's UUID and name.
#[test]
fn every_version_of_md_is_found_where_it_lies() {
    const ID: [u8; 16] = *b"\x01\x23\x45\x67\x89\xab\xcd\xef0123abcd";
    let sizes = [256 << 10, (256 << 10) + 512, (320 << 10) - 512, (259 << 10) + 1024];
    for size in sizes {
        let end = (size / 512 - 16) / 8 * 8 * 512;
        for (at, version) in [(end, "1.0"), (0, "1.1"), (4096, "1.2")] {
            let place = (at as u64 >> 9).to_le_bytes();
            let mut parts = std::vec![
                (at, &b"\xfc\x4e\x2b\xa9\x01\0\0\0"[..]),
                (at + 16, &ID),
                (at + 32, b"host:0"),
                (at + 128, &place),
            ];
            // Behind it, what it mirrors, or what was there before.
            parts.push((if at == 0 { 8192 } else { 1080 }, b"\x53\xef"));
            let whole = disk(size, &parts);
            let volume = look(&whole).unwrap();
            assert_eq!(volume.type_name(), c"linux_raid_member", "{version} of {size}");
            assert_eq!(volume.uuid(), b"01234567-89ab-cdef-3031-323361626364", "{version}");
            assert_eq!(volume.label(), b"host:0", "{version}");
            // One that was copied elsewhere, with the beginning of a larger disk.
            let mut moved = whole.clone();
            moved[at + 128] ^= 1;
            assert!(look(&moved).is_none_or(|volume| volume.role() == Role::FileSystem), "{version}");
        }
        let old = size / (64 << 10) * (64 << 10) - (64 << 10);
        let mirror = disk(size, &[(old, b"\xfc\x4e\x2b\xa9\0\0\0\0"), (1080, b"\x53\xef")]);
        assert_eq!(look(&mirror).unwrap().type_name(), c"linux_raid_member", "0.90 of {size}");
    }
}

/// pvcreate(8) may put its label into any of the first four sectors.
#[test]
fn a_physical_volume_is_known_by_any_of_four_sectors() {
    for sector in 0..5 {
        let at = sector * 512 + 24;
        let volume = look(&disk(1 << 17, &[(at, b"LVM2 001VFYMRXs5cSWTOxlKbEpWcyp0YcsZOtqk")]));
        let expected = (sector < 4).then_some(&b"VFYMRX-s5cS-WTOx-lKbE-pWcy-p0Yc-sZOtqk"[..]);
        assert_eq!(volume.as_ref().map(Volume::uuid), expected, "{sector}");
        assert!(volume.is_none_or(|volume| volume.role() == Role::Container));
    }
}

/// The features of mke2fs(8) by generation, and a journal that is a disk of its own.
#[test]
fn an_ext_is_told_by_its_features() {
    for (compatible, incompatible, read_only, name) in [
        (0, 0, 0, "ext2"),
        // filetype, sparse_super and large_file, meta_bg.
        (0x38, 0x12, 3, "ext2"),
        (0x3c, 2, 3, "ext3"),
        // To be replayed.
        (4, 6, 7, "ext3"),
        // extents, 64bit, flex_bg; huge_file, metadata_csum.
        (0x3c, 0x42, 3, "ext4"),
        (0, 0x80, 0, "ext4"),
        (0x3c, 2, 8, "ext4"),
        (0, 2, 0x400, "ext4"),
        (0, 8, 0, "jbd"),
        (4, 0x4a, 0x40, "jbd"),
    ] {
        let numbers = [compatible, incompatible, read_only].map(u32::to_le_bytes).concat();
        let volume = look(&disk(1 << 17, &[(1080, b"\x53\xef"), (1024 + 92, &numbers)])).unwrap();
        assert_eq!(volume.type_name().to_str().unwrap(), name);
        assert_eq!(volume.role(), if name == "jbd" { Role::Container } else { Role::FileSystem }, "{name}");
    }
}

/// What is in its superblock, to the letter.
#[test]
fn names_are_where_they_are() {
    let fat =
        |at: usize, magic: &'static [u8]| -> [(usize, &'static [u8]); 2] { [(at, magic), (11, &[0, 2, 4, 1, 0, 2])] };
    let big = [fat(82, b"FAT32   ").as_slice(), &[(67, b"\x78\x56\x34\x12GROSS      "), (43, b"nowhere")]].concat();
    let small = [fat(54, b"FAT16   ").as_slice(), &[(39, b"\x78\x56\x34\x12KLEIN  X   ")]].concat();
    let nameless = [fat(54, b"FAT12   ").as_slice(), &[(39, b"\x78\x56\x34\x12NO NAME    ")]].concat();
    let luks = |version: u8| disk(1 << 17, &[(0, b"LUKS\xba\xbe\0"), (7, &[version]), (24, b"kiste"), (168, b"uuid")]);
    // Made, and modified or not.
    let iso = |modified: &[u8]| {
        let at = 32 << 10;
        disk(
            1 << 17,
            &[(at + 1, b"CD001"), (at + 40, b"Scheibe "), (at + 813, b"2024010203040506"), (at + 830, modified)],
        )
    };
    let unpaired = disk(1 << 17, &[(1024, b"\x10\x20\xf5\xf2"), (1024 + 124, b"a\0\x00\xd8b\0\0\0c\0")]);
    for (disk, uuid, label) in [
        (disk(1 << 17, &big), "1234-5678", "GROSS"),
        (disk(1 << 17, &small), "1234-5678", "KLEIN  X"),
        (disk(1 << 17, &nameless), "1234-5678", ""),
        // The first version has its cipher where the second has a label.
        (luks(1), "uuid", ""),
        (luks(2), "uuid", "kiste"),
        (iso(b"2025020304050607"), "2025-02-03-04-05-06-07", "Scheibe"),
        (iso(b"0000000000000000"), "2024-01-02-03-04-05-06", "Scheibe"),
        (unpaired, "00000000-0000-0000-0000-000000000000", "a\u{fffd}b"),
    ] {
        let volume = look(&disk).unwrap();
        let shown = (String::from_utf8_lossy(volume.uuid()), String::from_utf8_lossy(volume.label()));
        assert_eq!(shown, (uuid.into(), label.into()), "{:?}", volume.type_name());
        assert_eq!(volume.role() == Role::FileSystem, uuid != "uuid", "{:?}", volume.type_name());
    }
    // A packed file is no disk with something on it.
    assert!(look(&disk(1 << 17, &[(0, b"\x1f\x8b\x08")])).is_none());
}

/// An exfat with sectors of 512 bytes and clusters of one, whose root directory, at cluster 4, has these entries.
fn exfat(entries: &[(u8, &[u8])]) -> Vec<u8> {
    let mut disk = disk(1 << 17, &[(3, b"EXFAT   "), (88, &[16]), (96, &[4]), (108, &[9, 0])]);
    for (index, (kind, bytes)) in entries.iter().enumerate() {
        let at = (16 + 2) * 512 + index * 32;
        disk[at] = *kind;
        disk[at + 1..at + 1 + bytes.len()].copy_from_slice(bytes);
    }
    disk
}

/// exFAT specification, 7.3: the label is an entry of the root directory, and the first that is 0 is the end.
#[test]
fn an_exfat_has_its_label_in_the_root_directory() {
    let label = |disk: &[u8]| String::from_utf8_lossy(look(disk).unwrap().label()).into_owned();
    let (bitmap, named) = ((0x81, &b""[..]), (0x83, &b"\x02h\0i\0x\0"[..]));
    assert_eq!(label(&exfat(&[named])), "hi");
    assert_eq!(label(&exfat(&[bitmap, (0x82, b""), named])), "hi");
    assert_eq!(label(&exfat(&[bitmap, (0, b""), named])), "");
    assert_eq!(label(&exfat(&[bitmap, (0x03, b"\x02h\0i\0")])), "", "not in use");
    // No more than the one cluster is its own.
    let mut long = [bitmap; 17];
    long[16] = named;
    assert_eq!(label(&exfat(&long)), "");
    // Longer than an entry, and a root before the first cluster.
    assert_eq!(label(&exfat(&[(0x83, b"\x40h\0")])), "");
    for root in [0, 1] {
        let mut disk = exfat(&[named]);
        disk[96] = root;
        assert_eq!(label(&disk), "", "{root}");
    }
    for at in [108, 109] {
        let mut disk = exfat(&[named]);
        disk[at] = 200;
        assert_eq!(label(&disk), "");
    }
}

/// An ntfs whose records, of 1 KiB, begin in its fourth cluster; its third has these attributes, at 56.
fn ntfs(mark: &[u8], attributes: &[u8]) -> Vec<u8> {
    let record = 4 * 512 + 3 * 1024;
    let boot: [(usize, &[u8]); 4] = [(3, b"NTFS    "), (11, &[0, 2, 1]), (48, &[4]), (64, &[0xf6])];
    let file: [(usize, &[u8]); 3] = [(record, mark), (record + 20, &[56]), (record + 56, attributes)];
    disk(1 << 17, &[&boot[..], &file].concat())
}

#[test]
fn an_ntfs_has_its_label_in_a_file() {
    let label = |disk: &[u8]| String::from_utf8_lossy(look(disk).unwrap().label()).into_owned();
    let attribute = |kind: u8, elsewhere: u8, length: u8, value: &[u8]| {
        let mut bytes = std::vec![0; 24];
        (bytes[0], bytes[4], bytes[8], bytes[16], bytes[20]) = (kind, length, elsewhere, value.len() as u8, 24);
        bytes.extend_from_slice(value);
        bytes.resize(32, 0);
        bytes
    };
    let named = attribute(0x60, 0, 32, b"h\0i\0");
    let other = attribute(0x10, 0, 32, b"n\0o\0");
    assert_eq!(label(&ntfs(b"FILE", &named)), "hi");
    assert_eq!(label(&ntfs(b"FILE", &[other.clone(), named.clone()].concat())), "hi");
    assert_eq!(label(&ntfs(b"BAAD", &named)), "");
    assert_eq!(label(&ntfs(b"FILE", &attribute(0x60, 1, 32, b"h\0i\0"))), "", "elsewhere");
    assert_eq!(label(&ntfs(b"FILE", &attribute(0x70, 0, 32, b"h\0i\0"))), "", "another attribute");
    // One of no length leads nowhere, for ever.
    assert_eq!(label(&ntfs(b"FILE", &[attribute(0x10, 0, 0, b""), named].concat())), "");
    assert_eq!(label(&ntfs(b"FILE", &[])), "");
}

/// A disk that ends before a superblock would is none, and what is read of it is only what it has.
#[test]
fn what_is_cut_off_is_not_there() {
    let whole = disk(1 << 17, &[(0, b"hsqs"), (1080, b"\x53\xef")]);
    for size in [0, 1, 3, 4, 512, 4096, 4351, 4352, 65536, 66000] {
        assert_eq!(look(&whole[..size]).is_some(), size >= 4, "{size}");
    }
    let swap = disk(1 << 17, &[(4086, b"SWAPSPACE2")]);
    assert!(look(&swap[..4093]).is_none() && look(&swap[..4094]).unwrap().role() == Role::Swap);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    /// A disk cut anywhere, and any bytes behind any magic.
    #[test]
    fn any_disk(mut disk in prop::collection::vec(any::<u8>(), 0..9000), size in any::<u64>(), at in 0usize..8, magic in 0usize..7) {
        let magics: [(usize, &[u8]); 7] = [(3, b"EXFAT   "), (0, b"XFSB"), (1080, b"\x53\xef"), (0, b"LUKS\xba\xbe\0"), (1024, b"\x10\x20\xf5\xf2"), (3, b"NTFS    "), (at * 512 + 24, b"LVM2 001")];
        let (place, bytes) = magics[magic];
        if let Some(room) = disk.get_mut(place..place + bytes.len()) {
            room.copy_from_slice(bytes);
        }
        let _ = look(&disk);
        let mut reads = 0;
        let _ = recognise(&mut |_, buffer| { reads += 1; buffer.fill(0x53); true }, size);
        prop_assert!(reads <= 12);
    }
}
