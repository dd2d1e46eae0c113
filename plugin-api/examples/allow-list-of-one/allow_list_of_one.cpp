// allow-list-of-one: whoever comes from one address may do anything. A plugin in C++ that fits on a page.
//
//     [plugins.allow-list-of-one]
//     address = 192.0.2.7
#include <usher/auth.hpp>

namespace auth = usher::auth;

namespace {

class AllowListOfOne final : public auth::Plugin {
public:
    static constexpr std::uint32_t threadModel = USHER_PARALLEL | USHER_NONBLOCKING; // decides from memory

    static std::vector<auth::ConfigKey> configKeys() {
        return {{"address", USHER_KEY_TEXT, "", "The one address that is let in"}};
    }

    AllowListOfOne(auth::Host host, const auth::Config& config)
        : Plugin(host), _address(config.text("address")) {}

    void check(auth::Call call, const auth::Request& request) override {
        if (request.clientAddress() == _address)
            call.complete(auth::Verdict::allow("address:" + _address, _address, "admin"));
        else
            call.complete(auth::Verdict::abstain());
    }

private:
    const std::string _address;
};

} // namespace

USHER_AUTH_PLUGIN(AllowListOfOne, "allow-list-of-one", "1.0.0", "Usher project")
