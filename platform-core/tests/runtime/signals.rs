#![cfg(unix)]

use std::process::Command;

use platform_core::runtime::{Insist as _, signals};

fn kill(signal: &str) {
    let own = std::process::id().to_string();
    let status = Command::new("kill").args([signal, &own]).status().unwrap();
    assert!(status.success());
}

#[tokio::test]
async fn the_first_signal_stops_and_the_second_insists() {
    let first = signals().unwrap();

    kill("-TERM");
    let second = first.await;
    kill("-INT");

    second.insisted().await;
}
