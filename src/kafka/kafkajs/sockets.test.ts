// A socket under kafkajs ends with an error when the other side is silent, and says what is wrong with TLS files.

import net from 'node:net'
import type { AddressInfo, Socket } from 'node:net'
import t from 'tap'
import type { Test } from 'tap'
import type { KafkaSettings } from '../config.ts'
import { ProduceTap } from './produce-tap.ts'
import { Sockets } from './sockets.ts'

const config: KafkaSettings = {
  brokers: ['127.0.0.1:1'], clientId: 'c', driver: 'kafkajs', connectionTimeoutMs: 150,
  producer: {
    lingerMs: 0, batchBytesMax: 1, deliveryTimeoutMs: 1, compression: 'none', topicsMax: 1
  }
}

/** A server that takes connections and does with them what the test says. */
async function serve (t: Test, onSocket: (socket: Socket) => void): Promise<number> {
  const open = new Set<Socket>()
  const server = net.createServer((socket) => {
    open.add(socket)
    socket.on('error', () => {})
    onSocket(socket)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => {
    for (const socket of open) socket.destroy()
    server.close()
  })
  return (server.address() as AddressInfo).port
}

function failure (socket: Socket): Promise<NodeJS.ErrnoException> {
  return new Promise((resolve) => socket.once('error', resolve))
}

const frame = Buffer.from([0, 0, 0, 6, 0, 18, 0, 0, 0, 0])

t.test('a request without an answer ends the connection; an idle connection stays', async (t) => {
  const port = await serve(t, (socket) => { socket.once('data', (bytes) => socket.write(bytes)) })
  let emptyCount = 0
  const sockets = new Sockets({
    config, requestTimeoutMs: 100, tap: () => new ProduceTap('t', new Map()), onEmpty: () => { emptyCount++ }
  })
  const socket = await new Promise<Socket>((resolve) => {
    const made = sockets.connect({ host: '127.0.0.1', port, onConnect: () => resolve(made) })
  })
  socket.write(frame)
  await new Promise((resolve) => socket.once('data', resolve))
  await new Promise((resolve) => setTimeout(resolve, 250))
  t.equal(socket.destroyed, false, 'answered and idle, also past the time for a connection')
  socket.write(frame)
  t.match(await failure(socket), { code: 'ETIMEDOUT', message: 'no answer in time' })
  await new Promise((resolve) => socket.once('close', resolve))
  t.equal(sockets.openCount, 0)
  t.equal(emptyCount, 1)
})

t.test('a TLS handshake that nobody answers ends in time', async (t) => {
  const port = await serve(t, () => {})
  const sockets = new Sockets({ config: { ...config, tls: true }, requestTimeoutMs: 1_000 })
  const socket = sockets.connect({ host: '127.0.0.1', port, onConnect: () => t.fail('there is no TLS') })
  t.match(await failure(socket), { code: 'ETIMEDOUT', message: 'no connection in time' })
})

t.test('a TLS file that cannot be read fails the connection like a network error, later', async (t) => {
  const sockets = new Sockets({ config: { ...config, tls: { ca: './no-such-file.pem' } }, requestTimeoutMs: 1_000 })
  const socket = sockets.connect({ host: '127.0.0.1', port: 1, onConnect: () => t.fail('no connection') })
  t.match(await failure(socket), { code: 'ENOENT' })
})

t.test('destroyAll leaves nothing open', async (t) => {
  const port = await serve(t, () => {})
  const sockets = new Sockets({ config, requestTimeoutMs: 1_000 })
  const socket = sockets.connect({ host: '127.0.0.1', port, onConnect: () => {} })
  sockets.destroyAll()
  await new Promise((resolve) => socket.once('close', resolve))
  t.equal(sockets.openCount, 0)
})
