use std::io::{self, Write};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use platform_core::error_chain;
use platform_crypto::{Expected, KeyProvider as _, VaultLogin};
use tracing_subscriber::fmt::MakeWriter;

use crate::support::{Server, Tokens, fields, key_of_a_tenant, secret};
use crate::vault_double::{Mood, ROOT_TOKEN};

#[derive(Debug, Clone, Default)]
struct Captured(Arc<Mutex<Vec<u8>>>);

impl Write for Captured {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Captured {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

// C9, C32
#[tokio::test]
async fn nothing_that_vault_is_told_or_tells_is_in_a_log_or_an_error() {
    let captured = Captured::default();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_span_events(tracing_subscriber::fmt::format::FmtSpan::FULL)
        .with_writer(captured.clone())
        .finish();
    let _guard = tracing::subscriber::set_default(subscriber);
    let server = Server::double(Tokens::Periodic(3600)).await;
    let own = captured.0.lock().unwrap().len();
    let vault = server.vault();
    let (kv, transit) = (server.kv(&vault), server.transit(&vault));
    let (context, key) = key_of_a_tenant();
    let mut errors = String::new();
    let mut note = |error: &(dyn std::error::Error + 'static)| {
        errors.push_str(&format!("{error:?} {} ", error_chain(error)))
    };

    let wrapped = transit.wrap(&context, &key).await.unwrap();
    transit.unwrap(&context, &wrapped).await.unwrap();
    kv.write(
        "state",
        &fields(&[("password", "correct-horse")]),
        Expected::Absent,
    )
    .await
    .unwrap();
    kv.read("state").await.unwrap();
    server.clock.advance(Duration::from_secs(2500));
    kv.read("state").await.unwrap();
    note(
        &kv.write(
            "state",
            &fields(&[("password", "battery-staple")]),
            Expected::Absent,
        )
        .await
        .unwrap_err(),
    );
    let wrong = server.vault_with(VaultLogin::AppRole {
        mount: server.mounts.app_role.clone(),
        role_id: server.role_id.clone(),
        secret_id: secret("guessed-secret-id"),
    });
    note(&wrong.maintain().await.unwrap_err());
    for mood in [Mood::Sealed, Mood::Forbidding] {
        server.the_double().set_mood(mood);
        note(&transit.wrap(&context, &key).await.unwrap_err());
        note(&transit.unwrap(&context, &wrapped).await.unwrap_err());
        note(
            &kv.write(
                "state",
                &fields(&[("password", "battery-staple")]),
                Expected::Anything,
            )
            .await
            .unwrap_err(),
        );
    }
    let given = server.vault_with(VaultLogin::token(secret(ROOT_TOKEN)));
    note(&given.maintain().await.unwrap_err());

    // What the client of the tests' own administrator logs is before `own`.
    let logs = String::from_utf8(captured.0.lock().unwrap()[own..].to_vec()).unwrap();
    assert!(logs.len() > 1000, "something was captured");
    let shown = format!("{logs} {errors} {vault:?} {transit:?} {kv:?}");
    let key_base64 = STANDARD.encode(key.expose_bytes());
    let told = server.the_double().told();
    assert!(told.iter().any(|told| told.starts_with(&key_base64[..40])));
    let key_hex: String = key
        .expose_bytes()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let key_list = format!("{:?}", &key.expose_bytes()[..8]);
    let key_list = key_list.trim_matches(['[', ']']);
    let secrets = [
        server.secret_id.as_str(),
        "guessed-secret-id",
        "correct-horse",
        "battery-staple",
        "hvs.",
        &key_base64[..12],
        &key_hex[..16],
        key_list,
    ];
    for secret in secrets {
        let at = shown.find(secret);
        assert!(
            at.is_none(),
            "{secret} in {}",
            at.map_or("", |at| &shown[at.saturating_sub(200)..at])
        );
    }
}
