#pragma once

#include "FakeHandler.h"
#include "RawClient.h"
#include "http/Listener.h"

#include <cppunit/TestFixture.h>

#include <functional>
#include <memory>

namespace usher::test {

/// A listener on a port of its own and clients that write bytes.
class ListenerFixture : public CppUnit::TestFixture {
public:
    void tearDown() override { _listener.reset(); }

protected:
    FakeHandler _handler;
    std::unique_ptr<Listener> _listener;

    void start(const std::function<void(ListenerSettings&)>& change = {}) {
        ListenerSettings settings;
        settings.port = 0;
        if (change) change(settings);
        _listener = std::make_unique<Listener>(settings, _handler);
        _listener->start();
    }
    RawClient client(int receiveBuffer = 0) { return RawClient(_listener->port(), receiveBuffer); }
};

} // namespace usher::test
