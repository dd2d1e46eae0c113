# fish completion for usherctl. Commands and options are asked from usherctl itself, so that they are those of its version.
function __usherctl_words
    usherctl --help 2>/dev/null | awk -v noun="$argv[1]" '
        /^Commands/ { on = 1; next }
        on && /^$/ { exit }
        on && /^  [a-z]/ { name = $1; if (noun == "") print name; next }
        on && noun != "" && name == noun { gsub(",", " "); gsub("^ +", ""); gsub(" +", "\n"); print }'
end

function __usherctl_complete
    set -l words (commandline -opc)
    set -l plain (string match -v -- '-*' $words[2..-1])
    if string match -q -- '-*' (commandline -ct)
        usherctl $plain[1..2] --help 2>/dev/null | string match -rg '^  (?:-[a-z], )?(--[a-z][a-z-]*)' | sort -u
    else if test (count $plain) = 0
        __usherctl_words ''
    else if test (count $plain) = 1
        __usherctl_words $plain[1]
    end
end

complete -c usherctl -a '(__usherctl_complete)'
