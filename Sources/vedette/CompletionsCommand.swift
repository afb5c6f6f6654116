import ArgumentParser

/// `vedette completions`: what a shell needs to complete commands and options.
struct CompletionsCommand: ParsableCommand {
    enum Shell: String, ExpressibleByArgument, CaseIterable {
        case bash, zsh, fish

        var completionShell: CompletionShell {
            switch self {
            case .bash: .bash
            case .zsh: .zsh
            case .fish: .fish
            }
        }
    }

    static let configuration = CommandConfiguration(
        commandName: "completions",
        abstract: "Print the completion script of a shell.",
        discussion: """
            bash:  vedette completions bash > ~/.local/share/bash-completion/completions/vedette
            zsh:   vedette completions zsh > ~/.zsh/completions/_vedette   (a folder of $fpath)
            fish:  vedette completions fish > ~/.config/fish/completions/vedette.fish
            """
    )

    @Argument(help: "bash, zsh or fish.") var shell: Shell

    func run() throws {
        print(Vedette.completionScript(for: shell.completionShell))
    }
}
