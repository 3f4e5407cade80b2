use platform_core::testing::python_with;
use platform_crypto::{Expected, VaultLogin};
use tokio::process::Command;

use crate::support::{Server, Tokens, fields, secret};
use crate::vault_double::ROOT_TOKEN;

/// The double is measured by a client that was written for real servers, and this client by what that one reads and writes.
#[tokio::test(flavor = "multi_thread")]
async fn a_python_client_of_real_servers_works_with_the_double_and_reads_what_this_one_writes() {
    let name = "a_python_client_of_real_servers_works_with_the_double_and_reads_what_this_one_writes";
    let Some(python) = python_with(name, "hvac") else {
        return;
    };
    let server = Server::double(Tokens::Periodic(3600)).await;
    let kv = server.kv(&server.vault_with(VaultLogin::token(secret(ROOT_TOKEN))));
    kv.write("from/rust", &fields(&[("text", "grün 🔑")]), Expected::Absent)
        .await
        .unwrap();

    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/python/hvac_vault.py");
    let output = Command::new(python)
        .arg(script)
        .args([
            server.address(),
            ROOT_TOKEN,
            &server.mounts.kv,
            &server.mounts.transit,
        ])
        .args([&server.mounts.app_role, &server.role_id, &server.secret_id])
        .output()
        .await
        .unwrap();

    let (told, complained) = (
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    assert!(
        output.status.success() && told.trim_end().ends_with("all well"),
        "{told}\n{complained}"
    );
    let written = kv.read("from/python").await.unwrap().unwrap();
    assert_eq!(written.field("text").unwrap().expose(), "grün 🔑");
    assert_eq!(written.version(), 2);
}
