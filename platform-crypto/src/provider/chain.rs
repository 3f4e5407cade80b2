//! Several providers, for a move from one to another.

use std::sync::Arc;

use async_trait::async_trait;

use super::{KeyProvider, ProviderError, RootKeyRecord, RootKeyRef, WrapContext, WrappedKey};
use crate::DataKey;

/// A provider that wraps, followed by others that unwrap what was wrapped before: for a move from a passphrase to Vault, say.
///
/// ```
/// use std::sync::Arc;
/// use platform_core::Sources;
/// use platform_crypto::{KeyProvider as _, LocalRoot, RootChain};
///
/// let sources = Sources::system();
/// let (old, new) = (LocalRoot::ephemeral(&sources), LocalRoot::ephemeral(&sources));
/// let old_root = old.current();
/// let chain = RootChain::new(Arc::new(new)).with_older(Arc::new(old));
/// assert!(chain.holds(&old_root) && chain.current() != old_root);
/// ```
#[derive(Debug, Clone)]
pub struct RootChain {
    current: Arc<dyn KeyProvider>,
    older: Vec<Arc<dyn KeyProvider>>,
}

impl RootChain {
    /// A chain of one provider.
    pub fn new(current: Arc<dyn KeyProvider>) -> Self {
        let older = Vec::new();
        Self { current, older }
    }

    /// Unwraps with this provider what the ones before it do not hold.
    #[must_use]
    pub fn with_older(mut self, provider: Arc<dyn KeyProvider>) -> Self {
        self.older.push(provider);
        self
    }

    fn members(&self) -> impl Iterator<Item = &Arc<dyn KeyProvider>> {
        std::iter::once(&self.current).chain(&self.older)
    }

    fn holder(&self, root: &RootKeyRef) -> Result<&Arc<dyn KeyProvider>, ProviderError> {
        let holder = self.members().find(|member| member.holds(root));
        holder.ok_or_else(|| ProviderError::UnknownRoot(root.clone()))
    }

    /// Which member a remembered root key is for: the one that holds it, or the first that makes keys of its kind.
    fn responsible(&self, root: &RootKeyRef) -> Result<usize, ProviderError> {
        let holder = self.members().position(|member| member.holds(root));
        let of_its_kind = || {
            self.members()
                .position(|member| member.current().kind() == root.kind())
        };
        holder
            .or_else(of_its_kind)
            .ok_or_else(|| ProviderError::UnknownRoot(root.clone()))
    }
}

#[async_trait]
impl KeyProvider for RootChain {
    fn current(&self) -> RootKeyRef {
        self.current.current()
    }

    fn holds(&self, root: &RootKeyRef) -> bool {
        self.members().any(|member| member.holds(root))
    }

    async fn prepare(&self, known: &[RootKeyRecord]) -> Result<RootKeyRecord, ProviderError> {
        let mut shares: Vec<Vec<RootKeyRecord>> = self.members().map(|_| Vec::new()).collect();
        for record in known {
            shares[self.responsible(&record.root)?].push(record.clone());
        }
        let mut shares = shares.into_iter();
        let record = self.current.prepare(&shares.next().unwrap_or_default()).await?;
        for (member, share) in self.older.iter().zip(shares) {
            // A member without a share has nothing to unwrap, and a passphrase would derive a key for nothing.
            if !share.is_empty() {
                member.prepare(&share).await?;
            }
        }
        Ok(record)
    }

    async fn wrap(&self, context: &WrapContext, key: &DataKey) -> Result<WrappedKey, ProviderError> {
        self.current.wrap(context, key).await
    }

    async fn unwrap(&self, context: &WrapContext, wrapped: &WrappedKey) -> Result<DataKey, ProviderError> {
        self.holder(&wrapped.root)?.unwrap(context, wrapped).await
    }

    async fn rewrap(
        &self,
        context: &WrapContext,
        wrapped: &WrappedKey,
    ) -> Result<Option<WrappedKey>, ProviderError> {
        if self.current.holds(&wrapped.root) {
            return self.current.rewrap(context, wrapped).await;
        }
        let key = self.holder(&wrapped.root)?.unwrap(context, wrapped).await?;
        self.current.wrap(context, &key).await.map(Some)
    }

    /// Asks every member.
    async fn health(&self) -> Result<(), ProviderError> {
        for member in self.members() {
            member.health().await?;
        }
        Ok(())
    }
}
