// A gRPC endpoint on the loopback around an adapter, and a client of it that says in our words what it was told.

import { once } from 'node:events'
import { createServer } from 'node:net'
import type { AddressInfo, Socket } from 'node:net'
import { Client, credentials, Metadata, status } from '@grpc/grpc-js'
import type { ChannelCredentials, ClientDuplexStream, ServiceError } from '@grpc/grpc-js'
import type { Adapter } from '../../src/contract/adapter.ts'
import type { RefusalCode } from '../../src/contract/outcome.ts'
import { ErrorInfo, RetryInfo } from '../../protocols/grpc/generated/google/rpc/error_details.ts'
import { Status } from '../../protocols/grpc/generated/google/rpc/status.ts'
import {
  PublishBatchRequest, PublishBatchResponse, PublishRequest, PublishResponse, PublishStreamRequest,
  PublishStreamResponse
} from '../../protocols/grpc/generated/sluice/v1/ingest.ts'
import type { Event, Receipt, Result } from '../../protocols/grpc/generated/sluice/v1/ingest.ts'

const service = '/sluice.v1.Ingest/'

/** How a call ended: `code` is the number of gRPC, `told` what the gateway's own details say. */
export interface Ended {
  readonly told: 'written' | RefusalCode | 'nothing'
  readonly code: number
  readonly detail: string
  readonly about: Readonly<Record<string, string>>
  readonly retryAfterMs: number | undefined
  readonly pushbackMs: string | undefined
  readonly receipt?: Receipt | undefined
  readonly results?: readonly Result[] | undefined
}

export type EventParts = Partial<Event>

export function flatEvent (parts: EventParts): Event {
  return {
    channel: '', id: '', source: '', type: '', subject: '', datacontenttype: '', dataschema: '', time: '',
    data: undefined, traceparent: '', tracestate: '', extensions: {}, attributes: {}, ...parts
  }
}

const encode = (type: { encode (message: never): { finish (): Uint8Array } }) => (message: unknown): Buffer =>
  Buffer.isBuffer(message) ? message : Buffer.from(type.encode(message as never).finish())
const asIs = (bytes: Buffer): Buffer => bytes

/** What the details of an error say. */
export function endedOf (error: ServiceError): Ended {
  const [bytes] = error.metadata.get('grpc-status-details-bin')
  const { details } = Status.decode(Buffer.isBuffer(bytes) ? bytes : Buffer.alloc(0))
  const info = details.find(({ typeUrl }) => typeUrl.endsWith('google.rpc.ErrorInfo'))
  const retry = details.find(({ typeUrl }) => typeUrl.endsWith('google.rpc.RetryInfo'))
  const { reason, metadata } = ErrorInfo.decode(info?.value ?? Buffer.alloc(0))
  const delay = retry === undefined ? undefined : RetryInfo.decode(retry.value).retryDelay
  return {
    told: reason === '' ? 'nothing' : reason as RefusalCode, code: error.code, detail: error.details, about: metadata,
    retryAfterMs: delay === undefined ? undefined : delay.seconds * 1_000 + delay.nanos / 1e6,
    pushbackMs: error.metadata.get('grpc-retry-pushback-ms')[0]?.toString()
  }
}

const written = {
  told: 'written', code: status.OK, detail: '', about: {}, retryAfterMs: undefined, pushbackMs: undefined
} as const

/** Metadata from plain names and values. */
function metadataOf (headers: Readonly<Record<string, string>>): Metadata {
  const metadata = new Metadata()
  for (const [name, value] of Object.entries(headers)) metadata.set(name, value)
  return metadata
}

interface SenderParts { readonly credentials?: ChannelCredentials, readonly options?: Record<string, string | number> }

export class GrpcSender {
  readonly client: Client

  constructor (address: string, parts: SenderParts = {}) {
    // A channel of its own, and connected again at once: tests do not wait.
    this.client = new Client(address, parts.credentials ?? credentials.createInsecure(), {
      'grpc.use_local_subchannel_pool': 1, 'grpc.initial_reconnect_backoff_ms': 100,
      'grpc.max_receive_message_length': -1, ...parts.options
    })
  }

  publish (event: EventParts, headers: Readonly<Record<string, string>> = {}, deadlineMs?: number): Promise<Ended> {
    const request = PublishRequest.encode({ event: { $case: 'flat', flat: flatEvent(event) }, channel: '' }).finish()
    return this.raw('Publish', Buffer.from(request), headers, deadlineMs)
  }

  batch (events: readonly EventParts[], headers: Readonly<Record<string, string>> = {}): Promise<Ended> {
    const request = PublishBatchRequest.encode({
      events: events.map(event => ({ event: { $case: 'flat', flat: flatEvent(event) }, channel: '' })), channel: ''
    }).finish()
    return this.raw('PublishBatch', Buffer.from(request), headers)
  }

  /** Sends bytes as the one message of a method. */
  raw (
    method: 'Publish' | 'PublishBatch', bytes: Buffer, headers: Readonly<Record<string, string>> = {}, deadlineMs?: number
  ): Promise<Ended> {
    return new Promise(resolve => {
      const options = deadlineMs === undefined ? {} : { deadline: Date.now() + deadlineMs }
      const path = service + method
      this.client.makeUnaryRequest(path, asIs, asIs, bytes, metadataOf(headers), options, (error, answer) => {
        if (error !== null) return resolve(endedOf(error))
        if (answer === undefined) return resolve({ ...written, told: 'nothing' })
        if (method === 'PublishBatch') return resolve({ ...written, results: PublishBatchResponse.decode(answer).results })
        const { receipt } = PublishResponse.decode(answer)
        resolve({ ...written, receipt })
      })
    })
  }

  stream (headers: Readonly<Record<string, string>> = {}): StreamSender {
    return new StreamSender(this.client.makeBidiStreamRequest(
      `${service}PublishStream`, encode(PublishStreamRequest), PublishStreamResponse.decode, metadataOf(headers)
    ))
  }

  close (): void { this.client.close() }
}

/** One PublishStream, and everything that it was told. */
export class StreamSender {
  readonly call: ClientDuplexStream<PublishStreamRequest, PublishStreamResponse>
  readonly answers: PublishStreamResponse[] = []
  readonly nacks = new Map<number, string>()
  readonly receipts = new Map<number, Receipt>()
  readonly windows: number[] = []
  acked = 0
  /** How it ended. */
  readonly ended: Promise<Ended>

  constructor (call: ClientDuplexStream<PublishStreamRequest, PublishStreamResponse>) {
    this.call = call
    call.on('data', (answer: PublishStreamResponse) => { this.#take(answer) })
    this.ended = new Promise(resolve => {
      call.on('error', error => { resolve(endedOf(error as ServiceError)) })
      call.on('status', ({ code }: { code: number }) => { if (code === status.OK) resolve(written) })
    })
  }

  #take (answer: PublishStreamResponse): void {
    this.answers.push(answer)
    for (const { id, refusal } of answer.nacks) this.nacks.set(id, refusal?.code ?? '')
    for (const { id, receipt } of answer.receipts) if (receipt !== undefined) this.receipts.set(id, receipt)
    if (answer.acked !== undefined) this.acked = answer.acked
    if (answer.window !== undefined) this.windows.push(answer.window)
  }

  open (parts: { receipts?: boolean, channel?: string }): void {
    this.call.write({
      id: 0, channel: '', message: { $case: 'open', open: { receipts: parts.receipts ?? false, channel: parts.channel ?? '' } }
    })
  }

  send (id: number, event: EventParts): void {
    this.call.write({ id, channel: '', message: { $case: 'flat', flat: flatEvent({ channel: 'orders/eu', ...event }) } })
  }

  /** Sends bytes as one message. */
  raw (bytes: Buffer): void { this.call.write(bytes as never) }

  end (): void { this.call.end() }
}

/** Listens on the loopback for an adapter of the protocol `grpc`. */
export async function grpcEndpoint (adapter: Adapter): Promise<{ readonly port: number, close (): void }> {
  const server = createServer({ noDelay: true })
  const sockets = new Set<Socket>()
  const ids = new WeakMap<object, number>()
  let lastId = 0
  server.on('connection', socket => {
    sockets.add(socket)
    ids.set(socket, ++lastId)
    socket.once('close', () => { sockets.delete(socket) })
  })
  adapter.attach({
    protocol: 'grpc', server: undefined,
    onSocket (take) { server.on('connection', take) },
    peerOf: socket => ({
      address: '127.0.0.1', port: (socket as Socket).remotePort ?? 0, secure: false,
      connectionId: ids.get(socket as object) ?? -1
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    port: (server.address() as AddressInfo).port,
    close () {
      for (const socket of sockets) socket.destroy()
      server.close()
    }
  }
}
