// Stands between a client and one broker and misbehaves on demand: loses answers, goes silent, counts requests.

import net from 'node:net'
import type { AddressInfo, Socket } from 'node:net'

const produceKey = 0
const catchUpMs = 500

export interface KafkaProxy {
  /** host:port to give to the client. Metadata answers name it too, so that all requests come this way. */
  readonly address: string
  readonly produceCount: () => number
  readonly connectionCount: () => number
  /** The broker gets the next produce request, but its answer is dropped and the connection closed. */
  readonly loseNextAnswer: () => void
  /** From now on the broker gets at most so many bytes per second, all connections together. Infinity: all it can. */
  readonly pace: (bytesPerSecond: number) => void
  /** Every connection that is open now stays open and carries nothing any more. New ones work. */
  readonly silence: () => void
  readonly stop: () => Promise<void>
}

export async function startKafkaProxy (broker: string): Promise<KafkaProxy> {
  const [host = '', port = ''] = broker.split(':')
  const sockets = new Set<Socket>()
  const silent = new Set<Socket>()
  let produceCount = 0
  let connectionCount = 0
  let losing = false
  let ownPort = 0
  let bytesPerSecond = Infinity
  /** When the next bytes may go on, on the clock of `performance.now()`; a busy process catches up on some time. */
  let nextAtMs = 0

  /** Passes bytes on at the pace of the moment; reading stops meanwhile, so that the client's socket fills up. */
  function pass (chunk: Buffer, from: Socket, to: Socket): void {
    if (bytesPerSecond === Infinity) return void to.write(chunk)
    from.pause()
    nextAtMs = Math.max(nextAtMs, performance.now() - catchUpMs) + chunk.length * 1_000 / bytesPerSecond
    setTimeout(() => {
      to.write(chunk)
      from.resume()
    }, nextAtMs - performance.now())
  }

  const server = net.createServer((client) => {
    connectionCount++
    const upstream = net.connect(Number(port), host)
    let cut = false
    for (const socket of [client, upstream]) {
      sockets.add(socket)
      socket.on('error', () => socket.destroy())
      socket.once('close', () => sockets.delete(socket))
    }
    client.on('data', (chunk) => {
      if (silent.has(client)) return
      if (chunk.length > 8 && chunk.readInt16BE(4) === produceKey) {
        produceCount++
        cut ||= losing
        losing = false
      }
      pass(chunk, client, upstream)
    })
    upstream.on('data', (chunk) => {
      if (silent.has(client)) return
      if (cut) client.destroy()
      else client.write(renamed(chunk, host, Number(port), ownPort))
    })
    client.once('close', () => upstream.destroy())
    upstream.once('close', () => { if (!silent.has(client)) client.destroy() })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  ownPort = (server.address() as AddressInfo).port
  return {
    address: `127.0.0.1:${ownPort}`,
    produceCount: () => produceCount,
    connectionCount: () => connectionCount,
    loseNextAnswer: () => { losing = true },
    pace: (given) => { bytesPerSecond = given },
    silence: () => { for (const socket of sockets) silent.add(socket) },
    stop: () => new Promise((resolve) => {
      for (const socket of sockets) socket.destroy()
      server.close(() => resolve())
    })
  }
}

/** Metadata answers of every version hold the host's text, then the port: the port becomes the proxy's. */
function renamed (chunk: Buffer, host: string, from: number, to: number): Buffer {
  const pattern = Buffer.alloc(host.length + 4)
  pattern.write(host)
  pattern.writeInt32BE(from, host.length)
  for (let at = chunk.indexOf(pattern); at >= 0; at = chunk.indexOf(pattern, at + 1)) {
    chunk.writeInt32BE(to, at + host.length)
  }
  return chunk
}
