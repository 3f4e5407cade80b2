use platform_core::{Sources, TenantId};
use platform_crypto::{DataKey, KeyProvider, Purpose, WrapContext, WrappedKey};

pub(crate) fn sources() -> Sources {
    Sources::system()
}

/// A new key of a new tenant.
pub(crate) fn key_of_a_tenant() -> (WrapContext, DataKey) {
    let key = DataKey::generate(&sources());
    let context = WrapContext {
        tenant: TenantId::generate(&sources()),
        purpose: Purpose::Data,
        key: key.id(),
    };
    (context, key)
}

pub(crate) async fn opens(
    provider: &dyn KeyProvider,
    context: &WrapContext,
    wrapped: &WrappedKey,
    key: &DataKey,
) -> bool {
    let opened = provider.unwrap(context, wrapped).await;
    opened.is_ok_and(|opened| opened.expose_bytes() == key.expose_bytes())
}

/// Does the text show eight bytes of the key in a row, in hexadecimal digits, base64 or as a list of numbers? The same of the key's text.
pub(crate) fn shows(text: &str, key: &[u8]) -> bool {
    let lower = text.to_lowercase();
    key.windows(8).any(|window| {
        let hex: String = window.iter().map(|byte| format!("{byte:02x}")).collect();
        let list: Vec<String> = window.iter().map(u8::to_string).collect();
        let plain = String::from_utf8_lossy(window).to_lowercase();
        lower.contains(&hex) || text.contains(&list.join(", ")) || lower.contains(&plain)
    })
}
