//! What sealing and opening cost over the cipher itself.
//!
//! `whole` is everything a caller pays: finding the key and the column's cipher, the budget, the nonce, the associated data, the
//! memory, and for opening the overwriting of what was opened. `raw` is the cipher alone, in place in a buffer that is there already,
//! without associated data. Goal: `whole` costs at most twice `raw` at 64 bytes.
//!
//! `cargo bench -p platform-crypto --bench seal`, and with `--features aws-lc` for the other implementation. On one core of an AMD EPYC
//! (AES and carry-less multiplication in hardware; a system call costs 140 ns, so that a nonce of its own for each value would cost
//! 370), best of many runs, `whole` over `raw` of the same implementation:
//!
//! | | 16 bytes | 64 bytes | 1 KiB |
//! |---|---|---|---|
//! | seal, aes-gcm | 353 ns / 281 ns | 362 ns / 231 ns: 1.6 | 767 ns / 627 ns: 1.2 |
//! | open, aes-gcm | 390 ns / 236 ns | 320 ns / 223 ns: 1.4 | 848 ns / 614 ns: 1.4 |
//! | seal, aws-lc-rs | 192 ns / 106 ns | 196 ns / 111 ns: 1.8 | 344 ns / 231 ns: 1.5 |
//! | open, aws-lc-rs | 161 ns / 82 ns | 175 ns / 87 ns: 2.0 | 442 ns / 230 ns: 1.9 |

#![expect(clippy::unwrap_used, reason = "a benchmark")]

use std::hint::black_box;

use aes_gcm::{AeadInOut, Aes256Gcm, KeyInit};
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use platform_core::{Sources, TenantId};
use platform_crypto::{Budget, Column, DataKey, FieldKey, Keys};

const NOTE: Column<Vec<u8>> = Column::new("crm.customer", "note");
const SIZES: [usize; 3] = [16, 64, 1024];
const NONCE: [u8; 12] = [1; 12];

fn seal(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("seal");
    let (keys, tenant, row) = keys();
    for size in SIZES {
        group.throughput(Throughput::Bytes(size.try_into().unwrap()));
        let at = NOTE.at(tenant, row);
        let value = vec![7; size];
        group.bench_function(BenchmarkId::new("whole", size), |bench| {
            bench.iter(|| keys.seal(black_box(&at), black_box(&value)).unwrap());
        });

        let cipher = Aes256Gcm::new(&[7; 32].into());
        let mut buffer = value.clone();
        group.bench_function(BenchmarkId::new("raw aes-gcm", size), |bench| {
            bench.iter(|| {
                let buffer = black_box(buffer.as_mut_slice());
                cipher
                    .encrypt_inout_detached((&NONCE).into(), b"", buffer.into())
                    .unwrap()
            });
        });

        #[cfg(feature = "aws-lc")]
        group.bench_function(BenchmarkId::new("raw aws-lc-rs", size), |bench| {
            let cipher = aws_lc::key();
            bench.iter(|| aws_lc::seal(&cipher, black_box(&mut buffer)));
        });
    }
}

fn open(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("open");
    let (keys, tenant, row) = keys();
    for size in SIZES {
        group.throughput(Throughput::Bytes(size.try_into().unwrap()));
        let at = NOTE.at(tenant, row);
        let value = vec![7; size];
        let sealed = keys.seal(&at, &value).unwrap();
        group.bench_function(BenchmarkId::new("whole", size), |bench| {
            bench.iter(|| keys.open(black_box(&at), black_box(&sealed)).unwrap());
        });

        let cipher = Aes256Gcm::new(&[7; 32].into());
        let mut ciphertext = value.clone();
        let tag = cipher
            .encrypt_inout_detached((&NONCE).into(), b"", ciphertext.as_mut_slice().into())
            .unwrap();
        let mut buffer = value.clone();
        group.bench_function(BenchmarkId::new("raw aes-gcm", size), |bench| {
            bench.iter(|| {
                buffer.copy_from_slice(black_box(&ciphertext));
                let buffer = black_box(buffer.as_mut_slice());
                cipher
                    .decrypt_inout_detached((&NONCE).into(), b"", buffer.into(), &tag)
                    .unwrap();
            });
        });

        #[cfg(feature = "aws-lc")]
        group.bench_function(BenchmarkId::new("raw aws-lc-rs", size), |bench| {
            let cipher = aws_lc::key();
            let mut ciphertext = value.clone();
            let tag = aws_lc::seal(&cipher, &mut ciphertext);
            bench.iter(|| {
                buffer.copy_from_slice(black_box(&ciphertext));
                aws_lc::open(&cipher, &tag, black_box(&mut buffer));
            });
        });
    }
}

/// What a seal consists of besides the cipher.
fn parts(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("parts");
    let value = vec![7; 64];
    let cipher = Aes256Gcm::new(&[7; 32].into());
    let mut buffer = value.clone();
    let aad = [7; 103];
    group.bench_function("raw aes-gcm 64 with 103 bytes of associated data", |bench| {
        bench.iter(|| {
            let buffer = black_box(buffer.as_mut_slice());
            cipher
                .encrypt_inout_detached((&NONCE).into(), black_box(&aad), buffer.into())
                .unwrap()
        });
    });
    let sources = Sources::system();
    group.bench_function("3072 bytes from the operating system: 256 nonces", |bench| {
        bench.iter(|| black_box(sources.bytes::<3072>()));
    });
    group.bench_function("12 bytes from the operating system: one nonce", |bench| {
        bench.iter(|| black_box(sources.bytes::<12>()));
    });
    group.bench_function("the id of the process", |bench| bench.iter(std::process::id));
    group.bench_function("a key made ready, and its first column", |bench| {
        let (_, tenant, row) = keys();
        let at = NOTE.at(tenant, row);
        bench.iter(|| {
            let key = FieldKey::new(DataKey::from_bytes(black_box([7; 32])));
            key.seal(&at, &value).unwrap()
        });
    });
}

fn keys() -> (Keys, TenantId, platform_core::uuid::Uuid) {
    let sources = Sources::system();
    let tenant = TenantId::generate(&sources);
    let key = FieldKey::new(DataKey::generate(&sources));
    (
        Keys::new(tenant, key, Budget::leased(1 << 60)),
        tenant,
        sources.uuid_v7(),
    )
}

#[cfg(feature = "aws-lc")]
mod aws_lc {
    use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, Tag, UnboundKey};

    pub(super) fn key() -> LessSafeKey {
        LessSafeKey::new(UnboundKey::new(&AES_256_GCM, &[7; 32]).unwrap())
    }

    pub(super) fn seal(key: &LessSafeKey, buffer: &mut [u8]) -> Tag {
        let nonce = Nonce::assume_unique_for_key(super::NONCE);
        key.seal_in_place_separate_tag(nonce, Aad::empty(), buffer)
            .unwrap()
    }

    pub(super) fn open(key: &LessSafeKey, tag: &Tag, buffer: &mut [u8]) {
        let nonce = Nonce::assume_unique_for_key(super::NONCE);
        key.open_in_place_separate_tag(nonce, Aad::empty(), tag.as_ref(), buffer)
            .unwrap();
    }
}

criterion_group!(benches, seal, open, parts);
criterion_main!(benches);
