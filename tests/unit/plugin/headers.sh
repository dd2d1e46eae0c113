#!/bin/sh
# The plugin headers compile in every mode that they promise, without a warning. Argument: the folder plugin-api.
set -eu
api=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

{
    echo '#include <usher/auth.h>'
    for header in "$api"/include/usher/ext/*.h; do echo "#include <usher/ext/$(basename "$header")>"; done
    echo 'USHER_AUTH_NOTE("x", "1")'
    echo 'typedef char frozen[sizeof(usher_str) == 2 * sizeof(void *) && sizeof(usher_auth_note) == 128 ? 1 : -1];'
    echo 'extern frozen used;'
} >"$work/all.c"
cp "$work/all.c" "$work/all.cpp"
printf '#include <usher/auth.hpp>\n' >"$work/wrapper.cpp"
# Each header must also stand alone.
for header in "$api"/include/usher/ext/*.h; do
    printf '#include <usher/ext/%s>\ntypedef int nothing;\n' "$(basename "$header")" >"$work/alone-$(basename "$header" .h).c"
done

strict="-Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wno-unused-const-variable -Werror -fsyntax-only"
tried=0
try() {
    tried=$((tried + 1))
    # shellcheck disable=SC2086
    "$@" $strict -I"$api/include" || { echo "FAILED: $*"; exit 1; }
}
for family in "gcc g++" "clang clang++"; do
    set -- $family
    if ! command -v "$1" >/dev/null || ! command -v "$2" >/dev/null; then echo "no $1 here"; continue; fi
    for std in c99 c11; do
        try "$1" -std=$std "$work/all.c"
        try "$1" -std=$std -fshort-enums "$work/all.c"
        for alone in "$work"/alone-*.c; do try "$1" -std=$std "$alone"; done
    done
    for std in c++11 c++17 c++20; do
        try "$2" -std=$std "$work/all.cpp"
        try "$2" -std=$std -fshort-enums "$work/all.cpp"
    done
    for std in c++17 c++20; do try "$2" -std=$std "$work/wrapper.cpp"; done
done
[ "$tried" -gt 0 ] || { echo "SKIPPED: no compiler"; exit 77; }
echo "PASS $tried"
