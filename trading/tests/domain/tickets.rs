//! What is wrong with an order as a client writes it.

use trading::{OrderType, ParseSymbolError, Pricing, Side, Symbol, Ticket, TimeInForce};

fn ticket(json: &str) -> Ticket {
    serde_json::from_str(json).unwrap()
}

fn problems(json: &str) -> Vec<(&'static str, &'static str)> {
    match ticket(json).validate() {
        Ok(_) => Vec::new(),
        Err(problems) => problems
            .iter()
            .map(|error| (error.field, error.problem.code()))
            .collect(),
    }
}

#[test]
fn a_complete_ticket_becomes_terms() {
    let terms = ticket(
        r#"{ "symbol": "AAPL", "side": "sell", "order_type": "limit", "quantity": 1.5, "limit_price": "178.50", "time_in_force": "gtc" }"#,
    )
    .validate()
    .unwrap();

    assert_eq!((terms.symbol().as_str(), terms.side()), ("AAPL", Side::Sell));
    assert_eq!(terms.quantity().to_string(), "1.5");
    assert_eq!(
        terms.pricing(),
        Pricing::Limit {
            limit: "178.50".parse().unwrap()
        }
    );
    assert_eq!(terms.time_in_force(), TimeInForce::Gtc);
}

#[test]
fn the_time_in_force_is_the_day_unless_it_is_said() {
    let terms = ticket(r#"{ "symbol": "AAPL", "side": "buy", "order_type": "market", "quantity": "1" }"#);
    assert_eq!(terms.validate().unwrap().time_in_force(), TimeInForce::Day);
}

#[test]
fn an_empty_ticket_misses_every_required_field() {
    let missing = ["symbol", "side", "order_type", "quantity"].map(|field| (field, "missing_field"));
    assert_eq!(problems("{}"), missing);
}

#[test]
fn each_type_has_the_prices_it_needs_and_no_others() {
    let with = |order_type: &str, prices: &str| {
        problems(&format!(
            r#"{{ "symbol": "AAPL", "side": "buy", "quantity": "1", "order_type": "{order_type}"{prices} }}"#
        ))
    };
    let limit = r#", "limit_price": "10""#;
    let stop = r#", "stop_price": "11""#;
    let both = r#", "limit_price": "10", "stop_price": "11""#;
    for (order_type, prices, expected) in [
        ("market", "", vec![]),
        ("market", limit, vec![("limit_price", "unexpected_field")]),
        ("market", stop, vec![("stop_price", "unexpected_field")]),
        ("limit", limit, vec![]),
        ("limit", "", vec![("limit_price", "missing_field")]),
        ("limit", both, vec![("stop_price", "unexpected_field")]),
        ("stop", stop, vec![]),
        ("stop", "", vec![("stop_price", "missing_field")]),
        ("stop", both, vec![("limit_price", "unexpected_field")]),
        ("stop_limit", both, vec![]),
        ("stop_limit", stop, vec![("limit_price", "missing_field")]),
        ("stop_limit", limit, vec![("stop_price", "missing_field")]),
    ] {
        assert_eq!(with(order_type, prices), expected, "{order_type}{prices}");
    }
}

#[test]
fn all_problems_are_named_at_once() {
    let found = problems(
        r#"{ "symbol": "aapl", "side": "BUY", "order_type": "limit", "quantity": "-1", "limit_price": 1.00001, "time_in_force": "ever" }"#,
    );
    assert_eq!(
        found,
        [
            ("symbol", "malformed_symbol"),
            ("side", "unknown_value"),
            ("quantity", "out_of_range"),
            ("limit_price", "too_many_decimals"),
            ("time_in_force", "unknown_value"),
        ]
    );
}

#[test]
fn an_order_for_nothing_is_out_of_range() {
    let found = problems(r#"{ "symbol": "AAPL", "side": "buy", "order_type": "market", "quantity": 0 }"#);
    assert_eq!(found, [("quantity", "out_of_range")]);
}

#[test]
fn a_stop_cannot_be_immediate() {
    for time_in_force in ["ioc", "fok"] {
        let found = problems(&format!(
            r#"{{ "symbol": "AAPL", "side": "buy", "order_type": "stop", "quantity": "1", "stop_price": "9", "time_in_force": "{time_in_force}" }}"#
        ));
        assert_eq!(found, [("time_in_force", "unsupported_time_in_force")]);
    }
}

#[test]
fn a_mistyped_field_is_refused() {
    assert!(serde_json::from_str::<Ticket>(r#"{ "limitprice": "1" }"#).is_err());
    assert!(serde_json::from_str::<Ticket>(r#"{ "client_order_id": "has space" }"#).is_err());
    assert!(
        serde_json::from_str::<Ticket>(&format!(r#"{{ "client_order_id": "{}" }}"#, "x".repeat(129)))
            .is_err()
    );
}

#[test]
fn terms_are_written_with_one_field_for_each_column() {
    let terms = ticket(
        r#"{ "symbol": "AAPL", "side": "buy", "order_type": "limit", "quantity": 2, "limit_price": 10 }"#,
    );
    let json = serde_json::to_value(terms.validate().unwrap()).unwrap();
    assert_eq!(
        json,
        serde_json::json!({ "symbol": "AAPL", "side": "buy", "order_type": "limit", "quantity": "2", "limit_price": "10.00", "time_in_force": "day" })
    );
    assert_eq!(OrderType::StopLimit.as_str(), "stop_limit");
}

#[test]
fn a_symbol_is_one_to_twelve_capitals_digits_points_and_hyphens() {
    for text in ["A", "BRK.B", "BTC-USD", "ABCDEFGHIJKL", "3M"] {
        assert_eq!(
            text.parse::<Symbol>().map(|symbol| symbol.to_string()),
            Ok(text.to_owned())
        );
    }
    for text in ["", "aapl", "A B", "ABCDEFGHIJKLM", "Ä", "A\0", "A/B", "A_B"] {
        assert_eq!(text.parse::<Symbol>(), Err(ParseSymbolError), "{text:?}");
    }
}
