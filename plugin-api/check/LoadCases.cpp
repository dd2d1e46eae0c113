// Rules 1 and 8: what usherd looks at before it runs any of the plugin's code, and how it loads it.
#include "Host.h"
#include "Process.h"
#include "Subject.h"

#include <sys/stat.h>

#include <algorithm>

namespace usher::check {

namespace {

bool isId(const std::string& id) {
    return !id.empty() && id.size() <= 63 && std::all_of(id.begin(), id.end(), [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
    });
}

void file(const Options& options) {
    struct stat st {};
    require(::lstat(options.file.c_str(), &st) == 0, 8, "there is no such file");
    require(!S_ISLNK(st.st_mode), 8, "it is a symbolic link, and usherd follows none");
    require(S_ISREG(st.st_mode), 8, "it is no regular file");
    require((st.st_mode & S_IWOTH) == 0, 8, "everybody may write it: chmod go-w");
}

void note(const Options& options) {
    const Note note = readNote(options.file);
    require(note.major == USHER_AUTH_MAJOR, 1, "it is made for major version " + std::to_string(note.major));
    require(note.minorRequired <= USHER_AUTH_MINOR, 1,
            "it requires version 1." + std::to_string(note.minorRequired) + ", newer than this header's 1." +
                std::to_string(USHER_AUTH_MINOR));
    require(isId(note.id), 8, "the id in its note must be 1 to 63 of a-z, 0-9 and -");
}

void bindsAll(const Options& options) {
    load(options.file);
}

void entry(const Options& options) {
    const Note note = readNote(options.file);
    const usher_auth_entry& entry = entryOf(load(options.file));
    require(entry.minor_required <= USHER_AUTH_MINOR, 1, "its entry requires a newer minor version");
    require(note.id == entry.id, 8,
            "its note says \"" + note.id + "\" and its entry \"" + std::string(entry.id) + "\"");
    const usher_auth_ops ops = opsOf(entry);
    const std::uint32_t model = ops.thread_model & 0xffu;
    require(model == USHER_SERIAL || model == USHER_PARALLEL, 7,
            "thread_model is neither USHER_SERIAL nor USHER_PARALLEL");
    require(!(ops.thread_model & USHER_NONBLOCKING) || model == USHER_PARALLEL, 7,
            "USHER_NONBLOCKING makes sense with USHER_PARALLEL only");
}

void loadingDoesNothing(const Options& options) {
    const ProcessState before = ProcessState::now();
    load(options.file);
    const ProcessState after = ProcessState::now();
    require(after.threads.size() == before.threads.size(), 7,
            "loading the file starts a thread: threads begin in start(), not before");
    require(after.signals == before.signals, 7, "loading the file changes what signals do");
}

void extensions(const Options& options) {
    const usher_auth_ops ops = opsOf(options.file);
    if (!ops.get_extension) return;
    require(ops.get_extension(nullptr, "usher.unknown/77") == nullptr, 1,
            "it answers an extension id that nobody knows with something else than NULL");
}

} // namespace

std::vector<Case> loadCases() {
    return {{"load.file", 8, 5, file},
            {"load.note", 8, 5, note},
            {"load.binds-all", 8, 10, bindsAll},
            {"load.entry", 8, 10, entry},
            {"load.does-nothing", 7, 10, loadingDoesNothing},
            {"load.unknown-extension", 1, 10, extensions}};
}

} // namespace usher::check
