//! Puts the routes of all modules and their OpenAPI documents together.

use std::collections::BTreeMap;

use axum::Router;
use utoipa::openapi::OpenApi;
use utoipa::openapi::path::PathItem;
use utoipa_axum::router::OpenApiRouter;

use super::build_error::BuildFault;
use crate::http::openapi;

/// The routes so far, their document, and who serves what.
#[derive(Default)]
pub(super) struct Api {
    router: Router,
    openapi: OpenApi,
    served: BTreeMap<(String, &'static str), &'static str>,
}

impl Api {
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

    /// The router of all, and their document under this title.
    pub(super) fn finish(self, title: &str, version: &str) -> (Router, OpenApi) {
        (self.router, openapi::document(title, version, &self.openapi))
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
