"""Forwards connections between a port and a Unix socket, from one network namespace to another.

python relay.py LISTEN CONNECT      each `HOST:PORT` or the path of a socket; prints a line when it listens
"""

from __future__ import annotations

import asyncio
import contextlib
import sys


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    writer.close()


async def serve(listen: str, connect: str) -> None:
    """Forward connections until the process ends."""

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if connect.startswith("/"):
            there, back = await asyncio.open_unix_connection(connect)
        else:
            host, _, port = connect.rpartition(":")
            there, back = await asyncio.open_connection(host, int(port))
        await asyncio.gather(_pump(reader, back), _pump(there, writer))

    if listen.startswith("/"):
        server = await asyncio.start_unix_server(accept, listen)
    else:
        host, _, port = listen.rpartition(":")
        server = await asyncio.start_server(accept, host, int(port))
    sys.stdout.write("up\n")
    sys.stdout.flush()
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(*sys.argv[1:]))
