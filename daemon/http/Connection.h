#pragma once

#include "base/UniqueFd.h"
#include "http/ConnectionExchange.h"
#include "http/ConnectionSocket.h"
#include "http/ConnectionStream.h"
#include "http/RequestReader.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/basic_stream_descriptor.hpp>
#include <boost/intrusive/list.hpp>

#include <list>
#include <memory>
#include <string>
#include <string_view>

namespace usher {

class ListenerLoop;

/// One client's connection, as a state machine. Owned by its ListenerLoop through shared_ptr, because
/// operations of asio and answers on their way may still name it when it is closed. Reads only while it waits
/// for a request, and a little ahead while one is answered; executes one request at a time, in order. An idle
/// one holds no buffer. All of it [event-loop].
class Connection : public std::enable_shared_from_this<Connection> {
public:
    enum class Phase { Handshake, Idle, Head, Body, Handling, Writing, Streaming, Lingering, Closed };
    /// What a connection can be late with; each has one timeout.
    enum class Deadline { Head, Body, Idle, Write, Linger, Count, None = Count };

    Connection(ListenerLoop& loop, UniqueFd fd, std::string peer, SslPtr ssl);
    ~Connection();

    void start();
    /// Answers 503 to whatever comes and closes.
    void startOverloaded();

    void answer(std::string bytes, bool close);
    void streamHead(std::string bytes, bool close, std::shared_ptr<StreamState> stream);
    void streamBytes(std::string bytes);
    void streamEnd(const std::string& bytes);
    void streamCut();

    /// Its deadline has passed.
    void expire();
    /// The listener stops: closes when idle, else after the answer that is under way. A connection that has
    /// not asked anything yet has the time of a linger to do so.
    void drain();
    /// For lack of memory.
    void closeForRoom();
    void close();

    bool isIncomplete() const { return _phase == Phase::Head || _phase == Phase::Body; }
    Instant since() const { return _since; }

private:
    friend class ListenerLoop;
    using Descriptor = boost::asio::posix::basic_stream_descriptor<boost::asio::io_context::executor_type>;

    void drive();
    void resume();
    void readHeldInput();
    void wait(Descriptor::wait_type what, bool& armed);
    void arm();
    bool handshake();
    bool mayRead() const;
    void readSome();
    void received(std::string_view bytes);
    std::size_t consume(std::string_view bytes);
    void dispatch();
    void refuse(const FramingFault& refusal);
    void peerEnded();
    void probeLater();
    void send(std::string bytes);
    void flush();
    void sentSome(std::size_t bytes);
    void finishAnswer();
    void linger();
    void enter(Phase phase, Deadline deadline);
    void account();
    void accountOutput();

    ListenerLoop& _loop;
    Descriptor _descriptor;
    ConnectionSocket _socket;
    RequestReader _reader;
    const std::string _peer;
    std::string _fingerprint;
    std::string _input;  ///< bytes that the reader could not use yet
    std::string _output; ///< bytes that the socket did not take yet, from _sent on
    std::size_t _sent = 0;
    std::size_t _headLeft = 0;  ///< of a stream: bytes of its head in _output, which are not the writer's
    std::size_t _drained = 0;   ///< bytes thrown away while lingering
    std::size_t _accounted = 0; ///< of a request that is arriving
    std::size_t _accountedOutput = 0; ///< of an answer that is not taken
    std::weak_ptr<ConnectionExchange> _exchange;
    std::shared_ptr<StreamState> _stream;
    Phase _phase = Phase::Idle;
    bool _closeAfter = false;
    bool _answered = false; ///< one request at least
    bool _peerEnded = false;
    bool _streamEnded = false;
    bool _overloaded = false;
    bool _readArmed = false;
    bool _writeArmed = false;
    bool _errorArmed = false;
    bool _wantRead = false;  ///< TLS must read before it can go on writing
    bool _wantWrite = false; ///< the socket is full, or TLS must write before it can go on reading
    Instant _since;          ///< when it entered its phase
    Instant _due;
    Deadline _deadline = Deadline::None;
    boost::intrusive::list_member_hook<> _hook;              ///< in the loop's list for its deadline
    std::list<std::shared_ptr<Connection>>::iterator _place; ///< in the loop's list of all
};

} // namespace usher
