// Byte streams over WebSocket: what a client sends arrives as it is, and what is not for a stream is refused.

import { once } from 'node:events'
import type { Duplex } from 'node:stream'
import t from 'tap'
import type { Test } from 'tap'
import { WebSocket } from 'ws'
import { ask, dial, openSocketListener, until } from '../../test/support/listener-rig.ts'
import type { ListenerRig } from '../../test/support/listener-rig.ts'

/** Echoes, after the number of the connection. */
async function openEcho (t: Test): Promise<ListenerRig> {
  return openSocketListener(t, { transport: 'websocket', settings: { idleTimeoutMs: 100 } }, listener => {
    listener.onSocket(given => {
      const stream = given as Duplex
      stream.on('error', () => {})
      stream.write(`${listener.peerOf(stream).connectionId} `)
      stream.pipe(stream)
    })
  })
}

function connect (t: Test, { port }: ListenerRig, subprotocols = ['mqtt']): WebSocket {
  const client = new WebSocket(`ws://127.0.0.1:${port}/any`, subprotocols)
  client.on('error', () => {})
  t.teardown(() => { client.terminate() })
  return client
}

t.test('frames carry a stream both ways, wherever they are cut [MQTT-6.0.0-2]', async t => {
  const rig = await openEcho(t)
  const client = connect(t, rig)
  let heard = ''
  client.on('message', (data: Buffer, isBinary: boolean) => { heard += isBinary ? data.toString() : 'text' })
  await once(client, 'open')
  t.equal(client.protocol, 'mqtt')
  for (const part of ['he', '', 'llo']) client.send(Buffer.from(part))
  await until('the echo', () => heard === '1 hello')
  const silent = await dial(t, rig.port)
  await silent.closed
  client.send(Buffer.from('!'))
  await until('the echo, after a silence that ended a connection without frames', () => heard === '1 hello!')
  client.close()
  await once(client, 'close')
  await until('leaving', () => rig.connections.gauges.get('connections_active')?.() === 0)
})

t.test('a stream tells of a frame that has begun, and when none is left', async t => {
  const told: boolean[] = []
  const rig = await openSocketListener(t, { transport: 'websocket' }, listener => {
    listener.onSocket(given => {
      const stream = given as Duplex
      stream.on('error', () => {}).on('frame', (isBegun: boolean) => { if (told.at(-1) !== isBegun) told.push(isBegun) }).resume()
    })
  })
  const client = connect(t, rig)
  await once(client, 'open')
  client.send(Buffer.from('whole'))
  await until('a whole frame', () => told.length === 1)
  client.send(Buffer.from('be'), { fin: false })
  await until('a part', () => told.length === 2)
  client.send(Buffer.from('gun'), { fin: true })
  await until('the rest', () => told.length === 3)
  t.same(told, [false, true, false])
})

t.test('pages of this host may connect, and of origins that are listed', async t => {
  const rig = await openSocketListener(t, { transport: 'websocket', origins: ['https://shop.example'] }, listener => {
    listener.onSocket(given => { (given as Duplex).on('error', () => {}) })
  })
  const answerTo = async (origin: string): Promise<unknown> => {
    const client = new WebSocket(`ws://127.0.0.1:${rig.port}/`, ['mqtt'], { origin })
    t.teardown(() => { client.terminate() })
    client.on('error', () => {})
    return Promise.race([
      once(client, 'open').then(() => 101),
      once(client, 'unexpected-response').then(([, response]) => (response as { statusCode: number }).statusCode)
    ])
  }
  t.equal(await answerTo('https://evil.example'), 403)
  t.equal(await answerTo('null'), 403)
  t.equal(await answerTo('https://shop.example'), 101)
  t.equal(await answerTo(`http://127.0.0.1:${rig.port}`), 101)
})

t.test('a text frame ends the connection [MQTT-6.0.0-1]', async t => {
  const client = connect(t, await openEcho(t))
  await once(client, 'open')
  client.send('text')
  const [code] = await once(client, 'close') as [number]
  t.equal(code, 1003)
})

t.test('a frame above the limit ends the connection', async t => {
  const client = connect(t, await openEcho(t))
  await once(client, 'open')
  client.send(Buffer.alloc(65_537))
  const [code] = await once(client, 'close') as [number]
  t.equal(code, 1009)
})

t.test('whoever offers another subprotocol is told which one is spoken [MQTT-6.0.0-4]', async t => {
  const rig = await openEcho(t)
  const { socket, closed } = await dial(t, rig.port)
  const head = 'GET / HTTP/1.1\r\nHost: x\r\nConnection: upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n'
  socket.write(`${head}Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Protocol: chat\r\n\r\n`)
  t.match(await closed, /400 Bad Request[^]*Sec-WebSocket-Protocol: mqtt/)
})

t.test('a plain request is asked to change its protocol', async t => {
  const { status, headers } = await ask(await openEcho(t))
  t.match({ status, upgrade: headers.upgrade }, { status: 426, upgrade: 'websocket' })
})

t.test('unfinished frames of all connections have a bound, and are forgotten with their connection', async t => {
  const rig = await openEcho(t)
  const level = (): number => rig.connections.gauges.get('unfinished_frame_bytes')?.() ?? -1
  const begun = Array.from({ length: 4 }, () => connect(t, rig))
  for (const client of begun) {
    await once(client, 'open')
    client.send(Buffer.alloc(60_000), { fin: false })
  }
  await until('all of them', () => level() > 240_000)
  const last = connect(t, rig)
  await once(last, 'open')
  last.send(Buffer.alloc(60_000), { fin: false })
  await once(last, 'close')
  for (const client of begun) client.terminate()
  await until('nothing is held', () => level() === 0)
})
