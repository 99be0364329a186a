// Stands between a client and one broker and misbehaves on demand: loses answers, goes silent, counts requests.

import net from 'node:net'
import type { AddressInfo, Socket } from 'node:net'

const produceKey = 0

export interface KafkaProxy {
  /** host:port to give to the client. Metadata answers name it too, so that all requests come this way. */
  readonly address: string
  readonly produceCount: () => number
  readonly connectionCount: () => number
  /** The broker gets the next produce request, but its answer is dropped and the connection closed. */
  readonly loseNextAnswer: () => void
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
      upstream.write(chunk)
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
    silence: () => { for (const socket of sockets) silent.add(socket) },
    stop: () => new Promise((resolve) => {
      for (const socket of sockets) socket.destroy()
      server.close(() => resolve())
    })
  }
}

/** Metadata answers hold the host as a text with its length, then the port: the port becomes the proxy's. */
function renamed (chunk: Buffer, host: string, from: number, to: number): Buffer {
  const pattern = Buffer.alloc(2 + host.length + 4)
  pattern.writeInt16BE(host.length, 0)
  pattern.write(host, 2)
  pattern.writeInt32BE(from, 2 + host.length)
  for (let at = chunk.indexOf(pattern); at >= 0; at = chunk.indexOf(pattern, at + 1)) {
    chunk.writeInt32BE(to, at + 2 + host.length)
  }
  return chunk
}
