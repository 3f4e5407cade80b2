use trading_server::cli::{Cli, Command};
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
        "PG_BIN_DIR",
        "75",
        "78",
    ];
    for name in named {
        assert!(stop.text.contains(name), "{name} in {}", stop.text);
    }
}

#[test]
fn a_wrong_command_line_is_a_usage_error_that_repeats_no_credential() {
    let stop = read(&["postgres://app:hunter2@db/trading"]).unwrap_err();

    assert_eq!(stop.exit, Exit::Usage);
    assert!(!stop.text.contains("hunter2"), "{}", stop.text);
}
