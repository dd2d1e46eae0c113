#pragma once

namespace bench {

/// Opens so many keep-alive connections, has each answered once (GET /healthz), then holds them, silent,
/// until standard input ends. Prints `ready N` when all are there and `closed N` (by the server, meanwhile)
/// at the end. Returns an exit code.
int holdIdleConnections(int port, int count);

} // namespace bench
