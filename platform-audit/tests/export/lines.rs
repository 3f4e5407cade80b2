use platform_audit::{
    Event, EventFilter, Export, InclusionProof, LeafHash, Outcome, Reader, Visibility, verify_inclusion,
};
use serde_json::{Value, json};

use crate::reading::{assert_ends_well, hashes, of_kind, opened, parsed, rebuilt};
use crate::support::{MOMENT, PLACED, Place, SENT};

#[tokio::test]
async fn a_whole_export_rebuilds_the_signed_tree() {
    let place = Place::new().await;
    for batch in [3, 300, 1, 130] {
        place.record_orders(batch).await;
        place.integrate().await;
    }
    let export = place.export(Export::whole()).await;

    let lines = parsed(&export);
    let manifest = &lines[0];
    assert_eq!(manifest["kind"], "manifest");
    assert_eq!(manifest["format"], "platform-audit-export@v1");
    assert_eq!(manifest["origin"], place.key.origin(place.tenant).as_str());
    assert_eq!(manifest["tenant_id"], place.tenant.to_string());
    assert_eq!(manifest["vkey"], place.key.verifier(place.tenant).to_string());
    assert_eq!(
        (&manifest["selection"], &manifest["filter"]),
        (&json!("whole"), &json!({}))
    );
    assert_eq!(
        (&manifest["first_seq"], &manifest["size"]),
        (&json!(0), &json!(434))
    );
    assert_eq!(
        (&manifest["range"], &manifest["pending"]),
        (&json!([]), &json!(0))
    );
    assert_eq!(
        rebuilt(&place, &lines).head(),
        opened(&place, &manifest["checkpoint"])
    );
    assert_eq!(of_kind(&lines, "event").len(), 434);
    assert_eq!(of_kind(&lines, "checkpoint").len(), 3);
    assert_ends_well(&export, &lines);
}

#[tokio::test]
async fn an_export_can_begin_where_an_earlier_one_ended() {
    let place = Place::new().await;
    place.record_orders(270).await;
    let before = place.integrate().await;
    place.record_orders(20).await;
    place.integrate().await;

    for first in [1, 255, 256, before, 290] {
        let export = place.export(Export::whole_from(first)).await;
        let lines = parsed(&export);
        assert_eq!(
            rebuilt(&place, &lines).head(),
            opened(&place, &lines[0]["checkpoint"]),
            "{first}"
        );
        assert_eq!(
            u64::try_from(of_kind(&lines, "event").len()).unwrap(),
            290 - first
        );
        // The checkpoint of the very first position is there too, which shows that the range is authentic.
        assert_eq!(of_kind(&lines, "checkpoint").len(), usize::from(first <= before));
        assert_ends_well(&export, &lines);
    }
}

#[tokio::test]
async fn a_selected_export_proves_every_event_on_its_own() {
    let place = Place::new().await;
    for n in 0..400_usize {
        let action = if n.is_multiple_of(3) { SENT } else { PLACED };
        place
            .record(Event::new(action, Outcome::Success).target("n", n.to_string()))
            .await;
    }
    place.integrate().await;

    let export = place
        .export(Export::selected(EventFilter::new().action("parcel.")))
        .await;

    let lines = parsed(&export);
    assert_eq!(lines[0]["selection"], "selected");
    assert_eq!(lines[0]["filter"], json!({ "action": "parcel." }));
    assert_eq!(lines[0]["range"], json!([]));
    let head = opened(&place, &lines[0]["checkpoint"]);
    let events = of_kind(&lines, "event");
    assert_eq!(events.len(), 134);
    assert_eq!(lines.len(), 136);
    let mut last = None;
    for event in events {
        let (seq, entry) = (event["seq"].as_u64().unwrap(), event["entry"].as_str().unwrap());
        let proof = InclusionProof {
            hashes: hashes(&event["proof"]),
        };
        assert_eq!(
            verify_inclusion(LeafHash::of(entry.as_bytes()), seq, &head, &proof),
            Ok(())
        );
        assert!(entry.contains("parcel.send"));
        assert!(last < Some(seq));
        last = Some(seq);
    }
    assert_ends_well(&export, &lines);
}

#[tokio::test]
async fn what_is_not_signed_yet_is_left_out_and_counted() {
    let place = Place::new().await;
    place.record_orders(4).await;
    place.integrate().await;
    place.record_orders(2).await;
    place.sequence().await;
    place.record_orders(3).await;
    place.record(Event::new(SENT, Outcome::Success)).await;

    let whole = parsed(&place.export(Export::whole()).await);
    let orders = parsed(
        &place
            .export(Export::selected(EventFilter::new().action("order.place")))
            .await,
    );

    assert_eq!(of_kind(&whole, "event").len(), 4);
    assert_eq!(whole[0]["pending"], 6);
    assert_eq!(of_kind(&orders, "event").len(), 4);
    assert_eq!(orders[0]["pending"], 5);
}

#[tokio::test]
async fn what_is_hidden_or_deleted_is_a_hash_in_a_whole_export_and_nothing_in_a_selected_one() {
    let place = Place::new().await;
    place.record_orders(2).await;
    let hidden = Event::new(PLACED, Outcome::Success)
        .visibility(Visibility::Platform)
        .retention(MOMENT);
    place.record(hidden).await;
    place.record_orders(2).await;
    place.integrate().await;
    place.forget(3).await;

    let export = place.export(Export::whole()).await;
    let lines = parsed(&export);
    let leaves: Vec<_> = of_kind(&lines, "leaf")
        .iter()
        .map(|line| (line["seq"].clone(), line["why"].clone()))
        .collect();
    assert_eq!(
        leaves,
        [(json!(2), json!("withheld")), (json!(3), json!("pruned"))]
    );
    assert_eq!(
        rebuilt(&place, &lines).head(),
        opened(&place, &lines[0]["checkpoint"])
    );
    assert_ends_well(&export, &lines);
    assert!(!export.contains("\\\"visibility\\\":\\\"platform\\\""));

    let selected = parsed(&place.export(Export::selected(EventFilter::new())).await);
    let seqs: Vec<_> = of_kind(&selected, "event")
        .iter()
        .map(|line| line["seq"].as_u64().unwrap())
        .collect();
    assert_eq!(seqs, [0, 1, 4]);

    let platforms = parsed(&place.export(Export::whole().reader(Reader::Platform)).await);
    assert_eq!(of_kind(&platforms, "leaf").len(), 1);
    let platforms = parsed(
        &place
            .export(Export::selected(EventFilter::new()).reader(Reader::Platform))
            .await,
    );
    assert_eq!(of_kind(&platforms, "event").len(), 4);
}

#[tokio::test]
async fn no_text_of_an_event_breaks_out_of_its_line() {
    let place = Place::new().await;
    let hostile = "a\nb\r\n{\"kind\":\"end\"}\u{2028}\u{202e}\"\\\u{7f}\t\u{1}é𝄞";
    let event = Event::new(PLACED, Outcome::Failure)
        .target("order", hostile)
        .reason(hostile)
        .detail(json!({ hostile: [hostile, 1e300, -0.0, 12345678901234567890_u64] }));
    place.record(event).await;
    place.integrate().await;

    let export = place.export(Export::whole()).await;
    let lines = parsed(&export);

    assert_eq!(lines.len(), 3);
    assert_eq!(
        rebuilt(&place, &lines).head(),
        opened(&place, &lines[0]["checkpoint"])
    );
    let entry: Value = serde_json::from_str(lines[1]["entry"].as_str().unwrap()).unwrap();
    assert_eq!(entry["reason"], hostile);
}
