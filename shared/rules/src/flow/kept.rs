//! Which of its flows a browser keeps. Pure rules: nothing here reads or writes a cookie.

use std::cmp::Reverse;

use super::Flow;
use crate::time::Timestamp;

/// How many sign-ins a browser may have under way.
const SIGN_INS: usize = 3;
/// How many offered flows it may have. One is offered again and again; a second comes of two
/// answers that cross, of a second front end, or when the first was offered for an hour.
const OFFERS: usize = 2;

/// A flow cookie of a browser, opened.
pub enum Held {
    /// A flow.
    Flow(Box<Flow>),
    /// One that is sealed with a key of a newer keyring: it may be under way elsewhere. Its age is
    /// unknown.
    Unknown,
    /// One that is not ours, or was altered.
    Unusable,
}

/// The flow that has just begun in a browser.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Newcomer {
    /// A sign-in, which somebody chose.
    SignIn,
    /// One that an error offers, and that perhaps nobody takes up.
    Offer,
    /// None.
    Nobody,
}

/// The positions of the flows that give way, of all in the order of the request (between flows of
/// one age the later is the newer, RFC 6265 section 5.4) and the newcomer last.
///
/// The newest three sign-ins stay, and only another sign-in takes the place of one: a poll that is
/// answered 401 in another tab must end nobody's (A81). Of those that were offered the newest two
/// stay, too: somebody may be at Google with either. Of those that are over the newest one stays,
/// for the Back button (A04); it counts among neither.
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
        Newcomer::SignIn => out.extend(all_but_the_newest(SIGN_INS, sign_ins)),
        Newcomer::Offer => out.extend(all_but_the_newest(OFFERS, offers)),
        Newcomer::Nobody => {}
    }
    out
}

fn all_but_the_newest(count: usize, mut flows: Vec<(Timestamp, usize)>) -> impl Iterator<Item = usize> {
    flows.sort_by_key(|flow| Reverse(*flow));
    flows.into_iter().skip(count).map(|(_, position)| position)
}
