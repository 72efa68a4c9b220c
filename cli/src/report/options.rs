//! `--report` and `--plot`.

use std::path::{Path, PathBuf};

use clap::Args;

use super::{Origin, Page, PoolMap, Report};
use crate::commands::rank::RankDocument;
use crate::failure::{Failure, Outcome};

/// What to write besides the ranking.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct ReportOptions {
    /// Write the ranking as one page: chart, map of the pool, what was left out, how to repeat it. An .html file that is there is
    /// replaced
    #[arg(long, value_name = "FILE.html")]
    report: Option<PathBuf>,
    /// Write the chart alone, as SVG. An .svg file that is there is replaced
    #[arg(long, value_name = "FILE.svg", hide_short_help = true)]
    plot: Option<PathBuf>,
}

/// What is to be written, and where.
#[derive(Debug)]
pub(crate) struct Planned {
    report: Option<Page>,
    plot: Option<Page>,
}

impl ReportOptions {
    /// The page alone, at this path.
    pub(crate) fn at(report: PathBuf) -> Self {
        Self { report: Some(report), plot: None }
    }

    /// Whether all can be written, before the work for it begins. `target` is the file that is ranked.
    pub(crate) fn plan(&self, target: Option<&Path>) -> Outcome<Planned> {
        let page = |path: &Option<PathBuf>, option: (&str, &str), extensions: &[&str]| {
            path.as_deref().map(|path| Page::check(path, option, extensions, target)).transpose()
        };
        if self.report.is_some() && self.report == self.plot {
            return Err(Failure::usage("--report and --plot name the same file"));
        }
        Ok(Planned {
            report: page(&self.report, ("--report", "HTML"), &["html", "htm"])?,
            plot: page(&self.plot, ("--plot", "SVG"), &["svg"])?,
        })
    }
}

impl Planned {
    /// Whether there will be a page, which has a map of the pool.
    pub(crate) fn has_report(&self) -> bool {
        self.report.is_some()
    }

    /// Writes what was asked for.
    pub(crate) fn write(&self, ranking: &RankDocument, map: Option<&PoolMap>, origin: &Origin) -> Outcome<()> {
        if let (Some(page), Some(map)) = (&self.report, map) {
            page.write(&Report { ranking, map, origin }.page())?;
        }
        if let Some(page) = &self.plot {
            page.write(&super::plot::plot(ranking))?;
        }
        Ok(())
    }
}

impl ReportOptions {
    /// What was written, for people.
    pub(crate) fn written(&self) -> impl Iterator<Item = String> {
        let line =
            |what: &str, path: &Option<PathBuf>| path.as_ref().map(|path| format!("{what} in {}", path.display()));
        [line("report", &self.report), line("chart", &self.plot)].into_iter().flatten()
    }
}
