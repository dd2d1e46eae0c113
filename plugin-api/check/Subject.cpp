#include "Subject.h"

#include <dlfcn.h>
#include <elf.h>
#include <fcntl.h>
#include <link.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

namespace usher::check {

namespace {

std::string fixedText(const char* text, std::size_t size) {
    if (!std::memchr(text, 0, size)) throw Broken(8, "a text of the note .note.usher.auth has no end");
    return text;
}

void readNotes(const std::string& bytes, std::size_t alignment, std::vector<Note>& notes) {
    auto padded = [&](std::size_t n) { return (n + alignment - 1) & ~(alignment - 1); };
    for (std::size_t at = 0; at + sizeof(Elf64_Nhdr) <= bytes.size();) {
        Elf64_Nhdr head{};
        std::memcpy(&head, bytes.data() + at, sizeof head);
        const std::size_t desc = at + padded(sizeof head + head.n_namesz);
        if (desc > bytes.size() || head.n_descsz > bytes.size() - desc) return;
        const bool ours = head.n_namesz == 6 && head.n_type == USHER_NOTE_TYPE &&
                          std::memcmp(bytes.data() + at + sizeof head, "usher", 6) == 0;
        if (ours) {
            constexpr std::size_t base = offsetof(usher_auth_note, major);
            if (head.n_descsz < sizeof(usher_auth_note) - base)
                throw Broken(8, "the note .note.usher.auth is too short");
            usher_auth_note raw{};
            std::memcpy(reinterpret_cast<char*>(&raw) + base, bytes.data() + desc,
                        sizeof(usher_auth_note) - base);
            notes.push_back({raw.major, raw.minor_built, raw.minor_required, fixedText(raw.id, sizeof raw.id),
                             fixedText(raw.version, sizeof raw.version)});
        }
        at = padded(desc + head.n_descsz);
    }
}

} // namespace

Note readNote(const std::string& file) {
    const int fd = ::open(file.c_str(), O_RDONLY | O_CLOEXEC);
    Elf64_Ehdr head{};
    const bool elf = fd >= 0 && ::pread(fd, &head, sizeof head, 0) == sizeof head &&
                     std::memcmp(head.e_ident, ELFMAG, SELFMAG) == 0 && head.e_type == ET_DYN &&
                     head.e_phentsize == sizeof(Elf64_Phdr) && head.e_phnum <= 128;
    if (!elf) throw Broken(8, "it is no shared object");
    std::vector<Note> notes;
    for (int i = 0; i < head.e_phnum; ++i) {
        Elf64_Phdr segment{};
        const off_t at = static_cast<off_t>(head.e_phoff + static_cast<std::size_t>(i) * sizeof segment);
        if (::pread(fd, &segment, sizeof segment, at) != sizeof segment)
            throw Broken(8, "it is cut off or damaged");
        if (segment.p_type != PT_NOTE || segment.p_filesz > 65536) continue;
        std::string bytes(segment.p_filesz, '\0');
        if (::pread(fd, bytes.data(), bytes.size(), static_cast<off_t>(segment.p_offset)) !=
            static_cast<ssize_t>(bytes.size()))
            throw Broken(8, "it is cut off or damaged");
        readNotes(bytes, segment.p_align == 8 ? 8 : 4, notes);
    }
    ::close(fd);
    if (notes.empty()) throw Broken(8, "it has no note .note.usher.auth (USHER_AUTH_NOTE in usher/auth.h)");
    if (notes.size() > 1) throw Broken(8, "it has more than one note .note.usher.auth");
    return notes[0];
}

void* load(const std::string& file) {
    void* handle = ::dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (!handle)
        throw Broken(8, "it cannot be loaded with every symbol bound at once: " + std::string(::dlerror()));
    return handle;
}

const usher_auth_entry& entryOf(void* handle) {
    void* symbol = ::dlsym(handle, "usher_auth_entry_v1");
    if (!symbol) throw Broken(8, "it does not export usher_auth_entry_v1");
    link_map *own = nullptr, *owner = nullptr;
    Dl_info info{};
    if (::dlinfo(handle, RTLD_DI_LINKMAP, static_cast<void*>(&own)) != 0 ||
        ::dladdr1(symbol, &info, reinterpret_cast<void**>(&owner), RTLD_DL_LINKMAP) == 0 || own != owner)
        throw Broken(8, "its usher_auth_entry_v1 comes from a library that it links, not from itself");
    const auto& entry = *static_cast<const usher_auth_entry*>(symbol);
    if (!USHER_HAS(&entry, usher_auth_entry, ops) || !entry.ops || !entry.id)
        throw Broken(
            1, "its entry is too short, or has no id or no table: set size to sizeof(usher_auth_entry)");
    return entry;
}

usher_auth_ops opsOf(const usher_auth_entry& entry) {
    usher_auth_ops ops{};
    std::memcpy(&ops, entry.ops, std::min<std::size_t>(entry.ops->size, sizeof ops));
    if (!ops.create || !ops.start || !ops.check || !ops.stop || !ops.destroy)
        throw Broken(1, "its table lacks one of create, start, check, stop, destroy (is its size right?)");
    return ops;
}

usher_auth_ops opsOf(const std::string& file) {
    return opsOf(entryOf(load(file)));
}

} // namespace usher::check
