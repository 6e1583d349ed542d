//! Checksums and hashes of strings.

use hmac::{Hmac, KeyInit, Mac};
use md5::Md5;
use sha1::Sha1;
use sha2::digest::Digest;
use sha2::{Sha224, Sha256, Sha384, Sha512};
use sluice_engine::module::Transformation;
use sluice_engine::{Ctx, Value};

use super::encode::hex;
use super::{entry, made, text};

pub(super) const LIST: &[Transformation] = &[
    entry("s", "md5", (0, 0), "MD5 in hexadecimal.", digest::<Md5>),
    entry("s", "sha1", (0, 0), "SHA-1 in hexadecimal.", digest::<Sha1>),
    entry("s", "sha224", (0, 0), "SHA-224 in hexadecimal.", digest::<Sha224>),
    entry("s", "sha256", (0, 0), "SHA-256 in hexadecimal.", digest::<Sha256>),
    entry("s", "sha384", (0, 0), "SHA-384 in hexadecimal.", digest::<Sha384>),
    entry("s", "sha512", (0, 0), "SHA-512 in hexadecimal.", digest::<Sha512>),
    entry("s", "sha1_hmac", (1, 1), "HMAC with SHA-1 and a key.", keyed::<Hmac<Sha1>>),
    entry("s", "sha224_hmac", (1, 1), "HMAC with SHA-224 and a key.", keyed::<Hmac<Sha224>>),
    entry("s", "sha256_hmac", (1, 1), "HMAC with SHA-256 and a key.", keyed::<Hmac<Sha256>>),
    entry("s", "sha384_hmac", (1, 1), "HMAC with SHA-384 and a key.", keyed::<Hmac<Sha384>>),
    entry("s", "sha512_hmac", (1, 1), "HMAC with SHA-512 and a key.", keyed::<Hmac<Sha512>>),
    // Decimal, as OpenSIPS' manual has it (Script-Tran); the digests above are hexadecimal.
    entry("s", "crc32", (0, 0), "CRC-32 in decimal.", |ctx, input, _| {
        let text = ctx.to_text(input);
        Value::Int(i64::from(crc32fast::hash(ctx.bytes(text))))
    }),
];

fn digest<D: Digest>(ctx: &mut Ctx<'_>, input: Value, _: &[Value]) -> Value {
    let text = ctx.to_text(input);
    let hash = hex(&D::digest(ctx.bytes(text)));
    made(ctx, Some(&hash))
}

fn keyed<M: Mac + KeyInit>(ctx: &mut Ctx<'_>, input: Value, params: &[Value]) -> Value {
    let whole = ctx.to_text(input);
    let Some(key) = text(ctx, params, 0) else { return Value::Null };
    let Ok(mut mac) = <M as KeyInit>::new_from_slice(ctx.bytes(key)) else { return Value::Null };
    mac.update(ctx.bytes(whole));
    let hash = hex(&mac.finalize().into_bytes());
    made(ctx, Some(&hash))
}
