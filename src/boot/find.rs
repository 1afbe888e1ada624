//! Which block device a source is: by its number, by what its file system calls itself, or by its place in a table of
//! partitions. Nobody has made links for them (udev), so the disks themselves are read.

use core::ffi::CStr;

use super::apart::{self, Record};
use crate::probe::table::{self, Partition, Wanted};
use crate::probe::volume::{self, Role, Volume};
use crate::sys::error::{Call, Error, Result};
use crate::sys::fd::Fd;
use crate::sys::fs::{self, At, Names};
use crate::text::bytes::{self, Path, alike};
use crate::text::number::decimal;
use crate::text::show::Show;
use crate::text::source::{self, Source, Tag};
use crate::{put, say};

/// A name below /sys/class/block: the kernel's own room for one (DISK_NAME_LEN) is 32.
type Name = heapless::Vec<u8, 64>;

/// Where the block devices are.
pub const CLASS: &CStr = c"/sys/class/block";

/// What is looked for.
#[derive(Clone, Copy)]
enum Query<'q> {
    Volume(Tag, &'q [u8]),
    /// In a table, or so many behind it.
    Partition(Wanted<'q>, i32),
}

/// What is looked for matches this one, and perhaps others.
#[derive(Default)]
struct Match {
    first: Option<(u32, Name)>,
    another: Name,
    /// What is known of the first.
    what: u8,
}

impl Match {
    /// Of several the first by device number counts: the order of a directory is nobody's.
    fn add(&mut self, number: u32, name: Name, what: u8) {
        match &mut self.first {
            Some((first, _)) if *first == number => return,
            Some((first, own)) if number < *first => {
                self.another = core::mem::replace(own, name);
                *first = number;
            }
            Some(_) => {
                self.another = name;
                return;
            }
            None => self.first = Some((number, name)),
        }
        self.what = what;
    }
}

/// What is known of a source that is there.
#[derive(Clone, Copy, Default)]
pub struct Known {
    /// It is marked as one that is not to be written to.
    pub read_only: bool,
    /// The file system that it was found by.
    pub fstype: Option<&'static CStr>,
}

/// Types of the Discoverable Partitions Specification.
const ROOT: &[u8] = if cfg!(target_arch = "aarch64") {
    b"b921b045-1df0-41c3-af44-4c6f280d3fae"
} else {
    b"4f68bce3-e8cd-4db1-96e7-fbcaf984b709"
};

/// `gpt-auto`, the one partition that is marked as the root of this architecture: puts its path into `place`. None while there is
/// none. ENOTUNIQ: two disks have one, both were named, and which is meant nobody can know.
#[inline(never)]
pub fn root_partition(place: &mut Path) -> Option<Result<Known>> {
    let mut found = Match::default();
    search(Query::Partition(Wanted::Type(ROOT), 0), &mut found);
    let (_, name) = found.first?;
    if !found.another.is_empty() {
        say!(Failure, "gpt-auto: both {} and {} are a root", Show(&name), Show(&found.another));
        return Some(Err(Error::new(Call::Mount, libc::ENOTUNIQ)));
    }
    let known = Known { read_only: found.what == READ_ONLY, fstype: None };
    node(&name, place).then_some(Ok(known))
}

/// Puts the path of the device that `source` names into `place`: None while there is none. A path stands for itself, and
/// so does what is no device.
#[inline(never)]
pub fn device(source: &CStr, fstype: Option<&CStr>, place: &mut Path) -> Option<Known> {
    place.clear();
    let mut plain = heapless::Vec::<u8, 256>::new();
    let query = match parse(source, fstype) {
        Source::Number(major, minor) => return numbered(major, minor, place).then(Known::default),
        Source::Tag { tag, value, escaped } => {
            let value = if escaped { unescape(value, &mut plain) } else { Some(value) };
            match (tag, value.unwrap_or_default()) {
                (Tag::PartUuid, value) => Query::Partition(Wanted::Uuid(value), 0),
                (Tag::PartLabel, value) => Query::Partition(Wanted::Label(value), 0),
                (tag, value) => Query::Volume(tag, value),
            }
        }
        Source::Behind(uuid, offset) => Query::Partition(Wanted::Uuid(uuid), offset),
        _ => return place.extend_from_slice(source.to_bytes_with_nul()).is_ok().then(Known::default),
    };
    let mut found = Match::default();
    search(query, &mut found);
    let (_, name) = found.first?;
    if !found.another.is_empty() {
        let (first, second) = (Show(&name), Show(&found.another));
        say!(Warning, "{}: both {} and {} have it; taking {}", Show(source.to_bytes()), first, second, first);
    }
    node(&name, place).then_some(Known { read_only: false, fstype: volume::file_system(found.what) })
}

/// Whether there is something to wait for.
pub fn is_device(source: &CStr, fstype: Option<&CStr>) -> bool {
    parse(source, fstype).is_device()
}

/// What these two share from the host has any name, which can look like a number.
fn parse<'a>(source: &'a CStr, fstype: Option<&CStr>) -> Source<'a> {
    match source::parse(source.to_bytes()) {
        Source::Number(..) if matches!(fstype.unwrap_or_default().to_bytes(), b"9p" | b"virtiofs") => {
            Source::Other(source.to_bytes())
        }
        parsed => parsed,
    }
}

/// `/dev/NAME`. In sysfs a slash of the name is a `!`.
fn node(name: &[u8], place: &mut Path) -> bool {
    let made = bytes::path(&[b"/dev/", name], place).is_some();
    place.iter_mut().filter(|byte| **byte == b'!').for_each(|byte| *byte = b'/');
    made
}

fn numbered(major: u32, minor: u32, place: &mut Path) -> bool {
    let mut path = heapless::Vec::<u8, 64>::new();
    put!(&mut path, "/sys/dev/block/{}:{}/uevent\0", major, minor);
    let mut buffer = [0; 1024];
    let Ok(text) = fs::read_file(bytes::terminated(&path).unwrap_or_default(), &mut buffer) else { return false };
    said(text, b"DEVNAME=").is_some_and(|name| bytes::path(&[b"/dev/", name], place).is_some())
}

/// What a record of a search says: the number of a device that is looked at now, or that matches, then what it is, and its name.
const LOOKING: u8 = u8::MAX;
/// A partition, and one that is marked as not to be written to. A volume has the number of its type.
const PARTITION: u8 = LOOKING - 1;
const READ_ONLY: u8 = LOOKING - 2;

fn record(what: u8, number: u32, name: &[u8]) -> Record {
    let mut record = [0; size_of::<Record>()];
    let [a, b, c, d] = number.to_ne_bytes();
    // A name has at most 64 bytes.
    let head = [a, b, c, d, what, name.len() as u8];
    record.iter_mut().zip(head.iter().chain(name)).for_each(|(place, byte)| *place = *byte);
    record
}

/// Looks at every block device, or at every disk with partitions. What does not answer is passed over as long as it does not.
#[inline(never)]
fn search(query: Query, found: &mut Match) {
    apart::forget_ended();
    loop {
        let mut last = (0, Name::new());
        let mut hear = |record: &Record| {
            let [a, b, c, d, what, length, rest @ ..] = record;
            let number = u32::from_ne_bytes([*a, *b, *c, *d]);
            let name =
                rest.get(..usize::from(*length)).and_then(|name| Name::from_slice(name).ok()).unwrap_or_default();
            match *what {
                LOOKING => last = (number, name),
                what => found.add(number, name, what),
            }
        };
        let mut tell = |out: &Fd| {
            look_everywhere(query, &mut |record| {
                let _ = out.write(record);
            })
        };
        match apart::apart(&mut tell, &mut hear) {
            Ok(None) => return,
            Ok(Some(pid)) => {
                say!(Warning, "{}: no answer; it is passed over until there is one", Show(&last.1));
                if !apart::leave(pid, last.0) {
                    return;
                }
            }
            Err(_) => return look_everywhere(query, &mut hear),
        }
    }
}

fn look_everywhere(query: Query, tell: &mut dyn FnMut(&Record)) {
    let Ok(class) = fs::open(CLASS, fs::READ | fs::DIRECTORY) else { return };
    let mut names = Names::of(&class);
    while let Some((name, _)) = names.next_name() {
        let Ok(name) = Name::from_slice(name.to_bytes()) else { continue };
        let Some(Device { number, is_partition }) = Device::of(&class, &name) else { continue };
        if apart::is_stuck(number) {
            continue;
        }
        tell(&record(LOOKING, number, &name));
        match query {
            Query::Volume(tag, value) => {
                let is = |volume: &Volume| match tag {
                    _ if value.is_empty() => false,
                    Tag::Uuid => alike(volume.uuid(), value),
                    _ => volume.label() == value,
                };
                if let Some(volume) = look(&name).filter(is) {
                    tell(&record(volume.kind(), number, &name));
                }
            }
            Query::Partition(wanted, offset) if !is_partition => {
                // One that the kernel has no device of is none.
                if let Some((name, read_only)) = partition_of(&name, wanted, offset)
                    && let Some(Device { number, .. }) = Device::of(&class, &name)
                {
                    tell(&record(if read_only { READ_ONLY } else { PARTITION }, number, &name));
                }
            }
            Query::Partition(..) => {}
        }
    }
}

/// What lies on the device of that name. Nothing is there that says nothing of itself, or cannot be read.
#[inline(never)]
pub fn look(name: &[u8]) -> Option<Volume> {
    let mut place = Path::new();
    if node(name, &mut place) { look_at(bytes::terminated(&place)?) } else { None }
}

/// The device at `path` has a medium, and can be opened.
pub fn can_read(path: &CStr) -> bool {
    open(path).is_some()
}

/// What lies on the device at `path`.
pub fn look_at(path: &CStr) -> Option<Volume> {
    let (disk, size) = open(path)?;
    recognise(&disk, size)
}

fn recognise(disk: &Fd, size: u64) -> Option<Volume> {
    volume::recognise(&mut |at, buffer| disk.read_at(at, buffer), size)
}

/// The file system on the device at `path`; None: nothing is there that says so. Err: what says so is none, as a half of a mirror,
/// which would be mounted as what it mirrors. While it is open, the kernel keeps what was read of it.
pub fn file_system_on(path: &CStr) -> Result<(Option<&'static CStr>, Option<Fd>)> {
    let Some((disk, size)) = open(path) else { return Ok((None, None)) };
    let fstype = match recognise(&disk, size) {
        Some(volume) if volume.role() != Role::FileSystem => return Err(Error::new(Call::Mount, volume.reason())),
        volume => volume.map(|volume| volume.type_name()),
    };
    Ok((fstype, Some(disk)))
}

/// Not waiting for a drive to be closed; one without a medium has no size.
fn open(path: &CStr) -> Option<(Fd, u64)> {
    let disk = fs::open(path, fs::READ | fs::NON_BLOCK).ok()?;
    let size = disk.size();
    (size > 0).then_some((disk, size))
}

/// The name of the partition that is wanted, or of that which is `offset` behind it, if `disk` has a table with it.
#[inline(never)]
fn partition_of(disk: &[u8], wanted: Wanted, offset: i32) -> Option<(Name, bool)> {
    let mut place = Path::new();
    if !node(disk, &mut place) {
        return None;
    }
    let (file, size) = open(bytes::terminated(&place)?)?;
    let Partition { number, read_only } =
        table::find(&mut |at, buffer| file.read_at(at, buffer), file.sector()?, size, wanted)?;
    let number = number.checked_add_signed(offset)?;
    let mut name = Name::from_slice(disk).ok()?;
    // As the kernel names them: sda1, but nvme0n1p1.
    put!(&mut name, "{}{}", if disk.last()?.is_ascii_digit() { "p" } else { "" }, number);
    Some((name, read_only))
}

/// What the kernel says of a block device.
pub struct Device {
    /// As dev_t in the kernel: 12 and 20 bits.
    pub number: u32,
    is_partition: bool,
}

impl Device {
    /// By its name below `class`.
    pub fn of(class: &Fd, name: &[u8]) -> Option<Device> {
        let (mut path, mut buffer) = (Path::new(), [0; 1024]);
        let file = fs::open_at(At::Dir(class), bytes::path(&[name, b"/uevent"], &mut path)?, fs::READ).ok()?;
        let length = file.read(&mut buffer).ok()?;
        let text = buffer.get(..length)?;
        let number = |key| decimal(said(text, key)?);
        let number = (number(b"MAJOR=")? << 20 | number(b"MINOR=")?) as u32;
        Some(Device { number, is_partition: said(text, b"DEVTYPE=") == Some(b"partition") })
    }
}

/// The value of `key` in a text of the kernel's about a device.
fn said<'t>(text: &'t [u8], key: &[u8]) -> Option<&'t [u8]> {
    text.split(|&byte| byte == b'\n').find_map(|line| bytes::after(line, key))
}

/// As udev has it in names: `\xNN` is that byte.
fn unescape<'b>(text: &[u8], plain: &'b mut heapless::Vec<u8, 256>) -> Option<&'b [u8]> {
    let mut rest = text;
    while let Some((&byte, tail)) = rest.split_first() {
        let (byte, tail) = match rest {
            [b'\\', b'x', high, low, tail @ ..] => (crate::text::number::digits(&[*high, *low], 16)? as u8, tail),
            _ => (byte, tail),
        };
        plain.push(byte).ok()?;
        rest = tail;
    }
    Some(plain)
}
