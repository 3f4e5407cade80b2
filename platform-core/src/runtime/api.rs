//! Puts the routes of all modules and their OpenAPI documents together.

use std::collections::BTreeMap;

use axum::Router;
use utoipa::openapi::path::PathItem;
use utoipa::openapi::{InfoBuilder, OpenApi, OpenApiBuilder};
use utoipa_axum::router::OpenApiRouter;

use super::build_error::BuildFault;

/// The routes so far, their document, and who serves what.
pub(super) struct Api {
    router: Router,
    openapi: OpenApi,
    served: BTreeMap<(String, &'static str), &'static str>,
}

impl Api {
    pub(super) fn new(title: &str, version: &str) -> Self {
        let info = InfoBuilder::new().title(title).version(version).build();
        Self {
            router: Router::new(),
            openapi: OpenApiBuilder::new().info(info).build(),
            served: BTreeMap::new(),
        }
    }

    /// Adds the routes of a module, or reports which of them others serve already.
    pub(super) fn add(&mut self, module: &'static str, routes: OpenApiRouter, faults: &mut Vec<BuildFault>) {
        let (router, openapi) = routes.split_for_parts();
        let before = faults.len();
        for (path, item) in &openapi.paths.paths {
            for method in methods(item) {
                if let Some(first) = self.served.insert((shape(path), method), module) {
                    faults.push(BuildFault::DuplicateRoute {
                        method,
                        path: path.clone(),
                        first,
                        second: module,
                    });
                }
            }
        }
        // The router panics on a route that exists; the fault above is the better message.
        if faults.len() == before {
            self.router = std::mem::take(&mut self.router).merge(router);
            self.openapi.merge(openapi);
        }
    }

    pub(super) fn into_parts(self) -> (Router, OpenApi) {
        (self.router, self.openapi)
    }
}

fn methods(item: &PathItem) -> impl Iterator<Item = &'static str> {
    let methods = [
        ("GET", item.get.is_some()),
        ("PUT", item.put.is_some()),
        ("POST", item.post.is_some()),
        ("DELETE", item.delete.is_some()),
        ("OPTIONS", item.options.is_some()),
        ("HEAD", item.head.is_some()),
        ("PATCH", item.patch.is_some()),
        ("TRACE", item.trace.is_some()),
    ];
    methods
        .into_iter()
        .filter(|(_, served)| *served)
        .map(|(name, _)| name)
}

/// A path without the names of its parameters: `/orders/{id}` and `/orders/{order}` are one route.
fn shape(path: &str) -> String {
    let segments = path
        .split('/')
        .map(|segment| if segment.starts_with('{') { "{}" } else { segment });
    segments.collect::<Vec<_>>().join("/")
}
