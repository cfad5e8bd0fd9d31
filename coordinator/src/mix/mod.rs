//! The mixture: how many tokens each source, and each of its shards, may give. Pure decisions.
//!
//! Sources that give all they hold are emitted first. Their tokens are exact then, and the budgets of the others follow
//! from them. Workers fill a budget exactly, with the first documents in the order of a stable hash, so that a
//! larger budget keeps the smaller one's documents and nothing is taken twice.

mod pools;

use serde::{Deserialize, Serialize};
use tamis_common::spec::{JobSpec, MixSpec, OnShortfall, Role, SourceDedup};

pub use pools::{MixShard, ShardPool, pools};

/// A source whose target is this much more than what it seems to hold gives all it holds. Below it, the estimate may be
/// wrong, so that its target is a budget which it may not fill.
const SURELY_MORE: f64 = 1.1;

/// What a source offers after duplicates are gone.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pool {
    /// What the source is to the mixture.
    pub role: Role,
    /// Its tokens, as far as they are known.
    pub tokens: f64,
    /// What it may give at most.
    pub max_tokens: Option<u64>,
    /// Its weight, where weights are named.
    pub weight: Option<f64>,
}

impl Pool {
    fn most(&self) -> f64 {
        self.max_tokens.map_or(f64::INFINITY, |most| most as f64)
    }

    fn cap(&self) -> f64 {
        self.tokens.min(self.most())
    }
}

/// The tokens that each pool should give; what it should give may be more than it holds, and is infinite for one that
/// gives what it has.
///
/// Domain text is the scarce kind: with `keep_all` none of it is cut but by `max_tokens`, and general text is cut to its
/// share. With `hold_ratio` what is short decides for all.
pub fn targets(spec: &MixSpec, pools: &[Pool]) -> Vec<f64> {
    let wanted = match (&spec.domain_to_general, &spec.weights) {
        (Some(ratio), _) => by_role(spec, *ratio, pools),
        (None, Some(_)) => by_weight(spec, pools),
        (None, None) => bounded(spec, pools),
    };
    wanted.into_iter().zip(pools).map(|(wanted, pool)| wanted.min(pool.most())).collect()
}

/// No shares: everything, or the same part of everything.
fn bounded(spec: &MixSpec, pools: &[Pool]) -> Vec<f64> {
    let all: f64 = pools.iter().map(Pool::cap).sum();
    let part = spec.max_tokens.map(|most| most as f64 / all).filter(|part| *part < 1.0);
    pools.iter().map(|pool| part.map_or(f64::INFINITY, |part| pool.cap() * part)).collect()
}

fn by_weight(spec: &MixSpec, pools: &[Pool]) -> Vec<f64> {
    let weight = |pool: &Pool| pool.weight.unwrap_or_default();
    // Tokens of a weight of 1, if this pool alone decided.
    let unit = |pool: &Pool| pool.cap() / weight(pool);
    let has_domain = pools.iter().any(|pool| pool.role == Role::Domain && weight(pool) > 0.0);
    let decides = |pool: &&Pool| {
        let is_scarce = !has_domain || pool.role == Role::Domain;
        weight(pool) > 0.0 && (is_scarce || spec.on_shortfall == OnShortfall::HoldRatio)
    };
    let units = pools.iter().filter(decides).map(unit);
    let tokens = match spec.on_shortfall {
        OnShortfall::KeepAll => units.fold(0.0, f64::max),
        OnShortfall::HoldRatio => units.fold(f64::INFINITY, f64::min),
    };
    let most = spec.max_tokens.map(|most| most as f64 / pools.iter().map(weight).sum::<f64>());
    if let Some(most) = most.filter(|most| *most < tokens) {
        return pools.iter().map(|pool| most * weight(pool)).collect();
    }
    // What decides gives all it has, so that its tokens are counted and not estimated.
    let target = |pool: &Pool| if unit(pool) == tokens { f64::INFINITY } else { tokens * weight(pool) };
    pools.iter().map(target).collect()
}

fn by_role(spec: &MixSpec, (domain_parts, general_parts): (f64, f64), pools: &[Pool]) -> Vec<f64> {
    let of_role = |role: Role| pools.iter().filter(move |pool| pool.role == role);
    let held = |role: Role| of_role(role).map(Pool::cap).sum::<f64>();
    let (domain, general) = (held(Role::Domain), held(Role::General));
    let ratio = general_parts / domain_parts;

    let mut domain_wanted = match spec.on_shortfall {
        OnShortfall::KeepAll => f64::INFINITY,
        OnShortfall::HoldRatio if general < domain * ratio => general / ratio,
        OnShortfall::HoldRatio => f64::INFINITY,
    };
    let mut general_wanted = domain * ratio;
    if let Some(most) = spec.max_tokens {
        let most = most as f64;
        let share = most / (1.0 + ratio);
        // What one role cannot give of its share the other may, where nothing is to be cut.
        let (left_by_general, left_by_domain) = match spec.on_shortfall {
            OnShortfall::KeepAll => (most - general.min(general_wanted), most - domain),
            OnShortfall::HoldRatio => (0.0, 0.0),
        };
        domain_wanted = domain_wanted.min(share.max(left_by_general));
        general_wanted = general_wanted.min((share * ratio).max(left_by_domain));
    }
    let target = |pool: &Pool| {
        let (wanted, held) = match pool.role {
            Role::Domain => (domain_wanted, domain),
            Role::General => (general_wanted, general),
        };
        if wanted.is_infinite() || held == 0.0 { wanted } else { wanted * pool.cap() / held }
    };
    pools.iter().map(target).collect()
}

/// The state of a job's mixture between resolve and publish.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MixPlan {
    /// By source in spec order: tokens that seem to be there after duplicates are gone, estimated from a sample.
    pub available: Vec<f64>,
    /// By source: code points a token, from the sample.
    pub chars_per_token: Vec<f64>,
    /// By source: whether all it holds is taken; else a budget is filled.
    pub whole: Vec<bool>,
    /// By shard: what is left of it after duplicates are gone.
    pub shards: Vec<ShardPool>,
}

/// The pools of a spec with the given tokens by source; sources that are not written hold nothing.
fn pools_of(spec: &JobSpec, mix: &MixSpec, tokens: &[f64]) -> Vec<Pool> {
    let weights = mix.weights.as_ref();
    let pool = |(source, tokens): (&tamis_common::spec::SourceSpec, &f64)| Pool {
        role: source.role,
        tokens: if source.dedup == SourceDedup::Check { 0.0 } else { *tokens },
        max_tokens: source.max_tokens,
        weight: weights.and_then(|weights| weights.get(&source.name).copied()),
    };
    spec.sources.iter().zip(tokens).map(pool).collect()
}

impl MixPlan {
    /// Decides which sources give all they hold.
    pub fn new(spec: &JobSpec, mix: &MixSpec, chars_per_token: Vec<f64>, shards: Vec<ShardPool>) -> Self {
        let mut available = vec![0.0; spec.sources.len()];
        for shard in &shards {
            available[shard.source] += shard.chars as f64 / chars_per_token[shard.source];
        }
        let targets = targets(mix, &pools_of(spec, mix, &available));
        let is_whole = |(target, held): (&f64, &f64)| *target >= held * SURELY_MORE;
        let whole = targets.iter().zip(&available).map(is_whole).collect();
        Self { available, chars_per_token, whole, shards }
    }

    /// The budget of every shard of a source that has one, in tokens, given the exact tokens by source of those that are
    /// whole. A source's budget is divided among its shards by what they hold.
    pub fn budgets(&self, spec: &JobSpec, mix: &MixSpec, exact: &[f64]) -> Vec<(ShardPool, u64)> {
        let known = |source: usize| if self.whole[source] { exact[source] } else { self.available[source] };
        let tokens: Vec<f64> = (0..self.available.len()).map(known).collect();
        let targets = targets(mix, &pools_of(spec, mix, &tokens));
        let budgeted = self.shards.iter().filter(|shard| !self.whole[shard.source]);
        budgeted
            .map(|shard| {
                let held = self.available[shard.source];
                let part = shard.chars as f64 / self.chars_per_token[shard.source] / held.max(1.0);
                (*shard, (targets[shard.source] * part).round() as u64)
            })
            .collect()
    }
}

/// What a mixture came out as, by exact counts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MixReport {
    /// The asked parts of domain and general tokens.
    pub domain_to_general: Option<(f64, f64)>,
    /// Written tokens of domain and of general sources.
    pub achieved: (u64, u64),
    /// How far the domain's share is from the asked one, as a part of it; with weights, the share of the source that is
    /// furthest off. `None`: no share was asked for.
    pub error: Option<f64>,
    /// Domain and general tokens that are missing to the asked ratio, given those of the other role.
    pub missing: (u64, u64),
    /// By source.
    pub sources: Vec<MixSource>,
}

/// One source of a mixture.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MixSource {
    /// Its name.
    pub name: String,
    /// Tokens that it held after duplicates were gone, estimated where not all were written.
    pub available: u64,
    /// Tokens that were written.
    pub written: u64,
    /// Tokens that it should have given; `None`: all it had.
    pub target: Option<u64>,
    /// Its weight, if weights were asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weight: Option<f64>,
}

impl MixSource {
    /// Tokens that are missing to its target.
    pub fn missing(&self) -> u64 {
        self.target.map_or(0, |target| target.saturating_sub(self.written))
    }
}

/// What came out of a plan; `written` is by source.
pub fn outcome(spec: &JobSpec, mix: &MixSpec, plan: &MixPlan, written: &[u64]) -> MixReport {
    let sum = |role: Role| {
        let of_role = spec.sources.iter().zip(written).filter(move |(source, _)| source.role == role);
        of_role.map(|(_, tokens)| *tokens).sum::<u64>()
    };
    let achieved = (sum(Role::Domain), sum(Role::General));
    let exact: Vec<f64> = written.iter().map(|tokens| *tokens as f64).collect();
    let known = |source: usize| if plan.whole[source] { exact[source] } else { plan.available[source] };
    let tokens: Vec<f64> = (0..written.len()).map(known).collect();
    let pools = pools_of(spec, mix, &tokens);
    let targets = targets(mix, &pools);
    let mut report = MixReport {
        domain_to_general: mix.domain_to_general,
        achieved,
        error: None,
        missing: (0, 0),
        sources: (0..written.len())
            .map(|source| MixSource {
                name: spec.sources[source].name.clone(),
                available: (tokens[source].max(exact[source])) as u64,
                written: written[source],
                target: targets[source].is_finite().then_some(targets[source].round() as u64),
                weight: pools[source].weight,
            })
            .collect(),
    };
    if mix.weights.is_some() {
        report.error = weights_error(&report.sources);
    }
    if let Some((domain_parts, general_parts)) = mix.domain_to_general {
        let (domain, general) = (achieved.0 as f64, achieved.1 as f64);
        let asked = domain_parts / (domain_parts + general_parts);
        report.error = (domain + general > 0.0).then(|| (domain / (domain + general) / asked - 1.0).abs());
        let missing = |wanted: f64, found: f64| (wanted - found).max(0.0).round() as u64;
        report.missing = (
            missing(general * domain_parts / general_parts, domain),
            missing(domain * general_parts / domain_parts, general),
        );
    }
    report
}

/// The share of the source that is furthest from that of its weight, as a part of it; `None` if nothing was written.
fn weights_error(sources: &[MixSource]) -> Option<f64> {
    let weighed = || sources.iter().filter_map(|source| Some((source.weight?, source.written as f64)));
    let (weights, written) = weighed().fold((0.0, 0.0), |sum, one| (sum.0 + one.0, sum.1 + one.1));
    let off = weighed().map(|(weight, tokens)| (tokens / written / (weight / weights) - 1.0).abs());
    (written > 0.0).then(|| off.fold(0.0, f64::max))
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use proptest::prelude::*;
    use tamis_common::ids::ShardId;

    use super::*;

    const ALL: f64 = f64::INFINITY;

    fn pool(role: Role, tokens: f64) -> Pool {
        Pool { role, tokens, max_tokens: None, weight: None }
    }

    fn one_to_five(on_shortfall: OnShortfall, max_tokens: Option<u64>) -> MixSpec {
        MixSpec { domain_to_general: Some((1.0, 5.0)), on_shortfall, max_tokens, ..MixSpec::default() }
    }

    fn pools(domain: f64, general: &[f64]) -> Vec<Pool> {
        let general = general.iter().map(|tokens| pool(Role::General, *tokens));
        std::iter::once(pool(Role::Domain, domain)).chain(general).collect()
    }

    #[test]
    fn plenty_of_general_text_is_cut_to_its_share_in_proportion() {
        let found = targets(&one_to_five(OnShortfall::KeepAll, None), &pools(100.0, &[600.0, 1_400.0]));
        assert_eq!(found, [ALL, 150.0, 350.0]);
    }

    #[test]
    fn scarce_general_text_is_asked_for_more_than_it_has_or_cuts_the_domain() {
        let pools = pools(100.0, &[200.0]);
        assert_eq!(targets(&one_to_five(OnShortfall::KeepAll, None), &pools), [ALL, 500.0]);
        assert_eq!(targets(&one_to_five(OnShortfall::HoldRatio, None), &pools), [40.0, 500.0]);
    }

    #[test]
    fn a_bound_for_all_keeps_the_ratio_and_lets_a_role_fill_what_the_other_lacks() {
        let keep = one_to_five(OnShortfall::KeepAll, Some(300));
        assert_eq!(targets(&keep, &pools(100.0, &[10_000.0])), [50.0, 250.0]);
        assert_eq!(targets(&keep, &pools(1_000.0, &[100.0])), [200.0, 250.0]);
        let hold = one_to_five(OnShortfall::HoldRatio, Some(300));
        assert_eq!(targets(&hold, &pools(1_000.0, &[100.0])), [20.0, 250.0]);
    }

    #[test]
    fn a_source_gives_no_more_than_its_bound() {
        let mut pools = pools(100.0, &[600.0, 1_400.0]);
        pools[2].max_tokens = Some(200);
        // 500 are wanted of 600 + 200.
        let found = targets(&one_to_five(OnShortfall::KeepAll, None), &pools);
        assert_eq!(found, [ALL, 375.0, 125.0]);
        let found = targets(&MixSpec::default(), &pools);
        assert_eq!(found, [ALL, ALL, 200.0]);
        let spec = MixSpec { max_tokens: Some(450), ..MixSpec::default() };
        assert_eq!(targets(&spec, &pools), [50.0, 300.0, 100.0]);
    }

    #[test]
    fn weights_follow_the_domain_or_the_scarcest() {
        let weights = Some([("d".to_owned(), 1.0)].into());
        let spec = |on_shortfall| MixSpec { weights: weights.clone(), on_shortfall, ..MixSpec::default() };
        let mut pools = pools(100.0, &[150.0, 1_000.0]);
        for (pool, weight) in pools.iter_mut().zip([1.0, 2.0, 3.0]) {
            pool.weight = Some(weight);
        }
        assert_eq!(targets(&spec(OnShortfall::KeepAll), &pools), [ALL, 200.0, 300.0]);
        assert_eq!(targets(&spec(OnShortfall::HoldRatio), &pools), [75.0, ALL, 225.0]);
        let bounded = MixSpec { max_tokens: Some(60), ..spec(OnShortfall::KeepAll) };
        assert_eq!(targets(&bounded, &pools), [10.0, 20.0, 30.0]);
    }

    fn job(mix: &str) -> JobSpec {
        let text = format!(
            "name='m'\n[tokenizer]\npath='t'\n[[source]]\nname='d'\ninputs=['/d']\n\
             [[source]]\nname='g'\nrole='general'\ninputs=['/g']\n[mix]\n{mix}\n[output]\nuri='/o'\n"
        );
        JobSpec::parse(&text, "job.toml").unwrap()
    }

    fn shard(id: u32, source: usize, chars: u64) -> ShardPool {
        ShardPool { shard: ShardId(id), source, chars }
    }

    #[test]
    fn budgets_follow_from_the_exact_tokens_of_what_is_taken_whole() {
        let spec = job("domain_to_general = '1:5'");
        let mix = spec.mixture().unwrap();
        let shards = vec![shard(0, 0, 300), shard(1, 1, 3_000), shard(2, 1, 1_000)];
        let plan = MixPlan::new(&spec, &mix, vec![3.0, 2.0], shards);
        assert_eq!(
            (plan.available.as_slice(), plan.whole.as_slice()),
            ([100.0, 2_000.0].as_slice(), [true, false].as_slice())
        );
        // The estimate said 100.
        let budgets = plan.budgets(&spec, &mix, &[120.0, 0.0]);
        assert_eq!(budgets.iter().map(|(_, budget)| *budget).collect::<Vec<_>>(), [450, 150]);
        let report = outcome(&spec, &mix, &plan, &[120, 598]);
        assert_eq!((report.achieved, report.missing), ((120, 598), (0, 2)));
        assert!(report.error.unwrap() < 0.004);
        assert_eq!(report.sources[1].target, Some(600));
    }

    #[test]
    fn what_a_source_lacks_of_its_weight_is_told() {
        let spec = job("weights = { d = 1, g = 4 }");
        let mix = spec.mixture().unwrap();
        let plan = MixPlan::new(&spec, &mix, vec![1.0, 1.0], vec![shard(0, 0, 100), shard(1, 1, 200)]);
        assert_eq!(plan.whole, [true, true], "what decides, and what is surely short");
        let report = outcome(&spec, &mix, &plan, &[100, 200]);
        assert_eq!(report.sources.iter().map(MixSource::missing).collect::<Vec<_>>(), [0, 200]);
        // A third instead of a fifth, two thirds instead of four fifths.
        assert!((report.error.unwrap() - 2.0 / 3.0).abs() < 1e-9);
    }

    #[test]
    fn a_pool_that_may_just_suffice_is_a_budget_and_one_that_surely_does_not_is_whole() {
        let spec = job("domain_to_general = '1:5'");
        let mix = spec.mixture().unwrap();
        let whole = |general: u64| {
            let shards = vec![shard(0, 0, 100), shard(1, 1, general)];
            MixPlan::new(&spec, &mix, vec![1.0, 1.0], shards).whole
        };
        assert_eq!(whole(480), [true, false]);
        assert_eq!(whole(400), [true, true]);
    }

    proptest! {
        #[test]
        fn a_larger_bound_gives_no_shard_less(
            chars in prop::collection::vec(0_u64..100_000, 2..8),
            small in 1_u64..50_000,
            more in 0_u64..50_000,
        ) {
            let budgets = |most: u64| {
                let spec = job(&format!("domain_to_general = '1:5'\nmax_tokens = {most}"));
                let mix = spec.mixture().unwrap();
                let shards = (0..).zip(&chars).map(|(id, chars)| shard(id, id as usize % 2, *chars));
                let mut plan = MixPlan::new(&spec, &mix, vec![2.0, 4.0], shards.collect());
                plan.whole = vec![false, false];
                plan.budgets(&spec, &mix, &[0.0, 0.0])
            };
            for ((_, few), (_, many)) in budgets(small).into_iter().zip(budgets(small + more)) {
                prop_assert!(few <= many);
            }
        }
    }
}
