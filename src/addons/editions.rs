//! Which modules Odoo 18 comes with, Community and Enterprise: two lists of names, their source in their heads.

use std::sync::OnceLock;

/// Names, one a line, sorted; lines that begin with `#` are about the list.
struct Names {
    text: &'static str,
    sorted: OnceLock<Vec<&'static str>>,
}

static COMMUNITY: Names = Names { text: include_str!("community-18.0.txt"), sorted: OnceLock::new() };
static ENTERPRISE: Names = Names { text: include_str!("enterprise-18.0.txt"), sorted: OnceLock::new() };

impl Names {
    fn has(&self, name: &str) -> bool {
        let names = self.text.lines().filter(|line| !line.starts_with('#'));
        self.sorted.get_or_init(|| names.collect()).binary_search(&name).is_ok()
    }
}

/// Whether a module of Odoo 18 Community has this name.
pub fn is_community(name: &str) -> bool {
    COMMUNITY.has(name)
}

/// Whether a module of Odoo 18 Enterprise has this name. The two lists have none in common.
pub fn is_enterprise(name: &str) -> bool {
    ENTERPRISE.has(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lists_are_sorted_and_apart() {
        for (list, at_least) in [(&COMMUNITY, 600), (&ENTERPRISE, 600)] {
            assert!(list.has("account") || list.has("account_accountant"));
            let names = list.sorted.get().unwrap();
            assert!(names.len() > at_least);
            assert!(names.is_sorted_by(|a, b| a < b), "binary search needs it");
        }
        assert_eq!(ENTERPRISE.sorted.get().unwrap().iter().find(|name| is_community(name)), None);
    }

    #[test]
    fn what_people_take_for_enterprise_is_not_refused() {
        for name in ["iap", "iap_mail", "base", "account", "account_edi", "sms", "snailmail", "certificate"] {
            assert!(is_community(name) && !is_enterprise(name), "{name}");
        }
        for name in ["account_accountant", "web_enterprise", "documents", "helpdesk", "studio", "sign"] {
            assert!(!is_community(name), "{name}");
        }
        assert!(is_enterprise("web_studio") && is_enterprise("web_enterprise") && is_enterprise("sign"));
    }
}
