//! What the documents say and the sources know.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn read(path: impl AsRef<Path>) -> String {
    fs::read_to_string(root().join(path)).unwrap()
}

fn documents() -> Vec<PathBuf> {
    let mut files = vec![PathBuf::from("README.md")];
    for folder in ["docs", "docs/adr"] {
        for entry in fs::read_dir(root().join(folder)).unwrap() {
            let name = entry.unwrap().file_name();
            if name.to_string_lossy().ends_with(".md") {
                files.push(Path::new(folder).join(name));
            }
        }
    }
    files
}

#[test]
fn every_link_between_the_documents_leads_somewhere() {
    let mut broken = Vec::new();

    for document in documents() {
        let text = read(&document);
        for link in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let (path, heading) = link.split_once('#').unwrap_or((link, ""));
            if path.contains("://") {
                continue;
            }
            let target = match path {
                "" => document.clone(),
                path => document.parent().unwrap().join(path),
            };
            let found = match heading {
                "" => root().join(&target).exists(),
                heading => headings(&target).contains(heading),
            };
            if !found {
                broken.push(format!("{}: {link}", document.display()));
            }
        }
    }

    assert!(broken.is_empty(), "{broken:#?}");
}

/// The anchors of a document's headings.
fn headings(document: &Path) -> BTreeSet<String> {
    let text = fs::read_to_string(root().join(document)).unwrap_or_default();
    text.lines()
        .filter(|line| line.starts_with('#'))
        .map(|line| {
            let title = line.trim_start_matches('#').trim().to_lowercase();
            let kept = title
                .chars()
                .filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
            kept.collect::<String>().replace(' ', "-")
        })
        .collect()
}

#[test]
fn the_operations_page_knows_every_code_of_the_self_check() {
    let page = read("docs/OPERATIONS.md");
    let codes = read("platform-core/src/pg/selfcheck/codes.rs");

    let (_, codes) = codes.split_once("static CODES").unwrap();
    let names: Vec<_> = codes
        .lines()
        .filter_map(|line| line.trim().strip_prefix('"')?.strip_suffix("\","))
        .filter(|text| text.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_'))
        .collect();

    assert!(names.len() > 30, "{names:?}");
    for name in names {
        assert!(page.contains(&format!("| `{name}` |")), "{name} is missing");
    }
}

#[test]
fn the_operations_page_knows_every_key_of_the_configuration() {
    let page = read("docs/OPERATIONS.md");
    let example = read("examples/trading-server/config.example.toml");
    let mut section = String::new();

    for line in example.lines() {
        let line = line.strip_prefix("# ").unwrap_or(line);
        if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            section = format!("{name}.");
        } else if let Some((name, _)) = line.split_once(" = ").filter(|(name, _)| !name.contains(' ')) {
            assert!(
                page.contains(&format!("| `{section}{name}` |")),
                "{section}{name} is missing"
            );
        }
    }
}
