# Completions of esmhub for bash. Made by `esmhub completions bash`.
_esmhub() {
    local line mode=
    COMPREPLY=()
    while IFS= read -r line; do
        if [[ -z $mode ]]; then
            mode=$line
        else
            COMPREPLY+=("${line%%$'\t'*}")
        fi
    done < <(
        command esmhub __complete --index="$COMP_CWORD" --line="$COMP_LINE" --breaks="$COMP_WORDBREAKS" \
            -- "${COMP_WORDS[@]}" 2>/dev/null
    )
    # Where there are no words, bash completes paths itself, with its own quoting.
    case $mode in
        files) compopt -o default 2>/dev/null ;;
        folders) compopt -o dirnames 2>/dev/null ;;
    esac
    return 0
}
complete -o nosort -F _esmhub esmhub 2>/dev/null || complete -F _esmhub esmhub
