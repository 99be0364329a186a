// What each program under test is told at its start and tells back; for the plain ones, the fastify they share.

import fastify from 'fastify'
import type { FastifyInstance } from 'fastify'
import type { StreamDoorName } from '../speakers/index.ts'

/** In argv, as JSON. */
export interface SubjectSetup {
  readonly brokers: readonly string[]
  readonly topic: string
  /** A folder for files of the program. */
  readonly folder: string
  /** The API key that the load shows. */
  readonly apiKey: string
  /** What the gateway does with data that says it is JSON. */
  readonly json: 'check' | 'trust'
  /** The format of the gateway's route. */
  readonly format: 'binary' | 'raw'
  /** True: the gateway's worker leaves a CPU profile in the folder when it ends. */
  readonly profile: boolean
}

/** The same for a program that serves one door with streams. */
export interface DoorSetup {
  readonly door: StreamDoorName
  readonly brokers: readonly string[]
  readonly topic: string
  readonly folder: string
  readonly apiKey: string
  readonly profile: boolean
}

export interface Listening {
  readonly port: number
  /** Processes beside its own that the program needs for its work: their CPU is the program's. */
  readonly otherPids?: readonly number[]
}

export function readSetup<Setup = SubjectSetup> (): Setup {
  return JSON.parse(process.argv[2] ?? '{}') as Setup
}

/** A fastify that reads every body as bytes. */
export function createApp (): FastifyInstance {
  const app = fastify({ logger: false })
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => { done(null, body) })
  return app
}

/** Opens a free port, tells it, and ends when the bench does. */
export async function serve (app: FastifyInstance, close: () => Promise<void>): Promise<void> {
  await app.listen({ port: 0, host: '127.0.0.1' })
  const address = app.server.address()
  const port = typeof address === 'object' ? address?.port ?? 0 : 0
  process.send?.({ port } satisfies Listening)
  process.on('disconnect', () => { void close().finally(() => process.exit()) })
}

/** The events of a body: lines, or the body itself. */
export function eventsOf (body: Buffer, contentType: string | undefined): Buffer[] {
  if (contentType !== 'application/x-ndjson') return [body]
  const events: Buffer[] = []
  for (let at = 0; at < body.length;) {
    const end = body.indexOf(0x0a, at)
    events.push(body.subarray(at, end < 0 ? body.length : end))
    at = end < 0 ? body.length : end + 1
  }
  return events
}
