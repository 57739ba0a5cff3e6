//! Logins: challenges that a principal signs, and the short-lived tokens given for them. What a principal
//! may do, and whether a key is valid, must never be known here.

use core::fmt;
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use counterfoil_governance::id::Id;
use counterfoil_journal::public_key::PublicKey;
use counterfoil_trading::cbor::{put_array, put_bytes, put_text};
use counterfoil_trading::time::UnixNanos;
use sha2::{Digest as _, Sha256};

use crate::problem::{Problem, ProblemCode};

/// Nanoseconds in a second.
const SECOND: i64 = 1_000_000_000;
/// How long a challenge can be answered, in seconds: a person may have to touch a hardware key.
pub const CHALLENGE_SECONDS: i64 = 60;
/// How long a token is valid, in seconds: one task, not a working day.
pub const TOKEN_SECONDS: i64 = 900;
/// Tokens of one principal at once. Its own oldest is dropped for a new one, and never another's: one reader that logs
/// in in a loop must not end the logins of those who stop runs.
pub const TOKENS_PER_PRINCIPAL: usize = 16;
/// Logins of one principal that are remembered for a minute. Each command of the program logs in, and a script may call
/// it thirty times a second.
pub const ANSWERED_PER_PRINCIPAL: usize = 2_048;
/// Bytes of a challenge: a nonce, its expiry, and the server's seal.
const CHALLENGE_BYTES: usize = 16 + 8 + 32;

/// The first item of the signed bytes: no signature over an act or another text passes as a login.
pub const LOGIN_CONTEXT: &str = "counterfoil/session/1";

/// The bytes that a principal signs to log in: deterministic CBOR of the context, the ledger's origin, the
/// server's address, the challenge, the principal and the key.
#[must_use]
pub fn login_message(
    ledger: &str,
    audience: &str,
    challenge: &str,
    principal: &Id,
    key: &[u8; 32],
) -> Vec<u8> {
    let mut out = Vec::new();
    put_array(&mut out, 6);
    for text in [LOGIN_CONTEXT, ledger, audience, challenge] {
        put_text(&mut out, text);
    }
    put_text(&mut out, principal.as_str());
    put_bytes(&mut out, key);
    out
}

/// The login that a token stands for.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Login {
    pub principal: Id,
    /// The key it was signed with: when the key ends, so does the login.
    pub key: PublicKey,
    /// When it expires.
    pub until: UnixNanos,
}

/// The logins of one process; they end with it.
pub struct Logins {
    secret: [u8; 32],
    held: Mutex<LoginTable>,
}

#[derive(Default)]
struct LoginTable {
    /// By the SHA-256 of the token: a dump of this memory gives no usable token.
    tokens: BTreeMap<[u8; 32], Login>,
    /// Answered challenges until they expire, with who answered.
    answered: BTreeMap<String, (UnixNanos, Id)>,
}

impl fmt::Debug for Logins {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Logins").finish_non_exhaustive()
    }
}

fn random<const N: usize>() -> Result<[u8; N], Problem> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|error| Problem::internal(&error))?;
    Ok(bytes)
}

fn refused(detail: &str) -> Problem {
    Problem::new(ProblemCode::Challenge, detail, "request a new challenge")
}

impl Logins {
    /// An empty table of logins.
    ///
    /// # Errors
    ///
    /// Returns a [`Problem`] if the operating system gave no random bytes.
    pub fn new() -> Result<Self, Problem> {
        Ok(Self {
            secret: random()?,
            held: Mutex::default(),
        })
    }

    /// The seal of a challenge. Nonce and expiry have fixed lengths, so nothing can be appended to them.
    fn seal(&self, nonce: &[u8], end: &[u8]) -> [u8; 32] {
        let mut hash = Sha256::new();
        for part in [&self.secret, nonce, end, &self.secret] {
            hash.update(part);
        }
        hash.finalize().into()
    }

    /// A new challenge and its expiry. The server remembers nothing of it, so a flood of requests for
    /// challenges takes no memory.
    ///
    /// # Errors
    ///
    /// Returns a [`Problem`] if the operating system gave no random bytes.
    pub fn challenge(&self, now: UnixNanos) -> Result<(String, UnixNanos), Problem> {
        let nonce: [u8; 16] = random()?;
        let until = UnixNanos(now.0.saturating_add(CHALLENGE_SECONDS * SECOND));
        let end = until.0.to_be_bytes();
        let bytes = [&nonce[..], &end, &self.seal(&nonce, &end)].concat();
        Ok((hex::encode(bytes), until))
    }

    /// Marks a challenge as answered by a principal; each can be answered once.
    ///
    /// # Errors
    ///
    /// Returns a [`Problem`] if it is not of this process, has expired, or was answered before, or if the principal
    /// has logged in too often.
    pub fn answer(&self, challenge: &str, by: &Id, now: UnixNanos) -> Result<(), Problem> {
        let mut bytes = [0; CHALLENGE_BYTES];
        let decoded = hex::decode_to_slice(challenge, &mut bytes);
        decoded.map_err(|_| refused("malformed challenge"))?;
        let (nonce, rest) = bytes.split_at(16);
        let (end, seal) = rest.split_at(8);
        // Digests are compared, so that the time of the comparison leaks nothing about the seal.
        if Sha256::digest(seal) != Sha256::digest(self.seal(nonce, end)) {
            return Err(refused("the challenge is not from this process"));
        }
        let until = UnixNanos(i64::from_be_bytes(end.try_into().unwrap_or_default()));
        if now >= until {
            return Err(refused("the challenge has expired"));
        }
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        // Expired challenges are refused above by their own time, so forgetting them here reopens none.
        held.answered.retain(|_, (until, _)| now < *until);
        // Counted for each principal: a bound on all of them would let one keep out the others.
        let own = held.answered.values().filter(|(_, who)| who == by);
        if own.count() >= ANSWERED_PER_PRINCIPAL {
            let detail = format!("too many logins of {by} within a minute");
            return Err(Problem::new(
                ProblemCode::Busy,
                detail,
                "try again in a minute",
            ));
        }
        // Lower case first: otherwise the same challenge in upper-case hex could be answered again.
        let form = challenge.to_ascii_lowercase();
        if held.answered.insert(form, (until, by.clone())).is_some() {
            return Err(refused("the challenge was answered before"));
        }
        Ok(())
    }

    /// Issues a token.
    ///
    /// # Errors
    ///
    /// Returns a [`Problem`] if the operating system gave no random bytes.
    pub fn open(
        &self,
        principal: Id,
        key: PublicKey,
        now: UnixNanos,
    ) -> Result<(String, UnixNanos), Problem> {
        // 256 random bits: guessing is hopeless, so wrong tokens need no rate limit.
        let token: [u8; 32] = random()?;
        let token = hex::encode(token);
        let until = UnixNanos(now.0.saturating_add(TOKEN_SECONDS * SECOND));
        let login = Login {
            principal,
            key,
            until,
        };
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        held.tokens.retain(|_, login| now < login.until);
        // Only holders of valid keys get here, so the ledger's principals bound the memory.
        let own = held
            .tokens
            .iter()
            .filter(|(_, held)| held.principal == login.principal);
        if own.clone().count() >= TOKENS_PER_PRINCIPAL {
            let first = own.min_by_key(|(_, login)| login.until);
            if let Some(first) = first.map(|(name, _)| *name) {
                held.tokens.remove(&first);
            }
        }
        held.tokens.insert(Sha256::digest(&token).into(), login);
        Ok((token, until))
    }

    /// The login of a token.
    ///
    /// # Errors
    ///
    /// Returns a [`Problem`] if the token is unknown or has expired.
    pub fn login(&self, token: &str, now: UnixNanos) -> Result<Login, Problem> {
        // Looked up by digest: how long the comparison takes says nothing about the tokens that are valid.
        let name: [u8; 32] = Sha256::digest(token).into();
        let held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let found = held.tokens.get(&name).filter(|login| now < login.until);
        found.cloned().ok_or_else(|| {
            let detail = "unknown or expired token";
            Problem::new(ProblemCode::TokenExpired, detail, "log in again")
        })
    }

    /// The number of valid tokens.
    #[must_use]
    pub fn count(&self, now: UnixNanos) -> usize {
        let held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        held.tokens
            .values()
            .filter(|login| now < login.until)
            .count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_challenge_is_answered_once_in_time_and_here() {
        let (ours, theirs) = (Logins::new().unwrap(), Logins::new().unwrap());
        let now = UnixNanos(1_000);
        let (challenge, until) = ours.challenge(now).unwrap();
        let mut changed = challenge.clone().into_bytes();
        changed[0] = if changed[0] == b'0' { b'1' } else { b'0' };
        let changed = String::from_utf8(changed).unwrap();
        let last = UnixNanos(until.0 - 1);
        //     whose, challenge, time, whether
        let table = [
            (&theirs, challenge.as_str(), now, false),
            (&ours, "", now, false),
            (&ours, "zz", now, false),
            (&ours, &challenge[2..], now, false),
            (&ours, changed.as_str(), now, false),
            (&ours, challenge.as_str(), until, false),
            (&ours, challenge.as_str(), last, true),
            (&ours, challenge.as_str(), last, false),
            (&ours, &challenge.to_uppercase(), last, false),
        ];
        for (number, (logins, text, time, good)) in table.into_iter().enumerate() {
            let answer = logins.answer(text, &Id::parse("bob").unwrap(), time);
            assert_eq!(answer.is_ok(), good, "row {number}: {answer:?}");
        }
    }

    /// One reader that logged in 1,024 times ended the logins of everybody else.
    #[test]
    fn a_token_counts_for_its_time_and_ones_own_oldest_gives_way() {
        let logins = Logins::new().unwrap();
        let open = |who: &str, now| {
            let (who, key) = (Id::parse(who).unwrap(), PublicKey([1; 32]));
            logins.open(who, key, UnixNanos(now)).unwrap()
        };
        let (first, until) = open("bob", 0);
        let good = |token: &str, now| logins.login(token, UnixNanos(now)).is_ok();
        assert!(good(&first, 0) && good(&first, until.0 - 1));
        assert!(!good(&first, until.0) && !good("", 0) && !good(&first[1..], 0));
        let all: Vec<String> = (1..=5_000).map(|time| open("mallory", time).0).collect();
        assert!(good(&first, 1), "another's login does not give way");
        let left = all.iter().filter(|token| good(token, 5_000)).count();
        assert_eq!(left, TOKENS_PER_PRINCIPAL);
        assert!(good(all.last().unwrap(), 5_000));
        assert_eq!(logins.count(UnixNanos(1)), TOKENS_PER_PRINCIPAL + 1);
    }

    #[test]
    fn one_who_logs_in_too_often_keeps_nobody_else_out() {
        let logins = Logins::new().unwrap();
        let answer = |who: &str| {
            let (challenge, _) = logins.challenge(UnixNanos(0)).unwrap();
            logins.answer(&challenge, &Id::parse(who).unwrap(), UnixNanos(1))
        };
        for _ in 0..ANSWERED_PER_PRINCIPAL {
            answer("mallory").unwrap();
        }
        let busy = answer("mallory").unwrap_err();
        assert_eq!(busy.detail, "too many logins of mallory within a minute");
        answer("bob").unwrap();
    }
}
