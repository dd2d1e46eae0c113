#include "ConfigCheck.h"

#include "base/IniFile.h"
#include "exec/ExecConfig.h"
#include "storage/Database.h"

namespace usher {

ConfigResult readWholeConfig(const std::string& path, const ConfigDefaults& defaults,
                             const std::string& launcher) {
    ConfigResult result = readConfig(path, defaults, launcher);
    IniFile file;
    file.readWithDropIns(path); // what cannot be read is named already
    execConfigFrom(file, result.problems);
    if (const IniEntry* url = file.find("database", "url"); url && !url->value.empty())
        if (const std::string why = Database::whyNotUrl(url->value); !why.empty())
            result.problems.push_back(url->file + ":" + std::to_string(url->line) +
                                      ": [database] url: " + why);
    return result;
}

} // namespace usher
