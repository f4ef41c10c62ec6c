//! Progress bars on standard error, for the spans of the library that tell how far they are.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::io::{self, Write};
use std::thread;
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use taper::telemetry::PROGRESS;
use taper::text::{number, shorten};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id};
use tracing::{Event, Metadata, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::LookupSpan;

/// The bars, as a layer of a subscriber.
pub(super) struct Bars(pub(super) MultiProgress);

/// Whether the bars need a span or an event.
pub(super) fn is_progress(metadata: &Metadata) -> bool {
    metadata.target() == PROGRESS
        || metadata.is_span() && matches!(metadata.name(), "read" | "cv" | "fold" | "train" | "study")
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Bars {
    fn on_new_span(&self, attributes: &Attributes, id: &Id, context: Context<S>) {
        let mut fields = Fields::default();
        attributes.record(&mut fields);
        let Some(span) = context.span(id) else { return };
        let Some(bar) = fields.bar(attributes.metadata().name()) else { return };
        let bar = self.0.add(bar);
        keep_ticking(&bar);
        span.extensions_mut().insert(bar);
    }

    fn on_event(&self, event: &Event, context: Context<S>) {
        let mut fields = Fields::default();
        event.record(&mut fields);
        // What a fold gets done, the whole run gets done.
        let Some(scope) = context.event_scope(event) else { return };
        for span in scope {
            let extensions = span.extensions();
            let Some(bar) = extensions.get::<ProgressBar>() else { continue };
            if let Some(loss) = fields.train_loss.filter(|_| span.name() != "cv") {
                bar.set_message(format!("loss {}, ", number(loss)));
            }
            bar.inc(fields.number("delta"));
        }
    }

    fn on_close(&self, id: Id, context: Context<S>) {
        let Some(span) = context.span(&id) else { return };
        if let Some(bar) = span.extensions().get::<ProgressBar>() {
            bar.finish_and_clear();
        }
    }
}

/// The fields of a span or an event that a bar shows.
#[derive(Default)]
struct Fields {
    numbers: BTreeMap<&'static str, u64>,
    train_loss: Option<f64>,
    file: String,
}

impl Fields {
    /// The bar of the span `name`.
    fn bar(&self, name: &str) -> Option<ProgressBar> {
        // The bar takes the room that the rest leaves.
        let epochs = "{wide_bar} {pos}/{len} epochs, {msg}eta {eta}";
        let (length, template) = match name {
            "read" => {
                // Braces in a name would be a template's.
                let file = shorten(&self.file).replace('{', "{{").replace('}', "}}");
                let rest = "{wide_bar} {bytes}/{total_bytes}, eta {eta}";
                (self.number("bytes"), format!("{file} {rest}"))
            }
            "cv" => (self.number("folds") * self.number("epochs"), format!("all    {epochs}")),
            "study" => {
                let rest = "{wide_bar} {pos}/{len} tasks, {per_sec}, eta {eta}";
                (self.number("tasks"), rest.to_owned())
            }
            "fold" => (self.number("epochs"), format!("fold {} {epochs}", self.number("fold"))),
            _ => (self.number("epochs"), epochs.to_owned()),
        };
        let style = ProgressStyle::with_template(&template).ok()?;
        Some(ProgressBar::new(length).with_style(style))
    }

    fn number(&self, name: &str) -> u64 {
        self.numbers.get(name).copied().unwrap_or_default()
    }
}

impl Visit for Fields {
    fn record_u64(&mut self, field: &Field, value: u64) {
        self.numbers.insert(field.name(), value);
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        if field.name() == "train_loss" {
            self.train_loss = Some(value);
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        if field.name() == "file" {
            self.file = format!("{value:?}");
        }
    }
}

/// Draws `bar` again and again until it is finished. Indicatif's own way of doing so panics where the system
/// grants no more threads; such a bar then moves with its work alone.
fn keep_ticking(bar: &ProgressBar) {
    let weak = bar.downgrade();
    let tick = move || {
        while let Some(bar) = weak.upgrade().filter(|bar| !bar.is_finished()) {
            bar.tick();
            drop(bar);
            thread::sleep(Duration::from_millis(200));
        }
    };
    let _ = thread::Builder::new().spawn(tick);
}

/// Writes log lines to standard error above the bars.
pub(super) struct AboveBars(pub(super) MultiProgress);

impl Write for AboveBars {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.suspend(|| io::stderr().write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_bar_has_a_template() {
        let fields = Fields { file: "a{b}.csv".to_owned(), ..Fields::default() };
        for span in ["read", "cv", "fold", "train", "study"] {
            assert!(fields.bar(span).is_some(), "{span}");
        }
    }
}
