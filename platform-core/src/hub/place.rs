//! The places that connections take, and whose they are.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::hash::Hash;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::facade::Inner;
use super::{HubConfig, HubError, Identity};
use crate::http::one_customer;
use crate::{PrincipalId, TenantId};

/// How many places are taken, and by whom. What it holds is bounded by the number of places.
#[derive(Debug, Default)]
pub(super) struct Places(Mutex<Taken>);

#[derive(Debug, Default)]
struct Taken {
    all: usize,
    /// Those on which nobody has authenticated.
    anonymous: usize,
    /// By the customer's address. Those whose address nobody knows count as one customer.
    addresses: HashMap<Option<IpAddr>, usize>,
    tenants: HashMap<TenantId, usize>,
    principals: HashMap<(TenantId, PrincipalId), usize>,
}

/// A place, from the promise to a client that is about to connect until the connection has ended.
pub(super) struct Place {
    hub: Arc<Inner>,
    customer: Option<IpAddr>,
    identity: Option<Arc<Identity>>,
}

impl Place {
    /// Takes a place for somebody at an address, who has authenticated or not.
    pub(super) fn take(
        hub: &Arc<Inner>,
        address: Option<IpAddr>,
        identity: Option<Arc<Identity>>,
    ) -> Result<Self, HubError> {
        let customer = address.map(one_customer);
        hub.places.take(&hub.config, customer, identity.as_deref())?;
        Ok(Self {
            hub: Arc::clone(hub),
            customer,
            identity,
        })
    }

    /// Somebody has authenticated on it; when they may not have one more, it stays as it was.
    pub(super) fn admit(&mut self, identity: &Arc<Identity>) -> Result<(), HubError> {
        if self.identity.is_some() {
            return Err(HubError::AlreadyAuthenticated);
        }
        self.hub.places.admit(&self.hub.config, identity)?;
        self.identity = Some(Arc::clone(identity));
        Ok(())
    }

    /// Who has authenticated on it.
    pub(super) fn identity(&self) -> Option<&Arc<Identity>> {
        self.identity.as_ref()
    }

    pub(super) fn hub(&self) -> &Arc<Inner> {
        &self.hub
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.hub.places.leave(self.customer, self.identity.as_deref());
    }
}

impl Places {
    fn take(
        &self,
        config: &HubConfig,
        customer: Option<IpAddr>,
        identity: Option<&Identity>,
    ) -> Result<(), HubError> {
        let mut taken = self.taken();
        if taken.all >= config.connections_max {
            return Err(HubError::TooManyConnections);
        }
        if count(&taken.addresses, &customer) >= config.connections_per_address_max {
            return Err(HubError::TooManyOfAddress);
        }
        match identity {
            Some(identity) => taken.count_in(config, identity)?,
            None if taken.anonymous >= config.anonymous_max => return Err(HubError::TooManyAnonymous),
            None => taken.anonymous += 1,
        }
        taken.all += 1;
        *taken.addresses.entry(customer).or_default() += 1;
        Ok(())
    }

    fn admit(&self, config: &HubConfig, identity: &Identity) -> Result<(), HubError> {
        let mut taken = self.taken();
        taken.count_in(config, identity)?;
        taken.anonymous = taken.anonymous.saturating_sub(1);
        Ok(())
    }

    fn leave(&self, customer: Option<IpAddr>, identity: Option<&Identity>) {
        let mut taken = self.taken();
        taken.all = taken.all.saturating_sub(1);
        count_out(&mut taken.addresses, customer);
        match identity {
            Some(Identity {
                tenant, principal, ..
            }) => {
                count_out(&mut taken.tenants, *tenant);
                count_out(&mut taken.principals, (*tenant, *principal));
            }
            None => taken.anonymous = taken.anonymous.saturating_sub(1),
        }
    }

    fn taken(&self) -> MutexGuard<'_, Taken> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Taken {
    fn count_in(&mut self, config: &HubConfig, identity: &Identity) -> Result<(), HubError> {
        let Identity {
            tenant, principal, ..
        } = *identity;
        if count(&self.principals, &(tenant, principal)) >= config.connections_per_principal_max {
            return Err(HubError::TooManyOfPrincipal);
        }
        if count(&self.tenants, &tenant) >= config.connections_per_tenant_max {
            return Err(HubError::TooManyOfTenant);
        }
        *self.principals.entry((tenant, principal)).or_default() += 1;
        *self.tenants.entry(tenant).or_default() += 1;
        Ok(())
    }
}

fn count<K: Eq + Hash>(counts: &HashMap<K, usize>, key: &K) -> usize {
    counts.get(key).copied().unwrap_or(0)
}

/// Forgets a key whose last one goes.
fn count_out<K: Eq + Hash>(counts: &mut HashMap<K, usize>, key: K) {
    if let Entry::Occupied(mut of_key) = counts.entry(key) {
        *of_key.get_mut() = of_key.get().saturating_sub(1);
        if *of_key.get() == 0 {
            of_key.remove();
        }
    }
}
