use super::*;
use crate::probe::disk::reader;
use proptest::prelude::*;
use std::io::Write;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::vec::Vec;

fn look(disk: &[u8], sector: u64, wanted: Wanted) -> Option<u32> {
    find(&mut reader(disk), sector, disk.len() as u64, wanted).map(|partition| partition.number)
}

/// A table as sfdisk(8) writes it on a disk of 4 MiB.
fn made(script: &str) -> Option<Vec<u8>> {
    static MADE: AtomicUsize = AtomicUsize::new(0);
    let own = MADE.fetch_add(1, Relaxed);
    let path = std::env::temp_dir().join(std::format!("tinyo-table-{}-{own}", std::process::id()));
    std::fs::write(&path, std::vec![0; 4 << 20]).unwrap();
    let made = Command::new("sfdisk")
        .arg("-q")
        .arg(&path)
        .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
        .stdin(Stdio::piped())
        .spawn();
    let Ok(mut child) = made else {
        std::eprintln!("skipped: tables of partitions: sfdisk is not here");
        assert!(std::env::var_os("CI").is_none(), "scripts/setup.sh brings fdisk");
        return None;
    };
    child.stdin.take().unwrap().write_all(script.as_bytes()).unwrap();
    assert!(child.wait().unwrap().success(), "{script}");
    let disk = std::fs::read(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    Some(disk)
}

/// The same in sectors of 4 KiB, as sfdisk can only make it on such a disk. Without a backup.
fn of_large_sectors(disk: &[u8]) -> Vec<u8> {
    let mut large = std::vec![0; disk.len()];
    large[..512].copy_from_slice(&disk[..512]);
    large[4096..4608].copy_from_slice(&disk[512..1024]);
    large[8192..8192 + (16 << 10)].copy_from_slice(&disk[1024..1024 + (16 << 10)]);
    large
}

const GPT: &str = "label: gpt\nsize=1M, uuid=0A1B2C3D-4E5F-6071-8293-A4B5C6D7E8F9, name=\"boot\"\n\
                   size=1M, uuid=11111111-2222-3333-4444-5566778899AA, name=\"wurzel \u{e4}\"\n";

#[test]
fn a_gpt_is_searched_by_both_names() {
    let Some(mut disk) = made(GPT) else { return };
    for sector in [4096, 512] {
        let large = of_large_sectors(&disk);
        let all = [
            (Wanted::Uuid(b"0a1b2c3d-4e5f-6071-8293-a4b5c6d7e8f9"), Some(1)),
            (Wanted::Uuid(b"11111111-2222-3333-4444-5566778899AA"), Some(2)),
            (Wanted::Uuid(b"11111111-2222-3333-4444-5566778899AB"), None),
            (Wanted::Uuid(b"00000000-0000-0000-0000-000000000000"), None),
            (Wanted::Label(b"boot"), Some(1)),
            (Wanted::Label("wurzel \u{e4}".as_bytes()), Some(2)),
            (Wanted::Label(b"BOOT"), None),
            (Wanted::Label(b""), None),
        ];
        let check =
            |disk: &[u8]| all.iter().for_each(|(wanted, number)| assert_eq!(look(disk, sector, *wanted), *number));
        let shown = if sector == 4096 { &large } else { &disk };
        check(shown);
        // Of the other size of sector there is none.
        assert_eq!(look(shown, 4608 - sector, all[0].0), None);
        if sector == 4096 {
            continue;
        }
        // One bit of the header, and the backup counts; one of that, and there is nothing.
        disk[sector as usize + 60] ^= 1;
        check(&disk);
        let end = disk.len() - sector as usize + 60;
        disk[end] ^= 1;
        assert_eq!(look(&disk, sector, all[0].0), None);
        // So with a broken entry, in the first table and in both.
        disk[sector as usize + 60] ^= 1;
        check(&disk);
        disk[2 * sector as usize + 130] ^= 1;
        assert_eq!(look(&disk, sector, all[0].0), None);
    }
}

/// A disk of 64 KiB with a GPT in its second sector: what `change` makes of header and entries has the right sums.
fn small(count: u32, width: u32, change: impl Fn(&mut [u8], &mut [u8])) -> Vec<u8> {
    let mut disk = std::vec![0; 64 << 10];
    disk[510..512].copy_from_slice(b"\x55\xaa");
    disk[450] = 0xee;
    disk[454] = 1;
    let mut header = std::vec![0; 512];
    let mut entries = std::vec![0; (count * width) as usize];
    header[..8].copy_from_slice(b"EFI PART");
    for (at, value) in [(12, 92u32), (24, 1), (72, 2), (80, count), (84, width)] {
        header[at..at + 4].copy_from_slice(&value.to_le_bytes());
    }
    change(&mut header, &mut entries);
    let sum = !Crc::new().add(!0, &entries);
    header[88..92].copy_from_slice(&sum.to_le_bytes());
    let length = header[12] as usize | (header[13] as usize) << 8;
    let sum = !Crc::new().add(!0, &header[..length]);
    header[16..20].copy_from_slice(&sum.to_le_bytes());
    disk[512..1024].copy_from_slice(&header);
    let there = entries.len().min(disk.len() - 1024);
    disk[1024..1024 + there].copy_from_slice(&entries[..there]);
    disk
}

/// The name of the partition at `index`, whose type is not zeros.
fn name(entries: &mut [u8], at: usize, name: &str) {
    entries[at + 15] = 1;
    for (unit, place) in name.encode_utf16().zip(entries[at + 56..at + 128].chunks_mut(2)) {
        place.copy_from_slice(&unit.to_le_bytes());
    }
}

/// What the kernel's efi_partition() would not take either, and what it does take.
#[test]
fn a_header_must_be_sound() {
    let longest = "x".repeat(36);
    let found = |disk: &[u8], label: &str| look(disk, 512, Wanted::Label(label.as_bytes()));
    let named = |_: &mut [u8], entries: &mut [u8]| name(entries, 128, &longest);
    let whole = small(4, 128, named);
    assert_eq!(found(&whole, &longest), Some(2), "a type whose first half is zeros is one");
    assert_eq!(found(&small(33, 128, named), &longest), Some(2), "no more entries than there are count");
    for (change, what) in [
        (&(|header: &mut [u8]| header[..8].copy_from_slice(b"EFI PARK")) as &dyn Fn(&mut [u8]), "signature"),
        (&|header: &mut [u8]| header[12] = 88, "too short"),
        (&|header: &mut [u8]| header[24] = 2, "it is elsewhere"),
    ] {
        let disk = small(4, 128, |header, entries| {
            named(header, entries);
            change(header);
        });
        assert_eq!(found(&disk, &longest), None, "{what}");
    }
    assert_eq!(found(&small(4, 256, |_, entries| name(entries, 256, "a")), "a"), Some(2));
    assert_eq!(found(&small(4, 192, |_, entries| name(entries, 192, "a")), "a"), None, "no power of two");
    // One without a name is not what a name that is empty asks for.
    assert_eq!(found(&small(4, 128, |_, entries| entries[15] = 1), ""), None);
    // No table without the mark of one, whichever of its four entries says that there is a GPT.
    for at in [450, 466, 482, 498] {
        let mut disk = whole.clone();
        disk[450] = 0;
        disk[at] = 0xee;
        disk[at + 4] = 1;
        assert_eq!(found(&disk, &longest), Some(2), "{at}");
        disk[511] = 0;
        assert_eq!(found(&disk, &longest), None, "{at}");
    }
    // The kernel has no partition of a number above that (DISK_MAX_PARTS).
    for (index, number) in [(254, Some(255)), (255, None)] {
        assert_eq!(found(&small(300, 128, |_, entries| name(entries, index * 128, "a")), "a"), number);
    }
    for sector in [0, 256, 520, 1000, 8192, u64::MAX] {
        assert_eq!(look(&whole, sector, Wanted::Label(longest.as_bytes())), None, "{sector}");
    }
}

/// However many entries a header claims, no more than 4 MiB of them are read.
#[test]
fn a_table_without_end_is_not_read() {
    let disk = small(8, 128, |header, _| header[80..84].copy_from_slice(&u32::MAX.to_le_bytes()));
    let (mut bytes, mut there) = (0, reader(&disk));
    let mut read = |at: u64, buffer: &mut [u8]| {
        bytes += buffer.len();
        buffer.fill(0);
        at > 1024 || there(at, buffer)
    };
    assert_eq!(find(&mut read, 512, 1 << 40, Wanted::Label(b"a")), None);
    assert!(bytes < 9 << 20, "{bytes}");
}

/// As the kernel decides it (pmbr_part_valid() of block/partitions/efi.c): where an MS-DOS table says that a GPT is there, in any
/// of its four places, that counts, whatever the others are for; but not if it says that of other sectors.
#[test]
fn a_hybrid_table_is_read_as_the_kernel_does() {
    let Some(mut disk) = made(GPT) else { return };
    let uuid = Wanted::Uuid(b"11111111-2222-3333-4444-5566778899AA");
    let old = Wanted::Uuid(b"c0ffee42-01");
    disk[440..444].copy_from_slice(&0xc0ff_ee42_u32.to_le_bytes());
    disk.copy_within(446..462, 494);
    disk[450] = 0x83;
    assert_eq!((look(&disk, 512, uuid), look(&disk, 512, old)), (Some(2), None));
    disk[502] = 34;
    assert_eq!((look(&disk, 512, uuid), look(&disk, 512, old)), (None, Some(1)));
}

/// By its type, but for what is not to be taken by itself; and what it says of being written to.
#[test]
fn a_root_partition_is_known_by_its_type() {
    const ROOT: &str = "4f68bce3-e8cd-4db1-96e7-fbcaf984b709";
    let entry = |attributes: &str| std::format!("size=1M, type={}{attributes}\n", ROOT.to_uppercase());
    let no_auto = ", attrs=\"GUID:63\"";
    let tables: [(std::string::String, Option<(u32, bool)>); 6] = [
        (entry(""), Some((2, false))),
        (entry(", attrs=\"GUID:60\"") + &entry(""), Some((2, true))),
        (entry(", attrs=\"GUID:59\""), Some((2, false))),
        (entry(no_auto) + &entry(""), Some((3, false))),
        (entry(no_auto), None),
        (std::string::String::new(), None),
    ];
    for (entries, expected) in tables {
        let Some(disk) = made(&std::format!("label: gpt\nsize=1M\n{entries}")) else { return };
        let found = find(&mut reader(&disk), 512, disk.len() as u64, Wanted::Type(ROOT.as_bytes()));
        assert_eq!(found.map(|found| (found.number, found.read_only)), expected, "{entries}");
        assert_eq!(twin(&disk, ROOT), expected, "{entries}");
    }
    // One byte for the type: no table of MS-DOS can say so.
    let Some(disk) = made("label: dos\nsize=1M, type=83\n") else { return };
    assert_eq!(look(&disk, 512, Wanted::Type(ROOT.as_bytes())), None);
}

/// The same by the words of the specification, from entries of 128 bytes behind the header.
fn twin(disk: &[u8], kind: &str) -> Option<(u32, bool)> {
    disk[1024..][..128 * 128].chunks(128).zip(1..).find_map(|(entry, number)| {
        let mut own = std::string::String::new();
        for (at, index) in [3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15].into_iter().enumerate() {
            let dash = if [4, 6, 8, 10].contains(&at) { "-" } else { "" };
            own += &std::format!("{dash}{:02x}", entry[index]);
        }
        let attributes = u64::from_le_bytes(entry[48..56].try_into().unwrap());
        (own == kind && attributes >> 63 == 0).then_some((number, attributes >> 60 & 1 == 1))
    })
}

#[test]
fn an_ms_dos_table_is_its_signature_and_a_number() {
    let Some(disk) = made("label: dos\nlabel-id: 0xc0ffee42\nsize=1M\nsize=1M\n") else { return };
    for (uuid, number) in [
        ("c0ffee42-02", Some(2)),
        ("C0FFEE42-0a", Some(10)),
        ("c0ffee42-00", None),
        ("c0ffee42-2", None),
        ("0c0ffee42-02", None),
        ("c0ffee43-02", None),
        ("c0ffee42-0g", None),
    ] {
        assert_eq!(look(&disk, 512, Wanted::Uuid(uuid.as_bytes())), number, "{uuid}");
    }
    assert_eq!(look(&disk, 512, Wanted::Label(b"")), None);
}

#[test]
fn the_sum_is_the_usual_one() {
    assert_eq!(!Crc::new().add(!0, b"123456789"), 0xcbf4_3926);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever a header says: nothing panics, and little is read.
    #[test]
    fn any_header(junk in prop::collection::vec(any::<u8>(), 92..512), sector in any::<u64>(), size in any::<u64>(), sound in any::<bool>()) {
        let mut header = junk.clone();
        header[..8].copy_from_slice(b"EFI PART");
        if sound {
            let length = header.len() as u32;
            header[12..16].copy_from_slice(&length.to_le_bytes());
            header[24..32].copy_from_slice(&1u64.to_le_bytes());
            header[84..88].copy_from_slice(&128u32.to_le_bytes());
            header[16..20].fill(0);
            let sum = !Crc::new().add(!0, &header);
            header[16..20].copy_from_slice(&sum.to_le_bytes());
        }
        let mut bytes = 0;
        let mut read = |at: u64, buffer: &mut [u8]| {
            bytes += buffer.len();
            buffer.fill(0);
            if at == 0 {
                buffer[450] = 0xee;
                buffer[454] = 1;
                buffer[510..512].copy_from_slice(b"\x55\xaa");
            } else if at == 512 {
                let length = header.len().min(buffer.len());
                buffer[..length].copy_from_slice(&header[..length]);
            }
            true
        };
        let sector = if sound { 512 } else { sector };
        let _ = find(&mut read, sector, size, if sound { Wanted::Type(b"x") } else { Wanted::Label(b"x") });
        prop_assert!(bytes <= 9 << 20);
    }
}
