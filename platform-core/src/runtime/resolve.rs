//! Puts modules in an order in which each finds what it needs.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use semver::{Version, VersionReq};

use super::descriptor::{Descriptor, Need};

/// Everything that is wrong with a set of modules.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", lines(.0))]
pub struct ResolveErrors(Vec<ResolveError>);

impl ResolveErrors {
    /// The faults, in the order of the modules that have them; cycles last.
    pub fn all(&self) -> &[ResolveError] {
        &self.0
    }
}

/// One thing that is wrong with a set of modules.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ResolveError {
    /// A version or a requirement is not in the form of Semantic Versioning.
    #[error("module {module}: `{text}` is not a version of {of}: {problem}")]
    UnreadableVersion {
        /// The module that wrote it.
        module: &'static str,
        /// The module it speaks of.
        of: &'static str,
        /// What was written.
        text: String,
        /// What the parser found.
        problem: String,
    },
    /// Two modules have one name.
    #[error("two modules are named {0}")]
    DuplicateName(&'static str),
    /// A module that is needed is not there.
    #[error("module {module} requires {name} {versions}, which is not there")]
    Missing {
        /// The module that needs it.
        module: &'static str,
        /// What it needs.
        name: &'static str,
        /// The versions that would do.
        versions: VersionReq,
    },
    /// A module is there in a version that does not suit all who need it.
    #[error("{name} is {version}, but {}{}", demands(.refused_by), suits(.accepted_by))]
    Conflict {
        /// The module that is needed.
        name: &'static str,
        /// The version it has.
        version: Version,
        /// Who cannot work with this version.
        refused_by: Vec<Demand>,
        /// Who can.
        accepted_by: Vec<Demand>,
    },
    /// Modules need each other.
    #[error("modules need each other: {}", .path.join(" -> "))]
    Cycle {
        /// Each needs the next; the last is the first again.
        path: Vec<&'static str>,
    },
}

/// What one module demands of another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Demand {
    /// Who demands it.
    pub module: &'static str,
    /// The versions that will do.
    pub versions: VersionReq,
}

impl fmt::Display for Demand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} requires {}", self.module, self.versions)
    }
}

/// The indices of the modules in dependency order. Modules that do not depend on each other keep the order they were given in.
pub(super) fn resolve(modules: &[Descriptor]) -> Result<Vec<usize>, ResolveErrors> {
    let mut faults = Vec::new();
    let index = index_of(modules, &mut faults);
    unreadable_versions(modules, &mut faults);
    unmet(modules, &index, &mut faults);
    conflicts(modules, &index, &mut faults);
    let order = order(modules, &index, &mut faults);
    if faults.is_empty() {
        Ok(order)
    } else {
        Err(ResolveErrors(faults))
    }
}

fn index_of(modules: &[Descriptor], faults: &mut Vec<ResolveError>) -> BTreeMap<&'static str, usize> {
    let mut index = BTreeMap::new();
    let mut twice = BTreeSet::new();
    for (at, module) in modules.iter().enumerate() {
        if index.contains_key(module.name()) {
            if twice.insert(module.name()) {
                faults.push(ResolveError::DuplicateName(module.name()));
            }
        } else {
            index.insert(module.name(), at);
        }
    }
    index
}

fn unreadable_versions(modules: &[Descriptor], faults: &mut Vec<ResolveError>) {
    for module in modules {
        for unreadable in module.unreadable() {
            faults.push(ResolveError::UnreadableVersion {
                module: module.name(),
                of: unreadable.of,
                text: unreadable.text.clone(),
                problem: unreadable.problem.clone(),
            });
        }
    }
}

fn unmet(modules: &[Descriptor], index: &BTreeMap<&'static str, usize>, faults: &mut Vec<ResolveError>) {
    for module in modules {
        for requirement in module.requirements() {
            if requirement.need == Need::Hard && !index.contains_key(requirement.name) {
                faults.push(ResolveError::Missing {
                    module: module.name(),
                    name: requirement.name,
                    versions: requirement.versions.clone(),
                });
            }
        }
    }
}

fn conflicts(modules: &[Descriptor], index: &BTreeMap<&'static str, usize>, faults: &mut Vec<ResolveError>) {
    for (&name, &at) in index {
        let needed = &modules[at];
        // The version of a module that could not be read is reported as such; comparing it would blame its dependants.
        if needed.unreadable().iter().any(|unreadable| unreadable.of == name) {
            continue;
        }
        let (accepted_by, refused_by): (Vec<_>, Vec<_>) = modules
            .iter()
            .flat_map(|module| demands_of(module, name))
            .partition(|demand| demand.versions.matches(needed.version()));
        if !refused_by.is_empty() {
            faults.push(ResolveError::Conflict {
                name,
                version: needed.version().clone(),
                refused_by,
                accepted_by,
            });
        }
    }
}

fn demands_of<'a>(module: &'a Descriptor, name: &'a str) -> impl Iterator<Item = Demand> + 'a {
    let requirements = module
        .requirements()
        .iter()
        .filter(move |requirement| requirement.name == name);
    requirements.map(|requirement| Demand {
        module: module.name(),
        versions: requirement.versions.clone(),
    })
}

/// Takes, again and again, the first module whose needs are all taken. When there is none the rest holds a cycle, which is
/// reported and taken as one, so that a second cycle is found too.
fn order(
    modules: &[Descriptor],
    index: &BTreeMap<&'static str, usize>,
    faults: &mut Vec<ResolveError>,
) -> Vec<usize> {
    let needs: Vec<Vec<usize>> = modules.iter().map(|module| needs_of(module, index)).collect();
    let mut taken = vec![false; modules.len()];
    let mut order = Vec::with_capacity(modules.len());
    while order.len() < modules.len() {
        let ready = (0..modules.len()).find(|&at| !taken[at] && needs[at].iter().all(|&need| taken[need]));
        let next = match ready {
            Some(at) => vec![at],
            None => {
                let cycle = find_cycle(&needs, &taken);
                let names = cycle.iter().chain(cycle.first()).map(|&at| modules[at].name());
                faults.push(ResolveError::Cycle {
                    path: names.collect(),
                });
                cycle
            }
        };
        for at in next {
            taken[at] = true;
            order.push(at);
        }
    }
    order
}

fn needs_of(module: &Descriptor, index: &BTreeMap<&'static str, usize>) -> Vec<usize> {
    let named = module.requirements().iter();
    named
        .filter_map(|requirement| index.get(requirement.name).copied())
        .collect()
}

/// Follows needs that are not taken until one comes up twice. Every module that is left has such a need, or it would be ready.
fn find_cycle(needs: &[Vec<usize>], taken: &[bool]) -> Vec<usize> {
    let mut path: Vec<usize> = Vec::new();
    let mut at = taken.iter().position(|taken| !taken);
    while let Some(module) = at {
        if let Some(start) = path.iter().position(|&seen| seen == module) {
            return path.split_off(start);
        }
        path.push(module);
        at = needs[module].iter().copied().find(|&need| !taken[need]);
    }
    path
}

fn lines(faults: &[ResolveError]) -> String {
    let lines: Vec<String> = faults.iter().map(ToString::to_string).collect();
    lines.join("\n")
}

fn demands(demands: &[Demand]) -> String {
    let demands: Vec<String> = demands.iter().map(ToString::to_string).collect();
    demands.join(" and ")
}

fn suits(accepted_by: &[Demand]) -> String {
    if accepted_by.is_empty() {
        return String::new();
    }
    format!(", while {}", demands(accepted_by))
}
