// Reads the PROXY header of a new connection before anything else does, and leaves the bytes after it unread.

import type { Socket } from 'node:net'
import type { AddressSet } from '../contract/address.ts'
import type { Log } from '../contract/adapter.ts'
import type { Connections, FarEnd } from './connections.ts'
import { readProxyHeader } from './proxy-header.ts'

export interface ProxiedOptions {
  readonly trusted: AddressSet
  /** How long the header may take. */
  readonly timeoutMs: number
  readonly connections: Connections
  readonly log: Log
  /** Told of the connection once it is known whose it is; undefined: the proxy's own. */
  readonly onNamed: (socket: Socket, farEnd: FarEnd | undefined) => void
}

/** What takes the connections of a listener behind proxies. Whoever is no proxy, or sends no header, is cut. */
export function createProxied (options: ProxiedOptions): (socket: Socket) => void {
  const { trusted, timeoutMs, connections, log, onNamed } = options

  function cut (socket: Socket, why: string): void {
    log.debug({ peer: socket.remoteAddress }, `connection cut: ${why}`)
    socket.destroy()
  }

  return socket => {
    // Until the server that speaks on it takes the errors, a reset would end the worker.
    const ignore = (): void => {}
    socket.on('error', ignore)
    if (!trusted.has(socket.remoteAddress ?? '')) return cut(socket, 'it is from no trusted proxy')
    if (connections.hold(socket) !== undefined) return void socket.destroy()
    const timer = setTimeout(() => cut(socket, 'its PROXY header did not come in time'), timeoutMs)
    let held: Buffer = Buffer.alloc(0)

    const look = (): void => {
      for (let chunk = socket.read() as Buffer | null; chunk !== null; chunk = socket.read() as Buffer | null) {
        held = held.length === 0 ? chunk : Buffer.concat([held, chunk])
        const header = readProxyHeader(held)
        // What is right so far has no more bytes than a header may have, because the parser looks at its length first.
        if (header === 'more') continue
        leave()
        if (header === 'wrong') return cut(socket, 'it does not begin with a PROXY header')
        const rest = held.subarray(header.lengthBytes)
        if (rest.length > 0) socket.unshift(rest)
        socket.off('error', ignore)
        return onNamed(socket, header.farEnd)
      }
    }
    const leave = (): void => {
      clearTimeout(timer)
      socket.off('readable', look)
      socket.off('close', leave)
      socket.off('end', gone)
    }
    const gone = (): void => cut(socket, 'it ended before its PROXY header')
    socket.on('readable', look)
    socket.once('close', leave)
    socket.once('end', gone)
  }
}
