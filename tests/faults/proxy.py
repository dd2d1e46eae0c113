"""A TCP proxy that a fault script holds between usherd and PostgreSQL, to watch and to cut."""
import socket
import threading


class Proxy:
    """Listens on (host, a free port), passes everything on to `target`.

    `judge(connection, to_server, data)` sees each piece before it goes on and says what to do: "pass", "cut" (the piece
    is dropped, both sides are closed), "cut-after" (the piece goes on, then both sides are closed), or a number: so many
    bytes go on before both sides are closed. `connection` is a dictionary of its own for each connection."""

    def __init__(self, target, host="127.0.0.1", judge=None):
        self.target, self.judge, self.cuts = target, judge, 0
        self.listener = socket.create_server((host, 0))
        self.host, self.port = host, self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            try:
                server = socket.create_connection(self.target, 5)
            except OSError:
                client.close()
                continue
            server.settimeout(None)
            self._give_up_the_lost(client)
            state = {}
            for source, sink, to_server in ((client, server, True), (server, client, False)):
                source.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                threading.Thread(target=self._pump, args=(source, sink, to_server, state), daemon=True).start()

    @staticmethod
    def _give_up_the_lost(client):
        """What usherd asks of PostgreSQL for its connections, which end here: who is cut off is gone after 15 to 25 s."""
        client.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for option, value in ((socket.TCP_KEEPIDLE, 10), (socket.TCP_KEEPINTVL, 5), (socket.TCP_KEEPCNT, 3),
                              (socket.TCP_USER_TIMEOUT, 15000)):
            client.setsockopt(socket.IPPROTO_TCP, option, value)

    def _pump(self, source, sink, to_server, state):
        try:
            while data := source.recv(1 << 16):
                verdict = self.judge(state, to_server, data) if self.judge else "pass"
                if verdict != "cut":
                    sink.sendall(data[:verdict] if isinstance(verdict, int) else data)
                if verdict != "pass":
                    self.cuts += 1
                    break
        except OSError:
            pass
        for one in (source, sink):
            try:
                one.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
        source.close()

    def close(self):
        self.listener.close()
