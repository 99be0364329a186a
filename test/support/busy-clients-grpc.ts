// Many events in flight over gRPC: in calls of one event each, in a batch, on a stream.

import { grpc } from '../../protocols/grpc/index.ts'
import { PublishBatchRequest, PublishRequest } from '../../protocols/grpc/generated/sluice/v1/ingest.ts'
import { form, placeOf } from './busy-client.ts'
import type { BusyClient, BusyForm, Word } from './busy-client.ts'
import { AckedWords } from './busy-clients-http.ts'
import { flatEvent, GrpcSender, grpcEndpoint } from './grpc-client.ts'
import type { Ended } from './grpc-client.ts'
import { defaultsOf } from './schema-defaults.ts'

function eventOf (data: Buffer) {
  return { $case: 'flat', flat: flatEvent({ channel: 'orders/eu', data, datacontenttype: 'application/json' }) } as const
}

/** What calls that are not streams have in common. */
class Calls {
  readonly told = new Map<number, Word>()
  readonly sender: GrpcSender
  sentCount = 0
  #openCount = 0
  #last: Word | undefined
  #isFinished = false

  constructor (port: number) { this.sender = new GrpcSender(`127.0.0.1:${port}`) }

  get over (): Word | undefined { return this.#openCount === 0 ? this.#last : undefined }

  begin (method: 'Publish' | 'PublishBatch', bytes: Buffer, take: (ended: Ended) => void): void {
    this.#openCount += 1
    void this.sender.raw(method, bytes).then(ended => {
      this.#openCount -= 1
      this.#last = ended.told
      take(ended)
      if (this.#isFinished) this.finish()
    })
  }

  /** A connection that is closed under a call is made again by the library. */
  finish (): void {
    this.#isFinished = true
    if (this.#openCount === 0) this.sender.close()
  }
}

async function openCalls (port: number): Promise<BusyClient> {
  const calls = new Calls(port)
  return {
    told: calls.told,
    get over () { return calls.over },
    send (data) {
      for (const one of data) {
        const number = calls.sentCount++
        const bytes = PublishRequest.encode({ event: eventOf(one), channel: '' }).finish()
        // One whose connection broke was told nothing.
        calls.begin('Publish', Buffer.from(bytes), ({ told }) => { if (told !== 'nothing') calls.told.set(number, told) })
      }
    },
    garbage: bytes => { calls.begin('Publish', bytes, () => {}) },
    finish: () => { calls.finish() }
  }
}

async function openBatches (port: number): Promise<BusyClient> {
  const calls = new Calls(port)
  return {
    told: calls.told,
    get over () { return calls.over },
    send (data) {
      const first = calls.sentCount
      calls.sentCount += data.length
      const events = data.map(one => ({ event: eventOf(one), channel: '' }))
      calls.begin('PublishBatch', Buffer.from(PublishBatchRequest.encode({ events, channel: '' }).finish()), ended => {
        for (const [at, { result }] of (ended.results ?? []).entries()) {
          calls.told.set(first + at, result?.$case === 'refusal' ? result.refusal.code as Word : 'written')
        }
      })
    },
    garbage: bytes => { calls.begin('PublishBatch', bytes, () => {}) },
    finish: () => { calls.finish() }
  }
}

async function openStream (port: number): Promise<BusyClient> {
  const words = new AckedWords()
  const sender = new GrpcSender(`127.0.0.1:${port}`)
  const stream = sender.stream()
  let over: Word | undefined
  stream.call.on('data', ({ acked, nacks }: typeof stream.answers[number]) => {
    for (const { id, refusal } of nacks) words.nacked(id, refusal?.code as Word)
    if (acked !== undefined) words.acked(acked)
  })
  void stream.ended.then(({ told, code }) => {
    over = code === 0 ? 'nothing' : told
    sender.close()
  })
  return {
    told: words.told,
    get over () { return over },
    send (data) {
      for (const one of data) stream.send(++words.sentCount, { data: one, datacontenttype: 'application/json' })
    },
    garbage: bytes => { stream.raw(bytes) },
    finish: () => { stream.end() }
  }
}

const defaults = defaultsOf(grpc.config)

function grpcForm (
  name: string, open: (port: number) => Promise<BusyClient>, parts: Pick<BusyForm, 'settings'> & Partial<BusyForm>
): BusyForm {
  return form({
    door: 'grpc', name, hasRequests: true, ...parts,
    async begin (make, settings) {
      const adapter = make({ ...defaults, ...settings })
      return placeOf(adapter, await grpcEndpoint(adapter), open)
    }
  })
}

export const grpcForms: readonly BusyForm[] = [
  grpcForm('calls', openCalls, { settings: streamsPerConnectionMax => ({ streamsPerConnectionMax }) }),
  grpcForm('batches', openBatches, { settings: batchEventsMax => ({ batchEventsMax }), beyond: 'ends' }),
  grpcForm('stream', openStream, { settings: eventsInFlightMax => ({ eventsInFlightMax }) })
]
