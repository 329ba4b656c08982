//! `chartsentry explain`: what each detector and explanation looks at, and what to do about it.

use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::process::ExitCode;

use super::style::Paint;
use crate::config::nearest;
use crate::engine::registry::Meta;
use crate::engine::{detectors, explain};

/// Print a detector's or explanation's page, or list them all
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: chartsentry explain same_surname")]
pub struct ExplainArgs {
    /// Id of a detector or explanation, as it stands in contributions; without it all are listed.
    #[arg(value_name = "DETECTOR")]
    id: Option<String>,
}

/// Runs the command.
///
/// # Errors
/// An unknown id, with the nearest known one.
pub fn run(args: &ExplainArgs) -> anyhow::Result<ExitCode> {
    let detectors: Vec<_> = detectors::REGISTRY.iter().map(|entry| entry.meta).collect();
    let explanations: Vec<_> = explain::REGISTRY.iter().map(|entry| entry.meta).collect();
    let text = match &args.id {
        None => listing(&detectors, &explanations, Paint::stdout()),
        Some(id) => page(id, detectors.iter().chain(&explanations).copied())?,
    };
    write!(io::stdout().lock(), "{text}")?;
    Ok(ExitCode::SUCCESS)
}

fn page<'a>(id: &str, metas: impl Iterator<Item = &'a Meta> + Clone) -> anyhow::Result<String> {
    let wanted = id.strip_prefix("explained:").unwrap_or(id);
    if let Some(meta) = metas.clone().find(|meta| meta.id == wanted) {
        return Ok(format!("{}\n\nSince {}\n", meta.page().trim_end(), meta.since));
    }
    let hint =
        nearest(wanted, metas.map(|meta| meta.id)).map_or_else(String::new, |id| format!(" the nearest is \"{id}\";"));
    anyhow::bail!("unknown detector \"{id}\":{hint} `chartsentry explain` lists them all")
}

fn listing(detectors: &[&Meta], explanations: &[&Meta], paint: Paint) -> String {
    let width = detectors.iter().chain(explanations).map(|meta| meta.id.len()).max().unwrap_or_default();
    let mut text = String::new();
    for (heading, metas) in [("Detectors", detectors), ("Explanations", explanations)] {
        let _ = writeln!(text, "{}", paint.bold(heading));
        for meta in metas {
            let padding = " ".repeat(width - meta.id.len());
            let _ = writeln!(text, "  {}{padding}  {}", meta.id, first_sentence(&meta.page()));
        }
    }
    text
}

/// The first sentence of a page's text, on one line.
fn first_sentence(page: &str) -> String {
    let paragraph = page
        .lines()
        .map(str::trim)
        .skip_while(|line| line.is_empty() || line.starts_with('#'))
        .take_while(|line| !line.is_empty() && !line.starts_with('#'));
    let text = paragraph.collect::<Vec<_>>().join(" ");
    text.split_once(". ").map_or_else(|| text.trim_end_matches('.').to_owned(), |(first, _)| first.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::registry::Group;

    static SURNAME: Meta = Meta {
        id: "same_surname",
        group: Group::Tie,
        since: "0.1.0",
        source: "//! # Same family name\n//!\n//! ## What it detects\n//! Two people share\n//! a family name. More.\n//!\n//! ## References\nuse x;\n",
    };
    static DIRECT: Meta =
        Meta { id: "direct", group: Group::Plain, since: "0.2.0", source: "//! A relationship names this user.\n" };

    #[test]
    fn the_list_is_aligned_and_says_one_sentence_each() {
        assert_eq!(
            listing(&[&SURNAME], &[&DIRECT], Paint::off()),
            "Detectors\n  same_surname  Two people share a family name\n\
             Explanations\n  direct        A relationship names this user\n"
        );
    }

    #[test]
    fn a_page_is_the_files_header_and_unknown_ids_name_the_nearest() {
        let metas = [&SURNAME, &DIRECT];
        let text = page("explained:direct", metas.into_iter()).unwrap();
        assert_eq!(text, "A relationship names this user.\n\nSince 0.2.0\n");
        assert!(!page("same_surname", metas.into_iter()).unwrap().contains("use x"));
        let message = page("same_surnam", metas.into_iter()).unwrap_err().to_string();
        assert!(message.contains("unknown detector \"same_surnam\": the nearest is \"same_surname\""), "{message}");
    }
}
