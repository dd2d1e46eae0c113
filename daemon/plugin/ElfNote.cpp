#include "plugin/ElfNote.h"

#include "base/Text.h"
#include "plugin/PluginFile.h"

#include <usher/auth.h>

#include <elf.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <optional>
#include <string_view>
#include <vector>

namespace usher {

namespace {

constexpr std::size_t kMaxSegments = 128;
constexpr std::uint64_t kMaxNoteBytes = 64 * 1024;

#if defined(__x86_64__)
constexpr Elf64_Half kMachine = EM_X86_64;
#elif defined(__aarch64__)
constexpr Elf64_Half kMachine = EM_AARCH64;
#elif defined(__riscv)
constexpr Elf64_Half kMachine = EM_RISCV;
#elif defined(__powerpc64__)
constexpr Elf64_Half kMachine = EM_PPC64;
#elif defined(__s390x__)
constexpr Elf64_Half kMachine = EM_S390;
#else
#error "Say which e_machine a plugin has on this processor."
#endif

/// The file, read in bounds.
class Elf {
public:
    Elf(int fd, const std::string& path) : _fd(fd), _path(path) {
        struct stat st {};
        if (::fstat(fd, &st) != 0 || st.st_size < 0) refuse("it cannot be read");
        _size = static_cast<std::uint64_t>(st.st_size);
    }

    [[noreturn]] void refuse(const std::string& why) const {
        throw PluginRefused("cannot load plugin " + oneLine(_path) + ": " + why);
    }
    bool holds(std::uint64_t offset, std::uint64_t count) const {
        return offset <= _size && count <= _size - offset;
    }

    void read(std::uint64_t offset, void* into, std::size_t count) const {
        if (!holds(offset, count)) refuse("it is cut off or damaged: install it again");
        auto* at = static_cast<char*>(into);
        while (count > 0) {
            ssize_t n = ::pread(_fd, at, count, static_cast<off_t>(offset));
            if (n < 0 && errno == EINTR) continue;
            if (n <= 0) refuse("it cannot be read to its end");
            at += n;
            offset += static_cast<std::uint64_t>(n);
            count -= static_cast<std::size_t>(n);
        }
    }

private:
    int _fd;
    const std::string& _path;
    std::uint64_t _size = 0;
};

Elf64_Ehdr readHeader(const Elf& elf) {
    Elf64_Ehdr head{};
    elf.read(0, &head, sizeof head);
    if (std::memcmp(head.e_ident, ELFMAG, SELFMAG) != 0) elf.refuse("it is no shared object");
    const bool little = head.e_ident[EI_DATA] == ELFDATA2LSB;
    if (head.e_ident[EI_CLASS] != ELFCLASS64 || little != (__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__) ||
        head.e_machine != kMachine)
        elf.refuse("it is made for another kind of processor");
    if (head.e_type != ET_DYN || head.e_version != EV_CURRENT) elf.refuse("it is no shared object");
    if (head.e_phentsize != sizeof(Elf64_Phdr) || head.e_phnum == 0 || head.e_phnum > kMaxSegments)
        elf.refuse("its segment table is damaged");
    // Nothing of ours needs the section table, but it ends the file: when it is not all there, the file is
    // cut off.
    if (head.e_shoff != 0 &&
        !elf.holds(head.e_shoff, std::uint64_t{head.e_shnum} * std::uint64_t{head.e_shentsize}))
        elf.refuse("it is cut off or damaged: install it again");
    return head;
}

std::uint32_t word(std::string_view bytes, std::size_t offset) {
    std::uint32_t value = 0;
    std::memcpy(&value, bytes.data() + offset, sizeof value);
    return value;
}

/// A string in a fixed array; nothing when it has no end.
std::optional<std::string> fixedText(std::string_view array) {
    std::size_t end = array.find('\0');
    if (end == std::string_view::npos) return std::nullopt;
    return std::string(array.substr(0, end));
}

PluginNote readDescription(const Elf& elf, std::string_view bytes) {
    constexpr std::size_t base = offsetof(usher_auth_note, major);
    constexpr std::size_t idAt = offsetof(usher_auth_note, id) - base;
    constexpr std::size_t versionAt = offsetof(usher_auth_note, version) - base;
    if (bytes.size() < 4) elf.refuse("its note .note.usher.auth is damaged");
    PluginNote note;
    note.major = word(bytes, 0);
    if (note.major != USHER_AUTH_MAJOR)
        elf.refuse("it is made for version " + std::to_string(note.major) +
                   " of the plugin interface, and this usherd knows version " +
                   std::to_string(USHER_AUTH_MAJOR) +
                   ": install the plugin and usherd from the same release");
    if (bytes.size() < sizeof(usher_auth_note) - base) elf.refuse("its note .note.usher.auth is damaged");
    note.minorBuilt = word(bytes, 4);
    note.minorRequired = word(bytes, 8);
    auto id = fixedText(bytes.substr(idAt, sizeof usher_auth_note::id));
    auto version = fixedText(bytes.substr(versionAt, sizeof usher_auth_note::version));
    if (!id || !version) elf.refuse("its note .note.usher.auth is damaged");
    note.id = *id;
    note.version = oneLine(*version);
    return note;
}

/// Every note of one segment; counts those that are ours.
void readNotes(const Elf& elf, std::string_view bytes, std::size_t alignment,
               std::vector<PluginNote>& found) {
    auto padded = [&](std::uint64_t n) { return (n + alignment - 1) & ~std::uint64_t{alignment - 1}; };
    while (bytes.size() >= sizeof(Elf64_Nhdr)) {
        const std::uint64_t nameSize = word(bytes, 0), descSize = word(bytes, 4);
        const std::uint32_t type = word(bytes, 8);
        const std::uint64_t descAt = padded(sizeof(Elf64_Nhdr) + nameSize);
        if (descAt > bytes.size() || descSize > bytes.size() - descAt)
            return; // damaged: nothing more to trust here
        if (bytes.substr(sizeof(Elf64_Nhdr), nameSize) == std::string_view("usher\0", 6) &&
            type == USHER_NOTE_TYPE)
            found.push_back(readDescription(elf, bytes.substr(descAt, descSize)));
        bytes.remove_prefix(std::min<std::uint64_t>(padded(descAt + descSize), bytes.size()));
    }
}

bool isPluginId(std::string_view id) {
    return !id.empty() && id.size() <= 63 && std::all_of(id.begin(), id.end(), [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
    });
}

} // namespace

PluginNote readPluginNote(int fd, const std::string& path) {
    const Elf elf(fd, path);
    const Elf64_Ehdr head = readHeader(elf);
    std::vector<Elf64_Phdr> segments(head.e_phnum);
    elf.read(head.e_phoff, segments.data(), segments.size() * sizeof(Elf64_Phdr));

    std::vector<PluginNote> found;
    bool loads = false, dynamic = false;
    for (const Elf64_Phdr& segment : segments) {
        if (segment.p_type == PT_NULL) continue;
        // A page of a mapped segment past the end of the file is a SIGBUS inside the dynamic linker.
        if (segment.p_filesz != 0 && !elf.holds(segment.p_offset, segment.p_filesz))
            elf.refuse("it is cut off or damaged: install it again");
        if (segment.p_type == PT_LOAD && segment.p_filesz > segment.p_memsz)
            elf.refuse("its segment table is damaged");
        loads = loads || segment.p_type == PT_LOAD;
        dynamic = dynamic || (segment.p_type == PT_DYNAMIC && segment.p_filesz >= sizeof(Elf64_Dyn));
        if (segment.p_type != PT_NOTE || segment.p_filesz > kMaxNoteBytes) continue;
        std::string bytes(segment.p_filesz, '\0');
        elf.read(segment.p_offset, bytes.data(), bytes.size());
        readNotes(elf, bytes, segment.p_align == 8 ? 8 : 4, found);
    }
    if (!loads || !dynamic) elf.refuse("it is no shared object");
    if (found.empty())
        elf.refuse(
            "it has no note .note.usher.auth, so it is no usher plugin (USHER_AUTH_NOTE in usher/auth.h)");
    if (found.size() > 1) elf.refuse("it has more than one note .note.usher.auth");
    if (!isPluginId(found[0].id)) elf.refuse("the id in its note must be 1 to 63 of a-z, 0-9 and -");
    return found[0];
}

} // namespace usher
