//! Reports, from events at known times.

use std::collections::HashMap;

use platform_audit::{
    Acknowledged, Action, Activity, AuditLog, Changes, Event, FailedSignIn, Integrity, KeyOperation, Outcome,
    REPORTED, Reader, ReportCursor, ReportError, ReportFormat, ReportKind, ReportOptions, ReportPage,
    ReportRange, ReportRow, Severity, SignInFailure, Visibility, api_key_created, configuration_changed,
    report, role_granted, sign_in_failed, sign_in_succeeded,
};
use platform_core::sqlx::{self, Executor};
use platform_core::time::Duration;
use platform_core::time::macros::datetime;
use platform_core::{PermissionSet, Principal, RequestContext, RequestMeta, Sources, Timestamp};
use serde_json::{Value, json};

use crate::support::Trail;

const DAY: Timestamp = datetime!(2026-03-04 0:00 UTC);

/// One event at least for every report, some for none, and some that nobody may see.
async fn filled() -> Trail {
    let trail = Trail::new().await;
    let (ann, bob) = (
        user("018f2b6e-0000-7000-8000-00000000000a"),
        user("018f2b6e-0000-7000-8000-00000000000b"),
    );
    let (ann_id, bob_id) = (ann.id().unwrap(), bob.id().unwrap());
    let as_ann = context(&trail, &ann, "192.0.2.1");
    let from_elsewhere = context(&trail, &ann, "192.0.2.2");
    let as_bob_for_ann = context(&trail, &bob, "198.51.100.7").on_behalf_of(ann);
    let act = |name, activity| Event::new(Action::new(name), Outcome::Success).activity(activity);
    let place = |id: &'static str| act("order.place", Activity::Create).target("order", id);
    let changes = Changes::new().field("lots_max", 10, 20);
    let events = [
        (&as_ann, place("o-1")),
        (&from_elsewhere, place("o-2")),
        (
            &as_ann,
            Event::new(Action::new("order.place"), Outcome::Denied).reason("limit"),
        ),
        (
            &as_bob_for_ann,
            act("account.view", Activity::Read)
                .severity(Severity::High)
                .target("account", "a-1"),
        ),
        (&as_ann, sign_in_succeeded(ann_id, "password")),
        (
            &trail.ctx,
            sign_in_failed("ann@example.com", SignInFailure::WrongPassword(ann_id)),
        ),
        (
            &trail.ctx,
            sign_in_failed("=cmd()@example.com", SignInFailure::UnknownUser),
        ),
        (&as_ann, role_granted(bob_id, "admin")),
        (
            &as_ann,
            configuration_changed("orders", changes).reason("=1+1, \"quoted\""),
        ),
        (
            &as_ann,
            act("key.rotate", Activity::Execute)
                .target("key", "k-1")
                .detail(json!({ "version": 2 })),
        ),
        (&as_ann, api_key_created("a-1", ann_id)),
        (
            &as_ann,
            act("data.export", Activity::Export)
                .target("data", "orders")
                .detail(json!({ "rows": 3 })),
        ),
        (
            &as_bob_for_ann,
            act("audit.export", Activity::Export).target("audit_export", "e-1"),
        ),
        (
            &as_ann,
            act("config.change", Activity::Update)
                .visibility(Visibility::Platform)
                .target("setting", "hidden"),
        ),
    ];
    for (minute, (ctx, event)) in (1..).zip(events) {
        trail
            .record_at(ctx, DAY + Duration::minutes(minute), vec![event])
            .await;
    }
    let stranger = trail.test.context(trail.test.tenant().await);
    let theirs = act("key.rotate", Activity::Execute).target("key", "theirs");
    trail
        .record_at(&stranger, DAY + Duration::minutes(5), vec![theirs])
        .await;
    trail
}

#[tokio::test]
async fn every_report_has_its_columns_and_rows() {
    let trail = filled().await;
    let mut all = String::new();

    for kind in over_a_range() {
        let table = written(&trail, options(kind, ReportFormat::Csv)).await;
        all.push_str(&format!("# {kind}\n{table}\n"));
    }
    for kind in over_a_range() {
        let lines = written(&trail, options(kind, ReportFormat::Json)).await;
        all.push_str(&format!("# {kind}\n{lines}\n"));
    }

    let found = with_names(&all.replace("\r\n", "\n"));
    let golden = include_str!("reports.golden");
    assert!(found == golden, "{found}END");
}

#[tokio::test]
async fn pages_of_any_size_give_the_whole_report() {
    let trail = filled().await;

    for kind in over_a_range() {
        let options = options(kind, ReportFormat::Json);
        let whole = rows(&trail, &options, 1_000).await;
        assert!(whole.len() > 1, "{kind}");
        for limit in 1..5 {
            assert_eq!(rows(&trail, &options, limit).await, whole, "{kind} by {limit}");
        }
    }
}

#[tokio::test]
async fn a_range_has_its_beginning_and_not_its_end() {
    let trail = filled().await;
    let at = DAY + Duration::minutes(6) + Duration::microseconds(1);
    let micro = Duration::microseconds(1);

    for (from, to, found) in [
        (at, at + micro, 1),
        (at - micro, at, 0),
        (at + micro, at + Duration::seconds(1), 0),
        (at - Duration::days(400), at + Duration::days(400), 2),
    ] {
        let range = ReportRange::new(from, to).unwrap();
        let mut read = trail.test.db().read(&trail.ctx).await.unwrap();
        let page = ReportPage::first(10);
        let rows: Vec<FailedSignIn> = trail
            .log()
            .report_page(&mut read, Reader::Tenant, range, &page)
            .await
            .unwrap();
        assert_eq!(rows.len(), found, "{from} {to}");
    }
}

#[tokio::test]
async fn an_event_of_a_program_with_a_wrong_clock_is_in_the_report_of_when_it_was_stored() {
    let trail = filled().await;
    // The program's clock said 1999, the database's the day.
    let event = Event::new(Action::new("key.destroy"), Outcome::Success).target("key", "k-2");
    let id = trail
        .record_at(&trail.ctx, datetime!(1999-12-31 0:00 UTC), vec![event])
        .await[0];
    let mut superuser = trail.superuser().await;
    superuser
        .execute("alter table platform_audit.event disable trigger is_insert_only")
        .await
        .unwrap();
    sqlx::query("update platform_audit.event set recorded_at = $2 where id = $1")
        .bind(id)
        .bind(DAY + Duration::hours(3))
        .execute(&mut superuser)
        .await
        .unwrap();

    let options = options(ReportKind::KeyOperations, ReportFormat::Json);
    for limit in [1, 2, 100] {
        let rows = rows(&trail, &options, limit).await;
        let targets: Vec<_> = rows
            .iter()
            .map(|row| row["target_id"].as_str().unwrap())
            .collect();
        assert_eq!(targets, ["k-2", "k-1", "a-1"], "by {limit}");
    }
}

#[tokio::test]
async fn what_is_hidden_from_the_tenant_is_in_the_platforms_report_alone() {
    let trail = filled().await;
    let tenants = options(ReportKind::ConfigurationChanges, ReportFormat::Json);
    let platforms = ReportOptions {
        reader: Reader::Platform,
        ..tenants
    };

    let (seen, all) = (
        rows(&trail, &tenants, 100).await,
        rows(&trail, &platforms, 100).await,
    );

    let is_hidden = |row: &&Value| row["target_id"] == "hidden";
    assert_eq!(
        (
            seen.iter().filter(is_hidden).count(),
            all.iter().filter(is_hidden).count()
        ),
        (0, 1)
    );
}

#[tokio::test]
async fn that_a_report_is_read_is_in_the_trail_before_the_first_row() {
    let trail = filled().await;
    let options = options(ReportKind::FailedSignIns, ReportFormat::Csv);

    let running = trail
        .log()
        .report(&trail.test.db(), &trail.key, &trail.ctx, options)
        .await
        .unwrap();
    drop(running);

    let details: Vec<Value> = sqlx::query_scalar("select detail from platform_audit.event where action = $1")
        .bind(REPORTED.name())
        .fetch_all(&mut trail.superuser().await)
        .await
        .unwrap();
    let told = json!({
        "from": "2026-03-04T00:00:00Z", "to": "2026-03-05T00:00:00Z", "format": "csv", "platform": false
    });
    assert_eq!(details, [told]);
}

#[tokio::test]
async fn a_cell_that_a_spreadsheet_would_run_is_text() {
    let trail = filled().await;

    let table = written(
        &trail,
        options(ReportKind::ConfigurationChanges, ReportFormat::Csv),
    )
    .await;

    let mut reader = csv::Reader::from_reader(table.as_bytes());
    let reasons: Vec<String> = reader.records().map(|row| row.unwrap()[8].to_owned()).collect();
    assert_eq!(reasons, ["", "'=1+1, \"quoted\""]);
}

#[tokio::test]
async fn the_integrity_of_a_whole_trail_is_attested_and_that_of_another_is_not() {
    let trail = filled().await;
    let nothing = Integrity::of(&trail.test.db(), &trail.log(), &trail.key, &trail.ctx)
        .await
        .unwrap();
    assert_eq!((nothing.checkpoint_size, nothing.verified_size), (None, None));
    trail.sequence().await;

    let whole = Integrity::of(&trail.test.db(), &trail.log(), &trail.key, &trail.ctx)
        .await
        .unwrap();
    let head = trail.head().await;
    assert_eq!(whole.checkpoint_size, Some(head.size));
    assert_eq!(whole.verified_size, Some(head.size));
    assert_eq!(whole.checkpoint_root, Some(head.root.to_base64()));
    assert_eq!(whole.origin, trail.key.origin(trail.tenant).to_string());
    assert_eq!(whole.signer, whole.origin);
    assert!(whole.is_clean && whole.findings == 0 && whole.acknowledged == 0);

    let mut superuser = trail.superuser().await;
    let lost = platform_audit::EventId::generate(trail.test.sources());
    sqlx::query(
        "insert into platform_audit.rejected (tenant_id, id, reason) values ($1, $2, 'event_missing')",
    )
    .bind(trail.tenant)
    .bind(lost)
    .execute(&mut superuser)
    .await
    .unwrap();
    let what = Acknowledged::Rejected(lost);
    let log = trail.log().sealed_by(&trail.key);
    log.acknowledge(&trail.test.db(), &trail.ctx, what, "case 7")
        .await
        .unwrap();
    trail.sequence().await;
    let acknowledged = Integrity::of(&trail.test.db(), &log, &trail.key, &trail.ctx)
        .await
        .unwrap();
    assert!(acknowledged.is_clean && acknowledged.acknowledged == 1);

    superuser
        .execute("alter table platform_audit.event disable trigger is_insert_only")
        .await
        .unwrap();
    superuser
        .execute("update platform_audit.event set reason = 'other' where reason = 'limit'")
        .await
        .unwrap();
    let altered = Integrity::of(&trail.test.db(), &trail.log(), &trail.key, &trail.ctx)
        .await
        .unwrap();
    assert!(!altered.is_clean && altered.findings == 1);

    let options = ReportOptions {
        kind: ReportKind::Integrity,
        range: None,
        format: ReportFormat::Json,
        reader: Reader::Tenant,
    };
    let row: Value = serde_json::from_str(&written(&trail, options).await).unwrap();
    assert_eq!((&row["is_clean"], &row["findings"]), (&json!(false), &json!(1)));
}

#[tokio::test]
async fn a_report_over_no_range_or_an_attestation_over_one_is_refused() {
    let trail = Trail::new().await;
    let (db, log) = (trail.test.db(), trail.log());
    let over = options(ReportKind::Integrity, ReportFormat::Json);
    let without = ReportOptions {
        range: None,
        ..options(ReportKind::Exports, ReportFormat::Json)
    };

    for wrong in [over, without] {
        let error = log.report(&db, &trail.key, &trail.ctx, wrong).await.unwrap_err();
        assert!(matches!(error, ReportError::NoRange), "{error:?}");
    }
    assert!(ReportRange::new(DAY, DAY).is_err());
    assert!(ReportRange::new(DAY, DAY - Duration::days(1)).is_err());
    assert_eq!(trail.count("event").await, 0);
}

#[test]
fn a_cursor_reads_as_it_is_written_and_nothing_else_is_one() {
    let id = "018f2b6e-7c1a-7d3e-9b1a-2f4e6d8c0a12";
    for text in [id.to_owned(), format!("{id}~user~order.place")] {
        assert_eq!(text.parse::<ReportCursor>().unwrap().to_string(), text);
    }
    let bad = [
        String::new(),
        "x".to_owned(),
        format!("{id}~"),
        format!("{id}~user"),
        format!("{id}~user~"),
        format!("{id}~user~order.place~more"),
        format!("{id}~user~order place"),
        id.replace('-', ""),
    ];
    for text in bad {
        assert!(text.parse::<ReportCursor>().is_err(), "{text}");
    }
}

#[test]
fn names_of_reports_and_columns_are_what_they_are() {
    for kind in ReportKind::ALL {
        assert_eq!(kind.as_str().parse(), Ok(kind));
    }
    assert!("everything".parse::<ReportKind>().is_err());
    assert_eq!(KeyOperation::KIND, ReportKind::KeyOperations);
    assert_eq!(KeyOperation::COLUMNS[..2], ["id", "recorded_at"]);
}

fn over_a_range() -> impl Iterator<Item = ReportKind> {
    ReportKind::ALL
        .into_iter()
        .filter(|kind| *kind != ReportKind::Integrity)
}

fn options(kind: ReportKind, format: ReportFormat) -> ReportOptions {
    ReportOptions {
        kind,
        range: Some(ReportRange::new(DAY, DAY + Duration::days(1)).unwrap()),
        format,
        reader: Reader::Tenant,
    }
}

async fn written(trail: &Trail, options: ReportOptions) -> String {
    let mut out = vec![];
    let (db, log): (_, AuditLog) = (trail.test.db(), trail.log());
    let summary = report(&db, &log, &trail.key, &trail.ctx, &options, &mut out)
        .await
        .unwrap();
    assert_eq!(summary.bytes, u64::try_from(out.len()).unwrap());
    String::from_utf8(out).unwrap()
}

/// The report page by page.
async fn rows(trail: &Trail, options: &ReportOptions, limit: u32) -> Vec<Value> {
    let (mut all, mut page) = (vec![], ReportPage::first(limit));
    loop {
        let (db, log) = (trail.test.db(), trail.log());
        let found = log
            .report_rows(&db, &trail.key, &trail.ctx, options, &page)
            .await
            .unwrap();
        all.extend(found.rows);
        match found.next {
            Some(next) => page.after = Some(next.to_string().parse().unwrap()),
            None => return all,
        }
    }
}

fn user(id: &str) -> Principal {
    Principal::user(id.parse().unwrap(), PermissionSet::default())
}

fn context(trail: &Trail, who: &Principal, address: &str) -> RequestContext {
    let meta = RequestMeta {
        source_address: Some(address.parse().unwrap()),
        ..RequestMeta::internal(&Sources::system())
    };
    RequestContext::authenticated(trail.tenant, who.clone(), meta)
}

/// The text with every id replaced by the number of the id: those are other ones in every run.
fn with_names(text: &str) -> String {
    const LENGTH: usize = 36;
    let mut names: HashMap<&str, usize> = HashMap::new();
    let (mut named, mut rest) = (String::new(), text);
    while let Some(first) = rest.chars().next() {
        let id = rest
            .get(..LENGTH)
            .filter(|id| platform_core::uuid::Uuid::try_parse(id).is_ok());
        if let Some(id) = id {
            let next = names.len() + 1;
            let number = *names.entry(id).or_insert(next);
            named.push_str(&format!("<{number}>"));
            rest = &rest[LENGTH..];
        } else {
            named.push(first);
            rest = &rest[first.len_utf8()..];
        }
    }
    named
}
