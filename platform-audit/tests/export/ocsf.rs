//! What OCSF 1.6.0 says of the classes that are used, and whether it is kept.

use platform_audit::{
    Action, Activity, Event, Export, ExportFormat, Outcome, SIGNED_IN, SIGNED_OUT, SignInFailure, registered,
    sign_in_failed, sign_in_succeeded, signed_out,
};
use platform_core::{Principal, PrincipalId, RequestContext, RequestMeta, Sources};
use serde_json::{Value, json};

use crate::support::Place;

const DID: Action = Action::new("thing.did");

/// The attributes that every event must have.
const BASE: [&str; 8] = [
    "activity_id",
    "category_uid",
    "class_uid",
    "metadata",
    "severity_id",
    "status_id",
    "time",
    "type_uid",
];

/// The category, the activities and the further required attributes of a class.
fn class(uid: u64) -> (u64, &'static [u64], &'static [&'static str]) {
    match uid {
        3002 => (3, &[1, 2], &["user"]),
        3005 => (3, &[1, 2], &["user", "privileges"]),
        6003 => (6, &[1, 2, 3, 4, 99], &["actor", "api", "src_endpoint"]),
        other => panic!("{other}"),
    }
}

fn has_one_of(object: &Value, names: &[&str]) -> bool {
    names
        .iter()
        .any(|name| object[*name].as_str().is_some_and(|text| !text.is_empty()))
}

fn assert_conforms(event: &Value) {
    let class_uid = event["class_uid"].as_u64().unwrap();
    let activity_id = event["activity_id"].as_u64().unwrap();
    let (category, activities, required) = class(class_uid);
    for name in BASE.iter().chain(required) {
        assert!(!event[*name].is_null(), "{name}: {event}");
    }
    assert_eq!(event["category_uid"], category);
    assert!(activities.contains(&activity_id), "{event}");
    assert_eq!(event["type_uid"], class_uid * 100 + activity_id);
    assert!((1..=5).contains(&event["severity_id"].as_u64().unwrap()));
    assert!((1..=2).contains(&event["status_id"].as_u64().unwrap()));
    assert!(event["time"].as_i64().unwrap() > 1_700_000_000_000);
    let metadata = &event["metadata"];
    assert_eq!(metadata["version"], "1.6.0");
    assert!(has_one_of(&metadata["product"], &["name", "uid"]));
    assert!(has_one_of(
        &event["src_endpoint"],
        &["ip", "uid", "name", "hostname"]
    ));
    if let Some(user) = event.get("user") {
        assert!(has_one_of(user, &["name", "uid"]), "{event}");
    }
    let actor = &event["actor"];
    assert!(
        has_one_of(actor, &["app_name"]) || has_one_of(&actor["user"], &["name", "uid"]),
        "{event}"
    );
    match class_uid {
        3002 => assert!(has_one_of(&event["service"], &["name", "uid"])),
        3005 => assert!(!event["privileges"].as_array().unwrap().is_empty()),
        _ => {
            assert!(has_one_of(&event["api"], &["operation"]));
            assert!(has_one_of(&event["api"]["request"], &["uid"]));
        }
    }
}

async fn exported(place: &Place) -> Vec<Value> {
    place.integrate().await;
    let export = place.export(Export::whole().format(ExportFormat::Ocsf)).await;
    let events: Vec<Value> = export
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    events.iter().for_each(assert_conforms);
    events
}

fn a_user(place: &Place) -> (PrincipalId, RequestContext) {
    let sources = Sources::system();
    let id = PrincipalId::generate(&sources);
    let meta = RequestMeta {
        source_address: Some("192.0.2.7".parse().unwrap()),
        user_agent: Some("curl/8".to_owned()),
        ..RequestMeta::internal(&sources)
    };
    let principal = Principal::user(id, Default::default());
    (
        id,
        RequestContext::authenticated(place.tenant, principal, meta).in_session(sources.uuid_v7()),
    )
}

#[tokio::test]
async fn every_activity_and_outcome_becomes_a_conforming_event() {
    let place = Place::new().await;
    let (user, by_user) = a_user(&place);
    let anonymous = RequestContext::anonymous(place.tenant, RequestMeta::internal(&Sources::system()));
    for activity in Activity::ALL {
        for outcome in Outcome::ALL {
            let event = || Event::new(DID, *outcome).activity(*activity);
            place
                .record_as(
                    &by_user,
                    event().target("user", user.to_string()).target("role", "admin"),
                )
                .await;
            place.record_as(&place.ctx, event()).await;
            place.record_as(&anonymous, event().reason("why")).await;
        }
    }

    let events = exported(&place).await;

    assert_eq!(events.len(), 3 * Activity::ALL.len() * Outcome::ALL.len());
}

#[tokio::test]
async fn signing_in_and_out_is_authentication() {
    let place = Place::new().await;
    let (user, ctx) = a_user(&place);
    let anonymous = RequestContext::anonymous(place.tenant, RequestMeta::internal(&Sources::system()));
    let sign_in = |event: Event| event.activity(Activity::SignIn);
    place
        .record_as(&ctx, sign_in(sign_in_succeeded(user, "password")))
        .await;
    place
        .record_as(
            &anonymous,
            sign_in(sign_in_failed("a@b.example", SignInFailure::UnknownUser)),
        )
        .await;
    place
        .record_as(
            &anonymous,
            sign_in(sign_in_failed("a@b.example", SignInFailure::WrongPassword(user))),
        )
        .await;
    place
        .record_as(&ctx, signed_out(user).activity(Activity::SignOut))
        .await;
    place
        .record_as(&ctx, registered(user, "a@b.example").activity(Activity::Create))
        .await;

    let events = exported(&place).await;

    let types: Vec<_> = events
        .iter()
        .map(|event| event["type_uid"].as_u64().unwrap())
        .collect();
    assert_eq!(types, [300_201, 300_201, 300_201, 300_202, 600_301]);
    assert_eq!(events[0]["user"]["uid"], user.to_string());
    assert_eq!(events[0]["session"]["uid"], ctx.session().unwrap().to_string());
    assert_eq!(events[0]["src_endpoint"], json!({ "ip": "192.0.2.7" }));
    assert_eq!(events[0]["http_request"], json!({ "user_agent": "curl/8" }));
    assert_eq!(events[0]["message"], SIGNED_IN.name());
    assert_eq!(
        (&events[0]["status_id"], &events[0]["status"]),
        (&json!(1), &json!("Success"))
    );
    assert_eq!(events[1]["user"]["name"], "unknown");
    assert_eq!(
        (&events[1]["status_id"], &events[1]["status_detail"]),
        (&json!(2), &json!("unknown_user"))
    );
    assert_eq!(events[2]["user"]["uid"], user.to_string());
    assert_eq!(events[3]["metadata"]["event_code"], SIGNED_OUT.name());
}

#[tokio::test]
async fn a_right_given_to_a_user_is_user_access_management() {
    let place = Place::new().await;
    let (user, ctx) = a_user(&place);
    let event = |activity| Event::new(DID, Outcome::Success).activity(activity);
    let about_user = |activity| event(activity).target("user", user.to_string());
    place
        .record_as(&ctx, about_user(Activity::Grant).target("role", "admin"))
        .await;
    place.record_as(&ctx, about_user(Activity::Revoke)).await;
    place
        .record_as(&ctx, event(Activity::Grant).target("api_key", "k"))
        .await;

    let events = exported(&place).await;

    let types: Vec<_> = events
        .iter()
        .map(|event| event["type_uid"].as_u64().unwrap())
        .collect();
    assert_eq!(types, [300_501, 300_502, 600_399]);
    assert_eq!(events[0]["privileges"], json!(["role:admin"]));
    assert_eq!(events[1]["privileges"], json!(["thing.did"]));
    assert_eq!(events[2]["activity_name"], "grant");
}

#[tokio::test]
async fn nothing_of_an_event_is_lost() {
    let place = Place::new().await;
    let (user, ctx) = a_user(&place);
    let customer = Principal::user(PrincipalId::generate(&Sources::system()), Default::default());
    let ctx = ctx.on_behalf_of(customer.clone());
    let event = Event::new(DID, Outcome::Denied)
        .activity(Activity::Update)
        .target("thing", "1")
        .reason("too_big")
        .detail(json!({ "exact": 12345678901234567890_u64 }));
    let id = place.record_as(&ctx, event).await;

    let events = exported(&place).await;
    let event = &events[0];

    assert_eq!(event["actor"]["user"]["uid"], user.to_string());
    assert_eq!(
        event["actor"]["session"]["uid"],
        ctx.session().unwrap().to_string()
    );
    assert_eq!(
        event["resources"],
        json!([{ "type": "thing", "uid": "1", "role_id": 1, "role": "Target" }])
    );
    assert_eq!(event["api"]["request"]["uid"], ctx.meta().request_id.to_string());
    assert_eq!(
        (&event["status_code"], &event["status_detail"]),
        (&json!("denied"), &json!("too_big"))
    );
    let metadata = &event["metadata"];
    assert_eq!(
        (&metadata["uid"], &metadata["sequence"]),
        (&json!(id.to_string()), &json!(0))
    );
    assert_eq!(metadata["tenant_uid"], place.tenant.to_string());
    assert_eq!(metadata["correlation_uid"], ctx.meta().trace.trace_id());
    assert_eq!(metadata["log_name"], place.key.origin(place.tenant).as_str());
    let unmapped = &event["unmapped"];
    assert_eq!(unmapped["on_behalf_of"], customer.id().unwrap().to_string());
    assert_eq!(unmapped["detail"]["exact"].to_string(), "12345678901234567890");
    assert_eq!(unmapped["seq"], 0);
    let mut read = place.db.read(&place.ctx).await.unwrap();
    let entry = place.log.entry(&mut read, id).await.unwrap().unwrap();
    let leaf = platform_audit::NodeHash::from(platform_audit::LeafHash::of(&entry));
    assert_eq!(unmapped["leaf"], leaf.to_base64());
}

#[tokio::test]
async fn a_job_of_the_program_acts_under_its_name_and_purpose() {
    let place = Place::new().await;
    place.record(Event::new(DID, Outcome::Success)).await;

    let events = exported(&place).await;

    assert_eq!(
        events[0]["actor"],
        json!({ "app_name": "platform-audit", "invoked_by": "test" })
    );
    assert_eq!(events[0]["src_endpoint"], json!({ "name": "platform-audit" }));
}
