// Gives each Kafka rig a block of ports on 127.0.0.1 that stays its own until it stops, even while a broker is down.
import { createServer } from 'node:net'
import type { Server } from 'node:net'

/** Ports per rig: the lock, one controller, and three listeners for each of three brokers, rounded up. */
const BLOCK_PORTS = 16
const ATTEMPTS_MAX = 50

// Below the range from which systems take the local port of outgoing connections (Linux starts at 32768): a client
// that keeps dialling a dead broker in that range can end up connected to itself, and can take the broker's port.
const FIRST_PORT = 12_000
const LAST_PORT = 32_000

export interface PortBlock {
  /** The ports to use, in rising order. */
  readonly ports: readonly number[]
  readonly release: () => void
}

function listen(port: number): Promise<Server | undefined> {
  return new Promise((resolve) => {
    const server = createServer((socket) => socket.destroy())
    server.once('error', () => resolve(undefined))
    server.listen({ port, host: '127.0.0.1', exclusive: true }, () => resolve(server))
  })
}

async function isFree(port: number): Promise<boolean> {
  const server = await listen(port)
  if (server === undefined) return false
  await new Promise((resolve) => server.close(resolve))
  return true
}

/** Claims a block. Its first port stays bound by this process, so that another rig cannot claim the same block. */
export async function claimPorts(): Promise<PortBlock> {
  const blockCount = Math.floor((LAST_PORT - FIRST_PORT) / BLOCK_PORTS)
  for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt += 1) {
    const first = FIRST_PORT + BLOCK_PORTS * Math.floor(Math.random() * blockCount)
    const lock = await listen(first)
    if (lock === undefined) continue
    lock.unref()
    const ports = Array.from({ length: BLOCK_PORTS - 1 }, (_, index) => first + 1 + index)
    const free = await Promise.all(ports.map(isFree))
    if (free.every(Boolean)) return { ports, release: () => void lock.close() }
    lock.close()
  }
  throw new Error(`no free block of ${BLOCK_PORTS} ports on 127.0.0.1 between ${FIRST_PORT} and ${LAST_PORT}`)
}
