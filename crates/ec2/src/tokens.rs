//! Client tokens: the same call twice creates once.
//!
//! A client that does not hear the answer asks again, with the token that it gave the first time. So what a call with a token
//! created is remembered for a day, with a digest of what was asked for: the same token for something else is an error, not a
//! second thing and not the first.
//!
//! Only success is remembered, in the same edit: what failed, or was a dry run, may be tried again under its token. What was
//! deleted since is not created again; whoever asks is told that it is not there, because a late repetition must never
//! bring back what somebody took away.

use jiff::{SignedDuration, Timestamp};
use secgroup_model::{ErrorCode, ModelError};

use crate::state::{Token, TokenKey};
use crate::{Caller, Edit};

/// How long a token is remembered.
const LIFETIME: SignedDuration = SignedDuration::from_hours(24);
/// A token has at most this many characters.
const CHARS_MAX: usize = 64;
/// An account has at most this many tokens: beyond that, the oldest are forgotten early.
const TOKENS_MAX: usize = 10_000;

/// What makes a call the same as another one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientToken {
    action: &'static str,
    token: String,
    parameters: u64,
}

impl ClientToken {
    /// The token that a client gave with a call of `action`, and a digest of all other parameters.
    ///
    /// # Errors
    /// `InvalidParameterValue` for a token that is empty, too long or not of printable ASCII.
    pub fn new(action: &'static str, token: &str, parameters: u64) -> Result<Self, ModelError> {
        let printable = token.bytes().all(|byte| matches!(byte, b' '..=b'~'));
        if !printable || token.is_empty() || token.len() > CHARS_MAX {
            return Err(
                ModelError::value("Invalid value for parameter ClientToken".to_owned()).with_help(
                    format!("a token has 1 to {CHARS_MAX} printable ASCII characters"),
                ),
            );
        }
        Ok(Self {
            action,
            token: token.to_owned(),
            parameters,
        })
    }

    fn key(&self, caller: &Caller) -> TokenKey {
        TokenKey {
            account: caller.account.clone(),
            action: self.action.to_owned(),
            token: self.token.clone(),
        }
    }
}

/// Does `create` and answers with the ids of what it created; with a `token` under which that was done before, only
/// answers.
///
/// # Errors
/// `IdempotentParameterMismatch` where the token stands for another call, or what `create` says.
pub fn once(
    edit: &mut Edit<'_>,
    caller: &Caller,
    token: Option<&ClientToken>,
    create: impl FnOnce(&mut Edit<'_>) -> Result<Vec<String>, ModelError>,
) -> Result<Vec<String>, ModelError> {
    let Some(token) = token else {
        return create(edit);
    };
    let key = token.key(caller);
    let now = edit.now();
    if let Some(known) = edit.get::<Token>(&key).filter(|known| is_kept(known, now)) {
        return if known.parameters == token.parameters {
            Ok(known.created.clone())
        } else {
            Err(ModelError::new(
                ErrorCode::IdempotentParameterMismatch,
                "The client token was used before, with other parameters.",
            )
            .with_help("give every call that is another one a token of its own"))
        };
    }
    let created = create(edit)?;
    forget(edit, caller);
    let token = Token {
        parameters: token.parameters,
        created: created.clone(),
        at: now,
    };
    edit.put(key, token);
    Ok(created)
}

/// Whether a token still counts.
fn is_kept(token: &Token, now: Timestamp) -> bool {
    now.duration_since(token.at) < LIFETIME
}

/// Forgets the caller's tokens that are a day old, and makes room for one more.
fn forget(edit: &mut Edit<'_>, caller: &Caller) {
    let now = edit.now();
    let first = TokenKey {
        account: caller.account.clone(),
        action: String::new(),
        token: String::new(),
    };
    let own = edit.state().tokens.range(first..);
    let own = own.take_while(|(key, _)| key.account == caller.account);
    let (kept, mut gone): (Vec<_>, Vec<_>) = own.partition(|(_, token)| is_kept(token, now));
    if kept.len() >= TOKENS_MAX {
        gone.extend(kept.into_iter().min_by_key(|(_, token)| token.at));
    }
    let gone: Vec<_> = gone.into_iter().map(|(key, _)| key.clone()).collect();
    for key in gone {
        edit.remove::<Token>(&key);
    }
}

#[cfg(test)]
mod tests {
    use secgroup_model::AccountId;

    use super::*;
    use crate::{Site, State};

    fn caller() -> Caller {
        Caller {
            account: AccountId::new("123456789012"),
            key: "AKIDEXAMPLE".into(),
            may_write: true,
        }
    }

    /// A call at a time in hours that would create `id`.
    fn call(
        state: &mut State,
        hours: i64,
        token: Option<&ClientToken>,
        id: &str,
    ) -> Result<Vec<String>, ModelError> {
        let site = Site::new("us-east-1", vec![caller().account]);
        let now = Timestamp::from_second(hours * 3600).unwrap();
        let mut random = || 0;
        let mut edit = Edit::new(state, &site, now, &mut random);
        let created = once(&mut edit, &caller(), token, |_| Ok(vec![id.to_owned()]))?;
        drop(edit.commit());
        Ok(created)
    }

    fn token(text: &str, parameters: u64) -> ClientToken {
        ClientToken::new("CreateThing", text, parameters).unwrap()
    }

    #[test]
    fn the_same_call_creates_once_within_a_day() {
        let mut state = State::default();
        let same = token("t", 1);
        assert_eq!(call(&mut state, 0, Some(&same), "a").unwrap(), ["a"]);
        assert_eq!(call(&mut state, 23, Some(&same), "b").unwrap(), ["a"]);
        assert_eq!(call(&mut state, 24, Some(&same), "c").unwrap(), ["c"]);
        assert_eq!(call(&mut state, 24, None, "d").unwrap(), ["d"]);
    }

    #[test]
    fn a_token_does_not_stand_for_two_calls() {
        let mut state = State::default();
        call(&mut state, 0, Some(&token("t", 1)), "a").unwrap();
        let error = call(&mut state, 0, Some(&token("t", 2)), "b").unwrap_err();
        assert_eq!(error.code, ErrorCode::IdempotentParameterMismatch);
        let other = ClientToken::new("CreateOther", "t", 2).unwrap();
        assert_eq!(call(&mut state, 0, Some(&other), "c").unwrap(), ["c"]);
    }

    #[test]
    fn what_is_remembered_is_bounded_in_time_and_in_number() {
        let mut state = State::default();
        for number in 0..100 {
            call(&mut state, 0, Some(&token(&number.to_string(), 0)), "a").unwrap();
        }
        call(&mut state, 24, Some(&token("next", 0)), "a").unwrap();
        assert_eq!(state.tokens.len(), 1);
        let full = Token {
            parameters: 0,
            created: Vec::new(),
            at: Timestamp::from_second(24 * 3600).unwrap(),
        };
        for number in 1..TOKENS_MAX {
            let key = token(&number.to_string(), 0).key(&caller());
            state.tokens.insert(key, full.clone());
        }
        call(&mut state, 25, Some(&token("one more", 0)), "a").unwrap();
        assert_eq!(state.tokens.len(), TOKENS_MAX);
    }

    #[test]
    fn a_token_is_text_of_bounded_length() {
        for bad in ["", "ü", &"x".repeat(CHARS_MAX + 1)] {
            let error = ClientToken::new("CreateThing", bad, 0).unwrap_err();
            assert_eq!(error.code, ErrorCode::InvalidParameterValue, "{bad}");
        }
    }
}
