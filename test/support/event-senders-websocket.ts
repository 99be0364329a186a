// Sends the events of the corpus over WebSocket, in each of its subprotocols and kinds of messages.

import { besideOf, channelOf, contextPairs, eventJson, isBareJson, isText, lackOf, runsOf } from './event-senders.ts'
import type { EventSender, Place } from './event-senders.ts'
import type { SampleEvent } from './event-corpus.ts'
import { until } from './until.ts'
import { varint, WebsocketClient } from './websocket-rig.ts'
import type { ConnectOptions } from './websocket-rig.ts'

/** Runs on one connection of its own, and is done when the last id is acked and none was refused. */
async function converse (
  place: Place, options: ConnectOptions, lastId: number, say: (client: WebsocketClient) => void
): Promise<void> {
  const client = await new WebsocketClient(place.ports[0] ?? 0, options).greeted()
  try {
    say(client)
    await until(() => client.acked === lastId || client.closeCode !== 0 || client.status !== 0, {
      timeoutMs: 30_000, what: () => `an ack of ${lastId}, told ${client.texts.at(-1)}`
    })
    if (client.nacks.length > 0 || client.acked !== lastId) {
      throw new Error(`${client.status} ${client.closeCode} ${client.reason} ${client.texts.join('\n')}`)
    }
  } finally {
    client.terminate()
  }
}

/** What describes the event beside its data. */
function attributesOf (sample: SampleEvent, type: string | undefined): [name: string, value: string][] {
  const { context, idempotencyKey } = sample
  const pairs = besideOf(sample)
  if (type !== undefined) pairs.push(['content-type', type])
  if (idempotencyKey !== undefined) pairs.push(['idempotency-key', idempotencyKey])
  if (context !== undefined) for (const [name, value] of contextPairs(context)) pairs.push([`ce-${name}`, value])
  return pairs
}

function textMessage (id: number, sample: SampleEvent, place: Place): string {
  const { data, contentType } = sample
  const body = data === null ? '' : isBareJson(sample)
    ? `,"data": ${data.toString()} `
    : isText(sample) ? `,"text":${JSON.stringify(data.toString())}` : `,"base64":"${data.toString('base64')}"`
  const attributes = JSON.stringify(Object.fromEntries(attributesOf(sample, contentType)))
  return `{"type":"event","id":${id},"channel":"${channelOf(sample, place)}"${body},"attributes":${attributes}}`
}

function wrappedEvent (id: number, sample: SampleEvent, place: Place): string {
  const attributes = JSON.stringify(Object.fromEntries(besideOf(sample)))
  const cloudevent = eventJson(sample).toString()
  return `{"type":"event","id":${id},"channel":"${channelOf(sample, place)}","cloudevent":${cloudevent},"attributes":${attributes}}`
}

function sized (value: string | Buffer): Buffer {
  const bytes = Buffer.from(value)
  return Buffer.concat([Buffer.from(varint(bytes.length)), bytes])
}

interface RecordParts {
  readonly id: number
  /** A name, or the number of a declared channel. */
  readonly channel: string | number
  readonly pairs: readonly (readonly [string, string])[]
  readonly data: Buffer | null
  /** True: another record may follow. */
  readonly more?: boolean
}

function record ({ id, channel, pairs, data, more = false }: RecordParts): Buffer {
  const named = typeof channel === 'string'
  const head = (named ? 0x01 : 0) | 0x02 | (data === null ? 0x08 : 0) | (more ? 0x10 : 0)
  const bytes = data ?? Buffer.alloc(0)
  return Buffer.concat([
    Buffer.from([head, ...varint(id)]), named ? sized(channel) : Buffer.from(varint(channel)),
    sized(Buffer.concat(pairs.flatMap(pair => pair.map(sized)))), more ? sized(bytes) : bytes
  ])
}

/** One message for each event. */
function each (message: (id: number, sample: SampleEvent, place: Place) => string | Buffer): EventSender['send'] {
  return (samples, place) => converse(place, {}, samples.length, ({ socket }) => {
    for (const [at, sample] of samples.entries()) socket.send(message(at + 1, sample, place))
  })
}

const structured = 'application/cloudevents+json'

export const websocketSenders: readonly EventSender[] = [
  { name: 'ws-text', lack: lackOf.noTypes, send: each(textMessage) },
  { name: 'ws-cloudevent', lack: lackOf.cloudEventsOnly, send: each(wrappedEvent) },
  {
    name: 'ws-binary',
    lack: lackOf.noTypes,
    send: each((id, sample, place) => record({
      id, channel: channelOf(sample, place), pairs: attributesOf(sample, sample.contentType), data: sample.data
    }))
  },
  {
    name: 'ws-binary-structured',
    lack: lackOf.cloudEventsOnly,
    send: each((id, sample, place) => record({
      id, channel: channelOf(sample, place), pairs: [...besideOf(sample), ['content-type', structured]], data: eventJson(sample)
    }))
  },
  {
    name: 'ws-binary-many',
    lack: lackOf.noTypes,
    send: (samples, place) => converse(place, {}, samples.length, client => {
      let id = 0
      for (const [number, run] of runsOf(samples).entries()) {
        const [first] = run
        if (first === undefined) continue
        const channel = number % 256
        const shared = Object.fromEntries(besideOf(first))
        client.send({ type: 'channel', number: channel, channel: channelOf(first, place), attributes: shared })
        client.send(Buffer.concat(run.map(sample => {
          const pairs = attributesOf(sample, sample.contentType).filter(([name]) => !(name in shared))
          return record({ id: ++id, channel, pairs, data: sample.data, more: true })
        })))
      }
    })
  },
  {
    name: 'ws-cloudevents-json',
    lack: sample => lackOf.cloudEventsOnly(sample) ?? lackOf.nothingBeside(sample),
    async send (samples, place) {
      for (const run of runsOf(samples)) {
        const [first] = run
        const channel = first === undefined ? '' : encodeURIComponent(channelOf(first, place))
        const target = `/v1/stream?channel=${channel}&acks=true`
        await converse(place, { protocols: 'cloudevents.json', target }, run.length, ({ socket }) => {
          for (const sample of run) socket.send(eventJson(sample).toString())
        })
      }
    }
  }
]
