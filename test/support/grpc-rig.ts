// A gRPC door on the loopback with a fake ingress behind it, and senders and plain HTTP/2 sessions to talk to it.

import { connect } from 'node:http2'
import type { ClientHttp2Session, ClientHttp2Stream, OutgoingHttpHeaders } from 'node:http2'
import type { Test } from 'tap'
import type { Adapter } from '../../src/contract/adapter.ts'
import { grpcConfig } from '../../protocols/grpc/config.ts'
import type { GrpcConfig } from '../../protocols/grpc/config.ts'
import { grpc } from '../../protocols/grpc/index.ts'
import { FakeIngress } from './fake-ingress.ts'
import { GrpcSender, grpcEndpoint } from './grpc-client.ts'
import { silentLog } from './odd-envelopes.ts'
import { routeView } from './rest-rig.ts'
import { defaultsOf } from './schema-defaults.ts'

/** What the door is built with when an operator sets nothing. */
export const grpcDefaults = defaultsOf(grpcConfig) as unknown as GrpcConfig

export interface GrpcRig {
  readonly ingress: FakeIngress
  readonly adapter: Adapter
  readonly port: number
  readonly sender: GrpcSender
  /** A gauge's level now. */
  level (name: string): number
  /** A session that a client of gRPC would not have. */
  session (): ClientHttp2Session
}

/** Starts a door; the test's teardown stops it. */
export async function startGrpc (t: Test, config: Partial<GrpcConfig> = {}): Promise<GrpcRig> {
  const ingress = new FakeIngress()
  const adapter = grpc.create({
    config: { ...grpcDefaults, ...config }, routes: [routeView({})], ingress, version: '1.2.3', log: silentLog
  })
  const { port, close } = await grpcEndpoint(adapter)
  const sender = new GrpcSender(`127.0.0.1:${port}`)
  const sessions: ClientHttp2Session[] = []
  t.teardown(() => {
    sender.close()
    for (const session of sessions) session.destroy()
    close()
  })
  return {
    ingress, adapter, port, sender,
    level: name => adapter.gauges.get(name)?.() ?? NaN,
    session () {
      const session = connect(`http://127.0.0.1:${port}`, { maxOutstandingPings: 1_000 })
      session.on('error', () => {})
      sessions.push(session)
      return session
    }
  }
}

/** Begins a call by hand. */
export function beginCall (
  session: ClientHttp2Session, method: 'Publish' | 'PublishBatch' | 'PublishStream', headers: OutgoingHttpHeaders = {}
): ClientHttp2Stream {
  const stream = session.request({
    ':method': 'POST', ':path': `/sluice.v1.Ingest/${method}`, 'content-type': 'application/grpc', 'te': 'trailers', ...headers
  })
  stream.on('error', () => {})
  return stream
}

/** A message as gRPC frames it. */
export function framed (message: Buffer, compressed = false): Buffer {
  const prefix = Buffer.alloc(5)
  prefix.writeUInt8(compressed ? 1 : 0, 0)
  prefix.writeUInt32BE(message.length, 1)
  return Buffer.concat([prefix, message])
}
