use std::sync::{Arc, Mutex};

use platform_core::runtime::{
    BuildError, BuildFault, Check, Descriptor, HEALTH, METRICS, ModuleError, OpenApiRouter, Parts, Worker,
};
use platform_core::{Permission, PermissionInfo};
use utoipa_axum::routes;

use crate::support::{builder, building, module};

trait Prices: Send + Sync {
    fn price_e4(&self) -> i64;
}

struct Fixed;

impl Prices for Fixed {
    fn price_e4(&self) -> i64 {
        1_000_000
    }
}

fn refusal(builder: platform_core::runtime::PlatformBuilder) -> String {
    builder.build().unwrap_err().to_string()
}

fn idle(name: &'static str) -> Worker {
    Worker::new(name, |stop| async move {
        stop.cancelled().await;
        Ok(())
    })
}

#[utoipa::path(get, path = "/api/v1/parcels/{id}", responses((status = 200)))]
async fn parcel() {}

#[utoipa::path(get, path = "/api/v1/parcels/{parcel}", responses((status = 200)))]
async fn parcel_again() {}

#[test]
fn a_module_calls_another_through_the_handle_it_provides() {
    let user = building(
        Descriptor::new("orders", "1.0.0").requires("market", "^1"),
        |cx| {
            let prices = cx.require::<Arc<dyn Prices>>()?;
            assert_eq!(prices.price_e4(), 1_000_000);
            Ok(Parts::default())
        },
    );
    let provider = building(Descriptor::new("market", "1.0.0"), |cx| {
        cx.provide::<Arc<dyn Prices>>(Arc::new(Fixed));
        Ok(Parts::default())
    });

    builder().module(user).module(Arc::new(provider)).build().unwrap();
}

#[test]
fn the_service_provides_handles_to_every_module() {
    let user = building(Descriptor::new("orders", "1.0.0"), |cx| {
        assert_eq!(cx.require::<u32>()?, 7);
        assert_eq!(cx.get::<u64>()?, None);
        Ok(Parts::default())
    });

    builder().provide(7_u32).module(user).build().unwrap();
}

#[test]
fn a_handle_of_an_unnamed_module_is_refused() {
    let provider = building(Descriptor::new("market", "1.0.0"), |cx| {
        cx.provide(7_u32);
        Ok(Parts::default())
    });
    let user = building(Descriptor::new("orders", "1.0.0"), |cx| {
        cx.require::<u32>()?;
        Ok(Parts::default())
    });

    assert_eq!(
        refusal(builder().module(provider).module(user)),
        "module orders cannot be built: it takes u32 from market without naming market in its requirements"
    );
}

#[test]
fn every_fault_is_reported_but_not_its_consequences() {
    let broken = building(Descriptor::new("market", "1.0.0"), |_| {
        Err(ModuleError::failed(std::io::Error::other("no such feed")))
    });
    let dependent = building(Descriptor::new("orders", "1.0.0").requires("market", "*"), |cx| {
        cx.require::<u32>()?;
        Ok(Parts::default())
    });
    let without_database = building(Descriptor::new("ledger", "1.0.0"), |cx| {
        cx.db()?;
        Ok(Parts::default())
    });
    let own = Parts {
        workers: vec![idle("tick"), idle("tick")],
        health: vec![
            Check::soft("disk", || async { Ok(()) }),
            Check::critical("disk", || async { Ok(()) }),
        ],
        ..Parts::default()
    };

    let refusal = builder()
        .provide(1_u8)
        .provide(2_u8)
        .module(broken)
        .module(dependent)
        .module(without_database)
        .parts(own)
        .build()
        .unwrap_err();

    let BuildError::Faults(faults) = &refusal else {
        panic!("{refusal}")
    };
    assert!(matches!(faults[0], BuildFault::Module { module: "market", .. }));
    let lines = refusal.to_string();
    assert_eq!(
        lines.lines().collect::<Vec<_>>(),
        [
            "module market cannot be built: it could not be built: no such feed",
            "module ledger cannot be built: it needs a database",
            "a u8 is provided twice",
            "two workers are named tick",
            "two checks are named disk",
        ]
    );
}

#[test]
fn two_modules_cannot_serve_one_route() {
    let first = building(Descriptor::new("parcels", "1.0.0"), |_| {
        let routes = Some(OpenApiRouter::new().routes(routes!(parcel)));
        Ok(Parts {
            routes,
            ..Parts::default()
        })
    });
    let second = building(Descriptor::new("post", "1.0.0"), |_| {
        let routes = Some(OpenApiRouter::new().routes(routes!(parcel_again)));
        Ok(Parts {
            routes,
            ..Parts::default()
        })
    });

    assert_eq!(
        refusal(builder().module(first).module(second)),
        "parcels and post both serve GET /api/v1/parcels/{parcel}"
    );
}

#[test]
fn the_document_and_the_permissions_are_those_of_all_modules() {
    let send = Permission::new("parcels:send");
    let parcels = building(Descriptor::new("parcels", "1.0.0").permission(send), |_| {
        let routes = Some(OpenApiRouter::new().routes(routes!(parcel)));
        Ok(Parts {
            routes,
            ..Parts::default()
        })
    });

    let platform = builder()
        .openapi_info("Parcels", "2.1.0")
        .module(parcels)
        .module(module(Descriptor::new("post", "1.0.0")))
        .build()
        .unwrap();

    assert_eq!(platform.permissions(), [HEALTH, METRICS, send]);
    assert_eq!(platform.openapi().info.title, "Parcels");
    assert_eq!(platform.openapi().info.version, "2.1.0");
    assert!(
        platform
            .openapi()
            .paths
            .paths
            .contains_key("/api/v1/parcels/{id}")
    );
}

#[test]
fn a_module_sees_what_every_module_declares_before_they_are_built() {
    let send = PermissionInfo::assignable(Permission::new("parcels:send"), "Send parcels");
    let weigh = Permission::new("parcels:weigh");
    let seen = Arc::new(Mutex::new(Vec::new()));
    let kept = seen.clone();
    let watcher = building(Descriptor::new("auth", "1.0.0"), move |cx| {
        *kept.lock().unwrap() = cx.permissions().to_vec();
        Ok(Parts::default())
    });
    let parcels = Descriptor::new("parcels", "1.0.0")
        .requires("auth", "*")
        .permission(send)
        .permission(weigh);

    builder().module(module(parcels)).module(watcher).build().unwrap();

    let seen = seen.lock().unwrap();
    assert!(seen.contains(&send));
    assert!(seen.contains(&PermissionInfo::platform_only(weigh, "")));
    let runtimes = seen
        .iter()
        .filter(|info| [HEALTH, METRICS].contains(&info.permission()));
    assert!(runtimes.clone().count() == 2 && runtimes.clone().all(|info| !info.is_assignable()));
}
