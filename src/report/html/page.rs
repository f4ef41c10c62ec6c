//! The page around the plots.

use super::picture::{Ink, Picture};
use super::text::escape;

/// A page, written from top to bottom.
#[derive(Debug, Default)]
pub(super) struct Page {
    body: String,
    figures: usize,
    sections: Vec<String>,
}

/// A plot with its texts, which are not escaped yet.
#[derive(Debug)]
pub(super) struct Figure {
    /// What it shows.
    pub(super) title: String,
    /// What each mark means.
    pub(super) legend: Vec<(Key, String)>,
    /// The plot.
    pub(super) picture: Picture,
    /// How to read it.
    pub(super) caption: String,
}

/// How a mark looks in the legend.
#[derive(Debug, Clone, Copy)]
pub(super) enum Key {
    /// A line.
    Line(Ink),
    /// Dots.
    Dots(Ink),
    /// A filled area.
    Area(Ink),
}

impl Key {
    /// Its classes in the style sheet.
    fn class(self) -> String {
        let (shape, ink) = match self {
            Self::Line(ink) => ("line", ink),
            Self::Dots(ink) => ("dots", ink),
            Self::Area(ink) => ("area", ink),
        };
        format!("{shape} {ink:?}").to_lowercase()
    }
}

/// The cells of a row of a table.
pub(super) type Row = Vec<String>;

impl Page {
    /// Begins with the `command` whose page it is, some facts, and the numbers that matter most by their
    /// names.
    pub(super) fn head(&mut self, command: &str, facts: &[String], numbers: &[(String, String)]) {
        self.push(&format!("<header>\n<h1>taper {}</h1>", escape(command)));
        self.push(&format!("<p class=\"lead\">{}</p>", escape(&facts.join(" · "))));
        let tile = |(name, value): &(String, String)| {
            format!("<div><dt>{}</dt><dd>{}</dd></div>\n", escape(name), escape(value))
        };
        let tiles: String = numbers.iter().map(tile).collect();
        self.push(&format!("<dl class=\"tiles\">\n{tiles}</dl>\n</header>"));
    }

    /// Adds markup.
    pub(super) fn push(&mut self, markup: &str) {
        self.body.push_str(markup);
        self.body.push('\n');
    }

    /// Adds a paragraph.
    pub(super) fn paragraph(&mut self, text: &str) {
        self.push(&format!("<p>{}</p>", escape(text)));
    }

    /// Adds sentences, one below the other.
    pub(super) fn bullets(&mut self, sentences: &[&String]) {
        let item = |text: &&String| format!("<li>{}</li>\n", escape(text));
        self.push(&format!("<ul>\n{}</ul>", sentences.iter().map(item).collect::<String>()));
    }

    /// Begins a section, which ends where the next one begins.
    pub(super) fn section(&mut self, heading: &str) {
        let end = if self.sections.is_empty() { "" } else { "</section>\n" };
        self.push(&format!("{end}<section id=\"{}\">\n<h2>{}</h2>", id(heading), escape(heading)));
        self.sections.push(heading.to_owned());
    }

    /// Adds figures side by side, as many as there is room for.
    pub(super) fn figures(&mut self, figures: &[Figure]) {
        self.push("<div class=\"figures\">");
        for figure in figures {
            self.figure(figure);
        }
        self.push("</div>");
    }

    fn figure(&mut self, figure: &Figure) {
        self.figures += 1;
        let id = format!("caption-{}", self.figures);
        self.push(&format!("<figure>\n<h3>{}</h3>", escape(&figure.title)));
        if !figure.legend.is_empty() {
            let item = |(key, text): &(Key, String)| {
                format!("<li><i class=\"{}\"></i>{}</li>", key.class(), escape(text))
            };
            let items: String = figure.legend.iter().map(item).collect();
            self.push(&format!("<ul class=\"legend\">{items}</ul>"));
        }
        self.push(&figure.picture.svg(&figure.title, &id));
        self.push(&format!("<figcaption id=\"{id}\">{}</figcaption>\n</figure>", escape(&figure.caption)));
    }

    /// Adds names with their values.
    pub(super) fn list(&mut self, pairs: &[(String, String)]) {
        let pair = |(name, value): &(String, String)| {
            // A browser may break a line after any hyphen, but not within a span that fits.
            let whole = |word: &str| {
                let word = escape(word);
                if word.contains('-') { format!("<span>{word}</span>") } else { word }
            };
            let words: Vec<_> = value.split(' ').map(whole).collect();
            format!("<div><dt>{}</dt><dd>{}</dd></div>\n", escape(name), words.join(" "))
        };
        self.push(&format!("<dl>\n{}</dl>", pairs.iter().map(pair).collect::<String>()));
    }

    /// Adds a table of numbers: its header, its rows and its summary rows, each beginning with a name.
    pub(super) fn table(&mut self, name: &str, header: &[String], rows: &[Row], summary: &[Row]) {
        let name = escape(name);
        // It scrolls on its own if the page is too narrow, also by keyboard.
        self.push(&format!(
            "<div class=\"scroll\" role=\"region\" aria-label=\"{name}\" tabindex=\"0\">\n\
             <table>\n<thead>\n<tr>"
        ));
        self.cells("th scope=\"col\"", header);
        self.push("</tr>\n</thead>\n<tbody>");
        self.rows(rows);
        self.push("</tbody>\n<tfoot>");
        self.rows(summary);
        self.push("</tfoot>\n</table>\n</div>");
    }

    fn rows(&mut self, rows: &[Row]) {
        for row in rows {
            let (name, numbers) = row.split_at(row.len().min(1));
            self.push("<tr>");
            self.cells("th scope=\"row\"", name);
            self.cells("td", numbers);
            self.push("</tr>");
        }
    }

    fn cells(&mut self, start: &str, cells: &[String]) {
        let end = &start[..2];
        for cell in cells {
            self.push(&format!("<{start}>{}</{end}>", escape(cell)));
        }
    }

    /// The links to the sections.
    fn contents(&self) -> String {
        let link = |heading: &String| format!("<a href=\"#{}\">{}</a>", id(heading), escape(heading));
        let links: Vec<_> = self.sections.iter().map(link).collect();
        format!("<nav aria-label=\"Contents\">{}</nav>\n", links.join("\n"))
    }

    /// The whole document.
    pub(super) fn document(&self, title: &str) -> String {
        // The policy enforces that the page needs nothing from elsewhere.
        format!(
            "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
             <meta name=\"color-scheme\" content=\"light dark\">\n\
             <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; \
             style-src 'unsafe-inline'; img-src data:\">\n<link rel=\"icon\" href=\"data:,\">\n<title>{}</title>\n<style>\n{}</style>\n</head>\n\
             <body>\n<main>\n{}{}{}</main>\n</body>\n</html>\n",
            escape(title),
            include_str!("style.css"),
            self.contents(),
            self.body,
            if self.sections.is_empty() { "" } else { "</section>\n" }
        )
    }
}

/// The anchor of the section `heading`.
fn id(heading: &str) -> String {
    heading.to_lowercase().replace(' ', "-")
}
