//! The master password as Odoo verifies it: passlib's `pbkdf2_sha512` (`odoo/tools/config.py`, `crypt_context`).

use pbkdf2::pbkdf2_hmac;
use sha2::Sha512;

use crate::settings::Secret;

/// What Odoo uses itself. Fewer would make it hash again at every successful verification, in memory only.
pub const ROUNDS: u32 = 600_000;
/// passlib's size for this scheme, in bytes.
const SALT_BYTES: usize = 16;
/// SHA-512's, in bytes.
const DIGEST_BYTES: usize = 64;
/// 64 bytes in passlib's base64, without padding.
const DIGEST_CHARS: usize = 86;

const PREFIX: &str = "$pbkdf2-sha512$";

/// A text that is given as the master password, by what Odoo's verification would make of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// A hash that Odoo verifies as it is.
    Hash,
    /// Something that claims to be such a hash, and at which every verification fails with a traceback.
    BrokenHash,
    /// A hash of another kind, which Odoo would take for the password itself.
    OtherHash,
    /// A password.
    Plain,
}

/// Tells what a text is.
pub fn form(text: &str) -> Form {
    let Some(rest) = text.strip_prefix(PREFIX) else {
        // `$2b$12$...` (bcrypt), `$argon2id$...`, `$6$...` (crypt).
        let other = text.starts_with('$') && text.matches('$').count() >= 3;
        return if other { Form::OtherHash } else { Form::Plain };
    };
    let parts: Vec<&str> = rest.split('$').collect();
    match parts.as_slice() {
        [rounds, salt, digest] => {
            let rounds = !rounds.starts_with('0') && rounds.parse::<u32>().is_ok_and(|rounds| rounds > 0);
            let base64 =
                |text: &str| text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'/'));
            // A base64 text never has one character over.
            let salt = base64(salt) && salt.len() % 4 != 1;
            if rounds && salt && base64(digest) && digest.len() == DIGEST_CHARS {
                Form::Hash
            } else {
                Form::BrokenHash
            }
        }
        _ => Form::BrokenHash,
    }
}

/// Hashes a password with a salt of its own. Takes about half a second of one core, by intention.
///
/// # Errors
/// The kernel gives no random bytes.
pub fn hash(password: &Secret) -> Result<Secret, getrandom::Error> {
    let mut salt = [0; SALT_BYTES];
    getrandom::fill(&mut salt)?;
    Ok(Secret::new(hash_with(password.expose(), &salt, ROUNDS)))
}

/// `$pbkdf2-sha512$rounds$salt$digest`. Pure.
fn hash_with(password: &str, salt: &[u8], rounds: u32) -> String {
    let mut digest = [0; DIGEST_BYTES];
    pbkdf2_hmac::<Sha512>(password.as_bytes(), salt, rounds, &mut digest);
    format!("{PREFIX}{rounds}${}${}", adapted_base64(salt), adapted_base64(&digest))
}

/// passlib's `ab64_encode`: base64 with `.` for `+` and no padding.
fn adapted_base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789./";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let bits =
            chunk.iter().fold(0u32, |bits, byte| bits << 8 | u32::from(*byte)) << (8 * (3 - chunk.len()));
        for place in 0..=chunk.len() {
            let index = bits >> (18 - 6 * place) & 0x3f;
            text.push(char::from(*ALPHABET.get(index as usize).unwrap_or(&b'.')));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_are_those_of_passlib() {
        // passlib 1.7.4: pbkdf2_sha512.using(salt=bytes(range(16)), rounds=1000).hash("correct horse \u{fc}")
        assert_eq!(hash_with("correct horse \u{fc}", &(0..16).collect::<Vec<u8>>(), 1_000), EXPECTED);
        assert_eq!(form(EXPECTED), Form::Hash);
    }

    const EXPECTED: &str = "$pbkdf2-sha512$1000$AAECAwQFBgcICQoLDA0ODw$iuGYJyhHwB7LOfI6eW8vqIwFfXqA/.V.KCAVNpkie9Y0oA6rIEjCqXDRfc.NNm0P47au1zYEMqb.biirz79LuA";

    #[test]
    fn every_length_is_encoded() {
        // passlib 1.7.4: passlib.utils.binary.ab64_encode
        for (bytes, text) in [
            (&b""[..], ""),
            (b"f", "Zg"),
            (b"fo", "Zm8"),
            (b"foo", "Zm9v"),
            (b"\xfb\xff", "./8"),
            (b"foob", "Zm9vYg"),
        ] {
            assert_eq!(adapted_base64(bytes), text);
        }
    }

    #[test]
    fn what_looks_like_a_hash_is_told_apart() {
        let digest = "a".repeat(DIGEST_CHARS);
        for (text, expected) in [
            ("hunter2", Form::Plain),
            ("$ecret", Form::Plain),
            ("$2b$12$abcdefghijklmnopqrstuv", Form::OtherHash),
            ("$argon2id$v=19$m=65536$c2FsdA$aGFzaA", Form::OtherHash),
            ("$pbkdf2-sha512$600000$c2FsdA$short", Form::BrokenHash),
            ("$pbkdf2-sha512$", Form::BrokenHash),
            (&format!("$pbkdf2-sha512$0$c2FsdA${digest}"), Form::BrokenHash),
            (&format!("$pbkdf2-sha512$010$c2FsdA${digest}"), Form::BrokenHash),
            (&format!("$pbkdf2-sha512$25000$c2+sdA${digest}"), Form::BrokenHash),
            (&format!("$pbkdf2-sha512$25000$c2FsdA${digest}"), Form::Hash),
        ] {
            assert_eq!(form(text), expected, "{text}");
        }
    }
}
