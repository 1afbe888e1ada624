use std::format;
use std::string::{String, ToString};
use std::vec::Vec;

use super::*;
use crate::text::message::Message;
use crate::text::put::shown;

/// The events of `text`, each on a line: where, what.
fn events(text: &str) -> Vec<String> {
    bytes(text.as_bytes())
}

fn bytes(text: &[u8]) -> Vec<String> {
    let mut text = text.to_vec();
    let mut reader = Reader::new(&mut text);
    let mut lines = Vec::new();
    loop {
        let event = reader.event();
        let Place { line, column } = reader.at();
        let show = |text: &[u8]| String::from_utf8_lossy(text).into_owned();
        let what = match event {
            Event::End => return lines,
            Event::Table { path, array: false } => format!("[{}]", show(path)),
            Event::Table { path, array: true } => format!("[[{}]]", show(path)),
            Event::Key(key) => show(key),
            Event::Value(Value::String(text)) => format!("{:?}", text.to_str().unwrap()),
            Event::Value(Value::Integer(value, _)) => value.to_string(),
            Event::Value(Value::Decimal(text)) => format!("decimal {}", show(text)),
            Event::Value(Value::Boolean(value)) => value.to_string(),
            Event::Open => "(".into(),
            Event::Close => ")".into(),
            Event::Wrong(what, text) => {
                format!("! {}", shown(&Message { what: what.text(), with: [text, &[], &[]] }))
            }
        };
        lines.push(format!("{line}:{column} {what}"));
        assert!(lines.len() < 1000, "no end: {lines:?}");
    }
}

/// The values that `text` reads as, without places.
fn value(text: &str) -> String {
    let events = events(&format!("k = {text}"));
    assert_eq!(events[0], "1:1 k");
    let values: Vec<_> = events[1..].iter().map(|event| event.split_once(' ').unwrap().1.to_string()).collect();
    values.join(" ")
}

#[test]
fn tells_what_is_there_and_where() {
    let text = "# a comment\nname = \"x\" # and one here\n\n[a]\r\n\tlist=[ 'one' , # first\n  \"two\",\n]\r\n[[ b . c ]]\nflag =true";
    let expected = [
        "2:1 name",
        "2:8 \"x\"",
        "4:1 [a]",
        "5:2 list",
        "5:7 (",
        "5:9 \"one\"",
        "6:3 \"two\"",
        "7:1 )",
        "8:1 [[b . c]]",
        "9:1 flag",
        "9:7 true",
    ];
    assert_eq!(events(text), expected);
}

#[test]
fn names_the_parts_of_a_path() {
    assert_eq!(part(b"a"), (&b"a"[..], None));
    assert_eq!(part(b"a . b.c"), (&b"a"[..], Some(&b" b.c"[..])));
    assert_eq!(part(b" b\t"), (&b"b"[..], None));
}

#[test]
fn nothing_is_a_text_too() {
    for text in ["", "\n", "  \t\n\r\n", "#", "# only a comment", "\u{feff}", "\u{feff}# marked\n"] {
        assert_eq!(events(text), [] as [&str; 0], "{text:?}");
    }
}

#[test]
fn a_byte_order_mark_is_no_column() {
    assert_eq!(events("\u{feff}k = 1"), ["1:1 k", "1:5 1"]);
}

#[test]
fn columns_are_characters() {
    assert_eq!(events("k = [\"äöü\", \"€\", 1]"), ["1:1 k", "1:5 (", "1:6 \"äöü\"", "1:13 \"€\"", "1:18 1", "1:19 )"]);
}

#[test]
fn reads_scalars() {
    let table = [
        ("true", "true"),
        ("false", "false"),
        ("0", "0"),
        ("-0", "0"),
        ("+7", "7"),
        ("-17", "-17"),
        ("1_000", "1000"),
        ("9223372036854775807", "9223372036854775807"),
        ("-9223372036854775808", "-9223372036854775808"),
        ("0.5", "decimal 0.5"),
        ("-0.5", "decimal -0.5"),
        ("+1.0", "decimal +1.0"),
        ("1_0.0_1", "decimal 1_0.0_1"),
        ("\"\"", "\"\""),
        ("''", "\"\""),
        (r#""a # b""#, "\"a # b\""),
        (r"'C:\dir'", r#""C:\\dir""#),
        (r#"'"'"#, r#""\"""#),
        (r#""\b\t\n\f\r\"\\""#, r#""\u{8}\t\n\u{c}\r\"\\""#),
        (r#""\u00e9\u20ac\U0001F600x""#, "\"é€😀x\""),
        ("\"'\"", "\"'\""),
        ("\"tab\there\"", "\"tab\\there\""),
        ("[]", "( )"),
        ("[1,]", "( 1 )"),
        ("[ # c\n1 # c\n, # c\n2\n# c\n]", "( 1 2 )"),
    ];
    for (text, expected) in table {
        assert_eq!(value(text), expected, "{text}");
    }
}

#[test]
fn refuses_scalars_by_name() {
    let table = [
        ("", "! no value; write KEY = VALUE on one line"),
        ("# comment", "! no value; write KEY = VALUE on one line"),
        ("\n", "! no value; write KEY = VALUE on one line"),
        (",", "! no value; write a \"string\", a number, true, false or a [list]"),
        ("= 1", "! no value; write a \"string\", a number, true, false or a [list]"),
        ("yes", "! yes has no quotes; write \"yes\""),
        ("True", "! True has no quotes; write \"True\""),
        ("/bin/sh", "! /bin/sh has no quotes; write \"/bin/sh\""),
        ("inf", "! inf has no quotes; write \"inf\""),
        ("-nan", "! -nan has no quotes; write \"-nan\""),
        (".5", "! .5 has no quotes; write \".5\""),
        ("5em", "! 5em is no number; write digits only, or \"5em\""),
        ("5s", "! 5s is no number; write digits only, or \"5s\""),
        ("1__0", "! 1__0 is no number; write digits only, or \"1__0\""),
        ("1_", "! 1_ is no number; write digits only, or \"1_\""),
        ("5.", "! 5. is no number; write digits only, or \"5.\""),
        ("1.2.3", "! 1.2.3 is no number; write digits only, or \"1.2.3\""),
        ("08", "! 08 begins with 0; write it without"),
        ("-00.5", "! -00.5 begins with 0; write it without"),
        ("0x1f", "! 0x1f is not decimal; write a decimal number"),
        ("0o755", "! 0o755 is not decimal; write a decimal number"),
        ("0b1", "! 0b1 is not decimal; write a decimal number"),
        ("1e3", "! 1e3 has an exponent; write a plain number"),
        ("1e-5", "! 1e-5 has an exponent; write a plain number"),
        ("6.02E+23", "! 6.02E+23 has an exponent; write a plain number"),
        ("1979-05-27", "! 1979-05-27 is a date or time; write \"1979-05-27\""),
        ("1979-05-27 07:32:00", "! 1979-05-27 is a date or time; write \"1979-05-27\""),
        ("07:32:00", "! 07:32:00 is a date or time; write \"07:32:00\""),
        ("9223372036854775808", "! 9223372036854775808 is out of range; write a smaller number"),
        ("{ a = 1 }", "! inline table; write a [table] line and its keys below"),
        ("\"\"\"a\nb\"\"\"", "! string of several lines; write one line, with \\n for a line break"),
        ("'''a\n'b'\n''' ", "! string of several lines; write one line, with \\n for a line break"),
        ("\"never", "! string without its end; close it on the same line"),
        ("'never", "! string without its end; close it on the same line"),
        ("\"a\\\"", "! string without its end; close it on the same line"),
        ("\"a\\\nb\"", "! string without its end; close it on the same line"),
        (r#""\d""#, "! \\d is no escape; write \\\\ for a backslash, or the string in '...'"),
        (r#""\€""#, "! \\€ is no escape; write \\\\ for a backslash, or the string in '...'"),
        (r#""\e""#, "! \\e is no escape; write \\\\ for a backslash, or the string in '...'"),
        (r#""\x41""#, "! \\x is no escape; write \\\\ for a backslash, or the string in '...'"),
        (r#""\u12""#, "! \\u12 is no character; write \\u and 4 or \\U and 8 hexadecimal digits"),
        (r#""\ud800""#, "! \\ud800 is no character; write \\u and 4 or \\U and 8 hexadecimal digits"),
        (r#""\U00110000""#, "! \\U00110000 is no character; write \\u and 4 or \\U and 8 hexadecimal digits"),
        ("\"a\u{1}\"", "! control character in a string; write \\n, \\t or \\u and 4 digits"),
        ("'a\u{7f}'", "! control character in a string; write \\n, \\t or \\u and 4 digits"),
        ("\"a\0\"", "! NUL in a string; remove it"),
        (r#""\u0000""#, "! NUL in a string; remove it"),
    ];
    for (text, expected) in table {
        let found = value(text);
        // What follows on the lines after it is none of this table's business.
        assert!(found == expected || found.starts_with(&format!("{expected} ")), "{text:?}: {found}");
    }
}

#[test]
fn refuses_lines_by_name() {
    let table: [(&str, &[&str]); 26] = [
        ("hostname \"x\"", &["1:1 ! hostname has no value; write hostname = VALUE"]),
        ("hostname", &["1:1 ! hostname has no value; write hostname = VALUE"]),
        ("  = 1", &["1:3 ! value without a key; write KEY = VALUE"]),
        ("$x = 1\nk = 2", &["1:1 ! $x = 1 is no key; write KEY = VALUE", "2:1 k", "2:5 2"]),
        ("\"k\" = 1", &["1:1 ! quoted key; write letters, digits, - and _ without quotes"]),
        ("a.b = 1", &["1:1 ! dotted key; write what is before its last dot as a [table] line, the rest below it"]),
        ("a . b = 1", &["1:1 ! dotted key; write what is before its last dot as a [table] line, the rest below it"]),
        (
            "k = 1 2",
            &["1:1 k", "1:5 1", "1:7 ! 2 does not belong on this line; write one KEY = VALUE or [table] a line"],
        ),
        ("k = 1 # c\n", &["1:1 k", "1:5 1"]),
        (
            "[a] k = 1",
            &["1:1 [a]", "1:5 ! k = 1 does not belong on this line; write one KEY = VALUE or [table] a line"],
        ),
        ("[a", &["1:1 ! table without its end; write [a]", "1:3 []"]),
        ("[[a]\nk = 1", &["1:1 ! table without its end; write [[a]]", "1:5 []", "2:1 k", "2:5 1"]),
        ("[]", &["1:1 ! [] is no table; write [NAME] or [NAME.NAME], in letters, digits, - and _", "1:3 []"]),
        ("[a..b]", &["1:1 ! [a..b] is no table; write [NAME] or [NAME.NAME], in letters, digits, - and _", "1:7 []"]),
        ("[a b]", &["1:1 ! [a b] is no table; write [NAME] or [NAME.NAME], in letters, digits, - and _", "1:6 []"]),
        ("[ [a]]", &["1:1 ! [[a] is no table; write [NAME] or [NAME.NAME], in letters, digits, - and _", "1:7 []"]),
        ("[\"a\"]", &["1:1 ! quoted name in [\"a\"]; write letters, digits, - and _ without quotes", "1:6 []"]),
        (
            "k = [1, [2]]",
            &[
                "1:1 k",
                "1:5 (",
                "1:6 1",
                "1:9 ! list in a list; write one list",
                "1:11 )",
                "1:12 ! ] does not belong on this line; write one KEY = VALUE or [table] a line",
            ],
        ),
        (
            "k = [\"a\" \"b\"]",
            &[
                "1:1 k",
                "1:5 (",
                "1:6 \"a\"",
                "1:10 ! no comma before this; write , between items",
                "1:10 \"b\"",
                "1:13 )",
            ],
        ),
        (
            "k = [\"a\"\nj = 1",
            &[
                "1:1 k",
                "1:5 (",
                "1:6 \"a\"",
                "2:1 ! the list before this has no end; write ] after its last item",
                "2:1 j",
                "2:5 1",
            ],
        ),
        (
            "k = [\"a\",\n[t]",
            &[
                "1:1 k",
                "1:5 (",
                "1:6 \"a\"",
                "2:1 ! the list before this has no end; write ] after its last item",
                "2:1 [t]",
            ],
        ),
        (
            "k = [\"a\",",
            &["1:1 k", "1:5 (", "1:6 \"a\"", "1:10 ! the list before this has no end; write ] after its last item"],
        ),
        (
            "k = [\"a\" b]\nj = 1",
            &[
                "1:1 k",
                "1:5 (",
                "1:6 \"a\"",
                "1:10 ! the list before this has no end; write ] after its last item",
                "2:1 j",
                "2:5 1",
            ],
        ),
        (
            "k = [a, \"b, \n 1]",
            &[
                "1:1 k",
                "1:5 (",
                "1:6 ! a has no quotes; write \"a\"",
                "1:9 ! string without its end; close it on the same line",
                "2:2 1",
                "2:3 )",
            ],
        ),
        ("# a\u{1}b\nk = 1", &["1:4 ! control character in a comment; remove it", "2:1 k", "2:5 1"]),
        (
            "k = 1\rj = 2",
            &[
                "1:1 k",
                "1:5 1",
                "1:6 ! \\x0dj = 2 does not belong on this line; write one KEY = VALUE or [table] a line",
            ],
        ),
    ];
    for (text, expected) in table {
        assert_eq!(events(text), expected, "{text:?}");
    }
}

#[test]
fn an_error_in_a_string_has_its_own_place() {
    assert_eq!(
        events("k = \"ä\\n\\d\""),
        ["1:1 k", "1:9 ! \\d is no escape; write \\\\ for a backslash, or the string in '...'"]
    );
}

#[test]
fn foreign_bytes_are_told_once_and_the_rest_is_read() {
    let expected =
        ["2:6 ! not UTF-8; save the file as UTF-8", "1:1 a", "1:5 1", "2:1 b", "2:5 \"??\"", "3:1 c", "3:5 2"];
    assert_eq!(bytes(b"a = 1\nb = \"\xff\xfe\"\nc = 2"), expected);
}

#[test]
fn strings_share_the_text() {
    let mut text = *b"k = \"\\u20ac\"\nj = 'x'";
    let range = text.as_ptr_range();
    let mut reader = Reader::new(&mut text);
    let mut strings = Vec::new();
    loop {
        match reader.event() {
            Event::Value(Value::String(text)) => strings.push(text),
            Event::End => break,
            _ => {}
        }
    }
    assert_eq!(strings, [c"€", c"x"]);
    assert!(strings.iter().all(|string| range.contains(&string.as_ptr().cast())));
}

/// Every text of [`Wrong`] is in the tables above, or here.
#[test]
fn every_error_is_asserted() {
    let source = include_str!("tests.rs");
    for line in include_str!("wrong.rs").lines().filter(|line| line.starts_with("    ") && line.ends_with("\",")) {
        let text = line.split_once(" = \"").unwrap().1.trim_end_matches("\",");
        for piece in text.split("%1") {
            let shown = piece.trim_end_matches(['[', ']', '"', '\\']);
            assert!(source.contains(shown), "{shown:?} of {text:?}");
        }
    }
}
