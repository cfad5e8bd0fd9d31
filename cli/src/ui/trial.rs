//! A trial of cleaners and filters, for a terminal and for a browser.

use std::fmt::Write as _;

use tamis_common::stats::{Bar, ValueHistogram};
use tamis_coordinator::report::escaped;
use tamis_worker::trial::{Example, RuleTrial, Trial};

use super::paint::Paint;
use super::plain;

/// The trial as text: what cleaners changed, then filter by filter and rule by rule what went, with the documents
/// nearest to the threshold on both sides.
pub(crate) fn trial_text(trial: &Trial) -> String {
    let paint = Paint::of_stdout();
    let mut text = format!(
        "{} documents read, {} without a text, {} empty after cleaning, {} kept ({})\n",
        trial.records,
        trial.rejected,
        trial.emptied,
        trial.kept.docs,
        percent(trial.kept.docs, trial.parsed.docs)
    );
    for (name, stats) in &trial.cleaners {
        let changes: Vec<String> =
            stats.changes.iter().map(|(what, count)| format!("{what} {count}")).collect();
        line(
            &mut text,
            &format!("cleaned by {}: {} documents ({})", paint.bold(name), stats.docs, changes.join(", ")),
        );
    }
    for filter in &trial.filters {
        line(
            &mut text,
            &format!(
                "\n{}  dropped {} of {} ({}); alone it would drop {} ({})",
                paint.bold(&plain(&filter.name)),
                filter.dropped,
                filter.seen,
                percent(filter.dropped, filter.seen),
                filter.alone,
                percent(filter.alone, trial.parsed.docs - trial.emptied)
            ),
        );
        for rule in filter.rules.iter().filter(|rule| rule.seen > 0) {
            rule_text(&mut text, rule, &paint);
        }
    }
    text
}

fn rule_text(text: &mut String, rule: &RuleTrial, paint: &Paint) {
    let dropped = format!("{:>7} {:>7}", rule.dropped, percent(rule.dropped, rule.seen));
    let dropped = if rule.dropped > 0 { paint.bad(&dropped) } else { dropped };
    line(text, &format!("  {:<30}{dropped}  {}: {}", rule.name, bound(rule), rule.about));
    for (examples, is_kept) in [(&rule.failing, false), (&rule.passing, true)] {
        for example in examples {
            let sign = if is_kept { paint.good("keep") } else { paint.bad("drop") };
            line(text, &format!("      {sign} {:>10.4}  {}", example.value, excerpt(example)));
        }
    }
}

/// `at least 50`, or `at most 0.2 or 0.256` where the forms differ.
fn bound(rule: &RuleTrial) -> String {
    let thresholds: Vec<String> = rule.thresholds.iter().map(f64::to_string).collect();
    format!("{} {}", rule.passes.replace('_', " "), thresholds.join(" or "))
}

fn excerpt(example: &Example) -> String {
    let one_line: String = example.text.split_whitespace().collect::<Vec<_>>().join(" ");
    let shown: String = one_line.chars().take(60).collect();
    format!("{}: {}", plain(&example.id), plain(&shown))
}

fn line(text: &mut String, line: &str) {
    text.push_str(line);
    text.push('\n');
}

fn percent(part: u64, whole: u64) -> String {
    if whole == 0 { "-".to_owned() } else { format!("{:.1} %", 100.0 * part as f64 / whole as f64) }
}

const STYLE: &str = "body{font:15px/1.5 system-ui,sans-serif;max-width:70rem;margin:2rem auto;padding:0 1rem}\
table{border-collapse:collapse;width:100%}td,th{text-align:left;padding:.2rem .6rem;border-bottom:1px solid #8884;vertical-align:top}\
.n{text-align:right;font-variant-numeric:tabular-nums}.q{opacity:.7}th:last-child{width:55%}\
.axis{display:flex;justify-content:space-between;gap:1rem;font-size:.8rem}.drop{color:#b3261e}.keep{color:#1a7f37}\
.bars{display:flex;align-items:flex-end;height:3rem;gap:1px}.bars i{background:#7a8aa0;flex:0 1 auto;width:.5rem;min-height:1px}.bars i.out{background:#b3261e}.hist{width:fit-content;max-width:100%}\
details{margin:.3rem 0}code{overflow-wrap:anywhere;white-space:pre-wrap}\
@media(prefers-color-scheme:dark){body{background:#111;color:#ddd}.drop{color:#f2857d}.keep{color:#5fd07f}}";

/// The trial as a page that needs nothing else.
pub(crate) fn trial_html(trial: &Trial) -> String {
    let mut html = format!(
        "<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content=\"width=device-width\">\
         <meta http-equiv=Content-Security-Policy content=\"default-src 'none'; style-src 'unsafe-inline'\">\
         <title>tamis try</title><style>{STYLE}</style><h1>What cleaners and filters would do</h1>\
         <p>{} documents read, {} without a text, {} empty after cleaning, <b>{} kept ({})</b>.</p>\
         <p>Cleaners run first, then filters in the order of the job; the first rule that a document fails drops it, and \
         no later one sees it. Bars say how many documents have which value, small values left, large ones right, each \
         bar for values up to a quarter larger than those of the bar before. \
         <span class=drop>Red</span> ones are beyond the threshold. Point at a bar for its figures.</p>",
        trial.records,
        trial.rejected,
        trial.emptied,
        trial.kept.docs,
        percent(trial.kept.docs, trial.parsed.docs)
    );
    if !trial.cleaners.is_empty() {
        html.push_str("<h2>Cleaners</h2><table><tr><th>cleaner<th class=n>documents<th>changes");
        for (name, stats) in &trial.cleaners {
            let changes: Vec<String> =
                stats.changes.iter().map(|(what, count)| format!("{what} {count}")).collect();
            let _ = write!(
                html,
                "<tr><td>{}<td class=n>{}<td>{}",
                escaped(name),
                stats.docs,
                escaped(&changes.join(", "))
            );
        }
        html.push_str("</table>");
    }
    for filter in &trial.filters {
        let _ = write!(
            html,
            "<h2>{}</h2><p>Dropped {} of the {} documents that came to it ({}); alone it would drop {} ({}).</p>",
            escaped(&filter.name),
            filter.dropped,
            filter.seen,
            percent(filter.dropped, filter.seen),
            filter.alone,
            percent(filter.alone, trial.parsed.docs - trial.emptied)
        );
        if filter.rules.iter().all(|rule| rule.seen == 0) {
            continue;
        }
        html.push_str("<table><tr><th>rule<th class=n>came<th class=n>dropped<th class=n>share<th>values");
        for rule in filter.rules.iter().filter(|rule| rule.seen > 0) {
            rule_html(&mut html, rule);
        }
        html.push_str("</table>");
    }
    html
}

fn rule_html(html: &mut String, rule: &RuleTrial) {
    let _ = write!(
        html,
        "<tr><td><b>{}</b> {}<br><span class=q>{}{}</span><td class=n>{}<td class=n>{}<td class=n>{}<td>",
        rule.name,
        bound(rule),
        escaped(rule.about),
        escaped(&by_source(rule)),
        rule.seen,
        rule.dropped,
        percent(rule.dropped, rule.seen)
    );
    bars(html, rule);
    if rule.failing.is_empty() && rule.passing.is_empty() {
        return;
    }
    html.push_str("<details><summary>nearest to the threshold</summary>");
    for (examples, class) in [(&rule.failing, "drop"), (&rule.passing, "keep")] {
        for example in examples {
            let _ = write!(
                html,
                "<p><span class={class}>{class} {:.4}</span> {} of {}<br><code>{}</code>",
                example.value,
                escaped(&example.id),
                escaped(&example.source),
                escaped(&example.text)
            );
        }
    }
    html.push_str("</details>");
}

/// `; of domain 20, general 3`, unless nothing was dropped.
fn by_source(rule: &RuleTrial) -> String {
    let dropped: Vec<String> =
        rule.by_source.iter().map(|(source, count)| format!("{source} {count}")).collect();
    if dropped.is_empty() { String::new() } else { format!("; dropped of {}", dropped.join(", ")) }
}

/// The values above zero as bars over the least values of the first and the last one; those of zero, often nearly all, as a number.
fn bars(html: &mut String, rule: &RuleTrial) {
    let all = rule.values.bars();
    let (zeros, bars) = match all.split_first() {
        Some((zero, bars)) if zero.from == 0.0 => (zero.docs, bars),
        _ => (0, &all[..]),
    };
    html.push_str("<div class=hist>");
    if let (Some(first), Some(last)) = (bars.first(), bars.last()) {
        let most = bars.iter().map(|bar| bar.docs).max().unwrap_or(1);
        html.push_str("<div class=bars>");
        let mut next = first.from;
        for bar in bars {
            // Buckets without a document have no bar, but their place.
            while next < bar.from {
                html.push_str("<i style=\"height:0\"></i>");
                next = ValueHistogram::least(ValueHistogram::bucket(next) + 1);
            }
            let _ = write!(
                html,
                "<i style=\"height:{:.0}%\"{} title=\"{}: {}\"></i>",
                100.0 * bar.docs as f64 / most as f64,
                if is_beyond(rule, bar) { " class=out" } else { "" },
                match bar.below {
                    Some(below) => format!("{} to {}", short(bar.from), short(below)),
                    None => format!("from {}", short(bar.from)),
                },
                documents(bar.docs)
            );
            next = bar.below.unwrap_or(f64::MAX);
        }
        let _ = write!(
            html,
            "</div><div class=axis><span>{}</span><span>{}</span></div>",
            short(first.from),
            short(last.from)
        );
    }
    if zeros > 0 {
        let _ = write!(html, "<div class=axis>value 0: {}</div>", documents(zeros));
    }
    html.push_str("</div>");
}

/// Whether all values of a bar fail the rule, by whichever of its thresholds.
fn is_beyond(rule: &RuleTrial, bar: &Bar) -> bool {
    rule.thresholds.iter().all(|threshold| match rule.passes {
        "at_least" => bar.below.is_some_and(|below| below <= *threshold),
        "below" => bar.from >= *threshold,
        _ => bar.from > *threshold,
    })
}

fn documents(count: u64) -> String {
    if count == 1 { "1 document".to_owned() } else { format!("{count} documents") }
}

/// A number to three places.
fn short(value: f64) -> String {
    let places = if value >= 100.0 {
        0
    } else if value >= 1.0 {
        2
    } else {
        4
    };
    let text = format!("{value:.places$}");
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}
