//! What is in the set twice, and the duplicates that were found on the way.

use tamis_common::artefact::Partner;

use super::super::readiness::percent;
use super::super::{Report, grouped};
use super::escape::escaped;
use super::figures::{count, figure, none, part, sizes_of};
use super::parts::{Section, number, paragraph, table, words};
use super::plots::histogram;
use crate::resolve::ClusterMember;

/// Looked for again in what was written.
pub(super) fn repeats(report: &Report) -> Option<Section> {
    let repeats = &report.measures.repeats;
    if repeats.documents == 0 {
        return None;
    }
    let pointer = |field: &str| format!("/measures/repeats/{field}");
    let mut rows = vec![vec![
        "the same text again".to_owned(),
        count(&pointer("repeated"), repeats.repeated),
        part(repeats.repeated, repeats.documents),
        format!("{} (all)", count(&pointer("documents"), repeats.documents)),
    ]];
    rows.push(match repeats.sampled {
        0 => vec!["nearly the same text again".to_owned(), none(), none(), "not measured".to_owned()],
        sampled => vec![
            format!(
                "nearly the same text again (at least {} of all 5-grams in common)",
                figure(&pointer("threshold"), repeats.threshold, &percent(repeats.threshold))
            ),
            count(&pointer("near_repeated"), repeats.near_repeated),
            part(repeats.near_repeated, sampled),
            format!("{} (a sample)", count(&pointer("sampled"), sampled)),
        ],
    });
    let heads =
        [words("what was looked for"), number("found"), number("share"), number("documents compared")];
    let mut body = table("Repeats within the set", &heads, &rows);
    if let Some((a, b, similarity)) = &repeats.most_similar {
        body.push_str(&paragraph(&format!(
            "The most similar pair, {} alike: <code>{}</code> and <code>{}</code>.",
            figure(&pointer("most_similar/2"), *similarity, &percent(*similarity)),
            escaped(a),
            escaped(b)
        )));
    }
    let lead = "Duplicates were removed; this looks for them again in what was written, by another method.";
    Some(Section::new("repeats", "Is anything in the set twice?", lead, body))
}

fn partner(partner: &Partner) -> String {
    let job = partner.job.as_ref().map_or_else(String::new, |job| format!(" of job {}", escaped(job)));
    format!("<code>{}</code> ({}{job})", escaped(&partner.id), escaped(&partner.source))
}

/// Clusters of duplicates.
pub(super) fn duplicates(report: &Report) -> Option<Section> {
    let decisions = &report.decisions;
    if decisions.clusters == 0 && decisions.compared == 0 {
        return None;
    }
    let mut body = paragraph(&format!(
        "{} groups of documents were found that are the same or nearly the same. {} pairs were compared, and {} of \
         them were similar enough.",
        count("/decisions/clusters", decisions.clusters),
        count("/decisions/compared", decisions.compared),
        count("/decisions/matched", decisions.matched)
    ));
    let sizes = &decisions.cluster_sizes.0;
    let filled = (sizes.iter().position(|count| *count > 0), sizes.iter().rposition(|count| *count > 0));
    if let (Some(first), Some(last)) = filled {
        let columns: Vec<(String, u64)> = sizes
            .iter()
            .enumerate()
            .take(last + 1)
            .skip(first)
            .map(|(size, count)| (format!("{} members: {} groups", sizes_of(size), grouped(*count)), *count))
            .collect();
        body.push_str(&format!(
            "<figure>{}<figcaption>Groups by members, in powers of two</figcaption></figure>",
            histogram("Groups of duplicates by members", &columns, &sizes_of(first), &sizes_of(last))
        ));
    }
    if !decisions.largest_clusters.is_empty() {
        let rows: Vec<Vec<String>> = decisions
            .largest_clusters
            .iter()
            .enumerate()
            .map(|(place, cluster)| {
                let samples: String = cluster.samples.iter().map(member).collect();
                vec![
                    member(&cluster.kept),
                    count(&format!("/decisions/largest_clusters/{place}/size"), cluster.size),
                    samples,
                ]
            })
            .collect();
        let heads = [words("stands for the group"), number("members"), words("its first documents")];
        body.push_str(&table("The largest groups", &heads, &rows));
    }
    if let Some(index) = &decisions.index {
        body.push_str(&paragraph(&format!(
            "Documents were compared with the {} of the index <code>{}</code>, too.",
            count("/decisions/index/documents", index.documents),
            escaped(&index.name)
        )));
    }
    let lead = "Of each group one document stays; the others were dropped.";
    Some(Section::new("duplicates", "Duplicates that were found", lead, body))
}

/// A member of a group, with the start of its text if that is known.
fn member(member: &ClusterMember) -> String {
    let text = member
        .text
        .as_ref()
        .map_or_else(String::new, |text| format!("<blockquote dir=\"auto\">{}</blockquote>", escaped(text)));
    format!("<div class=\"sample\">{}{text}</div>", partner(&member.name))
}
