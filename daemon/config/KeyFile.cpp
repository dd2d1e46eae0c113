#include "config/KeyFile.h"

#include "base/Text.h"

#include <sys/stat.h>

#include <stdexcept>

namespace usher {

std::string readSecretsKey(const std::string& file) {
    struct stat st {};
    if (::stat(file.c_str(), &st) != 0) throw std::runtime_error("cannot read [secrets] key_file " + file);
    if (st.st_mode & 0077)
        throw std::runtime_error("others than its owner may read [secrets] key_file " + file +
                                 ": chmod 600 " + file);
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
