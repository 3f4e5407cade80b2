//! The rules of the workspace's architecture, read from the manifests and the sources.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// What a library may import of this workspace: only what stands to its left.
const MAY_IMPORT: [(&str, &[&str]); 5] = [
    ("platform-core", &[]),
    ("platform-crypto", &["platform-core"]),
    ("platform-audit", &["platform-core", "platform-crypto"]),
    (
        "platform-auth",
        &["platform-core", "platform-crypto", "platform-audit"],
    ),
    ("trading", &["platform-core", "platform-crypto", "platform-audit"]),
];

/// What only an application decides: its error type, its subscriber, its configuration, its command line.
const APPLICATION_ONLY: [&str; 5] = [
    "anyhow",
    "tracing-subscriber",
    "config",
    "clap",
    "opentelemetry-otlp",
];

/// A library may offer an application a layer for its subscriber, behind a feature that is off unless asked for.
const MAY_OFFER: [(&str, &str); 1] = [("platform-crypto", "tracing-subscriber")];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn manifest(library: &str) -> toml::Table {
    let path = root().join(library).join("Cargo.toml");
    fs::read_to_string(path).unwrap().parse().unwrap()
}

fn dependencies(manifest: &toml::Table, section: &str) -> BTreeSet<String> {
    let table = manifest.get(section).and_then(toml::Value::as_table);
    table
        .map(|table| table.keys().cloned().collect())
        .unwrap_or_default()
}

#[test]
fn a_library_imports_only_what_stands_to_its_left() {
    let libraries: BTreeSet<&str> = MAY_IMPORT.iter().map(|(name, _)| *name).collect();

    for (library, allowed) in MAY_IMPORT {
        for dependency in dependencies(&manifest(library), "dependencies") {
            let internal = libraries.contains(dependency.as_str());
            assert!(
                !internal || allowed.contains(&dependency.as_str()),
                "{library} imports {dependency}"
            );
        }
    }
}

#[test]
fn a_library_leaves_the_decisions_of_an_application_to_it() {
    for (library, _) in MAY_IMPORT {
        let manifest = manifest(library);
        let dependencies = dependencies(&manifest, "dependencies");
        for forbidden in APPLICATION_ONLY {
            let is_offered =
                MAY_OFFER.contains(&(library, forbidden)) && is_off_by_default(&manifest, forbidden);
            assert!(
                !dependencies.contains(forbidden) || is_offered,
                "{library} depends on {forbidden}"
            );
        }
    }
}

/// An optional dependency that no default feature switches on.
fn is_off_by_default(manifest: &toml::Table, dependency: &str) -> bool {
    let optional = manifest["dependencies"][dependency]
        .get("optional")
        .and_then(toml::Value::as_bool);
    let defaults = manifest["features"]["default"].as_array();
    optional == Some(true) && defaults.is_some_and(Vec::is_empty)
}

#[test]
fn a_library_installs_no_subscriber() {
    const INSTALLS: [&str; 6] = [
        "set_global_default",
        "set_default(",
        "with_default(",
        ".try_init(",
        ".init()",
        "set_logger",
    ];
    for (library, _) in MAY_IMPORT {
        for file in rust_files(&root().join(library).join("src")) {
            let text = code(&fs::read_to_string(&file).unwrap());
            let installs = INSTALLS.iter().find(|call| text.contains(**call));
            assert!(installs.is_none(), "{} calls {installs:?}", file.display());
        }
    }
}

#[test]
fn every_version_and_every_lint_is_set_once_for_the_workspace() {
    for (library, _) in MAY_IMPORT {
        let manifest = manifest(library);
        let lints = manifest["lints"]["workspace"].as_bool();
        assert_eq!(lints, Some(true), "{library} does not take the workspace's lints");

        for section in ["dependencies", "dev-dependencies"] {
            let Some(table) = manifest.get(section).and_then(toml::Value::as_table) else {
                continue;
            };
            for (name, value) in table {
                let inherited = value.get("workspace").and_then(toml::Value::as_bool);
                assert_eq!(inherited, Some(true), "{library} sets its own version of {name}");
            }
        }
    }
}

#[test]
fn libraries_read_no_environment_and_leave_no_work_undone() {
    let mut offences = Vec::new();

    for (library, _) in MAY_IMPORT {
        for file in rust_files(&root().join(library).join("src")) {
            // The databases for tests take their server from the environment: there is no application to hand it over.
            let for_tests = file.components().any(|part| part.as_os_str() == "testing");
            let text = code(&fs::read_to_string(&file).unwrap());
            let reads_environment = text.contains("env::var") && !for_tests;
            if reads_environment || text.contains("todo!(") || text.contains("unimplemented!(") {
                offences.push(file);
            }
        }
    }

    assert!(offences.is_empty(), "{offences:#?}");
}

#[test]
fn a_source_file_holds_one_idea() {
    let too_long: Vec<_> = MAY_IMPORT
        .iter()
        .flat_map(|(library, _)| rust_files(&root().join(library).join("src")))
        .map(|file| (fs::read_to_string(&file).unwrap().lines().count(), file))
        .filter(|(lines, _)| *lines > 500)
        .collect();

    assert!(too_long.is_empty(), "{too_long:#?}");
}

/// The text without its comments, whose examples are an application's.
fn code(text: &str) -> String {
    text.lines()
        .filter(|line| !line.trim_start().starts_with("//"))
        .collect::<Vec<_>>()
        .join("\n")
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(rust_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files
}
