// The WebSocket door: events in messages, acks and nacks back, over the sockets of an HTTP listener.

import type { IncomingMessage, Server } from 'node:http'
import type { Duplex } from 'node:stream'
import type { Adapter, AdapterModule, AdapterSetup } from '../../src/contract/adapter.ts'
import { websocketConfig } from './config.ts'
import type { WebsocketConfig } from './config.ts'
import { Door } from './door.ts'
import { rehearse } from './rehearsal.ts'
import { serveUpgrade } from './upgrade.ts'

export const websocket: AdapterModule<WebsocketConfig> = {
  name: 'websocket',
  protocol: 'http',
  config: websocketConfig,
  routeConfig: {},
  create: createWebsocket,
  rehearse
}

function createWebsocket ({ config, ingress, log }: AdapterSetup<WebsocketConfig>): Adapter {
  const door = new Door(config, ingress, log)
  return {
    attach (listening) {
      door.start()
      const server = listening.server as Server
      server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
        serveUpgrade(door, listening, { request, socket, head })
      })
    },
    drain: () => door.drain(),
    gauges: new Map([
      ['connections_open', () => door.liveCount],
      ['connections_compressed', () => door.compressedCount],
      ['connections_unproven', () => door.sum(({ isProven }) => isProven ? 0 : 1)],
      ['connections_in_line', () => door.waitingCount],
      ['connections_not_read', () => door.sum(({ isPaused }) => isPaused ? 1 : 0)],
      ['events_in_flight', () => door.sum(({ inFlightCount }) => inFlightCount)],
      ['reserved_bytes', () => door.sum(({ reservedBytes }) => reservedBytes)],
      ['unpaid_bytes', () => door.unpaidBytes],
      ['queued_bytes', () => door.sum(({ queuedBytes }) => queuedBytes)],
      ['unsent_bytes', () => door.sum(({ unsentBytes }) => unsentBytes)]
    ])
  }
}
