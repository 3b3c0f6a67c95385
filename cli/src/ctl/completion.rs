//! `completion`: a script that teaches a shell the commands and flags.

use super::failure::{Failure, Outcome};
use super::session::Call;
use super::tree::{self, Command, Group};
use super::{ROOT, globals};

pub(super) const COMMAND: Command = Command {
    name: "completion",
    arguments: "bash|zsh|fish",
    summary: "Writes a completion script for a shell",
    details: "Writes a script that makes a shell complete commands and flags.",
    examples: &[
        "source <($0 completion bash)",
        "source <($0 completion zsh)",
        "$0 completion fish > ~/.config/fish/completions/$0.fish",
    ],
    group: Group::Utility,
    run: Some(|call| Box::pin(run(call))),
    ..Command::BLANK
};

async fn run(call: Call) -> Outcome {
    let shell = call.words.first().map(|word| String::from_utf8_lossy(word).into_owned()).unwrap_or_default();
    match shell.as_str() {
        "bash" => super::print(&bash()),
        "zsh" => super::print(&format!("autoload -U +X bashcompinit && bashcompinit\n{}", bash())),
        "fish" => super::print(&fish()),
        _ => Err(Failure::bad_args(format!(
            "completion needs the name of a shell: bash, zsh or fish, not {shell:?}"
        ))),
    }
}

/// Every command with the words that may follow it: subcommands, then flags.
fn continuations() -> Vec<(Vec<&'static str>, Vec<String>)> {
    let mut all = Vec::new();
    let mut open: Vec<tree::Path> = vec![vec![&ROOT]];
    while let Some(path) = open.pop() {
        let command = path[path.len() - 1];
        let mut words: Vec<String> = command.commands.iter().map(|command| command.name.to_owned()).collect();
        words.extend(tree::flags_of(&path).iter().map(|flag| format!("--{}", flag.name)));
        all.push((path[1..].iter().map(|command| command.name).collect(), words));
        open.extend(command.commands.iter().map(|next| path.iter().copied().chain([next]).collect()));
    }
    all
}

fn bash() -> String {
    let program = tree::program();
    let mut cases = String::new();
    for (names, words) in continuations() {
        cases.push_str(&format!("        {:?}) words={:?} ;;\n", names.join(" "), words.join(" ")));
    }
    format!(
        "_{program}() {{\n    local word path=\"\" words=\"\"\n    for word in \"${{COMP_WORDS[@]:1:COMP_CWORD-1}}\"; do\n        \
         [[ $word == -* ]] || path=\"${{path:+$path }}$word\"\n    done\n    case \"$path\" in\n{cases}    esac\n    \
         COMPREPLY=($(compgen -W \"$words\" -- \"${{COMP_WORDS[COMP_CWORD]}}\"))\n}}\n\
         complete -o default -F _{program} {program}\n"
    )
}

fn fish() -> String {
    let program = tree::program();
    let mut lines = String::new();
    for command in ROOT.commands {
        lines.push_str(&format!(
            "complete -c {program} -n __fish_use_subcommand -f -a {} -d {:?}\n",
            command.name, command.summary
        ));
        for flag in command.flags {
            lines.push_str(&format!(
                "complete -c {program} -n '__fish_seen_subcommand_from {}' -l {} -d {:?}\n",
                command.name, flag.name, flag.help
            ));
        }
        for next in command.commands {
            lines.push_str(&format!(
                "complete -c {program} -n '__fish_seen_subcommand_from {}' -f -a {} -d {:?}\n",
                command.name, next.name, next.summary
            ));
        }
    }
    for flag in globals::ALL {
        lines.push_str(&format!("complete -c {program} -l {} -d {:?}\n", flag.name, flag.help));
    }
    lines
}
