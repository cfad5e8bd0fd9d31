//! The mixture: how many tokens each source gives, and which of its documents.
//!
//! Pure decisions. Documents of a source are taken in the order of a stable hash of their content and a seed until
//! the estimated tokens fill the source's budget, so that a larger budget keeps the smaller one's documents and
//! nothing is taken twice.

mod choose;
mod select;

use serde::{Deserialize, Serialize};
use tamis_common::spec::{MixSpec, OnShortfall, Role};

pub use choose::{MixShard, Mixture, choose};
pub use select::{Cutoff, Selector, rank};

/// What a source offers after duplicates are gone.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pool {
    /// What the source is to the mixture.
    pub role: Role,
    /// Its estimated tokens.
    pub tokens: f64,
}

/// What a mixture takes. All figures are tokens, estimated from the sample that scan tokenized.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MixPlan {
    /// The asked parts of domain and general tokens.
    pub asked: (f64, f64),
    /// What the pools hold: domain, general.
    pub available: (f64, f64),
    /// What is taken: domain, general.
    pub planned: (f64, f64),
    /// General (or, if positive in the second place, domain) tokens that are missing to the asked ratio, given what is
    /// taken of the other role: domain, general.
    pub shortfall: (f64, f64),
    /// The budget a source, in spec order; `None`: all of it.
    pub budgets: Vec<Option<f64>>,
}

/// Decides what each source gives.
///
/// Domain text is the scarce kind, so general text is cut to its share; where general text is short,
/// `on_shortfall` decides whether domain text is cut too. A role's budget is shared by its sources in proportion
/// to what they hold.
pub fn plan(spec: &MixSpec, pools: &[Pool]) -> MixPlan {
    let (domain_parts, general_parts) = spec.domain_to_general;
    let available_of = |role: Role| pools.iter().filter(|p| p.role == role).map(|p| p.tokens).sum::<f64>();
    let (domain, general) = (available_of(Role::Domain), available_of(Role::General));

    let general_wanted = domain * general_parts / domain_parts;
    let (mut domain_taken, mut general_taken) = (domain, general.min(general_wanted));
    let short = general < general_wanted;
    if short && spec.on_shortfall == OnShortfall::HoldRatio {
        domain_taken = general * domain_parts / general_parts;
    }
    if general_parts == 0.0 {
        (domain_taken, general_taken) = (domain, 0.0);
    }
    let budget_of = |pool: &Pool| {
        let (all, taken) = match pool.role {
            Role::Domain => (domain, domain_taken),
            Role::General => (general, general_taken),
        };
        (taken < all).then(|| pool.tokens * taken / all)
    };
    MixPlan {
        asked: spec.domain_to_general,
        available: (domain, general),
        planned: (domain_taken, general_taken),
        shortfall: (0.0, (domain_taken * general_parts / domain_parts - general_taken).max(0.0)),
        budgets: pools.iter().map(budget_of).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(on_shortfall: OnShortfall) -> MixSpec {
        MixSpec { domain_to_general: (1.0, 5.0), seed: 0, on_shortfall }
    }

    fn pools(domain: f64, general: &[f64]) -> Vec<Pool> {
        let domain = Pool { role: Role::Domain, tokens: domain };
        let general = general.iter().map(|tokens| Pool { role: Role::General, tokens: *tokens });
        std::iter::once(domain).chain(general).collect()
    }

    #[test]
    fn plenty_of_general_text_is_cut_to_its_share_in_proportion() {
        let plan = plan(&spec(OnShortfall::KeepAll), &pools(100.0, &[600.0, 1_400.0]));
        assert_eq!(plan.budgets, [None, Some(150.0), Some(350.0)]);
        assert_eq!(plan.planned, (100.0, 500.0));
        assert_eq!(plan.shortfall, (0.0, 0.0));
    }

    #[test]
    fn scarce_general_text_is_kept_whole_and_the_shortfall_is_said() {
        let plan = plan(&spec(OnShortfall::KeepAll), &pools(100.0, &[200.0]));
        assert_eq!(plan.budgets, [None, None]);
        assert_eq!(plan.shortfall, (0.0, 300.0));
    }

    #[test]
    fn holding_the_ratio_cuts_domain_text_instead() {
        let plan = plan(&spec(OnShortfall::HoldRatio), &pools(100.0, &[200.0]));
        assert_eq!(plan.budgets, [Some(40.0), None]);
        assert_eq!(plan.shortfall, (0.0, 0.0));
    }
}
