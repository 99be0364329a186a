// Events of a Kafka topic for `sluice tail`, read through kafkajs without committing anything.

import { randomUUID } from 'node:crypto'
import kafkajs from 'kafkajs'
import type { Admin, Consumer, EachMessagePayload, KafkaConfig, KafkaMessage } from 'kafkajs'
import type { KafkaSettings } from '../kafka/config.ts'
import { repairKafkajs } from '../kafka/kafkajs/repair.ts'
import { Sockets } from '../kafka/kafkajs/sockets.ts'
import { createTokenSource } from '../kafka/sasl/index.ts'
import type { TailEvent, TailPlan } from './tail-event.ts'

export interface KafkaPlan extends TailPlan {
  readonly topic: string
  readonly kafka: KafkaSettings
  readonly requestTimeoutMs: number
}

/** Where reading starts and where what is there now ends, for one partition. */
interface Range { readonly partition: number, readonly from: bigint, readonly end: bigint }

/** Events held while they are read faster than they are shown; then reading pauses. */
const heldMax = 1_000
/** Without any event for so long, all that is there has been read; a consumer may take some seconds to begin. */
const quietMs = 8_000

/** The first group of a new cluster waits until the brokers have made their topic of offsets. */
const coordinatorRetry = { initialRetryTime: 200, maxRetryTime: 1_000, retries: 12 }
const goodbyeMs = 2_000
/** How long the broker may hold an answer back where there is nothing new: saying goodbye waits for it. */
const fetchWaitMs = 500

/**
 * The last events that are there, by time, then those that come. Joins a consumer group of its own, which the broker
 * must allow. Throws what kafkajs says.
 */
export async function * tailKafka (plan: KafkaPlan): AsyncGenerator<TailEvent, void, undefined> {
  repairKafkajs()
  const sockets = new Sockets({ config: plan.kafka, requestTimeoutMs: plan.requestTimeoutMs })
  const kafka = new kafkajs.Kafka(clientOptions(plan, sockets))
  const admin = kafka.admin()
  const consumer = kafka.consumer({
    groupId: `sluice-tail-${randomUUID()}`, allowAutoTopicCreation: false, maxWaitTimeInMs: fetchWaitMs,
    retry: coordinatorRetry
  })
  let events: Events | undefined
  try {
    const ranges = await rangesOf(admin, plan)
    events = await consume(consumer, plan, ranges)
    yield * inOrder(events, plan, ranges)
  } finally {
    events?.end()
    // Saying goodbye waits for answers that a broker which stands still never gives.
    const goodbyes = Promise.allSettled([consumer.disconnect(), admin.disconnect()])
    await Promise.race([goodbyes, new Promise((resolve) => { setTimeout(resolve, goodbyeMs).unref() })])
    sockets.destroyAll()
  }
}

function clientOptions ({ kafka, requestTimeoutMs }: KafkaPlan, sockets: Sockets): KafkaConfig {
  const { sasl } = kafka
  return {
    brokers: [...kafka.brokers],
    clientId: `${kafka.clientId}-tail`,
    ssl: kafka.tls !== undefined,
    ...(sasl === undefined ? {} : { sasl: loginOf(sasl) }),
    connectionTimeout: kafka.connectionTimeoutMs,
    requestTimeout: Math.max(requestTimeoutMs, 10_000),
    retry: { retries: 2 },
    socketFactory: sockets.connect as unknown as NonNullable<KafkaConfig['socketFactory']>,
    logLevel: kafkajs.logLevel.NOTHING
  }
}

function loginOf (sasl: NonNullable<KafkaSettings['sasl']>): NonNullable<KafkaConfig['sasl']> {
  if ('password' in sasl) return { ...sasl, password: sasl.password.reveal() }
  const tokens = createTokenSource(sasl)
  const { extensions = {} } = 'extensions' in sasl ? sasl : {}
  return { mechanism: 'oauthbearer', oauthBearerProvider: async () => ({ value: await tokens.token(), extensions }) }
}

async function rangesOf (admin: Admin, { topic, countMax }: KafkaPlan): Promise<Range[]> {
  await admin.connect()
  const offsets = await admin.fetchTopicOffsets(topic)
  return offsets.map(({ partition, low, high }) => {
    const first = BigInt(low)
    const end = BigInt(high)
    const wanted = countMax === Infinity ? first : end - BigInt(countMax)
    return { partition, from: wanted > first ? wanted : first, end }
  })
}

/** A queue that a reader fills and a generator empties. */
interface Events {
  /** Undefined when it is over, or after `quietMs` without any. */
  next (quietMs?: number): Promise<EachMessagePayload | undefined>
  /** Nobody wants more: a reader that waits for room goes on. */
  end (): void
}

async function consume (consumer: Consumer, plan: KafkaPlan, ranges: readonly Range[]): Promise<Events> {
  const held: EachMessagePayload[] = []
  const next = new Map(ranges.map(({ partition, from }) => [partition, from]))
  let wake = (): void => {}
  let ended: unknown
  const end = (error?: unknown): void => {
    ended ??= error ?? true
    wake()
  }
  plan.signal.addEventListener('abort', () => end())
  consumer.on(consumer.events.CRASH, ({ payload }) => { if (!payload.restart) end(payload.error) })
  // At every join, because a consumer that crashed and begins anew has forgotten where it was.
  consumer.on(consumer.events.GROUP_JOIN, () => {
    for (const [partition, offset] of next) consumer.seek({ topic: plan.topic, partition, offset: String(offset) })
  })
  await consumer.connect()
  await consumer.subscribe({ topic: plan.topic, fromBeginning: true })
  await consumer.run({
    autoCommit: false,
    eachMessage: async (payload) => {
      // The consumer may have begun elsewhere before it was told where, and then reads some events twice.
      const offset = BigInt(payload.message.offset)
      if (offset < (next.get(payload.partition) ?? 0n)) return
      next.set(payload.partition, offset + 1n)
      while (held.length >= heldMax && ended === undefined) await new Promise((resolve) => { setTimeout(resolve, 50) })
      held.push(payload)
      wake()
    }
  })
  return {
    end,
    async next (quietMs) {
      const { promise: quiet, resolve: giveUp } = Promise.withResolvers<boolean>()
      const timer = quietMs === undefined ? undefined : setTimeout(() => giveUp(true), quietMs)
      let late = false
      while (held.length === 0 && ended === undefined && !late) {
        const { promise, resolve } = Promise.withResolvers<boolean>()
        wake = () => resolve(false)
        late = await Promise.race([promise, quiet])
      }
      clearTimeout(timer)
      if (held.length === 0 && ended instanceof Error) throw ended
      return held.shift()
    }
  }
}

/** What is there now sorted by time and cut to its last events, then everything as it comes. */
async function * inOrder (
  events: Events, plan: KafkaPlan, ranges: readonly Range[]
): AsyncGenerator<TailEvent, void, undefined> {
  const open = new Map(ranges.filter(({ from, end }) => from < end).map(({ partition, end }) => [partition, end]))
  const last: TailEvent[] = []
  while (open.size > 0) {
    const payload = await events.next(quietMs)
    // The last offsets may hold no event: markers of transactions, or what compaction removed.
    if (payload === undefined) break
    const { partition, message } = payload
    const end = open.get(partition)
    const event = eventOf(plan.topic, partition, message)
    if (plan.countMax === Infinity) yield event
    else last.push(event)
    if (end !== undefined && BigInt(message.offset) + 1n >= end) open.delete(partition)
  }
  last.sort((one, other) => one.timestampMs - other.timestampMs)
  yield * last.slice(Math.max(0, last.length - Math.min(plan.countMax, last.length)))
  while (plan.follow && !plan.signal.aborted) {
    const payload = await events.next()
    if (payload === undefined) return
    yield eventOf(plan.topic, payload.partition, payload.message)
  }
}

function eventOf (topic: string, partition: number, message: KafkaMessage): TailEvent {
  const headers = Object.entries(message.headers ?? {}).flatMap(([name, value]) => {
    const values = Array.isArray(value) ? value : value === undefined ? [] : [value]
    return values.map((one) => [name, Buffer.from(one)] as const)
  })
  return {
    topic, place: { partition, offset: message.offset }, timestampMs: Number(message.timestamp),
    key: message.key, value: message.value, headers
  }
}
