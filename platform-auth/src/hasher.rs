//! Hashing passwords without starving everything else.

use std::sync::Arc;
use std::time::Duration;

use argon2::password_hash::phc::{Output, ParamsString, PasswordHash, Salt};
use argon2::{Algorithm, Argon2, Params, Version};
use platform_core::Sources;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::hash_threads::{HashThreads, Memory, NotRun};
use crate::password::{NewPassword, TriedPassword};
use crate::{InvalidBreachedList, PasswordConfig};

/// What a client is told to wait when every hasher is busy.
const BUSY_RETRY_AFTER: Duration = Duration::from_secs(1);

/// Hashes and verifies passwords with Argon2id on threads of its own: so many at a time, so many more waiting, the rest refused.
#[derive(Debug)]
pub(crate) struct Hasher {
    argon2: Argon2<'static>,
    /// A hash of nothing, verified where there is no user, so that the answer takes as long.
    decoy: Arc<str>,
    admitted: Arc<Semaphore>,
    running: Arc<Semaphore>,
    threads: HashThreads,
    wait_max: Duration,
    sources: Sources,
}

/// A password was neither hashed nor verified.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HashError {
    /// Too many passwords are being hashed already. Try again after this long.
    #[error("too many passwords are being hashed")]
    Busy {
        /// What to tell a client.
        retry_after: Duration,
    },
    /// There was not memory enough, or the program is stopping.
    #[error("the password hash could not be computed")]
    Failed,
    /// The list of stolen passwords could not be asked, so no password is set.
    #[error("the password could not be compared with the stolen ones")]
    BreachedList(#[source] InvalidBreachedList),
}

impl HashError {
    pub(crate) const fn busy() -> Self {
        Self::Busy {
            retry_after: BUSY_RETRY_AFTER,
        }
    }
}

/// What became of a tried password.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Wrong,
    Right,
    /// It was hashed with other parameters than the configured ones; this is the hash to store instead.
    RightAndRehashed(String),
}

impl Hasher {
    pub(crate) fn new(config: &PasswordConfig, sources: Sources) -> Self {
        let memory_kib = config.memory_kib.clamp(Params::DEFAULT_M_COST, 1 << 20);
        let passes = config.passes.clamp(Params::DEFAULT_T_COST, 64);
        let lanes = config.lanes.clamp(Params::DEFAULT_P_COST, 16);
        let params = Params::new(memory_kib, passes, lanes, None).expect("clamped parameters are in range");
        let parallel = config.parallel_max.get().min(1024);
        let waiting = config.waiting_max.min(1 << 16);
        Self {
            decoy: decoy(&params, &sources).into(),
            argon2: Argon2::new(Algorithm::Argon2id, Version::V0x13, params),
            admitted: Arc::new(Semaphore::new(parallel + waiting)),
            running: Arc::new(Semaphore::new(parallel)),
            threads: HashThreads::new(parallel),
            wait_max: config.wait_max,
            sources,
        }
    }

    /// The PHC string of a password, with a salt of its own.
    pub(crate) async fn hash(&self, password: NewPassword) -> Result<String, HashError> {
        let argon2 = self.argon2.clone();
        let salt: [u8; 16] = self.sources.bytes();
        self.run(move |memory| hash(&argon2, password.expose(), &salt, memory))
            .await?
    }

    /// Tries a password against a stored hash, or against the decoy where there is none.
    pub(crate) async fn verify(
        &self,
        password: TriedPassword,
        stored: Option<String>,
    ) -> Result<Verdict, HashError> {
        let argon2 = self.argon2.clone();
        let salt: [u8; 16] = self.sources.bytes();
        let decoy = Arc::clone(&self.decoy);
        self.run(move |memory| {
            let stored = stored.as_deref();
            verify(&argon2, password.expose(), (stored, &decoy), &salt, memory)
        })
        .await?
    }

    /// Runs a job when it is its turn. A caller that goes away leaves its place in the queue at once, but a job that has begun keeps its
    /// place to the end: otherwise hanging up would be a way round the bound.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        job: impl FnOnce(&mut Memory) -> T + Send + 'static,
    ) -> Result<T, HashError> {
        let admitted = Arc::clone(&self.admitted)
            .try_acquire_owned()
            .map_err(|_| HashError::busy())?;
        let turn = Arc::clone(&self.running).acquire_owned();
        let running = tokio::time::timeout(self.wait_max, turn)
            .await
            .map_err(|_| HashError::busy())?
            .map_err(|_| HashError::Failed)?;
        let permits: [OwnedSemaphorePermit; 2] = [running, admitted];
        let done = self.threads.run(move |memory| {
            let result = job(memory);
            drop(permits);
            result
        });
        done.await.map_err(|NotRun| HashError::Failed)
    }
}

fn hash(argon2: &Argon2<'_>, password: &[u8], salt: &[u8], memory: &mut Memory) -> Result<String, HashError> {
    let failed = |_| HashError::Failed;
    let params = argon2.params();
    let mut output = [0; Params::DEFAULT_OUTPUT_LEN];
    argon2
        .hash_password_into_with_memory(password, salt, &mut output, memory.blocks(params))
        .map_err(|_| HashError::Failed)?;
    let hash = PasswordHash {
        algorithm: argon2::ARGON2ID_IDENT,
        version: Some(Version::V0x13.into()),
        params: ParamsString::try_from(params).map_err(|_| HashError::Failed)?,
        salt: Some(Salt::new(salt).map_err(failed)?),
        hash: Some(Output::new(&output).map_err(failed)?),
    };
    Ok(hash.to_string())
}

/// Whether the password is the one that was hashed. Takes as long whether it is or not.
fn matches(password: &[u8], stored: &PasswordHash, memory: &mut Memory) -> Result<bool, HashError> {
    let (Some(salt), Some(expected)) = (&stored.salt, &stored.hash) else {
        return Ok(false);
    };
    let params = Params::try_from(stored).map_err(|_| HashError::Failed)?;
    let algorithm = Algorithm::try_from(stored.algorithm.as_str()).map_err(|_| HashError::Failed)?;
    let version = match stored.version {
        Some(version) => Version::try_from(version).map_err(|_| HashError::Failed)?,
        None => Version::default(),
    };
    let mut output = vec![0; expected.len()];
    let blocks = memory.blocks(&params);
    Argon2::new(algorithm, version, params.clone())
        .hash_password_into_with_memory(password, salt, &mut output, blocks)
        .map_err(|_| HashError::Failed)?;
    let output = Output::new(&output).map_err(|_| HashError::Failed)?;
    // Outputs are compared in constant time.
    Ok(output == *expected)
}

fn verify(
    argon2: &Argon2<'_>,
    password: &[u8],
    (stored, decoy): (Option<&str>, &str),
    salt: &[u8],
    memory: &mut Memory,
) -> Result<Verdict, HashError> {
    let readable = stored.and_then(|stored| PasswordHash::new(stored).ok());
    if stored.is_some() && readable.is_none() {
        tracing::error!("a stored password hash is not a PHC string; its user cannot sign in");
    }
    let Some(stored) = readable else {
        if let Ok(decoy) = PasswordHash::new(decoy) {
            // A right guess of 32 random bytes' preimage would be somebody's luck, and still no sign-in.
            let _ = matches(password, &decoy, memory);
        }
        return Ok(Verdict::Wrong);
    };
    match matches(password, &stored, memory)? {
        false => Ok(Verdict::Wrong),
        true if is_current(argon2, &stored) => Ok(Verdict::Right),
        true => hash(argon2, password, salt, memory).map(Verdict::RightAndRehashed),
    }
}

/// Was it hashed with the algorithm and the parameters that are configured now?
fn is_current(argon2: &Argon2<'_>, stored: &PasswordHash) -> bool {
    let now = argon2.params();
    let same_work = Params::try_from(stored).is_ok_and(|then| {
        (then.m_cost(), then.t_cost(), then.p_cost()) == (now.m_cost(), now.t_cost(), now.p_cost())
    });
    same_work && stored.algorithm == argon2::ARGON2ID_IDENT && stored.version == Some(Version::V0x13.into())
}

/// A PHC string with the configured parameters and a random output, which costs nothing to make.
fn decoy(params: &Params, sources: &Sources) -> String {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD_NO_PAD;

    let salt = STANDARD_NO_PAD.encode(sources.bytes::<16>());
    let output = STANDARD_NO_PAD.encode(sources.bytes::<32>());
    let (memory, passes, lanes) = (params.m_cost(), params.t_cost(), params.p_cost());
    format!("$argon2id$v=19$m={memory},t={passes},p={lanes}${salt}${output}")
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroUsize;

    use super::*;

    fn hasher(config: PasswordConfig) -> Hasher {
        Hasher::new(&config, Sources::system())
    }

    fn new(text: &str) -> NewPassword {
        NewPassword::unchecked(text)
    }

    fn tried(text: &str) -> TriedPassword {
        TriedPassword::new(text.into()).unwrap()
    }

    #[tokio::test]
    async fn the_right_password_passes_and_any_other_does_not() {
        let hasher = hasher(PasswordConfig::default());

        let phc = hasher.hash(new("correct horse")).await.unwrap();

        assert!(phc.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{phc}");
        assert_eq!(
            hasher
                .verify(tried("correct horse"), Some(phc.clone()))
                .await
                .unwrap(),
            Verdict::Right
        );
        assert_eq!(
            hasher.verify(tried("correct horse "), Some(phc)).await.unwrap(),
            Verdict::Wrong
        );
        assert_eq!(
            hasher.verify(tried("correct horse"), None).await.unwrap(),
            Verdict::Wrong
        );
        assert_eq!(
            hasher
                .verify(tried("correct horse"), Some("plain".into()))
                .await
                .unwrap(),
            Verdict::Wrong
        );
    }

    #[tokio::test]
    async fn equal_passwords_get_different_salts() {
        let hasher = hasher(PasswordConfig::default());

        let one = hasher.hash(new("correct horse")).await.unwrap();
        let two = hasher.hash(new("correct horse")).await.unwrap();

        assert_ne!(one, two);
    }

    #[tokio::test]
    async fn a_hash_with_other_parameters_is_replaced_at_the_next_success_only() {
        let weak = hasher(PasswordConfig::default());
        let strong = hasher(PasswordConfig {
            passes: 3,
            ..PasswordConfig::default()
        });
        let phc = weak.hash(new("correct horse")).await.unwrap();

        assert_eq!(
            strong
                .verify(tried("wrong horse"), Some(phc.clone()))
                .await
                .unwrap(),
            Verdict::Wrong
        );
        let Verdict::RightAndRehashed(rehashed) =
            strong.verify(tried("correct horse"), Some(phc)).await.unwrap()
        else {
            panic!("the hash is replaced");
        };

        assert!(rehashed.contains("t=3"), "{rehashed}");
        assert_eq!(
            strong
                .verify(tried("correct horse"), Some(rehashed))
                .await
                .unwrap(),
            Verdict::Right
        );
    }

    #[tokio::test]
    async fn parameters_below_the_floor_count_as_the_floor() {
        let hasher = hasher(PasswordConfig {
            memory_kib: 8,
            passes: 0,
            lanes: 0,
            ..PasswordConfig::default()
        });

        let phc = hasher.hash(new("correct horse")).await.unwrap();

        assert!(phc.contains("$m=19456,t=2,p=1$"), "{phc}");
    }

    #[test]
    fn the_decoy_is_a_hash_of_the_configured_work() {
        let hasher = hasher(PasswordConfig {
            passes: 4,
            ..PasswordConfig::default()
        });

        let decoy = PasswordHash::new(&hasher.decoy).unwrap();

        assert!(is_current(&hasher.argon2, &decoy));
    }

    #[tokio::test]
    async fn past_the_queue_the_answer_is_busy() {
        let hasher = hasher(PasswordConfig {
            parallel_max: NonZeroUsize::MIN,
            waiting_max: 1,
            ..PasswordConfig::default()
        });
        let first = hasher.hash(new("correct horse"));
        let second = hasher.hash(new("correct horse"));
        let third = hasher.hash(new("correct horse"));

        let (first, second, third) = tokio::join!(first, second, third);

        assert!(first.is_ok() && second.is_ok());
        assert!(matches!(third, Err(HashError::Busy { .. })));
    }

    #[tokio::test]
    async fn whoever_waits_too_long_is_told_to_come_again() {
        let hasher = hasher(PasswordConfig {
            parallel_max: NonZeroUsize::MIN,
            wait_max: Duration::ZERO,
            ..PasswordConfig::default()
        });

        let (first, second) = tokio::join!(
            hasher.hash(new("correct horse")),
            hasher.hash(new("correct horse"))
        );

        assert!(first.is_ok());
        assert!(matches!(second, Err(HashError::Busy { .. })));
    }
}
