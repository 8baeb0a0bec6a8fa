//! The way back from a secret that was written before a deployment that failed or was interrupted. Holds names and version
//! ids, never a value.

use std::cell::RefCell;

/// What has become of the secret so far; kept outside of the deployment, which an interruption ends anywhere.
#[derive(Default)]
pub(crate) struct WayBack(RefCell<Option<Left>>);

/// What a deployment that ends now leaves behind.
struct Left {
    /// Said while it is not known whether the call was carried out.
    perhaps: String,
    /// Said when it is.
    surely: String,
    is_sure: bool,
}

/// What is done to a secret.
pub(crate) enum Change {
    /// It is made.
    Made,
    /// It gets a new version.
    Replaced {
        /// The version that was current; none when the secret had no value.
        previous: Option<String>,
        /// The new one.
        new: String,
    },
}

/// Where the secret is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place<'a> {
    /// Its name.
    pub(crate) secret: &'a str,
    /// The region.
    pub(crate) region: &'a str,
    /// The profile, if the caller named one.
    pub(crate) profile: Option<&'a str>,
}

impl WayBack {
    /// A call that changes the secret is about to be sent.
    pub(crate) fn begin(&self, change: &Change, place: Place<'_>) {
        *self.0.borrow_mut() = Some(Left {
            perhaps: change.words(place, "may have been", "may have"),
            surely: change.words(place, "was", "has"),
            is_sure: false,
        });
    }

    /// It was carried out.
    pub(crate) fn done(&self) {
        if let Some(left) = self.0.borrow_mut().as_mut() {
            left.is_sure = true;
        }
    }

    /// It was refused, or what it was for is done.
    pub(crate) fn forget(&self) {
        self.0.take();
    }

    /// The problem, with what it leaves behind.
    pub(crate) fn after(&self, problem: String) -> String {
        match self.0.take() {
            None => problem,
            Some(left) => format!("{problem}\n{}", if left.is_sure { left.surely } else { left.perhaps }),
        }
    }
}

impl Change {
    fn words(&self, place: Place<'_>, was: &str, has: &str) -> String {
        let Place { secret, region, profile } = place;
        match self {
            Self::Made => {
                format!("The secret {secret} {was} newly made, and stays: the next deployment uses it.")
            }
            Self::Replaced { previous: None, .. } => {
                format!("The secret {secret} {has} its first value now, and no previous one to go back to.")
            }
            Self::Replaced { previous: Some(previous), new } => {
                let profile = profile.map(|profile| format!(" --profile '{profile}'")).unwrap_or_default();
                format!(
                    "The secret {secret} {has} its new value already, and the functions read it within five minutes. This \
                     brings the previous value back:\n  aws secretsmanager update-secret-version-stage --secret-id {secret} \
                     --version-stage AWSCURRENT --move-to-version-id {previous} --remove-from-version-id {new} --region \
                     {region}{profile}"
                )
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLACE: Place<'_> = Place { secret: "postern/google-client", region: "eu-central-1", profile: None };

    fn replaced(previous: Option<&str>) -> Change {
        Change::Replaced { previous: previous.map(str::to_owned), new: "v2".to_owned() }
    }

    #[test]
    fn a_failure_before_anything_was_written_is_said_as_it_is() {
        assert_eq!(WayBack::default().after("sam build failed".to_owned()), "sam build failed");
    }

    #[test]
    fn a_failure_after_the_secret_was_replaced_is_said_with_the_command_that_takes_it_back() {
        let way_back = WayBack::default();
        way_back.begin(&replaced(Some("v1")), PLACE);
        way_back.done();
        assert_eq!(
            way_back.after("sam deploy failed".to_owned()),
            "sam deploy failed
The secret postern/google-client has its new value already, and the functions read it within five minutes. This brings the \
previous value back:
  aws secretsmanager update-secret-version-stage --secret-id postern/google-client --version-stage AWSCURRENT \
--move-to-version-id v1 --remove-from-version-id v2 --region eu-central-1"
        );
    }

    #[test]
    fn an_interruption_while_the_secret_is_written_does_not_say_that_it_was() {
        let way_back = WayBack::default();
        way_back.begin(&replaced(Some("v1")), Place { profile: Some("team"), ..PLACE });
        let said = way_back.after("interrupted".to_owned());
        assert!(said.contains("may have its new value already"), "{said}");
        assert!(said.ends_with("--region eu-central-1 --profile 'team'"), "{said}");
    }

    #[test]
    fn a_secret_that_was_made_or_had_no_value_has_no_previous_one() {
        for (change, is_done, part) in [
            (Change::Made, true, "The secret postern/google-client was newly made, and stays"),
            (Change::Made, false, "The secret postern/google-client may have been newly made, and stays"),
            (replaced(None), true, "has its first value now"),
        ] {
            let way_back = WayBack::default();
            way_back.begin(&change, PLACE);
            if is_done {
                way_back.done();
            }
            let said = way_back.after("sam deploy failed".to_owned());
            assert!(said.contains(part) && !said.contains("aws "), "{said}");
        }
    }

    #[test]
    fn what_was_refused_or_deployed_needs_no_way_back() {
        let way_back = WayBack::default();
        way_back.begin(&Change::Made, PLACE);
        way_back.forget();
        assert_eq!(way_back.after("no outputs".to_owned()), "no outputs");
    }
}
