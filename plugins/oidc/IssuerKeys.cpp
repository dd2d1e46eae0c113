#include "IssuerKeys.h"

#include "common/Text.h"

namespace usher::oidc {

namespace {

using auth::Verdict;
using namespace std::chrono_literals;

constexpr std::size_t kMaxWaiting = 256;

std::string discoveryUrl(std::string issuer) {
    while (!issuer.empty() && issuer.back() == '/') issuer.pop_back();
    return issuer + "/.well-known/openid-configuration";
}

} // namespace

IssuerKeys::IssuerKeys(auth::Host host, Issuer issuer, std::string authorities, KeyTimes times)
    : _host(host), _issuer(std::move(issuer)), _times(times), _fetch(std::move(authorities)) {}

void IssuerKeys::start() {
    {
        plugin::Lock lock(_mutex);
        _fetching = true; // from the first question on, one waits for it
    }
    _thread = auth::startThread([this] { serve(); });
}

void IssuerKeys::stop() {
    {
        plugin::Lock lock(_mutex);
        _ending = true;
        _wake.notifyAll();
    }
    _fetch.abort();
    if (_thread.joinable()) _thread.join();
    std::deque<Question> dropped; // answered by dropping, after the lock
    plugin::Lock lock(_mutex);
    dropped.swap(_waiting);
}

IssuerKeys::Keys IssuerKeys::goodKeys(Time now) const {
    return _keys && now - _fetchedAt < _times.stale ? _keys : nullptr;
}

void IssuerKeys::ask(Question question) {
    const Time now = std::chrono::steady_clock::now();
    Keys keys;
    bool full = false, reachable = true;
    {
        plugin::Lock lock(_mutex);
        keys = goodKeys(now);
        reachable = _failures == 0;
        if (!keys || !keys->has(question.token.keyId)) {
            full = _waiting.size() >= kMaxWaiting;
            if (!full && !_ending && (_fetching || now >= _notBefore)) {
                _waiting.push_back(std::move(question));
                _wake.notifyOne();
                return;
            }
        }
    }
    if (full) return void(question.call.complete(Verdict::error("too many tokens wait for keys")));
    answer(question, keys, reachable);
}

void IssuerKeys::answer(Question& question, const Keys& keys, bool reachable) const {
    const bool known = keys && keys->has(question.token.keyId);
    if (!known && reachable && keys) return void(question.call.complete(unknownKey()));
    if (!known)
        return void(
            question.call.complete(Verdict::error("the keys of " + _issuer.id + " are not to be had")));
    question.call.complete(
        judge(question, _issuer, *keys, plugin::nowMicros() / 1'000'000, _times.leeway.count()));
}

void IssuerKeys::cancel(usher_call call) {
    std::deque<Question> dropped; // answered by dropping, after the lock
    plugin::Lock lock(_mutex);
    for (auto at = _waiting.begin(); at != _waiting.end(); ++at)
        if (at->call.handle() == call) {
            dropped.push_back(std::move(*at));
            _waiting.erase(at);
            return;
        }
}

bool IssuerKeys::healthy(std::string& reason) {
    plugin::Lock lock(_mutex);
    if (goodKeys(std::chrono::steady_clock::now()) || _failures == 0) return true;
    reason = "no keys of " + _issuer.id + ": " + _problem;
    return false;
}

IssuerKeys::Keys IssuerKeys::fetchKeys() {
    const Time until = std::chrono::steady_clock::now() + _times.fetch;
    std::string uri = _issuer.jwksUri;
    if (uri.empty()) {
        const auto parsed = plugin::parseJson(_fetch.get(discoveryUrl(_issuer.id), until));
        const auto* json = std::get_if<plugin::Json>(&parsed);
        if (!json || !json->is_object() || json->value("issuer", plugin::Json()) != _issuer.id)
            throw FetchFailed("its discovery document is of another issuer, or none");
        const plugin::Json found = json->value("jwks_uri", plugin::Json());
        uri = found.is_string() ? found.get<std::string>() : std::string();
        if (!isGoodUrl(uri)) throw FetchFailed("its discovery document names no https address for keys");
    }
    return KeySet::read(_fetch.get(uri, until));
}

void IssuerKeys::took(Keys keys, const std::string& problem) {
    const Time now = std::chrono::steady_clock::now();
    _problem = problem;
    if (keys) {
        _keys = std::move(keys);
        _fetchedAt = now;
        _failures = 0;
        _notBefore = now + _times.refetch;
        return;
    }
    ++_failures;
    _notBefore = now + std::min<std::chrono::seconds>(60s, 1s * (1 << std::min(_failures - 1, 6)));
}

void IssuerKeys::serve() {
    while (true) {
        Keys keys;
        std::string problem;
        try {
            keys = fetchKeys();
        } catch (const std::exception& error) {
            problem = error.what();
        }
        std::deque<Question> waited;
        Keys good;
        int failures;
        {
            plugin::Lock lock(_mutex);
            if (_ending) return;
            const bool recovered = keys && _failures > 0;
            took(std::move(keys), problem);
            _fetching = false;
            waited.swap(_waiting);
            good = goodKeys(std::chrono::steady_clock::now());
            failures = _failures;
            if (recovered) _problem.clear();
        }
        if (failures == 1) // once, not every minute of an outage
            _host.log(USHER_LOG_WARNING,
                      "keys of " + _issuer.id + " were not had: " + problem +
                          (good ? "; the ones from before stay good for a while" : "; its tokens get 503"));
        _host.count("fetches", 1, {{"outcome", failures == 0 ? "good" : "failed"}});
        for (Question& question : waited) answer(question, good, failures == 0);

        plugin::Lock lock(_mutex);
        while (!_ending) {
            const Time now = std::chrono::steady_clock::now();
            const Time due = _failures > 0 ? _notBefore : _fetchedAt + _times.refresh;
            if (now >= due || (!_waiting.empty() && now >= _notBefore)) break;
            _wake.waitUntil(lock, _waiting.empty() ? due : std::min(due, _notBefore));
        }
        if (_ending) return;
        _fetching = true;
    }
}

} // namespace usher::oidc
