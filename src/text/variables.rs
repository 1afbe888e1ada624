//! Files of variables, in the format of docker's `--env-file`: `NAME=VALUE` lines, whose values are taken as they are, blank
//! lines, and comments that begin with `#`. A name without a value is refused: it would be a variable of PID 1's.

use core::ffi::CStr;

use super::bytes::{all, cut, has, span};

/// Puts a NUL in the place of each line's end. The last byte of `text` is not the file's: it is the end of a last line
/// that has none. How many variables there are; else the line, counted from 1, that is none.
pub fn read(text: &mut [u8]) -> Result<usize, u16> {
    if let Some(end) = text.last_mut() {
        *end = b'\n';
    }
    // A byte order mark.
    if let Some(mark @ [0xef, 0xbb, 0xbf]) = text.get_mut(..3) {
        mark.fill(b' ');
    }
    let mut count = 0usize;
    let mut number = 0u16;
    let mut rest = text;
    loop {
        let length = cut(rest, b'\n').0.len();
        let (line, tail) = rest.split_at_mut_checked(length.saturating_add(1)).unwrap_or_default();
        number = number.saturating_add(1);
        let foreign = has(line, 0);
        match line {
            [.., carriage @ b'\r', end] => (*carriage, *end) = (0, 0),
            [.., end] => *end = 0,
            [] => return Ok(count),
        }
        if let Some(word) = variable(line) {
            let (name, value) = cut(word.to_bytes(), b'=');
            if value.is_none() || name.is_empty() || !all(name, |byte| !is_blank(byte)) {
                return Err(number);
            }
            count = count.saturating_add(1);
        }
        if foreign {
            return Err(number);
        }
        rest = tail;
    }
}

/// The variable of a line that was read; None: it is blank, or a comment.
pub fn variable(line: &[u8]) -> Option<&CStr> {
    let text = line.get(span(line, is_blank)..)?;
    CStr::from_bytes_until_nul(text).ok().filter(|word| !matches!(word.to_bytes(), [] | [b'#', ..]))
}

fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::string::{String, ToString};
    use std::vec::Vec;

    fn variables(text: &str) -> Result<Vec<String>, u16> {
        let mut bytes = [text.as_bytes(), b"!"].concat();
        let count = read(&mut bytes)?;
        let words = bytes.split_inclusive(|&byte| byte == 0).filter_map(variable);
        let words: Vec<_> = words.map(|word| word.to_str().unwrap().to_string()).collect();
        assert_eq!(words.len(), count);
        Ok(words)
    }

    #[test]
    fn as_docker_reads_them() {
        let table: [(&str, Result<&[&str], u16>); 19] = [
            ("", Ok(&[])),
            ("\n\n  \n# a=b\n \t# c\n", Ok(&[])),
            ("A=b", Ok(&["A=b"])),
            ("A=b\nC=\n", Ok(&["A=b", "C="])),
            ("A=\"q\" 'r' # no comment \n", Ok(&["A=\"q\" 'r' # no comment "])),
            (" \tA=b=c\r\n\r\nB=d\r", Ok(&["A=b=c", "B=d"])),
            ("\u{feff}A=b\n", Ok(&["A=b"])),
            ("A=\u{e9}\n", Ok(&["A=\u{e9}"])),
            ("a.b-c=1", Ok(&["a.b-c=1"])),
            ("# x\nA\n", Err(2)),
            ("A=b\n\nB", Err(3)),
            ("=b", Err(1)),
            ("A b=c", Err(1)),
            ("export A=b", Err(1)),
            ("A =b", Err(1)),
            ("A=\0", Err(1)),
            ("A\0=b", Err(1)),
            ("#\0A=b", Err(1)),
            ("\0", Err(1)),
        ];
        for (text, expected) in table {
            assert_eq!(
                variables(text),
                expected.map(|words| words.iter().map(|word| word.to_string()).collect()),
                "{text:?}"
            );
        }
        assert_eq!(read(&mut []), Ok(0));
    }

    /// The same, with memory to waste.
    fn naive(text: &str) -> Result<Vec<String>, u16> {
        let mut found = Vec::new();
        for (index, line) in text.split('\n').enumerate() {
            let line = line.strip_suffix('\r').unwrap_or(line).trim_start_matches([' ', '\t']);
            if line.contains('\0') {
                return Err(index as u16 + 1);
            }
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            match line.split_once('=') {
                Some((name, _)) if !name.is_empty() && !name.contains([' ', '\t']) => {
                    found.push(line.to_string());
                }
                _ => return Err(index as u16 + 1),
            }
        }
        Ok(found)
    }

    proptest! {
        #[test]
        fn as_its_naive_twin(text in "([AB]{0,2}=[a #=\t]{0,3}|[ \t]{0,2}#?[A=\0]{0,2}|A)(\r?\n([ \t]?[AB]=[b= ]{0,2}\r?|#=|))*") {
            prop_assert_eq!(variables(&text), naive(&text));
        }

        #[test]
        fn any_bytes(mut text in prop::collection::vec(any::<u8>(), 0..64)) {
            let lines = text.iter().filter(|&&byte| byte == b'\n').count() + 1;
            match read(&mut text) {
                Ok(count) => prop_assert!(count <= lines),
                Err(number) => prop_assert!((1..=lines).contains(&usize::from(number))),
            }
        }
    }
}
