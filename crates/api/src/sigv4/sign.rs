//! The other side: signing, as clients do.

use std::collections::BTreeSet;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::claim::{ALGORITHM, Form};
use super::derive::{Scope, TERMINATION};
use super::{HttpRequest, canonical, derive};

/// With what, for what and when a request is signed.
#[derive(Clone, Copy)]
pub struct Signing<'a> {
    /// The id of the access key.
    pub key_id: &'a str,
    /// Its secret.
    pub secret: &'a str,
    /// The Region.
    pub region: &'a str,
    /// The service: `ec2` or `sts`.
    pub service: &'a str,
    /// The time of the request.
    pub time: Timestamp,
}

impl std::fmt::Debug for Signing<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Signing")
            .field("key_id", &self.key_id)
            .finish_non_exhaustive()
    }
}

impl Signing<'_> {
    /// The value of `x-amz-date`, which a request must have before it is signed.
    #[must_use]
    pub fn date(&self) -> String {
        let time = self.time.to_zoned(TimeZone::UTC);
        let (year, month, day) = (time.year(), time.month(), time.day());
        let (hour, minute, second) = (time.hour(), time.minute(), time.second());
        format!("{year:04}{month:02}{day:02}T{hour:02}{minute:02}{second:02}Z")
    }

    /// The value of `Authorization` for `request`, of which every header is signed; `host` and `x-amz-date` must be among them.
    ///
    /// # Errors
    /// `AuthFailure` where the request says a hash of its body that is not right.
    pub fn authorization(
        &self,
        request: &HttpRequest<'_>,
    ) -> Result<String, secgroup_model::ModelError> {
        let names = request.headers.iter();
        let names: BTreeSet<_> = names.map(|(name, _)| name.to_ascii_lowercase()).collect();
        let signed: Vec<_> = names.into_iter().collect();
        let date = self.date();
        let scope = Scope {
            date: date[..8].to_owned(),
            region: self.region.to_owned(),
            service: self.service.to_owned(),
        };
        let canonical = canonical::request(request, &signed, Form::Header)?;
        let text = derive::text_to_sign(&date, &scope, &canonical);
        let signature = derive::signature(self.secret, &scope, text.as_bytes());
        let (signed, signature) = (signed.join(";"), derive::hex(&signature));
        let (key, region, service) = (self.key_id, self.region, self.service);
        let day = &scope.date;
        Ok(format!(
            "{ALGORITHM} Credential={key}/{day}/{region}/{service}/{TERMINATION}, SignedHeaders={signed}, Signature={signature}"
        ))
    }
}
