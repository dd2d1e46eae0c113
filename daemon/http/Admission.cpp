#include "http/Admission.h"

#include "app/Words.h"
#include "base/Text.h"
#include "http/Gate.h"

#include <algorithm>

namespace usher {

void Admission::overtime() {
    if (_unbounded) return;
    const Refusal refusal = _onPlugin ? authorizationUnavailable() : storageUnavailable();
    _exchange->reply(dressed(toReply(refusal, request().id)));
}

void Admission::let(Fields fields, std::vector<std::unique_ptr<Settlement>> settlements) {
    Lock lock(_mutex);
    _fields = std::move(fields);
    _settlements = std::move(settlements);
}

void Admission::made(const std::string& runId) {
    Lock lock(_mutex);
    _runId = runId;
}

void Admission::unknown() {
    for (auto& settlement : take()) settlement->unknown();
}

void Admission::giveBack() {
    for (auto& settlement : take()) settlement->abandoned();
}

bool Admission::reply(Reply reply) {
    settle(reply.status); // before the answer: whoever asks again when it has it finds its cost settled
    return _exchange->reply(dressed(std::move(reply)));
}

std::unique_ptr<ReplyStream> Admission::stream(Reply head) {
    settle(head.status);
    return _exchange->stream(dressed(std::move(head)));
}

Reply Admission::dressed(Reply reply) {
    Lock lock(_mutex);
    const std::size_t own = reply.fields.size();
    for (const auto& [name, value] : _fields) {
        const auto end = reply.fields.begin() + static_cast<std::ptrdiff_t>(own);
        const bool there = std::any_of(reply.fields.begin(), end, [&name = name](const auto& field) {
            return equalsIgnoreCase(field.first, name);
        });
        // Cookies stand side by side; of the rest the answer's own counts, for it came later.
        if (!there || equalsIgnoreCase(name, "Set-Cookie")) reply.with(name, value);
    }
    return reply;
}

void Admission::settle(int status) {
    std::string runId;
    {
        Lock lock(_mutex);
        runId = _runId;
    }
    for (auto& settlement : take()) {
        if (status < 400)
            settlement->accepted(runId);
        else
            settlement->abandoned();
    }
}

Admission::Settlements Admission::take() {
    Settlements settlements;
    Lock lock(_mutex);
    settlements.swap(_settlements);
    return settlements;
}

} // namespace usher
