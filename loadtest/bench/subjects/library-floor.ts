// The floor of the library: @grpc/grpc-js as anybody would use it, with generated code; every event is acked at once.

import { Server, ServerCredentials } from '@grpc/grpc-js'
import type { MethodDefinition, sendUnaryData, ServerDuplexStream, ServerUnaryCall } from '@grpc/grpc-js'
import {
  Ack, Outcome, PublishRequest, PublishResponse, PublishStreamRequest, PublishStreamResponse
} from '../../../protocols/grpc/generated/sluice/v1/ingest.ts'
import type { Listening } from './subject.ts'

type Stream = ServerDuplexStream<PublishStreamRequest, PublishStreamResponse>
type Publish = ServerUnaryCall<PublishRequest, PublishResponse>

/** Generated code of one message. */
interface Codec<Message> {
  encode (message: Message): { finish (): Uint8Array }
  decode (bytes: Uint8Array): Message
}

function methodOf<Request, Response> (
  name: string, streams: boolean, request: Codec<Request>, response: Codec<Response>
): MethodDefinition<Request, Response> {
  return {
    path: `/sluice.v1.Ingest/${name}`, requestStream: streams, responseStream: streams,
    requestSerialize: message => Buffer.from(request.encode(message).finish()),
    requestDeserialize: bytes => request.decode(bytes),
    responseSerialize: message => Buffer.from(response.encode(message).finish()),
    responseDeserialize: bytes => response.decode(bytes)
  }
}

const service = {
  publish: methodOf('Publish', false, PublishRequest, PublishResponse),
  publishStream: methodOf('PublishStream', true, PublishStreamRequest, PublishStreamResponse)
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
