//! The versions that clients are told.

use std::fmt;

/// The version whose behaviour this server has. Clients read it to decide what they may ask for, so it is
/// etcd's and not this product's.
pub const ETCD_VERSION: &str = "3.7.1";

/// The version of the stored format that etcd of that version reports.
pub(crate) const STORAGE_VERSION: &str = "3.7.0";

/// The version that all members of a cluster have.
pub(crate) const CLUSTER_VERSION: Version = Version { major: 3, minor: 7 };

/// A version as far as clusters care about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Version {
    pub(crate) major: u64,
    pub(crate) minor: u64,
}

impl Version {
    /// Reads `3.6` or `3.6.2`; what comes after the minor number does not matter, but must be a number.
    pub(crate) fn parse_target(text: &str) -> Option<Self> {
        let numbers: Vec<u64> = text.split('.').map(|number| number.parse().ok()).collect::<Option<_>>()?;
        match numbers[..] {
            [major, minor] | [major, minor, _] => Some(Version { major, minor }),
            _ => None,
        }
    }

    /// The version one minor number before.
    pub(crate) fn before(self) -> Option<Self> {
        Some(Version { minor: self.minor.checked_sub(1)?, ..self })
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.0", self.major, self.minor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_has_two_or_three_numbers() {
        let version = Some(Version { major: 3, minor: 6 });
        assert_eq!((Version::parse_target("3.6"), Version::parse_target("3.6.9")), (version, version));
        for bad in ["", "3", "3.6.0.0", "v3.6", "3.x", "3.6-rc"] {
            assert_eq!(Version::parse_target(bad), None, "{bad}");
        }
    }
}
