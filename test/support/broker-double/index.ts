// The scripted broker double: a Kafka cluster in this process that checks as a broker does and plays faults on demand.

import type { StoredRecord } from '../kafka-client.ts'
import { Broker } from './broker.ts'
import type { Cluster } from './call.ts'
import type { LogRecord } from './partition-log.ts'
import { RequestLog } from './request-log.ts'
import type { Match, SeenRequest } from './request-log.ts'
import { Script } from './script.ts'
import type { Fault, Play } from './script.ts'
import { Topics } from './topics.ts'
import type { TopicSetup } from './topics.ts'
import { releases } from './versions.ts'
import type { Ranges, Release } from './versions.ts'

export type { Match, SeenBatch, SeenRequest } from './request-log.ts'
export type { Fault, Play } from './script.ts'
export type { TopicSetup } from './topics.ts'
export type { Ranges, Release } from './versions.ts'

const violationsMax = 1_000

export interface DoubleSetup {
  /** 1 unless told. */
  readonly brokers?: number
  readonly topics?: Readonly<Record<string, TopicSetup>>
  /** Those of Kafka 4.3 unless told. */
  readonly versions?: Release | Ranges
}

/** A record as the double holds it, whatever its producer was told. */
export interface DoubleRecord extends StoredRecord {
  readonly topic: string
  /** -1n where the producer is not idempotent. */
  readonly producerId: bigint
  readonly epoch: number
  readonly sequence: number
}

/** Brokers are numbered from 0 everywhere, also as Kafka's node ids. */
export interface BrokerDouble {
  /** host:port of each broker. */
  readonly brokers: readonly string[]
  /** What came, oldest first; of very many the newest. */
  readonly requests: readonly SeenRequest[]
  /** What no client of Kafka may send; tests expect none. */
  readonly violations: readonly string[]
  /** All that is stored in a topic, by partition and offset. */
  records (topic: string): readonly DoubleRecord[]
  /** Plays a fault at the next requests that match, `times` times (1 unless told). */
  script (match: Match & { readonly times?: number }, fault: Fault): Play
  /** Resolves once `count` (1 unless told) such requests came, those of before included. */
  seen (match: Match, count?: number): Promise<void>
  createTopic (topic: string, setup?: TopicSetup): void
  deleteTopic (topic: string): void
  /** Another broker leads from now on; -1: none does. */
  moveLeader (topic: string, partition: number, to: number): void
  leaderOf (topic: string, partition: number): number
  /** The partition knows nothing of any producer any more. */
  forgetProducers (topic: string, partition: number): void
  /** Ends the connections and refuses new ones, until `bringUp`. */
  takeDown (broker: number): Promise<void>
  bringUp (broker: number): Promise<void>
  /** Ends the connections of now. */
  cut (broker: number): void
  /** The connections of now stand still until `thaw`; new ones work. */
  silence (broker: number): void
  /** Nothing is read or written, by no connection, until `thaw`. */
  freeze (broker: number): void
  thaw (broker: number): void
  connectionCount (broker: number): number
  stop (): Promise<void>
}

function asStored (topic: string, partition: number, record: LogRecord): DoubleRecord {
  const { headers: headerList, ...rest } = record
  const headers = Object.fromEntries(headerList.map(([name, value]) => [name, String(value)]))
  return { ...rest, topic, partition, headerList, headers }
}

export async function startBrokerDouble (setup: DoubleSetup = {}): Promise<BrokerDouble> {
  const { brokers: count = 1, versions = '4.3' } = setup
  const topics = new Topics(count)
  for (const [name, one] of Object.entries(setup.topics ?? {})) topics.create(name, one)
  const script = new Script()
  const log = new RequestLog()
  const violations: string[] = []
  const ports: number[] = []
  let lastProducerId = 999n
  let lastConnection = 0
  const cluster: Cluster = {
    topics, ports, ranges: typeof versions === 'string' ? releases[versions] : versions,
    nextProducerId: () => ++lastProducerId
  }
  const violated = (what: string): void => { if (violations.length < violationsMax) violations.push(what) }
  const brokers = Array.from({ length: count }, (_, broker) =>
    new Broker({ broker, cluster, script, log, violated }, () => ++lastConnection))
  for (const broker of brokers) {
    await broker.start()
    ports.push(broker.port)
  }
  const numbered = (number: number): Broker => {
    const broker = brokers[number]
    if (broker === undefined) throw new Error(`the broker double has no broker ${number}`)
    return broker
  }
  return {
    brokers: ports.map(port => `127.0.0.1:${port}`),
    get requests () { return log.all },
    violations,
    records: name => (topics.named(name)?.partitions ?? []).flatMap(({ index, log }) =>
      log.records().map(record => asStored(name, index, record))),
    script: ({ times = 1, ...match }, fault) => script.add(match, fault, times),
    seen: (match, count = 1) => log.seen(match, count),
    createTopic: (name, one = {}) => { topics.create(name, one) },
    deleteTopic: name => { topics.delete(name) },
    moveLeader: (topic, index, to) => {
      const partition = topics.partition(topic, index)
      partition.leader = to
      partition.leaderEpoch++
    },
    leaderOf: (topic, index) => topics.partition(topic, index).leader,
    forgetProducers: (topic, index) => { topics.partition(topic, index).log.forgetProducers() },
    takeDown: broker => numbered(broker).stop(),
    bringUp: broker => numbered(broker).start(),
    cut: broker => { numbered(broker).cut() },
    silence: broker => { numbered(broker).silence() },
    freeze: broker => { numbered(broker).freeze() },
    thaw: broker => { numbered(broker).thaw() },
    connectionCount: broker => numbered(broker).connectionCount,
    stop: async () => { await Promise.all(brokers.map(broker => broker.stop())) }
  }
}
