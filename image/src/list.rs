//! What is in an image, for a person: size, mode, path, and what brought it in.

use std::fmt::Write;

use crate::cpio::{Archive, BLOCK, CHAR, DIR, Data, FIFO, FILE, LINK, TYPE};

pub fn list(archive: &Archive) -> String {
    let mut text = String::new();
    let (mut files, mut bytes) = (0, 0u64);
    for (path, entry) in archive.entries() {
        let (kind, size) = match entry.mode & TYPE {
            DIR => ('d', "-".to_owned()),
            LINK => ('l', "-".to_owned()),
            FILE => ('-', entry.data.len().to_string()),
            BLOCK => ('b', format!("{},{}", entry.device.0, entry.device.1)),
            CHAR => ('c', format!("{},{}", entry.device.0, entry.device.1)),
            FIFO => ('p', "-".to_owned()),
            _ => ('s', "-".to_owned()),
        };
        let permissions = entry.mode & !TYPE;
        let _ = write!(text, "{size:>10} {kind}{permissions:04o} /{}", shown(path));
        if let (LINK, Data::Held(target)) = (entry.mode & TYPE, &entry.data) {
            let _ = write!(text, " -> {}", shown(target));
        }
        if entry.owner != (0, 0) {
            let _ = write!(text, "  {}:{}", entry.owner.0, entry.owner.1);
        }
        let _ = if entry.why.is_empty() { writeln!(text) } else { writeln!(text, "  ({})", entry.why) };
        if entry.is(FILE) {
            files += 1;
            bytes += entry.data.len();
        }
    }
    let _ = writeln!(text, "{bytes:>10} bytes in {files} files, {} entries", archive.entries().count());
    text
}

/// On one line, whatever is in it.
fn shown(name: &[u8]) -> String {
    String::from_utf8_lossy(name).chars().map(|c| if c.is_control() { '?' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_has_its_line_and_the_files_are_summed_up() {
        let mut archive = Archive::new();
        archive.because("tinyo").file("init", 0o755, "12345").because("--add a").link("bin\nx/sh", "/init");
        archive.because("").character("dev/console", 0o600, 5, 1);
        let expected = "         - d0755 /bin?x  (--add a)
         - l0777 /bin?x/sh -> /init  (--add a)
         - d0755 /dev
       5,1 c0600 /dev/console
         5 -0755 /init  (tinyo)
         5 bytes in 1 files, 5 entries
";
        assert_eq!(list(&archive), expected);
    }
}
