//! How the source of a mount is named: `root=`, `source =`, the first field of fstab(5).

use super::bytes::{after, cut};
use super::number::{decimal, digits};

/// What a tag is compared with. UUIDs are text (`666E-E1AF` of vfat): compared without case, never rewritten.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tag {
    Uuid,
    Label,
    PartUuid,
    PartLabel,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source<'a> {
    /// A file of /dev, or any other path.
    Path(&'a [u8]),
    Number(u32, u32),
    /// `escaped`: a name of /dev/disk, where udev writes what is not plain as `\xNN`.
    Tag {
        tag: Tag,
        value: &'a [u8],
        escaped: bool,
    },
    /// `PARTUUID=.../PARTNROFF=N`: the partition that many behind the one with this UUID.
    Behind(&'a [u8], i32),
    GptAuto,
    /// /dev/disk/by-id, by-path and the like: names that only udev knows.
    Udevs,
    /// Whatever a file system without a device takes (9p, virtiofs).
    Other(&'a [u8]),
    /// An empty value, or an offset that is no number.
    Wrong,
}

impl Source<'_> {
    /// Whether there is something to wait for: a block device, however it is named.
    pub fn is_device(&self) -> bool {
        match self {
            Source::Path(path) => path.starts_with(b"/dev/"),
            Source::Number(..) | Source::Tag { .. } | Source::Behind(..) => true,
            _ => false,
        }
    }
}

const TAGS: [(&[u8], &[u8], Tag); 4] = [
    (b"UUID", b"uuid", Tag::Uuid),
    (b"LABEL", b"label", Tag::Label),
    (b"PARTUUID", b"partuuid", Tag::PartUuid),
    (b"PARTLABEL", b"partlabel", Tag::PartLabel),
];

/// Reads `text`; quotes around a tag's value are taken off, as boot entries have them (the kernel's line keeps
/// `root=UUID="..."`).
pub fn parse(text: &[u8]) -> Source<'_> {
    if text == b"gpt-auto" {
        return Source::GptAuto;
    }
    if let Some(name) = after(text, b"/dev/disk/by-") {
        let (kind, value) = cut(name, b'/');
        let known = TAGS.iter().find(|(_, by, _)| *by == kind);
        return match (known, value.unwrap_or_default()) {
            (Some(_), b"") => Source::Wrong,
            (Some((_, _, tag)), value) => Source::Tag { tag: *tag, value, escaped: true },
            _ => Source::Udevs,
        };
    }
    if text.first() == Some(&b'/') {
        return Source::Path(text);
    }
    let (name, value) = cut(text, b'=');
    if let (Some((_, _, tag)), Some(value)) = (TAGS.iter().find(|(own, _, _)| *own == name), value) {
        return tagged(*tag, unquoted(value));
    }
    number(text).unwrap_or(Source::Other(text))
}

fn tagged(tag: Tag, value: &[u8]) -> Source<'_> {
    let (uuid, rest) = cut(value, b'/');
    match rest {
        _ if value.is_empty() || tag == Tag::PartUuid && uuid.is_empty() => Source::Wrong,
        Some(rest) if tag == Tag::PartUuid => {
            let offset = after(rest, b"PARTNROFF=").and_then(super::number::signed);
            offset.map_or(Source::Wrong, |offset| Source::Behind(uuid, offset))
        }
        _ => Source::Tag { tag, value, escaped: false },
    }
}

fn unquoted(value: &[u8]) -> &[u8] {
    match value {
        [b'"', inner @ .., b'"'] => inner,
        _ => value,
    }
}

/// MAJOR:MINOR, or one hexadecimal number as name_to_dev_t() reads it: `801`, `0x801`, minors over 255 above the major.
fn number(text: &[u8]) -> Option<Source<'_>> {
    if let (major, Some(minor)) = cut(text, b':') {
        let (major, minor) = (decimal(major)?, decimal(minor)?);
        // dev_t in the kernel: 12 and 20 bits.
        return (major < 1 << 12 && minor < 1 << 20).then_some(Source::Number(major as u32, minor as u32));
    }
    let hex = after(text, b"0x").or(after(text, b"0X")).unwrap_or(text);
    let dev = u32::try_from(digits(hex, 16)?).ok()?;
    Some(Source::Number(dev >> 8 & 0xfff, dev & 0xff | dev >> 12 & 0xfff00))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form() {
        let tag = |tag, value: &'static str, escaped| Source::Tag { tag, value: value.as_bytes(), escaped };
        for (text, source) in [
            ("/dev/vda1", Source::Path(b"/dev/vda1")),
            ("8:1", Source::Number(8, 1)),
            ("801", Source::Number(8, 1)),
            ("0xfe01", Source::Number(254, 1)),
            ("0x100fe01", Source::Number(254, 0x1001)),
            ("4096:1", Source::Other(b"4096:1")),
            ("UUID=666E-E1AF", tag(Tag::Uuid, "666E-E1AF", false)),
            ("UUID=\"ab\"", tag(Tag::Uuid, "ab", false)),
            ("LABEL=a b/c", tag(Tag::Label, "a b/c", false)),
            ("PARTUUID=ab-01", tag(Tag::PartUuid, "ab-01", false)),
            ("PARTUUID=ab/PARTNROFF=-2", Source::Behind(b"ab", -2)),
            ("PARTUUID=ab/PARTNROFF=x", Source::Wrong),
            ("PARTLABEL=root", tag(Tag::PartLabel, "root", false)),
            ("/dev/disk/by-label/a\\x20b", tag(Tag::Label, "a\\x20b", true)),
            ("/dev/disk/by-id/ata-x", Source::Udevs),
            ("UUID=", Source::Wrong),
            ("gpt-auto", Source::GptAuto),
            ("myshare", Source::Other(b"myshare")),
        ] {
            assert_eq!(parse(text.as_bytes()), source, "{text}");
        }
    }
}
