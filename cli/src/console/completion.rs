//! Scripts that teach a shell the commands and flags of a program.

use super::call::{Call, text};
use super::failure::{Failure, Outcome};
use super::tree::{self, Command, Group};

/// The command of a program that prints its scripts; the program fills in what to run.
pub(crate) const COMMAND: Command = Command {
    name: "completion",
    arguments: "bash|zsh|fish|powershell",
    summary: "Writes a completion script for a shell",
    details: "Writes a script that makes a shell complete commands and flags.",
    examples: &[
        "source <($0 completion bash)",
        "source <($0 completion zsh)",
        "$0 completion fish > ~/.config/fish/completions/$0.fish",
        "$0 completion powershell | Out-String | Invoke-Expression",
    ],
    group: Group::Utility,
    ..Command::BLANK
};

/// Prints the script for the shell that the call names.
pub(crate) fn run(root: &'static Command, call: &Call) -> Outcome {
    let shells: Vec<String> = call.words.iter().map(|word| text(word)).collect();
    let [shell] = shells.as_slice() else {
        return Err(Failure::error(format!("accepts 1 arg(s), received {}", shells.len())));
    };
    match script(root, tree::program(), shell) {
        Some(script) => super::print(&script),
        None => Err(Failure::error(format!(
            "invalid argument {shell:?} for \"{} completion\": name bash, zsh, fish or powershell",
            tree::program()
        ))),
    }
}

/// The script for a shell; none for a shell that has none.
pub(crate) fn script(root: &'static Command, program: &str, shell: &str) -> Option<String> {
    // A program that is called by two words is completed by the first one.
    let program = program.split(' ').next().unwrap_or(program);
    match shell {
        "bash" => Some(bash(root, program)),
        "zsh" => Some(format!(
            "#compdef {program}\nautoload -U +X bashcompinit && bashcompinit\n{}",
            bash(root, program)
        )),
        "fish" => Some(fish(root, program)),
        "powershell" => Some(powershell(root, program)),
        _ => None,
    }
}

/// Every command with the words that may follow it: subcommands, then flags.
fn continuations(root: &'static Command) -> Vec<(Vec<&'static str>, Vec<String>)> {
    let continuation = |path: tree::Path| {
        let command = path[path.len() - 1];
        let mut words: Vec<String> = command.shown().map(|command| command.name.to_owned()).collect();
        words.extend(tree::flags_of(&path).iter().map(|flag| format!("--{}", flag.name)));
        (path[1..].iter().map(|command| command.name).collect(), words)
    };
    tree::all_paths(root).into_iter().map(continuation).collect()
}

fn bash(root: &'static Command, program: &str) -> String {
    let mut cases = String::new();
    for (names, words) in continuations(root) {
        cases.push_str(&format!("        {:?}) words={:?} ;;\n", names.join(" "), words.join(" ")));
    }
    format!(
        "_{program}() {{\n    local word path=\"\" words=\"\"\n    for word in \"${{COMP_WORDS[@]:1:COMP_CWORD-1}}\"; do\n        \
         [[ $word == -* ]] || path=\"${{path:+$path }}$word\"\n    done\n    case \"$path\" in\n{cases}    esac\n    \
         COMPREPLY=($(compgen -W \"$words\" -- \"${{COMP_WORDS[COMP_CWORD]}}\"))\n}}\n\
         complete -o default -F _{program} {program}\n"
    )
}

fn fish(root: &'static Command, program: &str) -> String {
    let mut lines = String::new();
    for command in root.shown() {
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
        for next in command.shown() {
            lines.push_str(&format!(
                "complete -c {program} -n '__fish_seen_subcommand_from {}' -f -a {} -d {:?}\n",
                command.name, next.name, next.summary
            ));
        }
    }
    for flag in root.shared_flags {
        lines.push_str(&format!("complete -c {program} -l {} -d {:?}\n", flag.name, flag.help));
    }
    lines
}

fn powershell(root: &'static Command, program: &str) -> String {
    let quoted = |word: &str| format!("'{}'", word.replace('\'', "''"));
    let mut cases = String::new();
    for (names, words) in continuations(root) {
        let words: Vec<String> = words.iter().map(|word| quoted(word)).collect();
        cases.push_str(&format!("        {} {{ @({}) }}\n", quoted(&names.join(" ")), words.join(", ")));
    }
    format!(
        "Register-ArgumentCompleter -Native -CommandName '{program}' -ScriptBlock {{\n    \
         param($wordToComplete, $commandAst, $cursorPosition)\n    \
         $path = @($commandAst.CommandElements | Select-Object -Skip 1 | ForEach-Object {{ $_.ToString() }} | \
         Where-Object {{ $_ -notlike '-*' -and $_ -ne $wordToComplete }}) -join ' '\n    \
         $words = switch ($path) {{\n{cases}    }}\n    \
         $words | Where-Object {{ $_ -like \"$wordToComplete*\" }} | ForEach-Object {{\n        \
         [System.Management.Automation.CompletionResult]::new($_, $_, 'ParameterValue', $_)\n    }}\n}}\n"
    )
}
