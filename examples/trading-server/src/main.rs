//! The reference server: every crate of the platform in one process.

use std::io::{IsTerminal, Write};
use std::process::ExitCode;

use platform_core::Sources;
use trading_server::cli::{Cli, Command};
use trading_server::commands;
use trading_server::config::{Inputs, Settings};
use trading_server::exit::Exit;
use trading_server::telemetry::Telemetry;

#[tokio::main]
async fn main() -> ExitCode {
    run().await.into()
}

async fn run() -> Exit {
    let cli = match Cli::read(std::env::args_os()) {
        Ok(cli) => cli,
        Err(stop) => {
            match stop.exit {
                Exit::Clean => say(&mut std::io::stdout(), &stop.text),
                _ => say(&mut std::io::stderr(), &stop.text),
            }
            return stop.exit;
        }
    };
    let settings = match Settings::load(&Inputs {
        command: cli.command(),
        flags: &cli.flags,
        environment: std::env::vars_os().collect(),
        terminal: std::io::stderr().is_terminal(),
    }) {
        Ok(settings) => settings,
        Err(problems) => {
            say(&mut std::io::stderr(), &format!("{problems}\n"));
            return cli.command().could_not(problems.exit());
        }
    };
    let telemetry = match Telemetry::install(&settings, Sources::system()) {
        Ok(telemetry) => telemetry,
        Err(error) => {
            say(&mut std::io::stderr(), &format!("{error}\n"));
            return Exit::Internal;
        }
    };
    let path = std::env::var_os("PATH");
    let done = match cli.command() {
        Command::Serve => commands::serve(&settings, path).await,
        Command::Migrate => commands::migrate(&settings, path).await,
        Command::Check => commands::check(&settings, path).await,
        Command::CreateTenant(new) => commands::create_tenant(&settings, path, &new).await,
        Command::Tenant { task } => commands::tenant(&settings, path, &task).await,
        Command::Keys { task } => commands::keys(&settings, path, &task).await,
        Command::Audit { task } => trading_server::audit::run(&settings, path, &task).await,
        Command::Verify(books) => trading_server::verify::run(&settings, path, &books).await,
        Command::Openapi => commands::openapi(&settings),
    };
    let exit = done.unwrap_or_else(|refusal| {
        say(&mut std::io::stderr(), &format!("{refusal}\n"));
        refusal.exit()
    });
    telemetry.shutdown();
    exit
}

/// Nothing can be done when even the terminal is gone.
fn say(to: &mut impl Write, text: &str) {
    let _ = to.write_all(text.as_bytes());
}
