#compdef esmhub
# Completions of esmhub for zsh. Made by `esmhub completions zsh`.
_esmhub() {
    local -a lines values shown
    local line mode
    # Before the cursor alone, and without the quotes of those that are whole.
    lines=("${(@f)$(command esmhub __complete --index=$((CURRENT - 1)) -- "${(@Q)words[1,CURRENT-1]}" "$PREFIX" 2>/dev/null)}")
    mode=$lines[1]
    for line in "${(@)lines[2,-1]}"; do
        values+=("${line%%$'\t'*}")
        shown+=("${line/$'\t'/  -- }")
    done
    if (( $#values )); then
        compadd -V esmhub -l -d shown -- "${values[@]}"
        return
    fi
    case $mode in
        files)
            compset -P '--*='
            _files
            ;;
        folders)
            compset -P '--*='
            _files -/
            ;;
        *) return 1 ;;
    esac
}
if [[ $funcstack[1] == _esmhub ]]; then
    _esmhub "$@"
else
    compdef _esmhub esmhub
fi
