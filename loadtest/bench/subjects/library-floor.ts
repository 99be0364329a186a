// The floor of the library: @grpc/grpc-js as anybody would use it, with generated code; every event is acked at once.

import { Server, ServerCredentials } from '@grpc/grpc-js'
import type { sendUnaryData, ServerDuplexStream, ServerUnaryCall, ServiceDefinition } from '@grpc/grpc-js'
import {
  Ack, Outcome, PublishRequest, PublishResponse, PublishStreamRequest, PublishStreamResponse
} from '../../../protocols/grpc/generated/sluice/v1/ingest.ts'
import type { Listening } from './subject.ts'

type Stream = ServerDuplexStream<PublishStreamRequest, PublishStreamResponse>
type Publish = ServerUnaryCall<PublishRequest, PublishResponse>

const service: ServiceDefinition = {
  publish: {
    path: '/sluice.v1.Ingest/Publish', requestStream: false, responseStream: false,
    requestSerialize: (message: PublishRequest) => Buffer.from(PublishRequest.encode(message).finish()),
    requestDeserialize: bytes => PublishRequest.decode(bytes),
    responseSerialize: (message: PublishResponse) => Buffer.from(PublishResponse.encode(message).finish()),
    responseDeserialize: bytes => PublishResponse.decode(bytes)
  },
  publishStream: {
    path: '/sluice.v1.Ingest/PublishStream', requestStream: true, responseStream: true,
    requestSerialize: (message: PublishStreamRequest) => Buffer.from(PublishStreamRequest.encode(message).finish()),
    requestDeserialize: bytes => PublishStreamRequest.decode(bytes),
    responseSerialize: (message: PublishStreamResponse) => Buffer.from(PublishStreamResponse.encode(message).finish()),
    responseDeserialize: bytes => PublishStreamResponse.decode(bytes)
  }
}

/** One ack for all that came in a turn of the event loop, as the door itself does. */
function publishStream (call: Stream): void {
  let lastId = 0
  let planned = false
  call.on('data', ({ id }: PublishStreamRequest) => {
    lastId = id
    if (planned) return
    planned = true
    setImmediate(() => {
      planned = false
      call.write({ acked: lastId, nacks: [], receipts: [], window: undefined })
    })
  })
  call.on('end', () => { call.end() })
  call.on('error', () => {})
}

function publish ({ request }: Publish, done: sendUnaryData<PublishResponse>): void {
  const flat = request.event?.$case === 'flat' ? request.event.flat : undefined
  done(null, {
    receipt: {
      outcome: Outcome.OUTCOME_WRITTEN, id: flat?.id ?? '', source: `/${flat?.channel ?? ''}`, ack: Ack.ACK_KAFKA,
      topic: flat?.channel ?? '', partition: 0, offset: 0, journal: ''
    }
  })
}

const server = new Server()
server.addService(service, { publish, publishStream })
server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, port) => {
  if (error !== null) throw error
  process.send?.({ port } satisfies Listening)
})
process.on('disconnect', () => { process.exit() })
