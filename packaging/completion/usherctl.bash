# bash completion for usherctl. Commands and options are asked from usherctl itself, so that they are those of its version.
_usherctl_words() {
    # "Commands" of the overview: two spaces and a name; the names of a noun's own commands stand in the line after it.
    usherctl --help 2>/dev/null | awk -v noun="$1" '
        /^Commands/ { on = 1; next }
        on && /^$/ { exit }
        on && /^  [a-z]/ { name = $1; if (noun == "") print name; next }
        on && noun != "" && name == noun { gsub(",", " "); print }'
}

_usherctl_options() {
    usherctl "$@" --help 2>/dev/null | sed -nE 's/^  (-[a-z], )?(--[a-z][a-z-]*).*/\2/p' | sort -u
}

_usherctl() {
    local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]} command=() i
    COMPREPLY=()
    case $before in
    --ca-file | --key-file | --output | --file | --state-dir)
        mapfile -t COMPREPLY < <(compgen -f -- "$word")
        return
        ;;
    esac
    for ((i = 1; i < COMP_CWORD; i++)); do
        [[ ${COMP_WORDS[i]} == -* ]] && break
        command+=("${COMP_WORDS[i]}")
    done
    if [[ $word == -* ]]; then
        mapfile -t COMPREPLY < <(compgen -W "$(_usherctl_options "${command[@]:0:2}")" -- "$word")
    elif [ ${#command[@]} = 0 ]; then
        mapfile -t COMPREPLY < <(compgen -W "$(_usherctl_words '')" -- "$word")
    elif [ ${#command[@]} = 1 ] && [ -n "$(_usherctl_words "${command[0]}")" ]; then
        mapfile -t COMPREPLY < <(compgen -W "$(_usherctl_words "${command[0]}")" -- "$word")
    else
        mapfile -t COMPREPLY < <(compgen -f -- "$word")
    fi
}
complete -F _usherctl usherctl
