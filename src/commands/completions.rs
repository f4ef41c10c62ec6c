//! `taper completions`.

use anyhow::Result;
use clap::Args;
use clap_complete::{Shell, generate};

use super::output::print;

/// The flags of `taper completions`.
#[derive(Debug, Args)]
#[command(after_help = concat!("Examples:\n  \
                  bash: taper completions bash > ~/.local/share/bash-completion/completions/taper\n  \
                  zsh:  taper completions zsh > _taper, in a folder of $fpath\n  \
                  fish: taper completions fish > ~/.config/fish/completions/taper.fish", "\n\n", exit_codes!()))]
pub(crate) struct CompletionsArgs {
    /// The shell
    #[arg(value_name = "SHELL", value_enum)]
    shell: Shell,
}

/// Prints the script that completes the commands, flags and values of `command`.
pub(crate) fn completions(args: &CompletionsArgs, command: &mut clap::Command) -> Result<()> {
    let mut script = Vec::new();
    generate(args.shell, command, "taper", &mut script);
    print(&String::from_utf8_lossy(&script))
}
