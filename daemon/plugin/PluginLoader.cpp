#include "plugin/PluginLoader.h"

#include "base/Text.h"
#include "plugin/CText.h"

#include <usher/ext/config-schema.h>

#include <dlfcn.h>
#include <link.h>

#include <cstring>

namespace usher {

namespace {

[[noreturn]] void refuse(const std::string& path, const std::string& why) {
    throw PluginRefused("cannot load plugin " + oneLine(path) + ": " + why);
}

/// dlerror() names the descriptor; the operator knows the file.
std::string linkerError(const std::string& path, const std::string& opened) {
    const char* error = ::dlerror();
    std::string text = error ? error : "unknown error";
    for (std::size_t at; (at = text.find(opened)) != std::string::npos;)
        text.replace(at, opened.size(), path);
    return oneLine(text);
}

/// The entry must be defined in the plugin itself: dlsym() also searches the libraries that it links.
const usher_auth_entry* findEntry(void* handle, const std::string& path) {
    void* symbol = ::dlsym(handle, "usher_auth_entry_v1");
    if (!symbol) refuse(path, "it does not export usher_auth_entry_v1");
    link_map *own = nullptr, *owner = nullptr;
    Dl_info info{};
    if (::dlinfo(handle, RTLD_DI_LINKMAP, static_cast<void*>(&own)) != 0 ||
        ::dladdr1(symbol, &info, reinterpret_cast<void**>(&owner), RTLD_DL_LINKMAP) == 0 || own != owner)
        refuse(path,
               "its usher_auth_entry_v1 comes from a library that it links, not from the plugin itself");
    return static_cast<const usher_auth_entry*>(symbol);
}

std::string boundedText(const char* text, std::size_t limit) {
    return text ? std::string(text, ::strnlen(text, limit)) : std::string();
}

usher_auth_ops readOps(const usher_auth_entry& entry, const std::string& path) {
    auto ops = copySized(entry.ops, offsetof(usher_auth_ops, thread_model) + sizeof(std::uint32_t));
    if (!ops) refuse(path, "its entry has no table of functions");
    if (!ops->create || !ops->start || !ops->check || !ops->stop || !ops->destroy)
        refuse(path, "it lacks one of create, start, check, stop, destroy");
    const std::uint32_t model = ops->thread_model & 0xffu;
    if (model != USHER_SERIAL && model != USHER_PARALLEL)
        refuse(path, "its thread model is neither USHER_SERIAL nor USHER_PARALLEL");
    return *ops;
}

} // namespace

void checkMinor(std::uint32_t required, const std::string& path) {
    if (required > USHER_AUTH_MINOR)
        refuse(path, "it needs version 1." + std::to_string(required) +
                         " of the plugin interface and this usherd has 1." +
                         std::to_string(USHER_AUTH_MINOR) + ": install a newer usherd");
}

std::shared_ptr<const Plugin> PluginLoader::load(const std::string& path) {
    Lock lock(_mutex);
    if (auto known = _loaded.find(path); known != _loaded.end()) return known->second;
    return loadOpened(openTrusted(path), path);
}

std::shared_ptr<const Plugin> PluginLoader::load(TrustedFile file, const std::string& path) {
    Lock lock(_mutex);
    return loadOpened(std::move(file), path);
}

std::shared_ptr<const Plugin> PluginLoader::loadOpened(TrustedFile file, const std::string& path) {
    PluginNote note = readPluginNote(file.fd.get(), path);
    checkMinor(note.minorRequired, path);

    const std::string opened = "/proc/self/fd/" + std::to_string(file.fd.get());
    void* handle = ::dlopen(opened.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (!handle) refuse(path, linkerError(path, opened));
    (void)file.fd.release(); // from here on the object is known by this number: never closed

    const usher_auth_entry* raw = findEntry(handle, path);
    auto entry = copySized(raw, offsetof(usher_auth_entry, ops) + sizeof(raw->ops));
    if (!entry || !entry->id) refuse(path, "its usher_auth_entry_v1 is too small");
    checkMinor(entry->minor_required, path);
    const std::string id = boundedText(entry->id, 64);
    if (id != note.id)
        refuse(path,
               "its entry says it is \"" + oneLine(id) + "\" and its note says \"" + oneLine(note.id) + "\"");
    usher_auth_ops ops = readOps(*entry, path);
    std::string vendor = oneLine(boundedText(entry->vendor, 128));
    return _loaded[path] =
               std::make_shared<const Plugin>(path, file.identity, std::move(note), std::move(vendor), ops);
}

std::vector<PluginConfigKey> Plugin::configKeys() const {
    if (!ops.get_extension) return {};
    auto schema = copySized(
        static_cast<const usher_config_schema*>(ops.get_extension(nullptr, USHER_EXT_CONFIG_SCHEMA)),
        sizeof(usher_config_schema));
    if (!schema || !schema->keys || schema->key_count == 0) return {};
    // A newer plugin's elements may be longer than ours: the first one says how far apart they stand.
    const std::size_t stride = schema->keys->size;
    if (stride < sizeof(usher_config_key) || stride > 4096 || stride % 8 != 0 || schema->key_count > 256)
        refuse(path, "its usher.config-schema/1 makes no sense");
    std::vector<PluginConfigKey> keys;
    for (std::size_t i = 0; i < schema->key_count; ++i) {
        usher_config_key raw{};
        std::memcpy(&raw, reinterpret_cast<const char*>(schema->keys) + i * stride, sizeof raw);
        auto name = readText(raw.name, 64), value = readText(raw.default_value, 1024),
             description = readText(raw.description, 4096);
        if (!name || name->empty() || !value || !description)
            refuse(path, "its usher.config-schema/1 makes no sense");
        keys.push_back({std::string(*name), raw.kind, std::string(*value), std::string(*description),
                        raw.minimum, raw.maximum});
    }
    return keys;
}

} // namespace usher
