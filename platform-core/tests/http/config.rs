//! Configuration read from text.

use platform_core::http::{HttpConfig, WebSocketLimits};
use serde_json::{Value, json};

fn read(config: Value) -> Result<HttpConfig, String> {
    serde_json::from_str(&config.to_string()).map_err(|error| error.to_string())
}

#[test]
fn what_is_not_said_has_its_default() {
    assert_eq!(read(json!({})).unwrap(), HttpConfig::default());
    assert_eq!(
        serde_json::from_str::<WebSocketLimits>("{}").unwrap(),
        WebSocketLimits::default()
    );
}

#[test]
fn every_limit_can_be_said() {
    let config = read(json!({
        "body_bytes_max": 1024,
        "deadline_ms": 500,
        "rate_limit": { "per_second": 5, "burst": 10 },
        "cors_origins": ["https://app.example.com"],
        "trusted_proxies": ["10.0.0.0/8"],
        "hsts_max_age_s": 31_536_000,
        "default_tenant": "acme",
    }));

    let config = config.unwrap();
    assert_eq!((config.body_bytes_max, config.deadline_ms.get()), (1024, 500));
    assert_eq!(config.rate_limit.unwrap().burst.get(), 10);
    assert_eq!(config.rate_limit.unwrap().keys_max.get(), 100_000);
    assert_eq!(read(json!({ "rate_limit": null })).unwrap().rate_limit, None);
}

#[test]
fn what_would_not_work_is_refused() {
    let refused = [
        json!({ "body_byte_max": 1024 }),
        json!({ "deadline_ms": 0 }),
        json!({ "concurrency_max": 0 }),
        json!({ "rate_limit": { "per_second": 0 } }),
        json!({ "cors_origins": ["*"] }),
        json!({ "trusted_proxies": ["10.0.0.0/33"] }),
    ];

    for config in refused {
        assert!(read(config.clone()).is_err(), "{config}");
    }
}
