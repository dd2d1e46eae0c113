# usherd.conf in mdoc, for usherd.conf(5): each section a subsection, each key (or the keys that share an explanation) an
# item with its default, and below it the comment that stands above it in the file.

function text_line(line) {
    return line ~ /^[.']/ ? "\\&" line : line
}
function close_list() {
    if (listing) print ".El"
    listing = 0
}
# What was gathered: an item when there are keys, else words of the section's own.
function flush(    i) {
    if (keys) {
        if (!listing) print ".Bl -tag -width Ds"
        listing = started = 1
        for (i = 1; i <= keys; ++i) print ".It Li \"" key[i] "\""
    } else if (lines && started) {
        close_list()
        print ".Pp"
    }
    if (keys || started)
        for (i = 1; i <= lines; ++i) print text_line(words[i])
    keys = lines = 0
}
/^\[/ {
    flush()
    close_list()
    print ".Ss " $0
    next
}
/^#[a-z_]+(\.[A-Za-z0-9_]+)* =/ {
    key[++keys] = substr($0, 2)
    next
}
/^# / {
    if (keys) flush()
    words[++lines] = substr($0, 3)
    next
}
{ flush() }
END {
    flush()
    close_list()
}
