//! What the page is built of: sections and tables.

use super::escape::escaped;

/// A part of the page under a heading.
pub(super) struct Section {
    pub(super) id: &'static str,
    pub(super) title: &'static str,
    /// What it is about, in a sentence or two; HTML.
    pub(super) lead: String,
    /// HTML.
    pub(super) body: String,
}

impl Section {
    pub(super) fn new(id: &'static str, title: &'static str, lead: &str, body: String) -> Self {
        Self { id, title, lead: lead.to_owned(), body }
    }

    pub(super) fn html(&self) -> String {
        let Self { id, title, lead, body } = self;
        let lead = if lead.is_empty() { String::new() } else { format!("<p class=\"lead\">{lead}</p>") };
        format!(
            "<section id=\"{id}\" aria-labelledby=\"h-{id}\"><h2 id=\"h-{id}\">{title}</h2>{lead}{body}</section>\n"
        )
    }
}

/// The head of a column.
pub(super) enum Head {
    /// Of words; HTML.
    Words(String),
    /// Of numbers; HTML.
    Number(String),
    /// Of a plot that takes the width that is left; HTML.
    Plot(String),
}

/// A column of words.
pub(super) fn words(head: &str) -> Head {
    Head::Words(head.to_owned())
}

/// A column of numbers.
pub(super) fn number(head: &str) -> Head {
    Head::Number(head.to_owned())
}

/// A column of plots.
pub(super) fn plot(head: &str) -> Head {
    Head::Plot(head.to_owned())
}

/// A table; the first cell of a row is its head. All cells are HTML.
pub(super) fn table(caption: &str, heads: &[Head], rows: &[Vec<String>]) -> String {
    let caption = escaped(caption);
    let mut html = format!(
        "<div class=\"wide\" role=\"region\" tabindex=\"0\" aria-label=\"{caption}\"><table><caption><span>{caption}</span></caption><thead><tr>"
    );
    for head in heads {
        let (class, head) = match head {
            Head::Words(head) => ("", head),
            Head::Number(head) => (" class=\"n\"", head),
            Head::Plot(head) => (" class=\"p\"", head),
        };
        html.push_str(&format!("<th scope=\"col\"{class}>{head}</th>"));
    }
    html.push_str("</tr></thead><tbody>");
    for row in rows {
        html.push_str("<tr>");
        for (place, cell) in row.iter().enumerate() {
            let class = match heads.get(place) {
                Some(Head::Number(_)) => " class=\"n\"",
                Some(Head::Plot(_)) => " class=\"p\"",
                _ => "",
            };
            html.push_str(&match place {
                0 => format!("<th scope=\"row\"{class}>{cell}</th>"),
                _ => format!("<td{class}>{cell}</td>"),
            });
        }
        html.push_str("</tr>");
    }
    html.push_str("</tbody></table></div>");
    html
}

/// What is shown when it is opened; both are HTML.
pub(super) fn folded(summary: &str, body: &str) -> String {
    format!("<details><summary>{summary}</summary>{body}</details>")
}

/// A paragraph of HTML.
pub(super) fn paragraph(text: &str) -> String {
    format!("<p>{text}</p>")
}
