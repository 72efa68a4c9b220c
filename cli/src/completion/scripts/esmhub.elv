# Completions of esmhub for elvish. Made by `esmhub completions elvish`.
use str
set edit:completion:arg-completer[esmhub] = {|@words|
    var index = (- (count $words) 1)
    var lines = []
    try {
        set lines = [((external esmhub) __complete --index=$index -- $@words 2>/dev/null | from-lines)]
    } catch {
        nop
    }
    if (> (count $lines) 1) {
        for line $lines[1..] {
            var value @description = (str:split "\t" $line)
            var shown = $value
            if (> (count $description) 0) {
                set shown = $value'  '$description[0]
            }
            edit:complex-candidate $value &display=$shown
        }
    } elif (and (> (count $lines) 0) (not-eq $lines[0] words)) {
        edit:complete-filename $@words
    }
}
