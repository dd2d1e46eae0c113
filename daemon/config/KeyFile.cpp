#include "config/KeyFile.h"

#include "base/Text.h"

#include <sys/stat.h>

#include <stdexcept>

namespace usher {

namespace {

/// As PostgreSQL has it for its keys: nobody but the owner, and where that is root, its group may read. That
/// is also how systemd hands over a credential: root's, mode 0440, which an access list opens to one service.
bool isPrivate(const struct stat& file) {
    return (file.st_mode & 0077 & ~(file.st_uid == 0 ? S_IRGRP : 0u)) == 0;
}

} // namespace

std::string readSecretsKey(const std::string& file) {
    struct stat st {};
    if (::stat(file.c_str(), &st) != 0) throw std::runtime_error("cannot read [secrets] key_file " + file);
    if (!isPrivate(st))
        throw std::runtime_error("others than its owner may read [secrets] key_file " + file +
                                 ": chmod 600 " + file + " (640 when it is root's)");
    const auto text = readFile(file, 4096);
    if (!text) throw std::runtime_error("cannot read [secrets] key_file " + file);
    if (text->size() == 32) return *text;
    const std::string line(trim(*text));
    auto key = line.size() == 64 ? fromHex(line) : fromBase64(line);
    if (!key || key->size() != 32)
        throw std::runtime_error("[secrets] key_file " + file +
                                 " must hold 32 bytes: openssl rand -base64 32 > " + file);
    return *key;
}

std::string readDatabasePassword(const Config& config) {
    if (config.databasePasswordFile.empty()) return "";
    return std::string(trim(readFile(config.databasePasswordFile, 4096).value_or("")));
}

} // namespace usher
