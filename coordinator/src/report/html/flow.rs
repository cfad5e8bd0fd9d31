//! Where documents went: the mixture, the funnel, drops by rule.

use super::super::{Report, grouped};
use super::escape::escaped;
use super::figures::{count, figure, maybe_count, none, part, share};
use super::parts::{Section, number, paragraph, plot, table, words};
use super::plots::{Piece, bar, part_bar};

/// What was asked of the mixture and what came out.
pub(super) fn mixture(report: &Report) -> Option<Section> {
    let mix = report.mix.as_ref()?;
    let (domain, general) = mix.achieved;
    let mut rows = Vec::new();
    if let Some((asked_domain, asked_general)) = mix.domain_to_general {
        rows.push(vec![
            "Asked".to_owned(),
            two_roles("Asked", asked_domain, asked_general),
            figure("/mix/domain_to_general/0", asked_domain, &format!("{asked_domain} part")),
            figure("/mix/domain_to_general/1", asked_general, &format!("{asked_general} parts")),
        ]);
    }
    rows.push(vec![
        "Achieved".to_owned(),
        two_roles("Achieved", domain as f64, general as f64),
        count("/mix/achieved/0", domain),
        count("/mix/achieved/1", general),
    ]);
    let heads = [words("mixture"), plot("shares"), number("domain"), number("general")];
    let mut body = table("Domain and general tokens", &heads, &rows);
    if let Some(error) = mix.error {
        let (missing_domain, missing_general) = mix.missing;
        let of = if mix.domain_to_general.is_some() { "domain text" } else { "one source" };
        let missing = match (missing_domain, missing_general) {
            (0, 0) if mix.domain_to_general.is_none() => "the table says what each was to give".to_owned(),
            (0, 0) => "no tokens are missing".to_owned(),
            (0, missing) => format!("{} general tokens are missing to it", count("/mix/missing/1", missing)),
            (missing, _) => format!("{} domain tokens are missing to it", count("/mix/missing/0", missing)),
        };
        body.push_str(&paragraph(&format!(
            "The share of {of} is {} off the asked one; {missing}.",
            share("/mix/error", error)
        )));
    }
    let rows: Vec<Vec<String>> = mix
        .sources
        .iter()
        .enumerate()
        .map(|(place, source)| {
            let pointer = |field: &str| format!("/mix/sources/{place}/{field}");
            let whole = source.available.max(1) as f64;
            let piece = Piece {
                from: 0.0,
                to: source.written as f64 / whole,
                class: "s0".to_owned(),
                title: String::new(),
            };
            let target = source.target.map(|target| target as f64 / whole).filter(|target| *target <= 1.0);
            let title =
                format!("{} of {} tokens were written", grouped(source.written), grouped(source.available));
            vec![
                escaped(&source.name),
                bar(&title, &[piece], target),
                count(&pointer("written"), source.written),
                source.target.map_or_else(|| "all it holds".to_owned(), |t| count(&pointer("target"), t)),
                count(&pointer("available"), source.available),
            ]
        })
        .collect();
    let heads =
        [words("source"), plot("written of held"), number("written"), number("target"), number("held")];
    let caption = "Tokens by source; a stroke on the bar is the target";
    body.push_str(&table(caption, &heads, &rows));
    let lead = "How much of the set is domain text and how much is general text, by tokens. What a source holds is \
                counted after duplicates are gone, and estimated where not all of it was written.";
    Some(Section::new("mixture", "Mixture of domain and general text", lead, body))
}

fn two_roles(what: &str, domain: f64, general: f64) -> String {
    let all = domain + general;
    if all <= 0.0 {
        return none();
    }
    let shares = [domain / all, general / all];
    let shown = |place: usize| format!("{:.1} %", 100.0 * shares[place]);
    let title = format!("{what}: {} domain, {} general", shown(0), shown(1));
    let pieces = [
        Piece { from: 0.0, to: shares[0], class: "s0".to_owned(), title: format!("domain {}", shown(0)) },
        Piece { from: shares[0], to: 1.0, class: "s1".to_owned(), title: format!("general {}", shown(1)) },
    ];
    let key = |class: &str, name: &str, place: usize| {
        format!("<li><span class=\"key {class}\" aria-hidden=\"true\"></span>{name} {}</li>", shown(place))
    };
    let legend = format!("<ul class=\"legend\">{}{}</ul>", key("s0", "domain", 0), key("s1", "general", 1));
    format!("{}{legend}", bar(&title, &pieces, None))
}

/// What a stage of the funnel left, in words.
fn stage_words(stage: &str) -> &str {
    match stage {
        "read" => "records read",
        "parsed" => "had a text",
        "cleaned" => "left by cleaners",
        "filtered" => "left by filters",
        "index" => "not in the index of earlier sets",
        "exact" => "without exact copies",
        "near" => "without near copies",
        "mix" => "chosen by the mixture",
        "emitted" => "written",
        other => other,
    }
}

/// The waterfall: what each stage left and what it took.
pub(super) fn funnel(report: &Report) -> Option<Section> {
    let first = report.funnel.first()?.docs;
    let whole = first.max(1) as f64;
    let mut before = first;
    let mut rows = Vec::new();
    for (place, stage) in report.funnel.iter().enumerate() {
        let taken = before.saturating_sub(stage.docs);
        let words = stage_words(&stage.stage);
        let (left, upto) = (stage.docs as f64 / whole, before as f64 / whole);
        let pieces = [
            Piece {
                from: 0.0,
                to: left,
                class: "s0".to_owned(),
                title: format!("{} left", grouped(stage.docs)),
            },
            Piece {
                from: left,
                to: upto,
                class: "taken".to_owned(),
                title: format!("{} taken", grouped(taken)),
            },
        ];
        let title = format!("{words}: {} left, {} taken", grouped(stage.docs), grouped(taken));
        let pointer = |field: &str| format!("/funnel/{place}/{field}");
        rows.push(vec![
            escaped(words),
            bar(&title, &pieces, None),
            count(&pointer("docs"), stage.docs),
            if taken == 0 { none() } else { format!("−{} ({})", grouped(taken), part(taken, before)) },
            maybe_count(&pointer("chars"), stage.chars),
            count(&pointer("bytes"), stage.bytes),
            maybe_count(&pointer("tokens"), stage.tokens),
        ]);
        before = stage.docs;
    }
    let heads = [
        words("stage"),
        plot(
            "<span class=\"key left\" aria-hidden=\"true\"></span>left \
             <span class=\"key gone\" aria-hidden=\"true\"></span>taken by this stage",
        ),
        number("documents left"),
        number("taken"),
        number("characters"),
        number("bytes"),
        number("tokens"),
    ];
    let lead = format!(
        "{} of {} records became documents of the set. Bytes are those of the input where records are read, and of \
         UTF-8 text from then on; tokens are counted at the end.",
        report.funnel.last().map(|last| part(last.docs, first)).unwrap_or_default(),
        grouped(first)
    );
    let body = table("What each stage left and what it took", &heads, &rows);
    Some(Section::new("funnel", "From records to training documents", &lead, body))
}

/// Why a stage drops, in words.
fn cause_words(stage: &str) -> String {
    let words = match stage {
        "parse" => "not readable",
        "clean" => "nothing left by cleaners",
        "filter" => "noise",
        "index" => "in the index of earlier sets",
        "exact" => "exact copy",
        "near" => "near copy",
        "mix" => "no room in the mixture",
        other => return escaped(other),
    };
    format!("{words} ({stage})")
}

/// Drops by rule, most first.
pub(super) fn drops(report: &Report) -> Option<Section> {
    let most = report.drops.iter().map(|drop| drop.docs).max()?.max(1) as f64;
    let read = report.funnel.first().map_or(0, |stage| stage.docs);
    let rows: Vec<Vec<String>> = report
        .drops
        .iter()
        .enumerate()
        .map(|(place, drop)| {
            let title = format!("{}: {}", drop.rule, grouped(drop.docs));
            vec![
                escaped(&drop.rule),
                cause_words(&drop.stage),
                part_bar(&title, drop.docs as f64 / most, "taken"),
                count(&format!("/drops/{place}/docs"), drop.docs),
                part(drop.docs, read),
            ]
        })
        .collect();
    let heads = [
        words("rule"),
        words("reason (stage)"),
        plot("documents"),
        number("documents"),
        number("of all records"),
    ];
    let lead = "A record is dropped once, by the first rule that it fails.";
    Some(Section::new(
        "drops",
        "Why documents were dropped",
        lead,
        table("Drops by rule, most first", &heads, &rows),
    ))
}
