use std::io::Write as _;
use std::process::{Command, Stdio};

use platform_audit::{Event, EventFilter, Export, ExportFormat, Outcome, Reader, Visibility};
use platform_core::{Principal, PrincipalId, RequestContext, RequestMeta, Sources};
use serde_json::json;

use crate::support::{MOMENT, PLACED, Place};

/// Reads a table as a spreadsheet's author would: by Python's module for it.
const READ_CSV: &str = "
import csv, io, json, sys
text = io.TextIOWrapper(sys.stdin.buffer, encoding='utf-8', newline='')
json.dump(list(csv.reader(text, strict=True)), sys.stdout)
";

fn read_by_python(table: &str) -> Vec<Vec<String>> {
    let mut child = Command::new("python3")
        .args(["-c", READ_CSV])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(table.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    serde_json::from_slice(&output.stdout).unwrap()
}

fn read_by_crate(table: &str) -> Vec<Vec<String>> {
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .from_reader(table.as_bytes());
    let rows = reader
        .records()
        .map(|row| row.unwrap().iter().map(str::to_owned).collect());
    rows.collect()
}

/// Both readers agree; the cells by the names of their columns.
fn rows(table: &str) -> Vec<impl Fn(&str) -> String> {
    let rows = read_by_python(table);
    assert_eq!(rows, read_by_crate(table));
    let mut rows = rows.into_iter();
    let names = rows.next().unwrap();
    rows.map(|row| {
        let names = names.clone();
        move |name: &str| row[names.iter().position(|found| found == name).unwrap()].clone()
    })
    .collect()
}

fn table() -> Export {
    Export::whole().format(ExportFormat::Csv)
}

#[tokio::test]
async fn a_table_has_a_row_for_each_event_with_its_number_and_hash() {
    let place = Place::new().await;
    let sources = Sources::system();
    let user = PrincipalId::generate(&sources);
    let meta = RequestMeta {
        source_address: Some("2001:db8::1".parse().unwrap()),
        user_agent: Some("curl/8".to_owned()),
        ..RequestMeta::internal(&sources)
    };
    let ctx = RequestContext::authenticated(
        place.tenant,
        Principal::user(user, Default::default()),
        meta.clone(),
    );
    let event = Event::new(PLACED, Outcome::Denied)
        .target("order", "1")
        .target("account", "2")
        .reason("too_large")
        .detail(json!({ "lots": 3 }));
    let id = place.record_as(&ctx, event).await;
    place.record_orders(299).await;
    place.integrate().await;

    let export = place.export(table()).await;
    let rows = rows(&export);

    assert!(export.ends_with("\r\n"));
    assert_eq!(rows.len(), 300);
    let first = &rows[0];
    for (column, wanted) in [
        ("seq", "0"),
        ("tenant_id", &place.tenant.to_string()),
        ("id", &id.to_string()),
        ("action", "order.place"),
        ("action_version", "1"),
        ("activity", "other"),
        ("outcome", "denied"),
        ("reason", "too_large"),
        ("severity", "informational"),
        ("actor_kind", "user"),
        ("actor_id", &user.to_string()),
        ("purpose", ""),
        ("target_kind", "order"),
        ("target_id", "1"),
        (
            "targets",
            r#"[{"id":"1","kind":"order"},{"id":"2","kind":"account"}]"#,
        ),
        ("changes", ""),
        ("source_address", "2001:db8::1"),
        ("user_agent", "curl/8"),
        ("request_id", &meta.request_id.to_string()),
        ("trace_id", &meta.trace.trace_id()),
        ("detail", r#"{"lots":3}"#),
        ("retention", "regulatory"),
        ("visibility", "tenant"),
    ] {
        assert_eq!(first(column), wanted, "{column}");
    }
    let mut read = place.db.read(&place.ctx).await.unwrap();
    let entry = place.log.entry(&mut read, id).await.unwrap().unwrap();
    assert_eq!(first("leaf"), platform_audit::LeafHash::of(&entry).to_string());
    let recorded = format!("\"recorded_at\":\"{}\"", first("recorded_at"));
    assert!(String::from_utf8(entry).unwrap().contains(&recorded));
}

#[tokio::test]
async fn no_cell_is_a_formula_and_every_other_text_comes_through_as_it_is() {
    let place = Place::new().await;
    let formulas = [
        "=cmd|' /C calc'!A0",
        "+1",
        "-1+2",
        "@SUM(A1)",
        "\t=1",
        "\r=1",
        "\n=1",
        "=",
        "\u{ff1d}1+1",
        "\u{ff0b}1",
        "\u{ff0d}1",
        "\u{ff20}SUM(A1)",
        "=\"a\",\"b\"\r\n=2",
    ];
    let harmless = [
        "1-1",
        "a=b",
        " =1",
        "'=1",
        "a,b;c\td",
        "say \"hi\"",
        "\"",
        "line\nline\r\nline\rline",
        "\u{202e}txt.exe",
        "\u{5d0}\u{5d1},\u{5d2}",
        "\u{feff}=1",
        "é𝄞",
        "NULL",
        "\\N",
    ];
    for text in formulas.iter().chain(&harmless) {
        let event = Event::new(PLACED, Outcome::Failure)
            .target("order", *text)
            .reason(*text);
        place.record(event).await;
    }
    place.integrate().await;

    let export = place.export(table()).await;
    let rows = rows(&export);

    assert_eq!(rows.len(), formulas.len() + harmless.len());
    for (row, text) in rows.iter().zip(formulas) {
        assert_eq!(
            (row("reason"), row("target_id")),
            (format!("'{text}"), format!("'{text}"))
        );
    }
    for (row, text) in rows[formulas.len()..].iter().zip(harmless) {
        assert_eq!(
            (row("reason"), row("target_id")),
            (text.to_owned(), text.to_owned())
        );
    }
    for cell in read_by_crate(&export).iter().flatten() {
        assert!(
            !cell.starts_with(['=', '+', '-', '@', '\t', '\r', '\n']),
            "{cell}"
        );
    }
}

#[tokio::test]
async fn a_table_has_no_row_for_what_is_hidden_or_deleted_or_not_selected() {
    let place = Place::new().await;
    place.record_orders(2).await;
    place
        .record(Event::new(PLACED, Outcome::Denied).visibility(Visibility::Platform))
        .await;
    place
        .record(Event::new(PLACED, Outcome::Denied).retention(MOMENT))
        .await;
    place.integrate().await;
    place.forget(1).await;
    let denied = EventFilter::new().outcome(Outcome::Denied);
    let seqs = async |export: Export| -> Vec<String> {
        let table = place.export(export.format(ExportFormat::Csv)).await;
        rows(&table).iter().map(|row| row("seq")).collect()
    };

    assert_eq!(seqs(Export::whole()).await, ["0", "3"]);
    assert_eq!(
        seqs(Export::whole().reader(Reader::Platform)).await,
        ["0", "2", "3"]
    );
    assert_eq!(seqs(Export::whole_from(1)).await, ["3"]);
    assert_eq!(seqs(Export::selected(denied)).await, ["3"]);
    assert_eq!(
        seqs(Export::selected(EventFilter::new().action("nothing."))).await,
        [""; 0]
    );
}
