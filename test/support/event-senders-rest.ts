// Sends the events of the corpus over REST, in each of its formats.

import { besideOf, channelOf, contextPairs, eventJson, lackOf, runsOf } from './event-senders.ts'
import type { EventSender, Place } from './event-senders.ts'
import type { SampleEvent } from './event-corpus.ts'

type Headers = [name: string, value: string][]

/** RFC 3986 escapes for what the HTTP binding (3.1.3.2) does not let stand in a header. */
function escaped (value: string): string {
  return value.replaceAll(/[^\x21\x23\x24\x26-\x7e]+/gu, part => encodeURIComponent(part))
}

function quoted (key: string): string { return `"${key.replaceAll(/(["\\])/g, '\\$1')}"` }

async function post (sample: SampleEvent, place: Place, headers: Headers, body: Buffer | null): Promise<void> {
  const answer = await fetch(`http://127.0.0.1:${place.ports[0]}/v1/events/${channelOf(sample, place)}`, {
    method: 'POST', headers: [...besideOf(sample), ...headers], body: body === null ? null : new Uint8Array(body)
  })
  const told = await answer.text()
  const outcomes = [...told.matchAll(/"outcome":"(\w+)"/g)].map(([, outcome]) => outcome)
  if (answer.status !== 200 || outcomes.length === 0 || outcomes.some(outcome => outcome !== 'written')) {
    throw new Error(`${sample.title}: ${answer.status} ${told}`)
  }
}

function sendSingle (sample: SampleEvent, place: Place): Promise<void> {
  const { context, contentType, idempotencyKey, data } = sample
  const headers: Headers = context === undefined
    ? []
    : contextPairs(context).map(([name, value]) => [`ce-${name}`, escaped(value)])
  if (contentType !== undefined) headers.push(['content-type', contentType])
  if (idempotencyKey !== undefined) headers.push(['idempotency-key', quoted(idempotencyKey)])
  return post(sample, place, headers, data)
}

/** One request after the other, each with the events of one run. */
function sendRuns (type: string, bodyOf: (run: readonly SampleEvent[]) => Buffer): EventSender['send'] {
  return async (samples, place) => {
    for (const run of runsOf(samples)) {
      const [first] = run
      if (first !== undefined) await post(first, place, [['content-type', type]], bodyOf(run))
    }
  }
}

function joined (parts: readonly (Buffer | null)[], by: string): string {
  return parts.map(part => part?.toString() ?? '').join(by)
}

export const restSenders: readonly EventSender[] = [
  {
    name: 'rest-headers',
    lack: sample => lackOf.emptyIsNone(sample) ?? lackOf.noTypes(sample) ?? lackOf.asciiKeys(sample),
    async send (samples, place) { for (const sample of samples) await sendSingle(sample, place) }
  },
  {
    name: 'rest-structured',
    lack: lackOf.cloudEventsOnly,
    async send (samples, place) {
      for (const sample of samples) {
        await post(sample, place, [['content-type', 'application/cloudevents+json; charset=utf-8']], eventJson(sample))
      }
    }
  },
  {
    name: 'rest-batch',
    lack: lackOf.cloudEventsOnly,
    send: sendRuns('application/cloudevents-batch+json', run => Buffer.from(` [${joined(run.map(eventJson), ',\n')}]`))
  },
  {
    name: 'rest-items',
    lack: lackOf.dataOnly,
    send: sendRuns('application/vnd.sluice.batch+json', run => Buffer.from(`[${joined(run.map(({ data }) => data), ' , ')}]\n`))
  },
  {
    name: 'rest-lines',
    lack: sample => lackOf.dataOnly(sample) ?? lackOf.oneLine(sample),
    send: sendRuns('application/x-ndjson', run => Buffer.from(joined(run.map(({ data }) => data), '\n')))
  }
]
