//! Completions of the command line for shells.

use clap::{Args, CommandFactory};
use clap_complete::{Shell, generate};

use crate::cli::Cli;

/// What `taper completions` can be told.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
                  bash: taper completions bash > ~/.local/share/bash-completion/completions/taper\n  \
                  zsh:  taper completions zsh > _taper, in a folder of $fpath\n  \
                  fish: taper completions fish > ~/.config/fish/completions/taper.fish")]
pub(crate) struct CompletionsArgs {
    /// The shell
    #[arg(value_name = "SHELL", value_enum)]
    shell: Shell,
}

impl CompletionsArgs {
    /// The script that completes commands, flags and their values.
    pub(crate) fn script(&self) -> String {
        let mut script = Vec::new();
        generate(self.shell, &mut Cli::command(), "taper", &mut script);
        String::from_utf8_lossy(&script).into_owned()
    }
}
