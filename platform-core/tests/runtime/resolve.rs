use platform_core::runtime::{Descriptor, Module, Platform, ResolveError};
use proptest::prelude::*;

use crate::support::{TestModule, module};

const NAMES: [&str; 10] = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j"];

fn plan(modules: &[TestModule]) -> Result<Vec<&'static str>, platform_core::runtime::ResolveErrors> {
    let modules: Vec<&dyn Module> = modules.iter().map(|module| module as &dyn Module).collect();
    let plan = Platform::plan(&modules)?;
    Ok(plan.modules().iter().map(Descriptor::name).collect())
}

fn refusal(modules: &[TestModule]) -> String {
    plan(modules).unwrap_err().to_string()
}

#[test]
fn modules_come_after_those_they_need() {
    let trading = module(Descriptor::new("trading", "0.1.0").requires("audit", "^0.1"));
    let audit = module(Descriptor::new("audit", "0.1.3").uses("crypto", "*"));
    let crypto = module(Descriptor::new("crypto", "2.0.0"));

    let order = plan(&[trading, audit, crypto]).unwrap();

    assert_eq!(order, ["crypto", "audit", "trading"]);
}

#[test]
fn a_module_that_is_only_used_may_be_absent() {
    let audit = module(Descriptor::new("audit", "0.1.3").uses("crypto", "*"));

    assert_eq!(plan(&[audit]).unwrap(), ["audit"]);
}

#[test]
fn a_cycle_is_shown_as_a_path() {
    let a = module(Descriptor::new("a", "1.0.0").requires("b", "*"));
    let b = module(Descriptor::new("b", "1.0.0").uses("c", "*"));
    let c = module(Descriptor::new("c", "1.0.0").requires("a", "*"));

    assert_eq!(refusal(&[a, b, c]), "modules need each other: a -> b -> c -> a");
}

#[test]
fn conflicting_requirements_are_shown_together() {
    let trading = module(Descriptor::new("trading", "0.4.0").requires("audit", "^2"));
    let auth = module(Descriptor::new("auth", "0.1.0").requires("audit", "^1.2"));
    let audit = module(Descriptor::new("audit", "1.3.0"));

    assert_eq!(
        refusal(&[trading, auth, audit]),
        "audit is 1.3.0, but trading requires ^2, while auth requires ^1.2"
    );
}

#[test]
fn a_module_that_is_only_used_must_still_have_a_suitable_version() {
    let audit = module(Descriptor::new("audit", "0.1.0").uses("crypto", "^3"));
    let crypto = module(Descriptor::new("crypto", "2.0.0"));

    assert_eq!(
        refusal(&[audit, crypto]),
        "crypto is 2.0.0, but audit requires ^3"
    );
}

#[test]
fn everything_that_is_wrong_is_reported_at_once() {
    let unreadable = module(Descriptor::new("a", "one").requires("b", "newest"));
    let missing = module(Descriptor::new("c", "1.0.0").requires("nobody", "^1"));
    let alone = module(Descriptor::new("d", "1.0.0").requires("d", "*"));
    let pair = module(Descriptor::new("e", "1.0.0").requires("f", "*"));
    let twin = module(Descriptor::new("f", "1.0.0").requires("e", "*"));
    let double = module(Descriptor::new("f", "1.0.0"));

    let refusal = plan(&[unreadable, missing, alone, pair, twin, double]).unwrap_err();

    let faults = refusal.all();
    let unreadable = |fault: &&ResolveError| matches!(fault, ResolveError::UnreadableVersion { .. });
    assert_eq!(faults.iter().filter(unreadable).count(), 2);
    let text = refusal.to_string();
    for line in [
        "two modules are named f",
        "module c requires nobody ^1, which is not there",
        "modules need each other: d -> d",
        "modules need each other: e -> f -> e",
    ] {
        assert!(
            text.lines().any(|shown| shown == line),
            "{line} is not in\n{text}"
        );
    }
    assert_eq!(faults.len(), 6, "{text}");
}

/// For each module the indices of those it needs.
fn needs() -> impl Strategy<Value = Vec<Vec<usize>>> {
    (1..=NAMES.len()).prop_flat_map(|size| prop::collection::vec(prop::collection::vec(0..size, 0..3), size))
}

proptest! {
    #[test]
    fn the_order_is_complete_and_right_or_the_cycle_is_real(needs in needs()) {
        let modules: Vec<TestModule> = needs.iter().zip(NAMES).map(|(needs, name)| {
            let descriptor = Descriptor::new(name, "1.0.0");
            module(needs.iter().fold(descriptor, |descriptor, &need| descriptor.requires(NAMES[need], "^1")))
        }).collect();
        let index = |name: &str| NAMES.iter().position(|known| *known == name).unwrap();

        match plan(&modules) {
            Ok(order) => {
                prop_assert_eq!(order.len(), needs.len());
                let position = |at: usize| order.iter().position(|name| *name == NAMES[at]).unwrap();
                for (at, needs) in needs.iter().enumerate() {
                    prop_assert!(needs.iter().all(|&need| position(need) < position(at)));
                }
            }
            Err(refusal) => {
                for fault in refusal.all() {
                    let ResolveError::Cycle { path } = fault else { panic!("{fault}") };
                    prop_assert!(path.len() > 1);
                    prop_assert_eq!(path.first(), path.last());
                    for step in path.windows(2) {
                        prop_assert!(needs[index(step[0])].contains(&index(step[1])));
                    }
                }
            }
        }
    }

    #[test]
    fn modules_that_need_nothing_keep_their_order(size in 0..NAMES.len()) {
        let modules: Vec<TestModule> =
            NAMES[..size].iter().rev().map(|name| module(Descriptor::new(name, "1.0.0"))).collect();

        let order = plan(&modules).unwrap();

        prop_assert!(order.iter().eq(NAMES[..size].iter().rev()));
    }
}
