# SPDX-License-Identifier: GPL-2.0
"""Servers and clients in Python and in Node, with what these come with"""
import os
import sys

from programs import digest

PORT = 8000

NODE_SERVER = """
const http = require('http');
http.createServer((request, response) => {
  const hash = require('crypto').createHash('sha256');
  let length = 0;
  request.on('data', (data) => { hash.update(data); length += data.length; });
  request.on('end', () => response.end(`${request.url} ${length} ${hash.digest('hex')}\\n`));
}).listen(%d, '%s');
"""
NODE_CLIENT = """
const http = require('http');
const agent = new http.Agent({keepAlive: true, maxSockets: 4});
const answers = [];
let left = 12;
for (let number = 0; number < left; number++) {
  const request = http.request({host: '%s', port: %d, path: '/' + number, method: 'POST', agent},
    (response) => {
      response.setEncoding('utf8');
      response.on('data', (text) => answers.push(text));
      response.on('end', () => { if (!--left) { console.log(answers.sort().join('')); agent.destroy(); } });
    });
  request.end(Buffer.alloc(20000 * number, number));
}
"""
ECHO = """
import asyncio, sys
async def echo(reader, writer):
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()
    writer.close()
async def main():
    async with await asyncio.start_server(echo, sys.argv[1], int(sys.argv[2])) as server:
        await server.serve_forever()
asyncio.run(main())
"""
ECHO_CLIENT = """
import asyncio, sys
async def talk(number):
    reader, writer = await asyncio.open_connection(sys.argv[1], int(sys.argv[2]))
    data = bytes([number]) * 50000
    writer.write(data)
    writer.write_eof()
    assert await reader.read() == data
    writer.close()
    await writer.wait_closed()
    return number
async def main():
    print(await asyncio.gather(*(talk(number) for number in range(20))))
asyncio.run(main())
"""


def http_server(place):
    content = os.urandom(1000000)
    place.write("root/file", content)
    place.serve(sys.executable, "-m", "http.server", "--bind", place.server, "--directory",
                place.path("root"), str(PORT), port=PORT)
    url = f"http://{place.host}:{PORT}"
    get = "import sys, urllib.request as r; sys.stdout.buffer.write(r.urlopen(sys.argv[1]).read())"
    assert digest(place.run(sys.executable, "-c", get, f"{url}/file")) == digest(content)
    return place.text(sys.executable, "-c", get, f"{url}/")


def asyncio(place):
    place.serve(sys.executable, "-c", ECHO, place.server, str(PORT), port=PORT)
    return place.text(sys.executable, "-c", ECHO_CLIENT, place.server, str(PORT))


def node(place):
    place.serve("node", "-e", NODE_SERVER % (PORT, place.server), port=PORT)
    return place.text("node", "-e", NODE_CLIENT % (place.server, PORT))


CASES = (("http.server", http_server), ("asyncio", asyncio), ("node: http", node))
