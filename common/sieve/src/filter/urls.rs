//! Blocklists of domains and addresses, and words that an address must not hold.

use std::net::IpAddr;

use aho_corasick::AhoCorasick;
use hashbrown::HashSet;

use super::{Check, Failed, Filter, FilterKind, Verdict};
use crate::BuildError;
use crate::resources::Resources;
use crate::rules::{Defaults, Family, Kind, Opt, Rule, Settings, Side};
use crate::text::Text;
use crate::work::steps;

const FAMILY: Family = Family {
    name: "urls",
    about: "blocklists of domains and addresses, and words that an address must not hold; without address a text stays, and \
            without lists all do",
    source: "FineWeb (Penedo et al. 2024, arXiv:2406.17557), as in datatrove 0.10.1, without its lists",
    rules: &[
        Rule {
            name: "drop_from_domains",
            side: Side::Below,
            defaults: Defaults::all(1.0),
            about: "1 if the domain or one above it is listed",
        },
        Rule {
            name: "drop_from_urls",
            side: Side::Below,
            defaults: Defaults::all(1.0),
            about: "1 if the address is listed",
        },
        Rule {
            name: "drop_from_words",
            side: Side::Below,
            defaults: Defaults::all(1.0),
            about: "different words of `words` in the address",
        },
        Rule {
            name: "drop_from_soft_words",
            side: Side::Below,
            defaults: Defaults::all(2.0),
            about: "different words of `soft_words` in the address",
        },
        Rule {
            name: "drop_from_subwords",
            side: Side::Below,
            defaults: Defaults::all(1.0),
            about: "places where one of `subwords` stands in the letters and digits of the address",
        },
    ],
    options: &[
        Opt {
            name: "domains",
            kind: Kind::Files,
            about: "lists of domains, one a line or as in a hosts file; domains below them are meant too",
        },
        Opt {
            name: "urls",
            kind: Kind::Files,
            about: "lists of addresses, one a line; scheme, `www.`, fragment and a last `/` do not matter",
        },
        Opt {
            name: "words",
            kind: Kind::Texts,
            about: "words of letters and digits of which one is too many",
        },
        Opt { name: "soft_words", kind: Kind::Texts, about: "words of which two are too many" },
        Opt {
            name: "subwords",
            kind: Kind::Texts,
            about: "what must stand nowhere, within words or across them",
        },
    ],
};

pub(super) const KIND: FilterKind = FilterKind {
    family: &FAMILY,
    build: |settings, resources| Ok(Box::new(Urls::new(settings, resources)?)),
};

/// Names of hosts are no longer; what stands before is not looked at, so that work stays linear.
const MAX_HOST: usize = 253;

/// `[filter.urls]`
struct Urls {
    domains: HashSet<Box<str>>,
    urls: HashSet<Box<str>>,
    words: HashSet<Box<str>>,
    soft_words: HashSet<Box<str>>,
    subwords: Option<AhoCorasick>,
}

impl Urls {
    fn new(settings: &Settings, resources: &Resources) -> Result<Self, BuildError> {
        let mut domains = HashSet::new();
        for uri in settings.texts("domains") {
            for entry in resources.entries(uri)? {
                add_domains(entry, &mut domains)
                    .map_err(|reason| BuildError(format!("`{uri}`: {reason}")))?;
            }
        }
        let mut urls = HashSet::new();
        for uri in settings.texts("urls") {
            urls.extend(resources.entries(uri)?.map(|entry| normalised(entry).into_boxed_str()));
        }
        let words =
            |option| settings.texts(option).iter().map(|word| squeezed(word).into_boxed_str()).collect();
        let subwords: HashSet<Box<str>> = words("subwords");
        let subwords: Vec<&str> =
            subwords.iter().map(|word| &**word).filter(|word| !word.is_empty()).collect();
        let search =
            AhoCorasick::new(&subwords).map_err(|e| BuildError(format!("`subwords` are too many: {e}")))?;
        Ok(Self {
            domains,
            urls,
            words: words("words"),
            soft_words: words("soft_words"),
            subwords: (!subwords.is_empty()).then_some(search),
        })
    }

    /// The listed domain of a host.
    fn listed_domain<'a>(&self, host: &'a str) -> Option<&'a str> {
        let start = host.ceil_char_boundary(host.len().saturating_sub(MAX_HOST));
        let mut domain = &host[start..];
        loop {
            steps(domain.len());
            if self.domains.contains(domain) {
                return Some(domain);
            }
            domain = domain.split_once('.')?.1;
        }
    }
}

impl Filter for Urls {
    fn judge(&self, text: &Text<'_>, check: &mut Check<'_>) -> Result<Verdict, Failed> {
        let Some(url) = text.url() else { return Ok(Verdict::Keep) };
        // Each look goes over the address once; of a host, so much is looked at for each of its dots.
        steps(8 * url.len());
        if !self.domains.is_empty() {
            let host = host(url);
            let listed = self.listed_domain(&host);
            check
                .rule("drop_from_domains", || f64::from(u8::from(listed.is_some())))
                .map_err(|failed| failed.with_detail(listed.unwrap_or_default()))?;
        }
        if !self.urls.is_empty() {
            let is_listed = || f64::from(u8::from(self.urls.contains(&*normalised(url))));
            check.rule("drop_from_urls", is_listed).map_err(|failed| failed.with_detail(shown(url)))?;
        }
        let lower = url.to_ascii_lowercase();
        for (rule, list) in [("drop_from_words", &self.words), ("drop_from_soft_words", &self.soft_words)] {
            if list.is_empty() {
                continue;
            }
            let found: HashSet<&str> = lower
                .split(|c: char| !c.is_ascii_alphanumeric())
                .filter_map(|word| list.get(word).map(|word| &**word))
                .collect();
            check.rule(rule, || found.len() as f64).map_err(|failed| {
                let mut found: Vec<&str> = found.iter().copied().collect();
                found.sort_unstable();
                failed.with_detail(format!("`{}` in {}", found.join("` `"), shown(url)))
            })?;
        }
        if let Some(subwords) = &self.subwords {
            let squeezed = squeezed(&lower);
            check.rule("drop_from_subwords", || subwords.find_iter(&squeezed).count() as f64).map_err(
                |failed| {
                    let first = subwords.find(&squeezed).map_or("", |found| &squeezed[found.range()]);
                    failed.with_detail(format!("`{first}` in {}", shown(url)))
                },
            )?;
        }
        Ok(Verdict::Keep)
    }
}

/// As much of an address as fits a line.
fn shown(url: &str) -> &str {
    &url[..url.floor_char_boundary(200)]
}

/// Letters and digits, in lower case.
fn squeezed(text: &str) -> String {
    text.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect()
}

/// What stands behind the scheme.
fn without_scheme(url: &str) -> &str {
    let is_scheme =
        |scheme: &str| scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte));
    match url.trim().split_once("://") {
        Some((scheme, rest)) if is_scheme(scheme) => rest,
        _ => url.trim().trim_start_matches("//"),
    }
}

/// The host in lower case, without user and port.
fn host(url: &str) -> String {
    let rest = without_scheme(url);
    let authority = &rest[..rest.find(['/', '?', '#']).unwrap_or(rest.len())];
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    let host = host.split_once(':').map_or(host, |(host, _)| host);
    host.trim_end_matches('.').to_lowercase()
}

/// An address as lists are compared: the host in lower case, without scheme, `www.`, fragment and last `/`.
fn normalised(url: &str) -> String {
    let rest = without_scheme(url);
    let rest = rest.split_once('#').map_or(rest, |(before, _)| before);
    let path = &rest[rest.find(['/', '?']).unwrap_or(rest.len())..];
    let host = rest[..rest.len() - path.len()].to_lowercase();
    format!("{}{}", host.trim_start_matches("www."), path.trim_end_matches('/'))
}

/// Adds the domains of a line: `example.com`, `*.example.com`, `||example.com^`, `0.0.0.0 example.com # comment`.
fn add_domains(line: &str, domains: &mut HashSet<Box<str>>) -> Result<(), String> {
    let line = line.split_once('#').map_or(line, |(before, _)| before);
    let mut fields: Vec<&str> = line.split_whitespace().collect();
    if fields.len() > 1 && fields[0].parse::<IpAddr>().is_ok() {
        fields.remove(0);
    } else if fields.len() > 1 {
        return Err(format!("`{line}` is no domain"));
    }
    for field in fields {
        let domain = field.trim_start_matches("||").trim_end_matches('^').trim_start_matches("*.");
        let domain = domain.trim_start_matches('.');
        let name = host(domain);
        if name.is_empty() {
            return Err(format!("`{field}` is no domain"));
        }
        domains.insert(name.into_boxed_str());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::testing::{judge_text, published};
    use super::*;
    use crate::rules::Value;
    use crate::text::TextRules;

    fn texts(values: &[&str]) -> Value {
        Value::Texts(values.iter().map(|value| (*value).to_owned()).collect())
    }

    fn lists() -> (Settings, Resources) {
        let mut resources = Resources::default();
        resources.insert(
            "domains.txt",
            "# adult\nbad.com\n*.Worse.org\n0.0.0.0 ads.net track.net # hosts\n||block.cn^\n赌场.中国\n"
                .as_bytes(),
        );
        resources.insert("urls.txt", "http://www.good.com/bad/page/\ngood.com/Other?x=1\n".as_bytes());
        let settings = published("urls")
            .with_value("domains", texts(&["domains.txt"]))
            .with_value("urls", texts(&["urls.txt"]))
            .with_value("words", texts(&["casino"]))
            .with_value("soft_words", texts(&["poker", "bonus"]))
            .with_value("subwords", texts(&["free-spins"]));
        (settings, resources)
    }

    fn rule(url: &str) -> Option<(&'static str, String)> {
        let (settings, resources) = lists();
        let text = Text::new("text", TextRules::default()).with_url(Some(url));
        let failed = judge_text(&settings, &resources, &text).err()?;
        Some((FAMILY.rules[failed.rule].name, failed.detail.unwrap_or_default()))
    }

    #[test]
    fn listed_domains_go_with_all_below_them() {
        for (url, domain) in [
            ("https://bad.com/x", "bad.com"),
            ("https://user@a.b.BAD.com:8080", "bad.com"),
            ("worse.org", "worse.org"),
            ("http://x.track.net?y", "track.net"),
            ("//block.cn/", "block.cn"),
            ("http://赌场.中国/首页", "赌场.中国"),
            ("http://bad.com./", "bad.com"),
        ] {
            assert_eq!(rule(url), Some(("drop_from_domains", domain.to_owned())), "{url}");
        }
        for url in ["https://notbad.com", "https://bad.com.cn", "https://x.org/bad.com", "com", ""] {
            assert_eq!(rule(url), None, "{url}");
        }
    }

    #[test]
    fn listed_addresses_go() {
        let dropped = |url| rule(url).map(|(rule, _)| rule);
        assert_eq!(dropped("https://good.com/bad/page"), Some("drop_from_urls"));
        assert_eq!(dropped("https://GOOD.com/bad/page#top"), Some("drop_from_urls"));
        assert_eq!(dropped("https://good.com/Other?x=1"), Some("drop_from_urls"));
        assert_eq!(dropped("https://good.com/other?x=1"), None);
        assert_eq!(dropped("https://good.com/bad"), None);
    }

    #[test]
    fn words_of_an_address_count() {
        let detail = |words: &str, url: &str| format!("`{words}` in {url}");
        let url = "https://x.org/best-Casino_2024";
        assert_eq!(rule(url), Some(("drop_from_words", detail("casino", url))));
        assert_eq!(rule("https://x.org/casinos"), None);
        assert_eq!(rule("https://x.org/poker"), None);
        assert_eq!(rule("https://x.org/poker/poker"), None);
        let url = "https://x.org/poker?bonus";
        assert_eq!(rule(url), Some(("drop_from_soft_words", detail("bonus` `poker", url))));
        let url = "https://x.org/getfree/spins";
        assert_eq!(rule(url), Some(("drop_from_subwords", detail("freespins", url))));
    }

    #[test]
    fn without_address_a_text_stays() {
        let (settings, resources) = lists();
        assert!(judge_text(&settings, &resources, &Text::new("casino", TextRules::default())).is_ok());
    }

    #[test]
    fn without_lists_all_stay_and_a_list_that_is_none_is_refused() {
        let refused =
            |settings: &Settings, resources: &Resources| (KIND.build)(settings, resources).err().unwrap().0;
        let mut resources = Resources::default();
        let page = Text::new("text", TextRules::default()).with_url(Some("https://casino.com/"));
        assert!(judge_text(&published("urls"), &resources, &page).is_ok());
        resources.insert("list", "a sentence of words\n".as_bytes());
        assert_eq!(
            refused(&published("urls").with_value("domains", texts(&["list"])), &resources),
            "`list`: `a sentence of words` is no domain"
        );
    }

    proptest! {
        #[test]
        fn no_address_makes_it_panic(url in prop_oneof!["\\PC{0,40}", "[a:/.@#?中w]{0,40}"]) {
            rule(&url);
            rule(&url.repeat(20));
        }

        #[test]
        fn a_domain_is_found_below_any_other(sub in "[a-z]{1,5}(\\.[a-z]{1,5}){0,60}", path in "[a-z/?#]{0,9}") {
            let url = format!("https://{sub}.bad.com/{path}");
            prop_assert_eq!(rule(&url).map(|(rule, _)| rule), Some("drop_from_domains"));
        }
    }
}
