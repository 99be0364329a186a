// The gRPC door: sluice.v1.Ingest over HTTP/2, with health and reflection. Its sockets belong to src/listen.

import type { Adapter, AdapterModule, AdapterSetup } from '../../src/contract/adapter.ts'
import { grpcConfig } from './config.ts'
import type { GrpcConfig } from './config.ts'
import { Door } from './door.ts'
import { EventStream } from './event-stream.ts'
import { serveHealth } from './health.ts'
import { createLibrary } from './library.ts'
import type { Library, Methods } from './library.ts'
import { serveReflection } from './reflection.ts'
import { rehearse } from './rehearsal.ts'
import { BatchCall, PublishCall } from './single-call.ts'

const serviceName = 'sluice.v1.Ingest'

const methods: Methods = new Map([
  [`/${serviceName}/Publish`, { make: parts => new PublishCall(parts), streams: false }],
  [`/${serviceName}/PublishBatch`, { make: parts => new BatchCall(parts), streams: false }],
  [`/${serviceName}/PublishStream`, { make: parts => new EventStream(parts), streams: true }]
])

export const grpc: AdapterModule<GrpcConfig> = {
  name: 'grpc',
  protocol: 'grpc',
  config: grpcConfig,
  routeConfig: {},
  create: createGrpc,
  rehearse
}

function createGrpc ({ config, ingress, log }: AdapterSetup<GrpcConfig>): Adapter {
  const door = new Door(config, ingress, log)
  let library: Library | undefined
  return {
    attach (listening) {
      if (library === undefined) {
        const made = library = createLibrary(door, methods)
        serveHealth(made.server, [serviceName], ingress.draining)
        if (config.reflection) serveReflection(made.server)
        door.start()
      }
      library.attach(listening)
    },
    drain: () => door.drain(),
    gauges: new Map([
      ['calls_in_flight', () => door.callsCount],
      ['streams_open', () => door.streamsCount],
      ['events_in_flight', () => door.eventsCount],
      ['connections_open', () => door.connections.all.length],
      ['connections_cut', () => door.cutCount],
      ['messages_to_inflate', () => door.inflating.waitingCount],
      ['reserved_bytes', () => door.reservedBytes]
    ])
  }
}
