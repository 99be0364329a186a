// The gRPC library as this door uses it: connections and calls are ours before they are its, services are its own.

import type { IncomingHttpHeaders, Http2Server, ServerHttp2Session, ServerHttp2Stream } from 'node:http2'
import type { Duplex } from 'node:stream'
import type { Server, ServiceDefinition, UntypedHandleCall } from '@grpc/grpc-js'
import type { Listening } from '../../src/contract/adapter.ts'
import type { Call, CallParts, Wire } from './call.ts'
import type { GrpcConfig } from './config.ts'
import { Connection } from './connection.ts'
import type { Door } from './door.ts'
import { loadGrpcJs } from './packages.ts'
import { clampTimeout } from './timeout.ts'

/** Makes the call of a method. */
export type CallMaker = (parts: CallParts) => Call

/** The methods of the service that this door serves itself, by path. */
export type Methods = ReadonlyMap<string, { readonly make: CallMaker, readonly streams: boolean }>

export interface Library {
  /** For services that come with the library. */
  readonly server: Server
  attach (listening: Listening): void
}

/** A call that the library is about to tell of: it does so before it returns, and does not say whose it is. */
interface Beginning {
  readonly connection: Connection
  readonly stream: ServerHttp2Stream
  readonly pairs: readonly string[]
}

type StreamListener = (
  stream: ServerHttp2Stream, headers: IncomingHttpHeaders, flags: number, pairs: readonly string[]
) => void

/** A stream whose headers have come. */
interface Begun extends Beginning {
  readonly headers: IncomingHttpHeaders
  readonly flags: number
  readonly heirs: readonly StreamListener[]
  /** True once it is more than headers that have come. */
  isCall: boolean
}

const bytesPerMegabyte = 1_000_000

function optionsOf (config: GrpcConfig): Record<string, number> {
  return {
    'grpc.max_receive_message_length': config.messageBytesMax,
    'grpc.max_send_message_length': -1,
    'grpc.max_concurrent_streams': config.streamsPerConnectionMax,
    'grpc-node.max_session_memory': Math.ceil(config.sessionBytesMax / bytesPerMegabyte),
    'grpc.max_connection_age_ms': config.connectionAgeMs,
    'grpc.max_connection_age_grace_ms': config.connectionAgeGraceMs,
    'grpc.keepalive_time_ms': config.keepaliveIntervalMs,
    'grpc.keepalive_timeout_ms': config.keepaliveTimeoutMs,
    // A register of every connection and call of the process, which nobody asks.
    'grpc.enable_channelz': 0
  }
}

/** Tells of streams when all that has come is parsed, and not before: one that is reset by then costs no call. */
function createQueue (tell: (one: Begun) => void): (one: Begun) => void {
  let begun: Begun[] = []
  const turn = (): void => {
    const now = begun
    begun = []
    for (const one of now) {
      if (one.stream.destroyed || one.stream.aborted) continue
      one.isCall = true
      tell(one)
    }
  }
  return one => { if (begun.push(one) === 1) setImmediate(turn) }
}

export function createLibrary (door: Door, methods: Methods): Library {
  const bySession = new WeakMap<object, Connection>()
  let beginning: Beginning | undefined
  const { Server, ServerInterceptingCall } = loadGrpcJs()
  const server = new Server({
    ...optionsOf(door.config),
    interceptors: [(method, wire) => {
      const found = methods.get(method.path)
      if (found === undefined || beginning === undefined) return new ServerInterceptingCall(wire)
      const call = found.make({ door, wire: wire as Wire, ...beginning })
      // The library's own handler never hears of the call: it would read the first message before it asks who sends.
      return new ServerInterceptingCall(wire, { start: () => { call.begin() } })
    }]
  })
  server.addService(definitionOf(methods), Object.fromEntries([...methods.keys()].map(path => [path, unreached])))

  const tell = ({ connection, stream, headers, flags, pairs, heirs }: Begun): void => {
    clampTimeout(headers)
    beginning = { connection, stream, pairs }
    try {
      for (const heir of heirs) heir(stream, headers, flags, pairs)
    } finally {
      beginning = undefined
    }
    if (!methods.has(headers[':path'] as string)) connection.keep(stream)
  }
  const begin = createQueue(tell)

  const onStream = (heirs: readonly StreamListener[]): StreamListener => (stream, headers, flags, pairs) => {
    // Whatever becomes of a stream is told by its end.
    stream.on('error', () => {})
    const connection = bySession.get(stream.session ?? {})
    if (connection === undefined || !connection.countStream(stream)) {
      stream.destroy()
      return
    }
    connection.watch(stream)
    const one: Begun = { connection, stream, headers, flags, pairs, heirs, isCall: false }
    stream.once('aborted', () => { connection.countReset(one.isCall) })
    begin(one)
  }

  return {
    server,
    attach (listening) {
      const { injectConnection, http } = createInjector(server)
      const heirs = http.listeners('stream') as StreamListener[]
      http.removeAllListeners('stream')
      http.on('stream', onStream(heirs))
      let arriving: unknown
      http.prependListener('session', (session: ServerHttp2Session) => {
        const connection = new Connection(door, session, listening.peerOf(arriving))
        bySession.set(session, connection)
        door.connections.begin(connection)
        session.once('close', () => { door.connections.end(connection) })
      })
      listening.onSocket(socket => {
        // The session begins before this returns.
        arriving = socket
        ;(socket as Duplex).on('error', () => {})
        injectConnection(socket as Duplex)
      })
    }
  }
}

interface Injector { injectConnection (socket: Duplex): void, readonly http: Http2Server }

/**
 * Sockets come from src/listen, secured where they are to be. The HTTP/2 server that takes them is not shown by the
 * library, and is needed to know the connection of a call: see the test that fails when that changes.
 */
function createInjector (server: Server): Injector {
  const { http2Servers } = server as unknown as { http2Servers?: Map<Http2Server, unknown> }
  const injector = server.createConnectionInjector(loadGrpcJs().ServerCredentials.createInsecure())
  const http = [...http2Servers?.keys() ?? []].at(-1)
  if (http === undefined) throw new Error('this version of @grpc/grpc-js keeps its HTTP/2 servers elsewhere')
  return { http, injectConnection: socket => { injector.injectConnection(socket) } }
}

/** Bytes stay bytes: what is in a message is our affair, and so is what is said when it cannot be read. */
const asIs = (bytes: Buffer): Buffer => bytes

function definitionOf (methods: Methods): ServiceDefinition {
  return Object.fromEntries([...methods].map(([path, { streams }]) => [path, {
    path, requestStream: streams, responseStream: streams, requestSerialize: asIs, requestDeserialize: asIs,
    responseSerialize: asIs, responseDeserialize: asIs
  }]))
}

const unreached: UntypedHandleCall = () => {}
