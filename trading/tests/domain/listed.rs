//! The list of what holds, in `docs/TRADING.md`, names tests that exist.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Cases that no test has, because there is nothing that they could happen to. May only shrink.
const UNTESTED: [&str; 1] = ["C17"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The tests that each row of the tables names, by the row's number.
fn listed(text: &str) -> BTreeMap<String, Vec<String>> {
    let rows = text.lines().filter_map(|line| {
        let mut cells = line.strip_prefix("| ")?.splitn(3, " | ");
        let (number, _, tests) = (cells.next()?, cells.next()?, cells.next()?);
        let is_number = number.starts_with(['I', 'C']) && number[1..].parse::<u32>().is_ok();
        let named = tests
            .split('`')
            .skip(1)
            .step_by(2)
            .filter(|name| name.contains("::"));
        is_number.then(|| (number.to_owned(), named.map(str::to_owned).collect()))
    });
    rows.collect()
}

/// The file that a name such as `domain/replay::…` is in.
fn file_of(module: &str) -> PathBuf {
    let folder = match module.split('/').next().unwrap() {
        "domain" | "market" | "service" => "trading/tests",
        "hub" => "platform-core/tests",
        "proofs" | "tamper" => "platform-audit/tests",
        "e2e" => "examples/trading-server/tests",
        other => unreachable!("no folder {other}"),
    };
    root().join(folder).join(format!("{module}.rs"))
}

/// Whether the source has a test of this name: a function right below the attribute that makes it one.
fn has_test(source: &str, name: &str) -> bool {
    let lines: Vec<&str> = source.lines().map(str::trim).collect();
    let is_function = |line: &str| {
        let line = line.strip_prefix("async ").unwrap_or(line);
        line.strip_prefix("fn ")
            .and_then(|line| line.strip_prefix(name))
            .is_some_and(|rest| rest.starts_with('('))
    };
    let at = lines.iter().position(|line| is_function(line));
    let attributes = at.map(|at| lines[..at].iter().rev().take_while(|line| line.starts_with("#[")));
    attributes.is_some_and(|mut above| {
        above.any(|line| line.starts_with("#[test]") || line.starts_with("#[tokio::test"))
    })
}

/// The names in these rows that are no tests.
fn wrong(listed: &BTreeMap<String, Vec<String>>) -> Vec<String> {
    let names = listed.values().flatten();
    let is_wrong = |name: &&String| {
        let (module, test) = name.split_once("::").unwrap();
        let source = std::fs::read_to_string(file_of(module));
        !source.is_ok_and(|source| has_test(&source, test))
    };
    names.filter(is_wrong).cloned().collect()
}

#[test]
fn every_invariant_and_every_case_has_a_test_that_exists() {
    let text = std::fs::read_to_string(root().join("docs/TRADING.md")).unwrap();
    let listed = listed(&text);

    let numbers = (1..=27)
        .map(|n| format!("I{n}"))
        .chain((1..=23).map(|n| format!("C{n}")));
    for number in numbers {
        let tests = listed.get(&number).map_or(0, Vec::len);
        assert_eq!(
            tests == 0,
            UNTESTED.contains(&number.as_str()),
            "{number} has {tests} tests"
        );
    }
    assert_eq!(listed.len(), 50);
    assert_eq!(wrong(&listed), [] as [String; 0]);
}

#[test]
fn a_test_that_does_not_exist_is_noticed() {
    let row = |name: &str| listed(&format!("| I1 | something | `{name}` |\n"));

    for name in [
        "domain/listed::no_such_test",
        "domain/listed::root",
        "domain/no_file::test",
    ] {
        assert_eq!(wrong(&row(name)), [name]);
    }
    assert_eq!(
        wrong(&row("domain/listed::a_test_that_does_not_exist_is_noticed")),
        [] as [String; 0]
    );
}
