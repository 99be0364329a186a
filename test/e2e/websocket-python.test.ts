// A WebSocket client of others, unmodified: the package `websockets` of Python sends, and reads acks and nacks.

import t from 'tap'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { startGatewayProcess } from '../support/gateway-process.ts'
import { digestOf } from '../support/history.ts'
import { journalContents } from '../support/journal-history.ts'
import { findPython } from '../support/python.ts'

const { program, skip } = await findPython(['websockets==17.4'])

const config = `
workers: 2
sink: journal
listeners: [ { protocol: http, port: 0 } ]
websocket: { compression: true }
routes: [ { name: orders, channel: "orders/{region}", topic: orders, ack: disk } ]
`

/** Sends text, binary and fragmented events, prints what comes back, and stays until the gateway ends it. */
const script = `
import asyncio, json, sys
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

def say(**line): print(json.dumps(line), flush=True)

async def acked(socket, last):
    nacks = []
    while True:
        message = json.loads(await socket.recv())
        if message["type"] == "nack": nacks.append([message["id"], message["code"]])
        if message["type"] == "ack" and message["id"] >= last: return nacks

async def main(url, compression):
    async with connect(url, subprotocols=["sluice.v1"], compression=compression) as socket:
        hello = json.loads(await socket.recv())
        compressed = "permessage-deflate" in socket.response.headers.get("Sec-WebSocket-Extensions", "")
        say(protocol=socket.subprotocol, window=hello["window"], compressed=compressed)
        for id in range(1, 501):
            await socket.send(json.dumps({"type": "event", "id": id, "channel": "orders/eu", "data": {"n": id}}))
        say(nacks=await acked(socket, 500))
        await socket.send('{"type":"channel","number":0,"channel":"orders/us","attributes":{"content-type":"application/octet-stream"}}')
        await socket.send(bytes([0, 0xf5, 0x03, 0]) + bytes(range(256)))
        async def parts():
            yield '{"type":"event","id":502,"channel":"orders/eu","da'
            yield 'ta":{"n":1e999}}'
        await socket.send(parts())
        await socket.send('{"type":"event","id":503,"channel":"nowhere","data":1}')
        await (await socket.ping())
        say(nacks=await acked(socket, 503))
        try: await socket.recv()
        except ConnectionClosed as closed: say(code=closed.rcvd.code)

asyncio.run(main(sys.argv[1], None if sys.argv[2] == "none" else sys.argv[2]))
`

t.test('the client of Python sends and is told, with compression and without', { skip, timeout: 200_000 }, async t => {
  const folder = t.testdir()
  const gateway = await startGatewayProcess(folder, config)
  t.teardown(() => gateway.kill())
  const talks = ['deflate', 'none'].map(compression => {
    const child = spawn(program, ['-c', script, `ws://127.0.0.1:${gateway.port}/v1/stream`, compression], {
      stdio: ['ignore', 'pipe', 'pipe']
    })
    t.teardown(() => child.kill('SIGKILL'))
    let complaints = ''
    child.stderr.on('data', (chunk: Buffer) => { complaints += chunk.toString() })
    const said: unknown[] = []
    const lines = createInterface({ input: child.stdout }).on('line', line => { said.push(JSON.parse(line)) })
    const ended = once(child, 'close')
    const until = async (count: number): Promise<void> => {
      while (said.length < count) {
        await Promise.race([once(lines, 'line'), ended])
        if (child.exitCode !== null && said.length < count) throw new Error(`it ended with ${child.exitCode}: ${complaints}`)
      }
    }
    return { said, until, ended, compression }
  })
  await Promise.all(talks.map(talk => talk.until(3)))
  t.ok(await gateway.stop())
  for (const { said, until, ended, compression } of talks) {
    await until(4)
    await ended
    t.same(said, [
      { protocol: 'sluice.v1', window: 1_000, compressed: compression === 'deflate' },
      { nacks: [] }, { nacks: [[503, 'no-route']] }, { code: 1012 }
    ], compression)
  }
  const { stored } = await journalContents(join(folder, 'data/journal'))
  const data = [
    ...Array.from({ length: 500 }, (_, index) => Buffer.from(`{"n": ${index + 1}}`)),
    Buffer.from(Array.from({ length: 256 }, (_, byte) => byte)), Buffer.from('{"n":1e999}')
  ]
  const digests = data.flatMap(one => [digestOf(one), digestOf(one)])
  t.same(stored.map(({ digest }) => digest).sort(), digests.sort(), 'byte for byte what was sent')
})
