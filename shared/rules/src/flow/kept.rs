//! Which flows a browser keeps. Neither reads nor writes cookies.

use std::cmp::Reverse;

use super::Flow;
use crate::time::Timestamp;

/// How many sign-ins a browser may have in progress.
const SIGN_IN_LIMIT: usize = 3;
/// How many offered flows it may have. Offers are reused; a second one comes from concurrent
/// responses, a second front end, or an offer older than an hour.
const OFFER_LIMIT: usize = 2;

/// An opened flow cookie.
pub enum Held {
    /// A flow.
    Flow(Box<Flow>),
    /// Sealed with a key of a newer keyring: it may be valid elsewhere. Its age is unknown.
    Unknown,
    /// Not ours, or altered.
    Unusable,
}

/// What was just added to a browser's flows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Newcomer {
    /// A sign-in that the user started.
    SignIn,
    /// A flow that an error offers and that may never be used.
    Offer,
    /// Nothing.
    Nobody,
}

/// The positions of the flows to remove. `held` is in the order of the request, oldest first for
/// equal ages (RFC 6265 section 5.4), with the new flow last.
///
/// The newest three sign-ins stay, and only another sign-in removes one: a 401 in another tab must
/// not end a sign-in (A81). The newest two offers stay as well: the user may be at Google with
/// either. The newest spent flow also stays, for the Back button (A04).
pub fn crowded_out(held: &[Held], newcomer: Newcomer) -> Vec<usize> {
    let (mut sign_ins, mut offers, mut over, mut out) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for (position, held) in held.iter().enumerate() {
        match held {
            Held::Unusable => out.push(position),
            Held::Unknown => sign_ins.push((Timestamp::from_seconds(0), position)),
            Held::Flow(flow) => {
                let kind = match (flow.is_spent(), flow.was_offered()) {
                    (true, _) => &mut over,
                    (false, true) => &mut offers,
                    (false, false) => &mut sign_ins,
                };
                kind.push((flow.began_at(), position));
            }
        }
    }
    out.extend(all_but_the_newest(1, over));
    match newcomer {
        Newcomer::SignIn => out.extend(all_but_the_newest(SIGN_IN_LIMIT, sign_ins)),
        Newcomer::Offer => out.extend(all_but_the_newest(OFFER_LIMIT, offers)),
        Newcomer::Nobody => {}
    }
    out
}

fn all_but_the_newest(count: usize, mut flows: Vec<(Timestamp, usize)>) -> impl Iterator<Item = usize> {
    flows.sort_by_key(|flow| Reverse(*flow));
    flows.into_iter().skip(count).map(|(_, position)| position)
}
