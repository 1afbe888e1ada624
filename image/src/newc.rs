//! The bytes of an archive: `newc`, the format of an initramfs (Documentation/driver-api/early-userspace/buffer-format.rst).
//! Sorted, dated 0 and numbered in order, so that the same input gives the same bytes.

use std::{
    collections::BTreeMap,
    fs::File,
    io::{self, Read, Write},
};

use anyhow::{Context, Result, bail, ensure};

use crate::cpio::{Archive, DIR, Data, LINK};

/// The kernel reads an archive in blocks of this size; QEMU and boot loaders pad to it anyway.
const BLOCK: u64 = 512;

/// `PATH_MAX`: what has a longer name, or is a link to one, the kernel passes over without a word (init/initramfs.c).
const LONGEST: usize = 4096;

/// What a name between two slashes may have at most: of one that is longer the kernel makes no file, without a word too.
const NAME_MAX: usize = 255;

/// Bytes of a file that are copied at a time.
const PIECE: usize = 1 << 16;

/// The name that ends an archive.
const TRAILER: &[u8] = b"TRAILER!!!";

impl Archive {
    /// Bytes that it has when written.
    ///
    /// # Panics
    /// Where a file of this machine that is to be in it cannot be read: for tests and archives held in memory.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::new();
        self.write_to(&mut out).expect("all that is in the archive can be read");
        out
    }

    /// Writes it, and returns how long it is.
    ///
    /// # Errors
    /// Names what has no place in the format: 4 GiB, a path of 4,096 bytes; and a file that changed its size meanwhile.
    pub fn write_to(&self, out: &mut dyn Write) -> Result<u64> {
        let mut out = Counted { out, length: 0 };
        let mut twins: BTreeMap<(u64, u64), (u32, u32)> = BTreeMap::new();
        for (index, (_, entry)) in (1..).zip(self.entries()) {
            if let Some(inode) = entry.twin {
                let (last, count) = twins.entry(inode).or_default();
                (*last, *count) = (index, *count + 1);
            }
        }
        for (index, (name, entry)) in (1..).zip(self.entries()) {
            let shown = || format!("/{}", String::from_utf8_lossy(name));
            let target = if entry.is(LINK) { entry.data.len() } else { 0 };
            ensure!(name.len() < LONGEST && target < LONGEST as u64, "{}: a path of more than 4095 bytes", shown());
            let longest = name.split(|&byte| byte == b'/').map(<[u8]>::len).max();
            ensure!(longest <= Some(NAME_MAX), "{}: a name of more than 255 bytes", shown());
            ensure!(name != TRAILER, "{}: this name ends an archive; rename it", shown());
            let Ok(size) = u32::try_from(entry.data.len()) else {
                bail!("{}: {} bytes; the format holds files of less than 4 GiB", shown(), entry.data.len());
            };
            // Of one file's names the last one has what is in it: cpio(1) and the kernel link the others to that.
            let alone = if entry.is(DIR) { 2 } else { 1 };
            let (inode, links) = entry.twin.and_then(|inode| twins.get(&inode)).copied().unwrap_or((index, alone));
            let size = if inode == index { size } else { 0 };
            let header = Header { inode, mode: entry.mode, owner: entry.owner, links, size, device: entry.device };
            header.write(&mut out, name)?;
            if inode == index {
                contents(&mut out, &entry.data, &shown())?;
            }
            out.pad(4)?;
        }
        Header { links: 1, ..Header::default() }.write(&mut out, TRAILER)?;
        out.pad(BLOCK)?;
        Ok(out.length)
    }
}

#[derive(Default)]
struct Header {
    inode: u32,
    mode: u32,
    owner: (u32, u32),
    links: u32,
    size: u32,
    device: (u32, u32),
}

impl Header {
    fn write(&self, out: &mut Counted, name: &[u8]) -> io::Result<()> {
        out.write_all(b"070701")?;
        for field in [
            self.inode,
            self.mode,
            self.owner.0,
            self.owner.1,
            self.links,
            0, // mtime
            self.size,
            0, // the archive's own device
            0,
            self.device.0,
            self.device.1,
            name.len() as u32 + 1,
            0, // no checksum in newc
        ] {
            write!(out, "{field:08X}")?;
        }
        out.write_all(name)?;
        out.write_all(&[0])?;
        out.pad(4)
    }
}

/// What `shown` holds. What cannot be read is named; whoever made `out` names that.
fn contents(out: &mut Counted, data: &Data, shown: &str) -> Result<()> {
    match data {
        Data::Held(bytes) => out.write_all(bytes)?,
        Data::Lies(path, size) => {
            let unread = || format!("{shown}: read {}", path.display());
            let mut file = File::open(path).with_context(unread)?.take(size + 1);
            let mut buffer = vec![0; PIECE];
            let mut copied = 0;
            loop {
                let length = file.read(&mut buffer).with_context(unread)?;
                copied += length as u64;
                if length == 0 || copied > *size {
                    break;
                }
                out.write_all(&buffer[..length])?;
            }
            ensure!(copied == *size, "{shown}: {} changed while it was read; try again", path.display());
        }
    }
    Ok(())
}

struct Counted<'a> {
    out: &'a mut dyn Write,
    length: u64,
}

impl Counted<'_> {
    fn pad(&mut self, to: u64) -> io::Result<()> {
        let missing = self.length.next_multiple_of(to) - self.length;
        self.write_all(&[0; BLOCK as usize][..missing as usize])
    }
}

impl Write for Counted<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.out.write(bytes)?;
        self.length += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

#[cfg(test)]
#[path = "newc_tests.rs"]
mod tests;
