//! The reference server: every crate of the platform in one process.

use std::io::{IsTerminal, Write};
use std::process::ExitCode;

use trading_server::cli::Cli;
use trading_server::config::{Inputs, Settings};
use trading_server::exit::Exit;
use trading_server::telemetry::Telemetry;

#[tokio::main]
async fn main() -> ExitCode {
    run().into()
}

fn run() -> Exit {
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
            return problems.exit();
        }
    };
    let telemetry = match Telemetry::install(&settings, platform_core::Sources::system()) {
        Ok(telemetry) => telemetry,
        Err(error) => {
            say(&mut std::io::stderr(), &format!("{error}\n"));
            return Exit::Internal;
        }
    };
    tracing::info!("the configuration is sound");
    telemetry.shutdown();
    Exit::Clean
}

/// Nothing can be done when even the terminal is gone.
fn say(to: &mut impl Write, text: &str) {
    let _ = to.write_all(text.as_bytes());
}
