//! Log lines for people.

use std::fmt::{self, Debug, Write};
use std::{io, iter};

use taper::text::number;
use terminal_size::{Width, terminal_size_of};
use tracing::field::{Field, Visit};
use tracing::span::Attributes;
use tracing::{Event, Id, Level, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::{ChronoLocal, FormatTime};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::LookupSpan;

/// Lines such as `14:02:31  INFO fold 2: fold done, mse 0.01021, seconds 0.15`: the time of day, the level,
/// the fold, what happened, and numbers with the digits that people read.
pub(super) struct Lines {
    clock: ChronoLocal,
    /// The columns of the terminal, if there is one.
    width: Option<usize>,
}

/// The columns before what a line says.
const INDENT: usize = "14:02:31  INFO ".len();

impl Lines {
    /// Lines that are broken between words where the terminal ends; elsewhere they stay whole.
    pub(super) fn new() -> Self {
        let width = terminal_size_of(io::stderr()).map(|(Width(columns), _)| columns.into());
        Self { clock: ChronoLocal::new("%H:%M:%S".to_owned()), width }
    }
}

/// `text` with line breaks between words, so that its lines have at most `width` columns after the indent.
/// Longer words stay whole.
fn wrap(text: &str, width: usize) -> String {
    let mut wrapped = String::new();
    let mut column = INDENT;
    for word in text.split(' ') {
        let length = word.chars().count();
        if column > INDENT && column + 1 + length > width {
            wrapped.push('\n');
            wrapped.extend(iter::repeat_n(' ', INDENT));
            column = INDENT;
        } else if column > INDENT {
            wrapped.push(' ');
            column += 1;
        }
        wrapped.push_str(word);
        column += length;
    }
    wrapped
}

impl<S, N> FormatEvent<S, N> for Lines
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut line: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        self.clock.format_time(&mut line)?;
        let level = *event.metadata().level();
        let color = match level {
            Level::ERROR => 31,
            Level::WARN => 33,
            Level::INFO => 32,
            _ => 34,
        };
        if line.has_ansi_escapes() {
            write!(line, " \x1b[{color}m{level:>5}\x1b[0m ")?;
        } else {
            write!(line, " {level:>5} ")?;
        }
        let mut said = Said::default();
        event.record(&mut said);
        let mut text = said.message + &said.fields;
        for span in context.event_scope().into_iter().flatten() {
            if let Some(FoldNumber(fold)) = span.extensions().get() {
                text = format!("fold {fold}: {text}");
            }
        }
        writeln!(line, "{}", self.width.map_or_else(|| text.clone(), |width| wrap(&text, width)))
    }
}

/// What an event says.
#[derive(Default)]
struct Said {
    message: String,
    fields: String,
}

impl Said {
    fn add(&mut self, field: &Field, value: &dyn fmt::Display) {
        // Writing to a string does not fail.
        let _ = match field.name() {
            "message" => write!(self.message, "{value}"),
            name => write!(self.fields, ", {name} {value}"),
        };
    }
}

impl Visit for Said {
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.add(field, &number(value));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.add(field, &value);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.add(field, &format_args!("{value:?}"));
    }
}

/// The number of the fold that a span is of.
struct FoldNumber(u64);

/// Notes the folds of spans, for [`Lines`].
pub(super) struct NoteFolds;

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for NoteFolds {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let mut fold = None;
        attributes.record(&mut |field: &Field, value: &dyn Debug| {
            if field.name() == "fold" {
                fold = format!("{value:?}").parse().ok();
            }
        });
        if let (Some(fold), Some(span)) = (fold, context.span(id)) {
            span.extensions_mut().insert(FoldNumber(fold));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_lines_are_broken_between_words() {
        let indent = " ".repeat(INDENT);
        assert_eq!(wrap("one two three", INDENT + 7), format!("one two\n{indent}three"));
        assert_eq!(wrap("incomprehensible a", 10), format!("incomprehensible\n{indent}a"));
        assert_eq!(wrap("", 80), "");
    }
}
