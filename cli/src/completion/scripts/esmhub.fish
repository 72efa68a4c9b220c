# Completions of esmhub for fish. Made by `esmhub completions fish`.
function __esmhub_complete
    set -l words (commandline --current-process --tokenize --cut-at-cursor)
    set -l current (commandline --current-token --cut-at-cursor)
    set -l lines (command esmhub __complete --index=(count $words) -- $words "$current" 2>/dev/null)
    if test (count $lines) -gt 1
        printf '%s\n' $lines[2..-1]
        return
    end
    # The path behind `--option=`.
    set -l option (string match --regex -- '^--[^=]*=' $current)
    set -l path (string replace --regex -- '^--[^=]*=' '' $current)
    switch "$lines[1]"
        case files
            printf "$option%s\n" (__fish_complete_path "$path")
        case folders
            printf "$option%s\n" (__fish_complete_directories "$path" '')
    end
end
complete --command esmhub --no-files --keep-order --arguments '(__esmhub_complete)'
