//! Where things are: Availability Zones and their ids.
//!
//! A zone has a name that each account sees in its own way (`us-east-1a`) and an id that is the same for all (`use1-az1`). Here all
//! accounts see the same, in the order of the zones.

use crate::Site;

/// How ids of zones shorten the words of a Region's name; every other word is shortened to its first letter.
const SHORT: [(&str, &str); 4] = [
    ("northeast", "ne"),
    ("northwest", "nw"),
    ("southeast", "se"),
    ("southwest", "sw"),
];

/// The id of a zone, such as `use1-az1`; `None` where the site has no such zone.
#[must_use]
pub fn zone_id(site: &Site, zone: &str) -> Option<String> {
    let place = site.zones.iter().position(|known| known == zone)?;
    Some(format!("{}-az{}", short_region(&site.region), place + 1))
}

/// The name of the zone with this id.
#[must_use]
pub fn zone_of_id<'a>(site: &'a Site, id: &str) -> Option<&'a str> {
    let mut zones = site.zones.iter();
    let zone = zones.find(|zone| zone_id(site, zone).as_deref() == Some(id));
    zone.map(String::as_str)
}

/// `us-east-1` is `use1`, `ap-southeast-2` is `apse2`: the continent stays, the others are shortened.
fn short_region(region: &str) -> String {
    let mut words = region.split('-');
    let continent = words.next().unwrap_or_default();
    words.fold(continent.to_owned(), |short, word| {
        let known = SHORT.iter().find(|(long, _)| *long == word);
        let first = word.chars().next().map(String::from).unwrap_or_default();
        short + known.map_or(first.as_str(), |(_, abbreviation)| abbreviation)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zones_have_the_ids_that_aws_gives_them() {
        for (region, zone, id) in [
            ("us-east-1", "us-east-1a", "use1-az1"),
            ("us-west-2", "us-west-2c", "usw2-az3"),
            ("eu-central-1", "eu-central-1b", "euc1-az2"),
            ("ap-southeast-2", "ap-southeast-2a", "apse2-az1"),
            ("us-gov-west-1", "us-gov-west-1a", "usgw1-az1"),
        ] {
            let site = Site::new(region, Vec::new());
            assert_eq!(zone_id(&site, zone).as_deref(), Some(id));
            assert_eq!(zone_of_id(&site, id), Some(zone));
            assert_eq!(zone_id(&site, "elsewhere"), None);
        }
    }
}
