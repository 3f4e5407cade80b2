use trading_server::cli::{AuditTask, Cli, Command, KeyPurpose, KeysTask, OfTenant, ReportForm};
use trading_server::exit::Exit;

fn read(arguments: &[&str]) -> Result<Cli, trading_server::cli::Stop> {
    Cli::read(["trading-server"].iter().chain(arguments).copied())
}

#[test]
fn without_a_subcommand_the_server_serves() {
    assert_eq!(read(&[]).unwrap().command(), Command::Serve);
}

#[test]
fn flags_may_stand_before_and_after_the_subcommand() {
    let before = read(&["--listen", "0.0.0.0:80", "--demo=off", "migrate"]).unwrap();
    let after = read(&["migrate", "--listen", "0.0.0.0:80", "--demo", "off"]).unwrap();

    for cli in [before, after] {
        assert_eq!(cli.command(), Command::Migrate);
        assert_eq!(cli.flags.listen.as_deref(), Some("0.0.0.0:80"));
        assert_eq!(cli.flags.demo.as_deref(), Some("off"));
    }
}

#[test]
fn help_goes_to_standard_output_and_names_every_flag_variable_and_exit_code() {
    let stop = read(&["--help"]).unwrap_err();

    assert_eq!(stop.exit, Exit::Clean);
    let named = [
        "serve",
        "migrate",
        "check",
        "keys",
        "openapi",
        "--listen",
        "--data-dir",
        "--config",
        "--replay",
        "--replay-speed",
        "--demo",
        "DATABASE_URL",
        "DATABASE_OWNER_URL",
        "REDIS_URL",
        "PLATFORM_DEMO_PASSWORD",
        "PLATFORM_KEYS_",
        "PG_BIN_DIR",
        "75",
        "78",
    ];
    for name in named {
        assert!(stop.text.contains(name), "{name} in {}", stop.text);
    }
}

#[test]
fn the_help_of_keys_names_every_task_and_what_cannot_be_undone_has_to_be_asked_for() {
    let stop = read(&["keys", "--help"]).unwrap_err();

    assert_eq!(stop.exit, Exit::Clean);
    for task in [
        "list", "rotate", "reseal", "destroy", "new-root", "rewrap", "replay", "erase", "hold",
    ] {
        assert!(stop.text.contains(task), "{task} in {}", stop.text);
    }
    for task in ["destroy", "erase"] {
        let help = read(&["keys", task, "--help"]).unwrap_err();
        assert!(help.text.contains("--yes"), "{}", help.text);
    }
}

#[test]
fn the_help_of_audit_names_every_task_and_says_what_pruning_does_first() {
    let stop = read(&["audit", "--help"]).unwrap_err();

    assert_eq!(stop.exit, Exit::Clean);
    for task in [
        "verify",
        "key",
        "new-key",
        "export",
        "archive",
        "report",
        "prune",
        "hold",
        "new-marks",
        "adopt",
    ] {
        assert!(stop.text.contains(task), "{task} in {}", stop.text);
    }
    let help = |task: &str| read(&["audit", task, "--help"]).unwrap_err().text;
    for told in ["--yes", "archived first", "audit.archive_dir"] {
        assert!(help("prune").contains(told), "{told} in {}", help("prune"));
    }
    for told in ["--tenant", "--month", "--to", "exit code 0"] {
        assert!(help("archive").contains(told), "{told} in {}", help("archive"));
    }
    for kind in platform_audit::ReportKind::ALL {
        assert!(
            help("report").contains(kind.as_str()),
            "{kind} in {}",
            help("report")
        );
    }
}

#[test]
fn a_report_and_a_month_are_understood_before_anything_is_started() {
    let task = |arguments: &[&str]| match read(arguments).map(|cli| cli.command()) {
        Ok(Command::Audit { task }) => Some(task),
        _ => None,
    };

    assert_eq!(
        task(&["audit", "archive", "--month", "2026-10"]),
        Some(AuditTask::Archive {
            tenant: None,
            month: "2026-10".parse().ok(),
            to: None,
        })
    );
    assert_eq!(
        task(&[
            "audit",
            "report",
            "integrity",
            "--tenant",
            "acme",
            "--format",
            "csv"
        ]),
        Some(AuditTask::Report {
            kind: platform_audit::ReportKind::Integrity,
            tenant: OfTenant {
                tenant: "acme".to_owned(),
            },
            from: None,
            to: None,
            format: ReportForm::Csv,
            hidden: false,
        })
    );
    for wrong in [
        &["audit", "archive", "--month", "2026-1"][..],
        &["audit", "archive", "--month", "october"],
        &["audit", "report", "all", "--tenant", "acme"],
        &["audit", "report", "--tenant", "acme"],
    ] {
        assert_eq!(read(wrong).unwrap_err().exit, Exit::Usage, "{wrong:?}");
    }
}

#[test]
fn a_task_on_keys_says_on_which_tenant() {
    let task = |arguments: &[&str]| match read(arguments).map(|cli| cli.command()) {
        Ok(Command::Keys { task }) => Some(task),
        _ => None,
    };
    let tenant = || OfTenant {
        tenant: "acme".to_owned(),
    };

    assert_eq!(
        task(&["keys", "rotate", "--tenant", "acme", "--purpose", "index"]),
        Some(KeysTask::Rotate {
            tenant: tenant(),
            purpose: KeyPurpose::Index,
            now: false,
        })
    );
    assert_eq!(
        task(&["keys", "destroy", "--tenant=acme", "--version=3", "--yes"]),
        Some(KeysTask::Destroy {
            tenant: tenant(),
            purpose: KeyPurpose::Data,
            version: 3,
            yes: true,
        })
    );
    assert_eq!(task(&["keys", "rewrap"]), Some(KeysTask::Rewrap));
    for incomplete in [
        &["keys"][..],
        &["keys", "list"],
        &["keys", "destroy", "--tenant=acme"],
        &["keys", "erase", "--tenant=acme"],
        &["keys", "erase", "--tenant=acme", "--user=ada@example.com"],
        &[
            "keys",
            "hold",
            "place",
            "--tenant=acme",
            "--user=018f2b6e-7c1a-7d3e-9b1a-2f4e6d8c0a12",
        ],
    ] {
        assert_eq!(read(incomplete).unwrap_err().exit, Exit::Usage, "{incomplete:?}");
    }
}

#[test]
fn a_wrong_command_line_is_a_usage_error_that_repeats_no_credential() {
    let stop = read(&["postgres://app:hunter2@db/trading"]).unwrap_err();

    assert_eq!(stop.exit, Exit::Usage);
    assert!(!stop.text.contains("hunter2"), "{}", stop.text);
}
