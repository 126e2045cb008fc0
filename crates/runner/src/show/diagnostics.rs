//! Findings and failures with the line they are about.

use annotate_snippets::renderer::DecorStyle;
use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet};
use flow_engine::finding::{Finding, Severity};
use flow_engine::source::{SourceFile, Span};

use super::style::{BOLD, RED, paint};
use crate::exit::Trouble;

/// Lines of source around a place that the renderer is handed: it gets slow on whole files.
const WINDOW_LINES: usize = 4;

/// Prints findings to stderr.
pub(crate) fn print(source: &SourceFile, findings: &[Finding]) {
    for finding in findings {
        anstream::eprintln!("{}\n", render(source, finding));
    }
}

/// Prints why a command could not do its part.
pub(crate) fn print_trouble(trouble: &Trouble) {
    if trouble.code.is_empty() {
        return;
    }
    let title = paint(RED, format!("error[{}]", trouble.code));
    anstream::eprintln!("{title}{}", paint(BOLD, format!(": {}", trouble.message)));
    if let Some(help) = &trouble.help {
        anstream::eprintln!("  = {} {help}", paint(BOLD, "help:"));
    }
}

fn renderer() -> Renderer {
    Renderer::styled().decor_style(DecorStyle::Ascii)
}

/// One finding as rustc would show it.
pub(crate) fn render(source: &SourceFile, finding: &Finding) -> String {
    let level = match finding.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let mut group = level
        .primary_title(&*finding.message)
        .id(finding.code)
        .elements(Vec::<annotate_snippets::Message<'_>>::new());
    if source.text().is_empty() {
        group = group.element(annotate_snippets::Origin::path(source.name()));
    } else {
        group = group.element(snippet(source, finding));
    }
    if let Some(help) = &finding.help {
        group = group.element(Level::HELP.message(&**help));
    }
    renderer().render(&[group])
}

fn snippet<'a>(
    source: &'a SourceFile,
    finding: &'a Finding,
) -> Snippet<'a, annotate_snippets::Annotation<'a>> {
    // The file in which it is: the workflow's own, or one that it includes.
    let (name, file) = source.file_at(finding.span.start);
    let inside = |span: &Span| (file.start..=file.end).contains(&span.start);
    let related = || finding.related.iter().filter(|(span, _)| inside(span));
    let places = std::iter::once(finding.span).chain(related().map(|(span, _)| *span));
    let first = places
        .clone()
        .map(|span| span.start)
        .min()
        .unwrap_or_default();
    let last = places.map(|span| span.end).max().unwrap_or_default();
    let window = window(source.text(), first as usize, last as usize);
    let window = window.start.max(file.start as usize)..window.end.min(file.end as usize);
    let line = source
        .position(Span::new(window.start, window.start).start)
        .line;
    let local = |span: Span| {
        let clamp = |offset: u32| {
            floor_boundary(
                source.text(),
                (offset as usize).clamp(window.start, window.end),
            ) - window.start
        };
        clamp(span.start)..clamp(span.end).max(clamp(span.start))
    };
    let mut snippet = Snippet::source(&source.text()[window.clone()])
        .line_start(line)
        .path(name);
    let mut primary = AnnotationKind::Primary.span(local(finding.span));
    if !finding.label.is_empty() {
        primary = primary.label(&*finding.label);
    }
    snippet = snippet.annotation(primary);
    for (span, words) in related() {
        snippet = snippet.annotation(AnnotationKind::Context.span(local(*span)).label(&**words));
    }
    snippet
}

/// The lines from a little before the first place to the one of the last.
fn window(text: &str, first: usize, last: usize) -> std::ops::Range<usize> {
    let first = floor_boundary(text, first.min(text.len()));
    let last = floor_boundary(text, last.min(text.len()));
    let mut start = first;
    for _ in 0..WINDOW_LINES {
        start = text[..start].rfind('\n').unwrap_or(0);
        if start == 0 {
            break;
        }
    }
    if start > 0 {
        start += 1;
    }
    let end = text[last..]
        .find('\n')
        .map_or(text.len(), |newline| last + newline);
    start..end.max(start)
}

fn floor_boundary(text: &str, mut offset: usize) -> usize {
    while !text.is_char_boundary(offset) {
        offset -= 1;
    }
    offset
}
