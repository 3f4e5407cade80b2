use trading_server::cli::{Cli, Command, KeyPurpose, KeysTask, OfTenant};
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
