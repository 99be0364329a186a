// The floor of a door: its own listener, decoder and acks, with nothing behind them; every event is settled at once.

import { adapters } from '../../../protocols/index.ts'
import type { AdapterModule, Ingress, Signal } from '../../../src/contract/adapter.ts'
import type { Envelope, Principal } from '../../../src/contract/envelope.ts'
import type { Receipt } from '../../../src/contract/outcome.ts'
import { grantSession } from '../../../src/contract/session.ts'
import { createConnections } from '../../../src/listen/connections.ts'
import { createHandshakes } from '../../../src/listen/handshakes.ts'
import { createListener } from '../../../src/listen/listener.ts'
import { silentLog } from '../../../test/support/odd-envelopes.ts'
import { defaultsOf } from '../../../test/support/schema-defaults.ts'
import { streamDoors } from '../speakers/index.ts'
import { readSetup } from './subject.ts'
import type { DoorSetup, Listening } from './subject.ts'

const { door } = readSetup<DoorSetup>()
const { adapter, protocol } = streamDoors[door]
const bench: Principal = { name: 'bench', groups: ['senders'], anonymous: false }
const off: Signal = { on: false, watch: () => () => {} }

function receiptOf ({ id, channel }: Envelope): Receipt {
  return {
    outcome: 'written', id, source: `/${channel}`, ack: 'kafka', topic: channel, partition: 0, offset: 0, journal: undefined
  }
}

const ingress: Ingress = {
  authenticate: () => bench,
  schemes: [],
  conclude () {},
  reservePreAuth: () => undefined,
  releasePreAuth () {},
  reserve: () => undefined,
  release () {},
  ingest (envelope, settler, ticket) { settler.settle(ticket, receiptOf(envelope)) },
  ingestMany (envelopes, settler, firstTicket) {
    for (const [at, envelope] of envelopes.entries()) settler.settle(firstTicket + at, receiptOf(envelope))
  },
  limitsOf: () => [],
  refused (refusal) { throw new Error(refusal.detail) },
  pressure: off,
  draining: off,
  watchRevoked: () => () => {},
  claimSession: grantSession
}

const mebibyte = 1_048_576
const connections = createConnections({
  connectionsMax: 100_000, connectionsPerPeerMax: 100_000, preAuthBytesMax: 4_096 * mebibyte, preAuthBytesEach: 16_384,
  frameBytesMax: 16 * mebibyte
})
const settings = {
  headerBytesMax: 16_384, headersTimeoutMs: 10_000, keepAliveTimeoutMs: 65_000, idleTimeoutMs: 120_000,
  handshakeTimeoutMs: 10_000, handshakesPerSecondMax: 1_000, frameBytesMax: mebibyte
}
const handshakes = createHandshakes({ perSecondMax: 1_000, waitMs: settings.handshakeTimeoutMs })
const listener = createListener({
  host: '127.0.0.1', port: 0, insecure: false, proxyProtocol: false, trustedProxies: [],
  ...(protocol === 'mqtt' ? { protocol, transport: 'tcp', origins: [] } : { protocol })
}, { settings, connections, handshakes, shared: false, log: silentLog })
for (const module of (adapters as readonly AdapterModule[]).filter(({ name }) => name === adapter)) {
  const config = defaultsOf(module.config)
  module.create({ config, routes: [], ingress, version: '0.0.0-bench', log: silentLog }).attach(listener)
}
const { port } = await listener.open(undefined)
process.send?.({ port } satisfies Listening)
process.on('disconnect', () => { process.exit() })
